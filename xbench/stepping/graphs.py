"""Optimizer steps that are recorded once and replayed: a GPU then waits for no launch of a kernel.

A recording has fixed shapes, so batches are laid out for it: a row of tokens that is filled up to the next multiple of
128, and a padded form as wide as the recipe's length. One recording serves each number of sequences and tokens.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import torch

from xbench.kinds import Batch
from xbench.pack import FILL, pad
from xbench.stepping import Item, Stepper

WARM = 3
"""Steps before the first recording: the optimizer's state and the libraries' workspaces must be there by then."""


class GraphedStepper(Stepper):
    """Takes the same steps as its parent, replayed from CUDA graphs where a batch has shapes that recur.

    `record=False` runs what would be recorded as it is, on any device: the layout can then be tried without a GPU.
    """

    def __init__(self, *given: Any, record: bool = True, **more: Any) -> None:
        super().__init__(*given, capturable=record, **more)
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

    def _learn(self, items: Sequence[Item]) -> torch.Tensor:
        self._taken += 1
        whole = len(items) == self.setting.recipe.batch <= self.micro_batch
        if self._why or not whole or self._taken <= WARM:
            return super()._learn(items)
        batch = self._laid_out(items)
        shape = (len(batch.ids), len(batch.packing.places) if batch.packing else 0)
        if shape not in self._tapes:
            try:
                self._tapes[shape] = _Tape(self, batch, self._pool)
            except RuntimeError as cause:
                # Some losses look at values to know their shapes, and some kernels wait for the host.
                self._why = (str(cause).splitlines() or [repr(cause)])[0]
                self.optimizer.zero_grad(set_to_none=True)
                return super()._learn(items)
        self._replayed += 1
        return self._tapes[shape].played(batch)

    def _laid_out(self, items: Sequence[Item]) -> Batch:
        features = [feature for item in items for feature in item]
        tokens = sum(len(feature.ids) for feature in features)
        return pad(
            features, pad_id=self.setting.tokenizer.pad_token_id, device=self.device, packing=True,
            width=self.setting.limit, fill=-tokens % FILL,
        )  # fmt: skip

    def whole_step(self, batch: Batch) -> torch.Tensor:
        """Everything from a batch on the device to moved weights, without a word from the host; the mean loss."""
        losses = self.losses(batch)
        loss = losses.sum() / max(losses.numel(), 1)
        loss.backward()  # type: ignore[no-untyped-call]
        self._move()
        return loss.detach()


class _Tape:
    """One recorded step, and the batch that it reads."""

    def __init__(self, stepper: GraphedStepper, batch: Batch, pool: Any) -> None:
        """`pool` is the memory of all recordings; None where nothing is recorded."""
        self._stepper, self._batch = stepper, batch
        self._graph = torch.cuda.CUDAGraph() if pool else None
        if self._graph is not None:
            stream = torch.cuda.current_stream(stepper.device)
            with torch.cuda.graph(self._graph, pool=pool, stream=stream):
                self._loss = stepper.whole_step(batch)

    def played(self, batch: Batch) -> torch.Tensor:
        """The step on another batch of the same shapes; its mean loss."""
        _copied(batch, self._batch)
        if self._graph is None:
            runs = batch.packing.runs if batch.packing else ()
            return self._stepper.whole_step(
                replace(self._batch, packing=replace(self._batch.packing, runs=runs))  # type: ignore[type-var]
            )
        self._graph.replay()
        return self._loss.clone()  # the next replay writes over it


def _copied(one: Any, into: Any) -> None:
    """Copy every tensor of a batch, and of its packing, into those of another."""
    for field in fields(one):
        fresh, kept = getattr(one, field.name), getattr(into, field.name)
        if isinstance(kept, torch.Tensor):
            kept.copy_(fresh, non_blocking=True)
        elif field.name == "packing" and kept is not None:
            _copied(fresh, kept)
