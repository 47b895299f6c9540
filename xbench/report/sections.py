"""What a report says, as headed lists and tables of plain strings; each format draws them, and escapes what they hold.

Points are 100 times the values of a verdict, with a sign: below 0 the candidate is worse.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from xbench.gate.verdict import Cell, Guard, Origin, Verdict

WORDS = {0: "PASS", 1: "REGRESSION", 2: "UNREADABLE"}

NOTHING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a report."""

    title: str
    said: str = ""
    """A sentence above the rows; may stand alone."""
    heads: tuple[str, ...] = ()
    """Headings of columns; none for a plain list."""
    rows: tuple[tuple[str, ...], ...] = ()
    names: int = 1
    """Columns at the left that hold names; the others hold figures."""
    long: bool = False
    """Whether it lists everything, for those who look something up."""


def word(verdict: Verdict) -> str:
    """The verdict in a word or two, in capitals."""
    return WORDS.get(verdict.code) or ("NOT COMPARABLE" if verdict.mismatches else "INCONCLUSIVE")


def headline(verdict: Verdict) -> str:
    """The first line of every report."""
    return f"exit {verdict.code} · {verdict.line}"


def points(value: float, digits: int = 2) -> str:
    """0.0123 -> `+1.23`; what rounds to nothing has no sign."""
    text = f"{100 * value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def size(value: float | None) -> str:
    """0.0123 -> `1.23`, for what has no sign."""
    return NOTHING if value is None else f"{100 * value:.2f}"


def chance(p: float) -> str:
    """A p-value with three digits; never 0."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def span(low: float, high: float) -> str:
    """Two ends in points."""
    return f"[{points(low)}, {points(high)}]"


def sections(verdict: Verdict) -> tuple[Section, ...]:
    """Every part of a report that has something to say, what matters most first."""
    found = (
        _faults(verdict),
        _mismatches(verdict),
        _guards(verdict),
        _harmed(verdict),
        _lost(verdict),
        _waived(verdict),
        Section(title="Coverage", said=covered(verdict)),
        Section(title="Comparability", said=comparable(verdict)),
        Section(title="What this run could have seen", said=seen(verdict)),
        _improved(verdict),
        Section(title="Notes", rows=tuple((note,) for note in verdict.notes)),
        _all_cells(verdict),
    )
    return tuple(one for one in found if one.said or one.rows)


def _faults(verdict: Verdict) -> Section:
    return Section(title="Files that cannot be read", rows=tuple((fault,) for fault in verdict.faults))


def _mismatches(verdict: Verdict) -> Section:
    return Section(
        title="What may not be compared",
        heads=("task", "language", "what", "baseline", "candidate"),
        rows=tuple(
            (one.task, one.language or "all", one.what, one.baseline, one.candidate) for one in verdict.mismatches
        ),
        names=5,
    )


def _guards(verdict: Verdict) -> Section:
    if not verdict.guards:
        return Section(title="Guards")
    levels = verdict.levels
    return Section(
        title="Guards",
        said="Change from baseline to candidate in points, mean over tasks; for the gap too, below 0 is worse. "
        f"A guard passes where its lower bound ({_share(1 - levels.passing)} %) lies above minus the margin; else it "
        f"is a regression where its upper bound ({_share(1 - levels.regression)} %) lies below 0.",
        heads=("guard", "change", "lower", "upper", "margin", "verdict", "seeds", "seeds needed"),
        rows=tuple(_guard(guard) for guard in verdict.guards),
    )


def _share(level: float) -> str:
    return f"{100 * level:.3f}".rstrip("0").rstrip(".")


def _guard(guard: Guard) -> tuple[str, ...]:
    needed = NOTHING if guard.seeds_needed is None else str(guard.seeds_needed)
    return (
        guard.name, points(guard.value), points(guard.low), points(guard.high), size(guard.margin), guard.outcome,
        seeds_of(guard.seeds), needed,
    )  # fmt: skip


def seeds_of(seeds: tuple[int, int]) -> str:
    """Seeds of both sides, `5` or `3 and 5`, the candidate first; a dash where nothing is trained."""
    if seeds == (0, 0):
        return NOTHING
    return str(seeds[0]) if seeds[0] == seeds[1] else f"{seeds[0]} and {seeds[1]}"


CELL = ("task", "language", "baseline", "candidate", "difference", "95 % interval", "p (Holm)")


def _cell(cell: Cell) -> tuple[str, ...]:
    return (
        cell.task, cell.language, size(cell.baseline), size(cell.candidate), points(cell.difference),
        span(cell.low, cell.high), chance(cell.p_adjusted),
    )  # fmt: skip


def _harmed(verdict: Verdict) -> Section:
    return Section(
        title="Worse beyond doubt",
        said=f"Cells worse by more than {size(verdict.harm_margin)} points, worst first; p is one-sided, Holm's over "
        f"all {len(verdict.cells)} cells, the level {_share(verdict.levels.harm)} %."
        if verdict.harmed
        else "",
        heads=CELL,
        rows=tuple(_cell(cell) for cell in verdict.harmed),
        names=2,
    )


def _lost(verdict: Verdict) -> Section:
    rows = tuple((one.task, one.language, "yes" if one.waived else "no", one.why) for one in verdict.lost)
    heads = ("task", "language", "waived", "why")
    return Section(title="Lost: the baseline has them, the candidate does not", heads=heads, rows=rows, names=4)


def _waived(verdict: Verdict) -> Section:
    return Section(
        title="Waivers",
        heads=("task", "language", "until", "owner", "reason"),
        rows=tuple((one.task, one.language, one.expires, one.owner, one.reason) for one in verdict.waivers),
        names=5,
    )


def covered(verdict: Verdict) -> str:
    """How many of the baseline's cells were compared."""
    lost = sum(not one.waived for one in verdict.lost)
    waived = len(verdict.lost) - lost
    tasks = len({cell.task for cell in verdict.cells})
    said = f"{counted(len(verdict.cells), 'cell')} compared in {counted(tasks, 'task')}; {lost} lost"
    return f"{said}, {waived} more lost with a waiver." if waived else f"{said}."


