"""Records of one or more boards -> rows, tables, ranks. Plain values; nothing here draws."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xbench import catalogue, examples, store
from xbench.board import reading
from xbench.board.collapse import collapsed
from xbench.board.ranking import ranked
from xbench.board.reading import Frames
from xbench.board.spread import measured
from xbench.board.table import RUN_KEY, Cell, Column, Rank, Table, columns_of, numbered, sharpened
from xbench.disparity import Measure
from xbench.errors import ScoringError, XbenchError
from xbench.influence import Cells, cells_of
from xbench.metrics import for_columns
from xbench.metrics.named import installed
from xbench.record import Counts, Record
from xbench.store import Reject

__all__ = ["COLUMNS", "Board", "Cell", "Column", "Rank", "Table", "load_board"]

COLUMNS = (
    "task", "encoder", "recipe", "source", "seed", "language", "split", "metric", "headline", "n",
    "value", "low", "high", "rule", "fertility", "fingerprint", "signature", "run",
)  # fmt: skip

EXACT = 400
"""Runs up to which the counts themselves are read for intervals over seeds and for paired ranks."""


@dataclass(frozen=True, slots=True)
class Board:
    """What lies on one or more boards."""

    runs: pd.DataFrame
    """One row for each record: `reading.RUN`."""
    scores: pd.DataFrame
    """One row for each score: `reading.SCORE`."""
    missing: pd.DataFrame
    """One row for each cell that was asked for and is not there: `reading.MISSING`."""
    rejects: tuple[Reject, ...]
    """Files that were refused, and why."""
    notes: tuple[str, ...] = ()
    """What a reader must know: runs that stand there twice, names under which there are several checkpoints."""
    _kept: dict[tuple[str, tuple[int, ...]], Cells | None] = field(default_factory=dict, repr=False, compare=False)

    def frame(self) -> pd.DataFrame:
        """One row for each score, columns as in COLUMNS, then `weights`, a hash of the checkpoint; values 0..1."""
        at = self.scores["run"].to_numpy()
        of_run = {
            name: pd.Categorical(self.runs[name]).take(at)
            for name in ("task", "encoder", "recipe", "source", "rule", "signature", "weights")
        }
        frame = self.scores.assign(**of_run, seed=self.runs["seed"].to_numpy()[at])
        ranks = pd.Categorical(self.runs["metric"])
        codes = frame["metric"].cat.categories.get_indexer(ranks.categories)[ranks.codes]
        frame["headline"] = frame["metric"].cat.codes.to_numpy() == codes[at]
        return frame[[*COLUMNS, "weights"]]

    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks that have records, in their order."""
        return tuple(dict.fromkeys(self.runs["task"]))

    def record(self, run: int) -> Record:
        """The whole record of a run, by its number in `runs`. Raises BadRecord where it was changed meanwhile."""
        return store.read(self.file(run))

    def file(self, run: int) -> Path:
        """Where the record of a run lies."""
        row = self.runs.iloc[run]
        return Path(str(row["board"])) / str(row["file"])

    def tables(self, tasks: Sequence[str] = ()) -> tuple[Table, ...]:
        """One table for each task and each metric that ranks it, those asked for or all, ranked on the whole board."""
        frame = self.frame()
        wanted = dict.fromkeys(zip(self.runs["task"], self.runs["metric"], strict=True))
        return tuple(
            self._table(task, metric, frame[frame["headline"] & (frame["task"] == task) & (frame["metric"] == metric)])
            for task, metric in wanted
            if not tasks or task in tasks
        )

    def measures(self, table: Table, column: Column, *, gini: bool = False) -> tuple[Measure, ...]:
        """What a column says about disparity, with intervals where its counts are at hand; empty where incomplete."""
        return measured(table, column, self._cells_if_few(column, table.metric), gini=gini)

    def training(self, column: Column) -> str:
        """What a column's encoder was fine-tuned on and how, see `xbench.record.training`."""
        return str(self.runs["training"].iloc[column.runs[0]])

    def cells(self, column: Column, metric: str) -> Cells | None:
        """Influences behind a column; None where its counts are not at hand or its seeds had different items."""
        key = (metric, column.runs)
        if key not in self._kept:
            try:
                self._kept[key] = self._cells(column, metric)
            except XbenchError:
                self._kept[key] = None
        return self._kept[key]

    def without_counts(self) -> tuple[int, ...]:
        """Numbers of the runs whose counts were asked for so far, and are not at hand or do not belong together."""
        return tuple(dict.fromkeys(run for (_, runs), cells in self._kept.items() if cells is None for run in runs))

    def _facts(self, task: str) -> dict[str, Any]:
        """Chance, and what languages share, as the records say, or the task where it is registered here.

        A name in a record is untrusted: only registered ones are opened. Nothing is claimed of a task unknown here.
        """
        own = self.runs[(self.runs["task"] == task) & self.runs["chance"].notna()]
        if len(own):
            first = own.iloc[0]
            shares = bool(own["shares_items"].any())  # records of an earlier xbench do not say
            return {
                "chance": float(first["chance"]), "parallel": bool(first["parallel"]), "shares_items": shares,
            }  # fmt: skip
        try:
            known = catalogue.tasks.open(task) if task in catalogue.tasks.names() else None
        except XbenchError:
            known = None
        facts = ("chance", "parallel", "shares_items")
        return {fact: getattr(known, fact) for fact in facts} if known else {}

    def _cells_if_few(self, column: Column, metric: str) -> Cells | None:
        """As `cells`, but on a large board nothing is read for it."""
        return self.cells(column, metric) if len(self.runs) <= EXACT else None

    def _cells(self, column: Column, metric: str) -> Cells:
        by_seed: dict[int, list[Counts]] = {}
        for run in column.runs:
            counts = examples.read_counts(self.file(run), self.record(run))
            by_seed.setdefault(int(self.runs["seed"].iloc[run]), []).append(counts)
        tables = [_together(parts) for parts in by_seed.values()]
        return cells_of(tables, for_columns(installed(metric), tables[0].columns))

    def _table(self, task: str, metric: str, frame: pd.DataFrame) -> Table:
        mine = self.missing[(self.runs["task"] == task).to_numpy()[self.missing["run"].to_numpy(int)]]
        mine = mine[mine["metric"].isin(("", metric))]  # one that is missing for another metric alone is there
        why = dict(zip(mine["language"], mine["why"], strict=True))
        scored = dict.fromkeys(map(str, frame["language"].unique()))
        missing = {language: reason for language, reason in why.items() if language not in scored}
        facts = self._facts(task)
        table = Table(
            task=task, metric=metric, languages=(*scored, *missing), columns=columns_of(frame), missing=missing,
            better=_better(metric), **facts,
        )  # fmt: skip

        def cells(column: Column) -> Cells | None:
            return self._cells_if_few(column, metric)

        lost = collapsed(frame, self.runs, table.chance)
        seeds = self.runs["seed"].to_list()
        sharp = []
        for column in table.columns:
            of_seeds = tuple(dict.fromkeys(int(seeds[run]) for run in column.runs if run in lost))
            told = replace(column, collapsed=of_seeds) if of_seeds else column
            sharp.append(sharpened(told, found) if (found := cells(column)) else told)
        return ranked(replace(table, columns=tuple(sharp)), cells)


