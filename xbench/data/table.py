"""Files of one split -> rows, through `datasets`."""

import csv
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from xbench.data.place import FORMATS, Place, features, options
from xbench.data.quiet import quiet
from xbench.errors import BadFile

Convert: TypeAlias = Callable[[Any], Any]

BATCH = 5000
"""Rows that are read, and turned into Python values, at once."""
TABLES = {"sep": "\t", "quoting": csv.QUOTE_NONE, "keep_default_na": False}
"""How tab-separated files are read: a quotation mark in a sentence quotes nothing, and `NA` is a text."""


def table(
    where: Place, config: str, files: tuple[Path, ...], *, limit: int = 0, shared: bool = False
) -> Iterator[dict[str, Any]]:
    """Rows of the files as mappings of column to value: class labels by name, null texts as empty ones.

    `shared` says that the next call will likely want the same files, for another of the languages they hold.
    """
    loaded = (
        _load_once(where, config, files, tuple(map(_state, files))) if shared else _load(where, config, files, limit)
    )
    if loaded is None:
        return
    nulls = {name: any(map(_nulls, loaded.data.column(name).chunks)) for name in loaded.features}
    kinds = loaded.features.items()
    converts = {name: convert for name, kind in kinds if (convert := _convert(kind, nulls[name])) is not None}
    for batch in loaded.with_format("arrow").iter(batch_size=BATCH):
        for row in batch.to_pylist():
            for name, convert in converts.items():
                row[name] = convert(row[name])
            yield row


@lru_cache(maxsize=1)
def _load_once(where: Place, config: str, files: tuple[Path, ...], states: tuple[tuple[int, ...], ...]) -> Any:
    """The split that was read last, as long as its files are the same."""
    return _load(where, config, files, 0)


def _state(file: Path) -> tuple[int, ...]:
    """Changes whenever a file does: no program can set the time at which a file's status changed."""
    status = file.stat()
    return status.st_ino, status.st_size, status.st_ctime_ns


def _load(where: Place, config: str, files: tuple[Path, ...], limit: int) -> Any:
    """The split as a `datasets.Dataset` in memory, or None where it has no rows.

    datasets keeps what it reads under a key made of paths and times of change, which would serve stale rows after a
    mirror's file was replaced by one as old. So its cache is a folder that lives as long as the reading: reading again
    costs less than a tenth of a second for ten thousand rows.
    """
    import datasets

    ending = files[0].name.rpartition(".")[2]
    extra = (TABLES if ending == "tsv" else {}) | options(where, config)
    if ending == "parquet":
        extra["batch_size"] = BATCH  # else that of the file, which is 0 and refused where a split has no rows
    if ending != "parquet" or not _typed(files[0]):
        extra["features"] = features(where, config)
    paths = [str(path) for path in files]
    with quiet(datasets.utils), tempfile.TemporaryDirectory(prefix="xbench-") as cache:
        try:
            builder = datasets.load_dataset_builder(
                FORMATS[ending], data_files={"rows": paths}, cache_dir=cache, **extra
            )
            builder.download_and_prepare()
            if builder.info.splits["rows"].num_examples == 0:
                return None
            return builder.as_dataset(split=f"rows[:{limit}]" if limit else "rows", in_memory=True)
        except Exception as error:  # pyarrow, datasets, pandas and json each have their own
            cause = error.__cause__ or error
            raise BadFile(
                f"{where}: the files of {config!r} cannot be read ({type(cause).__name__}: {cause}): "
                f"{', '.join(paths)}. Download them again (`xbench mirror`), or remove them"
            ) from error


def _typed(file: Path) -> bool:
    """Whether a parquet file carries the types that `datasets` gave its columns, class labels among them."""
    import pyarrow
    import pyarrow.parquet

    try:
        return b"huggingface" in (pyarrow.parquet.read_schema(file).metadata or {})
    except (OSError, pyarrow.ArrowException):  # an unreadable file is reported where it is read
        return True


def _nulls(values: Any) -> bool:
    """Whether a column of Arrow holds a null on any level."""
    import pyarrow

    if values.null_count:
        return True
    if isinstance(values, pyarrow.StructArray):
        return any(map(_nulls, values.flatten()))
    return isinstance(values, pyarrow.ListArray | pyarrow.LargeListArray) and _nulls(values.flatten())


def _convert(kind: Any, nulls: bool) -> Convert | None:
    """How a value of a column is turned into what tasks read; None where it is that already."""
    import datasets

    if isinstance(kind, datasets.ClassLabel):
        names: dict[int | None, str] = {**dict(enumerate(kind.names)), -1: "", None: ""}
        return lambda value: names[value] if value in names else str(value)
    if isinstance(kind, datasets.Value):
        text = kind.dtype in {"string", "large_string"}
        return (lambda value: "" if value is None else value) if text and nulls else None
    if isinstance(kind, dict):
        fields = {name: convert for name, inner in kind.items() if (convert := _convert(inner, nulls)) is not None}
        return (lambda value: _fields(value, fields)) if fields else None
    inner = getattr(kind, "feature", kind[0] if isinstance(kind, list) else None)
    convert = _convert(inner, nulls) if inner is not None else None
    return (lambda values: [convert(value) for value in values or ()]) if convert else None


def _fields(value: dict[str, Any] | None, fields: dict[str, Convert]) -> dict[str, Any] | None:
    return value and value | {name: convert(value[name]) for name, convert in fields.items()}
