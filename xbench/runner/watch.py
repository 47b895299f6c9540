"""How a long run tells what it is doing. The runner speaks; whoever calls it decides what is shown."""

from typing import Protocol


class Watch(Protocol):
    """Somebody who is told of progress."""

    def say(self, text: str) -> None:
        """One line of news."""
        ...

    def begin(self, what: str, total: int) -> None:
        """A stretch of work begins; `total` is 0 where its length is not known."""
        ...

    def advance(self, done: int, note: str = "") -> None:
        """So much of the stretch is done."""
        ...

    def end(self) -> None:
        """The stretch is over."""
        ...


class Silent:
    """Tells nobody."""

    def say(self, text: str) -> None:
        """Nothing."""

    def begin(self, what: str, total: int) -> None:
        """Nothing."""

    def advance(self, done: int, note: str = "") -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""
