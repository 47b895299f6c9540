"""Run -> Record: plan what was asked for, fine-tune, score, write. The only floor that knows all the others."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from xbench import store
from xbench.crew import ALONE, Crew, joined, launched
from xbench.errors import AlreadyRecorded, BadOption, XbenchError
from xbench.recipe import Precision
from xbench.record import Record, Run
from xbench.runner.facts import device_of, unsettled
from xbench.runner.gold import Gold
from xbench.runner.order import Order, order
from xbench.runner.plan import Job, Plan, look, plan
from xbench.runner.teams import Group, together
from xbench.runner.watch import Silent, Watch
from xbench.runner.work import perform

__all__ = ["LOCAL", "Failed", "Job", "Order", "Outcome", "Plan", "Silent", "Watch", "carry_out", "order", "plan", "run"]

LOCAL = Path("leaderboards/local")
"""The board that is written to unless another is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A run that could not be done; the others were."""

    run: Run
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an order."""

    ran: tuple[tuple[Path, Record], ...]
    """Records written now."""
    finished: tuple[tuple[Path, Record], ...]
    """Records that stood on the board already, or that another command wrote there meanwhile."""
    failed: tuple[Failed, ...]
    notes: tuple[str, ...]


@contextmanager
def assembled(order: Order) -> Iterator[Crew]:
    """The processes that `accelerate launch` or torchrun started for an order, see `xbench.crew.joined`.

    Raises BadOption, NotTogether.
    """
    if not launched():
        yield ALONE
        return
    with joined(device_of(order.device)) as crew:
        if crew.sharded and order.compiled:
            raise BadOption("--compile and --use_fsdp do not go together: leave one of the two out")
        yield crew


def plan_together(order: Order, crew: Crew, *, fetch: bool = True) -> Plan:
    """A plan of every process of a crew, before any of them writes.

    Raises NotTogether where they are not equal, BadOption for tf32 without a GPU, and what `plan` raises.
    """
    if order.precision == "tf32" and device_of(order.device).type != "cuda":
        raise BadOption("--precision tf32 needs a GPU, and this runs on a CPU: take fp32, or leave it to auto")
    with crew.in_turn():
        found = plan(order, fetch=fetch)
    todo = [f"{job.run} {job.languages} {job.recipe.digest()}" for group in found.groups for job in group]
    crew.same("work to do", f"{len(todo)} runs (#{sha256('; '.join(todo).encode()).hexdigest()[:8]})")
    return found


@unsettled()
def carry_out(plan: Plan, order: Order, watch: Watch, crew: Crew = ALONE) -> Outcome:
    """Do what a plan says: read and check all rows, then train and score. A run that fails does not stop others.

    What another command has recorded since the plan was made is not done again. All processes of a `crew` must ask. Its
    first one writes, and knows of the records that were written.
    """
    gold = Gold(order.data)
    ran: list[tuple[Path, Record]] = []
    failed: list[Failed] = []
    finished = dict(plan.finished)
    if crew.size > 1:
        order = replace(order, at_once=1)
    with crew.in_turn():
        groups = _checked(plan, gold, watch, failed)
    crew.same("rows to trust", f"{len(failed)} failed runs ({'; '.join(str(lost) for lost in failed)})")
    for number, team in enumerate(teams := together(groups, order), 1):
        left = [job for group in team for job in group]
        watch.say(f"[{number}/{len(teams)}] {', '.join(str(job.run) for job in left)}")
        try:
            still = _undone(team, order, crew, watch, finished, failed)
            left = [job for group in still for job in group]
            for job, what in perform(still, order, gold, watch, crew):
                left.remove(job)
                if isinstance(what, Path):
                    ran += [(what, store.read(what))] if crew.first else []
                elif fault := _unless_recorded(job, what, order, crew, watch, finished):
                    crew.agree(fault)
                    _lost(failed, [job], fault, watch)
        except XbenchError as fault:
            crew.agree(fault)
            _lost(failed, left, fault, watch)
    return Outcome(ran=tuple(ran), finished=tuple(finished.items()), failed=tuple(failed), notes=plan.notes)


