"""The scores of a job: predict, count, close, in every language."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xbench import catalogue
from xbench.data import Rows
from xbench.fertility import figures
from xbench.metrics import Metric, checked, close, count, rows_of
from xbench.record import Chosen, Counts, Missing, Score, TokenizerFigures
from xbench.resample import interval, interval_of_draws
from xbench.runner.bench import Bench
from xbench.runner.plan import Job
from xbench.runner.stream import read
from xbench.runner.watch import Watch
from xbench.task import Retrieved

FEW = 9
"""Examples up to which equal answers mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What scoring one job gave."""

    scores: tuple[Score, ...]
    counts: Counts
    predictions: tuple[Any, ...]
    """One for each row of the counts."""
    missing: tuple[Missing, ...]
    """Metrics that a language has too few examples for; its other scores are there."""
    unanswered: dict[str, int]
    """Language -> examples without a prediction, where there are some."""
    constant: tuple[str, ...]
    """Languages in which every prediction was the same."""
    tokenizer: dict[str, TokenizerFigures]
    tokens: int
    seconds: float
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    """Language -> the threshold that its own dev split chose, where one was to be chosen."""


def dev_score(job: Job, bench: Bench, dev: Rows, language: str) -> Callable[[], float]:
    """A function that gives the ranking metric on the dev rows of a language, 0..1, as the model then stands.

    The rows are tokenized when it is first asked, and never again.
    """
    metric = catalogue.metrics_of(job.task)[0]
    encoded = cache(lambda: bench.encode(dev.examples))

    def score() -> float:
        predictions = bench.decode(bench.scores(encoded()), encoded(), dev.examples)
        if metric.whole:
            return checked(metric, metric.whole(predictions, dev.examples, language))
        return close(metric, _Answered(language, dev, predictions).counts([metric]).rows)

    return score


def score(
    job: Job, bench: Bench, rows: Mapping[str, Rows], watch: Watch, thresholds: Mapping[str, float] | None = None
) -> Scored:
    """Score every language of a job, each under its own threshold where it has one."""
    metrics = catalogue.metrics_of(job.task)
    began = perf_counter()
    answered: list[_Answered] = []
    tables: list[Counts] = []
    scores: list[Score] = []
    tokenizer: dict[str, TokenizerFigures] = {}
    tokens = 0
    for text, given in read(bench, rows, watch, str(job.run)):
        language, examples = text.language, rows[text.language].examples
        at = bench.under(thresholds[language]) if thresholds else bench
        one = _Answered(language, rows[language], at.decode(given, text.features, examples))
        tables.append(one.counts(metrics))
        scores += one.scores(tables[-1], metrics)
        answered.append(one)
        tokens += text.tokens
        tokenizer[language] = figures(bench.opened.tokenizer, examples, text.features)
    return Scored(
        scores=tuple(scores), counts=_joined(tables, metrics), tokenizer=tokenizer, tokens=tokens,
        predictions=tuple(prediction for one in answered for prediction in one.predictions),
        missing=tuple(cell for one in answered for cell in one.missing(metrics)),
        unanswered={one.language: one.unanswered for one in answered if one.unanswered},
        constant=tuple(one.language for one in answered if one.constant), seconds=perf_counter() - began,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Answered:
    """The gold of a language, and what was predicted for it."""

    language: str
    rows: Rows
    predictions: Sequence[Any]

    def counts(self, metrics: Sequence[Metric]) -> Counts:
        """Counts of every metric that has some."""
        n = len(self.rows.ids)
        return count(self.rows.examples, self.predictions, [self.language] * n, self.rows.ids, metrics)

    def scores(self, table: Counts, metrics: Sequence[Metric]) -> list[Score]:
        """One score for each metric, with its interval over examples, but for those that ask for more examples."""
        found = []
        for metric in metrics:
            if len(table.ids) >= metric.least:
                value, low, high = self._whole(metric) if metric.whole else _closed(metric, rows_of(table, metric))
                found.append(
                    Score(
                        language=self.language, split=self.rows.used.split, metric=metric.name, n=len(table.ids),
                        value=value, low=min(low, value), high=max(high, value),
                    )
                )  # fmt: skip
        return found

    def missing(self, metrics: Sequence[Metric]) -> list[Missing]:
        """The metrics that ask for more examples than this language has."""
        n, split = len(self.rows.ids), self.rows.used.split
        return [
            Missing(
                language=self.language,
                split=split,
                metric=metric.name,
                why=f"{metric.name} needs {metric.least} examples, there are {n}",
            )
            for metric in metrics
            if n < metric.least
        ]

    @property
    def unanswered(self) -> int:
        """How many examples have no prediction."""
        return sum(one is None for one in self.predictions)

    @property
    def constant(self) -> bool:
        """Whether every example got the same answer; tags count as one answer each."""
        tags = (one if isinstance(one, tuple | list) else (one,) for one in self.predictions)
        told = {tag for one in tags for tag in one if not isinstance(tag, Retrieved)}
        return len(self.predictions) > FEW and len(told) == 1

    def _whole(self, metric: Metric) -> tuple[float, float, float]:
        """Score and interval of a metric without counts, from the predictions themselves."""

        def again(places: NDArray[np.intp]) -> float:
            predictions = [self.predictions[place] for place in places]
            examples = [self.rows.examples[place] for place in places]
            return checked(metric, metric.whole(predictions, examples, self.language) if metric.whole else 0.0)

        n = len(self.rows.ids)
        return again(np.arange(n)), *interval_of_draws(again, n)


def _closed(metric: Metric, rows: NDArray[np.float64]) -> tuple[float, float, float]:
    return close(metric, rows), *interval(rows, metric.close)


def _joined(tables: Sequence[Counts], metrics: Sequence[Metric]) -> Counts:
    columns = tuple(f"{metric.name}.{column}" for metric in metrics for column in metric.columns)
    return Counts(
        ids=tuple(id for table in tables for id in table.ids),
        languages=tuple(language for table in tables for language in table.languages),
        columns=columns,
        rows=np.concatenate([table.rows for table in tables]) if tables else np.zeros((0, len(columns))),
    )
