"""The file beside a record: per-example counts, and what was predicted."""

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xbench.errors import BadRecord
from xbench.record import Counts, Record

PREDICTION = "prediction"
"""Column that holds what was predicted, as JSON."""

LARGEST = 1e15
"""No count is larger: sums of such numbers are no longer exact."""


def read_counts(path: Path, record: Record) -> Counts:
    """The per-example counts beside a record.

    Raises BadRecord where they are not those that were written, or no counts: a text that is missing, a number that is
    not finite or beyond LARGEST.
    """
    table = _examples(path, record)
    where = path.with_name(_file(path, record))
    columns = tuple(name for name in table.column_names if name not in ("language", "id", PREDICTION))
    rows = np.zeros((len(table), len(columns)))
    try:
        for place, name in enumerate(columns):
            rows[:, place] = table[name].to_numpy()
        ids, languages = (tuple(table[name].cast(pa.string()).to_pylist()) for name in ("id", "language"))
    except (KeyError, TypeError, ValueError, pa.ArrowException) as cause:
        raise BadRecord(f"{where} does not hold counts: {cause}") from cause
    if None in ids or None in languages:
        raise BadRecord(f"{where} does not hold counts: an id or a language is missing")
    if not (np.abs(rows) <= LARGEST).all():  # nor is NaN
        raise BadRecord(f"{where} does not hold counts: a number is not finite, or beyond ±{LARGEST:g}")
    return Counts(ids=ids, languages=languages, columns=columns, rows=rows)


def read_columns(path: Path, record: Record, metric: str) -> pa.Table:
    """Languages, ids (texts, as dictionaries) and the counts of one metric (float64): for a reader in a hurry.

    Raises BadRecord where the file is not the one that was written, or does not hold them.
    """
    texts = ("language", "id")
    table = _examples(path, record, lambda name: name in texts or name.startswith(f"{metric}."), texts)
    where = path.with_name(_file(path, record))
    if tuple(table.column_names[:2]) != texts or table.num_columns < 3:
        raise BadRecord(f"{where} does not hold counts of {metric}")
    coded = [pa.field(name, pa.dictionary(pa.int32(), pa.string()), nullable=False) for name in texts]
    counts = [pa.field(name, pa.float64(), nullable=False) for name in table.column_names[2:]]
    try:
        return table.cast(pa.schema([*coded, *counts]))
    except (pa.ArrowException, ValueError) as cause:  # another type, or something missing
        raise BadRecord(f"{where} does not hold counts: {cause}") from cause


def read_predictions(path: Path, record: Record) -> tuple[Any, ...]:
    """The predictions beside a record, in the order of the counts: plain JSON values, None where none came.

    Empty for a record that was written without. Raises BadRecord as `read_counts` does.
    """
    table = _examples(path, record)
    if PREDICTION not in table.column_names:
        return ()
    try:
        return tuple(None if one is None else json.loads(one) for one in table[PREDICTION].to_pylist())
    except (ValueError, TypeError, RecursionError) as cause:
        raise BadRecord(f"{path}: a prediction is not JSON: {cause}") from cause


def _examples(
    path: Path, record: Record, wanted: Callable[[str], bool] = lambda _: True, quick: Sequence[str] = ()
) -> pa.Table:
    """The table beside a record, or those of its columns that are wanted; `quick` ones as dictionaries.

    Raises BadRecord where it is not the one that was written.
    """
    raw = written(path, record)
    try:
        file = pq.ParquetFile(pa.BufferReader(raw), read_dictionary=list(quick))
        return file.read([name for name in file.schema_arrow.names if wanted(name)])
    except (OSError, pa.ArrowException) as cause:
        raise BadRecord(f"{path.with_name(_file(path, record))} cannot be read: {cause}") from cause


def written(path: Path, record: Record) -> bytes:
    """The file beside a record, not taken apart. Raises BadRecord where it is not the one that was written."""
    parquet = path.with_name(_file(path, record))
    try:
        if parquet.is_symlink():
            raise BadRecord(f"{parquet} is not a plain file")
        raw = parquet.read_bytes()
    except OSError as cause:
        raise BadRecord(f"{parquet} cannot be read: {cause}") from cause
    if record.examples is None or hashlib.sha256(raw).hexdigest() != record.examples.sha256:
        raise BadRecord(f"{parquet} is not the file that was written with {path.name}: its hash differs")
    return raw


def _file(path: Path, record: Record) -> str:
    """Name of the file beside a record. Raises BadRecord where it names none, or one elsewhere."""
    name = record.examples.file if record.examples else ""
    if not name or name != Path(name).name or "\\" in name:
        raise BadRecord(f"{path} names no counts file beside it")
    return name


def _plain(prediction: object) -> str | None:
    """A prediction as JSON text: a dataclass as an object, a label or option with its probability likewise."""
    if prediction is None:
        return None
    probability = getattr(prediction, "probability", None)
    if is_dataclass(prediction) and not isinstance(prediction, type):
        value: Any = asdict(prediction)
    elif probability is not None:
        bare = str(prediction) if isinstance(prediction, str) else int(prediction)  # type: ignore[call-overload]
        value = {"value": bare, "probability": None if math.isnan(probability) else probability}
    else:
        value = prediction
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def write(path: Path, counts: Counts, predictions: Sequence[object]) -> str:
    """Write counts as parquet, whole or not at all; give its SHA-256. Equal counts give equal bytes."""
    table = pa.table(
        {"language": pa.array(counts.languages, pa.string()), "id": pa.array(counts.ids, pa.string())}
        | {name: pa.array(counts.rows[:, i], pa.float64()) for i, name in enumerate(counts.columns)}
    )
    if predictions:
        table = table.append_column(PREDICTION, pa.array([_plain(one) for one in predictions], pa.string()))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    raw = sink.getvalue().to_pybytes()
    appear(path, raw)
    return hashlib.sha256(raw).hexdigest()


def appear(path: Path, content: bytes) -> None:
    """Write beside the place, then move there: nobody ever sees half a file."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".xbench-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)
