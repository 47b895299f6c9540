"""Loops that take turns on one thread: each stands still between its turns, and stays warm."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import torch
from greenlet import getcurrent, greenlet
from torch.optim.optimizer import register_optimizer_step_post_hook


class Loop:
    """A loop that pauses: a coroutine on the thread that gives it its turns.

    A thread of its own would have a pool of workers of its own, and OpenMP lets workers sleep between two pieces of
    work as soon as there are more of them than processors: small operations then take twice as long as in a program
    that runs alone.
    """

    def __init__(self, body: Callable[[Callable[[], None]], object]) -> None:
        """`body` is given a function to call at the end of each turn. A loop that ends by itself is an error."""
        self._own = greenlet(partial(body, _pause))

    def turn(self) -> float:
        """Let it run to its next pause; seconds. Raises what the loop raised."""
        waited_for()
        began = perf_counter()
        with _kept():
            self._own.switch()
        if self._own.dead:
            raise RuntimeError("the loop ended by itself: give it more steps to take")
        return perf_counter() - began

    def close(self) -> None:
        """End it; it cleans up."""
        with _kept():
            self._own.throw()


def close(loops: Iterable[Loop]) -> None:
    """End them all, the last one first: what they changed for the process is put back as it was before them."""
    for loop in reversed(list(loops)):
        loop.close()


def _pause() -> None:
    waited_for()
    with _kept():
        getcurrent().parent.switch()


@contextmanager
def _kept() -> Iterator[None]:
    """Leave what torch keeps for a thread as it is, whatever runs on it meanwhile."""
    grad, stream = torch.is_grad_enabled(), torch.cuda.current_stream() if torch.cuda.is_available() else None
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        if stream is not None:
            torch.cuda.set_stream(stream)


def waited_for() -> None:
    """Wait until an accelerator has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def timed(what: Callable[[], object]) -> Callable[[], float]:
    """A function that calls `what` and gives its seconds."""

    def once() -> float:
        waited_for()
        began = perf_counter()
        what()
        waited_for()
        return perf_counter() - began

    return once


def in_turn(sides: Mapping[str, Callable[[], float]], rounds: int, warm: int = 1) -> dict[str, list[float]]:
    """Seconds of each side in each round; sides alternate, and the first rounds are not counted."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(warm + rounds):
        for name, side in sides.items():
            took = side()
            if number >= warm:
                found[name].append(took)
    return found


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast one side is as another, round by round."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, theirs: Sequence[float], ours: Sequence[float]) -> "Ratio":
        """Seconds of both in the same rounds."""
        ratios = [there / here for there, here in zip(theirs, ours, strict=True)]
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f}× ({self.least:.2f}–{self.most:.2f})"


@contextmanager
def stepping() -> Iterator[list[torch.optim.Optimizer]]:
    """Gives a list that holds every optimizer that takes a step within, each once."""
    seen: list[torch.optim.Optimizer] = []

    def note(optimizer: torch.optim.Optimizer, *_: object) -> None:
        if not any(one is optimizer for one in seen):
            seen.append(optimizer)

    hook = register_optimizer_step_post_hook(note)
    try:
        yield seen
    finally:
        hook.remove()


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of all tensors that an optimizer keeps beside the weights."""
    kept = (value for state in optimizer.state.values() for value in state.values() if isinstance(value, torch.Tensor))
    return sum(tensor.numel() * tensor.element_size() for tensor in kept)


def saved_bytes(model: torch.nn.Module, forward: Callable[[], torch.Tensor]) -> int:
    """Bytes of the distinct storages that autograd keeps of a forward pass for the backward one, weights left out."""
    own = {weight.untyped_storage().data_ptr() for weight in (*model.parameters(), *model.buffers())}
    sizes: dict[int, int] = {}
    held: list[torch.Tensor] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)  # an address that is free again would be counted once for two tensors
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        forward()
    return sum(sizes.values())
