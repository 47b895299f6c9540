"""Features -> one batch; how features are dealt out to batches, and when a batch is too large."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from xbench.columns import Columns
from xbench.kinds import Batch, Feature

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
    (batch,) = Columns.of(features).batches(
        [np.arange(len(features))], pad_id=pad_id, device=torch.device(device), packing=packing, width=width, fill=fill
    )
    return batch


def fill_of(device: torch.device, *, half: bool) -> int:
    """What rows are best filled up to a multiple of; 0 where their length costs nothing."""
    return FILL_OF_HALF if half and device.type == "cpu" else 0


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


def tapered(batches: Sequence[list[int]], lanes: int) -> list[list[int]]:
    """The same features, the last batches cut in two and in four, some for each lane.

    Lanes that take one batch after the other then end at nearly the same time.
    """
    whole, last = batches[: -2 * lanes], batches[-2 * lanes :]
    cut = zip(last, [2] * lanes + [4] * lanes, strict=False)
    return [*whole, *(some[place::parts] for some, parts in cut for place in range(min(parts, len(some))))]


def out_of_memory(cause: BaseException) -> bool:
    """Whether a batch failed for want of memory; the CPU's allocator and cuBLAS say so in a plain RuntimeError."""
    said = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(cause, torch.OutOfMemoryError | MemoryError) or any(words in str(cause) for words in said)
