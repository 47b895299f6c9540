"""Influences: their mean is the score, and where a formula is known they are it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from xbench.errors import ScoringError
from xbench.influence import Cells, cells_of, influence
from xbench.metrics import Metric, f1, ratio
from xbench.record import Counts

SHARE = Metric(name="share", title="Share", columns=("right", "n"), count=lambda *_: (0.0, 1.0), close=ratio)


def spans(n: int, seed: int) -> np.ndarray:
    """Counts (right, predicted, gold) of n sentences."""
    some = np.random.default_rng(seed)
    gold = some.poisson(1.5, n)
    right = some.binomial(gold, 0.6)
    return np.stack([right, right + some.poisson(0.4, n), gold], axis=1).astype(np.float64)


def macro_f1(sums: np.ndarray) -> np.ndarray:
    """Mean F1 of two labels from columns (tp, predicted, gold) of each."""
    return (f1(sums[..., :3]) + f1(sums[..., 3:])) / 2


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 300), st.integers(0, 10_000))
def test_of_f1_they_are_the_delta_method(n: int, seed: int) -> None:
    rows = spans(n, seed) + np.eye(1, 3, 2)  # a gold span in every sentence: the formula divides by their mean
    score = f1(rows.sum(axis=0))
    both = rows[:, 1] + rows[:, 2]
    expected = score + (2 * rows[:, 0] - score * both) / both.mean()
    assert influence(rows, f1) == pytest.approx(expected, abs=1e-10)
    assert influence(rows, f1).mean() == pytest.approx(score, abs=1e-12)


def test_of_a_share_they_are_the_answers() -> None:
    right = np.random.default_rng(1).random(500) < 0.8
    assert influence(np.stack([right, np.ones(500)], axis=1), ratio) == pytest.approx(right.astype(float), abs=1e-10)


def test_of_macro_f1_they_foretell_what_leaving_an_item_out_does() -> None:
    some = np.random.default_rng(2)
    gold, said = some.integers(0, 2, 400), some.integers(0, 2, 400)
    said = np.where(some.random(400) < 0.6, gold, said)
    rows = np.stack(
        [part for k in (0, 1) for part in ((gold == k) & (said == k), said == k, gold == k)], axis=1
    ).astype(np.float64)
    psi = influence(rows, macro_f1)
    assert psi.mean() == pytest.approx(f1_score(gold, said, average="macro"), abs=1e-12)
    left_out = np.array([f1_score(np.delete(gold, i), np.delete(said, i), average="macro") for i in range(0, 400, 40)])
    assert psi.mean() - left_out == pytest.approx((psi[::40] - psi.mean()) / 399, abs=2e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 80), st.integers(0, 1000), st.floats(1e-6, 1e6))
def test_neither_order_nor_scale_of_the_rows_matters(n: int, seed: int, scale: float) -> None:
    rows = spans(n, seed) + np.eye(1, 3, 2)
    psi = influence(rows, f1)
    assert influence(rows[::-1], f1)[::-1] == pytest.approx(psi, abs=1e-10)
    assert influence(rows * scale, f1) == pytest.approx(psi, abs=1e-9)


def test_nothing_found_and_nothing_there_are_constant() -> None:
    assert np.array_equal(influence(np.tile([0.0, 1.0, 2.0], (9, 1)), f1), np.zeros(9))
    assert np.array_equal(influence(np.zeros((9, 3)), f1), np.zeros(9))
    assert influence(np.array([[2.0, 2.0, 2.0], [1.0, 1.0, 1.0]]), f1) == pytest.approx([1, 1], abs=1e-11)


@pytest.mark.parametrize("rows", [np.ones(3), np.ones((0, 2)), np.array([[1.0, np.inf]])])
def test_rows_that_are_none_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(ScoringError, match="rows must be finite"):
        influence(rows, ratio)


def table(ids: dict[str, str], right: dict[str, str]) -> Counts:
    """A run's counts: language -> ids, one letter each, and language -> those that were right."""
    rows = [(language, id, id in right[language]) for language, all_ids in ids.items() for id in all_ids]
    return Counts(
        ids=tuple(id for _, id, _ in rows), languages=tuple(language for language, _, _ in rows),
        columns=("share.right", "share.n"), rows=np.array([[float(hit), 1.0] for _, _, hit in rows]),
    )  # fmt: skip


def test_seeds_are_aligned_by_item() -> None:
    runs = [
        table({"de": "abc", "sw": "ab"}, {"de": "a", "sw": "b"}),
        table({"sw": "ba", "de": "cba"}, {"de": "ac", "sw": ""}),
    ]
    found = cells_of(runs, SHARE)
    assert found.ids == {"de": ("a", "b", "c"), "sw": ("a", "b")}
    assert found.influences["de"] == pytest.approx(np.array([[1, 0, 0], [1, 0, 1]]), abs=1e-10)
    assert found.influences["sw"] == pytest.approx(np.array([[0, 1], [0, 0]]), abs=1e-10)
    assert found.seeds == 2
    assert found.scores("de") == pytest.approx([1 / 3, 2 / 3], abs=1e-12)


@pytest.mark.parametrize("other", [{"de": "abd"}, {"de": "ab"}, {"de": "abc", "sw": "a"}, {"sw": "abc"}])
def test_seeds_on_other_items_are_refused(other: dict[str, str]) -> None:
    runs = [table({"de": "abc"}, {"de": "a"}), table(other, dict.fromkeys(other, ""))]
    with pytest.raises(ScoringError, match="2 seeds were not scored on the same items"):
        cells_of(runs, SHARE)


@pytest.mark.parametrize("others", [[], [{"de": "abc", "sw": "ab"}], [{"de": "aabc", "sw": "ab"}]])
def test_an_id_that_stands_there_twice_is_refused_and_no_example_is_dropped(others: list[dict[str, str]]) -> None:
    runs = [table(ids, {"de": "a", "sw": ""}) for ids in ({"de": "abca", "sw": "ab"}, *others)]
    for order in (runs, runs[::-1]):
        with pytest.raises(ScoringError, match=r"^de has ids more than once\.$"):
            cells_of(order, SHARE)
    both = table({"de": "aa", "sw": "bb"}, {"de": "a", "sw": ""})
    with pytest.raises(ScoringError, match=r"^de has ids more than once; sw has ids more than once\.$"):
        cells_of([both], SHARE)


@pytest.mark.parametrize(
    ("influences", "ids", "said"),
    [
        ({}, {}, "no cells"),
        ({"de": np.ones((2, 3))}, {"de": ("a", "b")}, "for 2 ids"),
        ({"de": np.ones((1, 2))}, {"de": ("a", "a")}, "ids more than once"),
        ({"de": np.ones((1, 1))}, {"sw": ("a",)}, "come with ids of sw"),
        ({"de": np.full((1, 1), np.nan)}, {"de": ("a",)}, "not finite"),
        ({"de": np.ones((1, 1)), "sw": np.ones((2, 1))}, {"de": ("a",), "sw": ("a",)}, "number of seeds: 1, 2"),
    ],
)
def test_influences_that_do_not_belong_together_are_refused(influences, ids, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ScoringError, match=said):
        Cells(influences=influences, ids=ids)
