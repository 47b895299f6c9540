"""A verdict as JUnit XML: a suite is a task, a case is a language.

A harmed or lost cell is a failure; what could not be compared or read is an error; what was waived, or needs more
seeds, is skipped. A reader that counts failures and errors only sees no inconclusive guard: the exit code does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from xbench.export.escaping import plain
from xbench.gate.verdict import Cell, Guard, Lost, Verdict
from xbench.report.sections import chance, headline, points, size, span

Kind = Literal["", "failure", "error", "skipped"]

OVERALL = "mean over tasks"
"""Suite of the guards."""
FILES = "files"
"""Suite of what cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a report on tests."""

    suite: str
    name: str
    kind: Kind = ""
    """Empty where it held."""
    said: str = ""


def junit(verdict: Verdict, command: str = "") -> str:
    """The report as XML 1.0; characters that XML has no place for are left out of names."""
    suites: dict[str, list[Case]] = {}
    for case in cases(verdict):
        suites.setdefault(case.suite, []).append(case)
    every = [case for several in suites.values() for case in several]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="xbench check" {_numbers(every)}>']
    for name, several in suites.items():
        lines.append(f" <testsuite name={_quoted(name)} {_numbers(several)}>")
        for case in several:
            lines += _lines(case)
        lines.append(" </testsuite>")
    said = headline(verdict) + (f"\n{command}" if command else "")
    return "\n".join([*lines, f" <system-out>{_escaped(said)}</system-out>", "</testsuites>"]) + "\n"


def cases(verdict: Verdict) -> Iterator[Case]:
    """Every case: guards, cells, what was lost, what differs, what cannot be read."""
    for guard in verdict.guards:
        yield _guard(guard)
    # By task and language together, whether compared or lost.
    rows: list[Cell | Lost] = sorted((*verdict.cells, *verdict.lost), key=lambda one: (one.task, one.language))
    waivers = {(one.task, one.language): one for one in verdict.waivers}
    for row in rows:
        one = waivers.get((row.task, row.language))
        waiver = f"waived by {one.owner} until {one.expires}: {one.reason}" if one else "waived"
        yield _lost(row, waiver) if isinstance(row, Lost) else _cell(row, waiver)
    for differs in verdict.mismatches:
        name = f"{differs.language or 'every language'}: {differs.what}"
        said = f"{differs.what} differs: baseline {differs.baseline}, candidate {differs.candidate}"
        yield Case(suite=differs.task, name=name, kind="error", said=said)
    for number, fault in enumerate(verdict.faults, start=1):
        yield Case(suite=FILES, name=f"file {number}", kind="error", said=fault)


def _guard(guard: Guard) -> Case:
    bounds = span(guard.low, guard.high)
    said = f"{guard.outcome}: {points(guard.value)} points, bounds {bounds}, margin {size(guard.margin)}"
    if guard.seeds_needed is not None:
        said += f"; {guard.seeds_needed} seeds of each would decide it"
    kinds: dict[str, Kind] = {"PASS": "", "REGRESSION": "failure", "INCONCLUSIVE": "skipped"}
    return Case(suite=OVERALL, name=guard.name, kind=kinds[guard.outcome], said=said)


def _cell(cell: Cell, waiver: str) -> Case:
    said = (
        f"{points(cell.difference)} points ({size(cell.baseline)} to {size(cell.candidate)}), "
        f"95 % interval {span(cell.low, cell.high)}, p {chance(cell.p_adjusted)} (Holm)"
    )
    kind: Kind = ""
    if cell.harmed:
        kind, said = ("skipped", f"{waiver}; {said}") if cell.waived else ("failure", said)
    elif cell.detectable is None:
        kind, said = "skipped", f"the spread between seeds is unknown: cannot be judged; {said}"
    return Case(suite=cell.task, name=cell.language, kind=kind, said=said)


def _lost(lost: Lost, waiver: str) -> Case:
    said = f"the baseline has it, the candidate does not: {lost.why}"
    if lost.waived:
        return Case(suite=lost.task, name=lost.language, kind="skipped", said=f"{waiver}; {said}")
    return Case(suite=lost.task, name=lost.language, kind="failure", said=said)


def _numbers(several: list[Case]) -> str:
    """The counts that a suite begins with."""
    kinds = [case.kind for case in several]
    return (
        f'tests="{len(kinds)}" failures="{kinds.count("failure")}" errors="{kinds.count("error")}" '
        f'skipped="{kinds.count("skipped")}"'
    )


def _lines(case: Case) -> Iterator[str]:
    begin = f"  <testcase classname={_quoted(f'xbench.{case.suite}')} name={_quoted(case.name)}"
    if not case.kind:
        yield f"{begin}/>"
        return
    yield f"{begin}>"
    yield f"   <{case.kind} message={_quoted(case.said)}/>"
    yield "  </testcase>"


def _escaped(text: str) -> str:
    # The runner of GitHub Actions takes `##[` anywhere in a log for the beginning of a command.
    return escape("\n".join(map(plain, text.split("\n"))), {'"': "&quot;", "##[": "#&#35;["})


def _quoted(text: str) -> str:
    return f'"{_escaped(plain(text))}"'
