"""Mini question answering: who, what or where, in a passage of two events.  Eight synthetic languages.

Half of the time the other event shares the verb or an actor with the one that is asked about; one span is right.
"""

from xbench.task import Row, Source, Span, Task

TARGETS = "source near mid ord scr scro scrl scrol"


def read(row: Row) -> Span:
    """A question, its passage, and the answer with its offset."""
    return Span(row["question"], row["context"], tuple(row["answers"]["text"]), tuple(row["answers"]["answer_start"]))


task = Task(
    name="mini-qa",
    kind="spans",
    title="Question answering (synthetic)",
    source="source",
    targets=tuple(TARGETS.split()),
    data=Source("xbench-mini/qa", made="xbench.world:mirror"),
    read=read,
    id="id",
    metric="squad_f1",
    also=("squad_em", "words_f1"),
    chance=0.0,
    parallel=True,
    licence="Apache-2.0",
    cite="xbench",
)
