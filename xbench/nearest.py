"""Exact nearest neighbours by the cosine: matrix products of some queries with all candidates, a tile at a time.

What is compared must have length 1 (`directions`), so that dot products are cosines. Of equally near candidates the
first is the nearest, everywhere. Memory is that of the vectors and a few tiles, whatever is compared.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xbench.errors import BadOption, ScoringError

CELLS = 1 << 24
"""Cosines in a tile: 64 MiB of float32, 838 queries against 20,000 candidates or 167 against 100,000."""

SHORTEST = 1e-12
"""Vectors shorter than this are not stretched to length 1: they have no direction."""

Vectors = NDArray[np.float32]
Places = NDArray[np.intp]


def directions(vectors: NDArray[np.floating], *, centre: bool = False) -> Vectors:
    """Vectors of length 1, shape (n, hidden), so that their dot products are cosines; a zero vector stays zero.

    With `centre` their mean is taken off before. Raises ScoringError where a value is not finite.
    """
    plain = np.asarray(vectors, np.float32)
    length = np.linalg.norm(plain, axis=1, keepdims=True)
    broken = np.flatnonzero(~np.isfinite(length))
    if len(broken):
        raise ScoringError(
            f"{len(broken)} of {len(plain)} sentence vectors have no finite length, first that of place {broken[0]}: "
            f"no cosine can be told from them"
        )
    if centre:
        plain = plain - plain.mean(0)
        length = np.linalg.norm(plain, axis=1, keepdims=True)
    straight: Vectors = plain / np.maximum(length, np.float32(SHORTEST))
    return straight


def ranked(queries: Vectors, candidates: Vectors, first: Places | None = None) -> tuple[Places, Places]:
    """The nearest candidate of each query, and how many are nearer than the right one: that at the query's own place.

    An equally near candidate counts as nearer where it stands before the right one, so none is nearer if and only if
    the right one is the nearest.

    Args:
        queries: shape (n, hidden), length 1.
        candidates: shape (m, hidden), length 1, m ≥ n.
        first: for each candidate the place of the first one that is the same sentence, shape (m,). The same sentences
            are equally near, whatever rounding made of their vectors. None = no two are the same.

    Returns:
        Places of the nearest, and how many are ahead of the right one, both of shape (n,).

    Raises:
        BadOption: more queries than candidates, or vectors of other shapes.
    """
    if len(queries) > len(candidates):
        raise BadOption(f"{len(queries)} queries have no right one each among {len(candidates)} candidates")
    told_apart = first is None or bool((first == np.arange(len(candidates))).all())
    found, ahead = np.empty(len(queries), np.intp), np.empty(len(queries), np.intp)
    for begin, tile in _tiles(queries, candidates):
        near = tile if told_apart else tile[:, first]
        rows = np.arange(len(near))
        own = near[rows, begin + rows][:, None]
        nearer = np.count_nonzero(near > own, axis=1)
        # Equally near ones beside the right one itself are rare: only their rows are looked at again.
        for row in np.flatnonzero(np.count_nonzero(near >= own, axis=1) > nearer + 1):
            nearer[row] += np.count_nonzero(near[row, : begin + row] == own[row])
        found[begin : begin + len(near)] = near.argmax(1)
        ahead[begin : begin + len(near)] = nearer
    return found, ahead


def top(queries: Vectors, candidates: Vectors, k: int) -> tuple[Places, Vectors]:
    """The k nearest candidates of each query, nearest first: places and cosines, both of shape (n, k).

    Shapes (n, hidden) and (m, hidden), all of length 1. Raises BadOption unless 1 ≤ k ≤ m.
    """
    if not 1 <= k <= len(candidates):
        raise BadOption(f"the {k} nearest of {len(candidates)} candidates cannot be found: 1 to all of them can")
    places, cosines = np.empty((len(queries), k), np.intp), np.empty((len(queries), k), np.float32)
    for begin, near in _tiles(queries, candidates):
        least = np.partition(near, -k, axis=1)[:, -k, None]
        row, column = np.nonzero(near >= least)
        value = near[row, column]
        order = np.lexsort((column, -value, row))
        # More than k of a row are there where several are as near as its k-th: the first ones stay.
        starts = np.searchsorted(row, np.arange(len(near)))
        kept = order[(starts[:, None] + np.arange(k)).ravel()]
        places[begin : begin + len(near)] = column[kept].reshape(-1, k)
        cosines[begin : begin + len(near)] = value[kept].reshape(-1, k)
    return places, cosines


def _tiles(queries: Vectors, candidates: Vectors) -> Iterator[tuple[int, Vectors]]:
    """Place of the first query of a tile, and the cosines of its queries with all candidates, until the next is due.

    Raises BadOption for vectors of other shapes.
    """
    if queries.ndim != 2 or candidates.ndim != 2 or queries.shape[1] != candidates.shape[1]:
        raise BadOption(f"vectors of shapes {queries.shape} and {candidates.shape} cannot be compared")
    step = max(1, min(CELLS // max(1, len(candidates)), len(queries)))
    # One piece of memory for all tiles: fresh pages for each would cost a good part of the multiplication.
    room = np.empty((step, len(candidates)), np.float32)
    for begin in range(0, len(queries), step):
        some = queries[begin : begin + step]
        yield begin, np.matmul(some, candidates.T, out=room[: len(some)])
