"""p-values against enumeration, scipy and a plain loop."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from xbench import significance
from xbench.errors import BadOption, ScoringError
from xbench.influence import Cells
from xbench.significance import holm, paired_test, sign_flips
from xbench.uncertainty import difference, over_seeds


def plain_holm(p_values: list[float]) -> list[float]:
    """By the definition: an adjusted value is the least level at which stepping down rejects."""
    m = len(p_values)
    found = []
    for p in p_values:
        steps = [(m - sum(q < other for q in p_values)) * other for other in p_values if other <= p]
        found.append(min(1.0, max(steps)))
    return found


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_its_definition(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(plain_holm(p_values), abs=1e-15)
    assert all(p <= q <= 1 for p, q in zip(p_values, holm(p_values), strict=True))


def test_holm_of_an_example_by_hand() -> None:
    # 4 x .005, 3 x .01, 2 x .03 and, never below the one before, .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02), abs=1e-15)
    assert holm([]) == ()


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(bad: float) -> None:
    with pytest.raises(BadOption, match="p-values must lie in"):
        holm([0.5, bad])


def test_one_seed_each_is_the_paired_t_test() -> None:
    some = np.random.default_rng(0)
    ours, theirs = some.random((2, 300))
    ids = {"": tuple(map(str, range(300)))}
    one = difference(
        Cells(influences={"": ours[None]}, ids=ids), Cells(influences={"": theirs[None]}, ids=ids), {"": 1.0}
    )
    found = paired_test(one)
    assert found.two_sided == pytest.approx(ttest_rel(ours, theirs).pvalue, rel=1e-9)
    assert found.greater == pytest.approx(ttest_rel(ours, theirs, alternative="greater").pvalue, rel=1e-9)
    assert found.less == pytest.approx(1 - found.greater, rel=1e-9)
    assert paired_test(one, one.low).two_sided == pytest.approx(0.05, rel=1e-9), "test and interval agree"


def test_one_example_tells_nothing() -> None:
    assert paired_test(over_seeds(np.ones((3, 1)))).two_sided == 1.0


def test_sign_flips_come_near_all_flips() -> None:
    values = np.random.default_rng(5).integers(-3, 6, 12).astype(np.float64)
    every = np.array([np.dot(signs, values) for signs in itertools.product((-1, 1), repeat=12)])
    found = sign_flips(values, draws=40_000)
    assert found.two_sided == pytest.approx((np.abs(every) >= abs(values.sum())).mean(), abs=0.01)
    assert found.greater == pytest.approx((every >= values.sum()).mean(), abs=0.01)
    assert found.less == pytest.approx((every <= values.sum()).mean(), abs=0.01)


def test_sign_flips_count_themselves_and_ties() -> None:
    assert sign_flips(np.zeros(50), draws=99).two_sided == 1.0
    sure = sign_flips(np.ones(500), draws=999)
    assert (sure.two_sided, sure.greater, sure.less) == (1 / 1000, 1 / 1000, 1.0)
    tenths = np.array([0.1, 0.2, -0.3])  # in float64 they do not add up to 0 in every order
    assert sign_flips(tenths, draws=99).two_sided == 1.0


def test_sign_flips_hold_their_level() -> None:
    some = np.random.default_rng(7)
    p = np.array([sign_flips(some.standard_t(4, 60), seed=i, draws=199).two_sided for i in range(600)])
    assert 0.03 < (p <= 0.05).mean() < 0.075
    assert 0.45 < (p <= 0.5).mean() < 0.55


def test_sign_flips_are_seeded_whatever_the_order_and_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(6).normal(0.05, 1, 333)
    first = sign_flips(values, seed=4, draws=500)
    assert sign_flips(values[::-1], seed=4, draws=500) == first
    assert sign_flips(values, seed=5, draws=500) != first
    monkeypatch.setattr(significance, "CELLS", 1000)
    assert sign_flips(values, seed=4, draws=500) == first


def test_sign_flips_refuse_what_cannot_be_tested() -> None:
    for bad in (np.ones((2, 2)), np.ones(0), np.array([1.0, np.nan])):
        with pytest.raises(ScoringError, match="differences must be finite"):
            sign_flips(bad)
    with pytest.raises(BadOption, match="draws must be positive"):
        sign_flips(np.ones(3), draws=0)
