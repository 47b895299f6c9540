"""Guards: promises about means over languages and tasks, each with a margin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scipy.special import stdtrit

from xbench.gate.screen import POWER
from xbench.gate.verdict import Guard, Levels, Outcome
from xbench.uncertainty import Estimate, Spread, combined

MOST_SEEDS = 100
"""Seeds beyond which nobody is told to train more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one task gives to a guard."""

    spread: Spread
    """Of the difference of two encoders, candidate first."""
    languages: tuple[str, ...]
    trained: bool
    """Whether there is a fine-tuning whose seed could change it."""


def guarded(name: str, parts: Mapping[str, Part], *, margin: float, levels: Levels) -> Guard:
    """Judge one guard on the mean over tasks.

    Args:
        name: of the guard.
        parts: task -> what it gives; at least one.
        margin: how much worse is accepted, 0..1.
        levels: chances of error.
    """
    estimate = _mean([one.spread for one in parts.values()])
    low, high = _ends(estimate, levels)
    runs = [one.spread.runs for one in parts.values() if one.trained]
    seeds = (min(one[0] for one in runs), min(one[1] for one in runs)) if runs else (0, 0)
    outcome: Outcome = "INCONCLUSIVE" if 1 in seeds else _outcome(low, high, margin)
    needed = None
    if outcome == "INCONCLUSIVE" and min(seeds) > 1:
        needed = _seeds_needed(list(parts.values()), max(min(seeds), 2), margin, levels)
    return Guard(
        name=name, value=estimate.value, low=low, high=high, margin=margin, outcome=outcome, seeds_needed=needed,
        detectable=None if 1 in seeds else _detectable(estimate, margin, levels),
        languages={task: one.languages for task, one in parts.items()}, standard_error=estimate.standard_error,
        degrees_of_freedom=estimate.degrees_of_freedom, seeds=seeds,
    )  # fmt: skip


def _mean(spreads: Sequence[Spread]) -> Estimate:
    return combined([one.estimate() for one in spreads], [1 / len(spreads)] * len(spreads))


def _half_width(estimate: Estimate, chance: float) -> float:
    """How far the truth lies beyond the value on one side with this chance; 2, which is all, where nothing is known."""
    if estimate.degrees_of_freedom <= 0:
        return 2.0
    return float(stdtrit(estimate.degrees_of_freedom, 1 - chance)) * estimate.standard_error


def _ends(estimate: Estimate, levels: Levels) -> tuple[float, float]:
    low = estimate.value - _half_width(estimate, levels.passing)
    high = estimate.value + _half_width(estimate, levels.regression)
    return max(low, estimate.least), min(high, estimate.most)


def _outcome(low: float, high: float, margin: float) -> Outcome:
    if low > -margin:
        return "PASS"
    return "REGRESSION" if high < 0 else "INCONCLUSIVE"


def _detectable(estimate: Estimate, margin: float, levels: Levels) -> float:
    """Smallest true loss that is called a regression with power 0.8: sure, and too large to pass."""
    sure = _half_width(estimate, levels.regression)
    not_passed = margin - _half_width(estimate, levels.passing)
    return max(sure, not_passed) + _half_width(estimate, 1 - POWER)


def _seeds_needed(parts: Sequence[Part], seeds: int, margin: float, levels: Levels) -> int | None:
    """Fewest seeds of each encoder that would decide, if value and variances stayed what they are."""
    for several in range(seeds, MOST_SEEDS + 1):
        estimate = _mean([_with_seeds(one.spread, several) if one.trained else one.spread for one in parts])
        if _outcome(*_ends(estimate, levels), margin) != "INCONCLUSIVE":
            return several
    return None


def _with_seeds(spread: Spread, seeds: int) -> Spread:
    """The parts of the variance as so many seeds of each encoder would have them.

    The items' part holds an encoder's interaction of seed and item, divided by its seeds: that shrinks, too.
    """
    shared = tuple(part * runs / seeds for part, runs in zip(spread.interactions, spread.runs, strict=True))
    alone = max(spread.examples - sum(spread.interactions), 0.0)
    return replace(spread, runs=(seeds,) * len(spread.runs), interactions=shared, examples=alone + sum(shared))
