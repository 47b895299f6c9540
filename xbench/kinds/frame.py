"""What kinds of task that read text in pieces share: special tokens, bulk tokenizing, offsets, and windows.

Texts are tokenized once each, without special tokens, in bulk; sequences are then put together from ids. That is the
same for every tokenizer, fast or slow, and lets each example have windows of its own.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from xbench.errors import BadOption, EncoderError
from xbench.tokens import Asked, tokenize

Ids: TypeAlias = NDArray[np.int32]

PROBES = ("a", "1", ".", "e")
"""Texts that a tokenizer is tried on to see which special tokens it adds: the first that gives any token."""

LONE_SPACES = ("▁", "▁▁", "Ġ", "ĠĠ")
"""Tokens of SentencePiece and byte-level BPE that stand for white space alone. Some tokenizers give such a token the
offsets of the character after it."""

UNSPACED = (
    "CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "IDEOGRAPHIC", "FULLWIDTH",
)  # fmt: skip
"""First words of the Unicode names of characters whose scripts put no spaces between words."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The special tokens that a tokenizer puts around one text, or around a pair of texts."""

    special: tuple[Ids, ...]
    """Before the text and after it; or before, between and after the pair."""
    kinds: tuple[Ids, ...]
    """Token type of each special token."""
    texts: tuple[int, ...]
    """Token type of each text."""

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, *, pair: bool) -> "Frame":
        """Read the frame off an example.

        Raises EncoderError where the tokenizer does not set its special tokens around the texts.
        """
        for probe in PROBES:
            encoded: Any = tokenizer(
                probe, probe if pair else None, return_special_tokens_mask=True, return_token_type_ids=True
            )
            ids, kinds = np.array(encoded["input_ids"], np.int32), np.array(encoded["token_type_ids"], np.int32)
            text = 1 - np.array(encoded["special_tokens_mask"], np.int32)
            length = len(_ids(tokenizer, [probe])[0])
            begins = np.flatnonzero(np.diff(text, prepend=0) == 1)
            if pair and len(begins) == 1 and length:
                # Nothing stands between the texts.
                begins = np.array([begins[0], begins[0] + length])
            if length and len(begins) == 1 + pair and text.sum() == length * (1 + pair):
                cuts = np.stack([begins, begins + length], 1).ravel()
                return cls(
                    tuple(np.split(ids, cuts)[::2]), tuple(np.split(kinds, cuts)[::2]), tuple(map(int, kinds[begins]))
                )
        raise EncoderError(
            f"cannot see which special tokens {type(tokenizer).__name__} sets around "
            f"{'a pair of texts' if pair else 'a text'}: tried {', '.join(map(repr, PROBES))}"
        )

    @property
    def size(self) -> int:
        """How many special tokens there are."""
        return sum(map(len, self.special))

    def room(self, limit: int) -> int:
        """Tokens that are left for the texts. Raises BadOption where there are none."""
        if limit <= self.size:
            raise BadOption(f"a length of {limit} tokens leaves no room beside {self.size} special ones; take more")
        return limit - self.size

    def ids(self, *texts: Ids) -> Ids:
        """Token ids of the texts with the special ones around them, shape (tokens,)."""
        return _interleaved(self.special, texts)

    def types(self, *texts: Ids) -> Ids:
        """Token type ids beside `ids`, shape (tokens,)."""
        kinds = [np.full(len(text), kind, np.int32) for text, kind in zip(texts, self.texts, strict=True)]
        return _interleaved(self.kinds, kinds)


def _interleaved(around: Sequence[Ids], texts: Sequence[Ids]) -> Ids:
    first, *rest = around
    return np.concatenate([first, *(part for both in zip(texts, rest, strict=True) for part in both)])


