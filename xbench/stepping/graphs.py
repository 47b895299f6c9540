"""Optimizer steps that are recorded once and replayed: a GPU then waits for no launch of a kernel.

A recording has fixed shapes, so batches are laid out for it: a row of tokens that is filled up to the next multiple of
128, and a padded form as wide as the recipe's length. One recording serves each number of sequences and tokens.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xbench.kinds import Batch
from xbench.layouts import Layout
from xbench.pack import FILL, out_of_memory
from xbench.stepping import Laid, Stepper

WARM = 2
"""Steps before the one on trial: the optimizer's state and the libraries' workspaces must be there by then."""

OWN_NUMBERS = "2.13"
"""The torch from which on each recording has a seed and an offset of its own for random numbers. Before, all of a
process read them from one place, and a replay would draw what another training was to draw."""


def recordable(layout: Layout, device: torch.device, *, half: bool, together: int) -> bool:
    """Whether the steps of one of so many trainings that go on together can be recorded.

    Only the kernel that packed attention has in half precision reads a batch without a word from the host.
    """
    alone = together == 1 or torch.__version__ >= OWN_NUMBERS
    return device.type == "cuda" and layout == "packed" and half and alone


class GraphedStepper(Stepper):
    """Takes the same steps as its parent, replayed from CUDA graphs where a batch has shapes that recur.

    Whether a step can be recorded is tried first, on a step that counts: a recording that fails leaves torch's
    allocator and generators in disorder. `record=False` runs what would be recorded as it is, on any device: the layout
    can then be tried without a GPU.
    """

    def __init__(self, *given: Any, record: bool = True, **more: Any) -> None:
        super().__init__(*given, capturable=record, **more)
        self._tried = False
        self._tapes: dict[tuple[int, int], _Tape] = {}
        # Recordings are never played at once, and leave nothing behind but a loss that is copied: one memory does.
        self._pool = torch.cuda.graph_pool_handle() if record else None
        self._taken = self._replayed = 0
        self._why = ""
        """Why nothing is recorded any more."""

    @property
    def how(self) -> dict[str, str]:
        """Which path ran, in words."""
        ran = f"{self._replayed} of {self._taken} replayed from {len(self._tapes)} CUDA graphs"
        return super().how | {"steps": f"{ran}; not recorded: {self._why}" if self._why else ran}

    def lay_out(self, coming: Sequence[NDArray[np.int64]]) -> list[Laid]:
        """The next batches; those that can be recorded are laid out alike. Raises DoesNotFit."""
        laid = []
        for whole, some in groupby(coming, self._is_whole):
            if whole and not self._why:
                laid += self._laid(list(some), width=self.setting.limit, fill=FILL)
            else:
                laid += super().lay_out(list(some))
        return laid

    def _is_whole(self, items: NDArray[np.int64]) -> bool:
        return len(items) == self.setting.recipe.batch <= self.micro_batch

    def _learn(self, laid: Laid) -> torch.Tensor:
        self._taken += 1
        if self._why or not laid.alike or self._taken <= WARM:
            return super()._learn(laid)
        (batch,) = laid.parts
        loss = self._recorded(batch) if self._tried else self._on_trial(batch)
        return super()._learn(laid) if loss is None else loss

    def _on_trial(self, batch: Batch) -> torch.Tensor | None:
        """A step in which the host may not wait; None, and nothing is learned, where it had to."""
        self._tried = True
        try:
            with _unwaited() if self._pool else nullcontext():
                loss = self._slope(batch)
        except RuntimeError as cause:
            # Some losses look at values to know their shapes, and some kernels wait for the host.
            self._give_up(cause)
            return None
        # Past this the step is taken: what fails from here on must not be tried once more.
        self._move()
        return loss

    def _recorded(self, batch: Batch) -> torch.Tensor | None:
        """A step from the recording for its shapes, made if need be; None where there is no memory for that."""
        shape = (len(batch.ids), len(batch.packing.places) if batch.packing else 0)
        if shape not in self._tapes:
            try:
                self._tapes[shape] = _Tape(self, batch, self._pool)
            except RuntimeError as cause:
                if not out_of_memory(cause):
                    raise
                self._give_up(cause)
                return None
        self._replayed += 1
        return self._tapes[shape].played(self, batch)

    def _give_up(self, cause: RuntimeError) -> None:
        self._why = (str(cause).splitlines() or [repr(cause)])[0]
        self.optimizer.zero_grad(set_to_none=True)

    def whole_step(self, batch: Batch) -> torch.Tensor:
        """Everything from a batch on the device to moved weights, without a word from the host; the mean loss."""
        loss = self._slope(batch)
        self._move()
        return loss


@contextmanager
def _unwaited() -> Iterator[None]:
    """Raise RuntimeError where the host waits for the GPU."""
    was = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(was)


class _Tape:
    """One recorded step, and the batch that it reads."""

    def __init__(self, stepper: GraphedStepper, batch: Batch, pool: Any) -> None:
        """`pool` is the memory of all recordings; None where nothing is recorded."""
        # Not the stepper, which holds this: such a circle would keep a GPU's memory until the next collection.
        self._batch = _owned(batch)
        self._graph = torch.cuda.CUDAGraph() if pool else None
        if self._graph is not None:
            stream = torch.cuda.current_stream(stepper.device)
            with torch.cuda.graph(self._graph, pool=pool, stream=stream):
                self._loss = stepper.whole_step(self._batch)

    def played(self, stepper: GraphedStepper, batch: Batch) -> torch.Tensor:
        """The step on another batch of the same shapes; its mean loss."""
        _copied(batch, self._batch)
        if self._graph is None:
            return stepper.whole_step(_with_lengths(self._batch, batch))
        self._graph.replay()
        return self._loss.clone()  # the next replay writes over it


def _with_lengths(kept: Batch, batch: Batch) -> Batch:
    """The batch of a recording with what another knows on the host, where nothing is recorded."""
    if kept.packing is None or batch.packing is None:
        return kept
    return replace(kept, packing=replace(kept.packing, lengths=batch.packing.lengths))


def _owned(one: Any) -> Any:
    """A batch, or its packing, with memory of its own: many are cut from one piece, which it would keep."""
    held = {field.name: getattr(one, field.name) for field in fields(one) if field.init}
    tensors = {name: value.clone() for name, value in held.items() if isinstance(value, torch.Tensor)}
    return replace(one, **tensors, **{name: _owned(held[name]) for name in ("packing",) if held.get(name)})


def _copied(one: Any, into: Any) -> None:
    """Copy every tensor of a batch, and of its packing, into those of another."""
    for field in fields(one):
        fresh, kept = getattr(one, field.name), getattr(into, field.name)
        if isinstance(kept, torch.Tensor):
            kept.copy_(fresh, non_blocking=True)
        elif field.name == "packing" and kept is not None:
            _copied(fresh, kept)
