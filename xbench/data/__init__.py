"""Rows of a task in a language, from the Hub or from a mirror, checked before anything learns from them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xbench.data import check
from xbench.data.place import Place, commit, fetch, place
from xbench.data.table import table
from xbench.errors import LacksLanguage, LacksSplit, NoGold, NoSuchData
from xbench.record import DataUsed
from xbench.task import Example, Row, Source, Span, Task

__all__ = ["Rows", "available", "rows", "scored_split"]

READ_ERRORS = (KeyError, TypeError, IndexError, AttributeError, ValueError)
"""What a task's `read` raises on a row that is not what it expects."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What one split of one language holds, as the task reads it, in the order of the data set."""

    ids: tuple[str, ...]
    """Unique: the task's id column, or the row's number in the split."""
    examples: tuple[Example, ...]
    """A `Span` has a start of -1 for an answer that does not stand in its context: scored, but not to be trained on."""
    used: DataUsed


@dataclass(frozen=True, slots=True)
class _Split:
    """One split of one language of a task, and where its files lie."""

    task: Task
    source: Source
    language: str
    name: str
    where: Place
    config: str
    files: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.task.name}, {self.language}/{self.name} ({self.where})"


def rows(
    task: Task,
    source: Source,
    language: str,
    split: str,
    *,
    data: Path | None = None,
    read: Callable[[Row], Example] | None = None,
    limit: int = 0,
    labels_needed: bool = True,
) -> Rows:
    """Read one split of one language, and check it.

    Args:
        task: Whose rows these are; its labels and its kind are what the rows are checked against.
        source: `task.data`, or `task.training`.
        language: In the task's codes; each row is told it as `language`, unless the set has a column of that name.
        split: The data set's own name of the split.
        data: Folder of a mirror; None = where the source says the rows come from.
        read: How a row is read, where the task does not say it.
        limit: Take the first rows only; 0 = all.
        labels_needed: Whether gold is asked for and checked.

    Raises:
        DataError: One of its kinds; LacksLanguage and LacksSplit are what becomes a Missing cell.
    """
    asked = _find(task, source, language, split, data)
    reader = read or (task.train_read if source == task.train_data and task.train_read else task.read)
    ids, examples, repeated = _collect(asked, reader, limit)
    if not examples:
        raise _lacks_rows(asked)
    if labels_needed:
        check.gold(task, str(asked), examples)
        _refuse_placeholder(asked, reader, examples, whole=not limit or len(examples) < limit)
    return Rows(tuple(ids), tuple(examples), _used(asked, ids, examples, repeated))


def available(source: Source, *, data: Path | None = None) -> Mapping[str, tuple[str, ...]]:
    """Configuration -> splits that can be read: of a mirror what is in it, of the Hub what its README lists."""
    return {config: tuple(splits) for config, splits in place(source, data).layout.items()}


def scored_split(task: Task, language: str, *, data: Path | None = None) -> str:
    """The split that is scored: the test split, or the dev split where a partial mirror holds only that.

    Raises LacksLanguage or LacksSplit where `rows` would; of data that is not on this machine it downloads nothing but
    the README, unless one configuration holds several languages.
    """
    where = place(task.data, data)
    splits = _splits(task, task.data, where, language)
    wanted = [split for split in (task.data.test, task.data.dev) if split]
    for split in wanted:
        if split in splits:
            if task.data.keep:
                asked = _find(task, task.data, language, split, data)
                if next(_kept(asked, 0), None) is None:
                    raise _lacks_rows(asked)
            return split
    raise _lacks_split(task, where, language, " or ".join(wanted), splits)


def _find(task: Task, source: Source, language: str, split: str, data: Path | None) -> _Split:
    where = place(source, data)
    splits = _splits(task, source, where, language)
    if split not in splits:
        raise _lacks_split(task, where, language, split, splits)
    return _Split(task, source, language, split, where, source.config_of(language), splits[split])


