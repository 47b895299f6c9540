"""Masked batches: sequences drawn by language, padded, and a share of their tokens hidden."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from xbench.pretrain.corpus import Corpus
from xbench.pretrain.settings import Pretraining

Ids: TypeAlias = npt.NDArray[np.int64]
TOGETHER = 8
"""How many batches are drawn at a time and sorted by length; their order is random."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's sequences."""

    ids: Ids
    """(sequences, tokens); some tokens are hidden, short sequences are padded."""
    attend: Ids
    """(sequences, tokens); 1 = token, 0 = padding."""
    chosen: npt.NDArray[np.bool_]
    """(sequences, tokens); where a token is predicted."""
    wanted: Ids
    """(number of chosen,); the true tokens there, in row-major order."""


class Sampler:
    """Draws the batches of one pre-training, the same for the same corpus, tokenizer and settings."""

    def __init__(self, corpus: Corpus, tokenizer: PreTrainedTokenizerBase, settings: Pretraining) -> None:
        """Tokenize the whole corpus once."""
        self._settings = settings
        self._ready: list[list[Ids]] = []
        self._draw = np.random.Generator(np.random.PCG64(settings.seed))
        special = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id, tokenizer.mask_token_id)
        self._start, self._end, self._pad, self._mask = (int(number) for number in special)
        # Anything but special tokens may replace a token; in our tokenizers and XLM-R's those come first or last.
        self._ordinary = np.setdiff1d(np.arange(len(tokenizer)), np.array(tokenizer.all_special_ids))
        self._texts = [_encoded(tokenizer, texts) for texts in corpus.texts.values() if texts]
        self._pairs = [
            list(zip(*(_encoded(tokenizer, side) for side in zip(*pairs, strict=True)), strict=True))
            for pairs in corpus.pairs.values() if pairs
        ]  # fmt: skip
        # Running sums of the languages' weights: how likely each is drawn.
        self._text_weights, self._pair_weights = (
            np.cumsum([float(len(group)) ** settings.exponent for group in groups])
            for groups in (self._texts, self._pairs)
        )

    def batch(self) -> Batch:
        """The next batch."""
        if not self._ready:
            self._ready = self._refill()
        rows = self._ready.pop()
        ids = np.full((len(rows), max(map(len, rows))), self._pad, dtype=np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
        return self._hide(ids)

    def _refill(self) -> list[list[Ids]]:
        """Several batches, each of sequences about as long as each other: padding would double the work."""
        translated, size = self._share_of_pairs(), self._settings.batch
        rows = [self._pair() if self._draw.random() < translated else self._text() for _ in range(TOGETHER * size)]
        rows.sort(key=len)
        return [rows[place * size : (place + 1) * size] for place in self._draw.permutation(TOGETHER)]

    def _share_of_pairs(self) -> float:
        if not self._pairs:
            return 0.0
        return self._settings.translated if self._texts else 1.0

    def _text(self) -> Ids:
        """`<s> text </s>`, or now and then the text in two segments."""
        group = self._texts[self._language(self._text_weights)]
        room = self._settings.length - 4
        row = group[self._draw.integers(len(group))][:room]
        if self._draw.random() < self._settings.cut and len(row) > 1:
            place = self._draw.integers(1, len(row))
            return self._joined(row[:place], row[place:])
        return np.concatenate(([self._start], row, [self._end]))

    def _pair(self) -> Ids:
        """`<s> sentence </s></s> translation </s>`, either of the two first."""
        group = self._pairs[self._language(self._pair_weights)]
        first, second = group[self._draw.integers(len(group))]
        if self._draw.random() < 0.5:
            first, second = second, first
        room = (self._settings.length - 4) // 2
        return self._joined(first[:room], second[:room])

    def _joined(self, first: Ids, second: Ids) -> Ids:
        return np.concatenate(([self._start], first, [self._end, self._end], second, [self._end]))

    def _language(self, running: npt.NDArray[np.float64]) -> int:
        """Which language is drawn, by the running sums of their weights."""
        return int(np.searchsorted(running, self._draw.random() * running[-1], side="right"))

    def _hide(self, ids: Ids) -> Batch:
        """Choose tokens and hide them: 80 % become `<mask>`, 10 % any other token, 10 % stay."""
        attend = (ids != self._pad).astype(np.int64)
        free = (attend == 1) & (ids != self._start) & (ids != self._end)
        score = np.where(free, self._draw.random(ids.shape), 2.0)
        chosen = score < self._settings.masked
        # At least one in every sequence: the one with the lowest draw.
        rows = np.flatnonzero(free.any(axis=1))
        chosen[rows, score[rows].argmin(axis=1)] = True
        wanted, fate = ids[chosen], self._draw.random(int(chosen.sum()))
        hidden = np.where(fate < 0.8, self._mask, wanted)
        swapped = self._ordinary[self._draw.integers(len(self._ordinary), size=len(fate))]
        shown = ids.copy()
        shown[chosen] = np.where(fate >= 0.9, swapped, hidden)
        return Batch(shown, attend, chosen, wanted)


def _encoded(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Ids]:
    """Token numbers of each text, without special tokens."""
    rows = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    return [np.array(row, dtype=np.int64) for row in rows]
