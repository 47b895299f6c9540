"""A step is tried before it is recorded, and what cannot be recorded is learned all the same."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tiny import build
from toys import TEXTS, changed, pairs, set_up
from xbench.kinds.pairs import kind
from xbench.layouts import Reader
from xbench.stepping import Stepper, graphs
from xbench.stepping.graphs import WARM, GraphedStepper
from xbench.stepping.items import Items

CPU = torch.device("cpu")
STEPS = WARM + 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("bert", tmp_path_factory.mktemp("tiny") / "encoder", TEXTS)


def made(folder: Path, stepper: Callable[..., Stepper], using: Any = kind, **more: Any) -> Stepper:
    """A stepper without dropout, and as many items as its batch has."""
    opened, setting = set_up(folder, kind, ("no", "yes"), batch=12)
    items = Items.of(kind.encode(pairs(12), setting, training=True), grouped=False)
    return stepper(Reader(opened.model.train(False), "packed"), using, items, setting, device=CPU, **more)


def learned(stepper: Stepper, steps: int = STEPS) -> dict[str, torch.Tensor]:
    for _ in range(steps):
        (laid,) = stepper.lay_out([np.arange(12)])
        stepper.step(laid, 1e-3)
    return {name: weight.detach().clone() for name, weight in stepper.trained().items()}


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in other)


def test_a_trial_that_fails_half_way_leaves_nothing_in_the_step(folder: Path) -> None:
    """The gradient of the embeddings comes last: all others are there when it fails."""
    expected = learned(made(folder, Stepper))
    stepper = made(folder, GraphedStepper, record=False)
    asked: list[int] = []

    def fails_once(gradient: torch.Tensor) -> None:
        asked.append(1)
        if len(asked) == WARM + 1:
            raise RuntimeError("called a synchronizing CUDA operation\nand more")

    stepper.reader.model.get_input_embeddings().weight.register_hook(fails_once)
    found = learned(stepper)
    assert len(asked) == STEPS + 1
    assert largest_difference(found, expected) < 1e-5
    said = f"0 of {STEPS} replayed from 0 CUDA graphs; not recorded: called a synchronizing CUDA operation"
    assert stepper.how["steps"] == said


def test_a_step_that_fails_when_it_was_taken_is_not_taken_again(folder: Path) -> None:
    stepper = made(folder, GraphedStepper, record=False)
    learned(stepper, WARM)
    move = stepper._move

    def late() -> None:
        move()
        raise RuntimeError("too late")

    stepper._move = late
    with pytest.raises(RuntimeError, match="too late"):
        learned(stepper, 1)
    taken = {float(state["step"]) for state in stepper.optimizer.state.values()}
    assert taken == {WARM + 1}


def test_the_host_may_not_wait_while_a_step_is_on_trial(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mode: list[Any] = [1]
    seen: list[Any] = []

    def loss(scores: torch.Tensor, batch: Any) -> torch.Tensor:
        seen.append(mode[-1])
        return kind.loss(scores, batch)

    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: mode[-1])
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", mode.append)
    stepper = made(folder, GraphedStepper, changed(kind, loss=loss), record=False)
    stepper._pool = (0, 1)
    learned(stepper, WARM + 1)
    assert seen == [1] * WARM + ["error"]
    assert mode == [1, "error", 1]


@pytest.mark.parametrize("cause", [torch.OutOfMemoryError("no room"), RuntimeError("capture failed")])
def test_a_recording_that_fails(cause: RuntimeError, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without memory for it, steps go on as they are; after any other failure torch is not to be trusted."""

    def broken(*_: object) -> None:
        raise cause

    monkeypatch.setattr(graphs, "_Tape", broken)
    stepper = made(folder, GraphedStepper, record=False)
    learned(stepper, WARM + 1)
    if not isinstance(cause, torch.OutOfMemoryError):
        with pytest.raises(RuntimeError, match="capture failed"):
            learned(stepper, 1)
        return
    expected = learned(made(folder, Stepper))
    found = learned(stepper, STEPS - WARM - 1)
    assert largest_difference(found, expected) < 1e-5
    assert stepper.how["steps"].endswith("not recorded: no room")


def test_a_recording_holds_its_own_batch_and_no_other(folder: Path) -> None:
    stepper = made(folder, GraphedStepper, record=False)
    for laid in stepper.lay_out([np.arange(12)] * 8):
        stepper.step(laid, 1e-3)
    (tape,) = stepper._tapes.values()
    held = [value for one in (tape._batch, tape._batch.packing) for value in vars_of(one) if torch.is_tensor(value)]
    assert len(held) > 6
    assert all(value.untyped_storage().nbytes() == value.numel() * value.element_size() for value in held)


def vars_of(one: Any) -> list[Any]:
    return [getattr(one, field.name) for field in fields(one)]


def test_recordings_go_with_their_stepper(folder: Path) -> None:
    stepper = made(folder, GraphedStepper, record=False)
    learned(stepper)
    left = [weakref.ref(stepper), *map(weakref.ref, stepper._tapes.values())]
    assert len(left) == 2
    gc.disable()
    try:
        del stepper
        assert [what() for what in left] == [None, None]
    finally:
        gc.enable()


def test_a_reader_that_pads_takes_the_same_steps(folder: Path) -> None:
    """Nothing is recorded then in a run, but the stepper does not depend on it."""
    steppers = [made(folder, Stepper), made(folder, GraphedStepper, record=False)]
    for stepper in steppers:
        stepper.reader = Reader(stepper.reader.model)
    expected, found = map(learned, steppers)
    assert largest_difference(found, expected) < 1e-6
