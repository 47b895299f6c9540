"""Kind `spans`: the piece of a context that answers a question, by the rules of BERT's script for SQuAD 1.1.

transformers and XTREME took those rules over; theirs are kept here where they change a number:
- a question is cut at `recipe.query` tokens; a context that is too long for the rest is read in windows, each of which
  begins `recipe.stride` tokens after the one before it (a step, not an overlap);
- in training a window that does not hold the whole answer points at the first special token (`[CLS]`), and an example
  whose answer does not stand where it is said to stand is left out;
- in scoring an answer begins at a token that has no more context in another window, and ends in the same window; the
  best `recipe.nbest` starts and ends are paired, and the highest sum of scores over all windows wins.
Two things differ. Starts and ends are taken from the tokens of the context alone, so every context that has a token
has an answer: there is no null answer here. And answers are cut from the context by characters, not put together
from words.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from xbench.errors import BadOption
from xbench.kinds import Batch, Feature, Kind, Setting
from xbench.kinds.frame import Frame, Ids, Located, located, most_context, tokenized
from xbench.task import Span


class View(NamedTuple):
    """What a window shows of the context."""

    first: int
    """Index within the feature of the window's first token of the context."""
    begins: Ids
    """First character of each token of the context, shape (context tokens of the window,)."""
    ends: Ids
    """One past its last character; equal to `begins` for a token that is only white space."""
    best: NDArray[np.bool_]
    """Whether the token has no more context in another window."""


