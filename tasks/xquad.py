"""XQuAD: which piece of a paragraph answers a question?  Twelve languages, trained on English SQuAD 1.1.

1,190 questions of SQuAD's dev split, translated by people; the Hub calls the one split `validation`, and it is scored.
There is no dev split on purpose: SQuAD's own is where XQuAD comes from, so a checkpoint chosen on it was chosen on the
English test rows. The scores are SQuAD's, which parts words at white space: in Chinese and Thai F1 is nearly exact
match. `words_f1`, beside them, parts the words of every language.
"""

from xbench.task import Row, Source, Span, Task

TARGETS = "ar de el en es hi ro ru th tr vi zh"
SQUAD = Source("rajpurkar/squad", config="plain_text", dev="", test="")
"""Trains every task made after SQuAD: tasks with one training source share one fine-tuning."""


def read(row: Row) -> Span:
    """A question, its paragraph, and the answers with their offsets."""
    answers = row["answers"]
    return Span(row["question"], row["context"], tuple(answers["text"]), tuple(answers["answer_start"]))


task = Task(
    name="xquad",
    kind="spans",
    title="Question answering",
    source="en",
    targets=tuple(TARGETS.split()),
    data=Source("google/xquad", config="xquad.{language}", train="", dev="", test="validation"),
    train_data=SQUAD,
    read=read,
    id="id",
    metric="squad_f1",
    also=("squad_em", "words_f1", "words_em"),
    chance=0.0,
    parallel=True,
    licence="CC-BY-SA-4.0",
    cite="artetxe-etal-2020-cross",
)
