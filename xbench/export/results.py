"""What every outside format asks of a board: one fine-tuned encoder on one task, with its scores and their origin.

What is said of a result says how it came about: a fine-tuned encoder must not pass for the bare checkpoint.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pandas as pd

from xbench import catalogue, store
from xbench.board import EXACT, Board
from xbench.board.table import Cell, Column, columns_of, sharpened
from xbench.errors import UnknownName, XbenchError
from xbench.export.escaping import plain
from xbench.metrics.named import installed
from xbench.record import DataUsed, Record, Run, parts
from xbench.uncertainty import over_seeds

COMMIT = re.compile(r"[0-9a-f]{40}")

MADE = "made"
"""What records say in place of a commit of rows that were made by a program, such as the mini suite's."""

FROM_COUNTS = "closed form over examples, and over seeds where there are several, from per-example counts"
FROM_INTERVAL = "half the width of the 95 % interval over 1.96"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One metric in one language."""

    language: str
    metric: str
    title: str
    rules: str
    """What of the metric must be known to compare, as the records say."""
    lower_is_better: bool
    cell: Cell
    standard_error: float
    method: str
    """Where the standard error comes from."""
    data: DataUsed | None
    """Rows that were scored; None where the records do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One column of a board: an encoder by a recipe on a source, with everything that was scored."""

    column: Column
    task: str
    kind: str
    """pairs, tags, …; empty where the task is not registered here."""
    metric: str
    """The metric that ranks."""
    results: tuple[Result, ...]
    """Language by language, the metric that ranks first."""
    first: Record
    """The record of the first seed, for what all of them share."""
    seeds: tuple[int, ...]
    ended: str
    """When the last run ended, as its record says."""
    score_seconds: float
    """What scoring took, all seeds together."""
    mark: str = ""
    """Tells it from columns of the same names; empty where there are none."""

    @property
    def fine_tuned(self) -> bool:
        """Whether anything was trained; sentence retrieval takes a checkpoint as it is."""
        return self.first.provenance.train is not None or self.column.rule != "none"

    @property
    def hub(self) -> str:
        """The checkpoint on the Hub that it began with; empty for a folder, whose path is nobody's business."""
        origin = self.first.provenance
        on_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", origin.checkpoint, re.ASCII)
        return origin.checkpoint if on_hub and COMMIT.fullmatch(origin.checkpoint_revision) else ""

    @property
    def place(self) -> tuple[str, str, str]:
        """Task, encoder, and recipe with source, as parts of a path that stay where they are put."""
        run = Run(self.task, self.column.encoder, self.column.recipe, self.column.source, 0)
        task, encoder, file = store.path_of(Path(), run).parts
        return task, encoder, file.removesuffix("-s0.json") + self.mark

    @property
    def name(self) -> str:
        """The encoder under a name that says how it was made."""
        column = self.column
        how = f"fine-tuned on {self.task} in {column.source} by recipe {column.recipe}"
        return plain(f"{column.encoder}, {how if self.fine_tuned else f'not fine-tuned, recipe {column.recipe}'}")

    @property
    def setting(self) -> str:
        """One line about how the numbers came about."""
        zero_shot = "zero-shot cross-lingual transfer: no label of a target language was read"
        how = (
            f"{self.name}; {zero_shot}; checkpoint chosen by {self.column.rule}; not the bare checkpoint"
            if self.fine_tuned
            else f"{self.name}; sentence vectors of the checkpoint as it is"
        )
        named = "seed" if len(self.seeds) == 1 else "mean of seeds"
        return plain(f"{how}; {named} {', '.join(map(str, self.seeds))}; xbench {self.first.provenance.xbench}")

    @property
    def date(self) -> datetime | None:
        """When the last run ended, in UTC; None where its record says no time."""
        return instant(self.ended)


