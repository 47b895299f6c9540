"""Features -> batches: padded to the longest, on the device, with the places of their tokens in a row."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xbench.attention import Packing
from xbench.kinds import IGNORE, Batch, Feature

FILL = 128
"""Tokens that a row is filled up to a multiple of where steps are recorded: batches of 32 pairs of XNLI then have one
of about five lengths."""

FILL_OF_HALF = 64
"""The same in bf16 on a CPU: oneDNN makes code for every shape of a product that it has not met, in milliseconds."""


def pad(
    features: Sequence[Feature], *, pad_id: int, device: torch.device | str = "cpu", packing: bool = False,
    width: int = 0, fill: int = 0,
) -> Batch:  # fmt: skip
    """One batch of features, padded on the right to the longest of them, or to `width`.

    `ids`, `mask` and `types` have shape (features, tokens). Targets are stacked, (features,) or (features, 2); those
    that hold one label for each token are padded with IGNORE, (features, tokens). Either all features carry targets or
    none does. A batch's examples are numbered as they come. `packing` is what readers need that do not pad; with
    `fill`, tokens that belong nowhere then follow the last sequence, up to a multiple of so many in all.
    """
    counted = [len(feature.ids) for feature in features]
    lengths, grid = np.array(counted), (len(features), width or max(counted))
    order = np.argsort(-lengths, kind="stable")
    row = _Row(lengths[order], origins=order * grid[1])
    sorted_features = [features[place] for place in order.tolist()]
    types = [feature.types for feature in sorted_features if feature.types is not None]
    targets = [feature.target for feature in features if feature.target is not None]
    there = _there(torch.device(device))
    return Batch(
        ids=there(row.laid([feature.ids for feature in sorted_features], grid, pad_id)),
        mask=there(row.laid(1, grid, 0)),
        types=there(row.laid(types, grid, 0)) if types else None,
        targets=there(_targets(targets, lengths, grid)) if targets else None,
        examples=there(_numbered([feature.example for feature in features])),
        packing=_packing(order, row, there, grid, width, fill) if packing else None,
    )


def fill_of(device: torch.device, *, half: bool) -> int:
    """What rows are best filled up to a multiple of; 0 where their length costs nothing."""
    return FILL_OF_HALF if half and device.type == "cpu" else 0


class _Row:
    """Sequences one after the other, and the places of their tokens in a padded batch."""

    def __init__(self, sizes: NDArray[np.int64], origins: NDArray[np.int64]) -> None:
        """`sizes` are their lengths, `origins` the places of their first tokens, both of shape (sequences,)."""
        self.sizes = sizes
        self.starts = np.zeros(len(sizes) + 1, np.int64)
        sizes.cumsum(out=self.starts[1:])
        self.positions = np.arange(int(self.starts[-1])) - self.starts[:-1].repeat(sizes)
        self.places = origins.repeat(sizes) + self.positions

    def laid(self, values: Sequence[NDArray[Any]] | int, grid: tuple[int, int], rest: int) -> NDArray[np.int64]:
        """Shape `grid`: the values where there are tokens, `rest` elsewhere."""
        filled = np.empty(grid[0] * grid[1], np.int64)
        filled.fill(rest)
        # A scatter that has to convert as well takes twice as long.
        filled[self.places] = values if isinstance(values, int) else np.concatenate(values, dtype=np.int64)
        return filled.reshape(grid)


def _there(device: torch.device) -> Callable[[NDArray[Any]], torch.Tensor]:
    """What brings an array to the device; on a CPU the tensor shares its memory."""
    if device.type == "cpu":
        return torch.from_numpy
    if device.type != "cuda":
        return lambda array: torch.from_numpy(array).to(device)
    # Only a copy from pinned memory lets the host go on at once.
    return lambda array: torch.from_numpy(array).pin_memory().to(device, non_blocking=True)


def _packing(
    order: NDArray[np.int64],
    row: _Row,
    there: Callable[[NDArray[Any]], torch.Tensor],
    grid: tuple[int, int],
    width: int,
    fill: int,
) -> Packing:
    starts, places, positions = row.starts, row.places, row.positions
    runs = Counter(row.sizes.tolist())
    if fill:
        # The filler is one more sequence, of no token where the row is full, so that there is always one. It begins
        # anew at the first position with every token, as there may be fewer positions than filler.
        more = -len(places) % fill
        starts = np.append(starts, starts[-1] + more)
        places = np.append(places, np.full(more, grid[0] * grid[1]))
        positions = np.append(positions, np.zeros(more, np.int64))
    return Packing(
        order=there(order),
        places=there(places),
        positions=there(positions),
        runs=tuple(zip(runs.values(), runs.keys(), strict=True)),
        starts=there(starts.astype(np.int32)),
        longest=max(width or int(row.sizes[0]), fill),
        filled=fill > 0,
    )


def by_length(features: Sequence[Feature], tokens: int) -> Iterator[list[int]]:
    """Cut features into batches of like length, longest first, so that what does not fit fails at once.

    Gives indices into `features`, all of them once. A batch holds at most `tokens` tokens with its padding, and at
    least one feature. Features of equal length keep their order.
    """
    order = sorted(range(len(features)), key=lambda index: -len(features[index].ids))
    start = 0
    while start < len(order):
        longest = max(len(features[order[start]].ids), 1)
        end = start + max(tokens // longest, 1)
        yield order[start:end]
        start = end


def out_of_memory(cause: BaseException) -> bool:
    """Whether a batch failed for want of memory; the CPU's allocator and cuBLAS say so in a plain RuntimeError."""
    said = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(cause, torch.OutOfMemoryError | MemoryError) or any(words in str(cause) for words in said)


def _numbered(examples: Sequence[int]) -> NDArray[np.int64]:
    """The examples that features belong to, counted from 0 as they come."""
    distinct = dict.fromkeys(examples)
    if len(distinct) == len(examples):
        return np.arange(len(examples))
    number = {example: place for place, example in enumerate(distinct)}
    return np.array([number[example] for example in examples])


def _targets(
    targets: Sequence[NDArray[np.int64]], lengths: NDArray[np.int64], grid: tuple[int, int]
) -> NDArray[np.int64]:
    if targets[0].ndim == 0:
        return np.fromiter(targets, np.int64, len(targets))
    # A pair of positions and the labels of two tokens look alike only where every feature has two tokens, and then the
    # stacked result is the same.
    if all(len(target) == length for target, length in zip(targets, lengths, strict=True)):
        return _Row(lengths, np.arange(grid[0]) * grid[1]).laid(targets, grid, IGNORE)
    return np.stack(targets).astype(np.int64, copy=False)
