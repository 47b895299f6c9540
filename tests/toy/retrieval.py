"""A toy task of the kind retrieval."""

from xbench.task import Bitext, Row, Source, Task


def read(row: Row) -> Bitext:
    """One row."""
    return Bitext(row["sentence1"], row["sentence2"])


task = Task(
    name="toy-retrieval", kind="retrieval", title="A sentence in English", read=read,
    source="en", targets=("en", "de", "xx"), data=Source("toy/retrieval"), metric="retrieval_to_source", chance=1 / 16, also=("retrieval_from_source",), parallel=True,
    licence="CC0-1.0", cite="", id="id",
)  # fmt: skip
