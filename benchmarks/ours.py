"""Our side: what a run does, through `fit` and `predict`, as loops that take turns."""

import gc
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.peers import STEPS
from benchmarks.shapes import Work
from benchmarks.turns import Loop
from xbench import fit as fitting
from xbench.kinds import Feature
from xbench.layouts import Reader
from xbench.opening import Opened, put_on
from xbench.predict import predict
from xbench.stepping import Stepper
from xbench.trial import reader_of


def reader(
    opened: Opened, work: Work, *, precision: str, device: str = "cpu", layout: str = "auto", whole: bool = False
) -> Reader:
    """The best layout there is, tried and found to give the same scores; `whole` leaves out no part of a block."""
    at = torch.device(device)
    put_on(opened, at)
    found = reader_of(opened, work.kind, work.setting, device=at, half=precision == "bf16", wanted=layout)
    return Reader(found.model, found.layout, found.why) if whole else found


def training(
    opened: Opened, work: Work, *, precision: str, turn: int, seed: int = 0, device: str = "cpu", layout: str = "auto",
    whole: bool = False,
) -> Loop:  # fmt: skip
    """`xbench.fit.fit` on the rows of the work, `turn` optimizer steps at a time."""

    def body(pause: Callable[[], None]) -> None:
        def told(step: int, *_: object) -> None:
            if step % turn == 0:
                pause()

        # The loop tells of its progress whenever it looks at the loss: every ten steps, or here at the end of a turn.
        with patch.object(fitting, "LOOK", min(turn, fitting.LOOK)):
            fitting.fit(
                opened, work.kind, work.train, work.steps(STEPS).setting, seed=seed, device=device, precision=precision,
                reader=reader(opened, work, precision=precision, device=device, layout=layout, whole=whole),
                progress=told,
            )  # fmt: skip

    return Loop(body)


def paths() -> list[dict[str, str]]:
    """Which path every fine-tuning takes that stands still now."""
    return [dict(one.how) for one in gc.get_objects() if issubclass(type(one), Stepper)]


def scoring(
    opened: Opened, work: Work, features: Sequence[Feature], *, precision: str, device: str = "cpu",
    layout: str = "auto", whole: bool = False,
) -> Callable[[], Any]:  # fmt: skip
    """A function that runs `xbench.predict.predict` over the features and gives its scores."""
    reads = reader(opened, work, precision=precision, device=device, layout=layout, whole=whole)

    def once() -> Any:
        return predict(
            opened, work.kind, features, work.setting, device=device, precision=precision, reader=reads
        )  # fmt: skip

    return once
