"""Kind `mining`: which sentences of two piles are translations of each other? Nothing is trained.

Sentence vectors are those of retrieval. A pair is proposed where its margin (`xbench.mining`) reaches the threshold:
the recipe's, or the one that does best on a language's own dev split. Which row a sentence stands in tells nothing:
only the vectors are compared.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from xbench.kinds import Batch, Feature, Setting, Tuned
from xbench.kinds.pairs import encode_texts
from xbench.kinds.retrieval import first_of_equal, sentence_vectors
from xbench.mining import mine, threshold, unify
from xbench.nearest import Places, Vectors, directions
from xbench.task import Bitext, Mined

SIDES = ("foreign", "source")
"""What a feature's note says: the side that its sentence is of."""


class Mining:
    """Pairs of translations in two piles of sentences, most of which may have none."""

    name = "mining"
    auto = "AutoModel"
    trained = False
    per_token = False
    grouped = False
    words = False

    def outputs(self, labels: Sequence[str]) -> int:
        """None: there is no head."""
        return 0

    def encode(self, examples: Sequence[Bitext], setting: Setting, *, training: bool) -> list[Feature]:
        """A feature for each sentence of each example, the foreign one first; too long ones are cut."""
        there = [
            (place, side, text)
            for place, one in enumerate(examples)
            for side, text in zip(SIDES, (one.foreign, one.source), strict=True)
            if text is not None
        ]
        coded = encode_texts([(text, None) for *_, text in there], setting)
        return [
            Feature(ids, types, place, note=side, truncated=cut)
            for (place, side, _), (ids, types, cut) in zip(there, coded, strict=True)
        ]

    def forward(self, model: PreTrainedModel, batch: Batch, setting: Setting) -> torch.Tensor:
        """Sentence vectors, shape (features, hidden), not normalised. Raises BadOption for a block the model lacks."""
        return sentence_vectors(model, batch, setting)

    def loss(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Nothing is learned: shape (0,)."""
        return scores.new_zeros(0)

    def decode(
        self,
        scores: Sequence[NDArray[np.float32]],
        features: Sequence[Feature],
        examples: Sequence[Bitext],
        setting: Setting,
    ) -> list[Mined]:
        """For each row what is proposed for its foreign sentence; nothing for a row without one.

        Raises ScoringError where a vector is not finite.
        """
        sides = [_side(side, scores, features, examples, setting) for side in SIDES]
        (foreign_rows, foreign_once, foreign), (source_rows, source_once, source) = sides
        found = mine(foreign, source)
        answers = [Mined(item) for item in range(len(examples))]
        for one, other, score in zip(found.foreign, found.source, found.score.tolist(), strict=True):
            if foreign_once[one] and source_once[other]:
                item = int(foreign_rows[one])
                proposed = score >= setting.recipe.threshold
                answers[item] = Mined(item, int(source_rows[other]) if proposed else -1, score)
        return answers

    def tune(self, predictions: Sequence[Mined], examples: Sequence[Bitext]) -> tuple[float, float]:
        """The threshold that scores best on rows whose pairs are known, and its F1, 0..1.

        `predictions` are those of a threshold of 0, under which every pair stays.
        """
        proposed = [one for one in predictions if one.source >= 0]
        gold = sum(one.foreign is not None and one.source is not None for one in examples)
        right = np.array([one.source == one.item for one in proposed], bool)
        return threshold(np.array([one.score for one in proposed]), right, gold)


def _side(
    side: str,
    scores: Sequence[NDArray[np.float32]],
    features: Sequence[Feature],
    examples: Sequence[Bitext],
    setting: Setting,
) -> tuple[Places, NDArray[np.bool_], Vectors]:
    """The different sentences of a side: rows they stand in first, whether in no other, and their directions."""
    own = [place for place, feature in enumerate(features) if feature.note == side]
    texts = [getattr(examples[features[place].example], side) for place in own]
    first, once = unify(texts)
    kept = [features[own[place]] for place in first]
    if not kept:
        return first, once, np.empty((0, 1), np.float32)
    # Sentences of equal tokens are equally near, whatever rounding made of them in batches of other lengths.
    same = first_of_equal(kept)
    vectors = directions(np.stack([scores[own[place]] for place in first])[same], centre=setting.recipe.centre)
    return np.array([feature.example for feature in kept], np.intp), once, vectors


kind: Tuned = Mining()
