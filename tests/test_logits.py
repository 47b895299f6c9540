"""Under autocast the last layer of a head is exact, and nothing else changes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tiny import ARCHITECTURES, build
from toys import TEXTS, pairs, set_up
from xbench.kinds import Batch, Feature, Setting
from xbench.kinds.choices import kind as choosing
from xbench.kinds.pairs import kind as pairing
from xbench.kinds.spans import kind as spanning
from xbench.kinds.tags import kind as tagging
from xbench.logits import exact_logits
from xbench.opening import Opened
from xbench.pack import pad
from xbench.predict import predict

LABELS = ("no", "yes")
KINDS = {"pairs": (pairing, LABELS), "tags": (tagging, LABELS), "spans": (spanning, ()), "choices": (choosing, ())}


def batch_of(setting: Setting) -> Batch:
    """Eight sequences of ordinary tokens, two of each example."""
    ordinary = np.setdiff1d(np.arange(setting.tokenizer.vocab_size), setting.tokenizer.all_special_ids)
    drawn = np.random.default_rng(3)
    rows = [drawn.choice(ordinary, length).astype(np.int32) for length in (9, 9, 12, 7, 5, 6, 11, 8)]
    features = [
        Feature(row, np.zeros_like(row) if setting.typed else None, place // 2) for place, row in enumerate(rows)
    ]
    return pad(features, pad_id=setting.tokenizer.pad_token_id)


def logits_of(opened: Opened, kind: Any, setting: Setting) -> torch.Tensor:
    """Under autocast, without those of padding."""
    batch = batch_of(setting)
    with torch.autocast("cpu", torch.bfloat16):
        scores = kind.forward(opened.model, batch, setting)
    there = scores[batch.mask.bool()] if kind.per_token else scores
    return there[torch.isfinite(there) & (there.abs() < 1e4)].detach().float()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits_have_all_their_digits(architecture: str, name: str, tmp_path: Path) -> None:
    kind, labels = KINDS[name]
    opened, setting = set_up(build(architecture, tmp_path, TEXTS), kind, labels)
    rounded = logits_of(opened, kind, setting)
    with exact_logits(opened.model):
        whole = logits_of(opened, kind, setting)
    assert torch.equal(rounded, rounded.bfloat16().float())
    assert not torch.equal(whole, whole.bfloat16().float())
    assert torch.allclose(rounded, whole, rtol=0.02, atol=0.02)
    assert not any("forward" in vars(module) for module in opened.model.modules())


def test_scoring_in_bf16_gives_them(tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), pairing, LABELS)
    features = pairing.encode(pairs(8), setting, training=False)
    scores = torch.tensor(np.array(predict(opened, pairing, features, setting, device="cpu", precision="bf16")))
    assert not torch.equal(scores, scores.bfloat16().float())


def test_a_layer_that_somebody_replaced_is_left_alone(tmp_path: Path) -> None:
    opened, _ = set_up(build("bert", tmp_path, TEXTS), pairing, LABELS)
    own = opened.model.classifier.forward
    opened.model.classifier.forward = own
    with exact_logits(opened.model):
        assert opened.model.classifier.forward is own
    assert opened.model.classifier.forward is own


def test_weights_of_another_type_compute_in_it(tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), pairing, LABELS)
    opened.model.bfloat16()
    with exact_logits(opened.model):
        logits = logits_of(opened, pairing, setting)
    assert torch.equal(logits, logits.bfloat16().float())
