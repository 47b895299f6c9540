"""Metrics: per-example counts, and the number that their sum closes to.

A metric never sees a whole test set. It counts one example at a time; counts are summed, and the sum is closed.
Whatever can be said of uncertainty is then said from the counts alone, the same way for every metric.
"""

import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xbench.errors import BrokenPlugin, ScoringError
from xbench.record import Counts

log = logging.getLogger(__name__)

SLACK = 1e-9
"""How far beyond 0..1 rounding may take a score; it is then put back."""


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
    """2·tp / (predicted + gold) from columns (tp, predicted, gold), 0 where both are 0. Shape (..., 3) -> (...)."""
    both = sums[..., 1] + sums[..., 2]
    return np.divide(2 * sums[..., 0], both, out=np.zeros(sums.shape[:-1]), where=both != 0)


def close(metric: Metric, rows: NDArray[np.float64]) -> float:
    """Score, 0..1, of rows with the columns of this metric, shape (examples, columns).

    Raises ScoringError where the metric closes to anything else, BrokenPlugin where it cannot close at all.
    """
    try:
        score = float(metric.close(total(rows)))
    except Exception as cause:
        raise BrokenPlugin(f"metric {metric.name!r} cannot close its sum: {type(cause).__name__}: {cause}") from cause
    if not -SLACK <= score <= 1 + SLACK:  # nor is NaN between them
        raise ScoringError(f"metric {metric.name!r} closes to {score}, but a metric must close to a number in 0..1")
    return min(max(score, 0.0), 1.0)


def total(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the rows, shape (examples, columns) -> (columns,), rounded once: the same bits in any order."""
    return np.array([math.fsum(column) for column in rows.T])


def rows_of(counts: Counts, metric: Metric, language: str | None = None) -> NDArray[np.float64]:
    """Rows of one metric, in one language or in all: shape (examples, columns of the metric).

    Raises ScoringError where the metric was not counted.
    """
    names = [f"{metric.name}.{column}" for column in metric.columns]
    if absent := [name for name in names if name not in counts.columns]:
        raise ScoringError(f"no counts of {', '.join(absent)}; there are {', '.join(counts.columns)}")
    rows = counts.rows[:, [counts.columns.index(name) for name in names]]
    return rows if language is None else rows[np.array([one == language for one in counts.languages], dtype=bool)]


def unanswered(predictions: Sequence[object], languages: Sequence[str]) -> dict[str, int]:
    """Language -> gold examples without a prediction, for the languages that have any.

    `languages` has one entry for each gold example; predictions that end early leave the rest unanswered.
    """
    given = (*predictions, *(None,) * (len(languages) - len(predictions)))
    return dict(Counter(language for one, language in zip(given, languages, strict=True) if one is None))


def count(
    examples: Sequence[object],
    predictions: Sequence[object],
    languages: Sequence[str],
    ids: Sequence[str],
    metrics: Sequence[Metric],
) -> Counts:
    """Count every metric on every gold example, in the order of the gold.

    Args:
        examples: gold examples, all languages of a run.
        predictions: one for each example, None where there is none; those that are absent at the end count as None.
        languages: language of each example.
        ids: id of each example, unique within its language.
        metrics: what is counted; their columns stand side by side as `<metric>.<column>`.

    Raises:
        ScoringError: more predictions than gold, none at all for some gold, a prediction of a wrong shape, or counts
            that are not finite. What lacks a prediction is counted wrong and its number is logged as a warning.
        BrokenPlugin: a metric fails on an example, as one for tags does on a pair of sentences.
    """
    _aligned(examples, predictions, languages, ids, metrics)
    given = [*predictions, *(None,) * (len(examples) - len(predictions))]
    if lacking := unanswered(given, languages):
        told = ", ".join(f"{language} {number}" for language, number in lacking.items())
        log.warning("%d of %d predictions did not come and count as wrong: %s", sum(lacking.values()), len(given), told)
    blocks = [_block(metric, examples, given, languages, ids) for metric in metrics]
    return Counts(
        ids=tuple(ids),
        languages=tuple(languages),
        columns=tuple(f"{metric.name}.{column}" for metric in metrics for column in metric.columns),
        rows=np.concatenate(blocks, axis=1),
    )


def _aligned(
    examples: Sequence[object],
    predictions: Sequence[object],
    languages: Sequence[str],
    ids: Sequence[str],
    metrics: Sequence[Metric],
) -> None:
    """Raise ScoringError, saying all that is wrong, unless the sequences belong together."""
    wrong = []
    n = len(examples)
    if len(predictions) > n:
        wrong.append(f"there are {len(predictions)} predictions for {n} gold examples")
    if n and not len(predictions):
        wrong.append(f"there are no predictions at all for {n} gold examples")
    if len(languages) != n or len(ids) != n:
        wrong.append(f"{n} gold examples come with {len(languages)} languages and {len(ids)} ids")
    names = [metric.name for metric in metrics]
    if not names or len(set(names)) < len(names):
        wrong.append(f"metrics must be given, each once, not: {', '.join(names) or 'none'}")
    if wrong:
        raise ScoringError("; ".join(wrong) + ".")


def _block(
    metric: Metric,
    examples: Sequence[object],
    predictions: Sequence[object],
    languages: Sequence[str],
    ids: Sequence[str],
) -> NDArray[np.float64]:
    """Counts of one metric, shape (examples, its columns)."""
    rows = np.zeros((len(examples), len(metric.columns)))
    found: list[tuple[float, ...]] = []
    for prediction, gold, language, name in zip(predictions, examples, languages, ids, strict=True):
        try:
            row = tuple(map(float, metric.count(prediction, gold, language)))
        except ScoringError as error:
            raise ScoringError(f"{metric.name}, {language}, example {name}: {error}") from error
        except Exception as cause:
            raise BrokenPlugin(
                f"metric {metric.name!r} cannot count a {type(gold).__name__}: {type(cause).__name__}: {cause} "
                f"({language}, example {name}). Is it meant for another kind of task?"
            ) from cause
        if len(row) != len(metric.columns):
            told = f"{len(row)} counts for the columns {', '.join(metric.columns)}"
            raise ScoringError(f"{metric.name}, {language}, example {name}: {told}")
        found.append(row)
    if found:
        rows[:] = found
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        first = bad[0]
        raise ScoringError(f"{metric.name}, {languages[first]}, example {ids[first]}: a count is not a finite number")
    return rows
