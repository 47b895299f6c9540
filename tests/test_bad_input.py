"""What cannot be scored is refused with the reason; what was not answered counts as wrong, and is told."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support_data import nli_rows, nli_types, small_task, write_mirror
from transformers import AutoModel

import toy
import xbench
from xbench import data, metrics
from xbench.errors import NoGold, ScoringError, UnknownLabel
from xbench.metrics import classification, qa, retrieval, tagging
from xbench.task import Bitext, Choice, Pair, Retrieved, Span, Tagged

GOLD = {
    classification.accuracy: (Pair("a", "b", "neutral"), "neutral"),
    tagging.token_accuracy: (Tagged(("Bo", "ran"), ("B-PER", "O")), ("B-PER", "O")),
    tagging.span_f1: (Tagged(("Bo", "ran"), ("B-PER", "O")), ("B-PER", "O")),
    tagging.span_f1_strict: (Tagged(("Bo", "ran"), ("B-PER", "O")), ("B-PER", "O")),
    qa.squad_f1: (Span("Who?", "Bo ran", ("Bo",), (0,)), "Bo"),
    qa.mlqa_em: (Span("Who?", "Bo ran", ("Bo",), (0,)), "Bo"),
    qa.words_f1: (Span("Who?", "Bo ran", ("Bo",), (0,)), "Bo"),
    retrieval.retrieval_to_source: (Bitext("a", "b"), Retrieved(0, 0, 0)),
}
"""Metric -> a gold example and the right answer to it."""

by_metric = pytest.mark.parametrize("metric", GOLD, ids=lambda metric: metric.name)


def counted(metric: metrics.Metric, answers: list[object]) -> object:
    return metrics.count([GOLD[metric][0]] * 4, answers, ["de"] * 4, list("abcd"), [metric])


def test_vectors_that_are_no_numbers_end_the_run_with_the_reason(
    checkpoint: Callable[[str], Path], toy_mirror: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoint("bert"), tmp_path / "damaged"))
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        model.encoder.layer[-1].output.dense.bias[0] = torch.nan
    model.save_pretrained(folder)
    outcome = xbench.run(
        str(folder), str(toy.TASKS["retrieval"]), recipe=str(toy.RECIPE), data=toy_mirror, board=tmp_path / "board"
    )
    assert not outcome.ran
    (lost,) = outcome.failed
    assert "96 of 96 predictions hold NaN: the weights are damaged, or this encoder needs" in lost.why
    assert not list((tmp_path / "board").rglob("*.json"))


@by_metric
def test_no_predictions_at_all_are_refused(metric: metrics.Metric) -> None:
    with pytest.raises(ScoringError, match="there are no predictions at all for 4 gold examples"):
        counted(metric, [])


@by_metric
def test_more_predictions_than_gold_are_refused(metric: metrics.Metric) -> None:
    with pytest.raises(ScoringError, match="there are 5 predictions for 4 gold examples"):
        counted(metric, [GOLD[metric][1]] * 5)


@by_metric
@pytest.mark.parametrize("answer", [float("nan"), object()], ids=["NaN", "object"])
def test_a_prediction_that_is_none_of_its_kind_is_refused_with_the_name_of_the_example(
    metric: metrics.Metric, answer: object
) -> None:
    right = GOLD[metric][1]
    with pytest.raises(ScoringError, match=rf"{metric.name}, de, example c: "):
        counted(metric, [right, right, answer, right])


@by_metric
@pytest.mark.parametrize("left_out", ["in the middle", "at the end"])
def test_a_gold_example_without_prediction_is_wrong_and_told_and_never_dropped(
    metric: metrics.Metric, left_out: str, caplog: pytest.LogCaptureFixture
) -> None:
    right = GOLD[metric][1]
    answers = [right, None, right, right] if left_out == "in the middle" else [right] * 3
    if isinstance(right, Retrieved):
        answers = [None if one is None else replace(right, item=i, to_source=i) for i, one in enumerate(answers)]
    table = metrics.count([GOLD[metric][0]] * 4, answers, ["de"] * 4, list("abcd"), [metric])
    lost = 1 if left_out == "in the middle" else 3
    assert len(table.rows) == 4
    assert table.rows[lost, 0] == 0
    assert table.rows[:, -1].tolist() == [table.rows[0, -1]] * 4, "the denominator is the gold's"
    recall = table.rows[:, 0].sum() / table.rows[:, -1].sum()
    assert recall == 0.75
    assert metrics.unanswered(answers, ["de"] * 4) == {"de": 1}
    assert "1 of 4 predictions did not come and count as wrong: de 1" in caplog.text


def test_a_label_that_the_task_does_not_list_is_refused_in_the_gold(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(6)}}, nli_types())
    task = small_task(labels=("entailment", "neutral"))
    with pytest.raises(
        UnknownLabel, match=r"2 of 6 rows \(2, 5\) have gold that the task does not list: contradiction"
    ):
        data.rows(task, task.data, "en", "test", data=tmp_path)


def test_an_unknown_label_as_prediction_is_wrong_and_an_unknown_option_is_refused() -> None:
    """A label is a name, and a name that is not the gold's is wrong; an option or a scheme can be seen not to be one."""
    gold = [Pair("a", "b", "neutral")]
    assert metrics.count(gold, ["natural"], ["de"], ["a"], [classification.accuracy]).rows.tolist() == [[0, 1]]
    with pytest.raises(ScoringError, match="the tag 'E-PER' is not of the scheme IOB2"):
        counted(tagging.span_f1_strict, [("E-PER", "O")] * 4)
    with pytest.raises(ScoringError, match="where the index of an option was due"):
        metrics.count([Choice("a", ("b", "c"), 1)], ["1"], ["de"], ["a"], [classification.accuracy])


def test_gold_that_is_missing_is_refused_by_rows_and_by_metrics(tmp_path: Path) -> None:
    stripped = [row | {"label": -1} for row in nli_rows(6)]
    write_mirror(tmp_path, "own/set", {"en": {"test": [*nli_rows(2), *stripped[2:]]}}, nli_types())
    task = small_task()
    with pytest.raises(NoGold, match=r"4 of 6 rows \(2, 3, 4, 5\) have no gold"):
        data.rows(task, task.data, "en", "test", data=tmp_path)
    with pytest.raises(ScoringError, match=r"squad_f1, de, example a: no gold answer for the question “Who\?”"):
        metrics.count([Span("Who?", "Bo", (), ())], ["Bo"], ["de"], ["a"], [qa.squad_f1])
