"""Features column by column, and batches that are cut from them: many at once, padded, on the device.

A batch of 32 short sequences is some forty small operations, most of whose time goes into starting them, and into
fetching what lies all over the memory. Here a column is one array for all features, and each operation lays out many
batches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from xbench.attention import Packing
from xbench.errors import EncoderError
from xbench.kinds import IGNORE, Batch, Feature

_There: TypeAlias = Callable[[NDArray[Any]], torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Features, one array for each thing that a batch holds of them."""

    lengths: NDArray[np.int64]
    """(features,)"""
    begins: NDArray[np.int64]
    """(features,): place in `ids` of the first token of each."""
    ids: NDArray[np.int32]
    """(tokens,): those of all features, one after the other."""
    types: NDArray[np.int32] | None
    """(tokens,); None where no feature has types."""
    examples: NDArray[np.int64]
    """(features,)"""
    alone: bool
    """Whether each feature belongs to an example of its own."""
    targets: NDArray[np.int64] | None
    """(features,), (features, 2) or, with `labels`, (tokens,); None where no feature has a target."""
    labels: bool
    """Whether targets are one for each token."""

    @classmethod
    def of(cls, features: Sequence[Feature]) -> "Columns":
        """Either all features carry types or none does, and likewise targets. Raises EncoderError for an empty one."""
        lengths = np.array([len(feature.ids) for feature in features])
        if not lengths.all():
            raise EncoderError(
                f"of {(lengths == 0).sum()} of {len(lengths)} sequences the tokenizer makes no token at all: their "
                "texts are empty, and it adds no special tokens; give the checkpoint a tokenizer that does"
            )
        types = [feature.types for feature in features if feature.types is not None]
        targets = [feature.target for feature in features if feature.target is not None]
        examples = np.array([feature.example for feature in features])
        # A pair of positions and the labels of two tokens look alike only where every feature has two tokens, and no
        # window of a text is so short.
        labels = bool(targets) and all(own.shape == (size,) for own, size in zip(targets, lengths, strict=True))
        return cls(
            lengths=lengths,
            begins=lengths.cumsum() - lengths,
            ids=np.concatenate([feature.ids for feature in features], dtype=np.int32),
            types=np.concatenate(types, dtype=np.int32) if types else None,
            examples=examples,
            alone=len(np.unique(examples)) == len(examples),
            targets=(np.concatenate if labels else np.array)(targets).astype(np.int64, copy=False) if targets else None,
            labels=labels,
        )

    def batches(
        self, rows: Sequence[NDArray[np.int64]], *, pad_id: int, device: torch.device, packing: bool = False,
        width: int = 0, fill: int = 0,
    ) -> list[Batch]:  # fmt: skip
        """A batch for each of these arrays of features' numbers, shape (features of the batch,).

        None of them is empty or names a feature twice. What batches hold is as `xbench.pack.pad` says, which takes the
        same options.
        """
        cut, there = _Cut(self, rows, width), _there(device)
        ids, mask = cut.grids(there(cut.laid(self.ids, pad_id))), cut.grids(there(cut.mask()))
        types: Iterable[Any] = repeat(None)
        targets: Iterable[Any] = repeat(None)
        if self.types is not None:
            types = cut.grids(there(cut.laid(self.types, 0)))
        if self.targets is not None and self.labels:
            targets = cut.grids(there(cut.laid(self.targets, IGNORE)))
        elif self.targets is not None:
            targets = torch.split(there(self.targets[cut.chosen]), cut.numbers)
        packings = _packings(cut, there, width, fill) if packing else repeat(None)
        return list(map(Batch, ids, mask, types, targets, self._numbered(cut, there), packings))

    def _numbered(self, cut: "_Cut", there: _There) -> Sequence[torch.Tensor]:
        """The examples that features belong to, counted from 0 in each batch as they come."""
        if self.alone:
            each = there(np.arange(max(cut.numbers)))
            of_size = {number: each[:number] for number in set(cut.numbers)}
            return [of_size[number] for number in cut.numbers]
        known, number, first = self.examples[cut.chosen].tolist(), list[int](), 0
        for features in cut.numbers:
            place: dict[int, int] = {}
            number += [place.setdefault(example, len(place)) for example in known[first : first + features]]
            first += features
        return torch.split(there(np.array(number)), cut.numbers)


