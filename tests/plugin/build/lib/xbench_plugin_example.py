"""A third party's plugin: one task, one encoder, one metric."""

from xbench.encoder import Encoder
from xbench.metrics import Metric, ratio
from xbench.task import Pair, Row, Source, Task


def read(row: Row) -> Pair:
    """One headline and its section."""
    return Pair(row["headline"], None, row["section"])


task = Task(
    name="example-headlines", kind="pairs", title="Section of a headline", source="en", targets=("en", "de", "xx-Latn"),
    labels=("sport", "politics"), data=Source("example/headlines"), read=read, metric="accuracy", chance=0.5,
    parallel=False, licence="CC0-1.0", cite="", also=("example-near-miss",),
)  # fmt: skip

encoder = Encoder(name="example-encoder", checkpoint="example/encoder", licence="MIT")

metric = Metric(
    name="example-near-miss", title="Same first letter", columns=("hit", "n"),
    count=lambda prediction, gold, language: (float(prediction is not None and prediction[:1] == gold.label[:1]), 1.0),
    close=ratio,
)  # fmt: skip

not_a_task = {"name": "example-wrong"}
