"""The harm screen: every language of every task, compared one by one, and what remains when all are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from xbench.gate.moderation import over_seeds
from xbench.gate.power import measured_beyond, told_apart
from xbench.significance import holm
from xbench.uncertainty import ROUNDING, Spread

Values = NDArray[np.float64]

MOST_FREEDOM = 1e9
"""Degrees of freedom of an error that is known for sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Differences of all cells with what is known of their errors; every array has shape (cells,)."""

    value: Values
    error: Values
    """Standard error, the seeds' variances moderated."""
    freedom: Values
    """Degrees of freedom of the error; 0 where nothing is known."""
    known: NDArray[np.bool_]
    """Whether it is known how much other seeds would change; where not, the error is given the seeds."""

    def below(self) -> Values:
        """One-sided p-values against "not worse"; 1 where seeds are unknown."""
        return self._tail(1.0)

    def two_sided(self) -> Values:
        """p-values against "no difference"; 1 where seeds are unknown."""
        least = np.minimum(self._tail(1.0), self._tail(-1.0))
        return np.asarray(np.minimum(1.0, 2 * least), np.float64)

    def _tail(self, sign: float) -> Values:
        told = self.known & (self.freedom > 0)
        statistic = np.divide(self.value, self.error, out=np.zeros_like(self.value), where=told)
        return np.where(told, stdtr(np.where(told, self.freedom, 1.0), sign * statistic), 1.0)

    def half_width(self, chance: float) -> Values:
        """How far the truth lies beyond the value on one side with this chance; 2, which is all, without freedom."""
        there = self.freedom > 0
        return np.where(there, stdtrit(np.where(there, self.freedom, 1.0), 1 - chance) * self.error, 2.0)


def differences(spreads: Sequence[Spread], trained: Sequence[bool]) -> Differences:
    """Close the spreads of cells, each the difference of two encoders in one language, the seeds' variances moderated.

    SE^2 = s^2_candidate / K + s^2_base / K + Var_i(d_i) / n, the interaction counted once, as `Spread.estimate` has it.
    Degrees of freedom are Satterthwaite's, and no more than the moderated variance of the seeds has: his are many just
    where that variance came out too small, and of 60 cells Holm looks at the one in which it did.

    Args:
        spreads: one for each cell, of two encoders.
        trained: whether there is a fine-tuning whose seed could change the cell.
    """
    runs = np.array([one.runs for one in spreads], np.float64)
    can_vary = np.array(trained, bool)
    whole, of_seeds = np.zeros(len(spreads)), np.zeros(len(spreads))
    whole[can_vary], of_seeds[can_vary] = over_seeds(np.array([one.seeds for one in spreads])[can_vary], runs[can_vary])
    over_items = np.array([one.smallest for one in spreads], np.float64) - 1
    items = np.array([one.examples for one in spreads])
    shared = np.array([one.interactions for one in spreads])
    variance = np.maximum(np.maximum(items + whole - shared.sum(axis=1), items), whole)
    parts = np.column_stack([items, whole, shared])
    degrees = np.column_stack([over_items, of_seeds, (runs - 1) * over_items[:, None]])
    weights = np.divide(parts**2, degrees, out=np.zeros_like(parts), where=degrees > 0).sum(axis=1)
    found = np.divide(variance**2, weights, out=np.full_like(variance, MOST_FREEDOM), where=weights > 0)
    found = np.where(of_seeds > 0, np.minimum(found, of_seeds), found)
    error = np.sqrt(variance)
    # Where nothing varied, or one example tells nothing, the rules of `Spread.estimate` hold.
    for place in np.flatnonzero((error <= ROUNDING * 2) | (over_items < 1)).tolist():
        plain = spreads[place].estimate()
        error[place], found[place] = plain.standard_error, plain.degrees_of_freedom
    return Differences(
        value=np.array([one.value for one in spreads]), error=error, freedom=found,
        known=~can_vary | (of_seeds > 0),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What the harm screen found; every array has shape (cells,)."""

    p: Values
    """One-sided, against "not worse"."""
    adjusted: Values
    """Holm's, over all cells."""
    harmed: NDArray[np.bool_]
    detectable: Values
    """Smallest loss found with power 0.8, were no other cell worse; NaN where seeds are unknown."""


def screened(found: Differences, *, level: float, margin: float) -> Screen:
    """Cells worse beyond doubt and by more than the margin.

    Args:
        found: the differences of all cells.
        level: chance of any false alarm among cells that did not change; Holm over cells.
        margin: 0..1.
    """
    p = found.below()
    adjusted = np.array(holm(p.tolist()))
    can_tell = found.known & (found.freedom > 0)
    freedom = np.where(can_tell, found.freedom, 1.0)
    doubtless = told_apart(found.error, freedom, level / max(len(p), 1))
    detectable = np.maximum(doubtless, margin + measured_beyond(found.error, freedom))
    return Screen(
        p=p, adjusted=adjusted, harmed=(adjusted <= level) & (found.value < -margin),
        detectable=np.where(can_tell, detectable, np.nan),
    )  # fmt: skip