def _splits(task: Task, source: Source, where: Place, language: str) -> Mapping[str, tuple[str, ...]]:
    """Split -> files of a language; says which languages there are where it is not among them."""
    config = source.config_of(language)
    if config in where.layout:
        return where.layout[config]
    if where.unreachable:
        raise NoSuchData(f"{where} could not be reached, and its cache lacks {config} ({where.unreachable})")
    there = [code for code in dict.fromkeys((*task.targets, task.source)) if source.config_of(code) in where.layout]
    listed = f"languages {_listed(there)}" if there else f"configurations {_listed(sorted(where.layout))}"
    raise LacksLanguage(f"{task.name}: {where} has no {language} (configuration {config!r}). It has the {listed}")


def _listed(names: list[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")


def _lacks_split(task: Task, where: Place, language: str, split: str, splits: Mapping[str, Any]) -> Exception:
    if where.unreachable:
        return NoSuchData(f"{where} could not be reached, and its cache lacks {language}/{split} ({where.unreachable})")
    return LacksSplit(f"{task.name}: {where} has no split {split} of {language}. It has: {', '.join(sorted(splits))}")


def _lacks_rows(asked: _Split) -> Exception:
    if asked.source.keep:
        return LacksLanguage(f"{asked}: no row is of {asked.language}")
    return LacksSplit(f"{asked}: no rows")


def _kept(asked: _Split, limit: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of the language with their numbers in the split; each is told its language."""
    keep = asked.source.keep
    files = fetch(asked.where, asked.files)
    shared = keep is not None
    raw = table(asked.where, asked.config, files, limit=0 if shared else limit, shared=shared)
    for number, row in enumerate(raw):
        row.setdefault("language", asked.language)
        if keep is None or keep(row, asked.language):
            yield number, row


def _collect(asked: _Split, read: Callable[[Row], Example], limit: int) -> tuple[list[str], list[Example], int]:
    """Read rows up to the limit; gives their ids, the examples, and how many ids had stood before."""
    ids: dict[str, None] = {}
    examples: list[Example] = []
    repeated = 0
    column = asked.task.id if asked.source == asked.task.data else ""
    for number, row in _kept(asked, limit):
        try:
            example = read(row)
            name = str(row[column]) if column else str(number)
        except READ_ERRORS as error:
            problem = f"the task's read failed with {type(error).__name__}: {error}"
            raise check.columns(str(asked), number, row, problem) from error
        if wrong := check.shape(asked.task, example):
            raise check.columns(str(asked), number, row, wrong)
        if name in ids:
            repeated += 1
            name = _again(name, ids)
        ids[name] = None
        examples.append(check.found(example) if isinstance(example, Span) else example)
        if limit and len(examples) == limit:
            break
    return list(ids), examples, repeated


def _again(name: str, ids: Mapping[str, None]) -> str:
    """The first of `name#2`, `name#3`, … that is free."""
    again = 2
    while f"{name}#{again}" in ids:
        again += 1
    return f"{name}#{again}"


def _refuse_placeholder(asked: _Split, read: Callable[[Row], Example], examples: list[Example], *, whole: bool) -> None:
    """Refuse a split that was filled with one label. A few first rows prove nothing: then the others are read too."""
    if not check.constant(asked.task, examples):
        return
    if not whole:
        examples = _collect(asked, read, 0)[1]
    label = check.constant(asked.task, examples)
    if label and len(examples) >= check.PLACEHOLDER_ROWS:
        raise NoGold(
            f"{asked}: all {len(examples)} rows have the gold {label!r}, though the task has several labels. This is a "
            "placeholder for labels that were not published; take a copy that has them"
        )


def _used(asked: _Split, ids: list[str], examples: list[Example], repeated: int) -> DataUsed:
    return DataUsed(
        repo=asked.source.repo,
        revision=commit(asked.where, asked.files),
        config=asked.config,
        split=asked.name,
        rows=len(examples),
        fingerprint=_fingerprint(ids, examples),
        empty=sum(check.empty(example) for example in examples),
        duplicates=repeated,
    )


def _fingerprint(ids: list[str], examples: list[Example]) -> str:
    """SHA-256 over ids and examples as canonical JSON, a line each."""
    digest = hashlib.sha256()
    for name, example in zip(ids, examples, strict=True):
        fields = [type(example).__name__, name, *(getattr(example, field) for field in example.__dataclass_fields__)]
        digest.update(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
    return digest.hexdigest()
