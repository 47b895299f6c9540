"""What has changed numbers of tagging elsewhere, from the rows of a file to the score and the record."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Value
from datasets import Sequence as Many
from golden_files import score

import toy
import xbench
from once import open_once
from toys import WORDS
from xbench import data, store
from xbench.fertility import figures
from xbench.kinds import Feature, Setting
from xbench.kinds.pairs import kind as pairs
from xbench.kinds.tags import kind
from xbench.metrics import tagging
from xbench.record import parts
from xbench.task import Pair, Tagged
from xbench_tasks import masakhaner, udpos, wikiann

Checkpoint = Callable[[str], Path]
LABELS = ("O", "B-PER", "I-PER")


def told(features: Sequence[Feature], examples: Sequence[Tagged], labels: Sequence[str]) -> list[np.ndarray]:
    """Scores of an encoder that knows the tag of every word that it sees."""
    scores = []
    for feature in features:
        score = np.zeros((len(feature.ids), len(labels)), np.float32)
        for word, token in zip(feature.note.words, feature.note.tokens, strict=True):
            score[token, labels.index(examples[feature.example].tags[word])] = 1
        scores.append(score)
    return scores


def answered(examples: Sequence[Tagged], setting: Setting) -> tuple[list[tuple[str, ...]], list[Feature]]:
    """What that encoder answers, and what it was given to read."""
    features = kind.encode(examples, setting, training=False)
    return kind.decode(told(features, examples, setting.labels), features, examples, setting), features


def long_sentence(n: int) -> Tagged:
    """n words, every third one a name."""
    rng = np.random.default_rng(0)
    return Tagged(tuple(rng.choice(WORDS, n)), tuple("B-PER" if i % 3 == 0 else "O" for i in range(n)))


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "modernbert"])
def test_a_sentence_longer_than_the_positions_is_read_to_its_end(architecture: str, checkpoint: Checkpoint) -> None:
    opened, setting = open_once(checkpoint(architecture), kind, LABELS, length=512)
    assert setting.limit == opened.positions == 64
    examples = [long_sentence(300), long_sentence(2)]
    answers, features = answered(examples, setting)
    assert len(features) > 5
    assert score(tagging.span_f1, examples, answers, "en") == 1.0
    assert score(tagging.token_accuracy, examples, answers, "en") == 1.0
    shown = figures(setting.tokenizer, examples, features)
    assert (shown.unread, shown.truncated) == (0, 0.0)


def test_entities_that_no_window_shows_stay_in_the_gold(checkpoint: Checkpoint) -> None:
    """Scripts that cut sentences at the limit lose the entities behind it from the gold as well, and gain recall."""
    _, setting = open_once(checkpoint("bert"), kind, LABELS, length=16)
    example = long_sentence(60)
    features = kind.encode([example], setting, training=False)[:1]
    answers = kind.decode(told(features, [example], LABELS), features, [example], setting)
    seen = len(features[0].note.words)
    assert seen < 20
    right, predicted, gold = tagging.span_f1.count(answers[0], example, "en")
    assert gold == 20
    assert right == predicted == sum(tag == "B-PER" for tag in example.tags[:seen])
    assert tagging.token_accuracy.count(answers[0], example, "en")[1] == 60
    assert figures(setting.tokenizer, [example], features).unread == 60 - seen


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "xlm"])
def test_words_that_tokenise_to_nothing_count_as_o_and_how_many_is_told(
    architecture: str, checkpoint: Checkpoint
) -> None:
    _, setting = open_once(checkpoint(architecture), kind, LABELS, length=16)
    words = ("the", "", "cart", "", "") * 8
    examples = [
        Tagged(words, ("B-PER", "B-PER", "O", "O", "O") * 8),
        Tagged(("",), ("B-PER",)),
        Tagged(("red", "cart"), ("O", "O")),
    ]
    answers, features = answered(examples, setting)
    assert answers[0] == ("B-PER", "O", "O", "O", "O") * 8
    assert figures(setting.tokenizer, examples, features).unread == 3 * 8 + 1
    # The gold keeps all 43 words and all 17 names; of the unseen words those with the gold O are right.
    assert score(tagging.token_accuracy, examples, answers, "en") == pytest.approx((43 - 9) / 43)
    assert score(tagging.span_f1, examples, answers, "en") == pytest.approx(2 * 8 / (8 + 17))


def test_unread_words_are_those_of_tagged_sentences_only(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), pairs, LABELS)
    examples = [Pair("", "the cart", "O")]
    assert figures(setting.tokenizer, examples, pairs.encode(examples, setting, training=False)).unread == 0


def test_the_record_tells_unread_words_and_the_mode_of_spans(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """seqeval's default mode and its strict one give two numbers from the same tags."""
    mirror = toy.write_mirror(tmp_path / "mirror")
    types = {"tokens": Many(Value("string")), "tags": Many(ClassLabel(names=list(toy.TAGS))), "id": Value("string")}
    rows = [
        {"tokens": ["Anna", "", "lives"], "tags": [1, 0, 0], "id": "a"},
        {"tokens": ["", *["the"] * 90, "Paris"], "tags": [0, *[0] * 90, 2], "id": "b"},
    ]
    toy.write_split(mirror / "toy" / "tags", "de", "test", rows, types)
    outcome = xbench.run(
        str(checkpoint("bert")), str(toy.TASKS["tags"]), recipe=str(toy.RECIPE), data=mirror, board=tmp_path / "board"
    )
    ((path, _),) = outcome.ran
    record = store.read(path)
    assert {code: shown.unread for code, shown in record.tokenizer.items()} == {"en": 0, "de": 2, "xx": 0}
    assert "I after O opens a span" in record.metrics["span_f1"]
    assert parts(record.signature)["metric"] == "span_f1"
    # A record that was written before this was counted is read all the same.
    older, count = re.subn(r',\s*"unread": \d+', "", path.read_text())
    path.write_text(older)
    assert count == 3
    assert {shown.unread for shown in store.read(path).tokenizer.values()} == {0}


