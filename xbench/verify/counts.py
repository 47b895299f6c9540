"""The counts beside a record, and its scores derived from them once more."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xbench import catalogue, examples
from xbench.errors import BadRecord, XbenchError
from xbench.metrics import Metric, close, for_columns, rows_of
from xbench.metrics.metric import f1, ratio
from xbench.metrics.named import installed
from xbench.record import Counts, Score
from xbench.resample import interval
from xbench.task import Task
from xbench.verify.fault import Entry, Fault, Faults

CLOSE = 1e-12
"""How far the ends of an interval may lie from those that are derived again: other machines round otherwise."""
SPARE = 10_000
"""Rows beyond those that were scored up to which a file is read at all, so that it can be said which they are."""
ROOM = 2**31
"""Bytes that the largest counts file may take when it is unpacked."""


def read(entry: Entry) -> Counts | Fault:
    """The counts of a record, or why they cannot be trusted. Their size is looked at before they are unpacked."""
    path, told = entry.counts_path, entry.record.examples
    try:
        if path.is_symlink() or not path.is_file():
            return entry.fault("counts", f"{path.name} is not there, or is not a plain file")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if told is None or digest != told.sha256:
            return entry.fault(
                "hash", f"{path.name} is not the file that was written with it", told and told.sha256, digest
            )
        _look_at(entry)
        counts = examples.read_counts(entry.path, entry.record)
        if None in counts.ids or None in counts.languages:
            raise BadRecord("a row has no language or no id")
    except XbenchError as fault:
        return Fault(file=str(path), code="counts", what=str(fault))
    except Exception as cause:  # noqa: BLE001 pyarrow raises much else than its own errors
        return Fault(file=str(path), code="counts", what=f"it cannot be read: {type(cause).__name__}: {cause}")
    return counts


def _look_at(entry: Entry) -> None:
    """Raise BadRecord where the file is larger than its record allows, or has columns of other types."""
    about = pq.read_metadata(entry.counts_path)
    rows = sum(used.rows for used in entry.record.provenance.test.values())
    size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    if about.num_rows > rows + SPARE or size > ROOM:
        raise BadRecord(f"it has {about.num_rows} rows of {size} bytes in all, but {rows} rows were scored")
    schema = about.schema.to_arrow_schema()
    if len(set(schema.names)) < len(schema.names):
        raise BadRecord(f"a column stands twice: {', '.join(sorted(schema.names))}")
    for field in schema:
        wanted = pa.string() if field.name in ("language", "id", examples.PREDICTION) else pa.float64()
        if field.type != wanted:
            raise BadRecord(f"column {field.name!r} holds {field.type}, not {wanted}")


def metrics(entry: Entry, task: Task | None, columns: tuple[str, ...]) -> tuple[dict[str, Metric], list[Fault]]:
    """Name -> each metric of a record as it is installed here, and those that are not."""
    known: dict[str, Metric] = {}
    faults: list[Fault] = []
    theirs: dict[str, Metric] = {}
    if task:
        try:
            theirs = {metric.name: metric for metric in catalogue.metrics_of(task)}
        except XbenchError as fault:
            faults.append(entry.fault("metric", f"the metrics of task {task.name!r} cannot be had: {fault}"))
    for name in dict.fromkeys((*entry.record.metrics, *(score.metric for score in entry.record.scores))):
        try:
            known[name] = theirs[name] if name in theirs else for_columns(installed(name), columns)
        except XbenchError as fault:
            told = "install the package that brings it, or name the task's file with --task"
            faults.append(entry.fault("metric", f"its scores by {name!r} cannot be derived here; {told}: {fault}"))
    return known, faults


def rules(entry: Entry, known: Mapping[str, Metric]) -> Faults:
    """The rules of a metric are those of today."""
    for name, metric in known.items():
        if name in entry.record.metrics:
            told = entry.record.metrics[name]
            yield from entry.differs("rules", f"{name} was counted under other rules", told, metric.detail)


def table(entry: Entry, counts: Counts, known: Mapping[str, Metric]) -> Faults:
    """Columns are those of the metrics, rows of one language stand together, ids are unique, numbers are counts."""
    if entry.record.metrics and known.keys() >= entry.record.metrics.keys():
        expected = tuple(f"{name}.{column}" for name in entry.record.metrics for column in known[name].columns)
        yield from entry.differs("columns", "columns of its counts", counts.columns, expected)
    blocks = [language for language, _ in groupby(counts.languages)]
    for language in sorted(code for code, times in Counter(blocks).items() if times > 1):
        yield entry.fault("order", f"the rows of {language} do not stand together")
    cells = Counter(zip(counts.languages, counts.ids, strict=True))
    for (language, name), times in cells.items():
        if times > 1:
            yield entry.fault("ids", f"{times} rows of {language} have the id {name!r}")
    shares = {f"{m.name}.{column}" for m in known.values() if m.close in (ratio, f1) for column in m.columns}
    for place, column in enumerate(counts.columns):
        values = counts.rows[:, place]
        if not np.isfinite(values).all():
            yield entry.fault("counts", f"column {column} holds what is not a finite number")
        elif column in shares and (values < 0).any():
            yield entry.fault("counts", f"column {column} holds a negative count", values.min(), "0 or more")


def languages(entry: Entry, counts: Counts) -> Faults:
    """The counts have rows of just the languages that the record says were scored, as many as it says."""
    rows = Counter(counts.languages)
    used = entry.record.provenance.test
    for language in sorted(rows.keys() | used.keys()):
        told = used[language].rows if language in used else 0
        yield from entry.differs("n", f"rows that were read in {language}", told, rows[language])


def scores(entry: Entry, counts: Counts, known: Mapping[str, Metric]) -> Faults:
    """Every score that counts add up to is their sum, closed, and has the interval that they give."""
    for score in entry.record.scores:
        metric = known.get(score.metric)
        if metric and metric.columns:
            yield from _score(entry, counts, metric, score)


def _score(entry: Entry, counts: Counts, metric: Metric, score: Score) -> Faults:
    of = f"{metric.name} in {score.language}"
    try:
        rows = rows_of(counts, metric, score.language)
        yield from entry.differs("n", f"n of {of}", score.n, len(rows))
        if not len(rows) or not np.isfinite(rows).all():
            return
        value = close(metric, rows)
        if score.value != value:
            apart = f"{of}, {abs(score.value - value):.3g} apart"
            yield entry.fault("score", apart, repr(score.value), repr(value))
        elif not notes(entry):
            low, high = interval(rows, metric.close)
            yield from ends(entry, score, min(low, value), max(high, value))
    except Exception as cause:  # noqa: BLE001 a metric may make anything of counts that nobody counted
        yield entry.fault("score", f"{of} cannot be derived: {type(cause).__name__}: {cause}")


def ends(entry: Entry, score: Score, low: float, high: float) -> Faults:
    """Both ends of the interval of a score are these."""
    if abs(score.low - low) > CLOSE or abs(score.high - high) > CLOSE:
        of = f"{score.metric} in {score.language}"
        yield entry.fault("interval", of, f"[{score.low!r}, {score.high!r}]", f"[{low!r}, {high!r}]")


def notes(entry: Entry) -> tuple[str, ...]:
    """What of a record's scores is not derived again: numpy may draw other numbers in another version."""
    provenance = entry.record.provenance
    theirs = {"xbench": provenance.xbench, "numpy": provenance.packages.get("numpy", "of unknown version")}
    return tuple(
        f"{entry.path}: intervals of {name} {told} are not derived again by {version(name)}"
        for name, told in theirs.items()
        if told != version(name)
    )
