"""Kind `pairs`: what the encoder reads, what it learns, what it answers."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from tiny import ARCHITECTURES, build
from toys import TEXTS, pairs, set_up
from xbench.errors import UnknownLabel
from xbench.fit import fit
from xbench.kinds.pairs import kind, most_likely
from xbench.pack import pad
from xbench.predict import predict
from xbench.task import Label, Pair

LABELS = ("no", "yes")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("bert", tmp_path_factory.mktemp("tiny") / "bert", TEXTS)


@pytest.mark.parametrize(
    ("architecture", "second"), [*((name, True) for name in ARCHITECTURES), ("bert", False), ("xlm", False)]
)
def test_learns(architecture: str, second: bool, tmp_path: Path) -> None:
    opened, setting = set_up(build(architecture, tmp_path, TEXTS), kind, LABELS)
    examples = pairs(160, second=second)
    features = kind.encode(examples, setting, training=True)
    losses: list[float] = []
    fit(
        opened, kind, features, setting, seed=1, device="cpu", precision="fp32",
        progress=lambda step, steps, loss: losses.append(loss),
    )  # fmt: skip
    assert losses[-1] < 0.75 * losses[0]
    fresh = pairs(60, second=second, seed=5)
    coded = kind.encode(fresh, setting, training=False)
    scores = predict(opened, kind, coded, setting, device="cpu", precision="fp32")
    answers = kind.decode(scores, coded, fresh, setting)
    assert np.mean([answer == example.label for answer, example in zip(answers, fresh, strict=True)]) > 0.85


def test_reads_what_the_tokenizer_says(bert: Path) -> None:
    _, setting = set_up(bert, kind, LABELS)
    examples = [Pair("the old baker", "a dog", "no"), Pair("the river", None, "yes")]
    first, second = kind.encode(examples, setting, training=True)
    tokenizer = setting.tokenizer
    assert tokenizer.convert_ids_to_tokens(first.ids.tolist())[0] == "[CLS]"
    assert tokenizer.decode(first.ids.tolist()) == "[CLS] the old baker [SEP] a dog [SEP]"
    assert tokenizer.decode(second.ids.tolist()) == "[CLS] the river [SEP]"
    assert first.types is not None
    assert first.types.tolist() == [0] * 5 + [1] * (len(first.ids) - 5)
    assert [f.example for f in (first, second)] == [0, 1]
    assert [int(f.target) for f in (first, second)] == [0, 1]  # type: ignore[arg-type]
    assert not first.truncated


def test_no_token_types_where_the_model_has_one_type(tmp_path: Path) -> None:
    _, setting = set_up(build("xlm-roberta", tmp_path), kind, LABELS)
    assert kind.encode(pairs(1), setting, training=False)[0].types is None


@pytest.mark.parametrize("architecture", ["bert", "xlm"])
def test_too_long_a_pair_is_cut_at_its_longer_sentence(
    architecture: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    _, setting = set_up(build(architecture, tmp_path, TEXTS), kind, LABELS, length=20)
    long = Pair("dog " * 40, "the river", "no")
    fits = Pair("dog", "the river", "no")
    cut, whole = kind.encode([long, fits], setting, training=True)
    assert len(cut.ids) == 20
    assert cut.truncated
    assert not whole.truncated
    text = setting.tokenizer.convert_tokens_to_string(setting.tokenizer.convert_ids_to_tokens(cut.ids.tolist()))
    assert "the river" in text
    assert caplog.messages == []  # slow tokenizers would warn of every pair


def test_an_example_of_just_the_limit_is_not_cut(bert: Path) -> None:
    _, setting = set_up(bert, kind, LABELS, length=7)
    exact, over = kind.encode(
        [Pair("dog dog", "dog dog", "no"), Pair("dog dog dog", "dog dog", "no")], setting, training=True
    )
    assert (len(exact.ids), exact.truncated) == (7, False)
    assert (len(over.ids), over.truncated) == (7, True)


def test_a_label_the_task_does_not_list_is_told(bert: Path) -> None:
    _, setting = set_up(bert, kind, LABELS)
    examples = [Pair("a", "b", "yes"), Pair("a", "b", "yess"), Pair("a", "b", "maybe")]
    with pytest.raises(UnknownLabel, match=r"'maybe', 'yess'.*There are: no, yes"):
        kind.encode(examples, setting, training=True)
    # What is to be scored carries its gold elsewhere: the label is none of the encoder's business.
    assert [feature.target for feature in kind.encode(examples, setting, training=False)] == [None] * 3


def test_label_numbers_follow_the_task(bert: Path) -> None:
    _, setting = set_up(bert, kind, ("yes", "no"))
    assert [int(f.target) for f in kind.encode(pairs(2), setting, training=True)] == [1, 0]  # type: ignore[arg-type]
    scores = [np.array([0.1, 0.3], np.float32), np.array([0.2, 0.2], np.float32)]
    features = kind.encode(pairs(2), setting, training=False)
    answers = kind.decode(scores, features, pairs(2), setting)
    assert answers == ["no", "yes"]
    assert all(isinstance(answer, Label) for answer in answers)
    assert [answer.probability for answer in answers if answer] == pytest.approx([1 / (1 + np.exp(-0.2)), 0.5])


def test_an_example_without_a_feature_has_no_answer(bert: Path) -> None:
    _, setting = set_up(bert, kind, LABELS)
    features = kind.encode(pairs(3), setting, training=False)[1:]
    assert kind.decode([np.array([0.0, 1.0], np.float32)] * 2, features, pairs(3), setting) == [None, "yes", "yes"]


def test_loss_is_one_number_a_feature(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS)
    batch = pad(kind.encode(pairs(4), setting, training=True), pad_id=0)
    scores = kind.forward(opened.model, batch, setting)
    assert scores.shape == (4, 2)
    expected = -torch.log_softmax(scores, -1)[torch.arange(4), torch.tensor([0, 1, 0, 1])]
    assert torch.allclose(kind.loss(scores, batch), expected)


@given(arrays(np.float32, st.integers(1, 6), elements=st.floats(-80, 80, width=32)))
def test_the_probability_is_that_of_softmax(scores: np.ndarray) -> None:
    best, probability = most_likely(scores)
    assert best == int(scores.argmax())
    assert probability == pytest.approx(float(softmax(scores.astype(np.float64))[best]), rel=1e-12)
    assert 1 / len(scores) <= probability <= 1


@pytest.mark.parametrize(
    ("scores", "best", "probability"),
    [
        ([3e38, -3e38], 0, 1.0),
        ([-np.inf, 0.0, 0.0], 1, 0.5),
        ([0.0, np.inf, 5.0], 1, 1.0),
        ([np.inf, 0.0, np.inf], 0, 0.5),
        ([-np.inf, -np.inf], 0, 0.5),
        ([7.0], 0, 1.0),
    ],
)
def test_scores_without_bounds_have_probabilities_too(scores: list[float], best: int, probability: float) -> None:
    assert most_likely(np.array(scores, np.float32)) == (best, probability)
