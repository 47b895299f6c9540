"""Features -> batches: padded to the longest, on the device, with the places of their tokens in a row."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xbench.attention import Packing
from xbench.kinds import IGNORE, Batch, Feature


def pad(
    features: Sequence[Feature], *, pad_id: int, device: torch.device | str = "cpu", packing: bool = False,
    width: int = 0, fill: int = 0,
) -> Batch:  # fmt: skip
    """One batch of features, padded on the right to the longest of them, or to `width`.

    `ids`, `mask` and `types` have shape (features, tokens). Targets are stacked, (features,) or (features, 2); those
    that hold one label for each token are padded with IGNORE, (features, tokens). Either all features carry targets or
    none does. A batch's examples are numbered as they come. `packing` is what readers need that do not pad;
    `fill` tokens that belong nowhere then follow the last sequence.
    """
    lengths = np.fromiter((len(feature.ids) for feature in features), np.int64, len(features))
    mask = np.arange(width or int(lengths.max())) < lengths[:, None]
    ids = _fill(mask, pad_id, [feature.ids for feature in features])
    types = [feature.types for feature in features if feature.types is not None]
    targets = [feature.target for feature in features if feature.target is not None]
    seen: dict[int, int] = {}
    examples = np.array([seen.setdefault(feature.example, len(seen)) for feature in features])

    def there(array: NDArray[Any]) -> torch.Tensor:
        return _there(array, device)

    return Batch(
        ids=there(ids),
        mask=there(mask.astype(np.int64)),
        types=there(_fill(mask, 0, types)) if types else None,
        targets=there(_targets(targets, lengths, mask)) if targets else None,
        examples=there(examples),
        packing=_packing(lengths, mask.shape[1], device, width, fill) if packing else None,
    )


def _there(array: NDArray[Any], device: torch.device | str) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    # Only a copy from pinned memory lets the host go on at once.
    return tensor.pin_memory().to(device, non_blocking=True)


def _packing(lengths: NDArray[np.int64], width: int, device: torch.device | str, longest: int, fill: int) -> Packing:
    order = np.argsort(-lengths, kind="stable")
    sizes = lengths[order]
    different, numbers = np.unique(-sizes, return_counts=True)
    runs = [*zip(numbers.tolist(), (-different).tolist(), strict=True)]
    origins = order * width
    if longest:
        # The filler is one more sequence, of no token where the row is full, so that there is always one.
        sizes, origins = np.append(sizes, fill), np.append(origins, 0)
        runs += [(1, fill)] if fill else []
    starts = np.concatenate([[0], np.cumsum(sizes)])
    positions = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes)
    places = np.repeat(origins, sizes) + positions
    places[len(places) - fill :] = lengths.size * width
    positions[len(positions) - fill :] = 0  # there may be fewer positions than filler
    return Packing(
        order=_there(order, device),
        places=_there(places, device),
        positions=_there(positions, device),
        runs=tuple(runs),
        starts=_there(starts.astype(np.int32), device),
        longest=longest or int(sizes[0]),
        filled=longest > 0,
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


def _fill(
    mask: NDArray[np.bool_], value: int, rows: Sequence[NDArray[np.int32] | NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Shape of `mask`: the rows one after the other where it is true, `value` elsewhere."""
    filled = np.full(mask.shape, value, dtype=np.int64)
    filled[mask] = np.concatenate(rows)
    return filled


def _targets(
    targets: Sequence[NDArray[np.int64]], lengths: NDArray[np.int64], mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    # A pair of positions and the labels of two tokens look alike only where every feature has two tokens, and then the
    # stacked result is the same.
    if targets[0].ndim == 1 and all(len(target) == length for target, length in zip(targets, lengths, strict=True)):
        return _fill(mask, IGNORE, targets)
    return np.stack(targets).astype(np.int64, copy=False)
