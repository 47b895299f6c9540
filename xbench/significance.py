"""Whether a difference is more than chance: p-values, and what remains of them when many are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from xbench.errors import BadOption, ScoringError
from xbench.resample import CELLS, Rows, on_grid
from xbench.uncertainty import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PValues:
    """How often chance alone would give such a difference or a larger one."""

    two_sided: float
    greater: float
    """Against "not above"."""
    less: float
    """Against "not below"."""


def paired_test(estimate: Estimate, null: float = 0.0) -> PValues:
    """Student's t test of an estimate, as of a difference, against `null`.

    It agrees with the estimate's interval, but where nothing varied: that is Wilson's then, and the test a little more
    cautious for fewer than seven examples. All are 1 where fewer than two examples tell nothing.
    """
    if estimate.degrees_of_freedom <= 0:
        return PValues(two_sided=1.0, greater=1.0, less=1.0)
    statistic = (estimate.value - null) / estimate.standard_error
    greater, less = (float(stdtr(estimate.degrees_of_freedom, x)) for x in (-statistic, statistic))
    return PValues(two_sided=min(1.0, 2 * min(greater, less)), greater=greater, less=less)


def sign_flips(differences: Rows, *, seed: int = 0, draws: int = 10_000) -> PValues:
    """Paired randomisation test of a mean difference, given the seeds (Fisher 1935; Noreen 1989).

    If two systems were the same, each item's difference could as well have the other sign. p is
    (1 + draws at least as extreme) / (1 + draws), never 0 (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585).

    Args:
        differences: one for each item, shape (n,); influences of one system less those of the other.
        seed: of the signs; the same differences, in any order, and the same seed give the same values.
        draws: how many sets of signs.

    Raises:
        ScoringError: no differences, or some that are not finite.
        BadOption: no draws.
    """
    if differences.ndim != 1 or not len(differences) or not np.isfinite(differences).all():
        raise ScoringError(f"differences must be finite numbers of shape (items,), not of shape {differences.shape}")
    if draws < 1:
        raise BadOption(f"draws must be positive, not {draws}")
    # On the grid no sum is rounded, so that equal sums are found equal.
    values = on_grid(np.sort(differences)[:, None], len(differences))[:, 0]
    observed = values.sum()
    generator = np.random.default_rng(seed)
    sums = np.empty(draws)
    some = max(1, CELLS // len(values))
    for begin in range(0, draws, some):
        out = sums[begin : begin + some]
        words = generator.integers(0, 1 << 32, (len(out), -(-len(values) // 32)), dtype="<u4")
        flipped = np.unpackbits(words.view(np.uint8), axis=1, count=len(values)).astype(np.float64)
        out[:] = observed - 2 * (flipped @ values)

    def p(hits: np.typing.NDArray[np.bool_]) -> float:
        return float(1 + hits.sum()) / (1 + draws)

    return PValues(two_sided=p(np.abs(sums) >= abs(observed)), greater=p(sums >= observed), less=p(sums <= observed))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values, in the order given: those below a level keep all false alarms together below it.

    Step-down (Holm 1979, Scandinavian Journal of Statistics 6:65-70): the k-th smallest of m times m - k + 1, never
    below the one before and never above 1; valid however the tests depend on each other.

    Raises BadOption for a number outside 0..1.
    """
    if bad := [p for p in p_values if not 0 <= p <= 1]:
        raise BadOption(f"p-values must lie in 0..1, not {', '.join(map(str, bad))}")
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [0.0] * len(p_values)
    worst = 0.0
    for passed, place in enumerate(order):
        worst = min(1.0, max(worst, (len(order) - passed) * p_values[place]))
        adjusted[place] = worst
    return tuple(adjusted)