def test_stray_inside_tags_of_panx_chinese_make_the_two_modes_differ(hub: Path) -> None:
    rows = data.rows(wikiann.task, wikiann.task.data, "zh", "validation", data=hub)
    sentences = [example.tags for example in rows.examples if isinstance(example, Tagged)]
    lenient, strict = (
        sum(len(find(tags)) for tags in sentences) for find in (tagging.lenient_spans, tagging.strict_spans)
    )
    print(f"PAN-X zh dev: {lenient} spans read leniently, {strict} read strictly")
    assert lenient > strict > 0
    # Perfect answers are perfect in either mode; each mode's gold is its own.
    assert score(tagging.span_f1, rows.examples, sentences, "zh") == 1.0
    assert score(tagging.span_f1_strict, rows.examples, sentences, "zh") == 1.0
    assert wikiann.task.metrics == masakhaner.task.metrics == ("span_f1", "span_f1_strict")


def test_parts_of_speech_are_ranked_by_token_accuracy_and_not_by_span_f1(hub: Path) -> None:
    """XTREME's table reports span F1 over raw tags; it is recorded beside the accuracy, under a name of its own."""
    assert udpos.task.metric == "token_accuracy"
    assert udpos.task.also == ("span_f1_xtreme",)
    rows = data.rows(udpos.task, udpos.task.data, "de", "validation", data=hub, limit=400)
    some = np.random.default_rng(0)
    answers = [
        tuple(tag if some.random() < 0.8 else str(some.choice(udpos.task.labels)) for tag in example.tags)
        for example in rows.examples
        if isinstance(example, Tagged)
    ]
    by_token = score(tagging.token_accuracy, rows.examples, answers, "de")
    by_span = score(tagging.span_f1_xtreme, rows.examples, answers, "de")
    print(f"UD-POS de dev, one in five tags redrawn: token accuracy {by_token:.4f}, span F1 {by_span:.4f}")
    assert 0.80 < by_token < 0.83
    assert by_token - by_span > 0.02


def test_the_first_token_of_a_word_stands_for_it_and_no_other(checkpoint: Checkpoint) -> None:
    """An encoder that is wrong at every other token of a word scores as if it were right."""
    _, setting = open_once(checkpoint("xlm-roberta"), kind, LABELS)
    examples = [Tagged(("Nobody", "marketed", "yesterday"), ("B-PER", "O", "I-PER"))]
    features = kind.encode(examples, setting, training=False)
    scores = told(features, examples, LABELS)
    heads = features[0].note.tokens
    others = np.setdiff1d(np.arange(len(features[0].ids)), heads)
    assert len(others) >= 4
    scores[0][others, 2] = 9
    assert kind.decode(scores, features, examples, setting) == [examples[0].tags]
