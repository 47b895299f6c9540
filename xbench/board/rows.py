"""Cells that are made when somebody looks at them: a board of 200,000 shows a few hundred at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

Z = 1.959963984540054
"""Half the width of a 95 % interval in standard errors, where the error is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One encoder in one language: the mean over seeds, and how far it is known."""

    value: float
    """0..1, mean over seeds."""
    low: float
    high: float
    """Ends of the 95 % interval: over examples given the seed where there is one, over seeds and examples where there
    are several."""
    seeds: int
    n: int
    deviation: float | None = None
    """Standard deviation of the seeds' scores; None for one seed."""
    fertility: float | None = None
    """Tokens per word; None where nobody counted."""
    item_error: float | None = None
    """Standard error over test items given the seed, mean over seeds; None where the cell was not read from records."""
    of_seeds: tuple[int, ...] = ()
    """The training seeds, in their order."""
    scores: tuple[float, ...] = ()
    """What each of them scored."""

    @property
    def error(self) -> float:
        """Standard error as far as the interval tells it."""
        return (self.high - self.low) / (2 * Z)


class Slices(Sequence[tuple[Any, ...]]):
    """Neighbouring pieces of one list, cut when somebody looks at them."""

    __slots__ = ("_ends", "_values")

    def __init__(self, values: Sequence[Any], ends: Sequence[int]) -> None:
        """`ends`: where each piece ends in `values`."""
        self._values = values
        self._ends = ends

    def __getitem__(self, place: Any) -> Any:
        return tuple(self._values[self._ends[place - 1] if place else 0 : self._ends[place]])

    def __len__(self) -> int:
        return len(self._ends)


class Row(Mapping[str, Cell]):
    """The cells of one column by language, over lists of figures that all columns of a table share."""

    __slots__ = ("_figures", "_made", "_places")

    def __init__(self, places: Mapping[str, int], figures: Mapping[str, Sequence[Any]]) -> None:
        """`places`: language -> place in each list; `figures`: field of a cell -> list, NaN where it is not known."""
        self._places = places
        self._figures = figures
        self._made: dict[str, Cell] = {}

    def __getitem__(self, language: str) -> Cell:
        if language not in self._made:
            place = self._places[language]
            told = {name: figures[place] for name, figures in self._figures.items()}
            for name in ("deviation", "fertility"):
                told[name] = None if isnan(told[name]) else told[name]
            self._made[language] = Cell(**told)
        return self._made[language]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, language: object) -> bool:
        return language in self._places

    def figures(self, languages: Iterable[str], name: str) -> list[Any]:
        """One field of the cells of these languages, without making the cells. Raises KeyError for one without."""
        figures = self._figures[name]
        return [figures[self._places[language]] for language in languages]


def figures(cells: Mapping[str, Cell], languages: Iterable[str], name: str) -> list[Any]:
    """One field of the cells of these languages. Raises KeyError for a language without."""
    if isinstance(cells, Row):
        return cells.figures(languages, name)
    return [getattr(cells[language], name) for language in languages]
