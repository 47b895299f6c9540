"""Mini inference: does one sentence entail, contradict or leave open another?  Eight synthetic languages.

Matched: one substitution (hypernym, sibling, synonym, opposite, unrelated) at a random place carries the label, and
what else differs is drawn alike for the three. The texts that the shipped encoder is trained on join such pairs by
connectives ("so", "maybe", "but"), which makes this easier to transfer than natural inference.
"""

from xbench.task import Pair, Row, Source, Task

TARGETS = "source near mid ord scr scro scrl scrol"


def read(row: Row) -> Pair:
    """Premise, then hypothesis."""
    return Pair(row["premise"], row["hypothesis"], row["label"])


task = Task(
    name="mini-inference",
    kind="pairs",
    title="Inference (synthetic)",
    source="source",
    targets=tuple(TARGETS.split()),
    labels=("entailment", "neutral", "contradiction"),
    data=Source("xbench-mini/inference", made="xbench.world:mirror"),
    read=read,
    id="id",
    metric="accuracy",
    also=("macro_f1", "ece"),
    chance=1 / 3,
    parallel=True,
    licence="Apache-2.0",
    cite="xbench",
)
