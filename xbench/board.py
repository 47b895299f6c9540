"""Records of one or more boards -> rows, columns, cells. Plain values; nothing here draws."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from xbench import store
from xbench.errors import StoreError
from xbench.record import Record, headline
from xbench.store import Reject

COLUMNS = (
    "task", "encoder", "recipe", "source", "seed", "language", "split", "metric", "headline", "n",
    "value", "low", "high", "signature",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One encoder in one language: the mean over seeds, and how far it is known."""

    value: float
    """0..1, mean over seeds."""
    low: float
    high: float
    """With one seed the ends of the interval over examples; with several the least and the greatest seed."""
    seeds: int
    n: int


@dataclass(frozen=True, slots=True)
class Column:
    """One encoder fine-tuned by one recipe on one source."""

    encoder: str
    recipe: str
    source: str
    split: str
    """The split that was scored; a column never mixes two."""
    signature: str
    cells: dict[str, Cell]
    """Language -> cell; a language that is missing has none."""

    def mean(self, languages: Iterable[str]) -> float | None:
        """Mean over these languages without the source; None unless every one has a score."""
        targets = [language for language in languages if language != self.source]
        if not targets or any(language not in self.cells for language in targets):
            return None
        return sum(self.cells[language].value for language in targets) / len(targets)


@dataclass(frozen=True, slots=True)
class Table:
    """One task: languages down, encoders across."""

    task: str
    metric: str
    languages: tuple[str, ...]
    """Every language that was asked for, in the order of the records."""
    columns: tuple[Column, ...]
    missing: dict[str, str]
    """Language -> why no column has it."""

    @property
    def shared(self) -> tuple[str, ...]:
        """Languages that every column has."""
        return tuple(
            language for language in self.languages if all(language in column.cells for column in self.columns)
        )


@dataclass(frozen=True, slots=True)
class Board:
    """What lies on one or more boards."""

    records: tuple[Record, ...]
    rejects: tuple[Reject, ...]
    """Files that were refused, and why."""

    def frame(self) -> pd.DataFrame:
        """One row for each score, columns as in COLUMNS; values 0..1."""
        rows = [
            (
                record.run.task, record.run.encoder, record.run.recipe, record.run.source, record.run.seed,
                score.language, score.split, score.metric, score.metric == headline(record), score.n,
                score.value, score.low, score.high, record.signature,
            )
            for record in self.records
            for score in record.scores
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def tables(self, tasks: Sequence[str] = ()) -> tuple[Table, ...]:
        """One table for each task and each metric that ranks it, those asked for or all."""
        frame = self.frame()
        frame = frame[frame["headline"].astype(bool)]
        wanted = dict.fromkeys((record.run.task, headline(record)) for record in self.records)
        return tuple(
            self._table(task, metric, frame[(frame["task"] == task) & (frame["metric"] == metric)])
            for task, metric in wanted
            if not tasks or task in tasks
        )

    def _table(self, task: str, metric: str, frame: pd.DataFrame) -> Table:
        mine = [record for record in self.records if record.run.task == task]
        why = {cell.language: cell.why for record in mine for cell in record.missing}
        scored = dict.fromkeys(frame["language"])
        missing = {language: reason for language, reason in why.items() if language not in scored}
        by = ["encoder", "recipe", "source", "split", "signature"]
        columns = tuple(
            Column(
                encoder=str(encoder),
                recipe=str(recipe),
                source=str(source),
                split=str(split),
                signature=str(signature),
                cells=_cells(part),
            )
            for (encoder, recipe, source, split, signature), part in frame.groupby(by, sort=False)
        )
        return Table(task, metric, (*scored, *missing), columns, missing)


def load_board(*boards: str | Path) -> Board:
    """Read boards. Files that are no records are kept aside in `rejects`.

    Raises StoreError where a folder is not there.
    """
    records: list[Record] = []
    rejects: list[Reject] = []
    for board in map(Path, boards):
        if not board.is_dir():
            raise StoreError(f"no board at {board}. `xbench run --board {board} …` makes one.")
        shelf = store.load(board)
        records += [record for _, record in shelf.records]
        rejects += shelf.rejects
    return Board(tuple(records), tuple(rejects))


def _cells(frame: pd.DataFrame) -> dict[str, Cell]:
    cells = {}
    for language, part in frame.groupby("language", sort=False):
        one = len(part) == 1
        low, high = (part["low"].iloc[0], part["high"].iloc[0]) if one else (part["value"].min(), part["value"].max())
        cells[str(language)] = Cell(
            float(part["value"].mean()), float(low), float(high), len(part), int(part["n"].iloc[0])
        )
    return cells
