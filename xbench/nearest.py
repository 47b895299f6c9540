"""Exact nearest neighbours by the cosine: matrix products of some queries with all candidates, a tile at a time.

What is compared must have length 1 (`directions`), so that dot products are cosines. Of equally near candidates the
first is the nearest, everywhere. Memory is that of the vectors, twice, and a few tiles, whatever is compared.

What `ranked` finds is defined by `cosines`: float64 sums in one fixed order. A matrix product, whose rounding differs
between machines, tile sizes and precisions, only tells which candidates these sums are needed for: two candidates that
it sets further apart than its error bound stand in the same order by `cosines`, and for all others they are computed.
The bound is that of any order of summation (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section
3.1). It is kept small by taking off what the vectors of a side have in common, which cosines near 1 hide differences
in: (q - a)·(c - b) + a·(c - b) differs from q·c by a number that all candidates of a query share.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xbench.errors import BadOption, ScoringError

CELLS = 1 << 24
"""Cosines in a tile: 64 MiB of float32, 838 queries against 20,000 candidates or 167 against 100,000."""

BLOCK = 128
"""Vectors that are worked on at once where this is all done while they are in the processor's cache."""

SAMPLE = 1024
"""Vectors, at most, that the common part of a side is the mean of."""

SHORTEST = 1e-12
"""Vectors shorter than this are not stretched to length 1: they have no direction."""

ROUNDING = float(np.finfo(np.float32).epsneg)
"""Largest relative error of rounding to float32, 2^-24."""

MARGIN = 1.01
"""What error bounds are raised by: they are computed in floating point themselves, and leave out squares of errors."""

Vectors = NDArray[np.float32]
Places = NDArray[np.intp]


def directions(vectors: NDArray[np.floating], *, centre: bool = False) -> Vectors:
    """Vectors of length 1, shape (n, hidden), so that their dot products are cosines; a zero vector stays zero.

    With `centre` their mean is taken off before. Raises ScoringError where a value is not finite.
    """
    plain = np.asarray(vectors, np.float32)
    length = _lengths(plain)
    broken = np.flatnonzero(~np.isfinite(length))
    if len(broken):
        raise ScoringError(
            f"{len(broken)} of {len(plain)} sentence vectors have no finite length, first that of place {broken[0]}: "
            f"no cosine can be told from them"
        )
    if centre:
        plain = plain - plain.mean(0)
        length = _lengths(plain)
    straight: Vectors = np.divide(plain, np.maximum(length, np.float32(SHORTEST)), dtype=np.float32)
    return straight


def _lengths(vectors: Vectors) -> Vectors:
    """Length of each, shape (n, 1)."""
    found = np.empty((len(vectors), 1), np.float32)
    for begin, some in blocks(vectors):
        found[begin : begin + len(some)] = np.linalg.norm(some, axis=1, keepdims=True)
    return found


def blocks(vectors: Vectors) -> Iterator[tuple[int, Vectors]]:
    """Place of the first of every BLOCK vectors, and these."""
    for begin in range(0, len(vectors), BLOCK):
        yield begin, vectors[begin : begin + BLOCK]


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
    candidates = told_apart(candidates, first)
    return ranked_in_float32(queries, candidates, np.arange(len(queries)))


def told_apart(candidates: Vectors, first: Places | None) -> Vectors:
    """The candidates, shape (m, hidden), each with the vector of the first that is the same sentence."""
    alone = first is None or bool((first == np.arange(len(candidates))).all())
    return candidates if alone else candidates[first]


def ranked_in_float32(queries: Vectors, candidates: Vectors, own: Places) -> tuple[Places, Places]:
    """As `ranked`, for queries whose right candidates stand at the places `own`, shape (n,), by products in float32.

    Raises BadOption for vectors of other shapes.
    """
    comparable(queries, candidates)
    found, ahead = np.empty(len(queries), np.intp), np.empty(len(queries), np.intp)
    left, right, slack = _in_float32(queries, candidates)
    for begin, tile in _tiles(left, right):
        here = slice(begin, begin + len(tile))
        rows, places = np.arange(len(tile)), own[here]
        value = tile[rows, places]
        tile[rows, places] = -np.inf
        clear = tile.max(1) < value - slack[here]
        tile[rows, places] = value
        found[here], ahead[here] = places, 0
        for row in np.flatnonzero(~clear):
            place = begin + row
            close = Close.of(tile[row], own[place], slack[place])
            found[place], ahead[place] = close.settle(queries[place], candidates)
    return found, ahead


def cosines(query: Vectors, candidates: Vectors) -> NDArray[np.float64]:
    """Dot products of one vector, shape (hidden,), with others, shape (m, hidden): float64, shape (m,).

    The bits are the same wherever a candidate stands, beside whichever others: products of two float32 are exact in
    float64, and numpy adds up a row in an order that depends on its length alone.
    """
    wide, found = query.astype(np.float64), np.empty(len(candidates))
    for begin, some in blocks(candidates):
        found[begin : begin + len(some)] = (some.astype(np.float64) * wide).sum(1)
    return found


