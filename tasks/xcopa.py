"""XCOPA: which of two sentences is the cause, or the effect, of a third?  Eleven languages, trained on English COPA.

400 training and 100 dev rows of COPA, from SuperGLUE; its test labels are not published. XCOPA's authors find that
training on Social IQa first helps a good deal, so scores of COPA alone stand low and vary between seeds. What is asked
for stands in English after the premise in every language, in COPA's own words.
"""

from xbench.task import Choice, Row, Source, Task

TARGETS = "et ht id it qu sw ta th tr vi zh"
ASKED = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}


def read(row: Row) -> Choice:
    """A premise with what is asked for, and two sentences."""
    return Choice(f"{row['premise']} {ASKED[row['question']]}", (row["choice1"], row["choice2"]), row["label"])


def read_copa(row: Row) -> Choice:
    """COPA's label has a name, and is absent from its test split."""
    return read({**row, "label": {"choice1": 0, "choice2": 1}.get(row["label"], -1)})


task = Task(
    name="xcopa",
    kind="choices",
    title="Commonsense reasoning",
    source="en",
    targets=tuple(TARGETS.split()),
    data=Source("cambridgeltl/xcopa", train=""),
    train_data=Source("aps/super_glue", config="copa", test=""),
    read=read,
    train_read=read_copa,
    id="idx",
    metric="accuracy",
    also=("ece",),
    chance=1 / 2,
    parallel=True,
    licence="CC-BY-4.0",
    cite="ponti-etal-2020-xcopa",
)
