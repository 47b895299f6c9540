"""Mini tagging: names of persons, organisations and places.  Eight synthetic languages.

About half of the names occur in no text for pre-training, and those of the test split in no training example either:
they are told by their context and by being spelled.
"""

from xbench.task import Row, Source, Tagged, Task

TARGETS = "source near mid ord scr scro scrl scrol"


def read(row: Row) -> Tagged:
    """Words and their tags."""
    return Tagged(tuple(row["tokens"]), tuple(row["ner_tags"]))


task = Task(
    name="mini-tagging",
    kind="tags",
    title="Names (synthetic)",
    source="source",
    targets=tuple(TARGETS.split()),
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    data=Source("xbench-mini/tagging", made="xbench.world:mirror"),
    read=read,
    id="id",
    metric="span_f1",
    also=("span_f1_strict",),
    chance=0.0,
    parallel=True,
    licence="Apache-2.0",
    cite="xbench",
)
