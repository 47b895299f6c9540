"""The verbs `check` and `compare`."""

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from xbench.cli import sheets
from xbench.cli.folders import folders
from xbench.cli.sides import different, side_of
from xbench.cli.words import codes
from xbench.errors import BadOption, XbenchError
from xbench.gate.judging import judge
from xbench.gate.rehearsal import rehearse
from xbench.gate.settings import Settings, settings
from xbench.gate.verdict import Verdict
from xbench.report import compared

Candidate = Annotated[
    str, typer.Option(metavar="A", help="What is to be released: NAME on --board, FOLDER, or FOLDER:NAME.")
]
Baseline = Annotated[
    str, typer.Option(metavar="B", help="What it must not fall behind; likewise, or pinned: NAME@HASH, FOLDER@HASH.")
]
Boards = Annotated[list[Path] | None, typer.Option("--board", help="Folder of records; give it again to read several.")]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Settings in TOML: margins, groups, waivers (docs/gate.md).")
]
Margins = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=POINTS", help="Margin of a guard: mean=1, source=2, gap=2, low-resource=2, a group."),
]
SeedsRequired = Annotated[
    int | None, typer.Option(min=2, help="Seeds of each side without which nothing passes.  [default: 5]")
]
Tasks = Annotated[list[str] | None, typer.Option("--task", help="Only these tasks.")]
Recipe = Annotated[str, typer.Option(help="Only runs by this recipe, where there are several.")]
Source = Annotated[str, typer.Option(help="Only runs from this source language, where there are several.")]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FORMAT[=FILE]",
        help="text, json, md, junit or github; to a file with =FILE. May be given again.  [default: text]",
    ),
]


def check(
    candidate: Candidate = "",
    baseline: Baseline = "",
    board: Boards = None,
    config: Config = None,
    margin: Margins = None,
    seeds_required: SeedsRequired = None,
    task: Tasks = None,
    recipe: Recipe = "",
    source: Source = "",
    format: Formats = None,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Exit with 0 in place of 1 and 3: look, but stop nothing.")
    ] = False,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Judge boards made for it, some for each exit code, and say so.")
    ] = False,
) -> None:
    """Judge a candidate against a baseline: is it worse, for which languages, and is that beyond doubt?

    \b
    Exits with
      0  all guards held, and no cell is worse beyond doubt
      1  a regression, or a cell that the baseline has is lost
      2  wrong usage or settings, or a file that cannot be read
      3  inconclusive (more seeds would tell), or not comparable
    Where several hold, 2 beats 1 beats 3.

    \b
    Examples:
      xbench check --candidate new --baseline old --board leaderboards/local
      xbench check --candidate runs/new --baseline baselines/v1@0123456789abcdef --config gate.toml
      xbench check --candidate new --baseline old --format text --format junit=gate.xml --format github
      xbench check --self-test
    """
    if self_test:
        _rehearse()
        return
    wanted = sheets.sheets(format or [])
    try:
        if not candidate or not baseline:
            raise BadOption("name what is compared: --candidate A --baseline B")
        given = settings(config, margins=_margins(margin or []), seeds_required=seeds_required, tasks=codes(task))
        verdict = _judged(candidate, baseline, board, given, recipe=recipe, source=source)
        command = _command(candidate, baseline, board, config, margin, seeds_required, task, recipe, source)
        sheets.write(wanted, verdict, command, report_only=report_only)
    except XbenchError as fault:
        sheets.tell(wanted, fault)
        raise
    if report_only and verdict.code in (1, 3):
        print(f"note: would exit with {verdict.code}, but for --report-only", file=sys.stderr)
        return
    raise typer.Exit(verdict.code)


def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="NAME on --board, FOLDER, FOLDER:NAME; each with @HASH or not.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Likewise.")],
    board: Boards = None,
    task: Tasks = None,
    recipe: Recipe = "",
    source: Source = "",
    format: Annotated[
        Literal["table", "json", "markdown"], typer.Option("--format", help="How it is written.")
    ] = "table",
) -> None:
    """Compare two encoders in every language: differences with intervals, and where there is none beyond doubt.

    \b
    Examples:
      xbench compare mini mini-mmlm --board leaderboards/local
      xbench compare runs/new runs/old --format markdown
    """
    given = settings(None, tasks=codes(task))
    verdict = _judged(first, second, board, given, recipe=recipe, source=source)
    writers = {"table": compared.table, "json": compared.as_json, "markdown": compared.markdown}
    typer.echo(writers[format](verdict), nl=False)


def _judged(
    candidate: str, baseline: str, board: Sequence[Path] | None, given: Settings, *, recipe: str, source: str
) -> Verdict:
    """Read both sides and compare them. Raises XbenchError where a side cannot be had, or both are the same."""
    boards = folders(board)
    ours, theirs = (
        side_of(one, boards, recipe=recipe, source=source, tasks=given.tasks) for one in (candidate, baseline)
    )
    different(ours, theirs)
    return judge(ours, theirs, given, today=datetime.now(UTC).date())


def _margins(given: Sequence[str]) -> dict[str, float]:
    """`["source=2.5"]` -> `{"source": 2.5}`. Raises BadOption."""
    found: dict[str, float] = {}
    for one in given:
        name, sign, points = one.rpartition("=")
        try:
            found[name] = float(points)
        except ValueError:
            sign = ""
        if not sign or not name:
            raise BadOption(f"--margin {one}: write NAME=POINTS, as source=2.5")
    return found


def _command(
    candidate: str, baseline: str, board: Sequence[Path] | None, config: Path | None, margin: Sequence[str] | None,
    seeds_required: int | None, task: Sequence[str] | None, recipe: str, source: str,
) -> str:  # fmt: skip
    """The command that gives this verdict again; how it is written, and what it then exits with, is left out."""
    words = ["xbench", "check", "--candidate", candidate, "--baseline", baseline]
    for option, values in (
        ("--board", board or []),
        ("--config", [config] if config else []),
        ("--margin", margin or []),
        ("--seeds-required", [] if seeds_required is None else [seeds_required]),
        ("--task", task or []),
        ("--recipe", [recipe] if recipe else []),
        ("--source", [source] if source else []),
    ):
        for value in values:
            words += [option, str(value)]
    return shlex.join(words)


def _rehearse() -> None:
    """Say of every rehearsed case what the gate ends with; exit with 2 where that is not as it must be."""
    with TemporaryDirectory(prefix="xbench-") as folder:
        told = rehearse(Path(folder))
    for case in told:
        said = "as it must" if case.ended == case.expected else f"and not {case.expected}: DO NOT TRUST THIS GATE"
        typer.echo(f"exit {case.ended}, {said}: {case.title}")
    if any(case.ended != case.expected for case in told):
        raise typer.Exit(2)
    typer.echo(f"{len(told)} cases, every exit code as it must be")
