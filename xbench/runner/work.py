"""One fine-tuning, and the scores of every job that shares it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from xbench import catalogue, store
from xbench.data import Rows
from xbench.errors import BadOption, XbenchError
from xbench.fertility import figures
from xbench.fit import Fitted, fit
from xbench.kinds import Feature, Setting
from xbench.metrics import Metric, close, count, rows_of
from xbench.opening import Opened, open_encoder
from xbench.predict import predict
from xbench.recipe import Recipe
from xbench.record import Cost, Counts, Record, Score, Selected, TokenizerFigures
from xbench.resample import interval
from xbench.runner import facts
from xbench.runner.gold import Gold
from xbench.runner.order import Order
from xbench.runner.plan import Job
from xbench.runner.watch import Watch

SMALL = 20_000_000
"""Parameters below which a rate that suits a base-size encoder moves next to nothing in a few hundred steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """An opened encoder on a device, set up for a kind of task."""

    kind: Any
    opened: Opened
    setting: Setting
    device: torch.device
    precision: str

    def answers(self, examples: Sequence[Any]) -> tuple[list[Any], list[Feature]]:
        """A prediction for each example, and the features it was read from."""
        features = self.kind.encode(examples, self.setting, training=False)
        scores = predict(self.opened, self.kind, features, self.setting, device=self.device, precision=self.precision)
        return self.kind.decode(scores, features, examples, self.setting), features


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What scoring one job gave."""

    scores: tuple[Score, ...]
    counts: Counts
    tokenizer: dict[str, TokenizerFigures]
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What fine-tuning gave, and the rows it read."""

    fitted: Fitted | None = None
    """None where nothing is trained, or there is nothing to score."""
    train: Rows | None = None
    dev: Rows | None = None


def perform(group: Sequence[Job], order: Order, gold: Gold, watch: Watch) -> Iterator[tuple[Job, Path | XbenchError]]:
    """Fine-tune once, score every job, write their records. Gives each job's record, or why it has none.

    Raises XbenchError where the fine-tuning that all of them need fails.
    """
    device = facts.device_of(order.device)
    facts.forget_peak(device)
    started = facts.now()
    bench = _bench(group[0], order, device)
    if bench.opened.unread and not group[0].kind.trained:
        unread = ", ".join(bench.opened.unread)
        watch.say(f"note: after pooling this checkpoint asks for {unread}, which is not applied")
    if bench.kind.trained and bench.opened.parameters < SMALL and bench.setting.recipe.rate < 1e-4:
        watch.say(
            f"note: {bench.opened.parameters:,} parameters hardly learn at this recipe's rate; see --recipe small"
        )
    worth_it = group[0].kind.trained and any(gold.test(job)[0] for job in group)
    learned = _fitted(group[0], bench, order, gold, watch) if worth_it else Learned()
    for job in group:
        try:
            record, counts = _record(job, bench, learned, gold, watch, started=started, shared=len(group) > 1)
            yield job, store.write_once(order.board, record, counts)
        except XbenchError as fault:
            yield job, fault


def _record(
    job: Job, bench: Bench, learned: Learned, gold: Gold, watch: Watch, *, started: str, shared: bool
) -> tuple[Record, Counts]:
    """Score a job. Gives its record, and the counts that belong to it."""
    rows, missing = gold.test(job)
    scored = _scored(job, bench, rows, watch)
    train, dev = (found.used if found else None for found in (learned.train, learned.dev))
    record = Record(
        run=job.run,
        signature=facts.signature_of(job, train, "" if job.kind.trained else _vectors(bench)),
        selection=_selected(job, learned.fitted),
        scores=scored.scores,
        missing=missing,
        cost=_cost(bench, learned.fitted, scored, shared=shared),
        tokenizer=scored.tokenizer,
        provenance=facts.provenance(
            job, bench.opened, bench.device, bench.precision, train=train, dev=dev,
            test={language: found.used for language, found in rows.items()}, started=started,
        ),
        examples=None,
    )  # fmt: skip
    return record, scored.counts


def _bench(job: Job, order: Order, device: torch.device) -> Bench:
    opened = open_encoder(
        job.encoder, job.kind, job.task.labels, seed=job.run.seed, trust_remote_code=order.trust_remote_code
    )
    own = opened.own_length if not job.kind.trained and job.recipe.pooling == "own" else None
    limit = min(job.recipe.length, opened.positions, own or job.recipe.length)
    setting = Setting(
        labels=job.task.labels, recipe=job.recipe, tokenizer=opened.tokenizer, typed=opened.typed, limit=limit,
        pooling=opened.pooling if job.recipe.pooling == "own" else "mean",
    )  # fmt: skip
    precision = facts.precision_of(job.recipe.precision, device, trained=job.kind.trained)
    return Bench(kind=job.kind, opened=opened, setting=setting, device=device, precision=precision)


