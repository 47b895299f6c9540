"""Mini retrieval: find the source's sentence for the same event.  Seven synthetic languages.

Events come in families of four that differ in one thing, so a translation that is nearly right finds a wrong sentence.
"""

from xbench.task import Bitext, Row, Source, Task

TARGETS = "near mid ord scr scro scrl scrol"


def read(row: Row) -> Bitext:
    """A sentence and its counterpart in the source."""
    return Bitext(row["sentence1"], row["sentence2"])


task = Task(
    name="mini-retrieval",
    kind="retrieval",
    title="Retrieval (synthetic)",
    source="source",
    targets=tuple(TARGETS.split()),
    data=Source("xbench-mini/retrieval", made="xbench.world:mirror", train="", dev=""),
    read=read,
    id="id",
    metric="retrieval_to_source",
    also=("retrieval_from_source", "retrieval_to_source@100"),
    chance=1 / 1000,
    parallel=True,
    licence="Apache-2.0",
    cite="xbench",
)
