"""What papers print for encoders and tasks that are run here too, and how far our runs lie from it.

    <folder>/<task>.json     results of one task, values in percent as their source prints them

Printed numbers come without intervals, from other recipes, other rules of selection, now and then other rows. They
stand beside a board's table, never in it: they have no column, no rank, and no share in what is compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from xbench import catalogue, strict
from xbench.board import Board, Column, Table
from xbench.board.table import columns_of
from xbench.errors import BadRecord, StoreError
from xbench.influence import Cells
from xbench.uncertainty import contrast

SCHEMA = "xbench.published/1"

FOLDER = Path("leaderboards/published")
"""Where a checkout of xbench keeps them."""

LARGEST = 2 * 2**20
"""Bytes of the largest file that is read."""

Selection = Literal["none", "source-dev", "last", "joint-dev", "target-dev", "not-stated"]

SELECTIONS: Mapping[str, str] = {
    "none": "nothing to choose",
    "source-dev": "chosen on the source's dev split",
    "last": "last checkpoint",
    "joint-dev": "chosen on the dev splits of all languages together: target labels were read",
    "target-dev": "chosen for each language on its own dev split: target labels were read",
    "not-stated": "not stated",
}
"""How a checkpoint was chosen, in words."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One row of a printed table: an encoder in the languages of a task, by one metric."""

    __pydantic_config__ = _STRICT

    task: str = ""
    """Ours; in a file it stands once, above the results."""
    encoder: str
    """In its source's words, or plainer ones where those would not tell which of several it is."""
    registered: str = ""
    """Name of the card of the same checkpoint; empty = there is none, or nobody can be sure."""
    metric: str
    """The name of our metric that counts the same way."""
    values: Mapping[str, float]
    """The task's code of a language -> score: 0..1; in a file percent, with the digits that were printed."""
    average: float | None = None
    """As printed, scaled as `values`; None = none was printed."""
    averaged: tuple[str, ...] = ()
    """Languages that the printed average is over."""
    seeds: int | None = None
    """Fine-tunings whose mean was printed; None = not stated."""
    deviation: Mapping[str, float] = field(default_factory=dict)
    """Standard deviation over the seeds by language, where given; scaled as `values`."""
    deviation_of_average: float | None = None
    trained_on: str
    """The language that it was fine-tuned on; empty = nothing was trained."""
    selection: Selection
    protocol: str
    """How it was trained and scored, as far as the source says."""
    misprinted: Mapping[str, str] = field(default_factory=dict)
    """Language -> why the printed value cannot be right. It is kept as printed, and taken into no difference."""
    differs: tuple[str, ...] = ()
    """What is known to differ from our task, whatever the recipe: other rows, another scorer."""
    source: str
    """Paper and table, or repository, commit and path."""
    provenance: Literal["primary", "secondary", "reproduction"]
    """By the encoder's or the run's own authors, quoted by others, or run again by others."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    __pydantic_config__ = _STRICT

    schema: Literal["xbench.published/1"]
    task: str
    beyond: tuple[str, ...]
    """Languages of the results that our task does not have."""
    results: tuple[Published, ...]


_file = TypeAdapter(_File)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Ours less what is printed, -1..1."""

    value: float
    low: float
    high: float
    """Our 95 % interval, moved over: the printed figure comes without one, so the true interval is wider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One of our columns against one printed row of the same encoder."""

    published: Published
    column: Column
    cells: Mapping[str, Difference]
    """Language -> difference, in every language that both have."""
    mean: Difference
    """Over the languages of `cells`, the source among them where both have it, as papers average."""
    differences: tuple[str, ...]
    """Why the two need not agree: what is known to differ between the protocols, or is not known to be the same."""


def load_published(folder: str | Path = FOLDER) -> tuple[Published, ...]:
    """Every result of a folder's files, by file and in their order.

    Raises StoreError where the folder is not there or holds no file, BadRecord for a file that cannot be trusted.
    """
    folder = Path(folder)
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise StoreError(
            f"no published results in {folder}. They come with a checkout of xbench, in {FOLDER}; "
            "give their folder with --published-from DIR."
        )
    return tuple(result for file in files for result in read(file))


def read(path: Path) -> tuple[Published, ...]:
    """Read one file. It is untrusted: size, shape, texts and numbers are checked, nothing in it is executed.

    Raises BadRecord: not a plain file, too large, not JSON, doubled keys, unknown keys, out of range.
    """
    try:
        if path.is_symlink() or not path.is_file():
            raise BadRecord(f"{path} is not a plain file")
        if path.stat().st_size > LARGEST:
            raise BadRecord(f"{path} is larger than {LARGEST // 2**20} MiB; published results of a task are not")
        raw = path.read_bytes()
    except OSError as cause:
        raise BadRecord(f"{path} cannot be read: {cause.strerror or cause}") from cause
    try:
        tree = strict.loads(raw)
    except (ValueError, RecursionError) as cause:
        raise BadRecord(f"{path} is not JSON that can be trusted: {cause}") from cause
    schema = tree.get("schema") if isinstance(tree, dict) else None
    if schema != SCHEMA:
        raise BadRecord(f"{path} has schema {schema!r}; published results have {SCHEMA!r}")
    try:
        file = _file.validate_json(raw, strict=True)
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BadRecord(f"{path}: {where!r}: {first['msg']} ({cause.error_count()} faults)") from cause
    return tuple(_checked(path, file.task, result) for result in file.results)


