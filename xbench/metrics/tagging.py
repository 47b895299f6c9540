"""Tagging: tokens that carry the right tag, and spans that are right in both ends and in type."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, f1, ratio
from xbench.task import Tagged

SpanOf: TypeAlias = tuple[str, int, int]
"""Type, first word and last word of a span."""

Parts: TypeAlias = Callable[[str], tuple[str, str]]
"""A tag -> its prefix letter and its type."""

TAGS_KEPT = 4096
"""Tags, and pairs of tags, that are remembered; more than tag sets have."""


def count_tokens(prediction: Sequence[str] | None, gold: Tagged, language: str) -> tuple[float, float]:
    """(words tagged right, words). Raises ScoringError unless there is one tag for each word."""
    del language
    if prediction is None:
        return 0.0, float(len(gold.tags))
    tags = _checked(prediction, gold)
    return float(sum(map(str.__eq__, tags, gold.tags))), float(len(gold.tags))


def lenient_spans(tags: Sequence[str], parts: Parts | None = None) -> list[SpanOf]:
    """Spans of one sentence by the rules of conlleval, as seqeval's default mode reads them, in order.

    A tag is a prefix letter and a type. B and S open a span, and so do I and E after O, E or S, and any change of type;
    O closes it, and so do the end of the sentence, E, S, the next B or S, and any change of type. So an I after O opens
    a span, and runs of equal tags without prefixes (NOUN, NOUN) are spans.
    `parts` takes a tag apart; without it, as seqeval 1.2 does. Spans are equal to seqeval's over whole corpora, but for
    tags of a single letter other than B, I, O, E and S where a sentence begins: there seqeval lets a span reach back
    into the sentence before.
    """
    take_apart = parts or prefix_and_rest
    found: list[SpanOf] = []
    begin, previous = 0, "O"
    for position, tag in enumerate((*tags, "O")):
        if tag == previous == "O":
            continue
        ends, begins = _boundary(previous, tag, take_apart)
        if ends:
            found.append((take_apart(previous)[1], begin, position - 1))
        if begins:
            begin = position
        previous = tag
    return found


def lenient_spans_of_whole_tags(tags: Sequence[str]) -> list[SpanOf]:
    """As `lenient_spans`, with tags taken apart as seqeval 0.0.12 does, which computed XTREME's published figures."""
    return lenient_spans(tags, prefix_and_last)


def strict_spans(tags: Sequence[str]) -> list[SpanOf]:
    """Spans of one sentence in IOB2: B opens, I of the same type goes on, all else closes; other I are no span's.

    Raises ScoringError for a tag whose prefix is not B, I or O.
    """
    found: list[SpanOf] = []
    begin, kind = 0, ""
    for position, tag in enumerate((*tags, "O")):
        prefix, kind_here = _iob2_parts(tag)
        if prefix == "I" and kind_here == kind:
            continue
        if kind:
            found.append((kind, begin, position - 1))
            kind = ""
        if prefix == "B":
            begin, kind = position, kind_here
    return found


@lru_cache(maxsize=TAGS_KEPT)
def prefix_and_rest(tag: str) -> tuple[str, str]:
    """B-PER is B and PER, NOUN is N and OUN, so CCONJ and SCONJ are of one type; `_` where nothing is left."""
    if not tag:
        raise ScoringError("a tag is empty")
    return tag[0], tag[1:].split("-", maxsplit=1)[-1] or "_"


@lru_cache(maxsize=TAGS_KEPT)
def prefix_and_last(tag: str) -> tuple[str, str]:
    """B-PER is B and PER, NOUN is N and NOUN, B-PER-X is B and X."""
    if not tag:
        raise ScoringError("a tag is empty")
    return tag[0], tag.rsplit("-", maxsplit=1)[-1]


@lru_cache(maxsize=TAGS_KEPT)
def _iob2_parts(tag: str) -> tuple[str, str]:
    if tag[:1] not in ("B", "I", "O"):
        raise ScoringError(f"the tag {tag!r} is not of the scheme IOB2, whose tags begin with B, I or O")
    return tag[0], tag[1:].strip("-") or "_"


@lru_cache(maxsize=TAGS_KEPT)
def _boundary(previous: str, tag: str, parts: Parts) -> tuple[bool, bool]:
    """Whether a span ends after `previous`, and whether one begins at `tag`."""
    (before, kind_before), (here, kind_here) = parts(previous), parts(tag)
    changed = kind_before != kind_here
    ends = before in "ES" or (before in "BI" and here in "BSO") or (before not in "O." and changed)
    begins = here in "BS" or (before in "OES" and here in "EI") or (here not in "O." and changed)
    return ends, begins


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


def _count_spans(find: Callable[[Sequence[str]], list[SpanOf]]) -> Callable[..., tuple[float, float, float]]:
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


token_accuracy = Metric(
    name="token_accuracy",
    title="Token accuracy",
    columns=("correct", "n"),
    count=count_tokens,
    close=ratio,
    detail="every word of the gold counts once",
)

span_f1 = Metric(
    name="span_f1",
    title="Span F1 (lenient)",
    columns=("tp", "predicted", "gold"),
    count=_count_spans(lenient_spans),
    close=f1,
    detail="micro; spans as conlleval and seqeval's default mode read them (I after O opens a span)",
    cite="tjong-kim-sang-de-meulder-2003-introduction",
)

span_f1_xtreme = Metric(
    name="span_f1_xtreme",
    title="Span F1 (XTREME)",
    columns=("tp", "predicted", "gold"),
    count=_count_spans(lenient_spans_of_whole_tags),
    close=f1,
    detail="micro; spans as seqeval 0.0.12 reads them; on part-of-speech tags this is XTREME's figure for UD-POS",
    cite="hu-etal-2020-xtreme",
)

span_f1_strict = Metric(
    name="span_f1_strict",
    title="Span F1 (strict IOB2)",
    columns=("tp", "predicted", "gold"),
    count=_count_spans(strict_spans),
    close=f1,
    detail="micro; spans as seqeval's mode=strict, scheme=IOB2 reads them (only B opens a span)",
    cite="tjong-kim-sang-veenstra-1999-representing",
)
