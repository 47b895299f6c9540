"""Intervals: closed forms against scipy, resampling against a plain loop, and whether they cover."""

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from xbench import resample
from xbench.metrics import f1, ratio
from xbench.resample import interval, interval_of_draws, on_grid, resampled, wilson


def share(right: int, n: int) -> np.ndarray:
    rows = np.ones((n, 2))
    rows[right:, 0] = 0
    return rows


def sentences(n: int, seed: int) -> np.ndarray:
    """Counts of spans as of a tagger: (right, predicted, gold) of n sentences, some without any."""
    some = np.random.default_rng(seed)
    hard = some.beta(4, 2, n)
    gold, more = some.poisson(1.2, n), some.poisson(0.3, n)
    right = some.binomial(gold, hard)
    return np.stack([right, right + more, gold], axis=1).astype(np.float64)


@settings(max_examples=400, deadline=None)
@given(st.integers(1, 6000), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilson_is_that_of_scipy(n: int, part: float, level: float) -> None:
    right = round(part * n)
    theirs = binomtest(right, n).proportion_ci(confidence_level=level, method="wilson")
    assert wilson(right, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("right", "n"), [(0, 2), (2, 2), (1, 2), (30, 5010), (500, 500)])
def test_a_share_of_examples_has_the_closed_form(right: int, n: int) -> None:
    low, high = interval(share(right, n), ratio)
    assert (low, high) == wilson(right, n)
    assert 0 <= low <= right / n <= high <= 1
    assert low < high


def test_the_closed_form_is_taken_only_for_a_share() -> None:
    rows = share(30, 100)
    assert resample.successes(rows, ratio) == 30
    assert resample.successes(rows, lambda sums: ratio(sums) ** 2) is None
    assert resample.successes(rows * 2, ratio) is None
    assert resample.successes(rows * [0.5, 1], ratio) is None
    assert resample.successes(sentences(9, 1), f1) is None
    low, high = interval(rows, lambda sums: ratio(sums) ** 2)
    assert low < 0.09 < high


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_resampling_is_a_plain_loop_over_the_same_draws(level: float) -> None:
    rows = sentences(300, 2)
    ordered = sorted(map(tuple, rows.tolist()))
    generator = np.random.default_rng(11)
    scores = []
    for _ in range(250):
        drawn = [ordered[place] for place in generator.integers(0, 300, 300, dtype=np.uint32)]
        right, predicted, gold = (sum(row[column] for row in drawn) for column in range(3))
        scores.append(2 * right / (predicted + gold))
    scores.sort()
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    assert interval(rows, f1, seed=11, draws=250, level=level) == pytest.approx((low, high), abs=1e-12)


def test_few_distinct_rows_are_drawn_as_multinomial_counts() -> None:
    rows = np.repeat([[0.0, 1.0], [0.5, 1.0], [1.0, 1.0]], [50, 200, 150], axis=0)
    generator = np.random.default_rng(3)
    sums = [
        [0.5 * half + one, 400] for _, half, one in (generator.multinomial(400, [0.125, 0.5, 0.375]) for _ in "1234")
    ]
    assert np.array_equal(resampled(rows, seed=3, draws=4), sums)


@pytest.mark.parametrize("few", [0, 20, 10**9])
def test_resampling_has_the_moments_of_drawing_rows(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resample, "FEW", few)
    rows = np.random.default_rng(3).random((400, 3)).round(1)
    rows[:200] = rows[200:]
    sums = resampled(rows, seed=0, draws=4000)
    assert sums.shape == (4000, 3)
    assert sums.mean(axis=0) == pytest.approx(rows.sum(axis=0), rel=0.01)
    assert np.cov(sums.T) == pytest.approx(np.cov(rows.T, ddof=0) * 400, abs=2.5)


@pytest.mark.parametrize("few", [0, 10**9])
def test_equal_arguments_give_equal_bits_in_any_order_and_in_any_blocks(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resample, "FEW", few)
    rows = np.random.default_rng(4).random((700, 2)) + np.array([0.0, 1.0])
    first = interval(rows, ratio, seed=5)
    assert interval(rows, ratio, seed=5) == first
    assert interval(rows[::-1], ratio, seed=5) == first
    assert interval(rows[np.random.default_rng(1).permutation(700)], ratio, seed=5) == first
    assert interval(rows, ratio, seed=6) != first
    for cells in (9_001, 1):
        monkeypatch.setattr(resample, "CELLS", cells)
        assert interval(rows, ratio, seed=5) == first


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60), st.integers(-60, 60), st.randoms(use_true_random=False))
def test_no_sum_on_the_grid_is_ever_rounded(values: list[float], power: int, order: random.Random) -> None:
    column = np.array(values)[:, None] * 2.0**power
    n = len(values)
    grid = on_grid(column, n)
    assert np.abs(grid - column).max() <= n * 2.0**-52 * np.abs(column).max() + 2.0**-1001
    drawn = [grid[order.randrange(n), 0] for _ in range(n)]
    exact = sum(map(Fraction, drawn))
    for _ in range(5):
        order.shuffle(drawn)
        assert Fraction(sum(drawn)) == exact


