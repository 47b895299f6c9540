"""Kind `retrieval`: find the translation of a sentence by the cosine of sentence vectors. Nothing is trained.

A sentence's vector is pooled over its tokens, the special ones among them, from the last block or a fixed one.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from xbench.errors import BadOption
from xbench.kinds import Batch, Feature, Kind, Setting
from xbench.kinds.pairs import encode_texts
from xbench.nearest import directions
from xbench.nearest_bf16 import ranked
from xbench.task import Bitext, Retrieved


class Retrieval:
    """Bitext retrieval in both directions, with an encoder without a head."""

    name = "retrieval"
    auto = "AutoModel"
    trained = False
    per_token = False
    grouped = False
    words = False

    def outputs(self, labels: Sequence[str]) -> int:
        """None: there is no head."""
        return 0

    def encode(self, examples: Sequence[Bitext], setting: Setting, *, training: bool) -> list[Feature]:
        """Two features for each example: the foreign sentence, then the source sentence; too long ones are cut.

        Raises BadOption for an example without one of them.
        """
        texts = [(text, None) for one in examples for text in (one.foreign, one.source) if text is not None]
        if lacking := 2 * len(examples) - len(texts):
            told = "retrieval looks for one for each; the kind mining is for such rows"
            raise BadOption(f"{lacking} of {len(examples)} rows have a sentence without a translation, but {told}")
        coded = encode_texts(texts, setting)
        return [Feature(ids, types, number // 2, truncated=cut) for number, (ids, types, cut) in enumerate(coded)]

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
    ) -> list[Retrieved]:
        """For each sentence of either side the nearest of the other, and how many are nearer than the right one.

        Raises ScoringError where a vector is not finite.
        """
        if not examples:
            return []
        vectors = np.stack(scores)
        foreign, source = (directions(vectors[side::2], centre=setting.recipe.centre) for side in (0, 1))
        # Sentences of equal tokens are equally near, whatever rounding made of them in batches of other lengths.
        to_source, ahead_to = ranked(foreign, source, first_of_equal(features[1::2]))
        from_source, ahead_from = ranked(source, foreign, first_of_equal(features[0::2]))
        columns = (to_source, from_source, ahead_to, ahead_from)
        return [Retrieved(item, *map(int, row)) for item, row in enumerate(zip(*columns, strict=True))]


def sentence_vectors(model: PreTrainedModel, batch: Batch, setting: Setting) -> torch.Tensor:
    """One vector of each sentence, from the block and by the pooling that the recipe says: shape (features, hidden).

    Raises BadOption for a block the model lacks.
    """
    recipe = setting.recipe
    fixed = recipe.middle or recipe.layer > 0
    found = model(**batch.inputs(), output_hidden_states=fixed)
    hidden: torch.Tensor = found.last_hidden_state
    if fixed:
        # The first of the hidden states is the embeddings' output, so that the others count as blocks do, from 1.
        blocks = len(found.hidden_states) - 1
        block = blocks // 2 + 1 if recipe.middle else recipe.layer
        if block > blocks:
            raise BadOption(f"recipe {recipe.name!r} pools block {block}, and this encoder has {blocks} of them")
        # The last block's output may pass a final norm; that is what `last_hidden_state` is.
        hidden = hidden if block == blocks else found.hidden_states[block]
    return pool(hidden.float(), batch.mask, "mean" if recipe.pooling == "mean" else setting.pooling)


def pool(hidden: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """One vector of each sequence: (features, tokens, hidden) and (features, tokens) -> (features, hidden).

    Raises BadOption for a pooling other than mean, cls and max.
    """
    there = mask[..., None].to(hidden.dtype)
    match pooling:
        case "mean":
            return (hidden * there).sum(1) / there.sum(1)
        case "cls":
            return hidden[:, 0]
        case "max":
            return hidden.masked_fill(there == 0, -torch.inf).amax(1)
    raise BadOption(f"unknown pooling {pooling!r}: there are mean, cls and max")


def first_of_equal(features: Sequence[Feature]) -> NDArray[np.intp]:
    """For each feature the place of the first that has the same tokens, shape (features,)."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(feature.ids.tobytes(), place) for place, feature in enumerate(features)], np.intp)


kind: Kind = Retrieval()
