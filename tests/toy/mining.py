"""A toy task of the kind mining."""

from xbench.task import Bitext, Row, Source, Task


def read(row: Row) -> Bitext:
    """One row."""
    return Bitext(row["sentence1"] or None, row["sentence2"] or None)


task = Task(
    name="toy-mining", kind="mining", title="Sentences that say the same", read=read,
    source="en", targets=("en", "de", "xx"), data=Source("toy/mining"), metric="mining_f1", chance=0.0, parallel=False,
    licence="CC0-1.0", cite="", id="id",
)  # fmt: skip
