"""Intervals over seeds and items: against the sums of squares of the textbook, against scipy, and in simulation."""

import itertools
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t, ttest_1samp

from xbench.errors import BadOption, ScoringError
from xbench.influence import Cells
from xbench.resample import wilson
from xbench.uncertainty import combined, contrast, difference, difference_spread, joined, over_seeds, spread


def cells(**languages: np.ndarray) -> Cells:
    """Influences with ids that count from 0 in every language."""
    return Cells(
        influences=languages,
        ids={name: tuple(map(str, range(rows.shape[1]))) for name, rows in languages.items()},
    )


def right(some: np.random.Generator, seeds: int, n: int, seed_sd: float = 0.1, item_sd: float = 1.0) -> np.ndarray:
    """0 or 1, shape (seeds, n); the true share is that of a normal number of variance 1 + both above -1."""
    latent = 1 + item_sd * some.standard_normal(n) + seed_sd * some.standard_normal((seeds, 1))
    return (latent + some.standard_normal((seeds, n)) > 0).astype(np.float64)


def mean_squares(rows: np.ndarray) -> tuple[float, float, float]:
    """Of seeds, items and interaction, one cell at a time, as a textbook has them."""
    k, n = rows.shape
    grand = rows.mean()
    seeds, items, both = 0.0, 0.0, 0.0
    for s, i in itertools.product(range(k), range(n)):
        a, b = rows[s].mean() - grand, rows[:, i].mean() - grand
        seeds += a * a / (k - 1)
        items += b * b / (n - 1)
        both += (rows[s, i] - grand - a - b) ** 2 / ((k - 1) * (n - 1))
    return seeds, items, both


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(4, 30), st.integers(0, 1000), st.sampled_from([0.0, 0.1, 1.0]))
def test_two_levels_are_the_two_way_analysis_of_variance(k: int, n: int, seed: int, seed_sd: float) -> None:
    some = np.random.default_rng(seed)
    rows = 0.5 + 0.05 * (
        some.standard_normal((k, n)) + some.standard_normal(n) + seed_sd * some.standard_normal((k, 1))
    )
    of_seeds, of_items, of_both = mean_squares(rows)
    variance = max(of_seeds + of_items - of_both, of_seeds, of_items) / (k * n)
    satterthwaite = of_seeds**2 / (k - 1) + of_items**2 / (n - 1) + of_both**2 / ((k - 1) * (n - 1))
    found = over_seeds(rows)
    assert found.value == pytest.approx(rows.mean(), abs=1e-12)
    assert found.standard_error == pytest.approx(sqrt(variance), rel=1e-9)
    assert found.degrees_of_freedom == pytest.approx((variance * k * n) ** 2 / satterthwaite, rel=1e-9)
    assert (found.seeds, found.n) == (k, n)
    assert 0 <= found.low < found.value < found.high <= 1


def test_one_seed_is_the_t_interval_over_items() -> None:
    rows = np.random.default_rng(0).random((1, 200))
    weighed = contrast(cells(de=rows), {"de": 2.0})  # no mean of scores, so in plain t form
    theirs = ttest_1samp(2 * rows[0], 0).confidence_interval(0.95)
    assert (weighed.low, weighed.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert (weighed.seeds, weighed.degrees_of_freedom) == (1, 199)
    one = over_seeds((rows > 0.3).astype(float))
    assert (one.low, one.high) == pytest.approx(wilson((rows > 0.3).sum(), 200), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(2, 40), st.integers(0, 1000), st.floats(0.5, 0.99))
def test_intervals_of_scores_hold_the_score_within_0_and_1(k: int, n: int, seed: int, level: float) -> None:
    rows = right(np.random.default_rng(seed), k, n)
    found, wider = over_seeds(rows, level), over_seeds(rows, (1 + level) / 2)
    assert 0 <= wider.low <= found.low <= found.value <= found.high <= wider.high <= 1
    assert found.high - found.low > 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000))
def test_neither_the_order_of_items_nor_of_seeds_matters(seed: int) -> None:
    some = np.random.default_rng(seed)
    rows = right(some, 3, 50)
    found, other = over_seeds(rows), over_seeds(rows[::-1, some.permutation(50)])
    assert (other.low, other.high) == pytest.approx((found.low, found.high), abs=1e-12)


