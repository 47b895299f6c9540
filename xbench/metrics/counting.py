"""Counting: predictions and gold -> one row of counts for each gold example, whatever came as a prediction."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xbench.errors import BrokenPlugin, ScoringError
from xbench.metrics.metric import Metric, Rows
from xbench.record import Counts

log = logging.getLogger(__name__)


def unanswered(predictions: Sequence[object], languages: Sequence[str]) -> dict[str, int]:
    """Language -> gold examples without a prediction, for the languages that have any.

    `languages` has one entry for each gold example; predictions that end early leave the rest unanswered.
    """
    given = (*predictions, *(None,) * (len(languages) - len(predictions)))
    return dict(Counter([language for one, language in zip(given, languages, strict=True) if one is None]))


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
        metrics: what is counted; their columns stand side by side as `<metric>.<column>`. Those that score without
            counts (`Metric.whole`) have none here.

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
    counted = [metric for metric in metrics if metric.columns]
    blocks = [_block(metric, examples, given, languages, ids) for metric in counted]
    return Counts(
        ids=tuple(ids),
        languages=tuple(languages),
        columns=tuple(f"{metric.name}.{column}" for metric in counted for column in metric.columns),
        rows=np.concatenate([np.zeros((len(examples), 0)), *blocks], axis=1),
    )


def try_on(metric: Metric, example: object, language: str) -> None:
    """Count an example without a prediction: is the metric meant for such? Raises BrokenPlugin, ScoringError."""
    if not isinstance(example, metric.example):
        meant = metric.example if isinstance(metric.example, tuple) else (metric.example,)
        raise BrokenPlugin(
            f"metric {metric.name!r} scores examples of the shape {' or '.join(one.__name__ for one in meant)}, "
            f"not {type(example).__name__}"
        )
    if metric.columns:
        _Part(metric, [None], [example], language, ["0"]).at_once()


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
) -> Rows:
    """Counts of one metric, shape (examples, its columns); zeros in languages with too few examples for it."""
    rows = np.zeros((len(examples), len(metric.columns)))
    for language, n in Counter(languages).items():
        if n < metric.least:
            continue
        own = _places(language, n, languages)
        part = _Part(metric, _at(own, predictions), _at(own, examples), language, _at(own, ids))
        rows[own] = part.at_once() if metric.count_all else part.one_by_one()
    if not np.isfinite(rows).all():
        first = np.flatnonzero(~np.isfinite(rows).all(axis=1))[0]
        raise ScoringError(f"{metric.name}, {languages[first]}, example {ids[first]}: a count is not a finite number")
    return rows


def _places(language: str, n: int, languages: Sequence[str]) -> slice | list[int]:
    """Where the n examples of a language stand: a slice if they stand together, which needs no picking."""
    first = languages.index(language)
    together = slice(first, first + n)
    if languages[together].count(language) == n:
        return together
    return [place for place, one in enumerate(languages) if one == language]


def _at(places: slice | list[int], given: Sequence[Any]) -> Sequence[Any]:
    return given[places] if isinstance(places, slice) else [given[place] for place in places]


@dataclass(frozen=True, slots=True)
class _Part:
    """What one metric counts in one language."""

    metric: Metric
    predictions: Sequence[Any]
    examples: Sequence[Any]
    language: str
    ids: Sequence[str]

    def at_once(self) -> Rows:
        """Rows of the whole language, shape (examples, columns); one by one where that tells better what is wrong."""
        count_all, where = self.metric.count_all, f"{self.metric.name}, {self.language}"
        if count_all is None:
            return self.one_by_one()
        try:
            rows = np.asarray(count_all(self.predictions, self.examples, self.language), np.float64)
        except Exception as cause:
            if self.metric.count:
                self.one_by_one()
            if isinstance(cause, ScoringError):
                raise ScoringError(f"{where}: {cause}") from cause
            raise BrokenPlugin(f"metric {self.metric.name!r} cannot count {where}: {_said(cause)}") from cause
        if rows.shape != (len(self.examples), len(self.metric.columns)):
            columns = ", ".join(self.metric.columns)
            raise ScoringError(f"{where}: counts of shape {rows.shape} for {len(self.examples)} examples and {columns}")
        return rows

    def one_by_one(self) -> Rows:
        """Rows of the whole language, shape (examples, columns). An error names the example it comes from."""
        found = np.zeros((len(self.examples), len(self.metric.columns)))
        for place, (prediction, gold, name) in enumerate(zip(self.predictions, self.examples, self.ids, strict=True)):
            where = f"{self.metric.name}, {self.language}, example {name}"
            try:
                row = tuple(map(float, self.metric.count(prediction, gold, self.language))) if self.metric.count else ()
            except ScoringError as error:
                raise ScoringError(f"{where}: {error}") from error
            except Exception as cause:
                raise BrokenPlugin(
                    f"metric {self.metric.name!r} cannot count a {type(gold).__name__}: {_said(cause)} "
                    f"({self.language}, example {name}). Is it meant for another kind of task?"
                ) from cause
            if len(row) != len(self.metric.columns):
                told = f"{len(row)} counts for the columns {', '.join(self.metric.columns)}"
                raise ScoringError(f"{where}: {told}")
            found[place] = row
        return found


def _said(cause: Exception) -> str:
    return f"{type(cause).__name__}: {cause}"
