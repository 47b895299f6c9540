"""Readers of the golden files: labels and predictions of XTREME's own test, and real predictions kept by ExplainaBoard."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from xbench import metrics
from xbench.metrics import Metric

GOLDEN = Path(__file__).resolve().parents[2] / "shared" / "golden"


def golden(folder: str) -> Path:
    """The folder of golden files, or a skip that says what is absent."""
    path = GOLDEN / folder
    if not path.is_dir():
        pytest.skip(f"no golden files at {path}")
    return path


def languages(task: str) -> list[str]:
    """Languages that XTREME's mock data has for a task."""
    files = sorted((golden("xtreme_mock") / "labels" / task).iterdir())
    return [file.stem.removeprefix("test-") for file in files]


def lines(side: str, task: str, language: str) -> list[str]:
    """One label a line, as XTREME reads them; side is labels or predictions."""
    return (golden("xtreme_mock") / side / task / f"test-{language}.tsv").read_text(encoding="utf-8").split("\n")[:-1]


def sentences(side: str, task: str, language: str) -> list[tuple[str, ...]]:
    """One tag a line, sentences parted by empty lines; a second column does not occur."""
    text = (golden("xtreme_mock") / side / task / f"test-{language}.tsv").read_text(encoding="utf-8")
    return [tuple(block.split()) for block in text.split("\n\n") if block.strip()]


def questions(task: str, language: str) -> list[tuple[str, tuple[str, ...], str | None]]:
    """(id, gold answers, predicted answer or None) of every question."""
    folder = golden("xtreme_mock")
    gold = json.loads((folder / "labels" / task / f"test-{language}.json").read_text(encoding="utf-8"))
    found = json.loads((folder / "predictions" / task / f"test-{language}.json").read_text(encoding="utf-8"))
    asked = [one for article in gold["data"] for part in article["paragraphs"] for one in part["qas"]]
    return [(one["id"], tuple(a["text"] for a in one["answers"]), found.get(one["id"])) for one in asked]


def score(metric: Metric, examples: Sequence[object], predictions: Sequence[object], language: str) -> float:
    """Score of one language through the public path: count, select, close."""
    n = len(examples)
    counts = metrics.count(examples, predictions, [language] * n, [str(i) for i in range(n)], [metric])
    return metrics.close(metric, metrics.rows_of(counts, metric, language))
