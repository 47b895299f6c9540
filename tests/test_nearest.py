"""Nearest neighbours a tile at a time, against all cosines at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbench import nearest
from xbench.errors import BadOption, ScoringError
from xbench.nearest import directions, ranked, top

TILES = st.sampled_from([1, 7, 40, 1000])


def whole_numbers(random, n: int, hidden: int) -> np.ndarray:
    """Small whole numbers: products are exact, and there are many ties."""
    return np.array([random.randint(-1, 1) for _ in range(n * hidden)], np.float32).reshape(n, hidden)


@given(
    st.integers(1, 12), st.integers(0, 6), st.integers(1, 5), st.randoms(use_true_random=False), TILES, st.booleans()
)
def test_ranked_against_all_pairs(n: int, more: int, hidden: int, random, cells: int, same: bool) -> None:
    queries, candidates = whole_numbers(random, n, hidden), whole_numbers(random, n + more, hidden)
    first = np.array([random.randint(0, place) if same else place for place in range(n + more)], np.intp)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "CELLS", cells)
        found, ahead = ranked(queries, candidates, first if same else None)
    near = (queries @ candidates.T)[:, first]
    assert found.tolist() == near.argmax(1).tolist()
    for query, row in enumerate(near):
        order = sorted(range(len(candidates)), key=lambda place, row=row: (-row[place], place))
        assert ahead[query] == order.index(query)
        assert (ahead[query] == 0) == (found[query] == query)


@given(st.integers(0, 9), st.integers(1, 12), st.integers(1, 4), st.randoms(use_true_random=False), TILES, st.data())
def test_top_against_a_sort(n: int, m: int, hidden: int, random, cells: int, data) -> None:
    queries, candidates, k = (
        whole_numbers(random, n, hidden),
        whole_numbers(random, m, hidden),
        data.draw(st.integers(1, m)),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "CELLS", cells)
        places, cosines = top(queries, candidates, k)
    near = queries @ candidates.T
    order = np.argsort(-near, axis=1, kind="stable")[:, :k]
    assert places.shape == cosines.shape == (n, k)
    assert places.tolist() == order.tolist()
    assert cosines.tolist() == np.take_along_axis(near, order, 1).tolist()
    assert cosines.dtype == np.float32


def test_the_nearest_of_both_are_the_same_on_real_numbers_and_the_bits_are_the_same_again() -> None:
    some = np.random.default_rng(0)
    queries, candidates = (directions(some.normal(size=(n, 32))) for n in (300, 700))
    found, ahead = ranked(queries, candidates)
    places, cosines = top(queries, candidates, 5)
    assert places[:, 0].tolist() == found.tolist()
    assert (np.diff(cosines, axis=1) <= 0).all()
    cosine = queries.astype(np.float64) @ candidates.T.astype(np.float64)
    assert found.tolist() == cosine.argmax(1).tolist()
    assert ahead.tolist() == (cosine > np.diag(cosine)[:, None]).sum(1).tolist()
    assert top(queries, candidates, 5)[1].tobytes() == cosines.tobytes()


def test_memory_is_that_of_a_few_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    original = nearest._tiles

    def watched(queries: np.ndarray, candidates: np.ndarray):
        for begin, tile in original(queries, candidates):
            sizes.append(tile.size)
            yield begin, tile

    monkeypatch.setattr(nearest, "_tiles", watched)
    monkeypatch.setattr(nearest, "CELLS", 5000)
    vectors = directions(np.random.default_rng(1).normal(size=(1000, 4)))
    assert ranked(vectors, vectors)[1].sum() == 0
    assert max(sizes) == 5000
    assert sum(sizes) == 1000**2


def test_directions_have_length_one_and_a_zero_vector_stays() -> None:
    plain = np.array([[3, 4], [0, 0], [-2, 0]])
    assert directions(plain).tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0], [-1, 0]]
    assert directions(plain).dtype == np.float32
    centred = directions(np.array([[2.0, 1], [4, 1]]), centre=True)
    assert centred.tolist() == [[-1, 0], [1, 0]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ScoringError, match="1 of 3 sentence vectors have no finite length, first that of place 2"):
        directions(np.array([[1.0, 0], [0, 0], [1, value]]))


def test_what_cannot_be_compared_is_refused() -> None:
    one, other = np.ones((3, 2), np.float32), np.ones((2, 2), np.float32)
    with pytest.raises(BadOption, match="3 queries have no right one each among 2 candidates"):
        ranked(one, other)
    with pytest.raises(BadOption, match=r"shapes \(2, 2\) and \(3, 5\) cannot be compared"):
        ranked(other, np.ones((3, 5), np.float32))
    for k in (0, 4):
        with pytest.raises(BadOption, match=f"the {k} nearest of 3 candidates cannot be found"):
            top(other, one, k)
