"""Kind `tags`: a tag for each word of a sentence.

The first token of a word stands for it; nothing is learned from, or read off, the others. A sentence that is longer
than the limit is read in windows that begin and end between words and share up to a quarter of their tokens; each
word is learned and predicted in the one window where it has the most context. A word longer than a whole window is cut.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from xbench.errors import UnknownLabel, WrongColumns, near
from xbench.kinds import IGNORE, Batch, Feature, Kind, Setting
from xbench.kinds.frame import Frame, Ids, most_context, tokenized
from xbench.task import Tagged

OUTSIDE = "O"
"""Tag of a word that the encoder never sees: it has no tokens. Where the task has no such tag the word gets the empty
one, which is wrong for every gold tag: no guess is made in the encoder's favour."""

SHARED = 4
"""Windows share at most one part in this many of their tokens."""


class Heads(NamedTuple):
    """Which words a feature answers for, and the token that stands for each."""

    words: NDArray[np.intp]
    """Shape (words,): index within the sentence."""
    tokens: NDArray[np.intp]
    """Shape (words,): index within the feature."""


class Tags:
    """Tagging with a token-classification head."""

    name = "tags"
    auto = "AutoModelForTokenClassification"
    trained = True
    per_token = True
    grouped = False
    words = True

    def outputs(self, labels: Sequence[str]) -> int:
        """One for each tag."""
        return len(labels)

    def encode(self, examples: Sequence[Tagged], setting: Setting, *, training: bool) -> list[Feature]:
        """One feature for each window of each sentence; with `training` none for sentences without a single token.

        `note` is the `Heads` of the feature, `target` has shape (tokens,). Raises UnknownLabel for tags that the task
        does not list, WrongColumns for sentences with more or fewer tags than words (both only with `training`), and
        BadOption where the limit leaves no room for a token.
        """
        numbers = {label: number for number, label in enumerate(setting.labels)}
        if training:
            _check(examples, setting.labels)
        known = tokenized(setting.tokenizer, (word for example in examples for word in example.words))
        frame = Frame.of(setting.tokenizer, pair=False)
        room = frame.room(setting.limit)
        lead = len(frame.special[0])
        features = []
        for index, example in enumerate(examples):
            pieces = [known[word] for word in example.words]
            gold = np.array([numbers[tag] for tag in example.tags], np.int64) if training else None
            truncated = any(len(piece) > room for piece in pieces)
            for text, words, firsts in _windows([piece[:room] for piece in pieces], room):
                if training and not len(words):
                    continue
                ids = frame.ids(text)
                target = None
                if gold is not None:
                    target = np.full(len(ids), IGNORE, np.int64)
                    target[lead + firsts] = gold[words]
                types = frame.types(text) if setting.typed else None
                features.append(Feature(ids, types, index, target, Heads(words, lead + firsts), truncated))
        return features

    def forward(self, model: PreTrainedModel, batch: Batch, setting: Setting) -> torch.Tensor:
        """Scores of the tags, shape (features, tokens, labels)."""
        scores: torch.Tensor = model(**batch.inputs()).logits
        return scores

    def loss(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of each word, shape (words,). Raises ValueError for features without targets."""
        if batch.targets is None:
            raise ValueError("features without targets have no loss: encode them with training=True")
        learned = batch.targets != IGNORE
        return cross_entropy(scores[learned].float(), batch.targets[learned], reduction="none")

    def decode(
        self,
        scores: Sequence[NDArray[np.float32]],
        features: Sequence[Feature],
        examples: Sequence[Tagged],
        setting: Setting,
    ) -> list[tuple[str, ...]]:
        """The best tag of each word, one tuple a sentence; of equal tags the first that the task lists."""
        unseen = OUTSIDE if OUTSIDE in setting.labels else ""
        tags = [[unseen] * len(example.words) for example in examples]
        for score, feature in zip(scores, features, strict=True):
            heads: Heads = feature.note
            for word, best in zip(heads.words, score[heads.tokens].argmax(-1), strict=True):
                tags[feature.example][word] = setting.labels[best]
        return [tuple(sentence) for sentence in tags]


def _check(examples: Sequence[Tagged], labels: Sequence[str]) -> None:
    """Raise UnknownLabel or WrongColumns, naming what is wrong and where."""
    for number, example in enumerate(examples):
        if len(example.words) != len(example.tags):
            raise WrongColumns(f"row {number}: {len(example.words)} words and {len(example.tags)} tags")
    unknown = {tag for example in examples for tag in example.tags} - set(labels)
    if unknown:
        first = min(unknown)
        count = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise UnknownLabel(f"the task lists no tag {first!r}{count}{near(first, labels)}")


def _windows(pieces: Sequence[Ids], room: int) -> Iterator[tuple[Ids, NDArray[np.intp], NDArray[np.intp]]]:
    """Tokens of each window, the words it answers for, and their first tokens counted from the window's begin.

    Each word that has tokens is in exactly one window's answer; no piece may be longer than `room`.
    """
    text = np.concatenate([np.empty(0, np.int32), *pieces])
    ends = np.cumsum([0, *map(len, pieces)], dtype=np.intp)
    firsts = ends[:-1]
    has_tokens = np.diff(ends) > 0
    if len(text) <= room:
        words = np.flatnonzero(has_tokens)
        yield text, words, firsts[words]
        return
    cuts = [(int(ends[a]), int(ends[b])) for a, b in _cuts(ends, room)]
    owner = most_context(cuts, len(text))
    for number, (begin, end) in enumerate(cuts):
        here = (firsts >= begin) & (firsts < end) & has_tokens
        words = np.flatnonzero(here)
        words = words[owner[firsts[words]] == number]
        yield text[begin:end], words, firsts[words] - begin


def _cuts(ends: NDArray[np.intp], room: int) -> list[tuple[int, int]]:
    """Windows as (first word, one past the last); `ends[n]` is how many tokens stand before word n.

    Every window but the first begins with words of the one before it, and reaches at least one word further.
    """
    last = len(ends) - 1
    cuts: list[tuple[int, int]] = []
    begin = 0
    while True:
        end = int(np.searchsorted(ends, ends[begin] + room, side="right")) - 1
        cuts.append((begin, end))
        if end == last:
            return cuts
        # As many words back as fit into the shared part, and leave room for the next word.
        least = max(int(ends[end]) - room // SHARED, int(ends[end + 1]) - room)
        begin = max(begin + 1, int(np.searchsorted(ends, least, side="left")))


kind: Kind = Tags()
