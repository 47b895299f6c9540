"""Guards: promises about means over languages and tasks, each with a margin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import stdtrit

from xbench.gate.power import let_pass, told_apart
from xbench.gate.verdict import Guard, Levels, Outcome
from xbench.uncertainty import Estimate, Spread, combined, joined

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
    training: tuple[str, ...] = ()
    """What each encoder was fine-tuned on and how: tasks with equal ones share their fine-tunings. Empty for one that
    has its own."""
    seeds: tuple[tuple[int, ...], ...] = ()
    """Which seeds each encoder was trained with."""


@dataclass(frozen=True, kw_only=True)
class _Mean:
    """The mean over tasks, of which some are answered by the same fine-tuned models: a seed moves these together."""

    parts: tuple[tuple[Part, ...], ...]
    """Tasks that share their fine-tunings stand together."""

    @classmethod
    def of(cls, parts: Sequence[Part]) -> "_Mean":
        groups: dict[tuple[str, ...], list[Part]] = {}
        for place, one in enumerate(parts):
            groups.setdefault(one.training or (str(place),), []).append(one)
        return cls(parts=tuple(map(tuple, groups.values())))

    @cached_property
    def groups(self) -> tuple[tuple[float, Spread, bool], ...]:
        """(weight, spread of the mean of its tasks, whether it was trained) of each group."""
        tasks = sum(map(len, self.parts))
        return tuple(
            (
                len(some) / tasks,
                joined(
                    [one.spread for one in some], [1 / len(some)] * len(some), same=len({o.seeds for o in some}) == 1
                ),
                some[0].trained,
            )
            for some in self.parts
        )

    def estimate(self, seeds: int = 0) -> Estimate:
        """The mean with its error; with `seeds`, as so many of each encoder would have it."""
        spreads = [_with_seeds(one, seeds) if seeds and trained else one for _, one, trained in self.groups]
        return combined([one.estimate() for one in spreads], [weight for weight, _, _ in self.groups])


def guarded(name: str, parts: Mapping[str, Part], *, margin: float, levels: Levels) -> Guard:
    """Judge one guard on the mean over tasks.

    Args:
        name: of the guard.
        parts: task -> what it gives; at least one.
        margin: how much worse is accepted, 0..1.
        levels: chances of error.
    """
    mean = _Mean.of(list(parts.values()))
    estimate = mean.estimate()
    low, high = _ends(estimate, levels)
    runs = [one.spread.runs for one in parts.values() if one.trained]
    seeds = (min(one[0] for one in runs), min(one[1] for one in runs)) if runs else (0, 0)
    outcome: Outcome = "INCONCLUSIVE" if 1 in seeds else _outcome(low, high, margin)
    needed = None
    if outcome == "INCONCLUSIVE" and min(seeds) > 1:
        needed = _seeds_needed(mean, max(min(seeds), 2), margin, levels)
    return Guard(
        name=name, value=estimate.value, low=low, high=high, margin=margin, outcome=outcome, seeds_needed=needed,
        detectable=None if 1 in seeds else _detectable(estimate, margin, levels),
        languages={task: one.languages for task, one in parts.items()}, standard_error=estimate.standard_error,
        degrees_of_freedom=estimate.degrees_of_freedom, seeds=seeds,
    )  # fmt: skip


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
    """Smallest true loss that is called a regression with power 0.8: sure, and too large to pass; 2 if none is."""
    if estimate.degrees_of_freedom <= 0:
        return 2.0
    error, freedom = np.array([estimate.standard_error]), np.array([estimate.degrees_of_freedom])
    sure = told_apart(error, freedom, levels.regression)
    return float(np.maximum(sure, margin - let_pass(error, freedom, levels.passing))[0])


def _seeds_needed(mean: _Mean, seeds: int, margin: float, levels: Levels) -> int | None:
    """Fewest seeds of each encoder that would decide, if value and variances stayed what they are."""
    for several in range(seeds, MOST_SEEDS + 1):
        if _outcome(*_ends(mean.estimate(several), levels), margin) != "INCONCLUSIVE":
            return several
    return None


def _with_seeds(spread: Spread, seeds: int) -> Spread:
    """The parts of the variance as so many seeds of each encoder would have them.

    The items' part holds an encoder's interaction of seed and item, divided by its seeds: that shrinks, too.
    """
    shared = tuple(part * runs / seeds for part, runs in zip(spread.interactions, spread.runs, strict=True))
    alone = max(spread.examples - sum(spread.interactions), 0.0)
    return replace(spread, runs=(seeds,) * len(spread.runs), interactions=shared, examples=alone + sum(shared))
