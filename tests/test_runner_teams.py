"""Which seeds are fine-tuned at once, and what becomes of them where they do not fit into the memory together."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import toy
import xbench
from toys import set_up
from xbench.errors import DoesNotFit, XbenchError
from xbench.fit import Fitted, Training, fit_together
from xbench.kinds.pairs import kind
from xbench.runner import Outcome, order, plan, teams, work

Checkpoint = Callable[[str], Path]


def order_of(checkpoint: Path, mirror: Path, board: Path, **more: object) -> Any:
    wanted = {"recipe": str(toy.RECIPE), "data": mirror, "board": board, "seeds": 3} | more
    return order((str(checkpoint),), (str(toy.TASKS["pairs"]), str(toy.TASKS["tags"])), **wanted)


def test_seeds_of_one_fine_tuning_make_a_team(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    wanted = order_of(checkpoint("bert"), toy_mirror, tmp_path, at_once=2)
    found = teams.together(plan(wanted).groups, wanted)
    assert [[group[0].run.seed for group in team] for team in found] == [[0, 1, 2], [0, 1, 2]]
    assert len({team[0][0].run.task for team in found}) == 2
    one = order_of(checkpoint("bert"), toy_mirror, tmp_path, device="cpu")
    assert all(len(team) == 1 for team in teams.together(plan(one).groups, one))


@pytest.mark.parametrize("at_once", [2, 3])
def test_seeds_at_once_record_what_they_record_alone(
    at_once: int, checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    counts = []
    for board, wanted in (("alone", 1), ("beside", at_once)):
        outcome = xbench.run(
            str(checkpoint("bert")), str(toy.TASKS["pairs"]), recipe=str(toy.RECIPE), data=toy_mirror,
            board=tmp_path / board, seeds=3, at_once=wanted,
        )  # fmt: skip
        assert not outcome.failed
        assert [record.run.seed for _, record in outcome.ran] == [0, 1, 2]
        counts.append([path.with_suffix(".parquet").read_bytes() for path, _ in outcome.ran])
    assert counts[0] == counts[1]


def test_seeds_that_do_not_fit_together_go_on_one_by_one(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    models: list[weakref.ref[Any]] = []

    def crowded(trainings: list[Training], **more: Any) -> list[Fitted | XbenchError]:
        sizes.append(len(trainings))
        gc.collect()
        assert [model() for model in models] == [None] * len(models), "the last round's are still there"
        models.extend(weakref.ref(one.reader.model) for one in trainings)
        done = fit_together(trainings[:1], **more)
        return [*done, *(DoesNotFit("no room") for _ in trainings[1:])]

    monkeypatch.setattr("xbench.runner.work.fit_together", crowded)
    outcome = three_seeds(checkpoint, toy_mirror, tmp_path)
    assert not outcome.failed
    assert sorted(record.run.seed for _, record in outcome.ran) == [0, 1, 2]
    assert sizes == [3, 1, 1]


def three_seeds(checkpoint: Checkpoint, mirror: Path, board: Path) -> Outcome:
    return xbench.run(
        str(checkpoint("bert")), str(toy.TASKS["pairs"]), recipe=str(toy.RECIPE), data=mirror, board=board, seeds=3,
        at_once=3,
    )  # fmt: skip


@pytest.mark.parametrize(("crowded", "failed"), [(True, []), (False, [1])])
def test_weights_that_do_not_fit_beside_others(
    crowded: bool, failed: list[int], checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Seed 1 does not fit: with `crowded` beside seed 0 only, otherwise not alone either."""
    made: list[int] = []

    def bench_of(job: Any, *more: Any) -> Any:
        made.append(job.run.seed)
        if job.run.seed == 1 and not (crowded and made.count(1) > 1):
            raise DoesNotFit("no room")
        return original(job, *more)

    original = work.bench_of
    monkeypatch.setattr(work, "bench_of", bench_of)
    outcome = three_seeds(checkpoint, toy_mirror, tmp_path)
    assert [one.run.seed for one in outcome.failed] == failed
    assert sorted({record.run.seed for _, record in outcome.ran} | set(failed)) == [0, 1, 2]
    assert made == [0, 1, 1, 2]


def test_seats_are_counted_once_a_round(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory fills while models are opened; what they are to take was thought of before."""
    counted = iter([2, 1])
    sizes: list[int] = []

    def noted(trainings: list[Training], **more: Any) -> list[Fitted | XbenchError]:
        sizes.append(len(trainings))
        return fit_together(trainings, **more)

    monkeypatch.setattr(work, "seats", lambda bench, order: next(counted))
    monkeypatch.setattr(work, "fit_together", noted)
    assert not three_seeds(checkpoint, toy_mirror, tmp_path).failed
    assert sizes == [2, 1]


def test_memory_that_torch_keeps_for_itself_is_free(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, setting = set_up(checkpoint("bert"), kind, ("no", "yes"))
    bench: Any = SimpleNamespace(opened=opened, setting=setting, device=torch.device("cuda"))
    counted = {"mem_get_info": (10, 100), "memory_reserved": 80 * 10**9, "memory_allocated": 0}
    for name, number in counted.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, number=number: number)
    wanted: Any = SimpleNamespace(at_once=0)
    assert teams.seats(bench, wanted) == teams.MOST
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 80 * 10**9)
    assert teams.seats(bench, wanted) == 1
