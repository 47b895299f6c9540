"""Spans in tags: by two readings, in one sentence, and in all sentences of a corpus at once.

A reading says how a tag is taken apart and where, between two tags, a span ends or begins. One sentence is read as one
would by hand; a corpus is read with arrays, and the two agree in every span.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count, product
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xbench.errors import ScoringError

SpanOf: TypeAlias = tuple[str, int, int]
"""Type, first word and last word of a span."""

Parts: TypeAlias = Callable[[str], tuple[str, str]]
"""A tag -> its prefix letter and its type."""

Integers: TypeAlias = NDArray[np.intp]

OUTSIDE = "O"
"""The tag of no span, and what is thought to stand before and after a sentence."""

LETTERS = "OBIES."
"""Prefix letters that a reading knows; all others are alike to it."""

TAGS_KEPT = 4096
"""Tags that are remembered; more than tag sets have."""

ENDS, BEGINS = 1, 2
"""Bits of what happens between two tags: a span ends after the one, a span begins at the other."""


def lenient_spans(tags: Sequence[str], parts: Parts | None = None) -> list[SpanOf]:
    """Spans of one sentence by the rules of conlleval, as seqeval's default mode reads them, in order.

    A tag is a prefix letter and a type. B and S open a span, and so do I and E after O, E or S, and any change of type;
    O closes it, and so do the end of the sentence, E, S, the next B or S, and any change of type. So an I after O opens
    a span, and runs of equal tags without prefixes (NOUN, NOUN) are spans.
    `parts` takes a tag apart; without it, as seqeval 1.2 does. Spans are equal to seqeval's over whole corpora, but
    where the first tag of a sentence that is no O has another prefix than B, I, E and S and yet begins no span: its
    type is empty as that of O is (`X`, `X-`, `--`; `X_` counts as such), or its prefix is a full stop. There seqeval
    lets a span reach back into the sentence before.
    """
    take_apart = parts or prefix_and_rest
    found: list[SpanOf] = []
    begin, previous = 0, OUTSIDE
    for position, tag in enumerate((*tags, OUTSIDE)):
        if tag == previous == OUTSIDE:
            continue
        (before, kind_before), (here, kind_here) = take_apart(previous), take_apart(tag)
        happens = lenient_boundary(before, here, kind_before != kind_here)
        if happens & ENDS:
            found.append((kind_before, begin, position - 1))
        if happens & BEGINS:
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
    for position, tag in enumerate((*tags, OUTSIDE)):
        prefix, kind_here = iob2_parts(tag)
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
def iob2_parts(tag: str) -> tuple[str, str]:
    """B-PER is B and PER, B alone is B and `_`. Raises ScoringError for a prefix other than B, I and O."""
    if tag[:1] not in ("B", "I", "O"):
        raise ScoringError(f"the tag {tag!r} is not of the scheme IOB2, whose tags begin with B, I or O")
    return tag[0], tag[1:].strip("-") or "_"


@lru_cache(maxsize=TAGS_KEPT)
def lenient_boundary(before: str, here: str, changed: bool) -> int:
    """What happens between two prefix letters, whose types are the same or `changed`: bits ENDS and BEGINS."""
    ends = before in "ES" or (before in "BI" and here in "BSO") or (before not in "O." and changed)
    begins = here in "BS" or (before in "OES" and here in "EI") or (here not in "O." and changed)
    return ENDS * ends + BEGINS * begins


def strict_boundary(before: str, here: str, changed: bool) -> int:
    """The same in IOB2, where all but an I that goes on ends one run of words and begins the next."""
    goes_on = here == "I" and before in "BI" and not changed
    return 0 if goes_on else ENDS + BEGINS


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to read spans off tags, for whole corpora."""

    parts: Parts
    boundary: Callable[[str, str, bool], int]
    """(prefix letter, the next one, whether the type changes) -> bits ENDS and BEGINS."""
    openers: str = ""
    """Prefix letters that the first word of a span must have; empty = any."""


LENIENT = Reading(prefix_and_rest, lenient_boundary)
LENIENT_WHOLE_TAGS = Reading(prefix_and_last, lenient_boundary)
STRICT = Reading(iob2_parts, strict_boundary, openers="B")


class Numbers(dict[Any, int]):
    """What is looked up -> its number, in the order in which new ones come."""

    def __missing__(self, key: Any) -> int:
        number = self[key] = len(self)
        return number


