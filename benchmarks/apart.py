"""Sides of a benchmark that take turns, each in a process of its own, as whoever uses it has it.

In one process they would share what its allocator has learned. glibc keeps freed memory up to twice the largest piece
that it has had to fetch from the system and was given back: pieces of 24 MiB on one side have the other side, which
alone gives memory back after every layer, keep it too, and that side is faster by a tenth.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar
from unittest.mock import patch

from benchmarks import BEGAN

SPAWN = multiprocessing.get_context("spawn")
"""A fork would inherit the memory of the parent, and hang where it had threads."""
PATIENCE = 30
"""Seconds that a process is given to end by itself."""

Side = TypeVar("Side")
Answer = TypeVar("Answer")


class Apart(Generic[Side]):
    """A side that was made, and lives, in another process."""

    def __init__(self, make: Callable[..., Side], *given: Any, ours: bool = True) -> None:
        """`make` and what it is given are pickled: a function of a module, and plain data.

        Threads of `ours` wait as xbench has them wait, others as the environment says in which the benchmark began.
        """
        import xbench  # noqa: F401  # it says how threads wait; not above, where the processes would import it as well

        self._pipe, there = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(there, make, *given), daemon=True)
        with patch.dict(os.environ, {} if ours else BEGAN, clear=not ours):
            self._process.start()
        there.close()

    def do(self, what: Callable[[Side], Answer]) -> Answer:
        """What a function of a module gives for the side. Raises RuntimeError where it fails; why is printed there."""
        try:
            self._pipe.send(what)
            answer: Answer = self._pipe.recv()
        except (EOFError, OSError) as cause:
            self._process.join(PATIENCE)
            raise RuntimeError(f"a side ended by itself, with status {self._process.exitcode}") from cause
        return answer

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(PATIENCE)
        self._process.kill()


@contextmanager
def apart(sides: Mapping[str, tuple[Callable[..., Side], tuple[Any, ...]]]) -> Iterator[dict[str, Apart[Side]]]:
    """Sides by name, each of a function and what it is to be given, in processes that end with the block.

    The one that is called "peer" is not ours.
    """
    with ExitStack() as stack:
        made = {}
        for name, (make, given) in sides.items():
            made[name] = Apart(make, *given, ours=name != "peer")
            stack.callback(made[name].close)
        yield made


def _serve(pipe: Connection, make: Callable[..., Any], *given: Any) -> None:
    side = make(*given)
    while True:
        try:
            what = pipe.recv()
        except EOFError:
            return
        pipe.send(what(side))
