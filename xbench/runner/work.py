"""One fine-tuning, and the scores of every job that shares it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xbench import catalogue, store
from xbench.data import Rows
from xbench.errors import BadOption, XbenchError
from xbench.fit import Fitted, fit
from xbench.record import Cost, Record, Selected
from xbench.runner import facts
from xbench.runner.bench import Bench, bench_of, vectors
from xbench.runner.gold import Gold
from xbench.runner.order import Order
from xbench.runner.plan import Job
from xbench.runner.scoring import Scored, dev_score, score
from xbench.runner.watch import Watch

SMALL = 20_000_000
"""Parameters below which a rate that suits a base-size encoder moves next to nothing in a few hundred steps."""


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
    bench = bench_of(group[0], order, device)
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
            record, scored = _record(job, bench, learned, gold, watch, started=started, shared=len(group) > 1)
            yield job, store.write_once(order.board, record, scored.counts, scored.predictions)
        except XbenchError as fault:
            yield job, fault


def _record(
    job: Job, bench: Bench, learned: Learned, gold: Gold, watch: Watch, *, started: str, shared: bool
) -> tuple[Record, Scored]:
    """Score a job. Gives its record, and the counts and predictions that belong to it."""
    rows, missing = gold.test(job)
    scored = score(job, bench, rows, watch)
    train, dev = (found.used if found else None for found in (learned.train, learned.dev))
    record = Record(
        run=job.run,
        signature=facts.signature_of(job, train, "" if job.kind.trained else vectors(bench)),
        selection=_selected(job, learned.fitted),
        scores=scored.scores,
        missing=(*missing, *scored.missing),
        cost=_cost(bench, learned.fitted, scored, shared=shared),
        tokenizer=scored.tokenizer,
        provenance=facts.provenance(
            job, bench.opened, bench.device, bench.precision, train=train, dev=dev,
            test={language: found.used for language, found in rows.items()}, started=started,
        ),
        examples=None,
        metrics={metric.name: metric.detail for metric in catalogue.metrics_of(job.task)},
    )  # fmt: skip
    return record, scored


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
        dev_score=(lambda: dev_score(job, bench, dev)) if dev else None,
        progress=lambda step, steps, loss: watch.advance(step, f"of {steps} steps, loss {loss:.3f}"),
    )  # fmt: skip
    watch.end()
    return Learned(fitted=fitted, train=train, dev=dev)


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
