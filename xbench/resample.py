"""Uncertainty from counts alone: the same for every metric, with no sight of texts, models or names.

Rows are what varies: one row of counts for each example, or for each cluster (a sentence with its spans).
Where the score is a share of independent yes-or-no examples there is a closed form (Wilson 1927); everything else is
resampled: rows are drawn with replacement, and each draw is summed and closed like the set itself (Efron 1979).
"""

from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from xbench.metrics.metric import total

Rows = NDArray[np.float64]
Close = Callable[[Rows], Rows]

CELLS = 1 << 21
"""Numbers of drawn rows that are held at once: 16 MiB."""


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

    Both ends, 0..1; (0, 1) for fewer than two examples.
    """
    if n < 2:
        return 0.0, 1.0
    generator = np.random.default_rng(seed)
    scores = [score(np.sort(generator.integers(0, n, n))) for _ in range(draws)]
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
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
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half_width = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    # Both ends are exact where nothing or all is right; rounding would leave them a hair off.
    low = 0.0 if right <= 0 else centre - half_width
    high = 1.0 if right >= n else centre + half_width
    return low, high


def resampled(rows: Rows, *, seed: int, draws: int) -> Rows:
    """Sums of rows drawn with replacement, n of n, `draws` times: shape (draws, columns).

    Equal rows are drawn as one, with their share as weight: the same distribution, and far fewer numbers to draw.
    Columns of several languages or systems side by side are resampled together, so that differences keep their pairs.
    """
    distinct, times = np.unique(rows, axis=0, return_counts=True)
    # einsum and not @: a linear algebra library may add in another order with another number of threads.
    blocks = _multinomial(times, seed=seed, draws=draws)
    return np.concatenate([np.einsum("dr,rc->dc", counts, distinct) for counts in blocks])


def _multinomial(times: NDArray[np.intp], *, seed: int, draws: int) -> Iterator[Rows]:
    """How often each distinct row is drawn, in blocks of shape (some draws, distinct rows)."""
    generator = np.random.default_rng(seed)
    n = int(times.sum())
    some = max(1, CELLS // len(times))
    for begin in range(0, draws, some):
        yield generator.multinomial(n, times / n, size=min(some, draws - begin)).astype(np.float64)
