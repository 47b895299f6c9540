"""Run -> Record: plan what was asked for, fine-tune, score, write. The only floor that knows all the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xbench import store
from xbench.errors import XbenchError
from xbench.recipe import Precision
from xbench.record import Record, Run
from xbench.runner.gold import Gold
from xbench.runner.plan import Job, Order, Plan, order, plan
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
    """Records that stood on the board already."""
    failed: tuple[Failed, ...]
    notes: tuple[str, ...]


def carry_out(plan: Plan, order: Order, watch: Watch) -> Outcome:
    """Do what a plan says. A run that fails is told and the others go on."""
    gold = Gold(order.data)
    ran: list[tuple[Path, Record]] = []
    failed: list[Failed] = []
    for number, group in enumerate(plan.groups, 1):
        watch.say(f"[{number}/{len(plan.groups)}] {', '.join(str(job.run) for job in group)}")
        try:
            ran += [(path, store.read(path)) for path in perform(group, order, gold, watch)]
        except XbenchError as fault:
            watch.end()
            failed += [Failed(run=job.run, why=str(fault)) for job in group]
            watch.say(f"failed: {fault}")
    return Outcome(ran=tuple(ran), finished=plan.finished, failed=tuple(failed), notes=plan.notes)


def run(
    encoders: str | Sequence[str] = (), tasks: str | Sequence[str] = (), *, suite: str = "", recipe: str = "",
    source: str = "", languages: str | Sequence[str] = (), seeds: int | Sequence[int] = 0,
    data: str | Path | None = None, board: str | Path = LOCAL, limit_train: int = 0, limit_test: int = 0,
    device: str = "auto", precision: Precision | None = None, micro_batch: int = 0, trust_remote_code: bool = False,
    watch: Watch | None = None,
) -> Outcome:  # fmt: skip
    """Fine-tune encoders, score them in every target language, record it; runs that are finished are not run again.

    `encoders` and `tasks` are names, paths or Hub ids; `seeds` is how many (from 0 on; 0 = as the suite says) or which.
    Raises XbenchError where the order is wrong; a single run that fails is told in `Outcome.failed`.
    """
    wanted = order(
        _names(encoders), _names(tasks), suite=suite, recipe=recipe, seeds=seeds, source=source,
        languages=_names(languages), data=Path(data) if data else None, board=Path(board), limit_train=limit_train,
        limit_test=limit_test, device=device, precision=precision, micro_batch=micro_batch,
        trust_remote_code=trust_remote_code,
    )  # fmt: skip
    return carry_out(plan(wanted), wanted, watch or Silent())


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
