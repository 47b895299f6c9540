"""A toy task of the kind pairs."""

from xbench.task import Pair, Row, Source, Task


def read(row: Row) -> Pair:
    """One row."""
    return Pair(row["text"], None, row["label"])


task = Task(
    name="toy-pairs", kind="pairs", title="Section of a headline", read=read,
    source="en", targets=("en", "de", "xx"), data=Source("toy/pairs"), labels=("sport", "politics"), metric="accuracy", chance=0.5, parallel=True,
    licence="CC0-1.0", cite="", id="id",
)  # fmt: skip
