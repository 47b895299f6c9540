"""One fine-tuning, and the scores of every job that shares it."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from xbench import catalogue, store
from xbench.crew import ALONE, Crew
from xbench.errors import BadOption, DoesNotFit, XbenchError
from xbench.fit import Fitted, Training, fit_together
from xbench.record import Cost, Record
from xbench.runner import choosing, facts
from xbench.runner.bench import Bench, bench_of, vectors
from xbench.runner.gold import Gold
from xbench.runner.order import Order
from xbench.runner.plan import Job
from xbench.runner.scoring import Scored
from xbench.runner.teams import seats
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


def perform(
    team: Sequence[Sequence[Job]], order: Order, gold: Gold, watch: Watch, crew: Crew = ALONE
) -> Iterator[tuple[Job, Path | XbenchError]]:
    """Fine-tune an encoder for each group, several seeds at once where that is wanted, score every job and record it.

    Gives each job's record, or why it has none. The groups of a team differ in their seeds only. Those that do not fit
    into the memory together are done one by one. All processes of a `crew` must ask; its first one writes.
    """
    left = list(team)
    while left:
        alone = yield from _round(left, order, gold, watch, crew)
        if alone:
            watch.say("note: the seeds do not fit into the memory together; going on one by one")
            order, left = replace(order, at_once=1), [*alone, *left]


def _round(
    left: list[Sequence[Job]], order: Order, gold: Gold, watch: Watch, crew: Crew
) -> Generator[tuple[Job, Path | XbenchError], None, list[Sequence[Job]]]:
    """Do as many of the groups that are left as go at once, and take them out; those that must be done alone.

    What was set up for the latter is gone at the end, and the memory of it free.
    """
    alone: list[Sequence[Job]] = []
    with ExitStack() as stack:
        starts: list[_Start] = []
        most = 0
        while left and not alone and (not starts or len(starts) < most):
            group = left.pop(0)
            try:
                starts.append(_start(group, order, gold, watch, crew, stack))
            except XbenchError as fault:
                if starts and isinstance(fault, DoesNotFit):
                    alone.append(group)
                else:
                    yield from ((job, fault) for job in group)
            if starts and not most:
                most = seats(starts[0].bench, order)
        for start, fitted in zip(starts, _fitted(starts, order, gold, watch), strict=True):
            if isinstance(fitted, DoesNotFit) and len(starts) > 1:
                alone.append(start.group)
            elif isinstance(fitted, XbenchError):
                yield from ((job, fitted) for job in start.group)
            else:
                yield from _recorded(start, fitted, order, gold, watch)
    return alone


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What is set up before a group's encoder is fine-tuned."""

    group: Sequence[Job]
    bench: Bench
    turns: Sequence[choosing.Turn]
    jury: Jury
    worth_it: bool
    """Whether there is anything to fine-tune, and to score afterwards."""
    began: str


def _start(group: Sequence[Job], order: Order, gold: Gold, watch: Watch, crew: Crew, stack: ExitStack) -> _Start:
    device = facts.device_of(order.device)
    facts.forget_peak(device)
    began = facts.now()
    bench = bench_of(group[0], order, device, crew)
    _remark(group[0], bench, watch)
    worth_it = group[0].kind.trained and any(gold.test(job)[0] for job in group)
    turns = choosing.turns(group, gold)
    jury = stack.enter_context(Jury(choosing.judges_of(turns, bench, gold) if worth_it else {}))
    return _Start(group=group, bench=bench, turns=turns, jury=jury, worth_it=worth_it, began=began)


