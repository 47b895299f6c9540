"""Metrics: per-example counts, and the number that their sum closes to.

A metric never sees a whole test set. It counts one example at a time; counts are summed, and the sum is closed.
Whatever can be said of uncertainty is then said from the counts alone, the same way for every metric.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One way to score."""

    name: str
    title: str
    columns: tuple[str, ...]
    count: Callable[[Any, Any, str], tuple[float, ...]]
    """(prediction or None, gold example, language) -> one value for each column; None is counted as wrong."""
    close: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """Sums with shape (..., columns) -> scores with shape (...), 0..1; 0 where the denominator is 0."""
    detail: str = ""
    """What of the rules must be known to compare: normaliser, tagging scheme, direction."""
    cite: str = ""


def ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """First column over the second, 0 where the second is 0. Shape (..., 2) -> (...)."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] != 0)


def f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """2·tp / (predicted + gold) from columns (tp, predicted, gold), 0 where there is nothing. Shape (..., 3) -> (...)."""
    both = sums[..., 1] + sums[..., 2]
    return np.divide(2 * sums[..., 0], both, out=np.zeros(sums.shape[:-1]), where=both != 0)
