"""Uncertainty from counts alone: the same for every metric, with no sight of texts, models or names.

Rows are what varies: one row of counts for each example, or for each cluster (a sentence with its spans).
Where the score is a share of independent yes-or-no examples there is a closed form (Wilson 1927); everything else is
resampled: rows are drawn with replacement, and each draw is summed and closed like the set itself (Efron 1979).
"""

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from xbench.metrics.metric import total

Rows = NDArray[np.float64]
Close = Callable[[Rows], Rows]

CELLS = 1 << 19
"""Weights of drawn rows that are held at once: 4 MiB, near what a processor's cache holds."""

FEW = 20
"""A weight drawn as a binomial number costs about as much as this many examples drawn by their place."""


def interval(rows: Rows, close: Close, *, level: float = 0.95, seed: int = 0, draws: int = 1000) -> tuple[float, float]:
    """Interval of a score over the examples, given everything else about the run.

    Args:
        rows: shape (n, columns): counts of each example.
        close: sums with shape (..., columns) -> scores with shape (...), 0..1.
        level: wanted share of test sets whose interval holds the true score, in 0..1.
        seed: of the draws; the same rows, in any order, and the same seed give the same interval bit for bit.
        draws: how often the rows are resampled, where they are.

    Returns:
        Both ends, 0..1, around the score of the rows. (0, 1) for fewer than two rows: they tell nothing.

    Raises:
        ValueError: rows of another shape or with numbers that are not finite, a level outside 0..1, or no draws.
    """
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(f"rows must be finite numbers of shape (examples, columns), not of shape {rows.shape}")
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"level must lie in 0..1 and draws be positive, not {level} and {draws}")
    if len(rows) < 2:
        return 0.0, 1.0
    right = successes(rows, close)
    if right is not None:
        return wilson(right, len(rows), level)
    score = float(close(total(rows)))
    scores = close(resampled(rows, seed=seed, draws=draws))
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    if low == high:
        # No draw differs from the others, as when nothing is found at all. That is no certainty: rows that could
        # have told something are taken for yes-or-no examples.
        telling = int(rows.any(axis=1).sum())
        return wilson(score * telling, telling, level) if telling else (0.0, 1.0)
    return float(min(low, score)), float(max(high, score))


def interval_of_draws(
    score: Callable[[NDArray[np.intp]], float], n: int, *, level: float = 0.95, seed: int = 0, draws: int = 200
) -> tuple[float, float]:
    """Interval of a score that no counts add up to: `score` is asked for each draw of places among n examples.

    Args:
        score: places, shape (n,), ascending -> the score of the examples there, 0..1, whether more or less is better.
        n: how many examples there are.
        level: wanted share of test sets whose interval holds the true score, in 0..1.
        seed: of the draws.
        draws: how often places are drawn.

    Returns:
        Both ends, 0..1; (0, 1) for fewer than two examples: they tell nothing.
    """
    if n < 2:
        return 0.0, 1.0
    generator = np.random.default_rng(seed)
    scores = [score(np.sort(generator.integers(0, n, n))) for _ in range(draws)]
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    if low == high:
        # No certainty, as in `interval`; which examples could have told something is not known here, so all count.
        return wilson(score(np.arange(n)) * n, n, level)
    return float(low), float(high)


def successes(rows: Rows, close: Close) -> int | None:
    """How many rows are a yes, where the score is the share of rows that are; None where it is anything else.

    It is one where every row is (0 or 1, 1) and every sum that such rows can have closes to their share.
    """
    if rows.shape[1] != 2 or (rows[:, 1] != 1).any() or not np.isin(rows[:, 0], (0, 1)).all():
        return None
    n = len(rows)
    possible = np.stack([np.arange(n + 1.0), np.full(n + 1, float(n))], axis=-1)
    return int(rows[:, 0].sum()) if np.allclose(close(possible), possible[:, 0] / n, rtol=1e-12, atol=0) else None


def wilson(right: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a share `right / n`, n at least 1 (Wilson 1927, JASA 22:209-212; no continuity correction).

    Unlike others it has a width at 0 and at 1 too, and covers near its level from small n on.
    """
    low, high = score_interval(right / n, n, NormalDist().inv_cdf((1 + level) / 2))
    # Both ends are exact where nothing or all is right; rounding would leave them a hair off.
    return 0.0 if right <= 0 else low, 1.0 if right >= n else high


def score_interval(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Both ends where |share - p| = quantile * sqrt(p (1 - p) / n); n need not be whole."""
    z2 = quantile * quantile
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half_width = quantile / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return centre - half_width, centre + half_width


def resampled(rows: Rows, *, seed: int, draws: int) -> Rows:
    """Sums of rows drawn with replacement, n of n, `draws` times: shape (draws, columns).

    Columns of several languages or systems side by side are resampled together, so that differences keep their pairs.
    Equal rows are one row with a weight: draws are a matrix of weights, and their sums one product of matrices. It is
    the same bit for bit with any number of threads, since no sum is ever rounded (`on_grid`).
    """
    distinct, times = np.unique(rows + 0.0, axis=0, return_counts=True)  # + 0.0: to a sort, -0 is not 0
    values = on_grid(distinct, len(rows))
    return np.concatenate([weights @ values for weights in _weights(times, seed=seed, draws=draws)])


def on_grid(values: Rows, most: int) -> Rows:
    """Values, shape (rows, columns), so rounded that every sum of up to `most` of a column is exact in float64.

    Each column is put on multiples of a power of two so fine that no such sum has more than 53 binary digits: no
    order of addition can then change a bit. Whole numbers stay as they are; others move by less than most / 2^52 of
    the largest in their column, far below what drawing does to them. No grid is finer than 2^-1000.
    """
    largest = np.abs(values).max(axis=0, initial=0.0)
    _, digits = np.frexp(largest * most)
    # 52 and not 53: rounding up may carry the largest sum over the next power of two.
    grid = np.ldexp(1.0, np.maximum(digits - 52, -1000))
    return np.asarray(np.rint(values / grid) * grid, np.float64)


def _weights(times: NDArray[np.intp], *, seed: int, draws: int) -> Iterator[Rows]:
    """How often each distinct row is drawn, in blocks of shape (some draws, distinct rows).

    Both ways have the same distribution; which one is taken depends on the rows alone, never on the machine.
    """
    generator = np.random.default_rng(seed)
    n, kinds = int(times.sum()), len(times)
    some = max(1, CELLS // kinds)
    which = np.repeat(np.arange(kinds), times)
    for begin in range(0, draws, some):
        size = min(some, draws - begin)
        if kinds * FEW < n:
            yield generator.multinomial(n, times / n, size=size).astype(np.float64)
            continue
        weights = np.empty((size, kinds))
        for row in weights:
            row[:] = np.bincount(which[generator.integers(0, n, n, dtype=np.uint32)], minlength=kinds)
        yield weights
