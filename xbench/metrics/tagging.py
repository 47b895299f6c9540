"""Tagging: tokens that carry the right tag, and spans that are right in both ends and in type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, Rows, f1, ratio
from xbench.metrics.spans import (
    LENIENT,
    LENIENT_WHOLE_TAGS,
    OUTSIDE,
    STRICT,
    Coded,
    Numbers,
    Reading,
    SpanOf,
    count_spans,
    lenient_spans,
    lenient_spans_of_whole_tags,
    strict_spans,
)
from xbench.task import Tagged


def count_tokens(prediction: Sequence[str] | None, gold: Tagged, language: str) -> tuple[float, float]:
    """(words tagged right, words). Raises ScoringError unless there is one tag for each word."""
    del language
    if prediction is None:
        return 0.0, float(len(gold.tags))
    tags = _checked(prediction, gold)
    return float(sum(map(str.__eq__, tags, gold.tags))), float(len(gold.tags))


def count_all_tokens(predictions: Sequence[Sequence[str] | None], examples: Sequence[Tagged], language: str) -> Rows:
    """As `count_tokens` for each sentence, shape (sentences, 2)."""
    del language
    corpus = _Corpus.of(predictions, examples)
    sentence = np.repeat(np.arange(len(examples)), corpus.lengths)
    right = np.bincount(sentence[corpus.gold == corpus.guessed], minlength=len(examples))
    right[[prediction is None for prediction in predictions]] = 0
    return np.stack([right, corpus.lengths], axis=1).astype(np.float64)


def _checked(prediction: Sequence[str], gold: Tagged) -> Sequence[str]:
    """The prediction itself, if it is one tag for each word; ScoringError otherwise."""
    if isinstance(prediction, str) or not isinstance(prediction, Sequence):
        raise ScoringError(f"predicted {prediction!r} where a sequence of tags was due")
    if len(prediction) != len(gold.tags):
        text = " ".join(gold.words[:6]) + (" …" if len(gold.words) > 6 else "")
        raise ScoringError(f"{len(prediction)} tags for the {len(gold.tags)} words of “{text}”")
    if not all(issubclass(kind, str) for kind in set(map(type, prediction))):
        raise ScoringError(f"predicted {prediction!r} where names of tags were due")
    return prediction


@dataclass(frozen=True, slots=True)
class _Corpus:
    """Tags of all sentences as numbers."""

    gold: Coded
    """Shape (words,): number of the tag of each word, sentence after sentence."""
    guessed: Coded
    """The same of the predictions; OUTSIDE throughout where there is none."""
    lengths: NDArray[np.intp]
    """Shape (sentences,): words of each."""
    tags: tuple[str, ...]
    """By number."""

    @classmethod
    def of(cls, predictions: Sequence[Sequence[str] | None], examples: Sequence[Tagged]) -> "_Corpus":
        """Raises ScoringError unless there is one tag for each word of every sentence that has a prediction."""
        gold = [example.tags for example in examples]
        lengths = list(map(len, gold))
        guessed = [(OUTSIDE,) * n if one is None else one for one, n in zip(predictions, lengths, strict=True)]
        shapes = set(map(type, guessed))
        if not all(issubclass(shape, Sequence) and not issubclass(shape, str) for shape in shapes):
            _refuse(predictions, examples)
        if list(map(len, guessed)) != lengths:
            _refuse(predictions, examples)
        numbers = Numbers()
        ours, theirs = numbers.of(gold), numbers.of(guessed)
        if not all(isinstance(tag, str) for tag in numbers):
            _refuse(predictions, examples)
        return cls(ours, theirs, np.array(lengths, np.intp), tuple(numbers))


def _refuse(predictions: Sequence[Sequence[str] | None], examples: Sequence[Tagged]) -> NoReturn:
    """Raise the ScoringError of the first sentence that is at fault."""
    for prediction, gold in zip(predictions, examples, strict=True):
        if prediction is not None:
            _checked(prediction, gold)
    raise ScoringError("a tag of the gold is not a text")


def _counts_spans(
    find: Callable[[Sequence[str]], list[SpanOf]],
) -> Callable[[Sequence[str] | None, Tagged, str], tuple[float, float, float]]:
    """The counting function of one way to find spans."""

    def count(prediction: Sequence[str] | None, gold: Tagged, language: str) -> tuple[float, float, float]:
        """(spans right, spans predicted, spans in the gold). Raises ScoringError unless each word has a tag."""
        del language
        spans = find(gold.tags)
        if prediction is None:
            return 0.0, 0.0, float(len(spans))
        guessed = find(_checked(prediction, gold))
        right = len(set(spans).intersection(guessed)) if spans and guessed else 0
        return float(right), float(len(guessed)), float(len(spans))

    return count


def _counts_all_spans(reading: Reading) -> Callable[[Sequence[Sequence[str] | None], Sequence[Tagged], str], Rows]:
    """The counting function of one reading, for a whole language."""

    def count_all(predictions: Sequence[Sequence[str] | None], examples: Sequence[Tagged], language: str) -> Rows:
        """As `count` for each sentence, shape (sentences, 3)."""
        del language
        corpus = _Corpus.of(predictions, examples)
        return count_spans(corpus.gold, corpus.guessed, corpus.lengths, corpus.tags, reading)

    return count_all


token_accuracy = Metric(
    name="token_accuracy",
    title="Token accuracy",
    columns=("correct", "n"),
    count=count_tokens,
    count_all=count_all_tokens,
    example=Tagged,
    close=ratio,
    detail="every word of the gold counts once",
)

span_f1 = Metric(
    name="span_f1",
    title="Span F1 (lenient)",
    columns=("tp", "predicted", "gold"),
    count=_counts_spans(lenient_spans),
    count_all=_counts_all_spans(LENIENT),
    example=Tagged,
    close=f1,
    detail="micro; spans as conlleval and seqeval's default mode read them (I after O opens a span)",
    cite="tjong-kim-sang-de-meulder-2003-introduction",
)

span_f1_xtreme = Metric(
    name="span_f1_xtreme",
    title="Span F1 (XTREME)",
    columns=("tp", "predicted", "gold"),
    count=_counts_spans(lenient_spans_of_whole_tags),
    count_all=_counts_all_spans(LENIENT_WHOLE_TAGS),
    example=Tagged,
    close=f1,
    detail="micro; spans as seqeval 0.0.12 reads them; on part-of-speech tags this is XTREME's figure for UD-POS",
    cite="hu-etal-2020-xtreme",
)

span_f1_strict = Metric(
    name="span_f1_strict",
    title="Span F1 (strict IOB2)",
    columns=("tp", "predicted", "gold"),
    count=_counts_spans(strict_spans),
    count_all=_counts_all_spans(STRICT),
    example=Tagged,
    close=f1,
    detail="micro; spans as seqeval's mode=strict, scheme=IOB2 reads them (only B opens a span)",
    cite="tjong-kim-sang-veenstra-1999-representing",
)
