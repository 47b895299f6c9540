"""Texts by language, and translation pairs, read from Hub datasets or from a mirror of them."""

import difflib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xbench.data.quiet import quiet
from xbench.pretrain.settings import BadCorpus


@dataclass(frozen=True, slots=True)
class Corpus:
    """What an encoder is pre-trained on."""

    texts: Mapping[str, Sequence[str]]
    """Language -> its texts."""
    pairs: Mapping[tuple[str, str], Sequence[tuple[str, str]]] = field(default_factory=dict)
    """(language, language) -> sentences with their translations."""

    def sizes(self) -> dict[str, int]:
        """Number of texts by language, and of pairs by `language-language`."""
        return {
            **{language: len(texts) for language, texts in self.texts.items()},
            **{"-".join(both): len(pairs) for both, pairs in self.pairs.items()},
        }


def read_corpus(data: Path | None, texts: Sequence[str], pairs: Sequence[str]) -> Corpus:
    """Read a corpus from Hub datasets, or from a mirror where `data/owner/name` are such repositories.

    A spec of `texts` is `REPO:CONFIG:SPLIT:COLUMN`: CONFIG `*` reads every config, each a language; COLUMN `*` or
    `de,fr` reads several columns, each a language; both at once, or neither, name the language by the config.
    A spec of `pairs` is `REPO:CONFIG:SPLIT:COLUMN,COLUMN`: CONFIG `*` reads every config, whose name stands for the
    second column; `COLUMN,*` pairs the first column with each of the others. Empty texts are left out. BadCorpus where
    a spec, repository, config, split or column is wrong; it says what exists.
    """
    by_language: dict[str, list[str]] = {}
    by_pair: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for spec in texts:
        for language, found in _texts(data, spec):
            by_language.setdefault(language, []).extend(found)
    for spec in pairs:
        for both, translated in _pairs(data, spec):
            by_pair.setdefault(both, []).extend(translated)
    if not any(by_language.values()) and not any(by_pair.values()):
        raise BadCorpus("there is no text to pre-train on: name at least one REPO:CONFIG:SPLIT:COLUMN")
    return Corpus(by_language, by_pair)


def _texts(data: Path | None, spec: str) -> Iterator[tuple[str, list[str]]]:
    """(language, texts) of one spec."""
    repo, config, split, column = _parts(spec)
    for name in _configs(data, repo, config):
        rows = _rows(data, repo, name, split)
        columns = _columns(rows, column, spec)
        several = len(columns) > 1 or "," in column or column == "*"
        for each in columns:
            language = each if several and config != "*" else name
            yield language, [text for text in rows[each] if isinstance(text, str) and text.strip()]


def _pairs(data: Path | None, spec: str) -> Iterator[tuple[tuple[str, str], list[tuple[str, str]]]]:
    """((language, language), pairs) of one spec."""
    repo, config, split, column = _parts(spec)
    first, comma, second = column.partition(",")
    if not comma or "," in second:
        raise BadCorpus(f"{spec!r}: a pair needs two columns, as in REPO:CONFIG:SPLIT:en,de or REPO:CONFIG:SPLIT:en,*")
    for name in _configs(data, repo, config):
        rows = _rows(data, repo, name, split)
        (first,) = _columns(rows, first, spec)
        for other in _columns(rows, second, spec):
            if other != first:
                both = (first, name if config == "*" else other)
                yield both, [(a, b) for a, b in zip(rows[first], rows[other], strict=True) if _said(a) and _said(b)]


def _said(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _parts(spec: str) -> tuple[str, str, str, str]:
    """Repository, config, split and column of a spec."""
    parts = spec.split(":")
    if len(parts) != 4 or not all(parts):
        raise BadCorpus(f"{spec!r} does not read REPO:CONFIG:SPLIT:COLUMN")
    return parts[0], parts[1], parts[2], parts[3]


def _place(data: Path | None, repo: str) -> str:
    """The folder of a repository in the mirror, or its name on the Hub."""
    if data is None:
        return repo
    folder = data / repo
    if not folder.is_dir():
        known = sorted(f"{path.parent.name}/{path.name}" for path in data.glob("*/*") if path.is_dir())
        raise BadCorpus(f"no repository {repo!r} in {data}{_exist(repo, known)}")
    return str(folder)


def _configs(data: Path | None, repo: str, config: str) -> list[str]:
    """The configs that are meant: one, or all of them."""
    from datasets import get_dataset_config_names

    try:
        known = list(get_dataset_config_names(_place(data, repo)))
    except BadCorpus:
        raise
    except Exception as error:  # datasets raises its own, huggingface_hub's, pyarrow's and the system's errors here
        raise BadCorpus(f"the configs of {repo!r} cannot be read: {error}") from error
    if config == "*":
        return known
    if config not in known:
        raise BadCorpus(f"{repo!r} has no config {config!r}{_exist(config, known)}")
    return [config]


def _rows(data: Path | None, repo: str, config: str, split: str) -> Any:
    """The rows of a split; `rows[column]` are a column's values."""
    from datasets import get_dataset_split_names, load_dataset, utils

    place = _place(data, repo)
    try:
        known = list(get_dataset_split_names(place, config))
        if split not in known:
            raise BadCorpus(f"{repo!r}, config {config!r}, has no split {split!r}{_exist(split, known)}")
        if data is None:
            return load_dataset(place, config, split=split)
        # datasets finds what it read before by the folder's name and files' names: a mirror that was made anew would be
        # read as it once was. So nothing is kept from it.
        with quiet(utils), tempfile.TemporaryDirectory(prefix="xbench-") as cache:
            return load_dataset(place, config, split=split, cache_dir=cache, keep_in_memory=True)
    except BadCorpus:
        raise
    except Exception as error:  # as above
        raise BadCorpus(f"{repo!r}, config {config!r}, split {split!r} cannot be read: {error}") from error


def _columns(rows: Any, column: str, spec: str) -> list[str]:
    """The columns that are meant: those named, or all that hold text."""
    from datasets import Value

    textual = [name for name, kind in rows.features.items() if isinstance(kind, Value) and "string" in kind.dtype]
    if column == "*":
        return textual
    wanted = column.split(",")
    for name in wanted:
        if name not in textual:
            raise BadCorpus(f"{spec!r}: no column of text {name!r}{_exist(name, textual)}")
    return wanted


def _exist(name: str, known: Iterable[str]) -> str:
    """What is near to a name that is not there, and what there is."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    meant = f"; did you mean {' or '.join(near)}?" if near else "."
    return f"{meant} There are: {', '.join(names[:40]) or 'none'}{' …' if len(names) > 40 else ''}."