def _fitted(job: Job, bench: Bench, order: Order, gold: Gold, watch: Watch) -> Learned:
    """Fine-tune, and choose the checkpoint where the recipe says so. Raises XbenchError."""
    train = gold.train(job)
    dev = gold.dev(job) if job.recipe.selection == "source-dev" else None
    features = bench.kind.encode(train.examples, bench.setting, training=True)
    if not features:
        raise BadOption(
            f"nothing to learn from: the first {len(train.ids)} training rows of {job.task.name} give no features"
        )
    watch.begin(f"fine-tuning {job.run}", 0)
    fitted = fit(
        bench.opened, bench.kind, features, bench.setting, seed=job.run.seed, device=bench.device,
        precision=bench.precision, micro_batch=order.micro_batch,
        dev_score=(lambda: _dev_score(job, bench, dev)) if dev else None,
        progress=lambda step, steps, loss: watch.advance(step, f"of {steps} steps, loss {loss:.3f}"),
    )  # fmt: skip
    watch.end()
    return Learned(fitted=fitted, train=train, dev=dev)


def _dev_score(job: Job, bench: Bench, dev: Rows) -> float:
    """The ranking metric on the source's dev rows, 0..1."""
    metric = catalogue.metrics.open(job.task.metric)
    predictions, _ = bench.answers(dev.examples)
    return close(metric, _counted(job, dev, predictions, job.run.source, [metric]).rows)


def _scored(job: Job, bench: Bench, rows: dict[str, Rows], watch: Watch) -> Scored:
    """Score every language of a job."""
    metrics = [catalogue.metrics.open(name) for name in job.task.metrics]
    began = perf_counter()
    tables: list[Counts] = []
    scores: list[Score] = []
    tokenizer: dict[str, TokenizerFigures] = {}
    tokens = 0
    watch.begin(f"scoring {job.run}", len(rows))
    for done, (language, found) in enumerate(rows.items(), 1):
        predictions, features = bench.answers(found.examples)
        table = _counted(job, found, predictions, language, metrics)
        scores += _closed(table, language, found.used.split, metrics)
        tables.append(table)
        tokens += sum(len(feature.ids) for feature in features)
        tokenizer[language] = figures(bench.opened.tokenizer, found.examples, features)
        watch.advance(done, f"{language} {100 * scores[-len(metrics)].value:.1f}")
    watch.end()
    return Scored(
        scores=tuple(scores), counts=_joined(tables, metrics), tokenizer=tokenizer, tokens=tokens,
        seconds=perf_counter() - began,
    )  # fmt: skip


def _counted(job: Job, rows: Rows, predictions: Sequence[Any], language: str, metrics: Sequence[Metric]) -> Counts:
    return count(rows.examples, predictions, [language] * len(rows.ids), rows.ids, metrics)


def _closed(table: Counts, language: str, split: str, metrics: Sequence[Metric]) -> list[Score]:
    """One score for each metric, with its interval over examples."""
    scores = []
    for metric in metrics:
        rows = rows_of(table, metric)
        low, high = interval(rows, metric.close)
        value = close(metric, rows)
        scores.append(
            Score(
                language=language, split=split, metric=metric.name, n=len(table.ids), value=value,
                low=min(low, value), high=max(high, value),
            )
        )  # fmt: skip
    return scores


def _joined(tables: Sequence[Counts], metrics: Sequence[Metric]) -> Counts:
    columns = tuple(f"{metric.name}.{column}" for metric in metrics for column in metric.columns)
    return Counts(
        ids=tuple(id for table in tables for id in table.ids),
        languages=tuple(language for table in tables for language in table.languages),
        columns=columns,
        rows=np.concatenate([table.rows for table in tables]) if tables else np.zeros((0, len(columns))),
    )


def _selected(job: Job, fitted: Fitted | None) -> Selected:
    if fitted is None:
        return Selected(rule="none", split="", checkpoint=0, score=None)
    chose = job.recipe.selection == "source-dev"
    return Selected(
        rule=job.recipe.selection,
        split=f"{job.run.source}/{job.task.training.dev}" if chose else "",
        checkpoint=fitted.selected,
        score=fitted.score,
        history=tuple(fitted.history),
    )


def _cost(bench: Bench, fitted: Fitted | None, scored: Scored, *, shared: bool) -> Cost:
    return Cost(
        train_seconds=fitted.seconds if fitted else 0.0,
        score_seconds=scored.seconds,
        train_tokens=fitted.tokens if fitted else 0,
        score_tokens=scored.tokens,
        peak_memory=facts.peak_memory(bench.device),
        parameters=bench.opened.parameters,
        device=facts.describe(bench.device),
        shared=shared,
    )


def _vectors(bench: Bench) -> str:
    """How sentence vectors were made, for the signature."""
    recipe: Recipe = bench.setting.recipe
    blocks = bench.opened.blocks
    block = blocks // 2 + 1 if recipe.middle else recipe.layer or blocks
    left_out = "".join(f"-without{step}" for step in bench.opened.unread)
    return f"block{block}of{blocks}-{bench.setting.pooling}{left_out}-length{bench.setting.limit}" + (
        "-centred" if recipe.centre else ""
    )