def _undone(
    team: Sequence[Group], order: Order, crew: Crew, watch: Watch, finished: dict[Path, Record], failed: list[Failed]
) -> list[list[Job]]:
    """The groups of a team less what another command has recorded by now, which is added to `finished`.

    A job that cannot go on with what stands there is added to `failed`. All processes of a crew see the same.
    """
    still: list[list[Job]] = []
    for group in team:
        still.append([])
        for job in group:
            try:
                if left := _left(job, order, crew, watch, finished):
                    still[-1].append(replace(job, languages=left))
            except XbenchError as fault:
                crew.agree(fault)
                _lost(failed, [job], fault, watch)
    return [group for group in still if group]


def _unless_recorded(
    job: Job, fault: XbenchError, order: Order, crew: Crew, watch: Watch, finished: dict[Path, Record]
) -> XbenchError | None:
    """Why a job was not recorded; None where another command did so meanwhile, from the same checkpoint and rules."""
    try:
        return fault if not isinstance(fault, AlreadyRecorded) or _left(job, order, crew, watch, finished) else None
    except XbenchError as worse:
        return worse


def _left(job: Job, order: Order, crew: Crew, watch: Watch, finished: dict[Path, Record]) -> tuple[str, ...]:
    """The languages of a job that are not on the board yet. Raises what `look` raises, in all processes of a crew."""
    left, records = crew.by_first(partial(look, job, order))
    if there := [language for language in job.languages if language not in left]:
        finished.update(records)
        watch.say(f"finished by another command meanwhile: {job.run} in {', '.join(there)}")
    return left


def _checked(plan: Plan, gold: Gold, watch: Watch, failed: list[Failed]) -> list[list[Job]]:
    """The groups of a plan without the jobs whose rows cannot be trusted."""
    jobs = sum(len(group) for group in plan.groups)
    watch.begin("reading and checking the data", jobs)
    groups: list[list[Job]] = []
    done = 0
    for group in plan.groups:
        groups.append([])
        for job in group:
            done += 1
            try:
                gold.check(job)
                groups[-1].append(job)
            except XbenchError as fault:
                failed.append(Failed(run=job.run, why=str(fault)))
            watch.advance(done, job.run.task)
    watch.end()
    for lost in failed:
        watch.say(f"failed: {lost.run}")
    return [group for group in groups if group]


def _lost(failed: list[Failed], jobs: Sequence[Job], fault: XbenchError, watch: Watch) -> None:
    watch.end()
    for job in jobs:
        failed.append(Failed(run=job.run, why=str(fault)))
        watch.say(f"failed: {job.run}")


def run(
    encoders: str | Sequence[str] = (), tasks: str | Sequence[str] = (), *, suite: str = "", recipe: str = "",
    source: str = "", languages: str | Sequence[str] = "all", seeds: int | Sequence[int] = 0,
    data: str | Path | None = None, board: str | Path = LOCAL, limit_train: int = 0, limit_test: int = 0,
    device: str = "auto", precision: Precision | None = None, micro_batch: int = 0, layout: str = "auto",
    deterministic: bool = False, compiled: bool = False, at_once: int = 0, trust_remote_code: bool = False,
    also_select: str | Sequence[str] = (), watch: Watch | None = None,
) -> Outcome:  # fmt: skip
    """Fine-tune encoders, score them in every target language, record it; runs that are finished are not run again.

    `encoders` and `tasks` are names, paths or Hub ids; `languages` codes, or "all"; `seeds` is how many, from 0 on, or
    which ones; 0 = as many as the suite says. `also_select` names rules of selection (source-dev, last, oracle) that
    are recorded from the same fine-tuning, beside the recipe's own. `layout` is how batches are read (packed, parts,
    padded, or auto); `deterministic` takes a GPU's slower kernels that give equal sums every time; `compiled` has
    torch.compile work on the encoder first; `at_once` is how many seeds are fine-tuned at once, 0 = what suits.
    Raises XbenchError where the order is wrong; a single run that fails is told in `Outcome.failed`.
    """
    wanted = order(
        _names(encoders), _names(tasks), suite=suite, recipe=recipe, seeds=seeds, source=source,
        languages=() if languages == "all" else _names(languages), data=Path(data) if data else None,
        board=Path(board), limit_train=limit_train, limit_test=limit_test,
        device=device, precision=precision, micro_batch=micro_batch, layout=layout, deterministic=deterministic,
        compiled=compiled, at_once=at_once,
        trust_remote_code=trust_remote_code, also_select=_names(also_select),
    )  # fmt: skip
    with assembled(wanted) as crew:
        return carry_out(plan_together(wanted, crew), wanted, watch or Silent(), crew)


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return ((given,) if given else ()) if isinstance(given, str) else tuple(given)
