"""Nearest neighbours by bounds: the float32 and the bfloat16 pass against all cosines, summed in one fixed order."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xbench import nearest, nearest_bf16
from xbench.errors import BadOption
from xbench.nearest import Close, Vectors, cosines, directions, ranked
from xbench.nearest_bf16 import Half, Sides, ranked_on, rounded

CPU = torch.device("cpu")
TILES = st.sampled_from([1, 90, 1 << 20])
OPEN = st.sampled_from([0, 1, 4, 10**6])
SIZES = st.tuples(st.integers(0, 25), st.integers(0, 25), st.sampled_from([1, 2, 5, 31, 64, 200]))


def scattered(some: np.random.Generator, n: int, hidden: int) -> Vectors:
    return some.standard_normal((n, hidden), np.float32)


def narrow(some: np.random.Generator, n: int, hidden: int) -> Vectors:
    """All nearly alike, as the vectors of many encoders are."""
    width = np.float32(10.0 ** -some.integers(0, 8))
    return np.ones(hidden, np.float32) + width * scattered(some, n, hidden)


def clustered(some: np.random.Generator, n: int, hidden: int) -> Vectors:
    """Around three points, some so near that only the last digit tells them apart."""
    width = 10.0 ** -some.integers(1, 9, (n, 1))
    centres = np.random.default_rng(5).standard_normal((3, hidden))
    return (centres[some.integers(0, 3, n)] + width * scattered(some, n, hidden)).astype(np.float32)


def repeated(some: np.random.Generator, n: int, hidden: int) -> Vectors:
    """Many are equal to the bit."""
    return np.random.default_rng(6).standard_normal((4, hidden), np.float32)[some.integers(0, 4, n)]


def neighbours(some: np.random.Generator, n: int, hidden: int) -> Vectors:
    """One vector with numbers moved by a rounding or two."""
    steps = some.integers(-2, 3, (n, hidden)).astype(np.int32)
    return (np.random.default_rng(7).standard_normal(hidden, np.float32).view(np.int32) + steps).view(np.float32)


def with_zeros(some: np.random.Generator, n: int, hidden: int) -> Vectors:
    return scattered(some, n, hidden) * some.integers(0, 2, (n, 1)).astype(np.float32)


MADE = st.sampled_from([scattered, narrow, clustered, repeated, neighbours, with_zeros])
Made = Callable[[np.random.Generator, int, int], Vectors]


def by_all_cosines(queries: Vectors, candidates: Vectors) -> tuple[list[int], list[int]]:
    """Places of the nearest, and numbers of those ahead, by a sort."""
    orders = []
    for query in queries:
        near = cosines(query, candidates)
        orders.append(sorted(range(len(candidates)), key=lambda place, near=near: (-near[place], place)))
    return [order[0] for order in orders], [order.index(place) for place, order in enumerate(orders)]


@given(SIZES, MADE, MADE, st.integers(0, 2**32), TILES, OPEN, st.booleans())
def test_both_passes_find_what_all_cosines_say(
    sizes: tuple[int, int, int], made: Made, other: Made, seed: int, cells: int, left: int, same: bool
) -> None:
    n, more, hidden = sizes
    some = np.random.default_rng(seed)
    queries, candidates = directions(made(some, n, hidden)), directions(other(some, n + more, hidden))
    half = n // 2
    candidates[:half] = queries[:half]  # some of the right ones are near
    first = some.integers(0, np.arange(n + more) + 1).astype(np.intp) if same else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "CELLS", cells)
        patch.setattr(nearest_bf16, "OPEN", left)
        passes = ranked(queries, candidates, first), ranked_on(CPU, queries, candidates, first)
    expected = by_all_cosines(queries, candidates if first is None else candidates[first])
    for found, ahead in passes:
        assert (found.tolist(), ahead.tolist()) == expected


@given(SIZES, MADE, MADE, st.integers(0, 2**32))
def test_no_difference_is_off_by_more_than_its_bound(
    sizes: tuple[int, int, int], made: Made, other: Made, seed: int
) -> None:
    n, more, hidden = sizes
    some = np.random.default_rng(seed)
    queries, candidates = directions(made(some, n + 1, hidden)), directions(other(some, n + 1 + more, hidden))
    sides = Sides.of(queries, candidates, CPU)
    left, right, slack = nearest._in_float32(queries, candidates)
    products = sides._products(0, len(queries)).float().numpy()
    for place, query in enumerate(queries):
        near = cosines(query, candidates)
        for rows, bound in ((left @ right.T, slack[place]), (products, sides.slack(place, products[place]))):
            line = rows[place].astype(np.float64)
            best = int(line.argmax())
            assert (
                np.abs((line - line[place]) - (near - near[place])).max(where=line >= line[place], initial=0) <= bound
            )
            assert (near - near[best])[line < line[best] - bound].max(initial=-1) < 0


def test_products_settle_what_lies_apart_and_a_few_cosines_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    some = np.random.default_rng(0)
    plain = scattered(some, 900, 96)
    foreign = plain[:300] + 0.5 * scattered(some, 300, 96)
    asked = []

    def counted(query: Vectors, candidates: Vectors) -> np.ndarray:
        asked.append(len(candidates))
        return cosines(query, candidates)

    monkeypatch.setattr(nearest, "cosines", counted)
    monkeypatch.setattr(nearest, "ranked_in_float32", None)
    monkeypatch.setattr(nearest_bf16, "OPEN", 1)
    # What all share makes cosines of more than 0.99, which bfloat16 itself could not tell apart.
    for shared in (0, 10):
        queries, candidates = directions(foreign + np.float32(shared)), directions(plain + np.float32(shared))
        found, ahead = ranked_on(CPU, queries, candidates)
        assert (found == np.arange(300)).mean() > 0.99
        assert (ahead == 0).mean() > 0.99
        assert len(list(Sides.of(queries, candidates, CPU).unclear(0, 300))) < 30
    assert sum(asked) < 300


def test_vectors_too_close_together_are_left_to_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    some = np.random.default_rng(1)
    queries, candidates = directions(scattered(some, 50, 64)), directions(scattered(some, 3000, 64))
    asked = []
    in_float32 = nearest.ranked_in_float32

    def counted(queries: Vectors, candidates: Vectors, own: nearest.Places) -> tuple[nearest.Places, nearest.Places]:
        asked.append(own.tolist())
        return in_float32(queries, candidates, own)

    expected = ranked(queries, candidates)
    monkeypatch.setattr(nearest, "ranked_in_float32", counted)
    monkeypatch.setattr(nearest, "CELLS", 3000 * 10)
    found = ranked_on(CPU, queries, candidates)
    assert [one.tolist() for one in found] == [one.tolist() for one in expected]
    # More than half of the first ten were: the rest did not wait for a first pass of its own.
    assert len(asked) == 1
    assert len(asked[0]) > 45
    assert asked[0][-40:] == list(range(10, 50))


def test_bits_of_a_cosine_do_not_depend_on_what_stands_beside() -> None:
    some = np.random.default_rng(2)
    query, candidates = scattered(some, 1, 700)[0], scattered(some, 300, 700)
    together = cosines(query, candidates)
    assert [cosines(query, one[None])[0] for one in candidates] == together.tolist()
    assert cosines(query, candidates[::-1]).tolist() == together[::-1].tolist()


def test_rounding_is_to_the_nearest() -> None:
    numbers = scattered(np.random.default_rng(3), 40, 50)
    bits, short = rounded(numbers)
    there = torch.from_numpy(numbers).bfloat16()
    assert torch.equal(torch.from_numpy(bits.astype(np.int32).astype(np.int16)).view(torch.bfloat16), there)
    assert short.tolist() == there.float().tolist()
    half = Half.of(numbers, np.zeros(50, np.float32), numbers[0])
    assert half.on(CPU)[:, :50].tolist() == there.tolist()
    assert not half.bits[:, 50:].any()
    assert half.across == pytest.approx(numbers @ numbers[0], abs=1e-4)
    assert half.changes == pytest.approx(np.linalg.norm(short - numbers, axis=1))


def test_equal_ones_of_the_right_one_are_beside_it_and_none_is_ahead_for_certain() -> None:
    close = Close.of(np.array([0.5, 0.2, 0.5, 0.49, 0.9], np.float32), 2, 0.02)
    assert (close.sure, close.beside.tolist(), close.best.tolist()) == (1, [0, 2, 3], [4])


def test_the_first_pass_is_made_where_it_gains_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(nearest_bf16, "ranked_on", lambda device, *sides: asked.append(device))
    vectors = directions(scattered(np.random.default_rng(4), 20, 8))
    for device, work in ((CPU, 10**6), (None, 1)):
        monkeypatch.setattr(nearest_bf16, "quick_device", lambda device=device: device)
        monkeypatch.setattr(nearest_bf16, "WORK", work)
        assert nearest_bf16.ranked(vectors, vectors)[1].tolist() == [0] * 20
    assert not asked
    monkeypatch.setattr(nearest_bf16, "quick_device", lambda: CPU)
    nearest_bf16.ranked(vectors, vectors)
    assert asked == [CPU]


def test_a_device_is_named_where_it_multiplies_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    assert nearest_bf16.quick_device() == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    for amx, device in ((True, CPU), (False, None)):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda amx=amx: amx, raising=False)
        assert nearest_bf16.quick_device() == device
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert nearest_bf16.quick_device() is None


def test_what_cannot_be_compared_is_refused() -> None:
    one, other = np.ones((3, 2), np.float32), np.ones((2, 2), np.float32)
    with pytest.raises(BadOption, match="3 queries have no right one each among 2 candidates"):
        ranked_on(CPU, one, other)
    with pytest.raises(BadOption, match=r"shapes \(2, 2\) and \(3, 5\) cannot be compared"):
        ranked_on(CPU, other, np.ones((3, 5), np.float32))
