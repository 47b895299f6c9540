"""Mini paraphrase: do two sentences of the same words mean the same?  Eight synthetic languages.

Both classes may differ in a synonym and in where place and time stand; in the negative one the actors, or their
adjectives, have changed places. Only word order tells, as in PAWS (Zhang et al. 2019).
"""

from xbench.task import Pair, Row, Source, Task

TARGETS = "source near mid ord scr scro scrl scrol"


def read(row: Row) -> Pair:
    """The two sentences."""
    return Pair(row["sentence1"], row["sentence2"], row["label"])


task = Task(
    name="mini-paraphrase",
    kind="pairs",
    title="Paraphrase (synthetic)",
    source="source",
    targets=tuple(TARGETS.split()),
    labels=("different", "same"),
    data=Source("xbench-mini/paraphrase", made="xbench.world:mirror"),
    read=read,
    id="id",
    metric="accuracy",
    also=("macro_f1", "ece"),
    chance=1 / 2,
    parallel=True,
    licence="Apache-2.0",
    cite="xbench",
)
