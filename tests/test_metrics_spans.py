"""Tags of whole corpora, counted at once: the same rows as one by one, the same errors, the same scores as peers."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score

from xbench import metrics
from xbench.errors import BrokenPlugin, ScoringError
from xbench.metrics import Metric, tagging
from xbench.task import Tagged

SEQUENCES = 10_000
IOB = ("O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-A-B", "I-A-B", "B", "I", "I-B", "B--X", "O-PER")
IOBES = ("O", "O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC", "E", "S")
RAW = ("NOUN", "VERB", "ADJ", "PUNCT", "SYM", "INTJ", "CCONJ", "SCONJ", "PROPN", "ADP", "X", "_")
ODD = ("O", "X", "Y", "*", ".", "._", ".-P", "N-A-B", "B-A-B", "E-A-B", "I-A-B", "é-P", "-", "-P", "OB")
SETS = {"iob": IOB, "iobes": IOBES, "raw": RAW, "odd": ODD}
LENIENT = (tagging.token_accuracy, tagging.span_f1, tagging.span_f1_xtreme)
ALL = (*LENIENT, tagging.span_f1_strict)

Guesses = Sequence[Sequence[str] | None]


def sequences(tags: Sequence[str], seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Gold and guesses, most with spans that no scheme allows; some empty, some all right."""
    some = random.Random(seed)
    gold = [[some.choice(tags) for _ in range(some.randrange(13))] for _ in range(SEQUENCES)]
    kept = some.choices((1.0, 0.8, 0.3), k=SEQUENCES)
    return gold, [
        [t if some.random() < k else some.choice(tags) for t in one] for one, k in zip(gold, kept, strict=True)
    ]


def examples(gold: Sequence[Sequence[str]]) -> list[Tagged]:
    return [Tagged(tuple(one), tuple(one)) for one in gold]


def at_once(metric: Metric, gold: Sequence[Sequence[str]], guessed: Guesses) -> np.ndarray:
    assert metric.count_all is not None
    return metric.count_all(guessed, examples(gold), "en")


def one_by_one(metric: Metric, gold: Sequence[Sequence[str]], guessed: Guesses) -> np.ndarray:
    assert metric.count is not None
    return np.array([metric.count(guess, one, "en") for guess, one in zip(guessed, examples(gold), strict=True)])


def public(metric: Metric, gold: Sequence[Sequence[str]], guessed: Guesses) -> float:
    names = [str(place) for place in range(len(gold))]
    return metrics.close(metric, metrics.count(examples(gold), guessed, ["en"] * len(gold), names, [metric]).rows)


@pytest.mark.parametrize("tags", SETS.values(), ids=SETS)
def test_ten_thousand_sentences_give_the_rows_of_one_by_one(tags: tuple[str, ...]) -> None:
    gold, guessed = sequences(tags, 1)
    some = random.Random(2)
    answers: Guesses = [None if some.random() < 0.05 else tuple(one) for one in guessed]
    for metric in ALL if tags is IOB else LENIENT:
        rows = at_once(metric, gold, answers)
        assert rows.dtype == np.float64
        assert np.array_equal(rows, one_by_one(metric, gold, answers))
        assert 0 < rows[:, 0].sum() < rows[:, -1].sum()
        print(f"{metric.name}: {len(rows):,} sequences compared, {int(rows[:, -1].sum()):,} items in the gold")


@given(st.data())
def test_any_tags_give_the_rows_of_one_by_one(data: st.DataObject) -> None:
    tag = st.sampled_from((*IOB, *IOBES, *RAW, *ODD)) | st.text(st.sampled_from("BIOES.-XY"), min_size=1, max_size=5)
    sentences = data.draw(st.lists(st.lists(tag, max_size=8), min_size=1, max_size=5))
    guessed = [
        data.draw(st.none() | st.just(one) | st.lists(tag, min_size=len(one), max_size=len(one))) for one in sentences
    ]
    for metric in LENIENT:
        assert np.array_equal(at_once(metric, sentences, guessed), one_by_one(metric, sentences, guessed))


@given(st.data())
def test_any_tags_of_iob2_give_the_rows_of_one_by_one(data: st.DataObject) -> None:
    tag = st.sampled_from(IOB) | st.builds(str.__add__, st.sampled_from("BIO"), st.text("-XY", max_size=3))
    sentences = data.draw(st.lists(st.lists(tag, max_size=8), min_size=1, max_size=5))
    guessed = [data.draw(st.none() | st.lists(tag, min_size=len(one), max_size=len(one))) for one in sentences]
    metric = tagging.span_f1_strict
    assert np.array_equal(at_once(metric, sentences, guessed), one_by_one(metric, sentences, guessed))


def test_more_tags_than_a_byte_can_tell_apart() -> None:
    tags = ("O", *(f"{prefix}-{kind}" for kind in range(300) for prefix in "BI"))
    gold, guessed = sequences(tags, 3)
    for metric in ALL:
        assert np.array_equal(at_once(metric, gold, guessed), one_by_one(metric, gold, guessed))


@pytest.mark.parametrize("metric", ALL, ids=lambda one: one.name)
def test_nothing_and_empty_sentences(metric: Metric) -> None:
    assert at_once(metric, [], []).shape == (0, len(metric.columns))
    gold: list[list[str]] = [[], ["B-X"], [], []]
    assert np.array_equal(at_once(metric, gold, [[], None, None, ()]), one_by_one(metric, gold, [[], None, None, ()]))
    assert at_once(metric, gold[:1], [None]).tolist() == [[0.0] * len(metric.columns)]


