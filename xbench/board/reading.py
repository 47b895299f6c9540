"""A board's records -> three tidy frames, and an index of them, so that the second look takes no time.

Records are read with suspicion, and not kept: 25,000 of them would fill the memory, their frames do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xbench import store
from xbench.cache import made_once, source_hash
from xbench.errors import BadRecord, StoreError, Unwritable
from xbench.record import Record, headline
from xbench.store import Reject

RUN = (
    "run", "board", "file", "task", "encoder", "recipe", "source", "seed", "signature", "metric", "rule", "checkpoint",
    "weights", "parameters", "train_seconds", "score_seconds", "peak_memory", "device", "ended",
    "chance", "parallel", "constant",
)  # fmt: skip
"""Columns of `runs`: one row for each record; `run` is its number, `metric` the one that ranks, `constant` the
languages in which every prediction was the same."""

SCORE = ("run", "language", "split", "metric", "n", "value", "low", "high", "fertility", "fingerprint")
"""Columns of `scores`, one row for each score: values 0..1, ends of the 95 % interval given the seed, tokens per word,
and the first digits of the hash of the rows that were scored."""

MISSING = ("run", "language", "split", "why")

MANY = 200
"""Records from which on an index is worth its files."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What was read."""

    runs: pd.DataFrame
    scores: pd.DataFrame
    missing: pd.DataFrame
    rejects: tuple[Reject, ...]


def read(board: Path) -> Frames:
    """The frames of one board's folder, from its index where nothing has changed since.

    Raises StoreError where there is no such folder.
    """
    if not board.is_dir():
        raise StoreError(f"no board at {board}. `xbench run --board {board} …` makes one.")
    files = store.listing(board)
    if len(files) < MANY:
        return _frames(board, files)
    states = [file.stat() for file in files]
    key = {
        "board": str(board.resolve()),
        "code": source_hash(Path(__file__), Path(store.__file__)),
        "files": [(str(f.relative_to(board)), s.st_size, s.st_mtime_ns) for f, s in zip(files, states, strict=True)],
    }
    made: list[Frames] = []

    def make(folder: Path) -> None:
        made.append(_frames(board, files))
        _keep(made[0], folder)

    try:
        folder = made_once("board", key, make)
    except Unwritable:  # then there is no index; the board can be read all the same
        return made[0] if made else _frames(board, files)
    return made[0] if made else _kept(folder)


def joined(several: Sequence[Frames]) -> Frames:
    """The frames of several boards as those of one, runs numbered through."""
    if len(several) == 1:
        return several[0]
    first = [sum(len(frames.runs) for frames in several[:place]) for place in range(len(several))]

    def all_of(name: str) -> pd.DataFrame:
        parts = [getattr(frames, name) for frames in several]
        moved = [part.assign(run=part["run"] + begin) for part, begin in zip(parts, first, strict=True)]
        whole: pd.DataFrame = pd.concat(moved, ignore_index=True)
        return whole

    rejects = tuple(reject for frames in several for reject in frames.rejects)
    return Frames(all_of("runs"), all_of("scores"), all_of("missing"), rejects)


def _frames(board: Path, files: Sequence[Path]) -> Frames:
    """Read every file."""
    runs: list[tuple[Any, ...]] = []
    scores = _Columns(SCORE)
    missing: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    for file in files:
        try:
            record = store.read(file)
        except BadRecord as fault:
            rejects.append(Reject(str(file.relative_to(board)), str(fault)))
            continue
        number = len(runs)
        runs.append(_run(number, board, file, record))
        scores.extend(number, record)
        missing += [(number, cell.language, cell.split, cell.why) for cell in record.missing]
    return Frames(
        pd.DataFrame(runs, columns=list(RUN)),
        scores.frame(),
        pd.DataFrame(missing, columns=list(MISSING)),
        tuple(rejects),
    )


def _run(number: int, board: Path, file: Path, record: Record) -> tuple[Any, ...]:
    run, cost, origin = record.run, record.cost, record.provenance
    return (
        number, str(board), str(file.relative_to(board)), run.task, run.encoder, run.recipe, run.source, run.seed,
        record.signature, headline(record), record.selection.rule, origin.checkpoint, origin.weights, cost.parameters,
        cost.train_seconds, cost.score_seconds, cost.peak_memory, cost.device, origin.ended,
        record.chance, record.parallel, " ".join(record.constant),
    )  # fmt: skip


class _Columns:
    """Columns that grow record by record: rows of tuples would take three times as long."""

    def __init__(self, names: Sequence[str]) -> None:
        self.lists: dict[str, list[Any]] = {name: [] for name in names}

    def extend(self, number: int, record: Record) -> None:
        """Add the scores of a record."""
        figures, used, lists = record.tokenizer, record.provenance.test, self.lists
        lists["run"] += [number] * len(record.scores)
        for name in ("language", "split", "metric", "n", "value", "low", "high"):
            lists[name] += [getattr(score, name) for score in record.scores]
        fertility = {language: one.fertility for language, one in figures.items()}
        prints = {language: one.fingerprint[:16] for language, one in used.items()}
        lists["fertility"] += [fertility.get(score.language) for score in record.scores]
        lists["fingerprint"] += [prints.get(score.language, "") for score in record.scores]

    def frame(self) -> pd.DataFrame:
        """All rows; texts that repeat are kept once."""
        texts = ("language", "split", "metric", "fingerprint")
        frame = pd.DataFrame({name: pd.Categorical(v) if name in texts else v for name, v in self.lists.items()})
        return frame.astype(
            {"run": "int64", "n": "int64"} | dict.fromkeys(("value", "low", "high", "fertility"), float)
        )


def _keep(frames: Frames, folder: Path) -> None:
    for name in ("runs", "scores", "missing"):
        getattr(frames, name).to_parquet(folder / f"{name}.parquet")
    rejects = pd.DataFrame([(one.file, one.why) for one in frames.rejects], columns=["file", "why"])
    rejects.to_parquet(folder / "rejects.parquet")


def _kept(folder: Path) -> Frames:
    runs, scores, missing, rejects = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("runs", "scores", "missing", "rejects")
    )
    return Frames(runs, scores, missing, tuple(Reject(*row) for row in rejects.itertuples(index=False)))
