"""The rows of every data set: each item is drawn once and told in each language, so test sets are parallel."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from xbench.world.chance import Dice
from xbench.world.events import Event, Nature, Pool
from xbench.world.examples import altered, inference, paraphrase, quiz
from xbench.world.grammar import Token, tell, text
from xbench.world.languages import World
from xbench.world.lexicon import Speech
from xbench.world.texts import joined

Row: TypeAlias = dict[str, object]
Teller: TypeAlias = Callable[[Speech], Row]
"""One item, ready to be told in any language."""

INFERENCE_LABELS = ("entailment", "neutral", "contradiction")
PARAPHRASE_LABELS = ("different", "same")
TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")

_TEXT = {"dtype": "string", "_type": "Value"}
_NUMBER = {"dtype": "int32", "_type": "Value"}


def _list_of(feature: object) -> Mapping[str, object]:
    return {"feature": feature, "_type": "List"}


def _one_of(names: tuple[str, ...]) -> Mapping[str, object]:
    return {"names": list(names), "_type": "ClassLabel"}


@dataclass(frozen=True, slots=True)
class Table:
    """A data set: its columns as `datasets` describes them, and its items."""

    name: str
    features: Mapping[str, object]
    """Column -> feature, in the form that `datasets` keeps in a parquet file's metadata."""
    draw: Callable[[Dice, Nature, int, Pool], Teller]
    """Draw item number i."""

    def items(self, world: World, nature: Nature, split: str, count: int) -> Iterator[Teller]:
        """The split's items. Names that are held out of texts are others in training than in the other splits."""
        dice = Dice(world.seed, self.name, split)
        pool: Pool = "train" if split == "train" else "test"
        for number in range(count):
            yield _with_id(self.draw(dice, nature, number, pool), f"{split}-{number:05d}")


def _with_id(tell_row: Teller, name: str) -> Teller:
    return lambda speech: {"id": name, **tell_row(speech)}


def _inference(dice: Dice, nature: Nature, number: int, pool: Pool) -> Teller:
    """Labels in turn, so that any first n rows are balanced."""
    label = number % len(INFERENCE_LABELS)
    premise, hypothesis = inference(dice, nature, label)
    return lambda speech: {
        "premise": text(tell(premise, speech)), "hypothesis": text(tell(hypothesis, speech)), "label": label
    }  # fmt: skip


def _paraphrase(dice: Dice, nature: Nature, number: int, pool: Pool) -> Teller:
    label = number % len(PARAPHRASE_LABELS)
    first, second = paraphrase(dice, nature, bool(label))
    return lambda speech: {
        "sentence1": text(tell(first, speech)), "sentence2": text(tell(second, speech)), "label": label
    }  # fmt: skip


def _tagging(dice: Dice, nature: Nature, number: int, pool: Pool) -> Teller:
    """One sentence or two, rich in names, half of which no text contains."""
    events = [nature.event(dice, pool=pool, named=0.7) for _ in range(1 + dice.under(0.3))]

    def row(speech: Speech) -> Row:
        tokens = joined([tell(event, speech) for event in events], speech)
        return {"tokens": [token.word for token in tokens], "ner_tags": [TAGS.index(token.tag) for token in tokens]}

    return row


def _qa(dice: Dice, nature: Nature, number: int, pool: Pool) -> Teller:
    asked = quiz(dice, nature)

    def row(speech: Speech) -> Row:
        told = [tell(event, speech) for event in asked.passage]
        answer = [token for token in told[asked.told] if token.part == asked.part]
        context = joined(told, speech)
        start = _start(context, answer)
        return {
            "context": text(context), "question": text(tell(asked.question, speech)),
            "answers": {"text": [text(answer)], "answer_start": [start]},
        }  # fmt: skip

    return row


def _start(context: list[Token], answer: list[Token]) -> int:
    """Where the answer begins in the context, in characters; its tokens are found by identity, not by their words."""
    first = next(place for place, token in enumerate(context) if token is answer[0])
    return sum(len(token.word) + 1 for token in context[:first])


INFERENCE = Table(
    "inference", {"id": _TEXT, "premise": _TEXT, "hypothesis": _TEXT, "label": _one_of(INFERENCE_LABELS)}, _inference
)
PARAPHRASE = Table(
    "paraphrase",
    {"id": _TEXT, "sentence1": _TEXT, "sentence2": _TEXT, "label": _one_of(PARAPHRASE_LABELS)},
    _paraphrase,
)
TAGGING = Table("tagging", {"id": _TEXT, "tokens": _list_of(_TEXT), "ner_tags": _list_of(_one_of(TAGS))}, _tagging)
QA = Table(
    "qa",
    {
        "id": _TEXT, "context": _TEXT, "question": _TEXT,
        "answers": {"text": _list_of(_TEXT), "answer_start": _list_of(_NUMBER)},
    },
    _qa,
)  # fmt: skip
TRAINED = (INFERENCE, PARAPHRASE, TAGGING, QA)
"""Tables with a training and a validation split in the source language."""
RETRIEVAL_FEATURES: Mapping[str, object] = {"id": _TEXT, "sentence1": _TEXT, "sentence2": _TEXT}
TEXT_FEATURES: Mapping[str, object] = {"text": _TEXT}
BITEXT_FEATURES: Mapping[str, object] = {"source": _TEXT, "target": _TEXT}


def retrieval(world: World, nature: Nature) -> list[Event]:
    """Distinct events in families of four that differ in one thing, so that a rough translation finds the wrong one."""
    dice, events = Dice(world.seed, "retrieval", "test"), list[Event]()
    seen = set[Event]()
    while len(events) < world.retrieval:
        if len(events) % 4 == 0:
            stem = nature.event(dice)
        event = stem if len(events) % 4 == 0 else altered(dice, stem)
        if event not in seen:
            seen.add(event)
            events.append(event)
    return events
