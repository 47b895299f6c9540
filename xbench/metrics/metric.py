"""What a metric is, and what is done with its counts: select, sum, close."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xbench.errors import BadOption, BrokenPlugin, ScoringError
from xbench.record import Counts

SLACK = 1e-9
"""How far beyond 0..1 rounding may take a score; it is then put back."""

Rows = NDArray[np.float64]


def _no_columns(sums: Rows) -> Rows:
    raise ScoringError("this metric has no counts of its own that could be closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One way to score. It counts one example at a time, a whole language at once, or, as a last resort, not at all."""

    name: str
    title: str
    columns: tuple[str, ...] = ()
    count: Callable[[Any, Any, str], tuple[float, ...]] | None = None
    """(prediction or None, gold example, language) -> one value for each column; None is counted as wrong."""
    count_all: Callable[[Sequence[Any], Sequence[Any], str], Rows] | None = None
    """(predictions, gold examples, language) -> counts of a whole language, shape (examples, columns), where those of
    an example depend on the others, or to be fast. Where `count` is there too the two must agree."""
    close: Callable[[Rows], Rows] = _no_columns
    """Sums with shape (..., columns) -> scores with shape (...), 0..1; 0 where the denominator is 0."""
    whole: Callable[[Sequence[Any], Sequence[Any], str], float] | None = None
    """(predictions, gold examples, language) -> score 0..1, for a metric that no counts add up to. It has no columns;
    its interval comes from resampled predictions."""
    per_label: "Callable[[tuple[str, ...]], Metric] | None" = None
    """Labels of a task -> the metric that counts each of them, where its columns depend on them."""
    at: "Callable[[int], Metric] | None" = None
    """Whole number -> the metric of the name `<name>@<number>`, where there is such a family."""
    example: type | tuple[type, ...] = object
    """Shape of the gold examples it can count."""
    least: int = 0
    """Examples that a language must have to be scored by it."""
    better: str = "higher"
    """higher or lower."""
    detail: str = ""
    """What of the rules must be known to compare: normaliser, tagging scheme, direction, version."""
    cite: str = ""

    def __post_init__(self) -> None:
        """Refuse a metric that cannot count, or counts in two ways. Raises BadOption."""
        ways = (self.count or self.count_all, self.whole, self.per_label)
        if sum(way is not None for way in ways) != 1:
            raise BadOption(
                f"metric {self.name!r} must have one of three: `count` or `count_all`; `whole`; `per_label`"
            )
        if bool(self.columns) != (ways[0] is not None):
            raise BadOption(
                f"metric {self.name!r} has {len(self.columns)} columns; what counts has some, what does not has none"
            )


def ratio(sums: Rows) -> Rows:
    """First column over the second, 0 where the second is 0. Shape (..., 2) -> (...)."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] != 0)


def f1(sums: Rows) -> Rows:
    """2·tp / (predicted + gold) from columns (tp, predicted, gold), 0 where both are 0. Shape (..., 3) -> (...)."""
    both = sums[..., 1] + sums[..., 2]
    return np.divide(2 * sums[..., 0], both, out=np.zeros(sums.shape[:-1]), where=both != 0)


def close(metric: Metric, rows: Rows) -> float:
    """Score, 0..1, of rows with the columns of this metric, shape (examples, columns).

    Raises ScoringError where the metric closes to anything else or the rows have no sum, BrokenPlugin where it cannot
    close at all.
    """
    whole = total(rows)
    try:
        score = float(metric.close(whole))
    except Exception as cause:
        raise BrokenPlugin(f"metric {metric.name!r} cannot close its sum: {type(cause).__name__}: {cause}") from cause
    return checked(metric, score)


def checked(metric: Metric, score: float) -> float:
    """A score, put back into 0..1 where rounding took it out. Raises ScoringError where more than rounding did."""
    if not -SLACK <= score <= 1 + SLACK:  # nor is NaN between them
        raise ScoringError(f"metric {metric.name!r} closes to {score}, but a metric must close to a number in 0..1")
    return min(max(score, 0.0), 1.0)


def total(rows: Rows) -> Rows:
    """Sum of the rows, shape (examples, columns) -> (columns,), rounded once: the same bits in any order.

    Raises ScoringError where a sum is too large for a number, or adds up infinities.
    """
    try:
        return np.array([math.fsum(column) for column in rows.T.tolist()])
    except (ArithmeticError, ValueError) as cause:  # fsum: overflow, or inf less inf
        raise ScoringError(f"counts cannot be summed: {cause}") from cause


def rows_of(counts: Counts, metric: Metric, language: str | None = None) -> Rows:
    """Rows of one metric, in one language or in all: shape (examples, columns of the metric).

    Raises ScoringError where the metric was not counted.
    """
    names = [f"{metric.name}.{column}" for column in metric.columns]
    if absent := [name for name in names if name not in counts.columns]:
        raise ScoringError(f"no counts of {', '.join(absent)}; there are {', '.join(counts.columns)}")
    rows = counts.rows[:, [counts.columns.index(name) for name in names]]
    return rows if language is None else rows[np.array([one == language for one in counts.languages], dtype=bool)]


def for_labels(metric: Metric, labels: Sequence[str]) -> Metric:
    """The metric itself, or, where it counts each label on its own, the one for these labels."""
    return metric.per_label(tuple(labels)) if metric.per_label else metric


def for_columns(metric: Metric, columns: Sequence[str]) -> Metric:
    """The metric itself, or, where it counts each label on its own, the one that was counted in these columns.

    Such columns read `<metric>.<column>:<label>`.
    """
    own = [name.removeprefix(f"{metric.name}.") for name in columns if name.startswith(f"{metric.name}.")]
    return for_labels(metric, tuple(dict.fromkeys(name.partition(":")[2] for name in own)))
