"""A board's records -> three tidy frames, and an index of them, so that the second look takes no time.

Records are read with suspicion, and not kept: 25,000 of them would fill the memory, their frames do not.
"""

import hashlib
import shutil
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals

from xbench import record as record_module
from xbench import store
from xbench.cache import cache_dir, made_once, source_hash
from xbench.errors import BadRecord, StoreError, Unwritable
from xbench.record import Record, headline, training
from xbench.store import Reject

RUN = (
    "run", "board", "file", "task", "encoder", "recipe", "source", "seed", "signature", "metric", "rule", "checkpoint",
    "weights", "parameters", "train_seconds", "score_seconds", "peak_memory", "device", "ended",
    "chance", "parallel", "constant", "training", "shares_items",
)  # fmt: skip
"""Columns of `runs`: one row for each record; `run` is its number, `metric` the one that ranks, `constant` the
languages in which every prediction was the same, `training` what was fine-tuned on and how, as `xbench.record.training`
tells it."""

SCORE = ("run", "language", "split", "metric", "n", "value", "low", "high", "fertility", "fingerprint")
"""Columns of `scores`, one row for each score: values 0..1, ends of the 95 % interval given the seed, tokens per word,
and the first digits of the hash of the rows that were scored."""

MISSING = ("run", "language", "split", "why", "metric")
"""Columns of `missing`; `metric` is empty where every metric is missing."""

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
    states = store.states(board)
    if len(states) < MANY:
        return _frames(board, [name for name, *_ in states])
    return _indexed(board, states)


def _indexed(board: Path, states: Sequence[tuple[str, int, int]]) -> Frames:
    """The frames from the index of exactly these files; it is made now where there is none, or a damaged one."""
    name = f"board-{hashlib.sha256(str(board.resolve()).encode()).hexdigest()[:12]}"
    key = {
        "board": str(board.resolve()),
        "code": source_hash(Path(__file__), Path(store.__file__), Path(record_module.__file__)),
        "files": len(states),
        "states": hashlib.sha256(repr(states).encode()).hexdigest(),
    }
    made: list[Frames] = []

    def make(folder: Path) -> None:
        made[:] = [_frames(board, [name for name, *_ in states])]
        _keep(made[0], folder)

    for _ in range(2):
        try:
            folder = made_once(name, key, make)
        except Unwritable:  # then there is no index; the board can be read all the same
            break
        if made:
            _clean(name, folder)
            break
        try:
            return _kept(folder, board)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            pa.ArrowException,
        ):  # damaged, or cleaned away by another process
            shutil.rmtree(folder, ignore_errors=True)
    return made[0] if made else _frames(board, [name for name, *_ in states])


def _clean(name: str, newest: Path) -> None:
    """Remove older indexes of the same board."""
    for old in cache_dir().glob(f"{name}-*"):
        if old.is_dir() and old != newest:
            shutil.rmtree(old, ignore_errors=True)
        elif old.suffix == ".json" and old.stem != newest.name:
            old.unlink(missing_ok=True)


def joined(several: Sequence[Frames]) -> Frames:
    """The frames of several boards as those of one, runs numbered through."""
    if len(several) == 1:
        return several[0]
    first = [sum(len(frames.runs) for frames in several[:place]) for place in range(len(several))]

    def all_of(name: str) -> pd.DataFrame:
        each = [(getattr(frames, name), begin) for frames, begin in zip(several, first, strict=True)]
        each = [(part, begin) for part, begin in each if len(part)] or each[:1]  # empty ones have no types to join
        parts = [part for part, _ in each]
        moved = [part.assign(run=part["run"] + begin) for part, begin in each]
        whole: pd.DataFrame = pd.concat(moved, ignore_index=True)
        if name == "scores":  # boards with other languages would else have texts in full, a million times over
            whole = whole.assign(**{text: union_categoricals([part[text] for part in parts]) for text in TEXTS})
        return whole

    rejects = tuple(reject for frames in several for reject in frames.rejects)
    return Frames(all_of("runs"), all_of("scores"), all_of("missing"), rejects)


