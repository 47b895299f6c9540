"""Scoring on a CPU: every core reads a batch of its own, instead of all cores the same one.

A core that works alone waits for no other, and finds what it has just computed in its own cache: products are as fast,
what stands between them takes less time. Each lane is a thread with the model or a twin of it: a copy of all but the
weights, as a model may keep something between two calls.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from copy import deepcopy
from threading import Lock

import torch
from torch import nn
from transformers import PreTrainedModel

log = logging.getLogger(__name__)

MOST = 16
"""Lanes at most: of Python, they share one core."""

COLLECTS = "transformers.utils.output_capturing"
"""Where transformers' own hooks come from, which collect hidden states, for each thread apart."""

LEAST = 4
"""Batches for each lane, below which they might end at different times."""


class Waiting:
    """Batches that are still to be read, for one lane or several."""

    def __init__(self, batches: Iterable[list[int]]) -> None:
        self._batches, self._lock = deque(batches), Lock()
        self.lanes = 1
        """Those that still read."""

    def take(self) -> list[int] | None:
        """The next one; None where there is none left."""
        with self._lock:
            return self._batches.popleft() if self._batches else None

    def leave(self) -> bool:
        """Have one lane less; False, and no lane less, where another has given a batch back in the meantime."""
        with self._lock:
            empty = not self._batches
            self.lanes -= empty
            return empty

    def too_large(self, first: list[int]) -> bool:
        """Take back a batch for which there was no memory; whether its lane is to go on.

        Lanes share the memory, so one that finds too little leaves it to the others. The last one cuts the batch, and
        all that wait.
        """
        with self._lock:
            if self.lanes > 1:
                self._batches.appendleft(first)
                self.lanes -= 1
                return False
            self._batches = deque(half for some in (first, *self._batches) for half in _halves(some))
            return True

    def clear(self) -> None:
        """Leave nothing to be read."""
        with self._lock:
            self._batches.clear()


def lanes_for(model: PreTrainedModel, device: torch.device, batches: int) -> int:
    """How many lanes read so many batches; 1 on an accelerator, and where the model may have no twin."""
    threads = torch.get_num_threads()
    lanes = threads // -(-threads // MOST)
    return 1 if device.type != "cpu" or batches < LEAST * lanes or any(map(_is_single, model.modules())) else lanes


def _is_single(module: nn.Module) -> bool:
    """Whether a twin might not do the same: a forward pass that was replaced, or compiled, may stay with the original.

    Whoever hooks himself in expects one thread, but for transformers.
    """
    hooks = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    heard = any(getattr(hook, "__module__", None) != COLLECTS for hook in hooks)
    return heard or "forward" in vars(module) or module._compiled_call_impl is not None


def in_lanes(model: PreTrainedModel, lanes: int, read: Callable[[PreTrainedModel], None], waiting: Waiting) -> None:
    """Call `read` in so many threads at once, each with the model or a twin, and with its share of torch's threads.

    `read` is to go on until nothing is waiting. A model that cannot be copied is read alone. Raises what `read` raises,
    when all have ended.
    """
    twins = _twins(model, lanes)
    waiting.lanes = len(twins)
    if len(twins) == 1:
        read(model)
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(threads // lanes)  # of threads that begin now
    try:
        with ThreadPoolExecutor(lanes, "xbench-lane") as pool:
            try:
                # No name for the one that failed: its error would hold this frame, and this frame all models.
                for _ in map(Future.result, as_completed([pool.submit(read, twin) for twin in twins])):
                    pass
            except BaseException:
                waiting.clear()
                raise
    finally:
        torch.set_num_threads(threads)


def _twins(model: PreTrainedModel, number: int) -> list[PreTrainedModel]:
    """The model, and others of the same weights; the model alone where an architecture holds what no one can copy."""
    weights = list(model.parameters())
    try:
        copies = [deepcopy(model, {id(weight): weight for weight in weights}) for _ in range(number - 1)]
    except Exception:  # an architecture's own code may fail in any way
        log.debug("%s cannot be copied: it is read by one lane", type(model).__name__, exc_info=True)
        return [model]
    return [model, *copies]


def _halves(indices: list[int]) -> list[list[int]]:
    middle = (len(indices) + 1) // 2
    return [half for half in (indices[:middle], indices[middle:]) if half]