@dataclass(frozen=True, slots=True)
class Corpus:
    """Gold and predictions of many sentences. Sequences of tags that return, as most short ones do, are kept once."""

    gold: Integers
    """Shape (sentences,): number of the sequence of tags of each."""
    guessed: Integers
    """The same of the predictions."""
    lengths: Integers
    """Shape (sequences,): tags of each."""
    numbers: NDArray[np.uint8 | np.int32]
    """Number of each tag, sequence after sequence."""
    tags: tuple[str, ...]
    """By number; OUTSIDE first."""

    @classmethod
    def of(cls, gold: Sequence[Sequence[str]], guessed: Sequence[Sequence[str]]) -> "Corpus":
        """Number sequences and tags. Raises TypeError for what cannot be looked up, as a list for a tag."""
        # A sequence stands for its first occurrence; nothing here calls back into Python for each of them.
        first: dict[tuple[str, ...], int] = {}
        asked = map(first.setdefault, map(tuple, chain(gold, guessed)), count())
        places = np.fromiter(asked, np.intp, len(gold) + len(guessed))
        number = np.empty(len(places), np.intp)
        number[np.fromiter(first.values(), np.intp, len(first))] = np.arange(len(first))
        sequences = number[places]
        flat = list(chain.from_iterable(first))
        tags = {tag: number for number, tag in enumerate((OUTSIDE, *set(flat).difference((OUTSIDE,))))}
        # The quickest way to look up many keys; fewer than two would give no tuple.
        numbers = itemgetter(OUTSIDE, OUTSIDE, *flat)(tags)
        return cls(
            gold=sequences[: len(gold)],
            guessed=sequences[len(gold) :],
            lengths=np.fromiter(map(len, first), np.intp, len(first)),
            numbers=(np.frombuffer(bytes(numbers), np.uint8) if len(tags) <= 256 else np.array(numbers, np.int32))[2:],
            tags=tuple(tags),
        )

    def count_tokens(self) -> NDArray[np.float64]:
        """(tags right, tags) of each sentence, shape (sentences, 2). A prediction is as long as its gold."""
        begins = np.cumsum(self.lengths) - self.lengths
        words = self.lengths[self.gold]
        ours, theirs = (self.numbers[_runs(begins[side], words)] for side in (self.gold, self.guessed))
        right = np.bincount(np.repeat(np.arange(len(words)), words)[ours == theirs], minlength=len(words))
        return np.stack([right, words], axis=1).astype(np.float64)

    def count_spans(self, reading: Reading) -> NDArray[np.float64]:
        """(spans right, spans predicted, spans in the gold) of each sentence, shape (sentences, 3).

        A prediction is as long as its gold. Raises ScoringError for a tag that the reading cannot take apart.
        """
        filled = np.ones(self.lengths.sum() + len(self.lengths) + 1, np.bool_)
        behind = np.cumsum(self.lengths + 1)
        filled[0] = filled[behind] = False
        spans = self._spans(filled, reading)
        last = np.flatnonzero(spans)
        number = np.diff(np.searchsorted(last, behind), prepend=0)
        rows = np.stack([number[self.gold], number[self.guessed], number[self.gold]], axis=1).astype(np.float64)

        differ = np.flatnonzero(self.gold != self.guessed)
        ours, theirs = self.gold[differ], self.guessed[differ]
        begins = behind - self.lengths
        here = last[_runs((np.cumsum(number) - number)[ours], number[ours])]
        there = here + np.repeat(begins[theirs] - begins[ours], number[ours])
        right = np.repeat(np.arange(len(differ)), number[ours])[spans[here] == spans[there]]
        rows[differ, 0] = np.bincount(right, minlength=len(differ))
        return rows

    def _spans(self, filled: NDArray[np.bool_], reading: Reading) -> Integers:
        """What ends in each slot: 0 for no span, else a number that tells its length and its type.

        Tags stand in slots, sequence after sequence, with an empty slot before, between and after; `filled`, shape
        (slots,), tells where. No two spans of a sequence end in one slot.
        """
        tags = np.zeros(len(filled), np.intp)
        tags[filled] = self.numbers
        letters, kinds = _parts_of(self.tags, reading.parts)
        letter, kind = letters[tags], kinds[tags]
        between = (letter[:-1] * (len(LETTERS) + 1) + letter[1:]) * 2 + (kind[:-1] != kind[1:])
        happens = _table(reading.boundary)[between.astype(np.intp)]
        begins = (happens & BEGINS).astype(np.bool_)
        begins |= ~filled[:-1]  # a span whose begin nothing tells reaches back to that of its sentence
        slots = np.arange(1, len(filled), dtype=np.int32)
        first = np.maximum.accumulate(begins * slots)[:-1]
        ends = (happens[1:] & ENDS).astype(np.bool_)
        if reading.openers:
            opens = np.array([one in reading.openers for one in (*LETTERS, "*")], np.bool_)
            ends &= opens[letter[first]]
        last = np.flatnonzero(ends)
        spans = np.zeros(len(filled), np.intp)
        spans[last + 1] = (slots[last] - first[last] + 1).astype(np.intp) * len(self.tags) + kind[last + 1]
        return spans


def _runs(begins: Integers, lengths: Integers) -> Integers:
    """begin, begin + 1, … of each run, one run after another; shape (sum of the lengths,)."""
    before: Integers = np.cumsum(lengths) - lengths
    runs: Integers = np.arange(lengths.sum()) + np.repeat(begins - before, lengths)
    return runs


def _parts_of(tags: Sequence[str], parts: Parts) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Of each tag: place of its prefix letter in LETTERS, behind them all if it is not there; number of its type."""
    types = Numbers()
    taken = [parts(tag) for tag in tags]
    letters = [LETTERS.find(letter) % (len(LETTERS) + 1) for letter, _ in taken]
    return np.array(letters, np.uint8), np.array([types[kind] for _, kind in taken], np.int32)


@lru_cache
def _table(boundary: Callable[[str, str, bool], int]) -> NDArray[np.uint8]:
    """What happens between two letters, by (7 · place of the one + place of the other) · 2 + whether types differ."""
    known = (*LETTERS, "*")  # which stands for all others
    return np.array([boundary(*here) for here in product(known, known, (False, True))], np.uint8)
