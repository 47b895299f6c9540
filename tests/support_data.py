"""Small mirrors for tests, and where the mirror of real data stands, if it does."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xbench.task import Example, Pair, Row, Source, Task

REAL = Path(os.environ.get("XBENCH_TEST_HUB", Path(__file__).resolve().parents[2] / "shared" / "hub"))
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"the mirror of real data is not there ({REAL})")

Rows = Sequence[Mapping[str, Any]]
NLI = ("entailment", "neutral", "contradiction")


def write_mirror(
    root: Path, repo: str, configs: Mapping[str, Mapping[str, Rows]], types: Any = None, *, readme: bool = True
) -> Path:
    """Write a data set repository as it is downloaded from the Hub; `types` are the columns' `datasets.Features`."""
    lines = ["---", "configs:"]
    for config, splits in configs.items():
        lines += [f'- config_name: "{config}"', "  data_files:"]
        for split, rows in splits.items():
            lines += [f"  - split: {split}", f"    path: {config}/{split}-*.parquet"]
            file = root / repo / config / f"{split}-00000-of-00001.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            table = pa.Table.from_pylist(list(rows), schema=types.arrow_schema if types is not None else None)
            pq.write_table(table, file)
    if readme:
        (root / repo / "README.md").write_text("\n".join([*lines, "---", "", "# A set for tests"]), encoding="utf-8")
    return root / repo


def nli_types(names: Sequence[str] = NLI) -> Any:
    from datasets import ClassLabel, Features, Value

    return Features({"premise": Value("string"), "hypothesis": Value("string"), "label": ClassLabel(names=list(names))})


def nli_rows(n: int, label: int | None = None) -> list[dict[str, Any]]:
    return [{"premise": f"p{i}", "hypothesis": f"h{i}", "label": i % 3 if label is None else label} for i in range(n)]


def read_pair(row: Row) -> Pair:
    return Pair(row["premise"], row["hypothesis"], row["label"])


def small_task(
    read: Callable[[Row], Example] = read_pair,
    kind: str = "pairs",
    labels: tuple[str, ...] = NLI,
    source: Source | None = None,
    **others: Any,
) -> Task:
    given: dict[str, Any] = {
        "name": "small",
        "title": "A task for tests",
        "source": "en",
        "targets": ("en", "de", "sw"),
    }
    given |= {"metric": "accuracy", "chance": 1 / 3, "parallel": False, "licence": "none", "cite": "none"}
    given |= {"kind": kind, "labels": labels, "read": read, "data": source or Source("own/set")}
    return Task(**(given | others))
