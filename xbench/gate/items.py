"""Influences of a column's examples, straight from its counts files: what is compared, item by item.

The same numbers as `influence.cells_of` gives, without a Python object for each of a million counts.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xbench import examples
from xbench.errors import BadRecord, ScoringError
from xbench.gate.side import Column
from xbench.influence import Cells, influence
from xbench.metrics.metric import Metric, Rows, f1, for_columns, ratio
from xbench.metrics.named import installed
from xbench.record import Record

Part = tuple[pa.DictionaryArray, Rows]
"""Ids of a language's examples and their counts, shape (examples, columns)."""


def cells(column: Column, languages: Sequence[str]) -> tuple[Cells | None, dict[str, str]]:
    """Influences of those languages in which all seeds have the same items; language -> what is wrong, for the others.

    None where no language has any.

    Raises:
        BadRecord: a counts file is not the one that was written.
        XbenchError: the metric is not registered here, or has no counts to compare by.
    """
    seeds: dict[int, dict[str, Part]] = {seed: {} for seed in column.seeds}
    names: tuple[str, ...] = ()
    for seed, path, record in column.files:
        mine = {score.language for score in record.scores}.intersection(languages)
        names, found = _parts(path, record, column.metric, mine)
        seeds[seed] |= found
    metric = for_columns(installed(column.metric), names)
    if not metric.columns:
        raise ScoringError(f"{column.task}: {metric.name} has no counts of single examples, so nothing can be compared")
    places = [names.index(f"{metric.name}.{one}") for one in metric.columns]
    influences: dict[str, Rows] = {}
    ids: dict[str, tuple[str, ...]] = {}
    wrong: dict[str, str] = {}
    for language in languages:
        first = seeds[column.seeds[0]][language][0]
        rows = [_aligned(of_seed[language], first) for of_seed in seeds.values()]
        if strange := [str(seed) for seed, one in zip(seeds, rows, strict=True) if one is None]:
            wrong[language] = f"seed {', '.join(strange)} has other examples than seed {column.seeds[0]}"
            continue
        influences[language] = np.stack([influences_of(one[:, places], metric) for one in rows if one is not None])
        ids[language] = tuple(first.cast(pa.string()).to_pylist())
    return (Cells(influences=influences, ids=ids) if influences else None), wrong


def influences_of(rows: Rows, metric: Metric) -> Rows:
    """As `influence.influence`, by the formula where a metric is a ratio of sums, a thousand times as fast.

    For the ratio of sums of x and d it is R + (x - R d) / mean(d); F1 is that with x = 2 tp and d = predicted + gold.

    Args:
        rows: counts of each example, shape (examples, columns of the metric).
        metric: what closes them.
    """
    if metric.close is ratio:
        over, under = rows[:, 0], rows[:, 1]
    elif metric.close is f1:
        over, under = 2 * rows[:, 0], rows[:, 1] + rows[:, 2]
    else:
        return influence(rows, metric.close)
    mean = float(under.mean())
    if not mean > 0:
        return influence(rows, metric.close)
    score = float(over.mean()) / mean
    return np.asarray(score + (over - score * under) / mean, np.float64)


def _parts(
    path: Path, record: Record, metric: str, languages: Collection[str]
) -> tuple[tuple[str, ...], Mapping[str, Part]]:
    """Names of the metric's columns, and language -> its examples. Raises BadRecord where a language has none."""
    table = examples.read_columns(path, record, metric)
    names = tuple(table.column_names[2:])
    # Arrow's own to_numpy imports pandas, a third of a second.
    rows = np.column_stack([np.from_dlpack(table[name].combine_chunks()) for name in names])
    ids = table["id"].combine_chunks()
    coded = table["language"].combine_chunks()
    there = coded.dictionary.to_pylist()
    if lacking := sorted(set(languages).difference(there)):
        raise BadRecord(f"{path}: its counts lack {', '.join(lacking)}, which it has scores of")
    found: dict[str, Part] = {}
    codes = np.from_dlpack(coded.indices)
    for language in languages:
        own = np.flatnonzero(codes == there.index(language))
        first, last = int(own[0]), int(own[-1]) + 1
        found[language] = (
            (ids.slice(first, len(own)), rows[first:last])  # they stand together: nothing is copied
            if last - first == len(own)
            else (ids.take(pa.array(own)), rows[own])
        )
    return names, found


def _aligned(part: Part, ids: pa.DictionaryArray) -> Rows | None:
    """Rows in the order of these ids; None where they are other ones, or one stands there twice."""
    own, rows = part
    if own.equals(ids):
        return rows
    ids, own = ids.cast(pa.string()), own.cast(pa.string())
    places = pc.index_in(ids, value_set=own)
    if len(own) != len(ids) or places.null_count or pc.count_distinct(places).as_py() < len(ids):
        return None
    return np.asarray(rows[places.to_numpy(zero_copy_only=False)], np.float64)