def comparable(verdict: Verdict) -> str:
    """Whether both sides were measured in the same way."""
    if verdict.mismatches:
        number = counted(len(verdict.mismatches), "difference")
        return f"{number} in what must be equal; nothing that differs was judged."
    if not verdict.cells:
        return "Nothing was compared."
    return "Task, data, examples, metric, source, selection and recipe are equal on both sides."


def seen(verdict: Verdict) -> str:
    """The losses that this run would have found in 80 of 100 releases."""
    if not verdict.cells:
        return ""
    parts = [f"{size(verdict.detectable)} points in one language (median)"] if verdict.detectable is not None else []
    parts += [f"{size(guard.detectable)} in {guard.name}" for guard in verdict.guards if guard.detectable is not None]
    trained = verdict.seeds != (0, 0)
    seeds = f"seeds: {seeds_of(verdict.seeds)}, required {verdict.seeds_required}" if trained else "nothing is trained"
    if not parts:
        return f"Nothing: the spread between seeds is unknown ({seeds})."
    return f"A loss of {', '.join(parts)} would be found in 80 of 100 releases ({seeds})."


def _improved(verdict: Verdict) -> Section:
    named = "; ".join(f"{one.task} {one.language} {points(one.difference)}" for one in verdict.improved)
    return Section(title="Better beyond doubt", said=f"{named}." if named else "")


def _all_cells(verdict: Verdict) -> Section:
    return Section(
        title="All cells",
        heads=(*CELL, "could see"),
        rows=tuple((*_cell(cell), size(cell.detectable)) for cell in verdict.cells),
        names=2,
        long=True,
    )


def origins(verdict: Verdict, command: str) -> tuple[tuple[str, str], ...]:
    """What was compared, with what, and how to do it again: pairs of a name and a text."""
    return (
        *_origin("candidate", verdict.candidate),
        *_origin("baseline", verdict.baseline),
        ("pin the baseline", f"--baseline {_pinned(verdict.baseline)}"),
        ("judged by", f"xbench {verdict.xbench}"),
        ("command", command),
    )


def _pinned(origin: Origin) -> str:
    """What names this side again, and refuses other records of it: where it lies on one board, with its folder."""
    where = f"{origin.boards[0]}:" if len(origin.boards) == 1 else ""
    return shlex.quote(f"{where}{origin.encoder}@{origin.hash[:16]}")


def _origin(side: str, origin: Origin) -> Iterator[tuple[str, str]]:
    yield side, f"{origin.encoder} on {', '.join(origin.boards)}"
    yield f"{side} hash", origin.hash
    yield f"{side} weights", ", ".join(origin.checkpoints) or NOTHING
    yield f"{side} records by", f"xbench {', '.join(origin.xbench) or NOTHING}"


def counted(number: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def clipped(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