class Spans:
    """Extractive question answering with a question-answering head."""

    name = "spans"
    auto = "AutoModelForQuestionAnswering"
    trained = True
    per_token = True
    grouped = False
    words = False

    def outputs(self, labels: Sequence[str]) -> int:
        """Two: a score as first token of the answer, and one as last."""
        return 2

    def encode(self, examples: Sequence[Span], setting: Setting, *, training: bool) -> list[Feature]:
        """One feature for each window; with `training` none for examples whose answer does not stand in the context.

        `note` is the `View` of the window, `target` has shape (2,): first and last token of the first answer. Raises
        BadOption where the limit leaves no room for question and context.
        """
        tokenizer, recipe = setting.tokenizer, setting.recipe
        frame = Frame.of(tokenizer, pair=True)
        if frame.room(setting.limit) < 2:
            raise BadOption(f"a length of {setting.limit} tokens leaves no room for a question and its context")
        questions = tokenized(tokenizer, (example.question for example in examples))
        contexts = located(tokenizer, (example.context for example in examples))
        # Where the limit is small, as in tests, the question gets no more than half of what there is.
        most = min(recipe.query, frame.room(setting.limit) // 2)
        features = []
        for index, example in enumerate(examples):
            context, question = contexts[example.context], questions[example.question]
            gold = answer_tokens(example, context) if training else None
            if training and gold is None:
                continue
            asked = question[:most]
            first = len(frame.special[0]) + len(asked) + len(frame.special[1])
            windows = cuts(len(context.ids), frame.room(setting.limit) - len(asked), recipe.stride)
            owner = most_context(windows, len(context.ids))
            for number, (begin, end) in enumerate(windows):
                seen = context.ids[begin:end]
                ids = frame.ids(asked, seen)
                view = View(first, context.begins[begin:end], context.ends[begin:end], owner[begin:end] == number)
                target = None
                if gold is not None and begin <= gold[0] and gold[1] < end:
                    target = np.array(gold, np.int64) - begin + first
                elif gold is not None:
                    target = _nowhere(ids, tokenizer.cls_token_id)
                types = frame.types(asked, seen) if setting.typed else None
                features.append(Feature(ids, types, index, target, view, len(question) > most))
        return features

    def forward(self, model: PreTrainedModel, batch: Batch, setting: Setting) -> torch.Tensor:
        """Scores of each token as first and as last of the answer, shape (features, tokens, 2)."""
        found = model(**batch.inputs())
        return torch.stack([found.start_logits, found.end_logits], -1)

    def loss(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean of the two cross-entropies of each window, shape (windows,).

        Padding takes no part, so a loss does not depend on what stands in the batch beside it. Raises ValueError for
        features without targets.
        """
        if batch.targets is None:
            raise ValueError("features without targets have no loss: encode them with training=True")
        open_to = scores.float().masked_fill(batch.mask[..., None] == 0, -torch.inf)
        return cross_entropy(open_to, batch.targets, reduction="none").mean(1)

    def decode(
        self,
        scores: Sequence[NDArray[np.float32]],
        features: Sequence[Feature],
        examples: Sequence[Span],
        setting: Setting,
    ) -> list[str]:
        """The best answer of each example, as it stands in the context; "" only where the context has no token."""
        answers = [""] * len(examples)
        best = [-np.inf] * len(examples)
        for score, feature in zip(scores, features, strict=True):
            view: View = feature.note
            inside = score[view.first : view.first + len(view.begins)]
            found = best_span(inside, view, nbest=setting.recipe.nbest, answer=setting.recipe.answer)
            if found is None:
                continue
            begin, end, value = found
            # The first of equal ones, windows and candidates in order, as a stable sort would have it.
            if value > best[feature.example] or not answers[feature.example]:
                best[feature.example] = value
                answers[feature.example] = examples[feature.example].context[view.begins[begin] : view.ends[end]]
        return answers


def cuts(tokens: int, room: int, stride: int) -> list[tuple[int, int]]:
    """Windows over a context, as (first token, one past the last): at least one, which is empty for no tokens.

    They begin `stride` tokens apart, or `room` where that is less, so that no token is left out.
    """
    step = min(stride, room)
    begins = [0]
    while begins[-1] + room < tokens:
        begins.append(begins[-1] + step)
    return [(begin, min(begin + room, tokens)) for begin in begins]


def answer_tokens(example: Span, context: Located) -> tuple[int, int] | None:
    """First and last token of the context that hold the first answer; None where it does not stand where it should."""
    if not example.answers or not example.starts:
        return None
    text, start = example.answers[0], example.starts[0]
    begin, end = start + len(text) - len(text.lstrip()), start + len(text.rstrip())
    if start < 0 or begin >= end or example.context[start : start + len(text)] != text:
        return None
    inside = np.flatnonzero((context.begins < context.ends) & (context.begins < end) & (context.ends > begin))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def _nowhere(ids: Ids, cls_token: int | None) -> NDArray[np.int64]:
    """Target of a window without the answer: twice the place of the tokenizer's classification token, shape (2,)."""
    marked = np.flatnonzero(ids == cls_token)
    return np.full(2, marked[0] if len(marked) else 0, np.int64)


def best_span(inside: NDArray[np.float32], view: View, *, nbest: int, answer: int) -> tuple[int, int, float] | None:
    """The best answer in a window: its first token, its last, counted from the first of the context, and its score.

    `inside` holds the scores of the context's tokens, shape (tokens, 2). None where no token may begin an answer: all
    are white space, or have more context in another window.
    """
    text = view.begins < view.ends
    starts, ends = np.flatnonzero(text & view.best), np.flatnonzero(text)
    if not len(starts):
        return None
    top_starts = starts[np.argsort(-inside[starts, 0], kind="stable")[:nbest]]
    top_ends = ends[np.argsort(-inside[ends, 1], kind="stable")[:nbest]]
    # None of the best may fit together: then every end is tried with each of the best starts, itself among them.
    return _best_pair(inside, top_starts, top_ends, answer) or _best_pair(inside, top_starts, ends, answer)


def _best_pair(
    inside: NDArray[np.float32], starts: NDArray[np.intp], ends: NDArray[np.intp], answer: int
) -> tuple[int, int, float] | None:
    length = ends[None] - starts[:, None] + 1
    fits = (length >= 1) & (length <= answer)
    if not fits.any():
        return None
    value = inside[starts, 0].astype(np.float64)[:, None] + inside[ends, 1].astype(np.float64)
    start, end = divmod(int(np.where(fits, value, -np.inf).argmax()), len(ends))
    return int(starts[start]), int(ends[end]), float(value[start, end])


kind: Kind = Spans()
