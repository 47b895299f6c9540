"""Scoring on a CPU: every core reads a batch of its own, instead of all cores the same one.

A core that works alone waits for no other, and finds what it has just computed in its own cache: products are as fast,
what stands between them takes less time. Each lane is a thread with a twin of the model, which has the same weights,
so that nothing a model keeps between two calls is shared.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from copy import deepcopy
from pickle import PicklingError
from threading import Lock

import torch
from torch import nn
from transformers import PreTrainedModel

MOST = 16
"""Lanes at most: of Python, they share one core."""

LEAST = 4
"""Batches for each lane, below which they might end at different times."""


class Waiting:
    """Batches that are still to be read, for one lane or several."""

    def __init__(self, batches: Iterable[list[int]]) -> None:
        self._batches, self._lock = deque(batches), Lock()

    def take(self) -> list[int] | None:
        """The next one; None where there is none left."""
        with self._lock:
            return self._batches.popleft() if self._batches else None

    def halve(self, first: list[int]) -> None:
        """Cut this one, which is to be read next, and all that wait."""
        with self._lock:
            self._batches = deque(half for some in (first, *self._batches) for half in _halves(some))

    def clear(self) -> None:
        """Leave nothing to be read."""
        with self._lock:
            self._batches.clear()


def lanes_for(model: PreTrainedModel, device: torch.device, batches: int) -> int:
    """How many lanes read so many batches; 1 on an accelerator, and where the model cannot have a twin."""
    lanes = min(MOST, torch.get_num_threads())
    return 1 if device.type != "cpu" or batches < LEAST * lanes or any(map(_is_single, model.modules())) else lanes


def _is_single(module: nn.Module) -> bool:
    """Whether a twin might not do the same: a forward pass that was replaced, or compiled, and hooks stay behind."""
    heard = module._forward_hooks or module._forward_pre_hooks
    return "forward" in vars(module) or bool(heard) or module._compiled_call_impl is not None


def in_lanes(model: PreTrainedModel, lanes: int, read: Callable[[PreTrainedModel], None], waiting: Waiting) -> None:
    """Call `read` in so many threads at once, each with the model or a twin, and with its share of torch's threads.

    `read` is to go on until nothing is waiting. A model that cannot be copied is read alone. Raises what `read` raises,
    when all have ended.
    """
    twins = _twins(model, lanes)
    if len(twins) == 1:
        read(model)
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(threads // lanes)  # of threads that begin now
    try:
        with ThreadPoolExecutor(lanes, "xbench-lane") as pool:
            try:
                for one in as_completed([pool.submit(read, twin) for twin in twins]):
                    one.result()
            except BaseException:
                waiting.clear()
                raise
    finally:
        torch.set_num_threads(threads)


def _twins(model: PreTrainedModel, number: int) -> list[PreTrainedModel]:
    """The model, and others of the same weights; the model alone where an architecture holds what no one can copy."""
    tensors = [*model.parameters(), *model.buffers()]
    try:
        copies = [deepcopy(model, {id(tensor): tensor for tensor in tensors}) for _ in range(number - 1)]
    except (AttributeError, PicklingError, RuntimeError, TypeError, ValueError):
        return [model]
    return [model, *copies]


def _halves(indices: list[int]) -> list[list[int]]:
    middle = (len(indices) + 1) // 2
    return [half for half in (indices[:middle], indices[middle:]) if half]
