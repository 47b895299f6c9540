"""PAWS-X: do two sentences made of almost the same words say the same?  Seven languages.

The labels are `1` for a paraphrase and `0` for none. Where the translators left a sentence out the files say `NS`; it
is read as an empty text, so that such rows are kept, scored and counted. Gold is each language's own: German and
Chinese differ on 17 of 2,000 test rows. Training rows: English, from PAWS-Wiki.
"""

from xbench.task import Pair, Row, Source, Task

TARGETS = "de en es fr ja ko zh"


def read(row: Row) -> Pair:
    """Two sentences; one that was left out is empty."""
    first, second = ("" if row[name] == "NS" else row[name] for name in ("sentence1", "sentence2"))
    return Pair(first, second, row["label"])


task = Task(
    name="pawsx",
    kind="pairs",
    title="Paraphrase identification",
    source="en",
    targets=tuple(TARGETS.split()),
    labels=("0", "1"),
    data=Source("google-research-datasets/paws-x"),
    read=read,
    id="id",
    metric="accuracy",
    also=("macro_f1", "ece"),
    chance=1 / 2,
    parallel=True,
    licence="free for any purpose, see the repository",
    cite="yang-etal-2019-paws",
)
