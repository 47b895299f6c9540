"""A toy task of the kind tags."""

from xbench.task import Row, Source, Tagged, Task


def read(row: Row) -> Tagged:
    """One row."""
    return Tagged(tuple(row["tokens"]), tuple(row["tags"]))


task = Task(
    name="toy-tags", kind="tags", title="Names in a sentence", read=read,
    source="en", targets=("en", "de", "xx"), data=Source("toy/tags"), labels=("O", "B-PER", "B-LOC"), metric="span_f1", chance=0.0, parallel=True,
    licence="CC0-1.0", cite="", id="id",
)  # fmt: skip
