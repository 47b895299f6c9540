"""Tables as they are read: plain strings in rows and columns, in percent. What draws or writes them escapes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from xbench import languages as known
from xbench.board import Cell, Column, Rank
from xbench.disparity import Measure

Mark = Literal["", "first", "best", "worst"]
"""first = of the first tier; best = best of its row, of an encoder that is alone in the first tier; worst = the
encoder's worst language."""

SYMMETRIC = 0.005
"""Intervals whose sides differ by no more in any cell of a table are written with ±, else by their ends."""

NOTHING = "–"

SHARES = frozenset(("relative gap", "gap above chance", "min / max", "Gini"))
"""Measures that are shares, not scores or points."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What stands in a cell."""

    value: str
    around: str = ""
    """How far it is known: `±1.2` or `[60.1, 64.0]`."""
    mark: Mark = ""

    def __str__(self) -> str:
        return f"{self.value} {self.around}".rstrip()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a grid."""

    keys: tuple[str, ...]
    """What names it, one text for each key column."""
    figures: tuple[Figure, ...]
    mean: bool = False
    """Whether it sums up other rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of text."""

    name: Literal["ranking", "languages", "disparity", "tasks"]
    title: str
    keys: tuple[str, ...]
    heads: tuple[tuple[str, ...], ...]
    """Lines of each column's heading, after the key columns."""
    sections: tuple[tuple[Row, ...], ...]
    """Rows, with a line between sections."""


def points(value: float) -> str:
    """0.6241 -> `62.4`; what rounds to nothing has no sign."""
    text = f"{100 * value:.1f}"
    return "0.0" if text == "-0.0" else text


def one_line(lines: Sequence[str]) -> str:
    """A heading in one line: `low-` and `resource` are one word."""
    return " ".join(lines).replace("- ", "-")


def place(rank: Rank | None) -> str:
    """`1–2`: the places that remain open."""
    if rank is None:
        return NOTHING
    return str(rank.best) if rank.best == rank.worst else f"{rank.best}–{rank.worst}"


def seeds_of(column: Column) -> str:
    """How many seeds its cells have: `5`, or `3–5`."""
    several = sorted({cell.seeds for cell in column.cells.values()})
    return "–".join(map(str, dict.fromkeys((several[0], several[-1])))) if several else "0"


def label(language: str) -> str:
    """A language by its code and, where that tells more, its English name."""
    name = known.language(language).name
    return language if name.casefold() == language.casefold() else f"{language} {name}"


def interval(value: float, low: float | None, high: float | None, signed: bool) -> str:
    """How far a value is known, in points: `±1.2`, the longer side, or its ends; empty where nobody knows."""
    if low is None or high is None:
        return ""
    return f"±{points(max(value - low, high - value))}" if signed else f"[{points(low)}, {points(high)}]"


def symmetric(several: Iterable[Cell | Measure]) -> bool:
    """Whether all these intervals are the same to both sides, as far as a reader would see."""
    return all(
        abs((one.high - one.value) - (one.value - one.low)) <= SYMMETRIC
        for one in several
        if one.low is not None and one.high is not None
    )


def facts(language: str) -> Mapping[str, str | int | None]:
    """What is known of a language, as columns: name, script, family, macro_area, resource_class."""
    it = known.language(language)
    return {
        "language_name": it.name, "script": it.script, "family": it.family, "macro_area": it.macro_area,
        "resource_class": it.resource_class,
    }  # fmt: skip


def percent(value: float | None) -> Figure:
    """A mean without its interval."""
    return Figure(NOTHING if value is None else points(value))


def figure(found: Measure | Cell | None, signed: bool, mark: Mark = "") -> Figure:
    """A score or a measure with its interval."""
    if found is None:
        return Figure(NOTHING)
    return Figure(points(found.value), interval(found.value, found.low, found.high, signed), mark)
