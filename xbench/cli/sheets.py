"""Where a report goes: `--format FORMAT` to standard output, `--format FORMAT=FILE` into a file."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from xbench.errors import BadOption, UnknownName, Unwritable
from xbench.gate.verdict import Verdict
from xbench.report import WRITERS, annotations, markdown
from xbench.report.github import annotation

LINES = ("text", "github")
"""Formats that may follow each other on standard output."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One report."""

    format: str
    file: Path | None
    """None = standard output."""


def sheets(given: Sequence[str]) -> tuple[Sheet, ...]:
    """What was asked for; text on standard output where nothing was.

    Raises UnknownName for a format, BadOption where two reports would stand in one place that cannot hold both.
    """
    found = []
    for one in given or ["text"]:
        name, sign, file = one.partition("=")
        if name not in WRITERS:
            raise UnknownName("format:", name, WRITERS)
        if sign and not file:
            raise BadOption(f"--format {one} names no file: {name} alone goes to standard output")
        found.append(Sheet(name, Path(file) if file else None))
    shown = [sheet.format for sheet in found if sheet.file is None]
    if len(shown) > 1 and (len(set(shown)) < len(shown) or not set(shown) <= set(LINES)):
        raise BadOption(
            f"standard output cannot hold {' and '.join(shown)} at once: write all but one to files, as --format "
            f"{shown[-1]}=FILE"
        )
    files = [sheet.file for sheet in found if sheet.file is not None]
    if len(set(files)) < len(files):
        raise BadOption("two reports would be written to one file: give each --format FORMAT=FILE its own")
    return tuple(found)


def write(several: Sequence[Sheet], verdict: Verdict, command: str, *, report_only: bool) -> None:
    """Write every report; the one for GitHub also into the job's summary, where it runs there. Raises Unwritable."""
    for sheet in several:
        if sheet.format == "github":
            said = annotations(verdict, command, report_only=report_only)
            _summarize(markdown(verdict, command))
        else:
            said = WRITERS[sheet.format](verdict, command)
        if sheet.file is None:
            typer.echo(said, nl=False)
            continue
        try:
            sheet.file.parent.mkdir(parents=True, exist_ok=True)
            sheet.file.write_text(said, encoding="utf-8", newline="\n")
        except OSError as cause:
            raise Unwritable(f"cannot write {sheet.file}: {cause.strerror or cause}") from cause


def tell(several: Sequence[Sheet], fault: Exception) -> None:
    """Say on GitHub, where a report for it goes to standard output, why there is no verdict."""
    if any(sheet.format == "github" and sheet.file is None for sheet in several):
        typer.echo(annotation("error", "xbench check", str(fault)))


def _summarize(said: str) -> None:
    """Append to the summary of the job, where a runner of GitHub says where that is."""
    if not (where := os.environ.get("GITHUB_STEP_SUMMARY", "")):
        return
    try:
        with Path(where).open("a", encoding="utf-8", newline="\n") as summary:
            summary.write(said + "\n")
    except OSError as cause:
        print(f"note: no summary of the job: {where}: {cause.strerror or cause}", file=sys.stderr)
