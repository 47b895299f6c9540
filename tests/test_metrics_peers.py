"""Agreement with the scorers that others use: seqeval for spans, scikit-learn for accuracy."""

import random

import numpy as np
import pytest
from seqeval.metrics import accuracy_score as seqeval_accuracy
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities
from sklearn.metrics import accuracy_score

from xbench import metrics
from xbench.metrics import Metric, classification, tagging
from xbench.task import Choice, Pair, Tagged

SEQUENCES = 10_000
IOB = ("O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-A-B", "I-A-B", "B", "I", "I-B")
ANY = (*IOB, "E-PER", "S-PER", "E-LOC", "S-LOC", "E", "S")
RAW = ("NOUN", "VERB", "ADJ", "PUNCT", "SYM", "INTJ", "CCONJ", "SCONJ", "PROPN", "ADP")


def sequences(tags: tuple[str, ...], seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Gold and guesses, most of them with spans that no scheme allows; some sentences empty, some guesses right."""
    some = random.Random(seed)
    gold = [[some.choice(tags) for _ in range(some.randrange(13))] for _ in range(SEQUENCES)]
    kept = some.choices((1.0, 0.8, 0.3), k=SEQUENCES)
    return gold, [
        [t if some.random() < k else some.choice(tags) for t in one] for one, k in zip(gold, kept, strict=True)
    ]


def counted(metric: Metric, gold: list[list[str]], guessed: list[list[str]]) -> np.ndarray:
    examples = [Tagged(tuple(one), tuple(one)) for one in gold]
    names = [str(i) for i in range(len(gold))]
    return metrics.count(examples, guessed, ["en"] * len(gold), names, [metric]).rows


@pytest.mark.parametrize("tags", [IOB, ANY], ids=["iob", "iobes"])
def test_lenient_spans_are_those_of_seqeval(tags: tuple[str, ...]) -> None:
    gold, guessed = sequences(tags, 1)
    differ = [one for one in gold + guessed if tagging.lenient_spans(one) != get_entities(one)]
    assert not differ
    rows = counted(tagging.span_f1, gold, guessed)
    assert metrics.close(tagging.span_f1, rows) == pytest.approx(f1_score(gold, guessed), abs=1e-12)
    assert 0.1 < metrics.close(tagging.span_f1, rows) < 0.9


@pytest.mark.filterwarnings("ignore:.*seems not to be NE tag")
def test_lenient_spans_of_raw_tags_are_those_of_seqeval() -> None:
    gold, guessed = sequences(RAW, 2)
    assert all(tagging.lenient_spans(one) == get_entities(one) for one in gold)
    rows = counted(tagging.span_f1, gold, guessed)
    assert metrics.close(tagging.span_f1, rows) == pytest.approx(f1_score(gold, guessed), abs=1e-12)


def test_strict_spans_are_those_of_seqeval() -> None:
    gold, guessed = sequences(IOB, 3)
    entities = Entities(gold, IOB2).entities
    theirs = [[(one.tag, one.start, one.end - 1) for one in sentence] for sentence in entities]
    assert [tagging.strict_spans(one) for one in gold] == theirs
    rows = counted(tagging.span_f1_strict, gold, guessed)
    value = metrics.close(tagging.span_f1_strict, rows)
    assert value == pytest.approx(f1_score(gold, guessed, mode="strict", scheme=IOB2), abs=1e-12)
    assert value != pytest.approx(metrics.close(tagging.span_f1, counted(tagging.span_f1, gold, guessed)), abs=1e-3)


def test_token_accuracy_is_that_of_seqeval() -> None:
    gold, guessed = sequences(RAW, 4)
    rows = counted(tagging.token_accuracy, gold, guessed)
    assert metrics.close(tagging.token_accuracy, rows) == pytest.approx(seqeval_accuracy(gold, guessed), abs=1e-12)


def test_an_i_after_o_opens_a_span_in_the_lenient_mode_only() -> None:
    tags = ("O", "I-PER", "I-PER", "B-LOC", "I-ORG")
    assert tagging.lenient_spans(tags) == [("PER", 1, 2), ("LOC", 3, 3), ("ORG", 4, 4)]
    assert tagging.strict_spans(tags) == [("LOC", 3, 3)]


def test_whole_tags_keep_apart_what_the_rest_of_a_tag_does_not() -> None:
    tags = ("SCONJ", "CCONJ", "NOUN", "NOUN", "X")
    assert tagging.lenient_spans(tags) == [("CONJ", 0, 0), ("CONJ", 0, 1), ("OUN", 2, 3)]
    assert tagging.lenient_spans_of_whole_tags(tags) == [
        ("SCONJ", 0, 0), ("CCONJ", 1, 1), ("NOUN", 2, 3), ("X", 4, 4),
    ]  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 5010])
def test_accuracy_is_that_of_scikit_learn(n: int) -> None:
    some = random.Random(n)
    gold = [some.randrange(3) for _ in range(n)]
    guessed = [one if some.random() < 0.6 else some.randrange(3) for one in gold]
    names = [str(i) for i in range(n)]
    theirs = accuracy_score(gold, guessed)
    for examples, answers in (
        ([Pair("", None, str(one)) for one in gold], [str(one) for one in guessed]),
        ([Choice("", ("", "", ""), one) for one in gold], guessed),
    ):
        counts = metrics.count(examples, answers, ["en"] * n, names, [classification.accuracy])
        assert metrics.close(classification.accuracy, counts.rows) == pytest.approx(theirs, abs=1e-12)
