"""Two encoders side by side, for people: differences with intervals, and where there is none beyond doubt.

It says what the gate found, without judging: `candidate` is the first encoder, `baseline` the second.
"""

from dataclasses import asdict, dataclass
from itertools import groupby

from scipy.special import stdtrit

from xbench.gate.verdict import Cell, Guard, Verdict
from xbench.report.as_json import dumped
from xbench.report.markdown import fitted
from xbench.report.sections import NOTHING, Section, chance, counted, points, seeds_of, size, span
from xbench.report.text import aligned, drawn, shielded

SCHEMA = "xbench.comparison/1"

DOUBT = 0.05
"""Level of the tests, both ways, Holm's over all cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """The difference of a mean over tasks, with its 95 % interval."""

    name: str
    difference: float
    low: float
    high: float


def mean_of(guard: Guard) -> Mean:
    """What a guard says without its margin: Student's interval, both ends at one level."""
    half_width = float(stdtrit(guard.degrees_of_freedom, 0.975)) * guard.standard_error
    return Mean(name=guard.name, difference=guard.value, low=guard.value - half_width, high=guard.value + half_width)


def sure(cell: Cell) -> bool:
    """Whether there is a difference beyond doubt."""
    return cell.p_two_sided_adjusted <= DOUBT


def table(verdict: Verdict) -> str:
    """The comparison in lines."""
    blocks = [shielded(_title(verdict)), *(drawn(section) for section in _sections(verdict))]
    pairs = [(name, shielded(said)) for name, said in _origins(verdict)]
    return "\n\n".join([*blocks, "\n".join(aligned(pairs, names=2))]) + "\n"


def markdown(verdict: Verdict) -> str:
    """The comparison as Markdown, in less than 65,000 characters."""
    origin = Section(title="What was compared", rows=tuple((f"{name}: {said}",) for name, said in _origins(verdict)))
    return fitted(_title(verdict), [origin, *_sections(verdict)])


def as_json(verdict: Verdict) -> str:
    """The comparison as JSON, schema `xbench.comparison/1`; values 0..1, differences first less second."""
    first, second = verdict.candidate, verdict.baseline
    tree = {
        "schema": SCHEMA,
        "xbench": verdict.xbench,
        "first": asdict(first),
        "second": asdict(second),
        "means": [asdict(mean_of(guard)) for guard in verdict.guards],
        "cells": [
            {
                "task": cell.task, "language": cell.language, "metric": cell.metric, "first": cell.candidate,
                "second": cell.baseline, "difference": cell.difference, "low": cell.low, "high": cell.high,
                "p": cell.p_two_sided, "p_adjusted": cell.p_two_sided_adjusted, "seeds": cell.seeds, "n": cell.n,
                "beyond_doubt": sure(cell),
            }
            for cell in verdict.cells
        ],
        "only_second": [{"task": one.task, "language": one.language, "why": one.why} for one in verdict.lost],
        "may_not_be_compared": [
            {"task": one.task, "language": one.language, "what": one.what}
            | {"first": one.candidate, "second": one.baseline}
            for one in verdict.mismatches
        ],
        "faults": verdict.faults,
        "notes": verdict.notes,
    }  # fmt: skip
    return dumped(tree)


def _title(verdict: Verdict) -> str:
    first, second = verdict.candidate.encoder, verdict.baseline.encoder
    better = sum(sure(cell) and cell.difference > 0 for cell in verdict.cells)
    worse = sum(sure(cell) and cell.difference < 0 for cell in verdict.cells)
    ties = len(verdict.cells) - better - worse
    return f"{first} against {second}: better in {counted(better, 'cell')}, worse in {worse}, no difference in {ties}"


def _sections(verdict: Verdict) -> list[Section]:
    found = [_means(verdict)]
    for task, cells in groupby(verdict.cells, key=lambda cell: cell.task):
        found.append(_task(task, tuple(cells)))
    lost = tuple((one.task, one.language, one.why) for one in verdict.lost)
    found.append(
        Section(
            title=f"Only {verdict.baseline.encoder} has them", heads=("task", "language", "why"), rows=lost, names=3
        )
    )
    differs = tuple(
        (one.task, one.language or "all", one.what, one.candidate, one.baseline) for one in verdict.mismatches
    )
    sides = (verdict.candidate.encoder, verdict.baseline.encoder)
    heads = ("task", "language", "what", *sides)
    found.append(Section(title="What may not be compared", heads=heads, rows=differs, names=5))
    found.append(Section(title="Files that cannot be read", rows=tuple((fault,) for fault in verdict.faults)))
    found.append(Section(title="Notes", rows=tuple((note,) for note in verdict.notes)))
    return [section for section in found if section.said or section.rows]


def _means(verdict: Verdict) -> Section:
    means = [mean_of(guard) for guard in verdict.guards]
    return Section(
        title="Means over tasks",
        said=f"Points, {verdict.candidate.encoder} less {verdict.baseline.encoder}; of the gap the other way, so that "
        "above 0 the first is better everywhere."
        if means
        else "",
        heads=("mean", "difference", "95 % interval"),
        rows=tuple((mean.name, points(mean.difference), span(mean.low, mean.high)) for mean in means),
    )


def _task(task: str, cells: tuple[Cell, ...]) -> Section:
    ties = [cell.language for cell in cells if not sure(cell)]
    told = f"No difference beyond doubt in {', '.join(ties)}." if ties else "Every language differs beyond doubt."
    return Section(
        title=f"{task} · {cells[0].metric}",
        said=told,
        heads=("language", "first", "second", "difference", "95 % interval", "p", "p (Holm)", "seeds"),
        rows=tuple(
            (
                cell.language, size(cell.candidate), size(cell.baseline), points(cell.difference),
                span(cell.low, cell.high), chance(cell.p_two_sided), chance(cell.p_two_sided_adjusted),
                seeds_of(cell.seeds),
            )
            for cell in cells
        ),
    )  # fmt: skip


def _origins(verdict: Verdict) -> list[tuple[str, str]]:
    return [
        (name, f"{side.encoder} on {', '.join(side.boards)}, hash {side.hash[:16] or NOTHING}")
        for name, side in (("first", verdict.candidate), ("second", verdict.baseline))
    ]
