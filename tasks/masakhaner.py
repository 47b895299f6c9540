"""MasakhaNER 2.0: names of persons, organisations, places and dates in African news.  Twenty languages.

The set has no English, and the English set its authors train on (CoNLL-2003) may not be passed on. So the source is
Swahili, which most multilingual encoders have read; ask for another of the twenty with `--source`.
"""

from xbench.task import Row, Source, Tagged, Task

TARGETS = "bam bbj ewe fon hau ibo kin lug luo mos nya pcm sna swa tsn twi wol xho yor zul"


def read(row: Row) -> Tagged:
    """Words and their tags."""
    return Tagged(tuple(row["tokens"]), tuple(row["ner_tags"]))


task = Task(
    name="masakhaner",
    kind="tags",
    title="Named-entity recognition in African languages",
    source="swa",
    targets=tuple(TARGETS.split()),
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-DATE", "I-DATE"),
    data=Source("masakhane/masakhaner2"),
    read=read,
    id="id",
    metric="span_f1",
    also=("span_f1_strict",),
    chance=0.0,
    parallel=False,
    licence="CC-BY-NC-4.0",
    cite="adelani-etal-2022-masakhaner",
)
