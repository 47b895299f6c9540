"""One task of a board: languages down, encoders across. Plain values; nothing here draws."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from xbench.board.rows import Cell, Row, Slices, Z, figures
from xbench.influence import Cells
from xbench.record import ZERO_SHOT, parts
from xbench.uncertainty import over_seeds

__all__ = ["KEY", "RUN_KEY", "Cell", "Column", "Rank", "Table", "columns_of", "numbered", "sharpened"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """Where an encoder stands among those it may be compared with, by the mean of its targets."""

    place: int
    best: int
    """One more than the encoders that are better beyond doubt: paired differences, Holm over all pairs, 5 %."""
    worst: int
    """Last place less the encoders that are worse beyond doubt."""
    tier: int
    """Encoders of a tier are not worse beyond doubt than the tier's first."""
    among: int
    paired: bool
    """Whether differences were paired by item; where counts are not at hand, what the records say is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One encoder fine-tuned by one recipe on one source."""

    encoder: str
    recipe: str
    source: str
    split: str
    """The split that was scored; a column never mixes two."""
    signature: str
    cells: Mapping[str, Cell]
    """Language -> cell; a language that is missing has none."""
    rule: str = "source-dev"
    """How checkpoints were chosen."""
    weights: str = ""
    """Hash of the checkpoint's files: two checkpoints under one name are two columns."""
    other_rows: str = ""
    """Languages whose test rows are not those that most of the board was scored on."""
    runs: tuple[int, ...] = ()
    """Numbers of its runs in the board's frame, by seed."""
    collapsed: tuple[int, ...] = ()
    """Seeds of runs that collapsed; they are kept in every mean."""
    seeds: int = 0
    """Training seeds that have a score in any language; records of one seed with other languages each are one run."""
    rank: Rank | None = None
    """None where it may not be ranked: incomplete, not zero-shot, or alone."""

    @property
    def zero_shot(self) -> bool:
        """Whether no label of a target was read to choose anything."""
        return self.rule in ZERO_SHOT

    @property
    def comparable(self) -> tuple[str, ...]:
        """Columns with equal ones may be compared. How an encoder pools its own vectors is part of the encoder."""
        told = parts(self.signature)
        told.pop("vectors", None)
        return (self.split, self.other_rows, *(f"{key}:{value}" for key, value in told.items()))

    def mean(self, languages: Iterable[str]) -> float | None:
        """Mean over these languages without the source; None unless every one has a score."""
        targets = [language for language in languages if language != self.source]
        if not targets or any(language not in self.cells for language in targets):
            return None
        return float(sum(figures(self.cells, targets, "value"))) / len(targets)

    def mean_with_source(self, languages: Iterable[str]) -> float | None:
        """Mean over these languages and the source, as XTREME averages; None unless every one has a score."""
        wanted = list(languages)
        if not wanted or any(language not in self.cells for language in (*wanted, self.source)):
            return None
        return sum(self.cells[language].value for language in wanted) / len(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One task: languages down, encoders across."""

    task: str
    metric: str
    languages: tuple[str, ...]
    """Every language that was asked for, in the order of the records."""
    columns: tuple[Column, ...]
    missing: Mapping[str, str]
    """Language -> why no column has it."""
    chance: float = 0.0
    parallel: bool = False
    shares_items: bool = False
    """Whether equal ids are one item in the languages that have it, though the set is not parallel."""
    better: str = "higher"
    """higher or lower, as the metric says where it is known here. Where lower is, nothing is ranked or measured."""

    @property
    def paired(self) -> bool:
        """Whether equal ids are one item."""
        return self.parallel or self.shares_items

    @property
    def shared(self) -> tuple[str, ...]:
        """Languages that every zero-shot column has, or every column where none is zero-shot."""
        counted = [column for column in self.columns if column.zero_shot] or self.columns
        return tuple(language for language in self.languages if all(language in column.cells for column in counted))


RUN_KEY = ("task", "encoder", "recipe", "source", "seed", "signature", "weights")
"""What tells one run from another; its records share it."""

KEY = ["encoder", "recipe", "source", "split", "signature", "rule", "weights"]
"""What all cells of a column share, beside the languages in which their test rows are other ones."""

Numbers = NDArray[np.int64]


def columns_of(frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of one task and metric, from rows as `Board.frame` gives them. One run counts once."""
    if frame.empty:
        return ()
    heads = numbered(frame[name] for name in KEY)
    rows = _other_rows(frame, heads)
    column, seed = numbered([heads, rows]), numbered([frame["seed"]])
    cell = numbered([column, frame["language"]])
    once = np.flatnonzero(_first(cell, seed))
    first, told = _figures(frame.iloc[once], cell[once])
    trained = np.bincount(column[_first(column, seed)])
    made: dict[int, dict[str, int]] = {}
    at = once[first]
    for place, (one, name) in enumerate(
        zip(column[at].tolist(), frame["language"].iloc[at].astype(object), strict=True)
    ):
        made.setdefault(one, {})[name] = place
    runs = _runs(column[once], frame["run"].to_numpy()[once], frame["seed"].to_numpy()[once])
    first = np.flatnonzero(~pd.Series(column).duplicated().to_numpy())
    names = zip(*(frame[name].iloc[first].astype(object) for name in KEY), strict=True)
    return tuple(
        Column(
            encoder=encoder, recipe=recipe, source=source, split=split, signature=signature, rule=rule,
            weights=weights, other_rows=other, cells=Row(made[number], told), runs=runs[number],
            seeds=int(trained[number]),
        )
        for number, (encoder, recipe, source, split, signature, rule, weights), other in zip(
            column[first].tolist(), names, rows[first], strict=True
        )
    )  # fmt: skip


def numbered(columns: Iterable["pd.Series[Any] | NDArray[Any]"]) -> Numbers:
    """For each row the number of its group: equal values in all columns, groups in order of their first row."""
    joint: Numbers | None = None
    groups = 1
    for column in columns:
        codes, kinds = pd.factorize(column)
        if joint is not None and groups > 1 and len(kinds) > 1:
            codes, kinds = pd.factorize(joint * len(kinds) + codes)
        if joint is None or len(kinds) > 1:
            joint, groups = codes, len(kinds)
    return np.asarray(joint, np.int64)


def _first(groups: Numbers, members: Numbers) -> NDArray[np.bool_]:
    """For each row whether it is the first of this member of its group; both are numbers from 0."""
    return ~pd.Series(groups * (members.max() + 1) + members).duplicated().to_numpy(bool)


def _other_rows(frame: pd.DataFrame, heads: Numbers) -> NDArray[np.object_]:
    """For each row the languages of its run whose test rows differ from those that most runs were scored on.

    Where as many were scored on others, those of the first run stand.
    """
    place = numbered([frame["language"], frame["split"]])
    group = numbered([place, frame["fingerprint"]])
    size = np.bincount(group)
    of_group = np.full(len(size), -1)
    of_group[group] = place
    order = np.lexsort((np.arange(len(size)), -size, of_group))
    chosen = order[np.unique(of_group[order], return_index=True)[1]]
    odd = ~np.isin(group, chosen)
    found = np.full(len(frame), "", object)
    if not odd.any():
        return found
    run = numbered([heads, frame["seed"]])
    told: dict[int, list[str]] = {}
    rows = frame[odd]
    for one, language, fingerprint in zip(run[odd].tolist(), rows["language"], rows["fingerprint"], strict=True):
        told.setdefault(one, []).append(f"{language}@{fingerprint[:8]}")
    for one, names in told.items():
        found[run == one] = ",".join(dict.fromkeys(names))
    return found


def _runs(column: Numbers, run: Numbers, seed: Numbers) -> dict[int, tuple[int, ...]]:
    """Column -> numbers of its runs, by seed."""
    first = np.flatnonzero(_first(column, run))
    found: dict[int, list[int]] = {}
    order = first[np.argsort(seed[first], kind="stable")]
    for one, number in zip(column[order].tolist(), run[order].tolist(), strict=True):
        found.setdefault(one, []).append(number)
    return {one: tuple(numbers) for one, numbers in found.items()}


def _figures(rows: pd.DataFrame, cell: Numbers) -> tuple[Numbers, dict[str, Sequence[Any]]]:
    """The place of the first row of each cell, and the fields of all cells, in the order of their numbers."""
    first = np.flatnonzero(~pd.Series(cell).duplicated().to_numpy())
    seeds = np.bincount(cell)
    value, low, high, fertility = (rows[name].to_numpy(np.float64) for name in ("value", "low", "high", "fertility"))

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        rough = np.bincount(cell, values) / seeds
        fine: NDArray[np.float64] = rough + np.bincount(cell, values - rough[cell]) / seeds  # equal ones: their value
        return fine

    means = mean(value)
    deviation = np.sqrt(np.bincount(cell, (value - means[cell]) ** 2) / np.maximum(seeds - 1, 1))
    error = mean((high - low) / (2 * Z))
    ends = _widened(means, deviation, error, seeds, low[first], high[first])
    told = np.flatnonzero(~np.isnan(fertility))[::-1]
    tokens = np.full(len(first), np.nan)
    tokens[cell[told]] = fertility[told]
    deviation[seeds == 1] = np.nan
    names = ("value", "low", "high", "seeds", "n", "deviation", "fertility", "item_error")
    fields = (means, *ends, seeds, rows["n"].to_numpy()[first], deviation, tokens, error)
    found: dict[str, Sequence[Any]] = {name: field.tolist() for name, field in zip(names, fields, strict=True)}
    order, cuts = np.lexsort((rows["seed"].to_numpy(), cell)), np.cumsum(seeds).tolist()
    of_seed = rows["seed"].to_numpy()[order]
    most = int(seeds[0])
    alike = bool((seeds == most).all()) and bool((of_seed.reshape(-1, most) == of_seed[:most]).all())
    own_seeds = [tuple(of_seed[:most].tolist())] * len(seeds) if alike else Slices(of_seed.tolist(), cuts)
    return first, found | {"of_seeds": own_seeds, "scores": Slices(value[order].tolist(), cuts)}


def _widened(
    value: NDArray[np.float64], deviation: NDArray[np.float64], error: NDArray[np.float64], seeds: Numbers,
    low: NDArray[np.float64], high: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Intervals of cells from what the records themselves say: with several seeds, seeds and examples, both whole.

    Counts would tell which part of the examples' variance the seeds share; without them none is taken off, so that the
    interval is rather too wide. Student's t by Satterthwaite's degrees of freedom. With one seed the record's own.
    """
    of_seeds = deviation**2 / seeds
    variance = of_seeds + error**2
    freedom = variance**2 / np.maximum(of_seeds**2 / np.maximum(seeds - 1, 1), 1e-300)
    half_width = stdtrit(np.clip(freedom, 1, 1e9), 0.975) * np.sqrt(variance)
    several = seeds > 1
    return (
        np.where(several, np.clip(value - half_width, 0, 1), low),
        np.where(several, np.clip(value + half_width, 0, 1), high),
    )


def sharpened(column: Column, cells: Cells) -> Column:
    """The column with the intervals over seeds and examples that its counts tell."""
    found = dict(column.cells)
    for language, cell in column.cells.items():
        if cell.seeds > 1 and language in cells.influences:
            estimate = over_seeds(cells.influences[language])
            found[language] = replace(cell, low=estimate.low, high=estimate.high)
    return replace(column, cells=found)
