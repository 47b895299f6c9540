"""What goes with a large gap: tokens per word, script, family, pre-training, resources.

The gap of an encoder in a language is regressed on facts of the language, one at a time and all together. Every encoder
has an intercept of its own, so that its score in the source falls out: a slope tells how languages of one encoder
differ, never how encoders do. Languages were not drawn at random, and what they differ in comes together (script,
family, resources): a slope describes these languages and is no cause.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

from xbench.board.least_squares import Slope, fitted, independent
from xbench.board.spread import seen_by
from xbench.board.table import Column, Table
from xbench.errors import BadOption
from xbench.languages import language, same

FEWEST = 7
"""Targets below which nothing is told: with the source, 8 languages."""
SIDE = 3
"""Targets that a yes or a no needs, and that must be left for each slice of those told together."""
LEAST = 2.0
"""Degrees of freedom below which nothing is told."""
RANGE = 0.1
"""Units that targets must differ by: a slope is not drawn out far beyond what was seen."""
ROUGH = 4.0
"""Degrees of freedom below which an interval is rough (Pustejovsky and Tipton 2018)."""
TANGLED = 5.0
"""Inflation of a variance from which on slices can hardly be told apart."""
MOST = 200
"""Encoders that are pooled."""

ROUGH_SAID = "rests on few languages: the interval is rough"
TANGLED_SAID = "hardly told apart from the other slices"
APART_SAID = "languages have test items of their own, which may be harder or easier"

UNITS: Mapping[str, str] = {
    "fertility": "per doubling of tokens per word against the source",
    "other script": "if the script is not the source's",
    "other family": "if the family is not the source's",
    "unseen": "if the encoder's card does not list it",
    "resource class": "per class (Joshi et al. 2020: 0 left behind, 5 winner)",
}
"""Slice -> what its slope is for one of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """How the gap goes with one fact of the languages."""

    task: str
    metric: str
    columns: tuple[Column, ...]
    """The encoders it is about; more than one = pooled, each with its own intercept."""
    name: str
    together: bool
    """Whether the other slices that could be told are held equal."""
    slope: Slope | None
    """Gap, 0..1, for one unit; positive = languages with more of it lose more. None where it cannot be told."""
    why: str
    """Why it cannot be told; empty where it is."""
    languages: int
    cells: int
    r_squared: float | None
    """Of the whole regression: variance within encoders."""
    caveats: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """What the slope is for one of."""
        return UNITS[self.name]


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells of one regression, a row each."""

    gaps: list[float]
    facts: list[tuple[float, ...]]
    groups: list[int]
    languages: list[str]


def slices(table: Table) -> tuple[Slice, ...]:
    """Every slice: all zero-shot encoders pooled where there are several, then each by itself.

    Raises BadOption where there are more encoders than can be pooled.
    """
    columns = tuple(column for column in table.columns if column.zero_shot)
    if len(columns) > MOST:
        raise BadOption(f"{len(columns)} encoders of {table.task} cannot be pooled, {MOST} can: choose with --encoder")
    sets = [columns, *([column] for column in columns)] if len(columns) > 1 else [columns]
    return tuple(one for some in sets if some for one in _of(table, tuple(some)))


def _of(table: Table, columns: tuple[Column, ...]) -> list[Slice]:
    """Each slice alone, then all that could be told together."""
    alone = [_told(table, columns, [name])[0] for name in UNITS]
    able = [one.name for one in alone if one.slope]
    return alone + (_told(table, columns, able) if len(able) > 1 else [])


def _told(table: Table, columns: tuple[Column, ...], names: Sequence[str]) -> list[Slice]:
    cells = _cells(table, columns, names)
    count = len(set(cells.languages))
    fit, why = None, _refused(cells, names)
    if not why:
        numbers = {one: place for place, one in enumerate(dict.fromkeys(cells.languages))}
        groups = np.unique(cells.groups, return_inverse=True)[1]
        facts = np.array(cells.facts)
        if independent(facts, groups):
            fit = fitted(np.array(cells.gaps), facts, groups, np.array([numbers[one] for one in cells.languages]))
        else:
            why = "the same for all targets of an encoder" if len(names) == 1 else "one of them follows from the others"
    slopes = [one if one.degrees_of_freedom >= LEAST else None for one in fit.slopes] if fit else [None] * len(names)
    return [
        Slice(
            task=table.task, metric=table.metric, columns=columns, name=name, together=len(names) > 1,
            slope=slope, why=why or ("" if slope else "too few targets differ in it"), languages=count,
            cells=len(cells.gaps), r_squared=fit.r_squared if fit else None, caveats=_caveats(table, slope),
        )
        for name, slope in zip(names, slopes, strict=True)
    ]  # fmt: skip


def _cells(table: Table, columns: Sequence[Column], names: Sequence[str]) -> _Cells:
    """Cells of targets whose facts are all known."""
    found = _Cells([], [], [], [])
    for place, column in enumerate(columns):
        source = column.cells.get(column.source)
        facts = [FACTS[name](column) for name in names]
        for code, cell in column.cells.items():
            known = [fact(code) for fact in facts] if source and code != column.source else [None]
            if source and all(value is not None for value in known):
                found.gaps.append(source.value - cell.value)
                found.facts.append(tuple(value for value in known if value is not None))
                found.groups.append(place)
                found.languages.append(code)
    return found


def _refused(cells: _Cells, names: Sequence[str]) -> str:
    """Why nothing can be told; empty where it can."""
    known = set(cells.languages)
    needed = max(FEWEST, len(names) + SIDE)
    if len(known) < needed:
        return f"known of {len(known)} targets with a gap to their source, and {needed} are needed"
    for place in range(len(names)):
        values = {value[place] for value in cells.facts}
        if len(values) < 2:
            return "the same for all targets"
        if max(values) - min(values) < RANGE:
            return f"targets differ by less than {RANGE:g} units"
        if values == {0.0, 1.0}:
            sides = [
                {one for one, fact in zip(cells.languages, cells.facts, strict=True) if fact[place] == v}
                for v in values
            ]
            if min(map(len, sides)) < SIDE:
                return f"{min(map(len, sides))} targets stand on one side of it, and {SIDE} are needed"
    return ""


def _caveats(table: Table, slope: Slope | None) -> tuple[str, ...]:
    if slope is None:
        return ()
    return tuple(
        said
        for said, holds in (
            (ROUGH_SAID, slope.degrees_of_freedom < ROUGH),
            (TANGLED_SAID, slope.inflation > TANGLED),
            (APART_SAID, not table.parallel),
        )
        if holds
    )


def _fertility(column: Column) -> Callable[[str], float | None]:
    source = column.cells[column.source].fertility if column.source in column.cells else None

    def fact(code: str) -> float | None:
        own = column.cells[code].fertility
        return log2(own / source) if own and source and min(own, source) > 0 else None

    return fact


def _other(field: str) -> Callable[[Column], Callable[[str], float | None]]:
    def of(column: Column) -> Callable[[str], float | None]:
        origin = getattr(language(column.source), field)

        def fact(code: str) -> float | None:
            own = getattr(language(code), field)
            return float(own != origin) if own and origin else None

        return fact

    return of


def _unseen(column: Column) -> Callable[[str], float | None]:
    seen = seen_by(column.encoder)

    def fact(code: str) -> float | None:
        return float(not any(same(code, other) for other in seen)) if seen else None

    return fact


def _class(column: Column) -> Callable[[str], float | None]:
    def fact(code: str) -> float | None:
        own = language(code).resource_class
        return None if own is None else float(own)

    return fact


FACTS: Mapping[str, Callable[[Column], Callable[[str], float | None]]] = {
    "fertility": _fertility, "other script": _other("script"), "other family": _other("family"), "unseen": _unseen,
    "resource class": _class,
}  # fmt: skip
"""Slice -> column -> language -> the number it is regressed on; None where it is not known."""