def test_more_examples_and_more_seeds_make_it_narrower() -> None:
    widths = {}
    for k, n in itertools.product((3, 10), (200, 2000)):
        some = np.random.default_rng(1)
        found = [over_seeds(right(some, k, n)) for _ in range(30)]
        widths[k, n] = np.mean([one.high - one.low for one in found])
    assert widths[3, 200] > widths[3, 2000] > widths[10, 2000]
    assert widths[3, 200] > widths[10, 200] > widths[10, 2000]


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_scores_that_never_vary_are_no_certainty(value: float) -> None:
    found = over_seeds(np.full((5, 80), value))
    assert (found.low, found.high) == wilson(80 * value, 80)
    assert found.standard_error > 0


def test_equal_encoders_may_still_differ_where_nobody_looked() -> None:
    same = cells(de=np.random.default_rng(0).random((1, 80)))
    found = difference(same, same, {"de": 1.0})
    assert found.value == 0
    assert found.high == -found.low == pytest.approx(2 * wilson(0, 80)[1])


@pytest.mark.parametrize("k", [1, 4])
def test_one_example_tells_nothing(k: int) -> None:
    found = over_seeds(np.full((k, 1), 0.7))
    assert (found.low, found.high, found.degrees_of_freedom) == (0.0, 1.0, 0.0)


def test_a_mean_of_languages_is_a_score() -> None:
    names = [f"l{place}" for place in range(14)]
    mean = dict.fromkeys(names, 1 / 14)
    perfect = contrast(cells(**{name: np.ones((3, 50)) for name in names}), mean)
    assert (perfect.low, perfect.high, perfect.value) == pytest.approx((*wilson(50, 50), 1.0), abs=1e-12)
    some = np.random.default_rng(2)
    near = contrast(cells(**{name: (some.random((1, 30)) < 0.995) * 1.0 for name in names}), mean)
    assert near.low < near.value < near.high < 1


def test_one_example_in_one_part_tells_nothing_of_the_whole() -> None:
    one, other = over_seeds(np.ones((2, 1))), over_seeds(right(np.random.default_rng(1), 2, 50))
    found = combined([one, other], [0.5, 0.5])
    assert (found.low, found.high) == (0.0, 1.0)
    assert combined([one, other], [0.0, 1.0]).low == pytest.approx(other.low)
    mixed = contrast(cells(de=np.ones((2, 1)), sw=np.eye(2, 50)), {"de": 0.5, "sw": 0.5}, paired=False)
    assert combined([mixed], [1.0]).high == 1.0
    assert (mixed.low, mixed.high) == (0.0, 1.0)


def test_parallel_languages_are_summed_by_item_before_variances_are_taken() -> None:
    some = np.random.default_rng(3)
    shared = some.standard_normal(60)
    de, sw = (shared + some.standard_normal((4, 60)) for _ in "ab")
    found = spread([(cells(de=de, sw=sw), {"de": 0.3, "sw": -0.7})])
    alone = spread([(cells(sum=0.3 * de - 0.7 * sw), {"sum": 1.0})])
    for field in ("value", "seeds", "examples", "interactions", "n", "smallest"):
        assert getattr(found, field) == pytest.approx(getattr(alone, field), rel=1e-9)
    assert (found.least, found.most) == (-0.7, 0.3)


def test_items_are_found_by_their_id_in_any_order() -> None:
    some = np.random.default_rng(3)
    de, sw = some.random((2, 3, 40))
    order = some.permutation(40)
    ids = tuple(f"i{place}" for place in range(40))
    turned = Cells(
        influences={"de": de, "sw": sw[:, order]}, ids={"de": ids, "sw": tuple(ids[place] for place in order)}
    )
    mean = {"de": 0.5, "sw": 0.5}
    found, straight = contrast(turned, mean), contrast(cells(de=de, sw=sw), mean)
    assert (found.low, found.high) == pytest.approx((straight.low, straight.high), abs=1e-12)