@pytest.mark.filterwarnings("ignore:.*seems not to be NE tag")
@pytest.mark.parametrize("tags", [IOB, IOBES, RAW[:-2]], ids=["iob", "iobes", "raw"])
def test_lenient_f1_is_that_of_seqeval(tags: tuple[str, ...]) -> None:
    """Without single letters of no scheme: there seqeval lets spans reach back over the end of a sentence."""
    gold, guessed = sequences(tags, 4)
    theirs = f1_score(gold, guessed)
    assert abs(public(tagging.span_f1, gold, guessed) - theirs) <= 1e-12
    assert 0.1 < theirs < 0.9
    print(f"{len(gold):,} sequences compared with seqeval: lenient F1 {theirs:.12f}")


def test_strict_f1_is_that_of_seqeval() -> None:
    gold, guessed = sequences([tag for tag in IOB if tag != "O-PER"], 5)
    theirs = f1_score(gold, guessed, mode="strict", scheme=IOB2)
    assert abs(public(tagging.span_f1_strict, gold, guessed) - theirs) <= 1e-12
    assert abs(public(tagging.span_f1, gold, guessed) - theirs) > 1e-3
    print(f"{len(gold):,} sequences compared with seqeval: strict F1 {theirs:.12f}")


@pytest.mark.parametrize("tags", SETS.values(), ids=SETS)
def test_token_accuracy_is_that_of_scikit_learn(tags: tuple[str, ...]) -> None:
    gold, guessed = sequences(tags, 6)
    theirs = accuracy_score([tag for one in gold for tag in one], [tag for one in guessed for tag in one])
    assert abs(public(tagging.token_accuracy, gold, guessed) - theirs) <= 1e-12
    print(f"{len(gold):,} sequences compared with scikit-learn: accuracy {theirs:.12f}")


@pytest.mark.parametrize("metric", ALL, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("O",), "1 tags for the 2 words of “B-X O”"),
        (("O", "O", "O"), "3 tags for the 2 words"),
        ("OO", "predicted 'OO' where a sequence of tags was due"),
        (7, "predicted 7 where a sequence of tags was due"),
        (np.array(["O", "O"]), "where a sequence of tags was due"),
        (("O", 3), "where names of tags were due"),
        (("O", None), "where names of tags were due"),
    ],
)
def test_what_is_no_sequence_of_tags_is_refused(metric: Metric, wrong: Sequence[str], said: str) -> None:
    gold = [["O"], ["B-X", "O"], ["O"]]
    guessed: Guesses = [None, wrong, ["O"]]
    with pytest.raises(ScoringError, match=said):
        at_once(metric, gold, guessed)
    with pytest.raises(ScoringError, match=f"{metric.name}, en, example 1: .*{said}"):
        public(metric, gold, guessed)


@pytest.mark.parametrize("metric", ALL, ids=lambda one: one.name)
def test_a_list_for_a_tag_is_refused(metric: Metric) -> None:
    with pytest.raises(ScoringError, match=r"example 0: .*where names of tags were due"):
        public(metric, [["O"]], [[["O"]]])  # type: ignore[list-item]


@pytest.mark.parametrize("metric", ALL, ids=lambda one: one.name)
def test_gold_that_is_no_text_is_refused(metric: Metric) -> None:
    with pytest.raises(ScoringError, match="a tag of the gold is not a text"):
        at_once(metric, [[3]], [["O"]])  # type: ignore[list-item]
    with pytest.raises(BrokenPlugin, match="example 0"):
        public(metric, [[3]], [["O"]])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("metric", "tag", "said"),
    [
        (tagging.span_f1, "", "a tag is empty"),
        (tagging.span_f1_xtreme, "", "a tag is empty"),
        (tagging.span_f1_strict, "", "the tag '' is not of the scheme IOB2"),
        (tagging.span_f1_strict, "E-X", "the tag 'E-X' is not of the scheme IOB2"),
    ],
)
def test_a_tag_that_a_reading_cannot_take_apart_is_refused(metric: Metric, tag: str, said: str) -> None:
    for gold, guessed in (([["O"], ["O"]], [["O"], [tag]]), ([["O"], [tag]], [["O"], None])):
        with pytest.raises(ScoringError, match=said):
            at_once(metric, gold, guessed)
        with pytest.raises(ScoringError, match=f"{metric.name}, en, example 1: {said}"):
            public(metric, gold, guessed)


def test_an_empty_tag_is_a_wrong_one_for_token_accuracy() -> None:
    assert at_once(tagging.token_accuracy, [["O", "O"]], [["", "O"]]).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("languages", ["aabb", "abab", "baab"])
def test_languages_may_stand_together_or_not(languages: str) -> None:
    gold = [["B-X"], ["B-X", "I-X"], ["O"], ["B-Y", "O"]]
    guessed: Guesses = [["B-X"], ["B-X", "O"], ["B-Y"], None]
    counts = metrics.count(examples(gold), guessed, list(languages), list("wxyz"), list(ALL))
    assert counts.rows.shape == (4, 11)
    for metric in ALL:
        assert np.array_equal(metrics.rows_of(counts, metric), one_by_one(metric, gold, guessed))
