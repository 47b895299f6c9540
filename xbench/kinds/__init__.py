"""Kinds of task: how an example becomes tokens, what is learned from them, and how an answer is read off.

All kinds share one loop for fine-tuning and one for scoring. A kind differs in four functions (encode, forward, loss,
decode) and names the Hugging Face head that its encoders are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from xbench.attention import Packing
from xbench.recipe import Recipe

IGNORE = -100
"""Target of a token, or a window, that nothing is learned from."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One sequence that the encoder reads: an example, a window of it, or one of its options."""

    ids: NDArray[np.int32]
    """Token ids with the special ones, shape (tokens,)."""
    types: NDArray[np.int32] | None
    """Token type ids, shape (tokens,), only where the model has more than one type."""
    example: int
    """Index of the example it belongs to; features of one example stand together, in order."""
    target: NDArray[np.int64] | None = None
    """What is learned: shape () one label, (2,) first and last token of an answer, (tokens,) one label a token."""
    note: Any = None
    """What `decode` needs to find the way back: offsets, first tokens of words."""
    truncated: bool = False
    """Whether tokens of the example are read by none of its features."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Features that the encoder reads at once, padded to the longest, on the device."""

    ids: torch.Tensor
    """(features, tokens)"""
    mask: torch.Tensor
    """(features, tokens), 1 where there is a token."""
    types: torch.Tensor | None
    targets: torch.Tensor | None
    """(features,), (features, 2) or (features, tokens), the last padded with IGNORE."""
    examples: torch.Tensor
    """(features,): index of the example, counted from 0 within the batch. Not to be written to: where each feature has
    an example of its own, one tensor serves several batches."""
    packing: Packing | None = None
    """Where the tokens stand when they are read in one row; None where that was not asked for."""

    def inputs(self) -> dict[str, torch.Tensor]:
        """Keyword arguments for a transformers model."""
        named = {"input_ids": self.ids, "attention_mask": self.mask}
        return named if self.types is None else named | {"token_type_ids": self.types}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a kind must know beside the example."""

    labels: tuple[str, ...]
    recipe: Recipe
    tokenizer: PreTrainedTokenizerBase
    typed: bool
    """Whether the model tells token types apart."""
    limit: int
    """Most tokens the model reads at once: the recipe's length, or what its positions allow if that is less."""
    pooling: str = "mean"
    """How sentence vectors are pooled: mean, cls or max, over the last or a fixed block."""


class Kind(Protocol):
    """What a kind of task must offer. A kind is an instance or a module that has these."""

    name: str
    auto: str
    """The transformers class that opens the encoder with its own head, e.g. AutoModelForTokenClassification."""
    trained: bool
    """Whether there is anything to fine-tune."""
    per_token: bool
    """Whether `forward` gives one row for each token, to be cut at the end of the sequence."""
    grouped: bool
    """Whether the features of an example are learned from together. Where not, each is an item of its own: batches
    count items, and epochs shuffle them."""
    words: bool
    """Whether examples come as words. Byte-level tokenizers must then put a space before each (`add_prefix_space`)."""

    def outputs(self, labels: Sequence[str]) -> int:
        """Number of outputs of the head (`num_labels`)."""
        ...

    def encode(self, examples: Sequence[Any], setting: Setting, *, training: bool) -> list[Feature]:
        """Turn examples into features; with `training` they carry targets and those nothing is learned from may go.

        Raises UnknownLabel for a label that the task does not list.
        """
        ...

    def forward(self, model: PreTrainedModel, batch: Batch, setting: Setting) -> torch.Tensor:
        """Scores for each feature, shape (features, …), or (features, tokens, …) where `per_token`.

        Scoring on a CPU calls it in several threads at once, each with a model of its own.
        """
        ...

    def loss(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Loss of each thing that is learned (a label, a token, a window), shape (things,)."""
        ...

    def decode(
        self,
        scores: Sequence[NDArray[np.float32]],
        features: Sequence[Feature],
        examples: Sequence[Any],
        setting: Setting,
    ) -> list[Any]:
        """One prediction for each example, None where the encoder gave none; scores and features in equal order."""
        ...


class Tuned(Kind, Protocol):
    """A kind whose answers depend on a threshold (`Recipe.threshold`) that rows with known answers can choose."""

    def tune(self, predictions: Sequence[Any], examples: Sequence[Any]) -> tuple[float, float]:
        """The threshold that scores best on these rows, and that score, 0..1.

        `predictions` are what `decode` gives under a threshold of 0.
        """
        ...
