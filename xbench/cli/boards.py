"""The verb `board`, and how tables are drawn on a terminal."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table as Drawn

from xbench.board import Board, Cell, Column, Table, load_board
from xbench.cli.words import codes
from xbench.errors import UnknownName


def board(
    board: Annotated[
        list[Path] | None, typer.Option("--board", help="Folder of records; give it again to read several.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="Only these tasks.")] = None,
    format: Annotated[Literal["table", "json", "csv"], typer.Option("--format", help="How it is written.")] = "table",
) -> None:
    """Show the scores on a board: languages down, encoders across, one table a task.

    \b
    Examples:
      xbench board --board leaderboards/local
      xbench board --task xnli --format csv > xnli.csv
    """
    found = load_board(*(board or [Path("leaderboards/local")]))
    wanted = codes(task)
    there = sorted(found.tasks())
    for name in wanted:
        if name not in there:
            raise UnknownName("task on this board:", name, there)
    if format == "table":
        draw(found, wanted)
        return
    frame = found.frame()
    frame = frame[frame["task"].isin(wanted)] if wanted else frame
    if format == "csv":
        typer.echo(frame.to_csv(index=False), nl=False)
    else:
        typer.echo(json.dumps(frame.to_dict(orient="records"), indent=1, ensure_ascii=False))


def draw(board: Board, tasks: tuple[str, ...] = ()) -> None:
    """Draw every table of a board on standard output, and say what was refused."""
    console = Console()
    for table in board.tables(tasks):
        console.print(_drawn(table))
        _remarks(console, table)
    if board.runs.empty:
        console.print("No records here yet.")
    for reject in board.rejects:
        console.print(f"refused {reject.file}: {reject.why}", style="yellow", markup=False)


def _drawn(table: Table) -> Drawn:
    drawn = Drawn(title=f"{table.task} · {table.metric} · percent", title_justify="left", title_style="bold")
    drawn.add_column("language", no_wrap=True)
    for column in table.columns:
        drawn.add_column(_heading(column), justify="right")
    for name, languages in _means(table):
        drawn.add_row(name, *(_mean(column, languages, len(table.languages)) for column in table.columns), style="bold")
    drawn.add_section()
    for language in table.languages:
        drawn.add_row(language, *(_cell(column.cells.get(language)) for column in table.columns))
    return drawn


def _means(table: Table) -> list[tuple[str, tuple[str, ...]]]:
    """The averages that are shown: over all targets, and where some lack one, over those that every column has."""
    rows = [("mean of targets", table.languages)]
    if table.shared and table.shared != table.languages:
        rows.append((f"mean of {sum(code != table.columns[0].source for code in table.shared)} shared", table.shared))
    return rows


def _heading(column: Column) -> str:
    seeds = {cell.seeds for cell in column.cells.values()}
    return (
        f"{column.encoder}\n{column.recipe}-{column.source}"
        + (f"\n{column.split}" if column.split != "test" else "")
        + ("" if column.zero_shot else f"\n{column.rule}, not zero-shot")
        + f"\n{'/'.join(map(str, sorted(seeds)))} seed{'' if seeds == {1} else 's'}"
    )


def _mean(column: Column, languages: tuple[str, ...], asked: int) -> str:
    mean = column.mean(languages)
    return f"incomplete {len(column.cells)}/{asked}" if mean is None else f"{100 * mean:.1f}"


def _cell(cell: Cell | None) -> str:
    return "–" if cell is None else f"{100 * cell.value:.1f} [{100 * cell.low:.1f}, {100 * cell.high:.1f}]"


def _remarks(console: Console, table: Table) -> None:
    seeds = max((cell.seeds for column in table.columns for cell in column.cells.values()), default=1)
    console.print(
        "In brackets: "
        + (
            "the 95 % interval over examples, given this seed."
            if seeds == 1
            else "least and greatest seed, or the 95 % interval over examples where there is one seed."
        ),
        style="dim",
    )
    reasons: dict[str, list[str]] = {}
    for language, why in table.missing.items():
        reasons.setdefault(why.replace(repr(language), "…"), []).append(language)
    for why, languages in reasons.items():
        console.print(f"missing {', '.join(languages)}: {why}", style="dim", markup=False)
    console.print()