def instant(text: str) -> datetime | None:
    """A time as records write it, in UTC; None where it is none."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def gathered(
    board: Board, tasks: Sequence[str] = (), encoders: Sequence[str] = ()
) -> tuple[tuple[Transfer, ...], tuple[str, ...]]:
    """Every zero-shot column that is asked for, and notes on what is left out or incomplete.

    Raises UnknownName where a task or an encoder is not on the board, BadRecord where a record changed meanwhile.
    """
    for what, wanted, there in (("task", tasks, board.tasks()), ("encoder", encoders, set(board.runs["encoder"]))):
        for name in wanted:
            if name not in there:
                raise UnknownName(f"{what} on this board:", name, there)
    found: list[Transfer] = []
    notes = [f"refused {reject.file}: {reject.why}" for reject in board.rejects] + list(board.notes)
    frame = board.frame()
    for task in tasks or board.tasks():
        mine = frame[frame["task"] == task]
        columns = columns_of(mine[mine["headline"]])
        asked = dict.fromkeys(language for column in columns for language in column.cells)
        marks = _marks(columns)
        for column, mark in zip(columns, marks, strict=True):
            if encoders and column.encoder not in encoders:
                continue
            said = f"{task} · {column.encoder} · {column.recipe}-{column.source}"
            if not column.zero_shot:
                notes.append(f"{said}: left out, as {column.rule} read labels of target languages")
                continue
            if lacking := [language for language in asked if language not in column.cells]:
                notes.append(f"{said}: incomplete, without {', '.join(lacking)}")
            found.append(_transfer(board, mine, task, column, mark, notes))
    return tuple(found), tuple(map(plain, notes))


def _marks(columns: Sequence[Column]) -> list[str]:
    """For each column what tells it from others of the same names: a piece of a hash of what differs, or nothing."""
    names = [(column.encoder, column.recipe, column.source) for column in columns]
    differs = [(column.comparable, column.signature, column.rule, column.weights) for column in columns]
    return [
        f"-{sha256('|'.join(map(str, told)).encode()).hexdigest()[:8]}" if names.count(name) > 1 else ""
        for told, name in zip(differs, names, strict=True)
    ]


def _transfer(board: Board, frame: pd.DataFrame, task: str, column: Column, mark: str, notes: list[str]) -> Transfer:
    records = [board.record(run) for run in column.runs]
    first = records[0]
    data = {language: used for record in reversed(records) for language, used in record.provenance.test.items()}
    rules = {metric: said for record in reversed(records) for metric, said in record.metrics.items()}
    metric = parts(column.signature).get("metric", "")
    own = frame[frame["run"].isin(column.runs) & (frame["split"] == column.split)]
    metrics = dict.fromkeys((metric, *map(str, own["metric"].drop_duplicates())))
    by_metric = [
        _results(board, own[own["metric"] == name], name, ranks=name == metric, data=data, rules=rules, notes=notes)
        for name in metrics
    ]
    results = [of_one[language] for language in column.cells for of_one in by_metric if language in of_one]
    return Transfer(
        column=column, task=task, kind=_kind(task), metric=metric, results=tuple(results), first=first,
        seeds=tuple(dict.fromkeys(record.run.seed for record in records)), mark=mark,
        ended=max((record.provenance.ended for record in records), key=lambda text: (str(instant(text) or ""), text)),
        score_seconds=sum(record.cost.score_seconds for record in records),
    )  # fmt: skip


def _results(
    board: Board, frame: pd.DataFrame, metric: str, *,
    ranks: bool, data: Mapping[str, DataUsed], rules: Mapping[str, str], notes: list[str],
) -> dict[str, Result]:  # fmt: skip
    """Language -> one metric of a column; nothing where nobody here knows whether more of it is better."""
    try:
        known = installed(metric)
    except XbenchError:
        known = None
    if known is None and not ranks:
        notes.append(f"metric {metric}: left out, as it is not installed here and nothing says whether more is better")
        return {}
    found: dict[str, Result] = {}
    for column in columns_of(frame):
        cells = board.cells(column, metric) if len(board.runs) <= EXACT else None
        for language, cell in (sharpened(column, cells) if cells else column).cells.items():
            error, method = cell.error, FROM_INTERVAL
            if cells and language in cells.influences:
                error, method = over_seeds(cells.influences[language]).standard_error, FROM_COUNTS
            found[language] = Result(
                language=language, metric=metric, title=plain(known.title if known else metric),
                rules=plain(rules.get(metric, known.detail if known else "")),
                lower_is_better=known is not None and known.better == "lower",
                cell=cell, standard_error=error, method=method, data=data.get(language),
            )  # fmt: skip
    return found


def _kind(task: str) -> str:
    """The kind of a registered task; names in records are untrusted, so nothing else is opened."""
    try:
        return catalogue.tasks.open(task).kind if task in catalogue.tasks.names() else ""
    except XbenchError:
        return ""


def on_hub(data: DataUsed | None) -> bool:
    """Whether these rows lie in a data set of the Hub, and were not made here."""
    return data is not None and data.revision != MADE


def commit(data: DataUsed | None) -> str | None:
    """The commit that the rows were read at; None where the records do not tell, as of a mirror without one."""
    return data.revision if data and COMMIT.fullmatch(data.revision) else None