def _frames(board: Path, files: Sequence[str]) -> Frames:
    """Read every file."""
    runs: list[tuple[Any, ...]] = []
    scores = _Columns()
    missing: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    for file in files:
        try:
            record = store.read(board / file)
        except BadRecord as fault:
            rejects.append(Reject(file, str(fault).replace(str(board / file), file)))
            continue
        number = len(runs)
        runs.append(_run(number, board, file, record))
        scores.extend(number, record)
        missing += [(number, cell.language, cell.split, cell.why, cell.metric) for cell in record.missing]
    return Frames(
        pd.DataFrame(runs, columns=list(RUN)),
        scores.frame(),
        pd.DataFrame(missing, columns=list(MISSING)),
        tuple(rejects),
    )


def _run(number: int, board: Path, file: str, record: Record) -> tuple[Any, ...]:
    run, cost, origin = record.run, record.cost, record.provenance
    return (
        number, str(board), file, run.task, run.encoder, run.recipe, run.source, run.seed,
        record.signature, headline(record), record.selection.rule, origin.checkpoint, origin.weights, cost.parameters,
        cost.train_seconds, cost.score_seconds, cost.peak_memory, cost.device, origin.ended,
        record.chance, record.parallel, " ".join(record.constant), training(record), bool(record.shares_items),
    )  # fmt: skip


TEXTS = ("language", "split", "metric", "fingerprint")
_figures = attrgetter("language", "split", "metric", "n", "value", "low", "high")


class _Columns:
    """Columns that grow record by record: rows of tuples would take three times as long."""

    def __init__(self) -> None:
        self.lists: dict[str, list[str] | array[Any]] = {
            name: [] if name in TEXTS else array("q" if name in ("run", "n") else "d") for name in SCORE
        }

    def extend(self, number: int, record: Record) -> None:
        """Add the scores of a record."""
        if not record.scores:
            return
        columns = list(zip(*map(_figures, record.scores), strict=True))
        of_language, used = record.tokenizer, record.provenance.test
        fertility = {language: one.fertility for language, one in of_language.items()}
        prints = {language: one.fingerprint[:16] for language, one in used.items()}
        rows = (
            [number] * len(record.scores), *columns,
            [fertility.get(language, nan) for language in columns[0]],
            [prints.get(language, "") for language in columns[0]],
        )  # fmt: skip
        for kept, values in zip(self.lists.values(), rows, strict=True):
            kept.extend(values)

    def frame(self) -> pd.DataFrame:
        """All rows; texts that repeat are kept once."""
        columns = {
            name: pd.Categorical(kept) if isinstance(kept, list) else np.frombuffer(kept, kept.typecode)
            for name, kept in self.lists.items()
        }
        return pd.DataFrame(columns)


def _keep(frames: Frames, folder: Path) -> None:
    rejects = pd.DataFrame([(one.file, one.why) for one in frames.rejects], columns=["file", "why"])
    tables = {"runs": frames.runs.drop(columns="board"), "scores": frames.scores, "missing": frames.missing}
    for name, frame in {**tables, "rejects": rejects}.items():
        table = pa.Table.from_pandas(frame, preserve_index=False)
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_file(file, table.schema) as sink:
            sink.write_table(table)


def _kept(folder: Path, board: Path) -> Frames:
    """What `_keep` wrote; numbers stay in the file until they are looked at.

    Raises OSError, ValueError, KeyError or TypeError for what is damaged.
    """
    frames = {}
    for name in ("runs", "scores", "missing", "rejects"):
        with pa.memory_map(str(folder / name)) as file:
            table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
        frames[name] = table.to_pandas(split_blocks=True)
    runs, scores, missing, rejects = frames.values()
    runs.insert(1, "board", str(board))
    told = tuple(Reject(file, why) for file, why in zip(rejects["file"], rejects["why"], strict=True))
    return Frames(runs[list(RUN)], scores[list(SCORE)], missing[list(MISSING)], told)
