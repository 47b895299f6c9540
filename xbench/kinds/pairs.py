"""One sentence or two, and a label."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from xbench.errors import UnknownLabel, near
from xbench.kinds import Batch, Feature, Setting
from xbench.task import Label, Pair
from xbench.tokens import Asked, tokenize


class Pairs:
    """Classification of one sentence or of two; a prediction is a label and its probability."""

    name = "pairs"
    auto = "AutoModelForSequenceClassification"
    trained = True
    per_token = False
    grouped = False
    words = False

    def outputs(self, labels: Sequence[str]) -> int:
        """One for each label."""
        return len(labels)

    def encode(self, examples: Sequence[Pair], setting: Setting, *, training: bool) -> list[Feature]:
        """One feature for each example, too long ones cut at the longer sentence first."""
        targets = label_numbers([example.label for example in examples], setting.labels) if training else None
        coded = encode_texts([(example.first, example.second) for example in examples], setting)
        return [
            Feature(ids, types, number, None if targets is None else targets[number], truncated=truncated)
            for number, (ids, types, truncated) in enumerate(coded)
        ]

    def forward(self, model: PreTrainedModel, batch: Batch, setting: Setting) -> torch.Tensor:
        """Shape (features, labels)."""
        scores: torch.Tensor = model(**batch.inputs()).logits
        return scores

    def loss(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of each feature, shape (features,)."""
        if batch.targets is None:
            raise ValueError("features without targets have no loss: encode them with training=True")
        return cross_entropy(scores, batch.targets, reduction="none")

    def decode(
        self,
        scores: Sequence[NDArray[np.float32]],
        features: Sequence[Feature],
        examples: Sequence[Pair],
        setting: Setting,
    ) -> list[Label | None]:
        """The label with the highest score, the first of equal ones, and its probability: softmax over the labels."""
        found: list[Label | None] = [None] * len(examples)
        for row, feature in zip(scores, features, strict=True):
            best, probability = most_likely(row)
            found[feature.example] = Label(setting.labels[best], probability)
        return found


def most_likely(scores: NDArray[np.floating]) -> tuple[int, float]:
    """Place of the highest score, the first of equal ones, and its softmax probability, 0..1. Shape (choices,).

    Computed in float64 from differences to the highest score, which cannot overflow; where that one is infinite, equal
    ones share the probability.
    """
    row = scores.astype(np.float64)
    best = int(row.argmax())
    behind = np.subtract(row, row[best], out=np.zeros_like(row), where=row != row[best])
    return best, float(1 / np.exp(behind).sum())


Coded = tuple[NDArray[np.int32], NDArray[np.int32] | None, bool]
"""Token ids, token types where the model has some, and whether tokens were cut off."""


def encode_texts(texts: Sequence[tuple[str, str | None]], setting: Setting) -> list[Coded]:
    """Tokens of single texts and of pairs, with the special ones, cut to `setting.limit` from the longer of a pair."""
    coded: dict[int, Coded] = {}
    for paired in (False, True):
        numbers = [number for number, (_, second) in enumerate(texts) if (second is not None) == paired]
        here = [texts[number] for number in numbers]
        first, second = _columns(here)
        whole = tokenize(setting.tokenizer, first, second, asked=Asked(special=True, types=setting.typed))
        types = repeat(None) if whole.types is None else whole.rows(whole.types)
        coded |= zip(numbers, zip(whole.rows(whole.ids), types, repeat(False)), strict=True)
        # A tokenizer does not tell what it cut in the same way fast and slow; the uncut length tells it of every one.
        long = np.flatnonzero(np.diff(whole.stops, prepend=0) > setting.limit).tolist()
        for place, (ids, kinds) in zip(long, _cut([here[place] for place in long], setting), strict=True):
            coded[numbers[place]] = ids, kinds, True
    return [coded[number] for number in range(len(texts))]


def _columns(texts: Sequence[tuple[str, str | None]]) -> tuple[list[str], list[str] | None]:
    """Texts that are all single or all pairs, as a tokenizer takes them."""
    seconds = [second for _, second in texts if second is not None]
    return [first for first, _ in texts], seconds or None


def _cut(
    texts: Sequence[tuple[str, str | None]], setting: Setting
) -> list[tuple[NDArray[np.int32], NDArray[np.int32] | None]]:
    """Tokens of texts that are all single or all pairs, cut by the tokenizer to `setting.limit`."""
    if not texts:
        return []
    with _unwarned():
        told = setting.tokenizer(
            *_columns(texts),
            truncation="longest_first",
            max_length=setting.limit,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=setting.typed,
            verbose=False,
        )
    ids = [np.asarray(row, np.int32) for row in told["input_ids"]]
    types = [np.asarray(row, np.int32) for row in told["token_type_ids"]] if setting.typed else [None] * len(ids)
    return list(zip(ids, types, strict=True))


@contextmanager
def _unwarned() -> Iterator[None]:
    """Keep slow tokenizers from warning, once for each pair they cut, that they do not tell what they cut off."""
    logger = logging.getLogger("transformers.tokenization_python")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def label_numbers(labels: Sequence[str], known: Sequence[str]) -> NDArray[np.int64]:
    """Index of each label in the task's order, shape (examples,). Raises UnknownLabel, naming all that are unknown."""
    number = {label: index for index, label in enumerate(known)}
    strange = sorted({label for label in labels if label not in number})
    if strange:
        said = ", ".join(map(repr, strange))
        raise UnknownLabel(f"labels that the task does not list: {said}{near(strange[0], known)}")
    return np.array([number[label] for label in labels], dtype=np.int64)


kind = Pairs()
