"""F1 over labels as scikit-learn has it, and calibration as Guo et al. define it."""

import random
from pathlib import Path

import numpy as np
import pytest
from golden_files import score
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

import tiny
import toy
import xbench
from xbench import catalogue, examples, metrics
from xbench.errors import BadOption, ScoringError
from xbench.metrics import Metric, classification
from xbench.resample import interval
from xbench.task import Choice, Label, Option, Pair
from xbench_tasks import sib200, xnli

LABELS = ("business", "sport", "science/technology", "a:b", "never")
MACRO = metrics.for_labels(classification.macro_f1, LABELS)
WEIGHTED = metrics.for_labels(classification.weighted_f1, LABELS)
BOTH = [(MACRO, "macro"), (WEIGHTED, "weighted")]

label = st.sampled_from(LABELS)
probability = st.one_of(st.floats(0, 1), st.integers(0, 15).map(lambda edge: edge / 15))


def pairs(gold: list[str]) -> list[Pair]:
    return [Pair("", None, one) for one in gold]


# --- accuracy and F1 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "average"), BOTH, ids=["macro", "weighted"])
@settings(deadline=None)
@given(st.lists(st.tuples(label, label), min_size=1, max_size=40))
def test_f1_is_that_of_scikit_learn_over_the_labels_that_occur(
    metric: Metric, average: str, drawn: list[tuple[str, str]]
) -> None:
    gold, guessed = map(list, zip(*drawn, strict=True))
    theirs = f1_score(gold, guessed, average=average, zero_division=0)
    assert score(metric, pairs(gold), guessed, "en") == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("n", [1, 7, 5010])
@pytest.mark.parametrize(("in_gold", "predicted"), [(5, 5), (3, 5), (5, 2), (1, 1), (4, 4)])
def test_labels_that_never_occur_or_are_never_predicted(n: int, in_gold: int, predicted: int) -> None:
    some = random.Random(n)
    gold = [some.choice(LABELS[:in_gold]) for _ in range(n)]
    guessed = [one if some.random() < 0.5 else some.choice(LABELS[-predicted:]) for one in gold]
    for metric, average in BOTH:
        theirs = f1_score(gold, guessed, average=average, zero_division=0)
        assert score(metric, pairs(gold), guessed, "en") == pytest.approx(theirs, abs=1e-12)
    assert score(classification.accuracy, pairs(gold), guessed, "en") == pytest.approx(
        accuracy_score(gold, guessed), abs=1e-12
    )


@settings(deadline=None)
@given(
    st.lists(st.tuples(label, st.none() | label), min_size=1, max_size=30).filter(
        lambda some: any(guess for _, guess in some)
    )
)
def test_no_prediction_is_a_label_that_is_nobodys(drawn: list[tuple[str, str | None]]) -> None:
    gold, guessed = map(list, zip(*drawn, strict=True))
    theirs = [one or "(none)" for one in guessed]
    occurring = sorted({*gold, *filter(None, guessed)})
    for metric, average in BOTH:
        wanted = f1_score(gold, theirs, labels=occurring, average=average, zero_division=0)
        assert score(metric, pairs(gold), guessed, "en") == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(("metric", "average"), BOTH, ids=["macro", "weighted"])
def test_f1_closes_any_leading_shape(metric: Metric, average: str) -> None:
    sums = np.random.default_rng(1).integers(0, 9, (2, 3, len(metric.columns))).astype(float)
    sums[0, 0] = 0
    closed = metric.close(sums)
    assert closed.shape == (2, 3)
    assert closed[0, 0] == 0
    assert closed.tolist() == [[float(metric.close(one)) for one in row] for row in sums]


@pytest.mark.parametrize("family", [classification.macro_f1, classification.weighted_f1], ids=lambda one: one.name)
def test_columns_tell_the_labels_they_were_counted_for(family: Metric) -> None:
    own = metrics.for_labels(family, LABELS)
    assert own.columns[:4] == ("tp:business", "predicted:business", "gold:business", "tp:sport")
    recorded = ("accuracy.correct", "accuracy.n", *(f"{family.name}.{column}" for column in own.columns), "ece.n")
    again = metrics.for_columns(family, recorded)
    assert again.columns == own.columns
    sums = np.arange(15.0)
    assert again.close(sums) == own.close(sums)
    with pytest.raises(BadOption, match=f"'{family.name}' counts each label of a task, but there are no labels"):
        metrics.for_labels(family, ())


@pytest.mark.parametrize(
    ("gold", "guess", "said"),
    [
        ("sport", "sprot", r"predicted 'sprot', which is no label of this task; did you mean sport\? There are: a:b,"),
        ("sport", Label("travel", 0.5), "predicted 'travel', which is no label of this task. There are: a:b, business"),
        ("sprot", "sport", "the gold is 'sprot', which is no label of this task; did you mean sport"),
        ("sport", 1, "predicted 1 where the name of a label was due"),
    ],
)
def test_a_label_that_the_task_does_not_list(gold: str, guess: object, said: str) -> None:
    for metric, _ in BOTH:
        with pytest.raises(ScoringError, match=rf"{metric.name}, fi, example q: {said}"):
            metrics.count(pairs([gold]), [guess], ["fi"], ["q"], [metric])


