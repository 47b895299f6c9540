"""Optimizer steps that several processes take together, each reading a share of every batch."""

from collections.abc import Sequence
from typing import Any

import torch

from xbench.crew import Crew
from xbench.stepping import Item, Stepper


class SharedStepper(Stepper):
    """Takes the steps of one process: the batch stays what the recipe says, and is split among the processes.

    What is learned is what one process would learn, but for rounding, and for dropout: each process draws its own.
    """

    def __init__(self, *given: Any, crew: Crew, **more: Any) -> None:
        super().__init__(*given, **more)
        self.crew = crew

    @property
    def how(self) -> dict[str, str]:
        """Which path runs, in words."""
        return super().how | self.crew.how

    def _backward(self, items: Sequence[Item]) -> torch.Tensor:
        """Gradients of the mean over all things of the batch, everybody's; that mean."""
        mine = self.crew.share(items)
        total, things = torch.zeros((), device=self.device), 0
        for start in range(0, -(-len(items) // self.crew.size), self.micro_batch):
            part = mine[start : start + self.micro_batch]
            # A process that has fewer items reads one in vain: shares of the weights are gathered in as many passes by
            # all, and all need gradients of the same weights.
            losses = self.losses(self.batch(part or items[:1]))
            (losses.sum() * float(bool(part))).backward()  # type: ignore[no-untyped-call]
            if part:
                total += losses.detach().sum()
                things += losses.numel()
        return self.crew.mean_gradients(self.learning, total, things)

    def _does_not_fit(self, items: Sequence[Item]) -> str:
        return super()._does_not_fit(self.crew.share(items) or items[:1])