def test_variances_of_unpaired_languages_add_while_seeds_stay_shared() -> None:
    some = np.random.default_rng(4)
    de, sw = some.standard_normal((3, 50)), some.standard_normal((3, 80))
    both = spread([(cells(de=de, sw=sw), {"de": 0.5, "sw": 2.0})], paired=False)
    one, other = (spread([(cells(x=rows), {"x": weight})]) for rows, weight in ((de, 0.5), (sw, 2.0)))
    assert both.examples == pytest.approx(one.examples + other.examples, rel=1e-9)
    assert both.interactions[0] == pytest.approx(one.interactions[0] + other.interactions[0], rel=1e-9)
    assert both.seeds[0] == pytest.approx(np.var(0.5 * de.mean(axis=1) + 2 * sw.mean(axis=1), ddof=1), rel=1e-9)
    assert (both.n, both.smallest) == (130, 50)


def test_languages_that_share_some_items_pair_those() -> None:
    some = np.random.default_rng(5)
    de = some.random((1, 40))
    half = Cells(
        influences={"de": de, "sw": de},
        ids={"de": tuple(f"{i}" for i in range(40)), "sw": tuple(f"{i + 20}" for i in range(40))},
    )
    dev = (de[0] - de.mean()) / sqrt(40 * 39)
    joined = np.zeros(60)
    joined[:40] += 0.5 * dev
    joined[20:] += 0.5 * dev
    found = spread([(half, {"de": 0.5, "sw": 0.5})])
    assert found.examples == pytest.approx((joined**2).sum(), rel=1e-9)
    assert found.n == 60


def test_a_difference_counts_the_interaction_once() -> None:
    some = np.random.default_rng(6)
    shared = some.random(70)
    ours, theirs = (some.random(70) + shared + some.random((k, 70)) + some.random((k, 1)) for k in (4, 3))
    found = difference(cells(de=ours), cells(de=theirs), {"de": 1.0})
    of_items = np.var(ours.mean(axis=0) - theirs.mean(axis=0), ddof=1) / 70
    of_seeds = np.var(ours.mean(axis=1), ddof=1) / 4 + np.var(theirs.mean(axis=1), ddof=1) / 3
    of_both = mean_squares(ours)[2] / (4 * 70) + mean_squares(theirs)[2] / (3 * 70)
    assert found.standard_error**2 == pytest.approx(of_items + of_seeds - of_both, rel=1e-9)
    assert found.value == pytest.approx(ours.mean() - theirs.mean(), abs=1e-12)
    half_width = t.ppf(0.975, found.degrees_of_freedom) * found.standard_error
    assert (found.low, found.high) == pytest.approx((found.value - half_width, found.value + half_width))
    assert (found.seeds, found.least, found.most) == (3, -1.0, 1.0)


def test_the_parts_of_a_difference_can_be_moderated() -> None:
    some = np.random.default_rng(7)
    parts = difference_spread(cells(de=some.random((3, 70))), cells(de=some.random((3, 70))), {"de": 1.0})
    assert replace(parts, seeds=(0.01, 0.01)).estimate().standard_error > parts.estimate().standard_error


def test_independent_tasks_add() -> None:
    some = np.random.default_rng(8)
    one, other = over_seeds(right(some, 3, 90)), over_seeds(right(some, 5, 400))
    found = combined([one, other], [0.5, 0.5])
    parts = [(0.5 * task.standard_error) ** 2 for task in (one, other)]
    assert found.value == pytest.approx((one.value + other.value) / 2)
    assert found.standard_error == pytest.approx(sqrt(sum(parts)))
    freedom = [task.degrees_of_freedom for task in (one, other)]
    assert found.degrees_of_freedom == pytest.approx(
        sum(parts) ** 2 / sum(p * p / f for p, f in zip(parts, freedom, strict=True))
    )
    assert (found.seeds, found.n, found.least, found.most) == (3, 490, 0.0, 1.0)
    gap = combined([one, other], [1.0, -1.0])
    assert (gap.least, gap.most) == (-1.0, 1.0)