def _recorded(
    start: _Start, fitted: Fitted | None, order: Order, gold: Gold, watch: Watch
) -> Iterator[tuple[Job, Path | XbenchError]]:
    """Score every job of a group, and write its record."""
    work = Work(
        bench=start.bench, gold=gold, jury=start.jury, fitted=fitted, started=start.began,
        shared=len(start.group) > 1,
    )  # fmt: skip
    zero_shot: dict[tuple[str, str], Scored] = {}
    for turn in start.turns:
        try:
            scored = choosing.scored(turn.job, work.bench, work.jury, work.gold, watch)
            if any(turn.choice == choosing.compared_with(job) for job in _oracles(start.group)):
                zero_shot[turn.choice] = scored
            if turn.recorded:
                record = _record(turn.job, work, scored, zero_shot.get(choosing.compared_with(turn.job)))
                choosing.check_honest(record)
                write = partial(store.write_once, order.board, record, scored.counts, scored.predictions)
                yield turn.job, work.bench.crew.by_first(write)
        except XbenchError as fault:
            if turn.recorded:
                yield turn.job, fault
            else:
                work.bench.crew.agree(fault)
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
        shares_items=job.task.shares_items,
        unanswered=scored.unanswered,
        constant=scored.constant,
        cost=_cost(work, scored, asked),
        tokenizer=scored.tokenizer,
        provenance=facts.provenance(
            job, bench.opened, bench.device, bench.precision, crew=bench.crew, train=train, dev=dev,
            test={language: found.used for language, found in rows.items()}, started=work.started,
            how=fitted.how if fitted else {"layout": bench.reader.said} | bench.crew.how,
        ),
        examples=None,
        metrics={metric.name: metric.detail for metric in catalogue.metrics_of(job.task)},
    )  # fmt: skip


def _fitted(starts: Sequence[_Start], order: Order, gold: Gold, watch: Watch) -> list[Fitted | XbenchError | None]:
    """Fine-tune all that is worth it, with each jury asked on the way; None where nothing is."""
    found: list[Fitted | XbenchError | None] = [None] * len(starts)
    trainings: dict[int, Training] = {}
    for place, start in enumerate(starts):
        if start.worth_it:
            try:
                trainings[place] = _training(start, gold, watch)
            except XbenchError as fault:
                found[place] = fault
    if trainings:
        bench = starts[0].bench
        seeds = f" and {len(trainings) - 1} more seeds" if len(trainings) > 1 else ""
        watch.begin(f"fine-tuning {starts[min(trainings)].group[0].run}{seeds}", 0)
        done = fit_together(
            list(trainings.values()), device=bench.device, precision=bench.precision, micro_batch=order.micro_batch
        )
        watch.end()
        for place, one in zip(trainings, done, strict=True):
            found[place] = one
    return found


def _training(start: _Start, gold: Gold, watch: Watch) -> Training:
    """What is to be fine-tuned. Raises BadOption."""
    job, bench = start.group[0], start.bench
    train = gold.train(job)
    with bench.crew.in_turn():
        features = bench.kind.encode(train.examples, bench.setting, training=True)
    if not features:
        raise BadOption(
            f"nothing to learn from: the first {len(train.ids)} training rows of {job.task.name} give no features"
        )

    def progress(step: int, steps: int, loss: float) -> None:
        watch.advance(step, f"of {steps} steps, loss {loss:.3f}")

    return Training(
        reader=bench.reader, kind=bench.kind, features=features, setting=bench.setting, seed=job.run.seed,
        jury=start.jury, progress=progress, crew=bench.crew,
    )  # fmt: skip


def _cost(work: Work, scored: Scored, asked: Mapping[str, str]) -> Cost:
    """What a record took: a judge that only other records needed is not on its bill."""
    bench, fitted = work.bench, work.fitted
    others = sum(verdict.seconds for name, verdict in work.jury.verdicts.items() if name not in asked)
    return Cost(
        train_seconds=fitted.seconds - others if fitted else 0.0,
        score_seconds=scored.seconds,
        train_tokens=fitted.tokens if fitted else 0,
        score_tokens=scored.tokens,
        peak_memory=max(bench.crew.gather(facts.peak_memory(bench.device))),
        parameters=bench.opened.parameters,
        device=facts.describe(bench.device, bench.crew),
        shared=work.shared,
    )
