"""Retrieval in a pool of a fixed size, mteb's weighted F1, and chrF and BLEU of what was found."""

import itertools
import math
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import sacrebleu
from golden_files import score
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from xbench import catalogue, metrics
from xbench.errors import BadOption, ScoringError
from xbench.metrics import Metric
from xbench.metrics.retrieval import (
    in_pool,
    retrieval_from_source,
    retrieval_to_source,
    retrieval_weighted_f1_from_source,
    retrieval_weighted_f1_to_source,
)  # fmt: skip
from xbench.metrics.translation import retrieved_bleu, retrieved_chrf
from xbench.nearest import directions, ranked
from xbench.task import Bitext, Retrieved

LANGUAGES = ("deu", "rus", "arb", "tha", "zho-CN", "jpn", "hin")


def bitexts(n: int) -> list[Bitext]:
    return [Bitext(f"f{place}", f"s{place}") for place in range(n)]


def found_by(cosines: np.ndarray) -> list[Retrieved]:
    """What is found by a square matrix of cosines, foreign sentences down."""
    ahead = [(side > np.diag(side)[:, None]).sum(1) for side in (cosines, cosines.T)]
    return [
        Retrieved(i, int(cosines[i].argmax()), int(cosines[:, i].argmax()), int(ahead[0][i]), int(ahead[1][i]))
        for i in range(len(cosines))
    ]


def table(metric: Metric, predictions: list[Retrieved | None], n: int) -> np.ndarray:
    return metrics.count(bitexts(n), predictions, ["xx"] * n, [str(i) for i in range(n)], [metric]).rows


# --- a pool of a fixed size -------------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.data())
def test_the_chance_in_a_pool_is_that_of_all_pools(size: int, data) -> None:
    pool = data.draw(st.integers(1, size))
    chances = in_pool(size, pool)
    assert chances.shape == (size,)
    for ahead in range(size):
        # The others are numbered so that the first `ahead` of them are nearer than the right one.
        pools = list(itertools.combinations(range(size - 1), pool - 1))
        won = sum(not any(other < ahead for other in drawn) for drawn in pools)
        assert chances[ahead] == pytest.approx(won / len(pools), abs=1e-14)


@given(st.integers(1, 3000), st.data())
def test_the_chance_in_a_pool_is_exact_to_the_last_digits(size: int, data) -> None:
    pool, ahead = data.draw(st.integers(1, size)), data.draw(st.integers(0, size - 1))
    exact = math.comb(size - 1 - ahead, pool - 1) * 10**40 // math.comb(size - 1, pool - 1) / 10**40
    assert in_pool(size, pool)[ahead] == pytest.approx(exact, rel=1e-11, abs=1e-39)


def test_ends_of_the_pool() -> None:
    assert in_pool(1, 1).tolist() == [1.0]
    assert in_pool(50, 1).tolist() == [1.0] * 50, "nothing else is in a pool of one"
    assert in_pool(50, 50).tolist() == [1.0] + [0.0] * 49, "the whole set: only what is nearest of all"
    large = in_pool(100_000, 100)
    assert (np.diff(large) <= 0).all()
    assert np.isfinite(large).all()


@pytest.mark.parametrize("family", [retrieval_to_source, retrieval_from_source], ids=lambda one: one.name)
def test_accuracy_in_a_pool_is_the_mean_over_seeded_draws(family: Metric) -> None:
    some = np.random.default_rng(5)
    n, pool, draws = 60, 20, 4000
    cosines = some.normal(size=(n, n)) + 2.2 * np.eye(n)
    expected = score(family.at(pool), bitexts(n), found_by(cosines), "xx")
    near = cosines if family is retrieval_to_source else cosines.T
    hits = []
    for _ in range(draws):
        query = some.integers(n)
        others = some.choice(np.delete(np.arange(n), query), pool - 1, replace=False)
        hits.append(near[query, query] > near[query, others].max())
    assert 0.3 < expected < 0.9
    # Four standard errors of the mean of so many draws; the draws are seeded.
    assert expected == pytest.approx(np.mean(hits), abs=4 * math.sqrt(0.25 / draws))


def test_the_pool_that_is_the_whole_set_gives_the_plain_accuracy() -> None:
    n = 80
    found = found_by(np.random.default_rng(6).normal(size=(n, n)) + 2.5 * np.eye(n))
    for family in (retrieval_to_source, retrieval_from_source):
        plain = score(family, bitexts(n), found, "xx")
        assert score(family.at(n), bitexts(n), found, "xx") == plain
        assert plain < score(family.at(20), bitexts(n), found, "xx") < score(family.at(5), bitexts(n), found, "xx")
        assert score(family.at(1), bitexts(n), found, "xx") == 1.0


