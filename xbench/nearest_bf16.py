"""Nearest neighbours as `xbench.nearest` finds them, with a first pass of products in bfloat16.

Where a processor multiplies matrices of bfloat16 (AMX, tensor cores) that takes a fraction of the time of float32. It
settles every query whose right candidate is nearer than all others by more than the error bound; of most others a few
candidates are open, whose cosines are computed one by one; what has too many of them is left to float32. So the places
and counts are those of `xbench.nearest.ranked`, to the last of them, whatever the vectors.

The bound is made of what rounding to bfloat16 really changed (Cauchy and Schwarz: the dot product changes by the length
of the change times that of the other vector at most), not of the largest change that it could make.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from xbench import nearest
from xbench.errors import BadOption
from xbench.nearest import MARGIN, Close, Places, Sizes, Vectors, blocks, common, comparable, told_apart

WORK = 1 << 32
"""Multiplications from which on a first pass is worth its preparation: 45 ms of float32 on one core with AVX-512."""

OPEN = 128
"""A query is left to float32 where more than one candidate in so many is open: their cosines would cost as much."""

ROUNDINGS = 4.0
"""Error of an addition, as a multiple of float32's: tensor cores cut off where others round."""

STEP = 2.0**-8
"""Largest relative error of rounding to bfloat16."""

WIDTH = 32
"""Rows are filled up with zeros to a multiple of this: AMX multiplies 32 numbers of bfloat16 at once."""

PIECES = 3
"""Numbers of bfloat16 that one of float32 is the exact sum of: 3 · 8 bits."""

Bits = NDArray[np.uint16]


def ranked(queries: Vectors, candidates: Vectors, first: Places | None = None) -> tuple[Places, Places]:
    """The same as `xbench.nearest.ranked`, sooner where a device and the size of the work allow.

    Shapes (n, hidden) and (m, hidden), m ≥ n, length 1; raises BadOption as it does.
    """
    device = quick_device()
    if device is None or len(queries) * candidates.size < WORK:
        return nearest.ranked(queries, candidates, first)
    try:
        return ranked_on(device, queries, candidates, first)
    except torch.OutOfMemoryError:
        return nearest.ranked(queries, candidates, first)


def quick_device() -> torch.device | None:
    """Where bfloat16 is multiplied several times as fast as float32; None = nowhere."""
    if sys.byteorder != "little":
        return None
    # A GPU that this process has not used yet was not asked for.
    begun: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if begun and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.device("cuda")
    # torch tells of AMX by a private function only.
    amx = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return torch.device("cpu") if amx and amx() and torch.backends.mkldnn.is_available() else None  # type: ignore[no-untyped-call]


