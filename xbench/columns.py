"""Features column by column, and batches that are cut from them: many at once, padded, on the device.

A batch of 32 short sequences is some forty small operations, most of whose time goes into starting them, and into
fetching what lies all over the memory. Here a column is one array for all features, and each operation lays out many
batches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xbench.attention import Packing
from xbench.kinds import IGNORE, Batch, Feature


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
    targets: NDArray[np.int64] | None
    """(features,), (features, 2) or, with `labels`, (tokens,); None where no feature has a target."""
    labels: bool
    """Whether targets are one for each token."""

    @classmethod
    def of(cls, features: Sequence[Feature]) -> "Columns":
        """Either all features carry types or none does, and likewise targets."""
        lengths = np.array([len(feature.ids) for feature in features])
        types = [feature.types for feature in features if feature.types is not None]
        targets = [feature.target for feature in features if feature.target is not None]
        # A pair of positions and the labels of two tokens look alike only where every feature has two tokens, and no
        # window of a text is so short.
        labels = bool(targets) and all(own.shape == (size,) for own, size in zip(targets, lengths, strict=True))
        return cls(
            lengths=lengths,
            begins=lengths.cumsum() - lengths,
            ids=np.concatenate([feature.ids for feature in features], dtype=np.int32),
            types=np.concatenate(types, dtype=np.int32) if types else None,
            examples=np.array([feature.example for feature in features]),
            targets=(np.concatenate if labels else np.array)(targets).astype(np.int64, copy=False) if targets else None,
            labels=labels,
        )

    def batches(
        self, rows: Sequence[NDArray[np.int64]], *, pad_id: int, device: torch.device, packing: bool = False,
        width: int = 0, fill: int = 0,
    ) -> list[Batch]:  # fmt: skip
        """A batch for each of these arrays of features' numbers, shape (features of the batch,), none of them empty.

        What they hold is as `xbench.pack.pad` says, which takes the same options.
        """
        cut, there = _Cut(self, rows, width), _there(device)
        ids, mask = cut.grids(there(cut.laid(self.ids, pad_id))), cut.grids(there(cut.laid(1, 0)))
        types: Iterable[Any] = repeat(None)
        targets: Iterable[Any] = repeat(None)
        if self.types is not None:
            types = cut.grids(there(cut.laid(self.types, 0)))
        if self.targets is not None and self.labels:
            targets = cut.grids(there(cut.laid(self.targets, IGNORE)))
        elif self.targets is not None:
            targets = torch.split(there(self.targets[cut.chosen]), cut.numbers)
        examples = torch.split(there(_numbered(self.examples[cut.chosen], cut)), cut.numbers)
        packings = _packings(cut, there, width, fill) if packing else repeat(None)
        return list(map(Batch, ids, mask, types, targets, examples, packings))


class _Cut:
    """Where the tokens of some batches come from, and where they go: sequences by length in each, the longest first.

    All batches lie one after the other, padded in one array of places, and without padding in another.
    """

    def __init__(self, columns: Columns, rows: Sequence[NDArray[np.int64]], width: int) -> None:
        numbers = np.array([len(some) for some in rows])
        self.firsts = numbers.cumsum() - numbers
        self.numbers: list[int] = numbers.tolist()
        self.chosen = np.concatenate(rows)
        lengths = columns.lengths[self.chosen]
        batch = np.arange(len(rows)).repeat(numbers)
        widths = np.full(len(rows), width) if width else np.maximum.reduceat(lengths, self.firsts)
        self.sizes = numbers * widths
        """(batches,): places of each, padding included."""
        self.shapes = list(zip(self.numbers, widths.tolist(), strict=True))
        before = self.sizes.cumsum() - self.sizes
        self.local = np.arange(len(batch)) - self.firsts[batch]
        """(features,): number of each in its batch."""
        origins = before[batch] + self.local * widths[batch]

        self.order = np.lexsort((-lengths, batch))
        self.lengths = lengths[self.order]
        ends = self.lengths.cumsum()
        self.tokens = np.add.reduceat(self.lengths, self.firsts)
        """(batches,): tokens of each, without padding."""
        begins = ends - self.lengths
        self.starts = begins - begins[self.firsts].repeat(numbers)
        """(features,): where each sequence begins in the row of its batch."""
        token = np.arange(ends[-1])
        self.positions = token - begins.repeat(self.lengths)
        self.places = token + (origins[self.order] - begins).repeat(self.lengths)
        self.source = token + (columns.begins[self.chosen][self.order] - begins).repeat(self.lengths)
        self.places_within = self.places - before.repeat(self.tokens)

    def laid(self, values: NDArray[Any] | int, rest: int) -> NDArray[np.int64]:
        """All padded batches: the values where there are tokens, `rest` elsewhere."""
        filled = np.empty(int(self.sizes.sum()), np.int64)
        filled.fill(rest)
        # A scatter that has to convert as well takes twice as long.
        filled[self.places] = values if isinstance(values, int) else values.take(self.source).astype(np.int64)
        return filled

    def grids(self, laid: torch.Tensor) -> list[torch.Tensor]:
        """The batches of it, each of shape (features, tokens)."""
        parts = torch.split(laid, self.sizes.tolist())
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]


def _packings(cut: _Cut, there: Callable[[NDArray[Any]], torch.Tensor], width: int, fill: int) -> Iterator[Packing]:
    """Where the tokens of each batch stand in its row.

    Filler is one more sequence, of no token where the row is full, so that there is always one. It begins anew at the
    first position with every token, as there may be fewer positions than filler.
    """
    numbers, more = np.array(cut.numbers), -cut.tokens % fill if fill else np.zeros_like(cut.tokens)
    wholes = cut.tokens + more
    places, positions = cut.places_within, cut.positions
    if more.any():
        # What belongs nowhere has the place behind the last one.
        slots = np.arange(len(places)) + (more.cumsum() - more).repeat(cut.tokens)
        nowhere, nought = cut.sizes.repeat(wholes), np.zeros(int(wholes.sum()), np.int64)
        nowhere[slots], nought[slots] = places, positions
        places, positions = nowhere, nought
    ends = np.column_stack([cut.tokens, wholes] if fill else [cut.tokens])
    starts = np.insert(cut.starts, (cut.firsts + numbers).repeat(ends.shape[1]), ends.ravel()).astype(np.int32)
    columns = (
        torch.split(there(cut.order - cut.firsts.repeat(numbers)), cut.numbers),
        torch.split(there(places), wholes.tolist()),
        torch.split(there(positions), wholes.tolist()),
        torch.split(there(starts), (numbers + ends.shape[1]).tolist()),
    )
    for runs, order, own, steps, begins in zip(_runs(cut), *columns, strict=True):
        yield Packing(
            order=order, places=own, positions=steps, runs=runs, starts=begins, longest=max(width or runs[0][1], fill),
            filled=fill > 0,
        )  # fmt: skip


def _runs(cut: _Cut) -> Iterator[tuple[tuple[int, int], ...]]:
    """How many sequences of each batch stand together that are equally long, and how long."""
    changes = np.diff(cut.lengths, prepend=-1) != 0
    changes[cut.firsts] = True
    begins = np.flatnonzero(changes)
    runs = list(zip(np.diff(begins, append=len(changes)).tolist(), cut.lengths[begins].tolist(), strict=True))
    bounds = [*np.searchsorted(begins, cut.firsts).tolist(), len(runs)]
    for begin, end in pairwise(bounds):
        yield tuple(runs[begin:end])


def _there(device: torch.device) -> Callable[[NDArray[Any]], torch.Tensor]:
    """What brings an array to the device; on a CPU the tensor shares its memory."""
    if device.type == "cpu":
        return torch.from_numpy
    if device.type != "cuda":
        return lambda array: torch.from_numpy(array).to(device)
    # Only a copy from pinned memory lets the host go on at once.
    return lambda array: torch.from_numpy(array).pin_memory().to(device, non_blocking=True)


def _numbered(examples: NDArray[np.int64], cut: _Cut) -> NDArray[np.int64]:
    """The examples that features belong to, counted from 0 in each batch as they come."""
    number: NDArray[np.int64] = cut.local.copy()
    known: list[int] = examples.tolist()
    for first, features in zip(cut.firsts.tolist(), cut.numbers, strict=True):
        own = known[first : first + features]
        if len(distinct := dict.fromkeys(own)) < features:
            place = {example: place for place, example in enumerate(distinct)}
            number[first : first + features] = [place[example] for example in own]
    return number