@dataclass(frozen=True, slots=True)
class Close:
    """What approximate cosines leave open of one query."""

    own: int
    """Place of the right candidate."""
    sure: int
    """How many candidates are nearer than it for certain."""
    beside: Places
    """Places of those that may be nearer or not, in order, itself among them."""
    best: Places
    """Places of those that may be the nearest of all, in order."""

    @classmethod
    def of(cls, near: Vectors, own: int, slack: float) -> "Close":
        """Sort candidates by approximate cosines, shape (m,), whose differences are wrong by `slack` at most."""
        apart = near - near[own]
        return cls(
            own=int(own),
            sure=int(np.count_nonzero(apart > slack)),
            beside=np.flatnonzero(np.abs(apart) <= slack),
            best=np.flatnonzero(near >= near.max() - slack),
        )

    def settle(self, query: Vectors, candidates: Vectors) -> tuple[int, int]:
        """Place of the nearest by `cosines`, and how many are nearer than the right one."""
        nearest, ahead = self.best[0], self.sure
        if len(self.best) > 1:
            nearest = self.best[cosines(query, candidates[self.best]).argmax()]
        if len(self.beside) > 1:
            near = cosines(query, candidates[self.beside])
            right = near[np.searchsorted(self.beside, self.own)]
            ahead += int(np.count_nonzero((near > right) | ((near == right) & (self.beside < self.own))))
        return int(nearest), int(ahead)


def common(vectors: Vectors) -> Vectors:
    """About what vectors have in common, shape (hidden,): the mean of some of them, 0 of none."""
    some = vectors[:: max(1, len(vectors) // SAMPLE)]
    mean: Vectors = (some.sum(0, dtype=np.float64) / max(1, len(some))).astype(np.float32)
    return mean


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lengths that error bounds are made of. Those of the queries have shape (n,); those of candidates are the largest.

    With a and b for the common parts of queries and candidates: |q - a|, |c - b|, |a·(c - b)|, |a| and |b|.
    """

    queries: NDArray[np.floating]
    candidates: float
    offset: float
    queries_common: float
    candidates_common: float
    hidden: int

    def error(self, roundings: float = 1.0) -> NDArray[np.float64]:
        """How far shifted cosines of each query are off at most, shape (n,), for products of the same numbers.

        `roundings`: relative error of each addition in the product, as a multiple of float32's.
        """
        terms = self.hidden + 8
        product = self.queries * self.candidates + self.offset
        # Taking the common parts off rounds as well, and so does a·(c - b).
        single = ROUNDING * ((1 + roundings) * product + self.queries_common * self.candidates)
        whole = (self.queries + self.queries_common) * (self.candidates + self.candidates_common)
        # `cosines` errs too; the last is for products too small for float32.
        error: NDArray[np.float64] = MARGIN * terms * (single + 2.0**-53 * whole) + 1e-30
        return error


def _in_float32(queries: Vectors, candidates: Vectors) -> tuple[Vectors, Vectors, Vectors]:
    """Two matrices whose product is shifted cosines, and how far differences in a row of it are off at most."""
    one, other = common(queries), common(candidates)
    left, of_queries = _without(queries, one, one)
    right, of_candidates = _without(candidates, other, one)
    left[:, -1] = 1
    sizes = Sizes(
        queries=of_queries,
        candidates=float(of_candidates.max(initial=0)),
        offset=float(np.abs(right[:, -1]).max(initial=0)),
        queries_common=float(np.linalg.norm(one)),
        candidates_common=float(np.linalg.norm(other)),
        hidden=queries.shape[1],
    )
    return left, right, (2 * sizes.error()).astype(np.float32)


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


def _without(vectors: Vectors, middle: Vectors, across: Vectors) -> tuple[Vectors, NDArray[np.float64]]:
    """Vectors less their middle, behind each its dot product with another: shape (n, hidden + 1). Their lengths, (n,).

    All is done with a block while it is in the cache.
    """
    n, hidden = vectors.shape
    rows, lengths = np.empty((n, hidden + 1), np.float32), np.empty(n)
    for begin, some in blocks(vectors):
        own = some - middle
        rows[begin : begin + len(some), :-1] = own
        rows[begin : begin + len(some), -1] = np.einsum("ij,j->i", own, across)
        lengths[begin : begin + len(some)] = np.sqrt(np.einsum("ij,ij->i", own, own))
    return rows, lengths


def comparable(queries: Vectors, candidates: Vectors) -> None:
    """Raise BadOption for vectors of other shapes than (n, hidden) and (m, hidden)."""
    if queries.ndim != 2 or candidates.ndim != 2 or queries.shape[1] != candidates.shape[1]:
        raise BadOption(f"vectors of shapes {queries.shape} and {candidates.shape} cannot be compared")


def _tiles(queries: Vectors, candidates: Vectors) -> Iterator[tuple[int, Vectors]]:
    """Place of the first query of a tile, and the cosines of its queries with all candidates, until the next is due.

    Raises BadOption for vectors of other shapes.
    """
    comparable(queries, candidates)
    step = max(1, min(CELLS // max(1, len(candidates)), len(queries)))
    # One piece of memory for all tiles: fresh pages for each would cost a good part of the multiplication.
    room = np.empty((step, len(candidates)), np.float32)
    for begin in range(0, len(queries), step):
        some = queries[begin : begin + step]
        yield begin, np.matmul(some, candidates.T, out=room[: len(some)])