def ranked_on(
    device: torch.device, queries: Vectors, candidates: Vectors, first: Places | None = None
) -> tuple[Places, Places]:
    """As `ranked`, with a first pass on that device whatever the size."""
    if len(queries) > len(candidates):
        raise BadOption(f"{len(queries)} queries have no right one each among {len(candidates)} candidates")
    comparable(queries, candidates)
    candidates = told_apart(candidates, first)
    sides = Sides.of(queries, candidates, device)
    found, ahead = np.arange(len(queries)), np.zeros(len(queries), np.intp)
    left, step = list[int](), max(1, nearest.CELLS // max(1, len(candidates)))
    for begin in range(0, len(queries), step):
        end, before = min(begin + step, len(queries)), len(left)
        for place, near in sides.unclear(begin, end):
            close = Close.of(near, place, sides.slack(place, near))
            # The right one is among those beside itself, and one is the nearest: these two cost nothing.
            if (len(close.beside) + len(close.best) - 2) * OPEN > len(candidates):
                left.append(place)
            else:
                found[place], ahead[place] = close.settle(queries[place], candidates)
        if 2 * (len(left) - before) > end - begin:  # bfloat16 tells too little of these vectors
            left += range(end, len(queries))
            break
    if left:
        found[left], ahead[left] = nearest.ranked_in_float32(queries[left], candidates, np.array(left, np.intp))
    return found, ahead


@dataclass(frozen=True, slots=True)
class Sides:
    """Queries and candidates in bfloat16, and how wrong their products are."""

    left: torch.Tensor
    """Shape (n, width)."""
    right: torch.Tensor
    """Shape (m, width). Products of rows are shifted cosines: see `xbench.nearest`."""
    error: NDArray[np.float64]
    """How far these are off at most, before they are rounded themselves: shape (n,)."""

    @classmethod
    def of(cls, queries: Vectors, candidates: Vectors, device: torch.device) -> "Sides":
        """Round both sides, without what each has in common."""
        hidden = queries.shape[1]
        one, other = common(queries), common(candidates)
        left, right = Half.of(queries, one, one), Half.of(candidates, other, one)
        rest = right.across
        for piece in range(hidden, hidden + PIECES):
            left.bits[:, piece], _ = rounded(np.ones(len(queries), np.float32))
            right.bits[:, piece], part = rounded(rest)
            rest = rest - part
        sizes = Sizes(
            queries=left.lengths,
            candidates=float(right.lengths.max(initial=0)),
            offset=float(np.abs(right.across).max(initial=0)),
            queries_common=float(np.linalg.norm(one)),
            candidates_common=float(np.linalg.norm(other)),
            hidden=hidden,
        )
        change = float(right.changes.max(initial=0))
        by_rounding = left.changes * (sizes.candidates + change) + left.lengths * change
        return cls(left.on(device), right.on(device), sizes.error(ROUNDINGS) + MARGIN * by_rounding)

    def slack(self, place: int, near: Vectors) -> float:
        """How far differences to the right and to the nearest candidate are off at most, of a query's shifted cosines.

        `place`: of the query and of its right candidate; `near`: shape (m,).
        """
        return float(self._slack(self.error[place], max(abs(near[place]), abs(near.max()))))

    def unclear(self, begin: int, end: int) -> Iterator[tuple[int, Vectors]]:
        """Places of the queries whose right candidate is not the nearest for certain, and their shifted cosines."""
        near = self._products(begin, end)
        rows = torch.arange(len(near), device=near.device)
        own = near[rows, rows + begin]
        near[rows, rows + begin] = -torch.inf
        value = own.double().cpu().numpy()
        clear = _largest(near) < value - self._slack(self.error[begin:end], np.abs(value))
        near[rows, rows + begin] = own
        unclear = np.flatnonzero(~clear)
        lines = near[torch.from_numpy(unclear).to(near.device)].float().cpu().numpy()
        yield from zip((begin + unclear).tolist(), lines, strict=True)

    def _products(self, begin: int, end: int) -> torch.Tensor:
        """Shifted cosines of some queries with all candidates, shape (queries, m): on CUDA float32, else bfloat16."""
        some = self.left[begin:end]
        if some.device.type == "cuda":
            return torch.mm(some, self.right.T, out_dtype=torch.float32)
        return torch.mm(some, self.right.T)

    def _slack(self, error: NDArray[np.float64], size: NDArray[np.floating]) -> NDArray[np.float64]:
        """Twice the error, for a difference, and what rounding two results of about this size adds."""
        slack: NDArray[np.float64] = MARGIN * 2 * (error + (STEP * size if self.left.device.type != "cuda" else 0))
        return slack


@dataclass(frozen=True, slots=True)
class Half:
    """Vectors of one side in bfloat16."""

    bits: Bits
    """Shape (vectors, width), zeros behind the vectors."""
    lengths: NDArray[np.float64]
    """Before rounding, shape (vectors,)."""
    changes: NDArray[np.float64]
    """Lengths of what rounding changed, shape (vectors,)."""
    across: Vectors
    """Dot products with another vector, before rounding, shape (vectors,)."""

    @classmethod
    def of(cls, vectors: Vectors, middle: Vectors, across: Vectors) -> "Half":
        """Take the middle off, shape (hidden,), multiply with another vector, and round."""
        n, hidden = vectors.shape
        bits = np.zeros((n, -(-(hidden + PIECES) // WIDTH) * WIDTH), np.uint16)
        lengths, changes, products = np.empty(n), np.empty(n), np.empty(n, np.float32)
        for begin, some in blocks(vectors):
            here = slice(begin, begin + len(some))
            exact = some - middle
            bits[here, :hidden], short = rounded(exact)
            short -= exact
            lengths[here] = np.sqrt(np.einsum("ij,ij->i", exact, exact))
            changes[here] = np.sqrt(np.einsum("ij,ij->i", short, short))
            products[here] = np.einsum("ij,j->i", exact, across)
        return cls(bits, lengths, changes, products)

    def on(self, device: torch.device) -> torch.Tensor:
        """The same as a tensor of bfloat16."""
        return torch.from_numpy(self.bits.view(np.int16)).view(torch.bfloat16).to(device)


def rounded(numbers: Vectors) -> tuple[Bits, Vectors]:
    """The nearest numbers of bfloat16, as bits and as float32: the upper half of the bits of float32."""
    whole = numbers.view(np.uint32) + np.uint32(0x8000)
    bits = whole.view(np.uint16).reshape(*whole.shape, 2)[..., 1]
    short = (whole & np.uint32(0xFFFF0000)).view(np.float32)
    return bits, short


def _largest(near: torch.Tensor) -> Vectors:
    """The largest of each row, shape (queries,), or infinity where none is positive."""
    if near.dtype != torch.bfloat16:
        return near.amax(1).cpu().numpy()
    # Positive numbers are in order as their bits are, and whole numbers are compared many times as fast.
    bits = near.view(torch.int16).numpy().max(1)
    largest: Vectors = torch.from_numpy(bits).view(torch.bfloat16).float().numpy()
    largest[bits < 0] = np.inf
    return largest
