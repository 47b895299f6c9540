"""Numbers that others computed from the same predictions.

XTREME's averages: its evaluate.py over the mock labels and predictions of its own test. ExplainaBoard's: real predictions
of an mT5-base, the score cut to four digits in the file's name.
"""

import json

import numpy as np
import pytest
from golden_files import golden, languages, lines, questions, score, sentences

from xbench.metrics import Metric, classification, mining, qa, retrieval, tagging
from xbench.task import Bitext, Mined, Pair, Retrieved, Span, Tagged


@pytest.mark.parametrize(
    ("task", "average"), [("pawsx", 51.42857142857143), ("xnli", 30.666666666666668)], ids=["pawsx", "xnli"]
)
def test_xtreme_accuracy(task: str, average: float) -> None:
    cells = []
    for language in languages(task):
        gold = [Pair("", None, label) for label in lines("labels", task, language)]
        cells.append(score(classification.accuracy, gold, lines("predictions", task, language), language))
    report(task, cells, average)


@pytest.mark.parametrize("metric", [tagging.span_f1, tagging.span_f1_xtreme], ids=lambda metric: metric.name)
def test_xtreme_panx(metric: Metric) -> None:
    f1s, precisions, recalls = [], [], []
    for language in languages("panx"):
        gold = [Tagged(tags, tags) for tags in sentences("labels", "panx", language)]
        guessed = sentences("predictions", "panx", language)
        f1s.append(score(metric, gold, guessed, language))
        counted = [metric.count(one, other, language) for one, other in zip(guessed, gold, strict=True)]
        tp, predicted, in_gold = np.sum(counted, axis=0)
        precisions.append(tp / predicted if predicted else 0.0)
        recalls.append(tp / in_gold if in_gold else 0.0)
    report("panx F1", f1s, 57.50793650793652)
    report("panx precision", precisions, 54.729166666666664)
    report("panx recall", recalls, 62.750000000000014)


def test_xtreme_udpos_is_span_f1_on_raw_tags_as_seqeval_0_0_12_reads_them() -> None:
    cells, newer, tokens = [], [], []
    for language in languages("udpos"):
        gold = [Tagged(tags, tags) for tags in sentences("labels", "udpos", language)]
        guessed = sentences("predictions", "udpos", language)
        cells.append(score(tagging.span_f1_xtreme, gold, guessed, language))
        newer.append(score(tagging.span_f1, gold, guessed, language))
        tokens.append(score(tagging.token_accuracy, gold, guessed, language))
    report("udpos", cells, 70.21746048354693)
    # seqeval 1.2 takes CCONJ and SCONJ for one type, and X for a tag without one: another number from the same tags.
    assert 100 * float(np.mean(newer)) == pytest.approx(70.3980581069904, abs=1e-9)
    assert float(np.mean(tokens)) > float(np.mean(cells)) + 0.03


@pytest.mark.parametrize(
    ("task", "metric", "average"),
    [
        ("xquad", qa.squad_em, 77.27272727272727),
        ("xquad", qa.squad_f1, 79.9586776859504),
        ("mlqa", qa.mlqa_em, 57.142857142857146),
        ("mlqa", qa.mlqa_f1, 81.76870748299321),
        ("tydiqa", qa.squad_em, 88.88888888888889),
        ("tydiqa", qa.squad_f1, 97.22222222222223),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_xtreme_questions(task: str, metric: Metric, average: float) -> None:
    cells = []
    for language in languages(task):
        asked = questions(task, language)
        gold = [Span("", "", answers, ()) for _, answers, _ in asked]
        cells.append(score(metric, gold, [answer for *_, answer in asked], language))
    report(f"{task} {metric.name}", cells, average)


def test_xtreme_tatoeba() -> None:
    cells = []
    for language in languages("tatoeba"):
        gold = [int(line) for line in lines("labels", "tatoeba", language)]
        nearest = [int(line) for line in lines("predictions", "tatoeba", language)]
        found = [Retrieved(a, -1, b) for a, b in zip(gold, nearest, strict=True)]
        cells.append(score(retrieval.retrieval_from_source, gold, found, language))
    report("tatoeba", cells, 53.611111111111114)


def test_xtreme_bucc() -> None:
    cells = []
    for language in languages("bucc2018"):
        gold, found = (
            dict(line.split("\t") for line in lines(side, "bucc2018", language)) for side in ("labels", "predictions")
        )
        # A sentence of the gold stands in the row of its partner; those that are only proposed stand alone.
        rows = [Bitext(*pair) for pair in gold.items()]
        rows += [Bitext(one, None) for one in found.keys() - gold.keys()]
        rows += [Bitext(None, one) for one in {*found.values()} - {*gold.values()}]
        place = {row.source: number for number, row in enumerate(rows)}
        answers = [
            Mined(number, place[found[row.foreign]] if row.foreign in found else -1) for number, row in enumerate(rows)
        ]
        cells.append(score(mining.mining_f1, rows, answers, language))
    report("bucc", cells, 55.0, least=4)


@pytest.mark.parametrize(("language", "digits"), [("en", "7676"), ("de", "7213")])
def test_explainaboard_xnli(language: str, digits: str) -> None:
    file = golden("explainaboard") / "xnli" / f"test-{language}_{digits}.json"
    rows = json.loads(file.read_text(encoding="utf-8"))["predictions"]
    gold = [Pair(row["text1"], row["text2"], row["true_label"]) for row in rows]
    value = score(classification.accuracy, gold, [row["predicted_label"] for row in rows], language)
    print(f"explainaboard xnli {language}: {value:.6f} over {len(rows)} examples")
    assert f"{value:.10f}"[2:6] == digits
    assert len(rows) == 5010


@pytest.mark.parametrize(("language", "digits", "exact"), [("en", "8113", "6857"), ("zh", "7396", "6588")])
def test_explainaboard_xquad(language: str, digits: str, exact: str) -> None:
    file = golden("explainaboard") / "xquad" / f"test-{language}_{digits}.json"
    rows = json.loads(file.read_text(encoding="utf-8"))["predictions"]
    gold = [Span(row["question"], row["context"], tuple(row["answers"]["text"]), (-1,)) for row in rows]
    answers = [row["predicted_answers"]["text"] for row in rows]
    values = [score(metric, gold, answers, language) for metric in (qa.squad_f1, qa.squad_em)]
    print(f"explainaboard xquad {language}: F1 {values[0]:.6f}, EM {values[1]:.6f} over {len(rows)} examples")
    assert [f"{value:.10f}"[2:6] for value in values] == [digits, exact]
    assert len(rows) == 1190


def report(what: str, cells: list[float], average: float, least: int = 6) -> None:
    """Print how many cells were compared, then compare their mean with the published average (in points)."""
    print(f"xtreme {what}: {len(cells)} cells, mean {100 * np.mean(cells):.12f}, published {average}")
    assert len(cells) >= least
    assert 100 * float(np.mean(cells)) == pytest.approx(average, abs=1e-9)