@given(st.lists(st.tuples(label, st.none() | label), min_size=1, max_size=20), st.booleans())
def test_accuracy_at_once_is_accuracy_one_by_one(drawn: list[tuple[str, str | None]], by_index: bool) -> None:
    gold = [Choice("", LABELS, LABELS.index(one)) if by_index else Pair("", None, one) for one, _ in drawn]
    guessed = [one if one is None or not by_index else LABELS.index(one) for _, one in drawn]
    rows = classification.count_accuracy_at_once(guessed, gold, "en")
    assert rows.tolist() == [
        list(classification.count_accuracy(one, example, "en")) for one, example in zip(guessed, gold, strict=True)
    ]


# --- calibration ----------------------------------------------------------------------------------------------------


def plain_ece(right: list[bool], probabilities: list[float], bins: int = 15) -> float:
    """Expected calibration error by its definition: bins ((m - 1) / M, m / M], the first with 0 in it."""
    error = 0.0
    for m in range(1, bins + 1):
        inside = [
            i for i, p in enumerate(probabilities) if (m - 1) / bins < p <= m / bins or (m == 1 and p == 0.0)
        ]  # fmt: skip
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            confidence = sum(probabilities[i] for i in inside) / len(inside)
            error += len(inside) / len(right) * abs(accuracy - confidence)
    return error


def closed(gold: list[Pair], guessed: list[Label | None]) -> float:
    """Expected calibration error also of nothing but silence, which `count` takes for a fault."""
    rows = [classification.count_ece(one, example, "en") for one, example in zip(guessed, gold, strict=True)]
    return metrics.close(classification.ece, np.array(rows))


def answered(right: list[bool], probabilities: list[float]) -> tuple[list[Pair], list[Label]]:
    guessed = [Label("yes" if one else "no", p) for one, p in zip(right, probabilities, strict=True)]
    return pairs(["yes"] * len(right)), guessed


@given(st.lists(st.tuples(st.booleans(), probability), min_size=1, max_size=60))
def test_ece_is_that_of_its_definition(drawn: list[tuple[bool, float]]) -> None:
    right, probabilities = map(list, zip(*drawn, strict=True))
    wanted = pytest.approx(plain_ece(right, probabilities), abs=1e-12)
    assert score(classification.ece, *answered(right, probabilities), "en") == wanted
    gold = [Choice("", ("a", "b"), int(not one)) for one in right]
    assert score(classification.ece, gold, [Option(0, p) for p in probabilities], "en") == wanted


def test_ece_of_many_examples_is_that_of_its_definition() -> None:
    some = random.Random(8)
    probabilities = [some.uniform(0.3, 1) for _ in range(5010)]
    right = [some.random() < p**2 for p in probabilities]
    found = score(classification.ece, *answered(right, probabilities), "en")
    assert found == pytest.approx(plain_ece(right, probabilities), abs=1e-12)
    assert found > 0.1


@pytest.mark.parametrize(("n", "wanted"), [(204, 0.068), (2000, 0.022)])
def test_ece_of_an_encoder_whose_probabilities_are_right_is_above_zero(n: int, wanted: float) -> None:
    """Its true error is 0; what is estimated is noise. The figures were computed by this simulation."""
    rng, found = np.random.default_rng(0), []
    for _ in range(100):
        probabilities = rng.uniform(0.4, 1, n)
        right = (rng.random(n) < probabilities).tolist()
        found.append(plain_ece(right, probabilities.tolist()))
    assert np.mean(found) == pytest.approx(wanted, abs=0.003)


@pytest.mark.parametrize(
    ("right", "probabilities", "wanted"),
    [
        ([True, True], [1.0, 1.0], 0.0),
        ([False], [1.0], 1.0),
        ([False], [0.0], 0.0),
        ([True], [0.0], 1.0),
        ([True, False], [0.5, 0.5], 0.0),
        # 0.2 = 3 / 15 ends a bin: in one with 0.19, errors of both signs offset; 0.21 lies in the next one.
        ([True, False], [0.2, 0.19], abs(0.8 - 0.19) / 2),
        ([True, False], [0.2, 0.21], (0.8 + 0.21) / 2),
    ],
)
def test_ece_worked_by_hand(right: list[bool], probabilities: list[float], wanted: float) -> None:
    assert score(classification.ece, *answered(right, probabilities), "en") == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("edge", range(16))
