"""What papers print, drawn below a board's own table: marked, never ranked with it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table as Drawn
from rich.text import Text

from xbench.board import Board, Table
from xbench.errors import BadOption
from xbench.export.escaping import plain
from xbench.published import (
    FOLDER,
    SELECTIONS,
    Difference,
    Gap,
    Published,
    beside,
    in_metric,
    load_published,
    reproduction,
)

DIM = "dim"
MARK = "†"
"""Stands before the number of a footnote, at everything that was not run here."""

Shown = TypeVar("Shown", Published, Gap)

WHOSE = {
    "primary": "by the encoder's or the run's own authors",
    "secondary": "quoted by others",
    "reproduction": "run again by others",
}


def published_of(wanted: bool, folder: Path, format: str) -> tuple[Published, ...]:
    """The results to show; none unless `--published`. Raises BadOption where they would not be seen or used."""
    if not wanted:
        if folder != FOLDER:
            raise BadOption("--published-from names a folder, but nothing of it is shown without --published")
        return ()
    if format != "table":
        raise BadOption(
            f"--published draws below the tables and does not go with --format {format}: what others printed is no "
            f"score of this board. The files in {folder} are JSON."
        )
    return load_published(folder)


def without_runs(board: Board, wanted: Sequence[str], published: Sequence[Published]) -> tuple[Table, ...]:
    """Tables without columns for tasks that only the literature has: those wanted; all where the board is empty."""
    printed = dict.fromkeys(one.task for one in published)
    asked = wanted or (() if board.tasks() else printed)
    tasks = [task for task in asked if task in printed and task not in board.tasks()]
    metrics = {one.task: one.metric for one in reversed(published)}
    return tuple(Table(task=task, metric=metrics[task], languages=(), columns=(), missing={}) for task in tasks)


def draw_published(console: Console, board: Board, table: Table, published: Sequence[Published]) -> None:
    """Draw what was printed for a table's task, in its metric and then in others, and our distance from it."""
    mine = [one for one in published if one.task == table.task]
    if not mine:
        console.print(f"No published results of {table.task} are known here.\n", style=DIM, markup=False)
        return
    notes: dict[str, int] = {}
    for metric in dict.fromkeys((table.metric, *(one.metric for one in mine))):
        here = table if metric == table.metric else in_metric(board, table, metric)
        _draw_printed(console, here, beside(here, mine), notes)
        _draw_gaps(console, here, reproduction(board, here, mine), notes)
    console.print(f"{MARK} Printed, not run here: no interval, no rank, other recipes.", style=DIM)
    for text, number in notes.items():
        console.print(f"{MARK}{number} {text}", style=DIM, markup=False, highlight=False)
    console.print()


def _draw_printed(console: Console, table: Table, printed: Sequence[Published], notes: dict[str, int]) -> None:
    """Languages down, printed rows across, as many side by side as the terminal is wide."""
    there = dict.fromkeys(language for one in printed for language in one.values)
    languages = [language for language in table.languages if language in there] if table.languages else list(there)
    title = f"{MARK} {table.task} · {table.metric} · percent as printed"
    if printed:
        console.print(title, style=DIM, markup=False, highlight=False)
    for several in _beside_each_other(console, printed, 19):
        drawn = _frame([_name(one, notes) for one in several])
        drawn.add_row("mean (languages)", *(_average(one) for one in several))
        drawn.add_section()
        for language in languages:
            drawn.add_row(Text(plain(language)), *(_value(one, language) for one in several))
        console.print(drawn)


def _draw_gaps(console: Console, table: Table, gaps: Sequence[Gap], notes: dict[str, int]) -> None:
    """How far our runs lie from the printed rows of the same encoder, and why they may."""
    if not gaps:
        return
    title = f"{MARK} {table.task} · {table.metric} · reproduction gap: ours less printed, points"
    console.print(title, style=DIM, markup=False, highlight=False)
    for several in _beside_each_other(console, gaps, 25):
        drawn = _frame([_pair(gap, notes) for gap in several])
        drawn.add_row("mean (languages)", *(f"{_points(gap.mean)} ({len(gap.cells)})" for gap in several))
        drawn.add_section()
        for language in table.languages:
            if any(language in gap.cells for gap in several):
                drawn.add_row(
                    Text(plain(language)),
                    *(_points(gap.cells[language]) if language in gap.cells else "–" for gap in several),
                )
        console.print(drawn)
    console.print(
        "In brackets: our 95 % interval, moved over; printed figures come without one. The protocols are not the same:",
        style=DIM,
    )
    for gap in gaps:
        who = f"{gap.column.encoder} {gap.column.recipe}-{gap.column.source} and {_mark(gap.published, notes)}"
        console.print(plain(f"{who}: {'; '.join(gap.differences)}"), style=DIM, markup=False, highlight=False)


def _beside_each_other(console: Console, shown: Sequence[Shown], width: int) -> Iterator[Sequence[Shown]]:
    """As many at once as fit beside the column of languages."""
    at_once = max(1, (console.width - 20) // width)
    for start in range(0, len(shown), at_once):
        yield shown[start : start + at_once]


def _frame(heads: Sequence[str]) -> Drawn:
    drawn = Drawn(style=DIM, row_styles=[DIM], header_style=DIM)
    drawn.add_column("language", no_wrap=True)
    for head in heads:
        drawn.add_column(Text(head), justify="right")
    return drawn


def _name(one: Published, notes: dict[str, int]) -> str:
    return f"{one.encoder}\n{_mark(one, notes)}"


def _pair(gap: Gap, notes: dict[str, int]) -> str:
    column = gap.column
    return f"{plain(column.encoder)}\n{plain(f'{column.recipe}-{column.source}')}\nless {_mark(gap.published, notes)}"


def _mark(one: Published, notes: dict[str, int]) -> str:
    """The footnote of a result; rows of one source under one protocol share theirs."""
    pieces = [
        one.source,
        WHOSE[one.provenance],
        one.protocol,
        f"checkpoint: {SELECTIONS[one.selection]}",
        f"mean of {one.seeds} seeds" if one.seeds else "",
        *one.differs,
        *(f"{language}: {why}" for language, why in one.misprinted.items()),
    ]
    text = "; ".join(filter(None, pieces)) + f". {one.note}".rstrip()
    return f"{MARK}{notes.setdefault(text, len(notes) + 1)}"


def _average(one: Published) -> str:
    return "–" if one.average is None else f"{_printed(one, one.average)} ({len(one.averaged)})"


def _value(one: Published, language: str) -> str:
    value = one.values.get(language)
    return "–" if value is None else _printed(one, value) + ("?" if language in one.misprinted else "")


def _printed(one: Published, value: float) -> str:
    """Percent with as many digits as the source prints: two where any of its values needs them, else one."""
    needed = any(not f"{100 * other:.2f}".endswith("0") for other in one.values.values())
    return f"{100 * value:.{1 + needed}f}"


def _points(difference: Difference) -> str:
    return f"{100 * difference.value:+.1f} [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
