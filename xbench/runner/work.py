"""One fine-tuning, and the scores of every job that shares it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xbench import catalogue, store
from xbench.errors import BadOption, XbenchError
from xbench.fit import Fitted, fit
from xbench.record import Cost, Record
from xbench.runner import choosing, facts
from xbench.runner.bench import Bench, bench_of, vectors
from xbench.runner.gold import Gold
from xbench.runner.order import Order
from xbench.runner.plan import Job
from xbench.runner.scoring import Scored
from xbench.runner.watch import Watch
from xbench.selection import SOURCE_DEV, Jury

SMALL = 20_000_000
"""Parameters below which a rate that suits a base-size encoder moves next to nothing in a few hundred steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One fine-tuning that was done, and what its jobs are scored with."""

    bench: Bench
    gold: Gold
    jury: Jury
    fitted: Fitted | None
    """None where nothing is trained, or there is nothing to score."""
    started: str
    shared: bool
    """Whether several jobs share it."""


def perform(group: Sequence[Job], order: Order, gold: Gold, watch: Watch) -> Iterator[tuple[Job, Path | XbenchError]]:
    """Fine-tune once, score every job, write their records. Gives each job's record, or why it has none.

    Raises XbenchError where the fine-tuning that all of them need fails.
    """
    device = facts.device_of(order.device)
    facts.forget_peak(device)
    started = facts.now()
    bench = bench_of(group[0], order, device)
    _remark(group[0], bench, watch)
    worth_it = group[0].kind.trained and any(gold.test(job)[0] for job in group)
    todo = choosing.turns(group, gold)
    zero_shot: dict[tuple[str, str], Scored] = {}
    with Jury(choosing.judges_of(todo, bench, gold) if worth_it else {}) as jury:
        fitted = _fitted(group[0], bench, order, gold, jury, watch) if worth_it else None
        work = Work(bench=bench, gold=gold, jury=jury, fitted=fitted, started=started, shared=len(group) > 1)
        for turn in todo:
            try:
                scored = choosing.scored(turn.job, bench, jury, gold, watch)
                if any(turn.choice == choosing.compared_with(job) for job in _oracles(group)):
                    zero_shot[turn.choice] = scored
                if turn.recorded:
                    record = _record(turn.job, work, scored, zero_shot.get(choosing.compared_with(turn.job)))
                    choosing.check_honest(record)
                    yield turn.job, store.write_once(order.board, record, scored.counts, scored.predictions)
            except XbenchError as fault:
                if turn.recorded:
                    yield turn.job, fault
                else:
                    watch.say(f"note: what oracle gains for {turn.job.task.name} is not known: {fault}")


def _oracles(group: Sequence[Job]) -> list[Job]:
    return [job for job in group if job.recipe.selection == "oracle"]


def _remark(job: Job, bench: Bench, watch: Watch) -> None:
    """Say what may surprise in the scores of this encoder."""
    if bench.opened.unread and not job.kind.trained:
        unread = ", ".join(bench.opened.unread)
        watch.say(f"note: after pooling this checkpoint asks for {unread}, which is not applied")
    if bench.kind.trained and bench.opened.parameters < SMALL and bench.setting.recipe.rate < 1e-4:
        watch.say(
            f"note: {bench.opened.parameters:,} parameters hardly learn at this recipe's rate; see --recipe small"
        )


def _record(job: Job, work: Work, scored: Scored, zero_shot: Scored | None) -> Record:
    """The record of a job that was scored; `zero_shot` is what an oracle is compared with."""
    bench, gold, fitted = work.bench, work.gold, work.fitted
    rows, missing = gold.test(job)
    asked = choosing.asked(job, gold)
    train = gold.train(job).used if fitted else None
    dev = gold.dev(job).used if fitted and SOURCE_DEV in asked else None
    oracle = job.recipe.selection == "oracle"
    regrets = (
        choosing.regrets(job, scored, zero_shot, work.jury, fitted.steps if fitted else 0)
        if oracle and zero_shot and (fitted or job.tuned)
        else {}
    )
    return Record(
        run=job.run,
        signature=facts.signature_of(job, train, "" if job.kind.trained else vectors(bench)),
        selection=choosing.selected(job, scored, work.jury, fitted.steps if fitted else 0, regrets),
        scores=scored.scores,
        missing=(*missing, *scored.missing),
        chance=job.task.chance,
        parallel=job.task.parallel,
        unanswered=scored.unanswered,
        constant=scored.constant,
        cost=_cost(work, scored, asked),
        tokenizer=scored.tokenizer,
        provenance=facts.provenance(
            job, bench.opened, bench.device, bench.precision, train=train, dev=dev,
            test={language: found.used for language, found in rows.items()}, started=work.started,
            how=fitted.how if fitted else {"layout": bench.reader.said},
        ),
        examples=None,
        metrics={metric.name: metric.detail for metric in catalogue.metrics_of(job.task)},
    )  # fmt: skip


def _fitted(job: Job, bench: Bench, order: Order, gold: Gold, jury: Jury, watch: Watch) -> Fitted:
    """Fine-tune, with the jury asked on the way. Raises XbenchError."""
    train = gold.train(job)
    features = bench.kind.encode(train.examples, bench.setting, training=True)
    if not features:
        raise BadOption(
            f"nothing to learn from: the first {len(train.ids)} training rows of {job.task.name} give no features"
        )
    watch.begin(f"fine-tuning {job.run}", 0)
    fitted = fit(
        bench.opened, bench.kind, features, bench.setting, seed=job.run.seed, device=bench.device,
        precision=bench.precision, reader=bench.reader, micro_batch=order.micro_batch, jury=jury,
        progress=lambda step, steps, loss: watch.advance(step, f"of {steps} steps, loss {loss:.3f}"),
    )  # fmt: skip
    watch.end()
    return fitted


def _cost(work: Work, scored: Scored, asked: Mapping[str, str]) -> Cost:
    """What a record took: a judge that only other records needed is not on its bill."""
    bench, fitted = work.bench, work.fitted
    others = sum(verdict.seconds for name, verdict in work.jury.verdicts.items() if name not in asked)
    return Cost(
        train_seconds=fitted.seconds - others if fitted else 0.0,
        score_seconds=scored.seconds,
        train_tokens=fitted.tokens if fitted else 0,
        score_tokens=scored.tokens,
        peak_memory=facts.peak_memory(bench.device),
        parameters=bench.opened.parameters,
        device=facts.describe(bench.device),
        shared=work.shared,
    )
