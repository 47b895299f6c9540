"""Mining: margins, one-to-one pairs and the threshold, each against a straightforward loop."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbench import catalogue, data
from xbench.errors import BadOption
from xbench.mining import NEIGHBOURS, mine, threshold, unify
from xbench.nearest import directions


def vectors(n: int, seed: int, hidden: int = 6) -> np.ndarray:
    return directions(np.random.default_rng(seed).normal(size=(n, hidden)).astype(np.float32))


def margin(foreign: np.ndarray, source: np.ndarray, i: int, j: int, k: int) -> float:
    """Artetxe and Schwenk 2019, equations 2 and 3, one pair at a time."""
    cosine = [[float(one @ other) for other in source] for one in foreign]
    of_foreign = sorted(cosine[i], reverse=True)[:k]
    of_source = sorted((row[j] for row in cosine), reverse=True)[:k]
    beside = sum(of_foreign) / (2 * len(of_foreign)) + sum(of_source) / (2 * len(of_source))
    return cosine[i][j] / beside if beside > 0 else 0.0


def loop(foreign: np.ndarray, source: np.ndarray, k: int) -> list[tuple[int, int, float]]:
    """Best partner of every sentence among its k nearest; then by falling score, each sentence once."""
    candidates = []
    for i, one in enumerate(foreign):
        near = sorted(range(len(source)), key=lambda j: (-float(one @ source[j]), j))[:k]
        candidates.append(max(((margin(foreign, source, i, j, k), i, j) for j in near), key=lambda found: found[0]))
    for j, other in enumerate(source):
        near = sorted(range(len(foreign)), key=lambda i: (-float(foreign[i] @ other), i))[:k]
        candidates.append(max(((margin(foreign, source, i, j, k), i, j) for i in near), key=lambda found: found[0]))
    pairs: list[tuple[int, int, float]] = []
    for score, i, j in sorted(candidates, key=lambda found: (-found[0], *found[1:])):
        if all(i != one and j != other for one, other, _ in pairs):
            pairs.append((i, j, score))
    return pairs


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_pairs_are_those_of_a_loop(n: int, m: int, k: int, seed: int) -> None:
    foreign, source = vectors(n, seed), vectors(m, seed + 1)
    found, expected = mine(foreign, source, k), loop(foreign, source, k)
    assert [*zip(found.foreign.tolist(), found.source.tolist(), strict=True)] == [(i, j) for i, j, _ in expected]
    assert found.score == pytest.approx([score for *_, score in expected], rel=1e-4, abs=1e-5)


@given(st.integers(1, 15), st.integers(1, 15), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_each_sentence_stands_once_and_scores_fall(n: int, m: int, seed: int) -> None:
    found = mine(vectors(n, seed, 2), vectors(m, seed + 1, 2))
    assert (
        len(set(found.foreign.tolist())) == len(found.foreign) == len(found.source) == len(set(found.source.tolist()))
    )
    assert (np.diff(found.score) <= 0).all()
    assert np.isfinite(found.score).all()


@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_sentences_tells_nothing(n: int, m: int, seed: int) -> None:
    # All in one quadrant: across from one another they would have equal margins, of which the first comes first.
    foreign, source = np.abs(vectors(n, seed)), np.abs(vectors(m, seed + 1))
    generator = np.random.default_rng(seed)
    turned, moved = generator.permutation(n), generator.permutation(m)
    plain, mixed = mine(foreign, source), mine(foreign[turned], source[moved])
    assert {*zip(plain.foreign.tolist(), plain.source.tolist(), strict=True)} == {
        *zip(turned[mixed.foreign].tolist(), moved[mixed.source].tolist(), strict=True)
    }


def test_a_hub_loses_what_a_cosine_would_give_it() -> None:
    # The first source sentence is near to everything: by the cosine it is the nearest of all three.
    foreign = directions(np.array([[1, 0.5, 0], [1, 0, 0.5], [1, 0.4, 0.4]], np.float32))
    source = directions(np.array([[1, 0.3, 0.3], [0.2, 1, 0], [0.2, 0, 1], [0, -1, -1]], np.float32))
    assert (foreign @ source.T).argmax(1).tolist() == [0, 0, 0]
    found = mine(foreign, source, 2)
    assert {*zip(found.foreign.tolist(), found.source.tolist(), strict=True)} == {(0, 1), (1, 2), (2, 0)}


def test_a_sentence_apart_from_all_others_has_no_margin() -> None:
    across = directions(np.array([[1, 0], [-1, 0]], np.float32))
    assert mine(across[:1], across[1:]).score.tolist() == [0.0]


def test_the_first_of_equal_sentences_comes_first() -> None:
    found = mine(np.ones((3, 1), np.float32), np.ones((2, 1), np.float32))
    assert (found.foreign[0], found.source[0], found.score[0]) == (0, 0, 1.0)


def test_an_empty_side_has_no_pairs_and_other_shapes_are_refused() -> None:
    none = np.empty((0, 1), np.float32)
    for pair in ((none, vectors(3, 0)), (vectors(3, 0), none)):
        assert [len(part) for part in (mine(*pair).foreign, mine(*pair).source, mine(*pair).score)] == [0, 0, 0]
    with pytest.raises(BadOption, match="cannot be compared"):
        mine(vectors(3, 0), vectors(3, 0, hidden=5))
    assert NEIGHBOURS == 4


def f1_above(score: np.ndarray, right: np.ndarray, gold: int, least: float) -> float:
    proposed = score >= least
    tp = int((proposed & right).sum())
    precision, recall = (tp / proposed.sum(), tp / gold) if tp else (0.0, 0.0)
    return 2 * precision * recall / (precision + recall) if tp else 0.0


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 0.9, 1.0, 1.01, 1.02, 1.3, 2.0]), st.booleans()), max_size=14),
    st.integers(0, 5),
)
def test_no_threshold_does_better(candidates: list[tuple[float, bool]], unfound: int) -> None:
    score = np.array([one for one, _ in candidates], np.float64)
    right = np.array([one for _, one in candidates], bool)
    gold = int(right.sum()) + unfound
    least, f1 = threshold(score, right, gold)
    best = max((f1_above(score, right, gold, one) for one in [*score, 99.0]), default=0.0)
    assert f1 == pytest.approx(best, abs=1e-12)
    assert f1_above(score, right, gold, least) == pytest.approx(best, abs=1e-12)
    if best:
        # Of equal ones the highest: whatever proposes fewer pairs does worse.
        proposed = (score >= least).sum()
        fewer = [one for one in score if (score >= one).sum() < proposed]
        assert all(f1_above(score, right, gold, one) < best - 1e-12 for one in fewer)


def test_the_threshold_lies_midway_to_the_next_pair() -> None:
    score, right = np.array([1.1, 1.4, 1.0, 1.2]), np.array([False, True, False, True])
    assert threshold(score, right, 2) == (pytest.approx(1.15), 1.0)
    assert threshold(score, np.array([False, False, True, False]), 1) == (1.0, pytest.approx(0.4))
    assert threshold(score, np.zeros(4, bool), 3) == (0.0, 0.0)
    assert threshold(np.empty(0), np.empty(0, bool), 3) == (0.0, 0.0)
    close = np.array([np.nextafter(1.0, 2.0), 1.0])
    assert threshold(close, np.array([True, False]), 1) == (close[0], 1.0)


@given(st.integers(1, 40), st.integers(0, 1000))
@settings(max_examples=50)
def test_the_threshold_is_that_of_the_scripts_where_no_scores_are_equal(n: int, seed: int) -> None:
    """LASER's and XTREME's rule, written anew: F1 of every prefix, midway behind the first best one."""
    generator = np.random.default_rng(seed)
    score, right = generator.permutation(np.linspace(0.9, 1.5, n)), generator.random(n) < 0.5
    gold = int(right.sum()) + 2
    best, expected = 0.0, 0.0
    falling = np.argsort(-score)
    for length in range(1, n + 1):
        tp = int(right[falling[:length]].sum())
        f1 = 2 * tp / (length + gold)
        if f1 > best:
            following = score[falling[length]] if length < n else score[falling[-1]]
            best, expected = f1, (score[falling[length - 1]] + following) / 2
    assert threshold(score, right, gold) == (pytest.approx(expected), pytest.approx(best))


def test_real_sentences_become_a_set_of_pairs_and_of_sentences_alone(hub: Path, tmp_path: Path) -> None:
    """NTREX-128: 1,997 sentences, of which a third is dev."""
    file = Path(__file__).parent / "offline" / "mining.py"
    runpy.run_path(str(file))["write"](hub, tmp_path)
    task = catalogue.tasks.open(str(file))
    texts: dict[str, set[str]] = {}
    for split, sides in (("validation", (334, 166, 166)), ("test", (667, 332, 332))):
        rows = data.rows(task, task.data, "deu", split, data=tmp_path)
        foreign, source = ([one.foreign for one in rows.examples], [one.source for one in rows.examples])
        pairs = sum(one is not None and other is not None for one, other in zip(foreign, source, strict=True))
        assert (pairs, source.count(None), foreign.count(None)) == sides
        texts[split] = {text for text in (*foreign, *source) if text is not None}
    assert len(texts["validation"] & texts["test"]) <= 5
    assert len(task.targets) == 14


def test_sentences_that_stand_several_times_are_one() -> None:
    first, once = unify(["a", "b ", "a", "c", " b"])
    assert (first.tolist(), once.tolist()) == ([0, 1, 3], [False, False, True])
    assert [len(part) for part in unify([])] == [0, 0]
