"""Progress on standard error: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Task as Stretch
from rich.text import Text

EVERY = 10.0
"""Seconds between two plain lines of one stretch of work."""


class Lines:
    """Plain lines: the beginning and the end of each stretch, and now and then how far it is."""

    def __init__(self) -> None:
        self._what = ""
        self._total = 0
        self._last = ("", 0.0)
        self._began = 0.0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, what: str, total: int) -> None:
        """Remember what goes on."""
        self._what, self._total, self._began = what, total, time.monotonic()
        self._last = ("", self._began)

    def advance(self, done: int, note: str = "") -> None:
        """Print how far it is, at most every EVERY seconds."""
        text = f"  {self._what}: {done}{f'/{self._total}' if self._total else ''} {note}"
        shown = time.monotonic() - self._last[1] >= EVERY
        self._last = (text, time.monotonic() if shown else self._last[1])
        if shown:
            self.say(text)

    def end(self) -> None:
        """Print where it ended and how long it took."""
        if self._what:
            self.say(f"{self._last[0] or f'  {self._what}'} ({time.monotonic() - self._began:.1f} s)")
            self._what = ""


class Bars:
    """A live line on a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Count(),
            TextColumn("[dim]{task.fields[note]}"), TimeElapsedColumn(), console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._now: TaskID | None = None

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(text, markup=False, highlight=False)

    def begin(self, what: str, total: int) -> None:
        """Show a new bar in place of the last."""
        self.end()
        self._now = self._progress.add_task(what, total=total or None, note="")

    def advance(self, done: int, note: str = "") -> None:
        """Move the bar."""
        if self._now is not None:
            self._progress.update(self._now, completed=done, note=note)

    def end(self) -> None:
        """Take the bar away."""
        if self._now is not None:
            self._progress.remove_task(self._now)
            self._now = None


class _Count(MofNCompleteColumn):
    def render(self, task: Stretch) -> Text:
        return super().render(task) if task.total else Text()


def progress() -> Lines | Bars:
    """What fits where standard error goes."""
    return Bars() if sys.stderr.isatty() else Lines()
