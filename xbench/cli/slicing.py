"""The verb `slices`."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Drawn
from rich.text import Text

from xbench.board import load_board
from xbench.board.slices import APART_SAID, ROUGH_SAID, TANGLED_SAID, Slice
from xbench.board.slices import slices as sliced
from xbench.cli.drawing import tell
from xbench.cli.folders import folders
from xbench.cli.words import codes
from xbench.errors import UnknownName
from xbench.export.escaping import for_csv, for_json, plain

COLUMNS = (
    "task", "metric", "encoder", "recipe", "source", "slice", "together", "slope", "low", "high", "standard_error",
    "degrees_of_freedom", "targets", "cells", "r_squared", "unit", "why", "caveats",
)  # fmt: skip
"""Columns of JSON and CSV; slopes are shares of 1, as all values are. Without encoder: all of them pooled."""

MEANING = (
    "Points of gap to the source that go with one unit, with 95 % intervals: least squares with an intercept for each "
    "encoder, errors clustered by language (CR2). In all: the other slices held equal. These languages were not drawn "
    "at random, and script, family and resources come together: a slope describes them, and is no cause."
)
MARKS = dict(zip((ROUGH_SAID, TANGLED_SAID, APART_SAID), "*†‡", strict=True))
"""Caveat -> the sign that stands for it in a table."""


def slices(
    board: Annotated[
        list[Path] | None, typer.Option("--board", help="Folder of records; give it again to read several.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="Only these tasks.")] = None,
    encoder: Annotated[list[str] | None, typer.Option("--encoder", help="Only these encoders.")] = None,
    format: Annotated[Literal["table", "json", "csv"], typer.Option("--format", help="How it is written.")] = "table",
) -> None:
    """Show what goes with a large gap to the source: tokens per word, script, family, pre-training, resources.

    \b
    Examples:
      xbench slices --board leaderboards/local --task xnli
      xbench slices --encoder mbert,xlmr-base --format csv > slices.csv
    """
    found = load_board(*folders(board))
    tasks, encoders = codes(task), codes(encoder)
    _known("task", tasks, found.runs["task"].tolist())
    _known("encoder", encoders, found.runs["encoder"].tolist())
    tables = [
        replace(one, columns=tuple(column for column in one.columns if not encoders or column.encoder in encoders))
        for one in found.tables(tasks)
    ]
    told = [one for table in tables for one in sliced(table)]
    if format == "table":
        _draw(told)
    elif format == "json":
        typer.echo(for_json(json.dumps([_row(one) for one in told], indent=1, ensure_ascii=False)))
    else:
        typer.echo(_csv(told), nl=False)
    tell(found)


def _known(what: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    names = sorted(set(map(str, there)))
    for name in wanted:
        if name not in names:
            raise UnknownName(f"{what} on this board:", name, names)


def _row(one: Slice) -> dict[str, object]:
    column = one.columns[0] if len(one.columns) == 1 else None
    slope = one.slope
    values = (
        one.task, one.metric, *((column.encoder, column.recipe, column.source) if column else ("", "", "")), one.name,
        one.together, *((slope.value, slope.low, slope.high, slope.standard_error, slope.degrees_of_freedom)
        if slope else (None,) * 5), one.languages, one.cells, one.r_squared, one.unit, one.why, list(one.caveats),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _csv(told: Sequence[Slice]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in told:
        row = _row(one) | {"caveats": "; ".join(one.caveats)}
        writer.writerow(for_csv(value) if isinstance(value, str) else value for value in row.values())
    return out.getvalue()


def _draw(told: Sequence[Slice]) -> None:
    """One table for each task and encoder, why the rest is not told, and what the numbers mean."""
    console = Console()
    sets: dict[tuple[str, str, tuple[int, ...]], list[Slice]] = {}
    for one in told:
        sets.setdefault((one.task, one.metric, tuple(map(id, one.columns))), []).append(one)
    for some in sets.values():
        if any(one.slope for one in some):
            console.print(_drawn(some))
        else:
            console.print(Text(_title(some[0]), style="bold"))
        reasons: dict[str, list[str]] = {}
        for one in some:
            reasons.setdefault(one.why, []).append(one.name + (" in all" if one.together else ""))
        for why, names in reasons.items():
            if why:
                console.print(Text(f"not told: {', '.join(names)}: {why}", style="dim"))
        console.print()
    for line in _legend(told):
        console.print(Text(line, style="dim"))


def _legend(told: Sequence[Slice]) -> list[str]:
    """What units, marks and all of it mean."""
    sure = [one for one in told if one.slope]
    if not sure:
        return ["No slice can be told on this board."]
    units = [f"{one.name}: {one.unit}" for one in sure]
    notes = [f"{sign} {said}" for said, sign in MARKS.items() if any(said in one.caveats for one in sure)]
    return [*dict.fromkeys(units), *notes, MEANING]


def _title(one: Slice) -> str:
    column = one.columns[0] if len(one.columns) == 1 else None
    who = f"{column.encoder} {column.recipe}-{column.source}" if column else f"{len(one.columns)} encoders"
    return plain(f"{one.task} · {one.metric} · {who}")


def _drawn(some: Sequence[Slice]) -> Drawn:
    drawn = Drawn(title=Text(_title(some[0])), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    drawn.add_column("slice")
    for name in ("points", "95 % interval", "targets", "cells", "R²"):
        drawn.add_column(name, justify="right")
    for one in some:
        if one.slope and one.r_squared is not None:
            marks = "".join(MARKS[said] for said in one.caveats)
            drawn.add_row(
                f"{one.name}{' in all' if one.together else ''}{marks}", f"{100 * one.slope.value:+.1f}",
                f"{100 * one.slope.low:+.1f} to {100 * one.slope.high:+.1f}", str(one.languages), str(one.cells),
                f"{one.r_squared:.2f}",
            )  # fmt: skip
    return drawn