def test_whole_numbers_are_on_the_grid() -> None:
    counts = np.random.default_rng(0).integers(0, 10_000, (300, 4)).astype(np.float64)
    assert np.array_equal(on_grid(counts, 100_000_000), counts)
    assert np.array_equal(on_grid(np.zeros((3, 2)), 3), np.zeros((3, 2)))


def test_no_order_of_addition_changes_a_bit() -> None:
    rows = np.random.default_rng(8).random((600, 40))
    sums = resampled(rows, seed=1, draws=64)
    values = on_grid(np.unique(rows, axis=0), 600)
    generator = np.random.default_rng(1)
    for one in sums:
        drawn = values[generator.integers(0, 600, 600, dtype=np.uint32)]
        # One after the other and in pairs: two orders of addition, as two numbers of threads would take.
        assert np.array_equal(np.cumsum(drawn, axis=0)[-1], one)
        assert np.array_equal(drawn[::2].sum(axis=0) + drawn[1::2].sum(axis=0), one)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_tell_nothing(n: int) -> None:
    assert interval(np.ones((n, 2)), ratio) == (0.0, 1.0)
    assert interval(np.ones((n, 3)), f1) == (0.0, 1.0)


def test_draws_without_spread_are_no_certainty() -> None:
    nothing = np.tile([0.0, 1.0, 2.0], (200, 1))
    assert interval(nothing, f1) == wilson(0, 200)
    half_empty = np.concatenate([nothing, np.zeros((300, 3))])
    assert interval(half_empty, f1) == wilson(0, 200), "sentences without spans tell nothing"
    perfect = np.tile([2.0, 2.0, 2.0], (50, 1))
    assert interval(perfect, f1) == wilson(50, 50)
    assert interval(np.zeros((50, 3)), f1) == (0.0, 1.0)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_equal_draws_of_a_score_without_counts_are_no_certainty(value: float) -> None:
    low, high = interval_of_draws(lambda places: value, 60)
    assert (low, high) == wilson(60 * value, 60)
    assert 0 <= low <= value <= high <= 1
    assert high - low > 0.05
    assert interval_of_draws(lambda places: value, 60, level=0.8) == wilson(60 * value, 60, 0.8)
    assert interval_of_draws(lambda places: value, 1) == (0.0, 1.0)


@pytest.mark.parametrize("seldom", [0, 1])
def test_draws_of_which_hardly_any_differs_are_taken_around_the_score(seldom: int) -> None:
    calls = iter([*np.full(200, 1.0 - seldom), *np.full(99, float(seldom))])
    assert interval_of_draws(lambda places: next(calls), 40) == wilson(40 * seldom, 40)


def test_draws_that_differ_keep_their_percentiles() -> None:
    right = np.random.default_rng(5).random(300) < 0.7
    generator = np.random.default_rng(9)
    scores = [right[np.sort(generator.integers(0, 300, 300))].mean() for _ in range(200)]
    found = interval_of_draws(lambda places: float(right[places].mean()), 300, seed=9)
    assert found == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(0, 1000))
def test_the_score_lies_in_its_interval(n: int, seed: int) -> None:
    rows = sentences(n, seed)
    low, high = interval(rows, f1, seed=seed, draws=60)
    assert 0 <= low <= float(f1(rows.sum(axis=0))) <= high <= 1


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (np.ones(4), {}),
        (np.array([[1.0, np.nan], [1.0, 1.0]]), {}),
        (np.ones((4, 2)), {"level": 1.0}),
        (np.ones((4, 2)), {"draws": 0}),
    ],
)
def test_bad_arguments_are_refused(rows: np.ndarray, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        interval(rows, ratio, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "true"), [(100, 0.3), (500, 0.72), (5010, 0.3334)])
def test_wilson_covers(n: int, true: float) -> None:
    ends = np.array([wilson(right, n) for right in range(n + 1)])
    inside = (ends[:, 0] <= true) & (true <= ends[:, 1])
    assert 0.93 < float(binom.pmf(np.arange(n + 1), n, true)[inside].sum()) < 0.97


def test_resampled_intervals_of_span_f1_cover() -> None:
    true = float(f1(sentences(400_000, 99).sum(axis=0)))
    ends = np.array([interval(sentences(400, 1000 + i), f1, seed=i, draws=300) for i in range(300)])
    assert 0.915 < ((ends[:, 0] <= true) & (true <= ends[:, 1])).mean() < 0.98


def test_many_different_rows_do_not_take_much_memory() -> None:
    blocks = list(resample._weights(np.ones(5010, dtype=np.intp), seed=0, draws=1000))
    assert sum(len(one) for one in blocks) == 1000
    assert max(one.size for one in blocks) <= resample.CELLS
    assert all((one.sum(axis=1) == 5010).all() for one in blocks)


@pytest.mark.parametrize("n", [50, 500])
def test_more_rows_give_narrower_intervals(n: int) -> None:
    def width(rows: int) -> float:
        low, high = np.mean([interval(sentences(rows, seed), f1, draws=200) for seed in range(8)], axis=0)
        return float(high - low)

    assert 0.4 < width(4 * n) / width(n) < 0.6, "four times the sentences, half the width"
