"""Metrics of xbench as modules of Hugging Face's `evaluate`."""

import random
import re
import string
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import evaluate
import numpy as np
import pytest
import seqeval.metrics
import sklearn.metrics

import xbench
from xbench import catalogue
from xbench.errors import ScoringError
from xbench.metrics import for_labels, load
from xbench.metrics.modules import CONVENTIONS
from xbench.task import Bitext, Choice, Mined, Pair, Retrieved, Span, Tagged

LABELS = ("entailment", "neutral", "contradiction")
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def labelled(rng: random.Random, n: int) -> tuple[list[Any], list[Any]]:
    return [{"label": rng.choice(LABELS), "probability": 0.34 + rng.random() * 0.66} for _ in range(n)], rng.choices(
        LABELS, k=n
    )


def tagged(rng: random.Random, n: int) -> tuple[list[Any], list[Any]]:
    lengths = [rng.randrange(1, 9) for _ in range(n)]
    return [rng.choices(TAGS, k=k) for k in lengths], [rng.choices(TAGS, k=k) for k in lengths]


def answered(rng: random.Random, n: int) -> tuple[list[Any], list[Any]]:
    words = ["the", "a", "Cat,", "dog.", "Bird", "runs"]

    def text() -> str:
        return " ".join(rng.choices(words, k=rng.randrange(1, 4))) + " bird"

    return [text() for _ in range(n)], [[text() for _ in range(rng.randrange(1, 3))] for _ in range(n)]


def retrieved(rng: random.Random, n: int) -> tuple[list[Any], list[Any]]:
    def found() -> dict[str, int]:
        return {
            "to_source": rng.randrange(n), "from_source": rng.randrange(n),
            "ahead_to_source": rng.randrange(n), "ahead_from_source": rng.randrange(n),
        }  # fmt: skip

    return [found() for _ in range(n)], [
        {"place": i, "foreign": f"Satz {i} hier", "source": f"sentence {i} is here"} for i in range(n)
    ]


def mined(rng: random.Random, n: int) -> tuple[list[Any], list[Any]]:
    partners = [i if rng.random() < 0.6 else -1 for i in range(n)]
    return [{"source": rng.choice((one, rng.randrange(-1, n)))} for one in partners], partners


MADE: dict[type, Callable[[random.Random, int], tuple[list[Any], list[Any]]]] = {
    Pair: labelled, Tagged: tagged, Span: answered, Bitext: retrieved, Mined: mined,
}  # fmt: skip
OBJECTS = {"example-near-miss": Pair}
"""Metrics that take any shape; a new one says here which it is meant for, or sets Metric.example."""


def shape_of(name: str) -> type:
    shape = catalogue.metric(name).example
    shape = Mined if name.startswith("mining_") else shape[0] if isinstance(shape, tuple) else shape
    if shape is object:
        shape = OBJECTS.get(name, Tagged if name.startswith(("span_", "token_")) else object)
    assert shape in MADE, (
        f"metric {name}: give Metric.example a shape of {list(MADE)}, or add inputs for it to MADE here"
    )
    return shape


def as_ours(shape: type, given: Any, wanted: Any, place: int) -> tuple[Any, Any]:
    """The same as a kind would hand it over; written out here, so that the conventions are checked."""
    if shape is Pair:
        label = xbench.task.Label(given["label"], given["probability"])
        return label, Pair("", None, wanted)
    if shape is Tagged:
        return tuple(given), Tagged(tuple("w" for _ in wanted), tuple(wanted))
    if shape is Span:
        return given, Span("q", "c", tuple(wanted), (0,) * len(wanted))
    if shape is Mined:
        return Mined(place, given["source"]), Bitext("", "" if wanted >= 0 else None)
    return Retrieved(item=place, **given), Bitext(wanted["foreign"], wanted["source"])


def names() -> list[str]:
    found = list(catalogue.metrics.names())
    families = [f"{name}@5" for name in found if catalogue.metric(name).at]
    return found + families


@pytest.mark.parametrize("name", names())
def test_every_metric_is_a_module_with_the_score_of_a_run(name: str) -> None:
    shape = shape_of(name)
    n = max(40, catalogue.metric(name).least)
    given, wanted = MADE[shape](random.Random(3), n)
    module = load(name)
    assert isinstance(module, evaluate.EvaluationModule)
    assert module.description
    assert module.inputs_description in module.compute.__doc__
    assert module.features
    assert module.name == name
    found = module.compute(predictions=given, references=wanted)
    assert set(found) == {name, "n", "low", "high"}
    assert found["low"] <= found[name] <= found["high"]
    assert found["n"] == n

    pairs = [as_ours(shape, a, b, i) for i, (a, b) in enumerate(zip(given, wanted, strict=True))]
    predictions, gold = [a for a, _ in pairs], [b for _, b in pairs]
    metric = for_labels(catalogue.metric(name), sorted(set(LABELS)) if shape is Pair else TAGS)
    if metric.whole:
        assert found[name] == metric.whole(predictions, gold, "en")
    else:
        table = xbench.metrics.count(gold, predictions, ["en"] * n, [str(i) for i in range(n)], [metric])
        assert found[name] == xbench.metrics.close(metric, xbench.metrics.rows_of(table, metric))

    module.add(prediction=given[0], reference=wanted[0])
    module.add_batch(predictions=given[1:], references=wanted[1:])
    assert len(module) == n
    assert module.compute() == found
    assert len(module) == 0


