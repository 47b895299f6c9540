"""Timing two ways of doing the same, alternating in one process, so that both meet the same machine."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What the rounds gave."""

    ours: float
    """Seconds, median."""
    theirs: float
    """Seconds, median."""
    ratio: float
    """theirs / ours, median over rounds: how many times as fast ours is."""
    least: float
    most: float
    """Ends of the ratios that were seen."""


def side_by_side(ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 7) -> Pair:
    """Time both in turn, the first round not counted."""
    mine, other = [], []
    for _ in range(rounds + 1):
        mine.append(seconds(ours))
        other.append(seconds(theirs))
    mine, other = mine[1:], other[1:]
    ratios = [there / here for here, there in zip(mine, other, strict=True)]
    return Pair(
        ours=statistics.median(mine), theirs=statistics.median(other), ratio=statistics.median(ratios),
        least=min(ratios), most=max(ratios),
    )  # fmt: skip


def seconds(what: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = perf_counter()
    what()
    return perf_counter() - began