def test_what_does_not_belong_together_is_refused() -> None:
    one = cells(de=np.ones((2, 3)))
    with pytest.raises(BadOption, match="no cells of sw; there are de"):
        contrast(one, {"de": 0.5, "sw": 0.5})
    with pytest.raises(BadOption, match="weights must be"):
        contrast(one, {})
    with pytest.raises(BadOption, match="not all of them 0"):
        contrast(one, {"de": 0.0})
    with pytest.raises(BadOption, match="level must lie"):
        contrast(one, {"de": 1.0}, level=1.0)
    with pytest.raises(ScoringError, match="de: candidate and base were not scored on the same items; 1 are on one"):
        difference(one, cells(de=np.ones((2, 4))), {"de": 1.0})
    with pytest.raises(BadOption, match="1 estimates come with 2 weights"):
        combined([over_seeds(np.ones((2, 3)))], [0.5, 0.5])


@pytest.mark.parametrize("seed_sd", [0.02, 0.3])
def test_intervals_over_seeds_cover(seed_sd: float) -> None:
    true = float(norm.cdf(1 / sqrt(2 + seed_sd**2)))
    some = np.random.default_rng(9)
    found = [over_seeds(right(some, 5, 400, seed_sd)) for _ in range(600)]
    assert 0.92 < np.mean([one.low <= true <= one.high for one in found]) < 0.98
    without = [over_seeds(right(some, 5, 400, seed_sd).mean(axis=0)[None]) for _ in range(200)]
    if seed_sd > 0.1:
        assert np.mean([one.low <= true <= one.high for one in without]) < 0.8, "seeds must count"


def test_intervals_of_differences_and_contrasts_cover() -> None:
    some = np.random.default_rng(10)
    held = []
    for _ in range(400):
        items = some.standard_normal(300)
        de, sw, base = (
            (items + 0.3 * some.standard_normal((4, 1)) + some.standard_normal((4, 300)) > -x) * 1.0 for x in (1, 0, 1)
        )
        gap = contrast(cells(de=de, sw=sw), {"de": 1.0, "sw": -1.0})
        change = difference(cells(de=de), cells(de=base), {"de": 1.0})
        held.append((gap.low <= norm.cdf(1 / sqrt(2.09)) - 0.5 <= gap.high, change.low <= 0 <= change.high))
    assert np.all((np.mean(held, axis=0) > 0.92) & (np.mean(held, axis=0) < 0.985))


def test_tasks_of_one_fine_tuning_are_as_languages_of_one_task() -> None:
    some = np.random.default_rng(0)
    moved = 0.2 * some.standard_normal((5, 1))
    qa = {name: moved + some.standard_normal((5, 80)) for name in ("de", "sw")}
    more = {name: 2 * moved + some.standard_normal((5, 50)) for name in ("hi",)}
    both = cells(**qa, **more)
    whole = spread([(both, {"de": 0.25, "sw": 0.25, "hi": 0.5})], paired=False)
    parts = [spread([(cells(**one), dict.fromkeys(one, 1 / len(one)))], paired=False) for one in (qa, more)]
    together = joined(parts, [0.5, 0.5], same=True)
    assert together.seeds == pytest.approx(whole.seeds)
    assert together.by_seed[0] == pytest.approx(whole.by_seed[0])
    assert (together.examples, together.interactions) == (
        pytest.approx(whole.examples),
        pytest.approx(whole.interactions),
    )
    assert together.estimate().value == pytest.approx(whole.estimate().value)
    apart = combined([one.estimate() for one in parts], [0.5, 0.5])
    assert together.estimate().standard_error > 1.2 * apart.standard_error
    assert (together.n, together.smallest, together.least, together.most) == (210, 50, 0.0, 1.0)


def test_tasks_whose_seeds_are_others_err_together_at_most() -> None:
    some = np.random.default_rng(1)
    rows = [some.standard_normal((seeds, 40)) for seeds in (3, 5)]
    parts = [spread([(cells(de=one), {"de": 1.0})]) for one in rows]
    together = joined(parts, [0.5, 0.5], same=False)
    deviations = [one.mean(axis=1).std(ddof=1) for one in rows]
    assert together.seeds[0] == pytest.approx((sum(deviations) / 2) ** 2)
    assert (together.runs, together.by_seed) == ((3,), ())
