"""A premise and several continuations, of which one is right."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from xbench.errors import UnknownLabel
from xbench.kinds import Batch, Feature, Setting
from xbench.kinds.pairs import encode_texts, most_likely
from xbench.task import Choice, Option


class Choices:
    """Each option is read with the premise and gets one score; a prediction is the best one's index and probability."""

    name = "choices"
    auto = "AutoModelForSequenceClassification"
    trained = True
    per_token = False
    grouped = True
    words = False

    def outputs(self, labels: Sequence[str]) -> int:
        """One: options are read one by one."""
        return 1

    def encode(self, examples: Sequence[Choice], setting: Setting, *, training: bool) -> list[Feature]:
        """One feature for each option, in order; its target is 1 for the right one and 0 for the others."""
        wrong = [number for number, example in enumerate(examples) if not 0 <= example.label < len(example.options)]
        if training and wrong:
            raise UnknownLabel(f"{len(wrong)} examples name an option they do not have; the first is number {wrong[0]}")
        options = [(number, place) for number, example in enumerate(examples) for place in range(len(example.options))]
        texts = [(examples[number].premise, examples[number].options[place]) for number, place in options]
        return [
            Feature(
                ids,
                types,
                number,
                np.array(place == examples[number].label, np.int64) if training else None,
                truncated=truncated,
            )
            for (number, place), (ids, types, truncated) in zip(options, encode_texts(texts, setting), strict=True)
        ]

    def forward(self, model: PreTrainedModel, batch: Batch, setting: Setting) -> torch.Tensor:
        """Shape (features,): one score for each option."""
        scores: torch.Tensor = model(**batch.inputs()).logits.squeeze(-1)
        return scores

    def loss(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy over each example's options, shape (examples,); they may have different numbers of them."""
        if batch.targets is None:
            raise ValueError("features without targets have no loss: encode them with training=True")
        examples = int(batch.examples[-1]) + 1
        none = scores.new_full((examples,), -torch.inf)
        highest = none.scatter_reduce(0, batch.examples, scores.detach(), "amax")
        shifted = scores - highest[batch.examples]
        summed = scores.new_zeros(examples).index_add(0, batch.examples, shifted.exp())
        return summed.log() - shifted[batch.targets == 1]

    def decode(
        self,
        scores: Sequence[NDArray[np.float32]],
        features: Sequence[Feature],
        examples: Sequence[Choice],
        setting: Setting,
    ) -> list[Option | None]:
        """Index of the option with the highest score, the first of equal ones, and its probability among them."""
        found: list[Option | None] = [None] * len(examples)
        both = zip(scores, features, strict=True)
        for number, options in groupby(both, key=lambda pair: pair[1].example):
            found[number] = Option(*most_likely(np.array([float(score) for score, _ in options])))
        return found


kind = Choices()
