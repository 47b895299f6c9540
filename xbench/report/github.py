"""A verdict as annotations of GitHub Actions: commands in the log, at most ten, as a step shows no more of a kind.

`::error title=…::message`. In a message `%`, CR and LF are escaped, in a property `:` and `,` as well
(actions/toolkit, packages/core/src/command.ts).
"""

from collections.abc import Iterator

from xbench.export.escaping import plain
from xbench.gate.verdict import Verdict
from xbench.report.sections import clipped, counted, headline, points, span, word

MOST = 10
LONGEST = 400


def annotations(verdict: Verdict, command: str = "", *, report_only: bool = False) -> str:
    """The verdict in one annotation, then what was found, worst first; the last says how many more there are.

    With `report_only` nothing is an error. Names are clipped; the command is left to the summary of the job.
    """
    del command
    level = {0: "notice", 3: "warning"}.get(verdict.code, "warning" if report_only else "error")
    found = list(_findings(verdict))
    if len(found) > MOST - 1:
        rest = f"{counted(len(found) - (MOST - 2), 'finding')} more; the report has all"
        found = [*found[: MOST - 2], (f"xbench check: {word(verdict)}", rest)]
    lines = [annotation(level, "xbench check", headline(verdict))]
    lines += [annotation("warning" if report_only or level == "notice" else level, *pair) for pair in found]
    return "\n".join(lines) + "\n"


def _findings(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """A title and a message for everything that kept the release from passing, in the order of exit codes."""
    for fault in verdict.faults:
        yield "xbench check: cannot be read", fault
    for guard in verdict.guards:
        if guard.outcome == "REGRESSION":
            yield f"xbench check: {guard.name}", f"{points(guard.value)} points, bounds {span(guard.low, guard.high)}"
    for cell in verdict.harmed:
        said = f"{points(cell.difference)} points, 95 % interval {span(cell.low, cell.high)}"
        yield f"xbench check: {cell.task} {cell.language} is worse", said
    for lost in verdict.lost:
        if not lost.waived:
            yield f"xbench check: {lost.task} {lost.language} is lost", lost.why
    for one in verdict.mismatches:
        said = f"{one.what}: baseline {one.baseline}, candidate {one.candidate}"
        yield f"xbench check: {one.task} {one.language} may not be compared".replace("  ", " "), said
    for guard in verdict.guards:
        if guard.outcome == "INCONCLUSIVE":
            needed = f"; {guard.seeds_needed} seeds of each would decide it" if guard.seeds_needed else ""
            bounds = span(guard.low, guard.high)
            yield f"xbench check: {guard.name}", f"undecided at {points(guard.value)} points, bounds {bounds}{needed}"


def annotation(level: str, title: str, said: str) -> str:
    """One command for the runner, whatever the title and the message hold."""
    return f"::{level} title={_property(title)}::{_message(said)}"


def _message(said: str) -> str:
    text = clipped("\n".join(map(plain, said.split("\n"))), LONGEST)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").replace("##[", "## [")


def _property(said: str) -> str:
    return _message(said).replace(":", "%3A").replace(",", "%2C")