def test_every_metric_was_tried() -> None:
    assert len(names()) >= 15


def test_labels_score_as_scikit_learn_whether_names_or_ids() -> None:
    rng = np.random.default_rng(0)
    given, wanted = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    for predictions, references in ((given, wanted), ([LABELS[i] for i in given], [LABELS[i] for i in wanted])):
        found = load("accuracy").compute(predictions=predictions, references=references)
        assert found["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(references, predictions), abs=1e-12)
        for name, average in (("macro_f1", "macro"), ("weighted_f1", "weighted")):
            theirs = sklearn.metrics.f1_score(references, predictions, average=average)
            assert load(name).compute(predictions=predictions, references=references)[name] == pytest.approx(
                theirs, abs=1e-12
            )


def test_tags_score_as_seqeval() -> None:
    given, wanted = tagged(random.Random(5), 200)
    found = load("span_f1").compute(predictions=given, references=wanted)
    assert found["span_f1"] == pytest.approx(seqeval.metrics.f1_score(wanted, given), abs=1e-12)


def test_answers_score_by_the_rules_of_squad_in_every_convention() -> None:
    def words(text: str) -> list[str]:
        bare = "".join(c for c in text.lower() if c not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", bare).split()

    def overlap(guess: str, answer: str) -> float:
        same = sum((Counter(words(guess)) & Counter(words(answer))).values())
        return 2 * same / (len(words(guess)) + len(words(answer))) if same else 0.0

    given, wanted = answered(random.Random(7), 60)
    theirs = sum(max(overlap(g, a) for a in w) for g, w in zip(given, wanted, strict=True)) / 60
    plain = load("squad_f1").compute(predictions=given, references=wanted)
    squad = load("squad_f1").compute(
        predictions=[{"id": f"q{i}", "prediction_text": text} for i, text in enumerate(given)],
        references=[
            {"id": f"q{i}", "answers": {"text": text, "answer_start": [0] * len(text)}} for i, text in enumerate(wanted)
        ],
    )
    assert plain["squad_f1"] == pytest.approx(theirs, abs=1e-12)
    assert squad == plain


def test_places_labels_and_languages_can_be_told() -> None:
    found = load("retrieval_to_source").compute(predictions=[0, 2, 2, None], references=[0, 1, 2, 3])
    assert found["retrieval_to_source"] == 0.5
    told = {"predictions": ["a", "b"], "references": ["a", "b"]}
    assert load("macro_f1").compute(**told, labels=["b", "a"])["macro_f1"] == 1.0
    with pytest.raises(ScoringError, match="'b', which is no label"):
        load("macro_f1").compute(**told, labels=["a"])
    german = {"predictions": ["der Hund"], "references": [["Hund"]]}
    scores = [load("mlqa_em").compute(**german, language=language)["mlqa_em"] for language in ("en", "de")]
    assert scores == [0.0, 1.0]


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("accuracy", {"predictions": ["a"], "references": ["a", "b"]}, "1 predictions for 2 references"),
        ("accuracy", {"predictions": ["a"], "references": [None]}, "reference 0 is None"),
        ("accuracy", {"predictions": "abc", "references": "abc"}, "must be a sequence"),
        ("accuracy", {"predictions": [], "references": []}, "nothing to score"),
        ("accuracy", {"predictions": None, "references": None}, "nothing to score"),
        ("accuracy", {"predictions": [0.5], "references": ["a"]}, "example 0: 0.5 is neither"),
        ("accuracy", {"predictions": ["a"], "references": ["a"], "normalize": True}, "no option normalize"),
        ("ece", {"predictions": ["a"], "references": ["a"]}, "probabilit"),
        ("span_f1", {"predictions": [["O"]], "references": [["O", "O"]]}, "1 tags for the 2 words"),
        ("squad_f1", {"predictions": ["x"], "references": [[]]}, "no gold answer"),
        (
            "squad_f1",
            {
                "predictions": [{"id": "1", "prediction_text": "x"}],
                "references": [{"id": "2", "answers": {"text": ["x"], "answer_start": [0]}}],
            },
            "id '1' stands beside the reference of id '2'",
        ),
    ],
)
def test_bad_input_is_told(name: str, given: dict[str, Any], said: str) -> None:
    module = load(name)
    with pytest.raises(ScoringError, match=re.escape(said)):
        module.compute(**given)
    assert len(module) == 0


def test_two_modules_at_once_keep_apart() -> None:
    one, other = load("accuracy"), load("accuracy")
    one.add_batch(predictions=["a"], references=["a"])
    other.add_batch(predictions=["a"], references=["b"])
    assert (one.compute()["accuracy"], other.compute()["accuracy"]) == (1.0, 0.0)


def test_modules_combine() -> None:
    both = evaluate.combine([load("accuracy"), load("macro_f1")])
    found = both.compute(predictions=["a", "b"], references=["a", "b"])
    assert found["accuracy"] == found["macro_f1"] == 1.0


def test_importing_metrics_does_not_import_evaluate() -> None:
    code = (
        "import sys, xbench.metrics, xbench.catalogue; print([m for m in ('evaluate', 'datasets') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_every_convention_is_tried() -> None:
    assert set(MADE) - {Mined} | {Choice} == set(CONVENTIONS)
    found = CONVENTIONS[Choice].read(1, 1, 0)
    assert found == (1, Choice("", (), 1))
