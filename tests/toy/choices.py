"""A toy task of the kind choices."""

from xbench.task import Choice, Row, Source, Task


def read(row: Row) -> Choice:
    """One row."""
    return Choice(row["premise"], (row["choice1"], row["choice2"]), row["label"])


task = Task(
    name="toy-choices", kind="choices", title="The continuation on the same topic", read=read,
    source="en", targets=("en", "de", "xx"), data=Source("toy/choices"), metric="accuracy", chance=0.5, parallel=True,
    licence="CC0-1.0", cite="", id="id",
)  # fmt: skip
