"""Scores by language -> gap, worst, spread, group means."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbench.board.spread import over_all
from xbench.disparity import (
    EQUAL,
    SPREADS,
    Measure,
    drawn,
    gini,
    lowest_fifth,
    mean_difference,
    measures,
    sample,
)
from xbench.errors import BadOption
from xbench.influence import Cells

NAMES = ("ar", "de", "es", "fr", "hi", "ru", "sw", "th", "ur", "zh")
shares = st.floats(0.05, 0.9)
several = st.lists(shares, min_size=2, max_size=10)


def measured(values: dict[str, float], **more: object) -> dict[str, Measure]:
    """Measures of values by language, English the source, without counts."""
    taken = sample(values, "en", cells=None, parallel=bool(more.pop("parallel", True)), chance=more.pop("chance", 0.0))
    return {one.name: one for one in measures(taken, more.pop("groups", {}), more.pop("speakers", {}), gini=True)}


def answered(shares: Sequence[float], seeds: int = 3, items: int = 400, seed: int = 0) -> Cells:
    """Right and wrong answers of some seeds, the first language the source."""
    generator = np.random.default_rng(seed)
    names = ("en", *NAMES)[: len(shares)]
    ids = tuple(map(str, range(items)))
    return Cells(
        influences={
            name: (generator.random((seeds, items)) < share).astype(float)
            for name, share in zip(names, shares, strict=True)
        },
        ids=dict.fromkeys(names, ids),
    )


def by_hand(values: Sequence[float]) -> dict[str, float]:
    """The spreads, each as its definition says it."""
    n = len(values)
    pairs = [abs(a - b) for i, a in enumerate(values) for j, b in enumerate(values) if i < j]
    mean = sum(values) / n
    ordered = sorted(values)
    return {
        "worst language": ordered[0],
        "lowest fifth": sum(ordered[: -(-n // 5)]) / -(-n // 5),
        "mean difference": sum(pairs) / len(pairs),
        "SD": (sum((v - mean) ** 2 for v in values) / (n - 1)) ** 0.5,
        "min / max": ordered[0] / ordered[-1],
        "Gini": sum(abs(a - b) for a in values for b in values) / (2 * n * n * mean),
    }


@given(several)
def test_spreads_are_what_their_definitions_say(values: list[float]) -> None:
    expected = by_hand(values)
    assert set(expected) == set(SPREADS)
    for name, measure in SPREADS.items():
        assert float(measure(np.array(values))) == pytest.approx(expected[name], abs=1e-12), name
        assert measure(np.array([values, values])) == pytest.approx([expected[name]] * 2, abs=1e-12), name


@given(several, st.floats(-0.05, 0.09))
def test_a_constant_added_to_all_languages_leaves_the_spread_unchanged(values: list[float], more: float) -> None:
    one, other = np.array(values), np.array(values) + more
    assert float(mean_difference(other)) == pytest.approx(float(mean_difference(one)), abs=1e-12)
    assert float(SPREADS["SD"](other)) == pytest.approx(float(SPREADS["SD"](one)), abs=1e-12)
    assert float(lowest_fifth(other)) == pytest.approx(float(lowest_fifth(one)) + more, abs=1e-12)


def test_gini_is_another_number_for_errors_and_that_is_why_it_is_not_shown_by_default() -> None:
    accuracy = np.array([0.9, 0.8])
    assert float(gini(accuracy)) < float(gini(1 - accuracy))
    taken = sample({"en": 0.9, "de": 0.8, "sw": 0.5}, "en", cells=None, parallel=True, chance=0.0)
    assert "Gini" not in {one.name for one in measures(taken, {}, {})}


@given(st.floats(0.3, 0.95), several)
def test_an_all_wrong_language_never_lowers_the_gap(source: float, values: list[float]) -> None:
    scores = {"en": source} | dict(zip(NAMES, values, strict=False))
    before = measured(scores)["gap"].value
    after = measured(scores | {"xx": 0.0})["gap"].value
    assert after >= before - 1e-12
    assert measured(scores | {"xx": 0.0})["worst language"].languages == ("xx",)


def test_gaps_are_absolute_relative_and_above_chance() -> None:
    found = measured({"en": 0.8, "de": 0.7, "sw": 0.5}, chance=1 / 3)
    assert found["target mean"].value == pytest.approx(0.6)
    assert found["gap"].value == pytest.approx(0.2)
    assert found["relative gap"].value == pytest.approx(0.2 / 0.8)
    assert found["gap above chance"].value == pytest.approx(0.2 / (0.8 - 1 / 3))


def test_a_gap_of_a_set_that_is_not_parallel_says_so() -> None:
    scores = {"en": 0.8, "de": 0.7}
    assert not measured(scores)["gap"].caveat
    assert "different test items" in measured(scores, parallel=False)["gap"].caveat


def test_without_a_source_score_there_is_no_gap_and_the_rest_is_there() -> None:
    found = measured({"de": 0.7, "sw": 0.5})
    assert "gap" not in found
    assert found["target mean"].value == pytest.approx(0.6)


def test_groups_are_means_of_their_members_and_empty_ones_are_left_out() -> None:
    found = measured({"en": 0.9, "de": 0.8, "sw": 0.4, "ur": 0.6}, groups={"low": ("sw", "ur", "yo"), "none": ("yo",)})
    assert found["mean: low"].value == pytest.approx(0.5)
    assert found["mean: low"].languages == ("sw", "ur")
    assert "mean: none" not in found


def test_speakers_weigh_languages_and_those_without_a_number_are_named() -> None:
    found = measured({"en": 0.9, "de": 0.8, "sw": 0.4, "xx": 0.1}, speakers={"de": 100, "sw": 300, "en": 1000})
    assert found["speaker-weighted"].value == pytest.approx(0.25 * 0.8 + 0.75 * 0.4)
    assert found["speaker-weighted"].caveat.startswith("1 language")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.2, 0.9), min_size=3, max_size=6), st.sampled_from((1, 6)))
def test_intervals_hold_their_value_and_more_items_narrow_them(shares: list[float], seeds: int) -> None:
    def of(items: int) -> dict[str, Measure]:
        cells = answered(shares, seeds, items)
        scores = {name: float(cells.scores(name).mean()) for name in cells.influences}
        taken = sample(scores, "en", cells=cells, parallel=True, chance=0.0)
        return {one.name: one for one in measures(taken, {"group": NAMES[:2]}, {}, gini=True)}

    few, many = of(200), of(20_000)
    for name, one in few.items():
        assert one.low is not None, name
        assert one.high is not None, name
        assert one.low <= one.value <= one.high, name
    # Between 200 and 20,000 items errors fall tenfold. With two or three seeds chance in t's few degrees could hide it.
    for name in ("target mean", "mean difference", "gap"):
        widths = [float(found[name].high or 0) - float(found[name].low or 0) for found in (few, many)]
        assert widths[1] < widths[0], name


def test_where_noise_alone_gives_the_spread_the_interval_reaches_equality_and_elsewhere_it_does_not() -> None:
    def of(shares: Sequence[float]) -> dict[str, Measure]:
        cells = answered(shares, 1, 300)
        scores = {name: float(cells.scores(name).mean()) for name in cells.influences}
        taken = sample(scores, "en", cells=cells, parallel=True, chance=0.0)
        return {one.name: one for one in measures(taken, {}, {}, gini=True)}

    even, apart = of((0.9,) + (0.6,) * 8), of((0.9, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3))
    for name, equal in EQUAL.items():
        near, far = ((one.high if equal else one.low) for one in (even[name], apart[name]))
        assert near == equal, name
        assert far is not None
        assert abs(far - equal) > 0.02, name


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=5), st.integers(0, 20))
def test_intervals_stay_where_measures_can_be(shares: list[float], seed: int) -> None:
    cells = answered(shares, 3, 12, seed)
    scores = {name: float(cells.scores(name).mean()) for name in cells.influences}
    taken = sample(scores, "en", cells=cells, parallel=True, chance=0.0)
    for one in measures(taken, {}, {}, gini=True):
        if one.name in SPREADS:
            assert one.low is not None, one.name
            assert one.high is not None, one.name
            assert 0.0 <= one.low <= one.value <= one.high <= 1.0, one.name


def test_draws_vary_as_much_as_scores_of_new_tests_do() -> None:
    shares, items = (0.8, 0.7, 0.4), 500
    cells = answered(shares, 1, items)
    draws = drawn(cells, ("en", "ar", "de"), paired=True, draws=4000)
    expected = [np.sqrt(share * (1 - share) / items) for share in shares]
    assert draws.std(0) == pytest.approx(expected, rel=0.1)
    assert draws.mean(0) == pytest.approx([float(cells.scores(one)[0]) for one in ("en", "ar", "de")], abs=2e-3)


def test_draws_of_a_parallel_set_keep_what_languages_share() -> None:
    ids = tuple(map(str, range(500)))
    same = (np.random.default_rng(1).random((1, 500)) < 0.6).astype(float)
    cells = Cells(influences={"en": same, "de": same}, ids={"en": ids, "de": ids})
    paired, apart = (drawn(cells, ("en", "de"), paired=paired) for paired in (True, False))
    assert np.corrcoef(paired.T)[0, 1] == pytest.approx(1.0)
    assert abs(np.corrcoef(apart.T)[0, 1]) < 0.1


def test_languages_that_share_some_items_are_paired_in_these() -> None:
    some = np.random.default_rng(3)
    asked = {"en": range(0, 600), "de": range(0, 400), "sw": range(200, 600)}
    hard = some.random(600)
    cells = Cells(
        influences={name: (hard[list(own)] < 0.6).astype(float)[None] for name, own in asked.items()},
        ids={name: tuple(map(str, own)) for name, own in asked.items()},
    )
    values = {name: float(cells.scores(name).mean()) for name in asked}
    shares, own = (
        sample(values, "en", cells=cells, parallel=False, shares_items=shares, chance=0.0) for shares in (True, False)
    )
    (wide, *_), (narrow, *_) = (measures(taken, {}, {}) for taken in (shares, own))
    # Half of each target's questions are the other's too, and are answered alike: Var(mean) is 1.5 times as large.
    assert (wide.high - wide.value) / (narrow.high - narrow.value) == pytest.approx(np.sqrt(1.5), rel=0.05)
    gaps = [next(one for one in measures(taken, {}, {}) if one.name == "gap") for taken in (shares, own)]
    assert all("different test items" in gap.caveat for gap in gaps)
    assert gaps[0].high - gaps[0].low < gaps[1].high - gaps[1].low


def test_the_spread_over_seeds_is_in_the_draws() -> None:
    ids = tuple(map(str, range(2000)))
    generator = np.random.default_rng(2)
    seeds = np.clip(0.6 + 0.05 * generator.standard_normal(5), 0, 1)
    rows = (generator.random((5, 2000)) < seeds[:, None]).astype(float)
    cells = Cells(influences={"de": rows}, ids={"de": ids})
    one = Cells(influences={"de": rows[:1]}, ids={"de": ids})
    assert drawn(cells, ("de",), paired=True).std() > 1.5 * drawn(one, ("de",), paired=True).std()


def test_equal_calls_draw_the_same() -> None:
    cells = answered((0.8, 0.6, 0.5))
    first, second = (drawn(cells, ("en", "ar", "de"), paired=True, seed=3) for _ in range(2))
    assert (first == second).all()
    assert not (first == drawn(cells, ("en", "ar", "de"), paired=True, seed=4)).all()


def of_task(value: float, half: float | None, name: str = "gap") -> Measure:
    low, high = (None, None) if half is None else (value - half, value + half)
    return Measure(name=name, value=value, low=low, high=high, languages=("de",))


def test_over_tasks_measures_are_averaged_and_their_errors_added_in_squares() -> None:
    both = over_all([(of_task(0.2, 0.03), of_task(0.1, 0.01, "SD")), (of_task(0.4, 0.04),)], ["a", "b"])
    assert [one.name for one in both] == ["gap"]
    assert both[0].value == pytest.approx(0.3)
    assert (both[0].low, both[0].high) == (pytest.approx(0.3 - 0.05 / 2), pytest.approx(0.3 + 0.05 / 2))
    assert over_all([(of_task(0.2, 0.03),), (of_task(0.1, None),)], ["a", "b"])[0].low is None
    assert over_all([(of_task(0.2, 0.03),)], ["a"]) == ()


def test_errors_of_tasks_that_share_a_fine_tuning_are_added() -> None:
    three = [(of_task(0.2, 0.03),), (of_task(0.4, 0.01),), (of_task(0.6, 0.03),)]
    (shared,) = over_all(three, ["a", "a", "b"])
    assert shared.high == pytest.approx(0.4 + np.hypot(0.04, 0.03) / 3)
    (untrained,) = over_all(three, ["", "", "b"])
    assert untrained.high == pytest.approx(0.4 + np.sqrt(0.03**2 + 0.01**2 + 0.03**2) / 3), "no training is none"


def test_what_cannot_be_measured_is_an_error() -> None:
    with pytest.raises(BadOption, match="no target"):
        sample({"en": 0.5}, "en", cells=None, parallel=True, chance=0.0)
    with pytest.raises(BadOption, match="no cells of xx"):
        sample({"en": 0.5, "xx": 0.4}, "en", cells=answered((0.5,)), parallel=True, chance=0.0)