def test_an_edge_belongs_to_the_bin_below_it(edge: int) -> None:
    row = classification.count_ece(Label("x", edge / 15), Pair("", None, "y"), "en")
    place = max(edge - 1, 0)
    assert [i for i in range(15) if row[i]] == ([place] if edge else [])
    assert row[place] == -edge / 15
    if edge < 15:
        above = classification.count_ece(Label("x", np.nextafter(edge / 15, 2)), Pair("", None, "y"), "en")
        assert [i for i in range(15) if above[i]] == [edge]


@given(st.lists(st.tuples(st.booleans(), probability), min_size=1, max_size=20), st.data())
def test_silence_is_never_better_calibrated_than_an_answer(
    drawn: list[tuple[bool, float]], data: st.DataObject
) -> None:
    gold, guessed = answered(*map(list, zip(*drawn, strict=True)))  # type: ignore[arg-type]
    place = data.draw(st.integers(0, len(guessed) - 1))
    silent = [None if i == place else one for i, one in enumerate(guessed)]
    before, after = (closed(gold, said) for said in (guessed, silent))
    assert after >= before - 1e-12
    others = [one for i, one in enumerate(drawn) if i != place]
    error = plain_ece([one for one, _ in others], [p for _, p in others]) if others else 0.0
    assert after == pytest.approx((error * len(others) + 1) / len(drawn), abs=1e-12)


@pytest.mark.parametrize(
    ("gold", "guess", "said"),
    [
        (Pair("", None, "a"), "a", "predicted 'a' with probability None, where one in 0..1 was due"),
        (Pair("", None, "a"), Label("a"), "predicted 'a' with probability nan, where"),
        (Pair("", None, "a"), Label("a", 1.2), "predicted 'a' with probability 1.2, where"),
        (Pair("", None, "a"), Label("a", -0.1), "predicted 'a' with probability -0.1, where"),
        (Choice("", ("", ""), 0), 1, "predicted 1 with probability None, where"),
        (Choice("", ("", ""), 0), Option(1), "predicted 1 with probability nan, where"),
        (Choice("", ("", ""), 0), "1", "predicted '1' where the index of an option was due"),
    ],
)
def test_a_prediction_without_a_probability(gold: Pair | Choice, guess: object, said: str) -> None:
    with pytest.raises(ScoringError, match=f"ece, fi, example q: {said}"):
        metrics.count([gold], [guess], ["fi"], ["q"], [classification.ece])


def test_a_probability_may_be_of_any_float_type() -> None:
    assert classification.count_ece(Label("x", np.float32(0.5)), Pair("", None, "x"), "en")[7] == 0.5


# --- intervals and records ------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(label, label, probability), min_size=2, max_size=60))
def test_intervals_hold_the_score(drawn: list[tuple[str, str, float]]) -> None:
    gold = pairs([one for one, _, _ in drawn])
    guessed = [Label(one, p) for _, one, p in drawn]
    for metric in (MACRO, WEIGHTED, classification.ece):
        rows = metrics.count(gold, guessed, ["en"] * len(gold), [str(i) for i in range(len(gold))], [metric]).rows
        low, high = interval(rows, metric.close, draws=100)
        assert 0 <= low <= metrics.close(metric, rows) <= high <= 1
        assert low < high


def test_tasks_name_metrics_that_fit_their_labels() -> None:
    assert [metric.name for metric in catalogue.metrics_of(xnli.task)] == ["accuracy", "macro_f1", "ece"]
    assert "gold:science/technology" in catalogue.metrics_of(sib200.task)[1].columns


@pytest.mark.parametrize(
    ("kind", "also", "answers"),
    [("pairs", ("macro_f1", "weighted_f1", "ece"), {"sport", "politics"}), ("choices", ("ece",), {0, 1})],
)
def test_a_run_records_them_with_their_intervals(
    kind: str, also: tuple[str, ...], answers: set[object], toy_mirror: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        f"import sys; sys.path.insert(0, {str(toy.TASKS[kind].parents[1])!r})\n"
        f"from dataclasses import replace\nfrom toy.{kind} import task as toy_task\n"
        f"task = replace(toy_task, also={also!r})\n"
    )
    checkpoint = tiny.build("bert", tmp_path / "bert")
    outcome = xbench.run(
        str(checkpoint), [str(own)], recipe=str(toy.RECIPE), data=toy_mirror, board=tmp_path / "board", languages="de"
    )
    ((path, record),) = outcome.ran
    assert [one.metric for one in record.scores] == ["accuracy", *also]
    assert all(one.low < one.high and one.low <= one.value <= one.high for one in record.scores)
    counts = examples.read_counts(path, record)
    for one in record.scores:
        metric = metrics.for_columns(catalogue.metric(one.metric), counts.columns)
        assert metrics.close(metric, metrics.rows_of(counts, metric, "de")) == one.value
    said = examples.read_predictions(path, record)
    assert {one["value"] for one in said} <= answers
    assert all(0.5 <= one["probability"] <= 1 for one in said)
