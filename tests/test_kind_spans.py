"""Kind `spans`: windows over a context, where an answer is learned, and which answer wins."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from once import open_once
from tiny import ARCHITECTURES, TEXTS
from toys import set_up
from xbench.errors import BadOption
from xbench.kinds import Feature, Setting
from xbench.kinds.frame import located, pieces
from xbench.kinds.spans import View, best_span, cuts, kind
from xbench.pack import pad
from xbench.predict import predict
from xbench.task import Span

Checkpoint = Callable[[str], Path]

LONG = " ".join(TEXTS[:4])
QUESTION = "Who sold the cart?"


def asked(context: str, answer: str, question: str = QUESTION, after: int = 0) -> Span:
    return Span(question, context, (answer,), (context.index(answer, after),))


def oracle(features: list[Feature]) -> list[np.ndarray]:
    """Scores of an encoder that points where it was taught to point."""
    scores = []
    for feature in features:
        assert feature.target is not None
        score = np.zeros((len(feature.ids), 2), np.float32)
        score[feature.target[0], 0] = score[feature.target[1], 1] = 5
        scores.append(score)
    return scores


def scored(feature: Feature, **places: tuple[int, float]) -> np.ndarray:
    """Scores of a feature that are 0 but where told: `start=(place, score)`, by tokens of the context."""
    score = np.zeros((len(feature.ids), 2), np.float32)
    for column, name in enumerate(("start", "end")):
        if name in places:
            score[feature.note.first + places[name][0], column] = places[name][1]
    return score


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_learns_and_answers_from_the_context(architecture: str, checkpoint: Checkpoint) -> None:
    opened, setting = set_up(checkpoint(architecture), kind, stride=16, query=10, length=40)
    examples = [asked(LONG, "old farmer"), asked(TEXTS[6], "Paris", "Где?")]
    features = kind.encode(examples, setting, training=True)
    batch = pad(features, pad_id=opened.tokenizer.pad_token_id)
    learner = torch.optim.AdamW(opened.model.parameters(), lr=3e-3)
    losses = []
    for _ in range(15):
        scores = kind.forward(opened.model, batch, setting)
        assert scores.shape == (*batch.ids.shape, 2)
        each = kind.loss(scores, batch)
        assert each.shape == (len(features),)
        learner.zero_grad()
        each.mean().backward()
        learner.step()
        losses.append(each.mean().item())
    assert losses[-1] < 0.9 * losses[0]
    coded = kind.encode(examples, setting, training=False)
    answers = kind.decode(
        predict(opened, kind, coded, setting, device="cpu", precision="fp32"), coded, examples, setting
    )
    for answer, example in zip(answers, examples, strict=True):
        assert answer
        assert answer == answer.strip()
        assert answer in example.context


ANSWERS = (
    asked(TEXTS[0], "The"), asked(TEXTS[0], "red cart"), asked(TEXTS[0], "river"), asked(TEXTS[2], "alte Bäuerin"),
    asked(TEXTS[3], "старый пекарь"), asked(TEXTS[4], "एक पुराना"), asked(TEXTS[5], "河边"), asked(TEXTS[5], "房子"),
    asked(TEXTS[6], "the dog", after=20), asked("The  old\n farmer", "farmer"), asked("  The old", "The old"),
    asked("The\u00a0old farmer", "old"),
)  # fmt: skip


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("length", [24, 64])
def test_what_is_learned_is_what_is_read_off(architecture: str, length: int, checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint(architecture), kind, length=length, stride=6, query=8)
    features = kind.encode(ANSWERS, setting, training=True)
    assert {feature.example for feature in features} == set(range(len(ANSWERS)))
    for answer, example in zip(kind.decode(oracle(features), features, ANSWERS, setting), ANSWERS, strict=True):
        gold, end = example.answers[0], example.starts[0] + len(example.answers[0])
        assert gold in answer
        if example.context[end : end + 1].isspace() or architecture in {"bert", "distilbert", "xlm"}:
            assert answer == gold
        # Else a token may reach beyond the answer: "r." is one of these vocabularies' pieces.


@pytest.mark.parametrize("architecture", ["xlm-roberta", "deberta-v2", "rembert", "modernbert"])
def test_no_space_around_an_answer_whose_tokens_hold_the_space(architecture: str, checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint(architecture), kind, length=64)
    context = "the   the  old\tcart  "
    text = located(setting.tokenizer, [context])[context]
    for begin, end in zip(text.begins, text.ends, strict=True):
        assert context[begin:end] == context[begin:end].strip()
    # A gold answer with spaces around it is the same answer.
    spaced = Span(QUESTION, context, (" old\t",), (10,))
    features = kind.encode([spaced], setting, training=True)
    assert kind.decode(oracle(features), features, [spaced], setting) == ["old"]


def test_stride_is_the_step_between_windows_as_in_the_squad_script(checkpoint: Checkpoint) -> None:
    for architecture in ("bert", "xlm-roberta", "deberta-v2", "modernbert"):
        _, setting = open_once(checkpoint(architecture), kind, length=32, stride=5, query=6)
        tokenizer = setting.tokenizer
        question = tokenizer.decode(tokenizer("the cart", add_special_tokens=False)["input_ids"][:6])
        length = len(tokenizer(question, add_special_tokens=False)["input_ids"])
        # transformers' script hands the tokenizer, which takes an overlap, just this number.
        overlap = 32 - 5 - length - tokenizer.num_special_tokens_to_add(True)
        told = tokenizer(
            question, LONG, truncation="only_second", max_length=32, stride=overlap, return_overflowing_tokens=True
        )
        features = kind.encode([Span(question, LONG, (), ())], setting, training=False)
        assert [feature.ids.tolist() for feature in features] == told["input_ids"]
        assert len(features) > 4


@given(st.integers(0, 300), st.integers(1, 80), st.integers(1, 200))
def test_windows_leave_no_token_out(tokens: int, room: int, stride: int) -> None:
    windows = cuts(tokens, room, stride)
    assert sorted({place for begin, end in windows for place in range(begin, end)}) == list(range(tokens))
    assert all(end - begin <= room for begin, end in windows)
    assert [begin for begin, _ in windows] == [number * min(stride, room) for number in range(len(windows))]
    assert windows[-1][1] == tokens
    assert all(end < tokens for _, end in windows[:-1])


def test_a_window_without_the_answer_points_at_the_classification_token(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, length=24, stride=5, query=4)
    example = asked(LONG, "green yesterday")
    features = kind.encode([example], setting, training=True)
    for feature in features:
        assert feature.target is not None
        shown = example.context[feature.note.begins[0] : feature.note.ends[-1]]
        assert (feature.target.tolist() == [0, 0]) == ("green yesterday" not in shown)
    assert len({tuple(feature.target.tolist()) for feature in features if feature.target is not None}) > 2


def test_an_answer_that_does_not_stand_there_is_not_learned_but_scored(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    wrong = [
        Span(QUESTION, TEXTS[0], ("cart",), (3,)),
        Span(QUESTION, TEXTS[0], ("",), (3,)),
        Span(QUESTION, TEXTS[0], (" ",), (3,)),
        Span(QUESTION, TEXTS[0], (), ()),
        Span(QUESTION, TEXTS[0], ("r.",), (-2,)),
        asked(TEXTS[0], "cart"),
    ]
    assert {feature.example for feature in kind.encode(wrong, setting, training=True)} == {5}
    assert {feature.example for feature in kind.encode(wrong, setting, training=False)} == set(range(6))


def test_the_best_span_over_windows_wins_and_an_impossible_one_never(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, length=24, stride=15, query=4)
    example = asked(LONG, "red cart")
    features = kind.encode([example], setting, training=False)
    assert len(features) >= 3
    scores = [scored(feature) for feature in features]
    for score in scores:
        score[0] = 90  # the classification token, which stands for "no answer here"
        score[1:4] = 80  # the question
        score[-1] = 85
    scores[0] += scored(features[0], start=(2, 4), end=(3, 3))
    scores[1] += scored(features[1], start=(5, 4), end=(6, 3.5))
    view = features[1].note
    assert kind.decode(scores, features, [example], setting) == [LONG[view.begins[5] : view.ends[6]]]


def test_every_context_with_a_token_has_an_answer(checkpoint: Checkpoint) -> None:
    for architecture in ARCHITECTURES:
        opened, setting = open_once(checkpoint(architecture), kind, nbest=1, answer=1, query=4, length=20, stride=3)
        examples = [Span(QUESTION, text, ("a",), (0,)) for text in (*TEXTS, "", "   ", "x", ".")]
        features = kind.encode(examples, setting, training=False)
        scores = predict(opened, kind, features, setting, device="cpu", precision="fp32")
        answers = kind.decode(scores, features, examples, setting)
        assert [bool(answer) for answer in answers] == [*[True] * len(TEXTS), False, False, True, True]


def test_question_is_cut_at_its_limit_and_told(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, query=5, length=64)
    long, short = Span("old " * 9, TEXTS[0], (), ()), Span("old " * 5, TEXTS[0], (), ())
    cut, whole = kind.encode([long, short], setting, training=False)
    assert cut.ids.tolist() == whole.ids.tolist()
    assert (cut.truncated, whole.truncated) == (True, False)
    _, small = open_once(checkpoint("bert"), kind, query=64, length=11)
    features = kind.encode([long], small, training=False)
    assert {feature.note.first for feature in features} == {6}  # four of eight tokens are left to the context
    with pytest.raises(BadOption, match="a length of 4 tokens leaves no room for a question and its context"):
        kind.encode([long], open_once(checkpoint("bert"), kind, length=4)[1], training=False)


def test_token_types_tell_question_from_context_where_the_model_has_types(checkpoint: Checkpoint) -> None:
    for architecture in ARCHITECTURES:
        _, setting = open_once(checkpoint(architecture), kind)
        feature = kind.encode([asked("the old cart", "old")], setting, training=False)[0]
        assert (feature.types is not None) == (architecture in {"bert", "rembert"})
        if feature.types is not None:
            first = feature.note.first
            assert feature.types.tolist() == [0] * first + [1] * (len(feature.ids) - first)


def test_loss_does_not_depend_on_the_padding(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, length=64)
    features = kind.encode([asked(TEXTS[0], "cart"), asked("red cart", "cart")], setting, training=True)
    both, alone = pad(features, pad_id=0), pad(features[1:], pad_id=0)
    scores = torch.randn(*both.ids.shape, 2)
    expected = kind.loss(scores[1:, : alone.ids.shape[1]], alone)
    assert torch.allclose(kind.loss(scores, both)[1:], expected)
    place = torch.tensor(features[1].target)
    logs = torch.log_softmax(scores[1, : alone.ids.shape[1]], 0)
    assert torch.allclose(expected, -(logs[place[0], 0] + logs[place[1], 1]).reshape(1) / 2)


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.booleans(), st.booleans()), min_size=1, max_size=25),
    st.integers(1, 8),
    st.integers(1, 30),
)
def test_best_span_against_all_pairs(rows: list[tuple[int, int, bool, bool]], answer: int, nbest: int) -> None:
    inside = np.array([row[:2] for row in rows], np.float32)
    begins = np.arange(len(rows), dtype=np.int32)
    view = View(0, begins, begins + [row[2] for row in rows], np.array([row[3] for row in rows]))
    starts = [n for n, row in enumerate(rows) if row[2] and row[3]]
    ends = [n for n, row in enumerate(rows) if row[2]]
    found = best_span(inside, view, nbest=nbest, answer=answer)
    if not starts:
        assert found is None
        return
    assert found is not None
    begin, end, value = found
    assert begin in starts
    assert end in ends
    assert 0 <= end - begin < answer
    assert value == inside[begin, 0] + inside[end, 1]
    if nbest >= len(rows):
        assert value == max(inside[a, 0] + inside[b, 1] for a in starts for b in ends if 0 <= b - a < answer)


def test_of_equal_spans_the_first_wins(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, length=24, stride=6, query=4)
    example = asked(LONG, "red cart")
    features = kind.encode([example], setting, training=False)
    scores = [np.zeros((len(feature.ids), 2), np.float32) for feature in features]
    assert kind.decode(scores, features, [example], setting) == ["The"]


@given(st.text(alphabet="ab.,'’ \t\n河边ไทยที่กำ한국नदीé-(", max_size=40))
def test_pieces_hold_every_letter_once_and_no_space(text: str) -> None:
    cut = pieces(text)
    assert "".join(text[begin:end] for begin, end in cut) == re.sub(r"\s", "", text)
    assert all(begin < end for begin, end in cut)
    assert cut == sorted(cut)
    assert not any(re.search(r"\s", text[begin:end]) for begin, end in cut)


def test_pieces_of_spaced_and_unspaced_scripts() -> None:
    def words(text: str) -> list[str]:
        return [text[begin:end] for begin, end in pieces(text)]

    assert words('He said: "don\'t (U.S.)!" 3.14%') == [
        "He", "said", ":", '"', "don't", "(", "U.S", ".", ")", "!", '"', "3.14", "%",
    ]  # fmt: skip
    assert words("नदी के पास।") == ["नदी", "के", "पास", "।"]
    assert words("在2020年，BERT出现") == ["在", "2020", "年", "，", "BERT", "出", "现"]
    assert words("ที่นี่") == ["ที่", "นี่"]


def test_windows_of_one_question_share_the_setting_of_the_recipe(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, length=24, stride=100, query=4)
    assert isinstance(setting, Setting)
    example = asked(LONG, "red cart")
    # A step beyond the window would leave tokens out: then windows stand side by side.
    features = kind.encode([example], setting, training=False)
    begins = [int(feature.note.begins[0]) for feature in features]
    assert begins == sorted(set(begins))
    assert sum(len(feature.note.begins) for feature in features) == len(
        setting.tokenizer(LONG, add_special_tokens=False, verbose=False)["input_ids"]
    )
    wider = replace(setting, recipe=replace(setting.recipe, stride=4))
    assert len(kind.encode([example], wider, training=False)) > len(features)
