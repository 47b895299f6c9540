"""What has changed numbers of question answering elsewhere, from the rows of a file to the score."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from golden_files import score
from support_data import small_task, write_mirror

from once import open_once
from xbench import data
from xbench.errors import NoGold
from xbench.kinds import Feature, Setting
from xbench.kinds.spans import kind
from xbench.metrics import qa
from xbench.task import Span
from xbench_tasks import mlqa, tydiqa, xquad
from xbench_tasks.recipes import standard, xtreme

Checkpoint = Callable[[str], Path]


def taught(features: Sequence[Feature]) -> list[np.ndarray]:
    """Scores of an encoder that points where it was taught to: at "no answer here" in windows that lack the answer."""
    scores = []
    for feature in features:
        score = np.zeros((len(feature.ids), 2), np.float32)
        if feature.target is not None:
            score[feature.target[0], 0] = score[feature.target[1], 1] = 5
        scores.append(score)
    return scores


def reachable(feature: Feature) -> bool:
    """Whether a window holds the whole answer, and its first token has no more context in another window."""
    assert feature.target is not None
    return bool(feature.target.any()) and bool(feature.note.best[feature.target[0] - feature.note.first])


def windowed(checkpoint: Checkpoint, architecture: str) -> Setting:
    """Windows of 128 tokens. No model is run, so its positions do not bound them."""
    _, setting = open_once(checkpoint(architecture), kind, stride=40, query=24, answer=400)
    return replace(setting, limit=128)


def some(hub: Path, language: str, n: int) -> list[Span]:
    """Every so many-th question of XQuAD, n in all."""
    rows = data.rows(xquad.task, xquad.task.data, language, "validation", data=hub)
    return [example for example in rows.examples[:: len(rows.examples) // n] if isinstance(example, Span)][:n]


@pytest.mark.parametrize("language", ["ar", "de", "hi", "zh"])
@pytest.mark.parametrize("architecture", ["modernbert", "xlm"])
def test_answers_come_back_from_windows_by_character_offsets(
    architecture: str, language: str, checkpoint: Checkpoint, hub: Path
) -> None:
    """Real contexts in many windows: what is pointed at is what the file's answer says, whatever the script.

    The byte-level tokenizer tells offsets; XLM's does not, so that its answers come back as whole words.
    """
    setting = windowed(checkpoint, architecture)
    examples = some(hub, language, 40)
    features = kind.encode(examples, setting, training=True)
    learned = sorted({feature.example for feature in features})
    gold = [examples[index] for index in learned]
    places = {example: number for number, example in enumerate(learned)}
    features = [replace(feature, example=places[feature.example]) for feature in features]
    whole = {feature.example for feature in features if reachable(feature)}
    answers = kind.decode(taught(features), features, gold, setting)
    assert len(features) > 3 * len(gold)
    assert len(whole) >= 30
    assert all(answer and answer in example.context for answer, example in zip(answers, gold, strict=True))
    kept = sorted(whole)
    f1 = score(qa.words_f1, [gold[i] for i in kept], [answers[i] for i in kept], language)
    print(f"XQuAD {language}, {architecture}: {len(features)} windows of {len(gold)} contexts, words_f1 {f1:.4f}")
    if architecture == "modernbert":
        assert f1 == 1.0
        assert all(answers[i] == gold[i].answers[0].strip() for i in kept)
    else:
        assert f1 > 0.95


def test_squad_f1_of_chinese_is_nearly_exact_match_and_the_language_aware_one_is_not(hub: Path) -> None:
    """SQuAD parts words at white space, which Chinese does not write: an answer that is nearly right scores 0."""
    examples = [example for example in some(hub, "zh", 300) if len(example.answers[0]) > 3]
    answers = [example.answers[0][:-1] for example in examples]
    squad, own, official = (score(metric, examples, answers, "zh") for metric in (qa.squad_f1, qa.words_f1, qa.mlqa_f1))
    print(f"XQuAD zh, last character cut: SQuAD F1 {squad:.4f}, words F1 {own:.4f}, MLQA F1 {official:.4f}")
    assert squad < 0.3 < 0.8 < min(own, official)


def test_each_set_is_ranked_by_its_own_rules_and_the_normaliser_stands_in_the_name() -> None:
    assert {task.name: task.metric.partition("_")[0] for task in (xquad.task, tydiqa.task, mlqa.task)} == {
        "xquad": "squad", "tydiqa": "squad", "mlqa": "mlqa",
    }  # fmt: skip
    for task in (xquad.task, tydiqa.task, mlqa.task):
        assert {"words_f1", "words_em"} < set(task.also)
        assert all(name.split("_")[0] in ("squad", "mlqa", "words") for name in task.metrics)
    assert {"mlqa_f1_fixed_arabic", "mlqa_em_fixed_arabic"} < set(mlqa.task.also)


def test_the_arabic_rule_of_mlqa_deletes_inside_words_of_its_own_answers(hub: Path) -> None:
    rows = data.rows(mlqa.task, mlqa.task.data, "ar", "validation", data=hub)
    answers = [example.answers[0] for example in rows.examples if isinstance(example, Span)]
    inside = [one for one in answers if qa.mlqa_words(one, "ar") != qa.mlqa_words_fixed_arabic(one, "ar")]
    print(f"MLQA ar dev: the official rule cuts inside words of {len(inside)} of {len(answers)} answers")
    assert 0.05 < len(inside) / len(answers) < 0.6
    # Answers that lack just those letters are other words, but the official rule finds no fault in them.
    damaged = [re.sub(r"(?<=\w)ال", " ", answer) for answer in answers]
    official, fixed = (score(metric, rows.examples, damaged, "ar") for metric in (qa.mlqa_em, qa.mlqa_em_fixed_arabic))
    assert official == 1.0
    assert fixed == pytest.approx(1 - len(inside) / len(answers), abs=0.02)
    # In the other languages the two are one.
    german = data.rows(mlqa.task, mlqa.task.data, "de", "validation", data=hub).examples
    guessed = [example.answers[0][:-3] for example in german if isinstance(example, Span)]
    assert score(qa.mlqa_f1, german, guessed, "de") == score(qa.mlqa_f1_fixed_arabic, german, guessed, "de")


def test_the_window_that_holds_the_answer_wins_over_windows_that_say_none(checkpoint: Checkpoint) -> None:
    """An impossible window points at the first special token, with any score: it has no answer to give."""
    setting = replace(windowed(checkpoint, "bert"), limit=24)
    setting = replace(setting, recipe=replace(setting.recipe, stride=6, query=4))
    context = "the old farmer sold a red cart to the baker near the river " * 3 + "in Paris"
    example = Span("Where?", context, ("Paris",), (context.index("Paris"),))
    features = kind.encode([example], setting, training=True)
    scores = taught(features)
    holding = [number for number, feature in enumerate(features) if feature.target is not None and feature.target.any()]
    assert holding
    assert len(holding) < len(features) / 2
    for number, one in enumerate(scores):
        if number not in holding:
            one[0] = 50
    answers = kind.decode(scores, features, [example], setting)
    assert score(qa.squad_em, [example], answers, "en") == 1.0


def test_the_best_of_all_references_counts() -> None:
    gold = Span("", "", ("red fox", "the fox", "fox of the north"), ())
    assert qa.squad_em.count("Fox", gold, "en") == (1.0, 1.0)
    assert qa.squad_f1.count("fox of north", gold, "en")[0] == 1.0
    assert qa.mlqa_f1.count("red fox!", gold, "en") == (1.0, 1.0)
    assert qa.words_f1.count("red fox of", gold, "en")[0] == pytest.approx(0.8)


def test_an_empty_gold_answer_is_refused_by_the_reader_as_by_the_metric(tmp_path: Path) -> None:
    row = {"id": "a", "question": "Who?", "context": "The cat.", "answers": {"text": [" "], "answer_start": [3]}}
    write_mirror(tmp_path, "own/set", {"en": {"test": [row]}})
    task = small_task(xquad.read, kind="spans", labels=())
    with pytest.raises(NoGold, match="empty answer"):
        data.rows(task, task.data, "en", "test", data=tmp_path)


def test_no_split_that_is_scored_may_choose_a_checkpoint() -> None:
    """XQuAD comes from SQuAD's dev split, and TyDiQA-GoldP's dev split is the one that papers score."""
    for task in (xquad.task, mlqa.task, tydiqa.task):
        assert task.training.dev == ""
        for book in (standard, xtreme):
            recipe = book.recipe(task.name, "spans")
            assert recipe is not None
            assert recipe.selection == "last"