def test_trap_pools_of_two_sizes_are_comparable_only_at_one_size() -> None:
    """One encoder, one language, 1,000 sentences or the first 200 of them: accuracy differs, accuracy@100 hardly."""
    some = np.random.default_rng(7)
    source = some.normal(size=(1000, 48))
    foreign = source + 1.9 * some.normal(size=source.shape)
    values = {}
    for n in (1000, 200):
        places, ahead = ranked(directions(foreign[:n]), directions(source[:n]))
        found = [Retrieved(i, int(place), i, int(r), 0) for i, (place, r) in enumerate(zip(places, ahead, strict=True))]
        values[n] = [score(one, bitexts(n), found, "xx") for one in (retrieval_to_source, retrieval_to_source.at(100))]
    assert values[200][0] - values[1000][0] > 0.1
    assert abs(values[200][1] - values[1000][1]) < 0.05


def test_a_language_with_fewer_sentences_has_no_score_in_the_pool() -> None:
    metric = catalogue.metric("retrieval_to_source@100")
    assert (metric.name, metric.least, metric.columns) == ("retrieval_to_source@100", 100, ("found", "n"))
    assert "pool: 100 of the source sentences of the set" in metric.detail
    assert (table(metric, [Retrieved(i, i, i, 0, 0) for i in range(99)], 99) == 0).all()
    metrics.try_on(metric, Bitext("a", "b"), "xx")
    with pytest.raises(BadOption, match="takes no number"):
        catalogue.metric("retrieved_chrf@3")


def test_what_did_not_come_is_wrong_in_every_pool() -> None:
    metric = retrieval_to_source.at(2)
    assert table(metric, [Retrieved(0, 0, 0, 0, 0), None, Retrieved(2, 0, 0, 1, 0)], 3).tolist() == [
        [1, 1], [0, 1], [0.5, 1],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("prediction", "said"),
    [
        (Retrieved(0, 0, 0), "nobody counted how many sentences are nearer than the right one"),
        (Retrieved(0, 0, 0, 2, 0), "2 of 2 sentences are nearer than the right one .*must lie in 0..1"),
        (
            SimpleNamespace(item=0, to_source=0, ahead_to_source=0.5),
            "where whole numbers item, to_source and ahead_to_",
        ),
        (3, "where whole numbers item, to_source and ahead_to_source were due"),
    ],
)
def test_trap_ahead_that_was_not_counted_is_refused(prediction: object, said: str) -> None:
    with pytest.raises(ScoringError, match=f"retrieval_to_source@2, xx: .*{said}"):
        table(retrieval_to_source.at(2), [prediction, prediction], 2)  # type: ignore[list-item]


# --- weighted F1 ------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_weighted_f1_is_scikit_learns(n: int, some: random.Random) -> None:
    found = [Retrieved(i, some.choice((i, some.randrange(n))), some.choice((i, 0))) for i in range(n)]
    for metric, places in (
        (retrieval_weighted_f1_to_source, [one.to_source for one in found]),
        (retrieval_weighted_f1_from_source, [one.from_source for one in found]),
    ):
        theirs = f1_score(range(n), places, average="weighted", zero_division=0)
        assert score(metric, bitexts(n), found, "xx") == pytest.approx(theirs, abs=1e-12)


def test_weighted_f1_of_what_did_not_come_is_that_of_an_unknown_place() -> None:
    found = [Retrieved(0, 0, 0), None, Retrieved(2, 0, 2)]
    theirs = f1_score([0, 1, 2], [0, 9, 0], average="weighted", labels=[0, 1, 2], zero_division=0)
    assert score(retrieval_weighted_f1_to_source, bitexts(3), found, "xx") == pytest.approx(theirs, abs=1e-12)
    assert table(retrieval_weighted_f1_to_source, found, 3).tolist() == [[2 / 3, 1], [0, 1], [0, 1]]


# --- chrF and BLEU of what was found ----------------------------------------------------------------------------------

SCORERS: list[tuple[Metric, Callable[[], sacrebleu.metrics.base.Metric]]] = [
    (retrieved_chrf, sacrebleu.CHRF), (retrieved_bleu, lambda: sacrebleu.BLEU(tokenize="13a", force=True)),
]  # fmt: skip
both = pytest.mark.parametrize(("metric", "scorer"), SCORERS, ids=["chrf", "bleu"])


