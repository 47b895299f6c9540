"""Modules of Hugging Face's `evaluate` as metrics of a task."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import evaluate
import pytest
import sklearn.metrics
from typer.testing import CliRunner

import toy
import xbench
from xbench import catalogue
from xbench.cli import app
from xbench.errors import BadOption, BrokenPlugin, ScoringError, UnknownName
from xbench.metrics import for_labels, load
from xbench.metrics.foreign import spec_of
from xbench.task import Bitext, Choice, Pair, Retrieved, Span, Tagged

SCRIPT = """
import datasets
import evaluate
import sklearn.metrics


class Local(evaluate.Metric):
    def _info(self):
        kind = datasets.{feature}
        features = datasets.Features({{"predictions": kind, "references": kind}})
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features=features)

    def _compute(self, predictions, references, average="macro"):
        return {result}
"""

RESULTS = {
    "acc": ('Value("int32")', '{"accuracy": sklearn.metrics.accuracy_score(references, predictions)}'),
    "macro": (
        'Value("string")',
        '{"n": len(references), "f1": 100 * sklearn.metrics.f1_score(references, predictions, average=average)}',
    ),
    "correlation": ('Value("int32")', '{"mcc": sklearn.metrics.matthews_corrcoef(references, predictions)}'),
    "tags": ('Sequence(datasets.Value("string"))', '{"same": float(predictions == references)}'),
    "pictures": ('Array2D((2, 2), "float32")', '{"same": 1.0}'),
}


@pytest.fixture(autouse=True, scope="module")
def _modules_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what `evaluate` copies out of the user's cache; one folder, as Python imports the copies from there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        patch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path_factory.mktemp("metrics")))
        patch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)
        yield


def script(folder: Path, name: str) -> Path:
    """Write a module as a user would; its folder."""
    feature, result = RESULTS[name]
    home = folder / name
    home.mkdir()
    (home / f"{name}.py").write_text(SCRIPT.format(feature=feature, result=result), encoding="utf-8")
    return home


def test_without_evaluate_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "evaluate", None)
    with pytest.raises(BadOption, match=r'pip install "evaluate>='):
        load("accuracy")
    with pytest.raises(BadOption, match=r'pip install "evaluate>='):
        catalogue.metric(f"evaluate:{script(tmp_path, 'acc')}")


def test_a_task_is_scored_by_modules_of_evaluate(
    checkpoint: Callable[[str], Path], toy_mirror: Path, tmp_path: Path
) -> None:
    accuracy = f"evaluate:{script(tmp_path, 'acc')}"
    macro = f"evaluate:{script(tmp_path, 'macro')}?average=macro#f1/100"
    text = toy.TASKS["pairs"].read_text().replace('metric="accuracy"', f"metric={macro!r}, also=({accuracy!r},)")
    task = tmp_path / "pairs.py"
    task.write_text(text, encoding="utf-8")
    board = tmp_path / "board"
    outcome = xbench.run(str(checkpoint("bert")), str(task), recipe=str(toy.RECIPE), data=toy_mirror, board=board)
    assert not outcome.failed
    ((path, record),) = outcome.ran
    assert {score.metric for score in record.scores} == {accuracy, macro}
    assert "SHA-256" in record.metrics[macro]

    counts = xbench.examples.read_counts(path, record)
    answers = xbench.examples.read_predictions(path, record)
    for language in toy.LANGUAGES:
        given = [
            a["value"] if isinstance(a, dict) else a
            for a, b in zip(answers, counts.languages, strict=True)
            if b == language
        ]
        wanted = [row.label for row in _gold(task, toy_mirror, language)]
        theirs = {
            macro: sklearn.metrics.f1_score(wanted, given, average="macro"),
            accuracy: sklearn.metrics.accuracy_score(wanted, given),
        }
        for score in (score for score in record.scores if score.language == language):
            assert score.value == pytest.approx(theirs[score.metric], abs=1e-12)
            assert score.low <= score.value <= score.high
            assert score.low < score.high
    shown = CliRunner().invoke(app, ["board", "--board", str(board)])
    assert shown.exit_code == 0, shown.output
    assert "toy-pairs" in shown.output
    verified = CliRunner().invoke(app, ["verify", "--board", str(board), "--task", str(task)])
    assert "Traceback" not in verified.output
    assert verified.exit_code == 0, verified.output


def _gold(task: Path, mirror: Path, language: str) -> tuple[Any, ...]:
    opened = catalogue.tasks.open(str(task))
    return xbench.data.rows(opened, opened.data, language, "test", data=mirror).examples


def scored(name: str, predictions: list[Any], gold: list[Any], labels: tuple[str, ...] = ()) -> float:
    metric = for_labels(catalogue.metric(name), labels)
    assert metric.whole is not None
    assert isinstance(gold[0], metric.example)
    return metric.whole(predictions, gold, "en")


def test_every_shape_reaches_a_module(tmp_path: Path) -> None:
    acc, text, tags = (f"evaluate:{script(tmp_path, name)}" for name in ("acc", "macro", "tags"))
    pairs = [Pair("", None, label) for label in ("x", "y", "y", "x")]
    assert scored(acc, ["x", "y", None, "y"], pairs, ("x", "y")) == 0.5  # None counts as wrong
    choices = [Choice("", ("", ""), label) for label in (0, 1)]
    assert scored(acc, [0, None], choices) == 0.5
    bitext = [Bitext("", ""), Bitext("", "")]
    assert scored(acc, [Retrieved(0, 0, 1), Retrieved(1, 0, 1)], bitext) == 0.5
    spans = [Span("", "", ("x",), (0,)), Span("", "", ("y",), (0,))]
    assert scored(f"{text}?average=micro#f1/100", ["x", None], spans) == 0.5
    sentences = [Tagged(("a", "b"), ("O", "O"))]
    assert scored(tags, [("O", "O")], sentences) == scored(tags, [None], sentences) == 1.0
    assert scored(tags, [("O", "B-X")], sentences) == 0.0


def test_what_cannot_be_scored_is_told(tmp_path: Path) -> None:
    acc, text, tags, correlation, pictures = (
        f"evaluate:{script(tmp_path, name)}" for name in ("acc", "macro", "tags", "correlation", "pictures")
    )
    pairs = [Pair("", None, label) for label in ("x", "y")]
    with pytest.raises(ScoringError, match="there are: n, f1"):
        scored(text, ["x", "y"], pairs, ("x", "y"))
    with pytest.raises(ScoringError, match="write #KEY/100"):
        scored(f"{text}#f1", ["x", "y"], pairs, ("x", "y"))
    with pytest.raises(ScoringError, match="gives -1, but a score lies in"):
        scored(correlation, ["y", "x"], pairs, ("x", "y"))
    with pytest.raises(ScoringError, match="no label of the task: 'z'"):
        scored(acc, ["x", "z"], pairs, ("x", "y"))
    with pytest.raises(ScoringError, match="1 tags predicted for 2 words"):
        scored(tags, [("O",)], [Tagged(("a", "b"), ("O", "O"))])
    with pytest.raises(ScoringError, match="several gold answers"):
        scored(f"{text}#f1/100", ["x"], [Span("", "", ("x", "y"), (0, 0))])
    with pytest.raises(BrokenPlugin, match="cannot score: TypeError"):
        scored(f"{text}?colour=red#f1/100", ["x", "y"], pairs, ("x", "y"))
    with pytest.raises(BrokenPlugin, match="what xbench can give it are labels"):
        catalogue.metric(pictures)


def test_names_are_taken_apart() -> None:
    spec = spec_of("evaluate:me/metric?average=macro&beta=2#f1/100")
    assert (spec.where, spec.options, spec.key, spec.scale) == (
        "me/metric", (("average", "macro"), ("beta", 2)), "f1", 100.0,
    )  # fmt: skip
    for bad in ("evaluate:", "evaluate:x#", "evaluate:x#k/10", "evaluate:a|b", "evaluate:a\nb"):
        with pytest.raises(BadOption, match="does not read evaluate:PATH_OR_ID"):
            catalogue.metric(bad)


def test_code_of_the_hub_runs_only_when_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XBENCH_TRUST_REMOTE_CODE", raising=False)
    with pytest.raises(BadOption, match="XBENCH_TRUST_REMOTE_CODE=1"):
        catalogue.metric("evaluate:accuracy")
    with pytest.raises(UnknownName, match="No file or folder"):
        catalogue.metric("evaluate:./nowhere")
    monkeypatch.setenv("XBENCH_TRUST_REMOTE_CODE", "1")
    with pytest.raises(BrokenPlugin, match="needs a network"):
        catalogue.metric("evaluate:accuracy-that-does-not-exist")
