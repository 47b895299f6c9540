"""A toy task of the kind spans."""

from xbench.task import Row, Source, Span, Task


def read(row: Row) -> Span:
    """One row."""
    return Span(row["question"], row["context"], tuple(row["answers"]["text"]), tuple(row["answers"]["answer_start"]))


task = Task(
    name="toy-spans", kind="spans", title="A word in a sentence", read=read,
    source="en", targets=("en", "de", "xx"), data=Source("toy/spans"), metric="squad_f1", chance=0.0, also=("squad_em",), parallel=True,
    licence="CC0-1.0", cite="", id="id",
)  # fmt: skip
