"""The verb `board`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from xbench.board import load_board
from xbench.cli.drawing import draw, tell
from xbench.cli.folders import folders, where_to_begin
from xbench.cli.literature import published_of
from xbench.cli.words import codes
from xbench.errors import UnknownName
from xbench.export.tables import WRITERS
from xbench.export.view import Fact, View
from xbench.published import FOLDER


def board(
    board: Annotated[
        list[Path] | None, typer.Option("--board", help="Folder of records; give it again to read several.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="Only these tasks.")] = None,
    encoder: Annotated[
        list[str] | None, typer.Option("--encoder", help="Only these encoders; ranks stay those of the whole board.")
    ] = None,
    languages: Annotated[
        list[str] | None, typer.Option("--languages", help="Only these languages, in any spelling: de,swh.")
    ] = None,
    format: Annotated[
        Literal["table", "json", "csv", "markdown", "latex"], typer.Option("--format", help="How it is written.")
    ] = "table",
    by: Annotated[
        Literal["language", "script", "family", "resource_class", "macro_area"],
        typer.Option("--by", help="Put languages together by this, each group with its mean."),
    ] = "language",
    details: Annotated[
        bool, typer.Option("--details", help="Also every measure of disparity, and the test examples of each language.")
    ] = False,
    published: Annotated[
        bool, typer.Option("--published", help="Below each table show what papers print, and how far ours lie from it.")
    ] = False,
    published_from: Annotated[
        Path, typer.Option("--published-from", metavar="DIR", help="Folder of the published results.")
    ] = FOLDER,
) -> None:
    """Show a board: encoders ranked, then languages down and encoders across, one pair of tables a task.

    Options that show less change no rank and no mean: those are of the whole board.

    \b
    Examples:
      xbench board --board leaderboards/local
      xbench board --task xnli --encoder mbert,xlmr-base --by script
      xbench board --task xnli --format csv > xnli.csv
      xbench board --task xnli --published
    """
    looked = folders(board)
    found = load_board(*looked)
    wanted = codes(task)
    printed = published_of(published, published_from, format)
    there = sorted({*found.tasks(), *(one.task for one in printed)})
    for name in wanted:
        if name not in there:
            raise UnknownName("task on this board:", name, there)
    fact: Fact = "" if by == "language" else by
    view = View(encoders=codes(encoder), languages=codes(languages), by=fact, details=details)
    if format == "table":
        draw(found, wanted, printed, view=view)
    else:
        typer.echo(WRITERS[format](found, replace(view, tasks=wanted)), nl=False)
    if format in ("csv", "json"):  # the others hold every remark themselves
        tell(found)
    if found.runs.empty:
        typer.echo(where_to_begin(looked), err=True)