def _checked(path: Path, task: str, result: Published) -> Published:
    """A result as it is used: 0..1, its task named. Raises BadRecord."""
    where = f"{path}: {result.encoder!r} by {result.metric!r}"
    texts = (
        task, result.encoder, result.registered, result.metric, result.trained_on, result.protocol, result.source,
        result.note, *result.values, *result.averaged, *result.deviation, *result.misprinted,
        *result.misprinted.values(), *result.differs,
    )  # fmt: skip
    if odd := [text for text in texts if not text.isprintable()]:
        raise BadRecord(f"{where}: {odd[0]!r} has characters that cannot be printed")
    single = [number for number in (result.average, result.deviation_of_average) if number is not None]
    for number in chain(result.values.values(), result.deviation.values(), single):
        if not (isfinite(number) and 0 <= number <= 100):
            raise BadRecord(f"{where}: {number} is out of range; values are percent, 0 to 100")
    if strange := sorted({*result.averaged, *result.deviation, *result.misprinted} - set(result.values)):
        raise BadRecord(f"{where}: no value in {', '.join(strange)}, though an average, deviation or misprint names it")
    if not result.values or (result.seeds is not None and result.seeds < 1):
        raise BadRecord(f"{where}: it has no values, or fewer seeds than one")
    return replace(
        result, task=task, values=_shares(result.values), average=_share(result.average),
        deviation=_shares(result.deviation), deviation_of_average=_share(result.deviation_of_average),
    )  # fmt: skip


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _shares(percent: Mapping[str, float]) -> dict[str, float]:
    return {language: value / 100 for language, value in percent.items()}


def beside(table: Table, published: Sequence[Published]) -> tuple[Published, ...]:
    """The results that were printed for a table's task in its metric."""
    return tuple(one for one in published if (one.task, one.metric) == (table.task, table.metric))


def in_metric(board: Board, table: Table, metric: str) -> Table:
    """A table's columns in another of their recorded metrics, by the records' own intervals; nothing is ranked."""
    frame = board.frame()
    found = columns_of(frame[(frame["task"] == table.task) & (frame["metric"] == metric)])
    kept = {run for column in table.columns for run in column.runs}
    return replace(table, metric=metric, columns=tuple(column for column in found if kept.issuperset(column.runs)))


def reproduction(board: Board, table: Table, published: Sequence[Published]) -> tuple[Gap, ...]:
    """Every printed row of an encoder that the table has too, against each of that encoder's columns.

    An encoder is the same by its name, or where its runs opened the checkpoint of the registered card. Rows that were
    fine-tuned on another language are no reproduction.
    """
    gaps = []
    for one in beside(table, published):
        for column in table.columns:
            checkpoints = {str(board.runs["checkpoint"].iloc[run]) for run in column.runs}
            card = _checkpoint(one.registered)
            same = one.registered and (column.encoder == one.registered or (card and checkpoints == {card}))
            if not same or one.trained_on not in ("", column.source):
                continue
            cells = {
                language: _moved(cell.value, cell.low, cell.high, one.values[language])
                for language, cell in column.cells.items()
                if language in one.values and language not in one.misprinted
            }
            if cells:
                mean = _of_mean(table, column, one, tuple(cells), board.cells(column, table.metric))
                reasons = _reasons(column, one, tuple(cells), sorted(checkpoints - {card}))
                gaps.append(Gap(published=one, column=column, cells=cells, mean=mean, differences=reasons))
    return tuple(gaps)


def _checkpoint(registered: str) -> str:
    """The checkpoint of a registered encoder; empty where there is none. Only a name is opened, never a path."""
    return catalogue.encoders.open(registered).checkpoint if registered in catalogue.encoders.names() else ""


def _moved(value: float, low: float, high: float, printed: float) -> Difference:
    return Difference(value=value - printed, low=low - printed, high=high - printed)


def _of_mean(
    table: Table, column: Column, one: Published, languages: tuple[str, ...], cells: Cells | None
) -> Difference:
    """Ours less printed in the mean of languages: by the counts, else as if all languages always erred together."""
    printed = sum(one.values[language] for language in languages) / len(languages)
    ours = [column.cells[language] for language in languages]
    if cells and all(language in cells.influences for language in languages):
        weights = dict.fromkeys(languages, 1 / len(languages))
        estimate = contrast(cells, weights, paired=table.paired)
        return _moved(estimate.value, estimate.low, estimate.high, printed)
    value, low, high = (sum(getattr(cell, end) for cell in ours) / len(ours) for end in ("value", "low", "high"))
    return _moved(value, low, high, printed)


def _reasons(column: Column, one: Published, languages: tuple[str, ...], elsewhere: Sequence[str]) -> tuple[str, ...]:
    """Why a column and a printed row need not agree."""
    seeds = sorted({column.cells[language].seeds for language in languages})
    n = sorted(column.cells[language].n for language in languages)
    selected = (SELECTIONS.get(column.rule, column.rule), SELECTIONS[one.selection])
    reasons = [
        f"selection: {selected[0]} here, {selected[1]} there" if column.rule != one.selection else "",
        f"recipe: {column.recipe} here; {one.protocol} there",
        f"seeds: {'/'.join(map(str, seeds))} here, {one.seeds or 'not stated'} there" if seeds != [one.seeds] else "",
        f"examples: {n[0]} here" if n[0] == n[-1] else f"examples: {n[0]} to {n[-1]} a language here",
        *one.differs,
        f"checkpoint: {', '.join(elsewhere)} here" if elsewhere else "",
        f"collapsed here: seed {', '.join(map(str, column.collapsed))}" if column.collapsed else "",
        f"test rows here are not those of most runs: {column.other_rows}" if column.other_rows else "",
        *(f"{language} is left out: {why}" for language, why in one.misprinted.items() if language in column.cells),
    ]
    return tuple(reason for reason in reasons if reason)