def shuffled(n: int, some: random.Random, right: float) -> list[Retrieved]:
    return [Retrieved(i, i if some.random() < right else some.randrange(n), i) for i in range(n)]


def theirs(scorer: sacrebleu.metrics.base.Metric, gold: list[Bitext], found: list[Retrieved | None]) -> float:
    said = ["" if one is None else gold[one.to_source].source for one in found]
    return float(scorer.corpus_score(said, [[one.source for one in gold]]).score) / 100


@both
@given(
    texts=st.lists(st.text("ab .,нд中ा'", max_size=30), min_size=1, max_size=8),
    some=st.randoms(use_true_random=False),
    right=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_random_sentences_score_as_by_sacrebleu(metric: Metric, scorer, texts: list[str], some, right: float) -> None:
    gold = [Bitext("", text) for text in texts]
    found = shuffled(len(gold), some, right)
    assert score(metric, gold, found, "xx") == pytest.approx(theirs(scorer(), gold, found), abs=1e-12)


@both
@pytest.mark.parametrize("language", LANGUAGES)
def test_real_sentences_score_as_by_sacrebleu(metric: Metric, scorer, language: str, hub: Path) -> None:
    """Sentences of NTREX in a language as the retrieved side, so that all scripts are met."""
    (file, *_) = sorted((hub / "xbench-offline" / "ntrex").rglob("*.parquet"))
    texts = pq.read_table(file, columns=[language])[language].to_pylist()[:150]
    gold = [Bitext("", text) for text in texts]
    found = [one if i % 20 else None for i, one in enumerate(shuffled(len(gold), random.Random(8), 0.6))]
    value = score(metric, gold, found, "xx")
    assert 0.1 < value < 0.99
    assert value == pytest.approx(theirs(scorer(), gold, found), abs=1e-12)


@both
def test_closing_many_sums_at_once_is_closing_each(metric: Metric, scorer) -> None:
    gold = [Bitext("", f"the {'red ' * (i % 5)}cart of number {i % 7} stands here .") for i in range(40)]
    found = shuffled(40, random.Random(9), 0.3)
    rows = metrics.count(gold, found, ["xx"] * 40, [str(i) for i in range(40)], [metric]).rows
    some = np.random.default_rng(10)
    drawn = some.integers(40, size=(3, 4, 40))
    sums = rows[drawn].sum(2)
    sums[0, 0] = 0
    closed = metric.close(sums)
    assert closed.shape == (3, 4)
    assert closed[0, 0] == 0.0
    for place in itertools.product(range(3), range(4)):
        if place != (0, 0):
            picked = [(gold[i], gold[found[i].to_source].source) for i in drawn[place]]
            again = scorer().corpus_score([text for _, text in picked], [[one.source for one, _ in picked]])
            assert closed[place] == pytest.approx(again.score / 100, abs=1e-12)


@both
def test_the_detail_holds_sacrebleus_own_signature(metric: Metric, scorer) -> None:
    used = scorer()
    used.corpus_score(["a b c d"], [["a b c d"]])
    assert metric.detail.endswith(f"|{used.get_signature()}")
    assert sacrebleu.__version__ in metric.detail


@both
def test_places_in_another_order_are_refused(metric: Metric, scorer) -> None:
    gold = [Bitext("", "one"), Bitext("", "two")]
    for found in ([Retrieved(1, 1, 1), Retrieved(0, 0, 0)], [Retrieved(0, 2, 0), None], [Retrieved(0, -1, 0), None]):
        with pytest.raises(ScoringError, match=f"{metric.name}, xx: example 0 of the set: predicted item"):
            metrics.count(gold, found, ["xx"] * 2, ["0", "1"], [metric])


def test_no_examples_give_no_rows() -> None:
    for metric in (retrieved_chrf, retrieved_bleu, retrieval_to_source.at(1), retrieval_weighted_f1_to_source):
        assert metric.count_all is not None
        assert metric.count_all([], [], "xx").shape == (0, len(metric.columns))


def test_opening_the_metrics_does_not_import_sacrebleu() -> None:
    code = (
        "import sys; from xbench import catalogue; [catalogue.metric(n) for n in ('retrieved_chrf', 'retrieved_bleu')];"
        "print([name for name in ('sacrebleu', 'torch', 'scipy') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "sacrebleu" not in told
    assert "torch" not in told
