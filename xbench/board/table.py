"""One task of a board: languages down, encoders across. Plain values; nothing here draws."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from xbench.influence import Cells
from xbench.record import ZERO_SHOT, parts
from xbench.uncertainty import over_seeds

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

    @property
    def error(self) -> float:
        """Standard error as far as the interval tells it."""
        return (self.high - self.low) / (2 * Z)


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
    """Whether differences were paired by item; where counts are not at hand wider intervals are taken."""


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
    other_rows: str = ""
    """Languages whose test rows are not those that most of the board was scored on."""
    runs: tuple[int, ...] = ()
    """Numbers of its runs in the board's frame, by seed."""
    collapsed: tuple[int, ...] = ()
    """Seeds of runs that collapsed; they are kept in every mean."""
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
        return sum(self.cells[language].value for language in targets) / len(targets)

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

    @property
    def shared(self) -> tuple[str, ...]:
        """Languages that every zero-shot column has, or every column where none is zero-shot."""
        counted = [column for column in self.columns if column.zero_shot] or self.columns
        return tuple(language for language in self.languages if all(language in column.cells for column in counted))


KEY = ["encoder", "recipe", "source", "split", "signature", "rule", "other_rows"]


def columns_of(frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of one task and metric, from rows as `Board.frame` gives them. One run counts once."""
    if frame.empty:
        return ()
    frame = frame.assign(other_rows=_other_rows(frame))
    frame = frame.drop_duplicates([*KEY, "language", "seed"])
    number = frame.groupby(KEY, sort=False, observed=True).ngroup().to_numpy()
    frame = frame.assign(column=number, error=(frame["high"] - frame["low"]) / (2 * Z))
    cells = frame.groupby(["column", "language"], sort=False, observed=True).agg(
        value=("value", "mean"), deviation=("value", "std"), seeds=("value", "size"), low=("low", "first"),
        high=("high", "first"), error=("error", "mean"), n=("n", "first"), fertility=("fertility", "first"),
    )  # fmt: skip
    _widen(cells)
    made: dict[int, dict[str, Cell]] = {}
    fields = [cells[name].tolist() for name in ("value", "low", "high", "seeds", "n", "deviation", "fertility")]
    for (column, language), value, low, high, seeds, n, deviation, fertility in zip(cells.index, *fields, strict=True):
        made.setdefault(column, {})[str(language)] = Cell(
            value=value, low=low, high=high, seeds=seeds, n=n, deviation=None if seeds == 1 else deviation,
            fertility=None if isnan(fertility) else fertility,
        )  # fmt: skip
    heads = frame.drop_duplicates("column")
    runs: dict[int, list[int]] = {}
    each = frame.drop_duplicates(["column", "run"]).sort_values("seed", kind="stable")
    for column, run in zip(each["column"].tolist(), each["run"].tolist(), strict=True):
        runs.setdefault(column, []).append(run)
    return tuple(
        Column(
            encoder=str(row.encoder), recipe=str(row.recipe), source=str(row.source), split=str(row.split),
            signature=str(row.signature), rule=str(row.rule), other_rows=str(row.other_rows),
            cells=made[column], runs=tuple(runs[column]),
        )
        for column, row in zip(heads["column"].tolist(), heads[KEY].itertuples(index=False), strict=True)
    )  # fmt: skip


def _other_rows(frame: pd.DataFrame) -> "pd.Series[str]":
    """For each row the languages of its run whose test rows differ from those that most runs were scored on."""
    size = frame.groupby(["language", "split", "fingerprint"], observed=True)["run"].transform("nunique")
    most = size.groupby([frame["language"], frame["split"]], observed=True).transform("max")
    odd = frame[size < most]
    if odd.empty:
        return pd.Series("", index=frame.index)
    told: dict[int, str] = {}
    for run, language, fingerprint in zip(odd["run"], odd["language"], odd["fingerprint"], strict=True):
        told[run] = ",".join(filter(None, (told.get(run, ""), f"{language}@{fingerprint[:8]}")))
    return frame["run"].map(told).fillna("")


def _widen(cells: pd.DataFrame) -> None:
    """Intervals of cells with several seeds from what the records themselves say: seeds and examples, both whole.

    Counts would tell which part of the examples' variance the seeds share; without them none is taken off, so that the
    interval is rather too wide. Student's t by Satterthwaite's degrees of freedom.
    """
    several = cells["seeds"] > 1
    if not several.any():
        return
    some = cells[several]
    over_seeds = some["deviation"] ** 2 / some["seeds"]
    variance = over_seeds + some["error"] ** 2
    freedom: NDArray[np.float64] = variance.to_numpy() ** 2 / np.maximum(
        over_seeds.to_numpy() ** 2 / (some["seeds"].to_numpy() - 1), 1e-300
    )
    half_width: NDArray[np.float64] = stdtrit(np.clip(freedom, 1, 1e9), 0.975) * np.sqrt(variance.to_numpy())
    cells.loc[several, "low"] = np.clip(some["value"] - half_width, 0, 1)
    cells.loc[several, "high"] = np.clip(some["value"] + half_width, 0, 1)


def sharpened(column: Column, cells: Cells) -> Column:
    """The column with the intervals over seeds and examples that its counts tell."""
    found = dict(column.cells)
    for language, cell in column.cells.items():
        if cell.seeds > 1 and language in cells.influences:
            estimate = over_seeds(cells.influences[language])
            found[language] = replace(cell, low=estimate.low, high=estimate.high)
    return replace(column, cells=found)


def error_of_mean(column: Column, languages: Sequence[str], *, parallel: bool) -> float:
    """Standard error of the mean of targets from the cells alone, with nothing taken off for what they share.

    In a parallel set languages share their items, so their errors are added as if they always erred together.
    """
    cells = [column.cells[language] for language in languages if language != column.source]
    errors = np.array([cell.error for cell in cells])
    return float(errors.mean() if parallel else sqrt(float((errors**2).sum())) / len(errors))
