"""Optimizer steps that several processes take together, each reading a share of every batch."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xbench.crew import Crew
from xbench.stepping import Laid, Stepper


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

    def _parts(self, items: NDArray[np.int64]) -> tuple[list[NDArray[np.int64]], bool]:
        mine, most = np.array(self.crew.share(items.tolist()), np.int64), -(-len(items) // self.crew.size)
        parts = [mine[start : start + self.micro_batch] for start in range(0, most, self.micro_batch)]
        # A process that has fewer items reads one in vain: shares of the weights are gathered in as many passes by all,
        # and all need gradients of the same weights.
        in_vain = not len(parts[-1])
        return [*parts[:-1], items[:1] if in_vain else parts[-1]], in_vain

    def _backward(self, laid: Laid) -> torch.Tensor:
        """Gradients of the mean over all things of the batch, everybody's; that mean."""
        return self.crew.mean_gradients(self.learning, *self._summed(laid))
