"""What keeps trainings apart that go on in one process, a step of each in turn."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import torch


class Turn:
    """What belongs to one training while others go on beside it: its random numbers, its stream and its time."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seconds = 0.0
        """Wall time of its turns."""
        self._devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=self._devices):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed accelerators that are not ours
            for place in self._devices:
                with torch.cuda.device(place):
                    torch.cuda.manual_seed(seed)
            self._drawn = self._states()
        self._stream = torch.cuda.Stream(device) if self._devices else None  # type: ignore[no-untyped-call]
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(device))

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Draw this training's own numbers, on its own stream; torch's global generators are left as they were."""
        began = perf_counter()
        with torch.random.fork_rng(devices=self._devices):
            torch.set_rng_state(self._drawn[0])
            for place, state in zip(self._devices, self._drawn[1:], strict=True):
                torch.cuda.set_rng_state(state, place)
            try:
                with torch.cuda.stream(self._stream):
                    yield
            finally:
                self._drawn = self._states()
                if self._stream is not None:
                    # Whoever goes on with the model reads weights that are still being written.
                    torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)
                self.seconds += perf_counter() - began

    def _states(self) -> list[torch.Tensor]:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state(place) for place in self._devices)]


def forget_where(fault: BaseException) -> None:
    """Let go of the frames that an error came through: they hold a model, and all that its gradients need."""
    one: BaseException | None = fault
    while one is not None:
        traceback.clear_frames(one.__traceback__)
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
