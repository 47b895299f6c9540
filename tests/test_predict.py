"""Scores come back one for each feature, in order, whatever they were batched with."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tiny import ARCHITECTURES, build
from toys import TEXTS, changed, pairs, set_up
from xbench.errors import DoesNotFit, ScoringError
from xbench.kinds import Batch, Setting
from xbench.kinds.pairs import kind
from xbench.predict import predict

LABELS = ("no", "yes")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_and_company_do_not_change_scores(architecture: str, tmp_path: Path) -> None:
    opened, setting = set_up(build(architecture, tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(30), setting, training=False)
    together = predict(opened, kind, features, setting, device="cpu", precision="fp32")
    alone = predict(opened, kind, features, setting, device="cpu", precision="fp32", tokens_per_batch=1)
    assert [row.shape for row in together] == [(2,)] * 30
    assert {row.dtype for row in together} == {np.dtype(np.float32)}
    assert np.allclose(together, alone, atol=1e-5)
    assert len({row.tobytes() for row in together}) > 20
    again = predict(opened, kind, features, setting, device="cpu", precision="fp32")
    assert [row.tobytes() for row in again] == [row.tobytes() for row in together]


def test_per_token_scores_end_with_the_feature(tmp_path: Path) -> None:
    def ids(model: object, batch: Batch, setting: Setting) -> torch.Tensor:
        return batch.ids.float()[..., None]

    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(20), setting, training=False)
    scores = predict(
        opened, changed(kind, forward=ids, per_token=True), features, setting, device="cpu", precision="fp32"
    )
    assert len({len(feature.ids) for feature in features}) > 3
    for row, feature in zip(scores, features, strict=True):
        assert row[:, 0].tolist() == feature.ids.tolist()


def test_dropout_is_off_and_the_models_mode_is_left(tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(4), setting, training=False)
    opened.model.train()
    first = predict(opened, kind, features, setting, device="cpu", precision="fp32")
    second = predict(opened, kind, features, setting, device="cpu", precision="fp32")
    assert np.array_equal(first, second)
    assert opened.model.training


def test_bf16_is_near_fp32_and_comes_as_float32(tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(8), setting, training=False)
    full = predict(opened, kind, features, setting, device="cpu", precision="fp32")
    half = predict(opened, kind, features, setting, device="cpu", precision="bf16")
    assert {row.dtype for row in half} == {np.dtype(np.float32)}
    assert 0 < np.abs(np.subtract(full, half)).max() < 0.02
    assert {p.dtype for p in opened.model.parameters()} == {torch.float32}


def test_no_features_no_scores(tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    assert predict(opened, kind, [], setting, device="cpu", precision="fp32") == []


def test_scores_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(3), setting, training=False)
    with torch.no_grad():
        opened.model.classifier.bias[0] = torch.nan
    with pytest.raises(ScoringError, match="3 of 3 predictions hold NaN"):
        predict(opened, kind, features, setting, device="cpu", precision="fp32")


@pytest.mark.parametrize(
    "fault", [torch.OutOfMemoryError("full"), RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes")]
)
def test_too_little_memory(fault: Exception, tmp_path: Path) -> None:
    def forward(*_: object) -> torch.Tensor:
        raise fault

    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(3), setting, training=False)
    with pytest.raises(
        DoesNotFit, match="scoring 512 tokens at once, up to 64 in an example, needs more memory than cpu"
    ):
        predict(
            opened,
            changed(kind, forward=forward),
            features,
            setting,
            device="cpu",
            precision="fp32",
            tokens_per_batch=512,
        )