def load_board(*boards: str | Path) -> Board:
    """Read boards. Files that are no records are kept aside in `rejects`; a run that stands there twice counts once.

    Raises StoreError where a folder is not there.
    """
    frames = reading.joined([reading.read(Path(board)) for board in boards])
    frames, notes = _once(frames)
    return Board(frames.runs, frames.scores, frames.missing, frames.rejects, (*notes, *_several_weights(frames.runs)))


def _better(metric: str) -> str:
    """Whether higher or lower is better, as the metric says where it is installed; higher elsewhere."""
    try:
        return installed(metric).better
    except XbenchError:
        return "higher"


def _several_weights(runs: pd.DataFrame) -> tuple[str, ...]:
    """A note for each task and encoder that has records of several checkpoints under one name."""
    each = runs[["task", "encoder", "weights"]].drop_duplicates()
    counted = Counter(zip(each["task"], each["encoder"], strict=True))
    return tuple(
        f"{encoder} on {task}: records of {number} checkpoints under one name; each has a column of its own"
        for (task, encoder), number in counted.items()
        if number > 1
    )


def _once(frames: Frames) -> tuple[Frames, tuple[str, ...]]:
    """Leave out scores of runs that an earlier record holds already, and say so."""
    name = list(RUN_KEY)
    if not frames.runs.duplicated(name).any():
        return frames, ()
    scores = frames.scores
    run = scores["run"].to_numpy()
    named = numbered(frames.runs[one] for one in name)
    cell = numbered([named[run], scores["language"], scores["metric"]])
    again = pd.Series(cell).duplicated().to_numpy()
    first = scores["value"].to_numpy()[~again][cell]
    other = set(run[again & (first != scores["value"].to_numpy())].tolist())
    notes = tuple(
        f"twice: {frames.runs['file'].iloc[one]}: a run that stands on the boards already, with "
        + ("other numbers; the first stand" if one in other else "the same numbers")
        for one in np.unique(run[again]).tolist()
    )
    return replace(frames, scores=scores[~again].reset_index(drop=True)), notes


def _together(parts: Sequence[Counts]) -> Counts:
    """Counts of the parts of one run, which have other languages each. Raises ScoringError where columns differ."""
    if len(parts) == 1:
        return parts[0]
    if len({part.columns for part in parts}) > 1:
        raise ScoringError("parts of one run have counts of different metrics")
    return Counts(
        ids=tuple(id for part in parts for id in part.ids),
        languages=tuple(language for part in parts for language in part.languages),
        columns=parts[0].columns,
        rows=np.concatenate([part.rows for part in parts]),
    )
