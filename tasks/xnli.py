"""XNLI: does one sentence entail, contradict or leave open another?  Fifteen languages.

Every language has the same 2,490 dev and 5,010 test pairs, translated. Labels are read by name: the Hub and GLUE order
them entailment, neutral, contradiction, and XTREME's files by the alphabet. Training rows: the English ones are MNLI;
the others are machine translations of it and are not read.
"""

from xbench.task import Pair, Row, Source, Task

TARGETS = "ar bg de el en es fr hi ru sw th tr ur vi zh"


def read(row: Row) -> Pair:
    """Premise, then hypothesis."""
    return Pair(row["premise"], row["hypothesis"], row["label"])


task = Task(
    name="xnli",
    kind="pairs",
    title="Natural-language inference",
    source="en",
    targets=tuple(TARGETS.split()),
    labels=("entailment", "neutral", "contradiction"),
    data=Source("facebook/xnli", revision="b8dd5d7af51114dbda02c0e3f6133f332186418e"),
    read=read,
    metric="accuracy",
    also=("macro_f1", "ece"),
    chance=1 / 3,
    parallel=True,
    licence="CC-BY-NC-4.0",
    cite="conneau-etal-2018-xnli",
)
