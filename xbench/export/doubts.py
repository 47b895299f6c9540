"""What is thin or wrong on a board, as rows: what is missing, collapsed, unlike, unreadable, unanswered, refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xbench.board import EXACT, Board
from xbench.errors import BadRecord
from xbench.export.view import Entry, Shown

MOST = EXACT
"""Runs up to which every record and its counts are opened."""

Unanswered = Mapping[int, Mapping[str, int]] | None
"""Run -> language -> gold examples without a prediction; None on boards too large to read every record again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One thing to know about one encoder in one task."""

    task: str
    encoder: str
    """Empty where it is about all of them."""
    recipe: str
    """Recipe and source; empty where it is about all of them."""
    told: str
    language: str = ""
    """Empty where it is about all of them."""
    count: int = 0
    """How many runs, seeds or examples it is about."""
    of: int = 0
    """Of how many; 0 where nobody counts."""


def missing(several: Sequence[Shown]) -> tuple[Doubt, ...]:
    """Every cell that was asked for and is not there, with its reason."""
    found = []
    for one in several:
        found += [
            Doubt(task=one.table.task, encoder="", recipe="", language=language, told=why)
            for language, why in one.table.missing.items()
        ]
        for entry in one.entries:
            lacks = [code for code in one.table.languages if code not in entry.column.cells]
            found += [
                _doubt(one, entry, entry.missing.get(code, "never asked for"), language=code)
                for code in lacks
                if code not in one.table.missing
            ]
    return tuple(found)


def collapsed(several: Sequence[Shown]) -> tuple[Doubt, ...]:
    """Encoders of which runs collapsed: how many of how many."""
    return tuple(
        _doubt(one, entry, f"seeds {', '.join(map(str, lost))}", count=len(lost), of=entry.column.seeds)
        for one, entry in _entries(several)
        if (lost := entry.column.collapsed)
    )


def single_seed(several: Sequence[Shown]) -> tuple[Doubt, ...]:
    """Encoders with one seed in some language: their intervals are given this seed."""
    found = []
    for one, entry in _entries(several):
        cells = entry.column.cells.values()
        single = sum(cell.seeds == 1 for cell in cells)
        if single:
            found.append(_doubt(one, entry, "languages with one seed", count=single, of=len(cells)))
    return tuple(found)


def other_rows(several: Sequence[Shown]) -> tuple[Doubt, ...]:
    """Encoders that were scored on other test rows than most, or that may not be compared for another reason."""
    found = []
    for one, entry in _entries(several):
        differs = one.groups.get(entry.group, ())
        told = [*differs, *([] if entry.column.zero_shot else [f"not zero-shot: {entry.column.rule}"])]
        if told:
            found.append(_doubt(one, entry, "; ".join(told)))
    return tuple(found)


def without_counts(board: Board, several: Sequence[Shown]) -> tuple[Doubt, ...]:
    """Encoders whose counts cannot be read, so that intervals of means and paired ranks are not to be had.

    On boards of more than MOST runs none are read, and nothing is said.
    """
    if len(board.runs) > MOST:
        return ()
    found = []
    for one, entry in _entries(several):
        cells, runs = board.cells(entry.column, one.table.metric), len(entry.column.runs)
        if cells is None:
            why = "counts are not at hand, or its seeds had different items"
            found.append(_doubt(one, entry, why, count=runs))
        elif lacks := [code for code in entry.column.cells if code not in cells.influences]:
            found.append(_doubt(one, entry, f"counts lack {', '.join(lacks)}", count=runs))
    return tuple(found)


def unanswered(board: Board) -> Unanswered:
    """What was not answered, which counts as wrong; None on boards of more than MOST runs."""
    if len(board.runs) > MOST:
        return None
    found: dict[int, Mapping[str, int]] = {}
    for run in range(len(board.runs)):
        try:
            told = board.record(run).unanswered
        except BadRecord:  # changed since the board was read; the next look refuses it
            continue
        if told:
            found[run] = told
    return found


def unanswered_of(board: Board, lost: Mapping[int, Mapping[str, int]]) -> tuple[Doubt, ...]:
    """The same by encoder and language, one line for each run."""
    rows = board.runs
    return tuple(
        Doubt(
            task=str(rows["task"].iloc[run]), encoder=str(rows["encoder"].iloc[run]),
            recipe=f"{rows['recipe'].iloc[run]}-{rows['source'].iloc[run]}", language=language,
            told=f"seed {rows['seed'].iloc[run]}", count=count,
        )
        for run, by_language in lost.items()
        for language, count in by_language.items()
        if count
    )  # fmt: skip


def _entries(several: Sequence[Shown]) -> Iterator[tuple[Shown, Entry]]:
    for one in several:
        for entry in one.entries:
            yield one, entry


def _doubt(one: Shown, entry: Entry, told: str, *, language: str = "", count: int = 0, of: int = 0) -> Doubt:
    column = entry.column
    return Doubt(
        task=one.table.task, encoder=column.encoder, recipe=f"{column.recipe}-{column.source}", told=told,
        language=language, count=count, of=of,
    )  # fmt: skip
