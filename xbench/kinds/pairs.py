"""One sentence or two, and a label."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from xbench.errors import UnknownLabel, near
from xbench.kinds import Batch, Feature, Setting
from xbench.task import Label, Pair


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
    coded: list[Coded | None] = [None] * len(texts)
    for paired in (False, True):
        numbers = [number for number, (_, second) in enumerate(texts) if (second is not None) == paired]
        whole = _tokenize([texts[number] for number in numbers], setting, cut=False)
        long = [place for place, (ids, _) in enumerate(whole) if len(ids) > setting.limit]
        # A tokenizer does not tell what it cut in the same way fast and slow; the uncut length tells it of every one.
        cut = dict(zip(long, _tokenize([texts[numbers[place]] for place in long], setting, cut=True), strict=True))
        for place, number in enumerate(numbers):
            coded[number] = (*cut.get(place, whole[place]), place in cut)
    return [one for one in coded if one is not None]


def _tokenize(
    texts: Sequence[tuple[str, str | None]], setting: Setting, *, cut: bool
) -> list[tuple[NDArray[np.int32], NDArray[np.int32] | None]]:
    """One call of the tokenizer for texts that are all single or all pairs."""
    if not texts:
        return []
    told = setting.tokenizer(
        [first for first, _ in texts],
        None if texts[0][1] is None else [second for _, second in texts],
        truncation="longest_first" if cut else False,
        max_length=setting.limit if cut else None,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=setting.typed,
        verbose=False,
    )
    ids = [np.asarray(row, np.int32) for row in told["input_ids"]]
    types = [np.asarray(row, np.int32) for row in told["token_type_ids"]] if setting.typed else [None] * len(ids)
    return list(zip(ids, types, strict=True))


def label_numbers(labels: Sequence[str], known: Sequence[str]) -> NDArray[np.int64]:
    """Index of each label in the task's order, shape (examples,). Raises UnknownLabel, naming all that are unknown."""
    number = {label: index for index, label in enumerate(known)}
    strange = sorted({label for label in labels if label not in number})
    if strange:
        said = ", ".join(map(repr, strange))
        raise UnknownLabel(f"labels that the task does not list: {said}{near(strange[0], known)}")
    return np.array([number[label] for label in labels], dtype=np.int64)


kind = Pairs()