def tokenized(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> dict[str, Ids]:
    """Token ids of each distinct text, without special tokens."""
    distinct = list(dict.fromkeys(texts))
    return dict(zip(distinct, _ids(tokenizer, distinct), strict=True))


def _ids(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[Ids]:
    told = tokenize(tokenizer, texts, asked=Asked(special=False))
    return told.rows(told.ids)


class Located(NamedTuple):
    """A text as tokens, and where in it each lies. A token of nothing but white space begins where it ends."""

    ids: Ids
    begins: Ids
    """First character, spaces left out, shape (tokens,)."""
    ends: Ids
    """One past the last character, spaces left out, shape (tokens,)."""


def located(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> dict[str, Located]:
    """Token ids and offsets of each distinct text, without special tokens.

    A slow tokenizer knows no offsets: its texts are cut into words (see `pieces`), each tokenized on its own, and all
    tokens of a word have the offsets of the word.
    """
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return {}
    if not tokenizer.is_fast:
        return _located_by_pieces(tokenizer, distinct)
    told = tokenize(tokenizer, distinct, asked=Asked(special=False, offsets=True))
    numbers = [tokenizer.convert_tokens_to_ids(token) for token in LONE_SPACES]
    blank = [number for number in numbers if number not in (None, tokenizer.unk_token_id)]
    lone = np.split(np.isin(told.ids, blank), told.stops[:-1])
    found = {}
    for text, ids, alone, *places in zip(
        distinct, told.rows(told.ids), lone, told.rows(told.begins), told.rows(told.ends), strict=True
    ):
        begins, ends = _trimmed(text, *places)
        found[text] = Located(ids, begins, np.where(alone, begins, ends))
    return found


def _trimmed(text: str, first: Ids, last: Ids) -> tuple[Ids, Ids]:
    """Offsets without the white space at either end, which SentencePiece and byte-level BPE count to a token."""
    space = np.fromiter(map(str.isspace, text), bool, len(text))
    place = np.arange(len(text), dtype=np.int32)
    after = np.append(np.minimum.accumulate(np.where(space, len(text), place)[::-1])[::-1], len(text))
    before = np.append(0, np.maximum.accumulate(np.where(space, 0, place + 1)))
    begins = after[first].astype(np.int32)
    return begins, np.maximum(begins, before[last]).astype(np.int32)


def _located_by_pieces(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> dict[str, Located]:
    cut = {text: pieces(text) for text in texts}
    known = tokenized(tokenizer, (text[a:b] for text, places in cut.items() for a, b in places))
    found = {}
    for text, places in cut.items():
        ids = [known[text[a:b]] for a, b in places]
        spread = np.repeat(np.array(places, np.int32).reshape(-1, 2), list(map(len, ids)), axis=0)
        found[text] = Located(np.concatenate([np.empty(0, np.int32), *ids]), spread[:, 0], spread[:, 1])
    return found


def pieces(text: str) -> list[tuple[int, int]]:
    """Cut a text into words, as (first character, one past the last).

    Words are what white space parts, less the punctuation at either end, each sign of which is a piece of its own; so
    is each letter, with its marks, of a script that puts no spaces between words.
    """
    cut: list[tuple[int, int]] = []
    for match in re.finditer(r"\S+", text):
        begin, end = left, right = match.span()
        while left < end and unicodedata.category(text[left]).startswith("P"):
            left += 1
        while right > left and unicodedata.category(text[right - 1]).startswith("P"):
            right -= 1
        cut += [(place, place + 1) for place in range(begin, left)]
        cut += _letters(text, left, right)
        cut += [(place, place + 1) for place in range(right, end)]
    return cut


def _letters(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    """Part a stretch without white space where a letter of an unspaced script stands on either side."""
    cut: list[tuple[int, int]] = []
    alone = True
    for place in range(begin, end):
        unspaced = _unspaced(text[place])
        mark = unicodedata.category(text[place]).startswith("M")
        if cut and (mark or not (alone or unspaced)):
            cut[-1] = (cut[-1][0], place + 1)
        else:
            cut.append((place, place + 1))
            alone = unspaced
    return cut


def _unspaced(letter: str) -> bool:
    return letter > "\u0dff" and unicodedata.name(letter, "").startswith(UNSPACED)


def most_context(windows: Sequence[tuple[int, int]], tokens: int) -> NDArray[np.intp]:
    """For each token the window in which it has the most context, shape (tokens,).

    Windows are (first token, one past the last). Context is the smaller of the tokens to its left and to its right,
    and a hundredth of the window's length; the first of equal windows wins. That is the rule of BERT's SQuAD script.
    """
    best, owner = np.full(tokens, -1.0), np.zeros(tokens, np.intp)
    for number, (begin, end) in enumerate(windows):
        place = np.arange(end - begin)
        context = np.minimum(place, place[::-1]) + 0.01 * (end - begin)
        better = context > best[begin:end]
        best[begin:end][better] = context[better]
        owner[begin:end][better] = number
    return owner
