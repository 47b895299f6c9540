"""What verifying finds, and what it looks at."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from xbench.export.escaping import plain
from xbench.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing on a board that does not hold."""

    file: str
    code: str
    """A stable name of what is wrong; docs/runs.md lists them."""
    what: str
    recorded: str = ""
    """What the file says; empty where the fault is no difference of two values."""
    derived: str = ""
    """What it should say."""

    def __str__(self) -> str:
        differ = f": recorded {self.recorded}, re-derived {self.derived}" if self.recorded or self.derived else ""
        return plain(f"{self.file}: {self.code}: {self.what}{differ}")


Faults: TypeAlias = Iterator[Fault]


@dataclass(frozen=True, slots=True)
class Entry:
    """A record on a board."""

    board: Path
    path: Path
    record: Record

    @property
    def counts_path(self) -> Path:
        """Where its counts should lie."""
        return self.path.with_suffix(".parquet")

    def fault(self, code: str, what: str, recorded: object = "", derived: object = "") -> Fault:
        """A fault of this record."""
        return Fault(file=str(self.path), code=code, what=what, recorded=str(recorded), derived=str(derived))

    def differs(self, code: str, what: str, recorded: object, derived: object) -> Faults:
        """A fault where two values that must be equal are not."""
        if recorded != derived:
            yield self.fault(code, what, repr(recorded), repr(derived))
