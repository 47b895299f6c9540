"""Tagging: tokens that carry the right tag, and spans that are right in both ends and in type."""

from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any, NoReturn

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, Rows, f1, ratio
from xbench.metrics.spans import (
    LENIENT,
    LENIENT_WHOLE_TAGS,
    OUTSIDE,
    STRICT,
    Corpus,
    Reading,
    SpanOf,
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
    rows = _corpus(predictions, examples).count_tokens()
    rows[[prediction is None for prediction in predictions], 0] = 0.0
    return rows


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


def _corpus(predictions: Sequence[Sequence[str] | None], examples: Sequence[Tagged]) -> Corpus:
    """All sentences at once; OUTSIDE throughout stands for a prediction that did not come.

    Raises ScoringError unless there is one tag for each word of every sentence that has a prediction.
    """
    gold = [example.tags for example in examples]
    guessed: Sequence[Any] = predictions
    shapes = set(map(type, predictions))
    if NoneType in shapes:
        guessed = [(OUTSIDE,) * len(tags) if one is None else one for one, tags in zip(predictions, gold, strict=True)]
    if not all(issubclass(shape, Sequence) and not issubclass(shape, str) for shape in shapes - {NoneType}):
        _refuse(predictions, examples)
    corpus = Corpus.of(gold, guessed)
    aligned = bool((corpus.lengths[corpus.gold] == corpus.lengths[corpus.guessed]).all())
    if not (aligned and all(isinstance(tag, str) for tag in corpus.tags)):
        _refuse(predictions, examples)
    return corpus


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
        return _corpus(predictions, examples).count_spans(reading)

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
