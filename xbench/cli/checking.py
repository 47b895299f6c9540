"""The verb `verify`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xbench.cli.progress import progress
from xbench.cli.words import codes
from xbench.export.escaping import for_json, plain
from xbench.report.sections import counted
from xbench.verify import verify as derive


def verify(
    board: Annotated[
        list[Path] | None, typer.Option("--board", help="Folder of records; give it again to verify several.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Mirror whose gold the predictions are counted against again.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="Files of tasks that are not installed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Derive every score of a board again from its counts, and say what differs. Exits with 2 if anything does.

    \b
    Examples:
      xbench verify --board leaderboards/local
      xbench verify --board leaderboards/local --data MIRROR
    """
    boards = board or [Path("leaderboards/local")]
    with progress() as watch:
        watch.begin(f"verifying {', '.join(map(str, boards))}", 0)
        report = derive(
            *boards, data=data, tasks=codes(task), progress=lambda done, _, note: watch.advance(done, plain(note))
        )
        watch.end()
    if as_json:
        tree = asdict(report) | {"holds": report.holds}
        typer.echo(for_json(json.dumps(tree, indent=1, ensure_ascii=False)))
    else:
        for note in report.notes:
            typer.echo(plain(f"note: {note}"))
        for fault in report.faults:
            typer.echo(str(fault))
        typer.echo(
            f"{counted(report.records, 'record')}, {counted(report.scores, 'score')} derived again, "
            f"{counted(report.counts_files, 'counts file')}, {report.gold} with their gold, "
            f"{counted(len(report.faults), 'fault')}"
        )
    raise typer.Exit(0 if report.holds else 2)
