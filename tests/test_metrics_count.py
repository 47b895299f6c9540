"""What holds for every metric: counts add up, order does not matter, silence is wrong, and bad input is refused."""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from xbench import metrics
from xbench.errors import BrokenPlugin, ScoringError
from xbench.metrics import Metric, classification, qa, retrieval, tagging
from xbench.task import Bitext, Choice, Label, Option, Pair, Retrieved, Span, Tagged

LABELS = ("entailment", "neutral", "contradiction")
TAGS = ("O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def pairs(some: random.Random, n: int) -> tuple[list[object], list[object]]:
    gold = [Pair("a", "b", some.choice(LABELS)) for _ in range(n)]
    return list(gold), [some.choice(LABELS) for _ in range(n)]


def choices(some: random.Random, n: int) -> tuple[list[object], list[object]]:
    gold = [Choice("a", ("b", "c"), some.randrange(2)) for _ in range(n)]
    return list(gold), [np.int64(some.randrange(2)) for _ in range(n)]


def sure_pairs(some: random.Random, n: int) -> tuple[list[object], list[object]]:
    gold, guessed = pairs(some, n)
    return gold, [Label(str(one), some.uniform(0.4, 1)) for one in guessed]


def sure_choices(some: random.Random, n: int) -> tuple[list[object], list[object]]:
    gold, _ = choices(some, n)
    return gold, [Option(some.randrange(2), some.uniform(0.5, 1)) for _ in range(n)]


def tagged(some: random.Random, n: int) -> tuple[list[object], list[object]]:
    gold, guessed = [], []
    for _ in range(n):
        tags = tuple(some.choice(TAGS) for _ in range(some.randrange(1, 9)))
        gold.append(Tagged(tags, tags))
        guessed.append(tuple(one if some.random() < 0.7 else some.choice(TAGS) for one in tags))
    return list(gold), list(guessed)


def spans(some: random.Random, n: int) -> tuple[list[object], list[object]]:
    words = ["the", "red", "fox", "saw", "a", "green", "hen", "12"]

    def answer() -> str:
        return " ".join(some.sample(words, some.randrange(1, 4)))

    gold = [Span("?", "", tuple(answer() for _ in range(some.randrange(1, 4))), ()) for _ in range(n)]
    return list(gold), [answer() for _ in range(n)]


def bitexts(some: random.Random, n: int) -> tuple[list[object], list[object]]:
    gold = [Bitext("a", "b") for _ in range(n)]
    found = [Retrieved(i, some.choice((i, 0)), some.choice((i, 1))) for i in range(n)]
    return list(gold), list(found)


EVERY = [
    (classification.accuracy, pairs),
    (classification.accuracy, choices),
    (metrics.for_labels(classification.macro_f1, LABELS), pairs),
    (metrics.for_labels(classification.weighted_f1, LABELS), pairs),
    (classification.ece, sure_pairs),
    (classification.ece, sure_choices),
    (tagging.token_accuracy, tagged),
    (tagging.span_f1, tagged),
    (tagging.span_f1_xtreme, tagged),
    (tagging.span_f1_strict, tagged),
    (qa.squad_em, spans),
    (qa.squad_f1, spans),
    (qa.mlqa_em, spans),
    (qa.mlqa_f1, spans),
    (qa.mlqa_em_fixed_arabic, spans),
    (qa.mlqa_f1_fixed_arabic, spans),
    (qa.words_em, spans),
    (qa.words_f1, spans),
    (retrieval.retrieval_to_source, bitexts),
    (retrieval.retrieval_from_source, bitexts),
]

OF_THE_SET = {"retrieval_weighted_f1_to_source", "retrieval_weighted_f1_from_source"}
"""Counts of an example depend on the other examples: see test_metrics_retrieval.py."""

every = pytest.mark.parametrize(("metric", "make"), EVERY, ids=lambda one: getattr(one, "name", None) or one.__name__)


def rows(metric: Metric, gold: list[object], guessed: list[object]) -> np.ndarray:
    names = [str(i) for i in range(len(gold))]
    return metrics.count(gold, guessed, ["en"] * len(gold), names, [metric]).rows


def test_every_metric_of_the_package_is_tried() -> None:
    modules = (classification, tagging, qa, retrieval)
    exported = {name: one for module in modules for name, one in vars(module).items() if isinstance(one, Metric)}
    assert all(one.name == name for name, one in exported.items())
    assert set(exported) == {metric.name for metric, _ in EVERY} | OF_THE_SET
    assert len(exported) == 20
    assert all(one.detail and one.title for one in exported.values())


@every
def test_the_closed_sum_is_the_score_whatever_the_order_and_the_pieces(metric: Metric, make) -> None:
    gold, guessed = make(random.Random(3), 400)
    whole = rows(metric, gold, guessed)
    score = metrics.close(metric, whole)
    assert whole.shape == (400, len(metric.columns))
    assert 0 < score < 1
    pieces = rows(metric, gold[:150], guessed[:150]).sum(axis=0) + rows(metric, gold[150:], guessed[150:]).sum(axis=0)
    assert float(metric.close(pieces)) == pytest.approx(score, abs=1e-12)
    order = random.Random(4).sample(range(400), 400)
    mixed = rows(metric, [gold[i] for i in order], [guessed[i] for i in order])
    assert np.array_equal(mixed, whole[order])
    assert metrics.close(metric, mixed) == score
    many = metric.close(np.stack([metrics.total(whole), np.zeros(len(metric.columns))]))
    assert many.tolist() == [score, 0.0]


@every
def test_what_did_not_come_counts_wrong_under_the_gold_denominator(metric: Metric, make) -> None:
    gold, guessed = make(random.Random(5), 60)
    right = rows(metric, gold, guessed)
    some = [None if i % 3 == 0 else one for i, one in enumerate(guessed)]
    lacking = rows(metric, gold, some)
    answered = np.arange(60) % 3 != 0
    assert np.array_equal(lacking[answered], right[answered])
    of_gold = [column == metric.columns[-1] or column.startswith("gold:") for column in metric.columns]
    assert (lacking[~answered][:, ~np.array(of_gold)] == 0).all()
    assert np.array_equal(lacking[:, of_gold], right[:, of_gold]), "these are the gold's, with or without an answer"
    loss = metrics.close(metric, right) - metrics.close(metric, lacking)
    assert (loss if metric.better == "higher" else -loss) > 0


def test_counts_of_several_metrics_and_languages_stand_side_by_side() -> None:
    gold, guessed = tagged(random.Random(6), 10)
    languages = ["de"] * 4 + ["sw"] * 6
    names = [str(i) for i in (*range(4), *range(6))]
    counts = metrics.count(gold, guessed, languages, names, [tagging.span_f1, tagging.token_accuracy])
    assert counts.columns == (
        "span_f1.tp", "span_f1.predicted", "span_f1.gold", "token_accuracy.correct", "token_accuracy.n",
    )  # fmt: skip
    assert counts.rows.shape == (10, 5)
    assert counts.rows.dtype == np.float64
    assert counts.ids == tuple(names)
    assert counts.languages == tuple(languages)
    swahili = metrics.rows_of(counts, tagging.token_accuracy, "sw")
    assert np.array_equal(swahili, counts.rows[4:, 3:])
    assert metrics.rows_of(counts, tagging.token_accuracy, "xx").shape == (0, 2)
    assert metrics.close(tagging.token_accuracy, metrics.rows_of(counts, tagging.token_accuracy, "xx")) == 0.0
    with pytest.raises(ScoringError, match=r"no counts of accuracy\.correct, accuracy\.n"):
        metrics.rows_of(counts, classification.accuracy)


def test_missing_predictions_are_told_by_language(caplog: pytest.LogCaptureFixture) -> None:
    gold, _ = pairs(random.Random(7), 6)
    guessed = ["neutral", None, "neutral", "neutral", None]
    languages = ["de", "de", "de", "sw", "sw", "sw"]
    assert metrics.unanswered(guessed, languages) == {"de": 1, "sw": 2}
    counts = metrics.count(gold, guessed, languages, list("abcdef"), [classification.accuracy])
    assert counts.rows[:, 1].sum() == 6
    assert counts.rows[5].tolist() == [0, 1]
    assert "3 of 6 predictions did not come and count as wrong: de 1, sw 2" in caplog.text
    assert metrics.unanswered(["neutral"] * 6, languages) == {}


def test_each_direction_of_retrieval_is_counted_on_its_own() -> None:
    found, gold = Retrieved(4, to_source=4, from_source=7), Bitext("", "")
    assert retrieval.retrieval_to_source.count(found, gold, "de") == (1.0, 1.0)
    assert retrieval.retrieval_from_source.count(found, gold, "de") == (0.0, 1.0)
    assert "foreign sentence" in retrieval.retrieval_to_source.detail.split(";")[0]
    assert "source sentence" in retrieval.retrieval_from_source.detail.split(";")[0]


def test_no_gold_gives_no_rows() -> None:
    counts = metrics.count([], [], [], [], [classification.accuracy])
    assert counts.rows.shape == (0, 2)


@pytest.mark.parametrize(
    ("guessed", "said"),
    [
        (["neutral"] * 4, "there are 4 predictions for 3 gold examples"),
        ([], "there are no predictions at all for 3 gold examples"),
        (["neutral", 1, "neutral"], "accuracy, de, example b: predicted 1 where the name of a label was due"),
        (["neutral", float("nan"), "neutral"], "accuracy, de, example b: predicted nan where the name of a label"),
    ],
)
def test_predictions_that_cannot_be_scored(guessed: list[object], said: str) -> None:
    gold = [Pair("", None, "neutral")] * 3
    with pytest.raises(ScoringError, match=said):
        metrics.count(gold, guessed, ["de"] * 3, list("abc"), [classification.accuracy])


@pytest.mark.parametrize(
    ("metric", "gold", "guess", "said"),
    [
        (tagging.span_f1, Tagged(("Bo", "ran"), ("B-PER", "O")), ("O",) * 3, "3 tags for the 2 words of “Bo ran”"),
        (tagging.token_accuracy, Tagged(("Bo", "ran"), ("B-PER", "O")), ("O",), "1 tags for the 2 words"),
        (tagging.token_accuracy, Tagged(("Bo",), ("O",)), "O", "where a sequence of tags was due"),
        (tagging.span_f1, Tagged(("Bo",), ("O",)), (3,), "where names of tags were due"),
        (tagging.span_f1, Tagged(("Bo",), ("O",)), ("",), "a tag is empty"),
        (tagging.span_f1_xtreme, Tagged(("Bo",), ("O",)), ("",), "a tag is empty"),
        (tagging.span_f1_strict, Tagged(("Bo",), ("O",)), ("E-PER",), "'E-PER' is not of the scheme IOB2"),
        (classification.accuracy, Choice("", ("", ""), 1), "1", "where the index of an option was due"),
        (classification.accuracy, Choice("", ("", ""), 1), 1.0, "where the index of an option was due"),
        (qa.squad_f1, Span("Who?", "", ("Bo",), (0,)), 3, "where the text of an answer was due"),
        (qa.squad_f1, Span("Who?", "", (), ()), "Bo", "no gold answer for the question “Who.”"),
        (qa.mlqa_f1, Span("Who?", "", ("Bo",), (0,)), "Bo", "MLQA has rules for ar, de, en, es, hi, vi, zh, not for 'fi'"),
        (retrieval.retrieval_to_source, Bitext("", ""), 3, "where whole numbers item and to_source were due"),
        (
            retrieval.retrieval_from_source, Bitext("", ""), SimpleNamespace(item=0, to_source=0, from_source=0.0),
            "where whole numbers item and from_source were due",
        ),
    ],
)  # fmt: skip
def test_a_prediction_of_a_wrong_shape_names_the_example(metric: Metric, gold, guess: object, said: str) -> None:
    with pytest.raises(ScoringError, match=f"{metric.name}, fi, example q7: .*{said}"):
        metrics.count([gold], [guess], ["fi"], ["q7"], [metric])


def test_a_metric_that_counts_badly_is_refused() -> None:
    def plugin(count) -> Metric:
        return Metric(name="odd", title="Odd", columns=("a", "n"), count=count, close=metrics.ratio)

    gold = [Pair("", None, "x")]
    with pytest.raises(ScoringError, match="3 counts for the columns a, n"):
        metrics.count(gold, ["x"], ["de"], ["0"], [plugin(lambda *_: (1, 1, 1))])
    with pytest.raises(ScoringError, match="odd, de, example 0: a count is not a finite number"):
        metrics.count(gold, ["x"], ["de"], ["0"], [plugin(lambda *_: (float("nan"), 1))])
    with pytest.raises(ScoringError, match="each once, not: accuracy, accuracy"):
        metrics.count(gold, ["x"], ["de"], ["0"], [classification.accuracy] * 2)
    with pytest.raises(ScoringError, match="1 gold examples come with 2 languages and 1 ids"):
        metrics.count(gold, ["x"], ["de", "de"], ["0"], [classification.accuracy])


def test_a_metric_that_fails_on_an_example_names_both() -> None:
    gold = [Pair("a", "b", "neutral")]
    with pytest.raises(
        BrokenPlugin, match=r"'span_f1' cannot count a Pair: \w+Error: .*\(de, example q7\).*kind of task"
    ):
        metrics.count(gold, [("O",)], ["de"], ["q7"], [tagging.span_f1])
    for row in (None, 1.0, ("a", 1)):
        odd = replace(classification.accuracy, name="odd", count=lambda *_, row=row: row, count_all=None)
        with pytest.raises(BrokenPlugin, match=r"'odd' cannot count a Pair: (Type|Value)Error"):
            metrics.count(gold, ["neutral"], ["de"], ["q7"], [odd])


@pytest.mark.parametrize("score", [float("nan"), -0.01, 1.01, 55.0, float("inf")])
def test_a_metric_that_closes_outside_0_to_1_is_refused(score: float) -> None:
    odd = replace(classification.accuracy, name="odd", close=lambda sums: np.float64(score))
    with pytest.raises(ScoringError, match=rf"'odd' closes to {score}, but a metric must close to a number in 0\.\.1"):
        metrics.close(odd, np.ones((3, 2)))


@pytest.mark.parametrize(("score", "told"), [(1 + 1e-12, 1.0), (-1e-12, 0.0), (0.25, 0.25)])
def test_rounding_beyond_0_to_1_is_put_back(score: float, told: float) -> None:
    assert (
        metrics.close(replace(classification.accuracy, close=lambda sums: np.float64(score)), np.ones((3, 2))) == told
    )


def test_a_metric_that_cannot_close() -> None:
    odd = replace(classification.accuracy, name="odd", close=lambda sums: sums[7])
    with pytest.raises(BrokenPlugin, match="'odd' cannot close its sum: IndexError"):
        metrics.close(odd, np.ones((3, 2)))
