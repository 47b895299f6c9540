"""Kind `choices`: options compete with each other within an example, and with nothing else."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tiny import build
from toys import TEXTS, choices, set_up
from xbench.errors import UnknownLabel
from xbench.fit import fit
from xbench.kinds.choices import kind
from xbench.pack import pad
from xbench.predict import predict
from xbench.task import Choice, Option


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("bert", tmp_path_factory.mktemp("tiny") / "bert", TEXTS)


@pytest.mark.parametrize("architecture", ["bert", "xlm", "modernbert"])
def test_learns(architecture: str, tmp_path: Path) -> None:
    opened, setting = set_up(build(architecture, tmp_path, TEXTS), kind)
    features = kind.encode(choices(120), setting, training=True)
    losses: list[float] = []
    fit(
        opened, kind, features, setting, seed=1, device="cpu", precision="fp32",
        progress=lambda step, steps, loss: losses.append(loss),
    )  # fmt: skip
    assert losses[-1] < 0.7 * losses[0]
    fresh = choices(60, seed=5)
    coded = kind.encode(fresh, setting, training=False)
    scores = predict(opened, kind, coded, setting, device="cpu", precision="fp32")
    answers = kind.decode(scores, coded, fresh, setting)
    assert np.mean([answer == example.label for answer, example in zip(answers, fresh, strict=True)]) > 0.85


def test_one_feature_an_option_and_the_right_one_is_marked(bert: Path) -> None:
    _, setting = set_up(bert, kind)
    examples = [Choice("the river", ("dog", "cart", "market"), 1), Choice("the baker", ("dog", "cart"), 0)]
    features = kind.encode(examples, setting, training=True)
    assert [feature.example for feature in features] == [0, 0, 0, 1, 1]
    assert [int(feature.target) for feature in features] == [0, 1, 0, 1, 0]  # type: ignore[arg-type]
    assert setting.tokenizer.decode(features[2].ids.tolist()) == "[CLS] the river [SEP] market [SEP]"
    assert {feature.target for feature in kind.encode(examples, setting, training=False)} == {None}


def test_loss_is_the_softmax_over_each_examples_options(bert: Path) -> None:
    _, setting = set_up(bert, kind)
    examples = [Choice("a", ("dog", "cart", "market"), 1), Choice("a", ("dog", "cart"), 0), Choice("a", ("dog",), 0)]
    batch = pad(kind.encode(examples, setting, training=True), pad_id=0)
    scores = torch.tensor([0.3, 2.0, -1.0, 80.0, -90.0, 5.0], requires_grad=True)
    loss = kind.loss(scores, batch)
    expected = torch.stack(
        [-scores[:3].log_softmax(0)[1], -scores[3:5].log_softmax(0)[0], -scores[5:].log_softmax(0)[0]]
    )
    assert torch.allclose(loss, expected)
    (gradient,) = torch.autograd.grad(loss.sum(), scores, retain_graph=True)
    (wanted,) = torch.autograd.grad(expected.sum(), scores)
    assert torch.allclose(gradient, wanted)


def test_answers_with_the_index_of_the_best_option(bert: Path) -> None:
    _, setting = set_up(bert, kind)
    examples = [Choice("a", ("dog", "cart", "market"), 1), Choice("a", ("dog", "cart"), 0)]
    features = kind.encode(examples, setting, training=False)
    scores = [np.float32(score) for score in (0.1, 0.2, 0.9, 1.0, 1.0)]
    answers = kind.decode(scores, features, examples, setting)  # type: ignore[arg-type]
    assert answers == [2, 0]
    assert all(isinstance(answer, Option) for answer in answers)
    three = np.exp([0.1, 0.2, 0.9])
    assert [answer.probability for answer in answers if answer is not None] == pytest.approx(
        [three[2] / three.sum(), 0.5]
    )


def test_a_label_that_is_no_option_is_told(bert: Path) -> None:
    _, setting = set_up(bert, kind)
    examples = [Choice("a", ("dog", "cart"), 1), Choice("a", ("dog", "cart"), 2)]
    with pytest.raises(UnknownLabel, match="1 examples name an option they do not have; the first is number 1"):
        kind.encode(examples, setting, training=True)