class _Cut:
    """Where the tokens of some batches come from, and where they go: sequences by length in each, the longest first.

    All batches lie one after the other, padded in one array of places, and without padding in another.
    """

    def __init__(self, columns: Columns, rows: Sequence[NDArray[np.int64]], width: int) -> None:
        self.numbers = [len(some) for some in rows]
        numbers = np.array(self.numbers)
        self.firsts = numbers.cumsum() - numbers
        self.chosen = np.concatenate(rows)
        lengths = columns.lengths[self.chosen]
        widths = np.full(len(rows), width) if width else np.maximum.reduceat(lengths, self.firsts)
        self.sizes = numbers * widths
        """(batches,): places of each, padding included."""
        self.shapes = list(zip(self.numbers, widths.tolist(), strict=True))
        self.before = self.sizes.cumsum() - self.sizes
        """(batches,): places of those before."""
        wide = widths.repeat(numbers)
        self.spaces = np.stack((lengths, wide - lengths), 1)
        """(features, 2): tokens of each, as the batches come, and its padding."""

        order = (np.arange(len(rows)).repeat(numbers) * (lengths.max() + 1) - lengths).argsort(kind="stable")
        self.lengths = lengths[order]
        ends = self.lengths.cumsum()
        self.tokens = np.add.reduceat(lengths, self.firsts)
        """(batches,): tokens of each, without padding."""
        begins = ends - self.lengths
        self.starts = begins - begins[self.firsts].repeat(numbers)
        """(features,): where each sequence begins in the row of its batch."""
        token = np.arange(ends[-1])
        self.places = token + ((wide.cumsum() - wide)[order] - begins).repeat(self.lengths)
        self.source = token + (columns.begins[self.chosen][order] - begins).repeat(self.lengths)

    def laid(self, values: NDArray[Any], rest: int) -> NDArray[np.int64]:
        """All padded batches: the values where there are tokens, `rest` elsewhere."""
        filled = np.full(self.sizes.sum(), rest)
        # A scatter that has to convert as well takes twice as long.
        filled[self.places] = values.take(self.source).astype(np.int64)
        return filled

    def mask(self) -> NDArray[np.int64]:
        """All padded batches: 1 where there are tokens, 0 elsewhere."""
        return np.tile((1, 0), len(self.spaces)).repeat(self.spaces.ravel())

    def grids(self, laid: torch.Tensor) -> list[torch.Tensor]:
        """The batches of it, each of shape (features, tokens)."""
        begins = zip(self.shapes, self.before.tolist(), strict=True)
        return [laid.as_strided(shape, (shape[1], 1), begin) for shape, begin in begins]


def _packings(cut: _Cut, there: _There, width: int, fill: int) -> Iterator[Packing]:
    """Where the tokens of each batch stand in its row.

    Filler is one more sequence, of no token where the row is full, so that there is always one.
    """
    numbers, more = np.array(cut.numbers), -cut.tokens % fill if fill else np.zeros_like(cut.tokens)
    wholes, places = cut.tokens + more, cut.places - cut.before.repeat(cut.tokens)
    if more.any():
        # What belongs nowhere has the place behind the last one.
        nowhere = cut.sizes.repeat(wholes)
        nowhere[np.arange(len(places)) + (more.cumsum() - more).repeat(cut.tokens)] = places
        places = nowhere
    ends = np.column_stack([cut.tokens, wholes] if fill else [cut.tokens])
    starts = np.insert(cut.starts, (cut.firsts + numbers).repeat(ends.shape[1]), ends.ravel()).astype(np.int32)
    lengths: list[int] = cut.lengths.tolist()
    columns = zip(
        cut.firsts.tolist(),
        cut.numbers,
        torch.split(there(places), wholes.tolist()),
        torch.split(there(starts), (numbers + ends.shape[1]).tolist()),
        strict=True,
    )
    for first, sequences, own, begins in columns:
        yield Packing(
            lengths=tuple(lengths[first : first + sequences]), places=own, starts=begins,
            longest=max(width or lengths[first], fill), filled=fill > 0,
        )  # fmt: skip


def _there(device: torch.device) -> _There:
    """What brings an array to the device; on a CPU the tensor shares its memory."""
    if device.type == "cpu":
        return torch.from_numpy
    if device.type != "cuda":
        return lambda array: torch.from_numpy(array).to(device)
    # Only a copy from pinned memory lets the host go on at once.
    return lambda array: torch.from_numpy(array).pin_memory().to(device, non_blocking=True)
