"""Scores come back one for each feature, in order, whatever they were batched with."""

from pathlib import Path
from typing import Any

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


def test_wide_encoders_read_fewer_tokens_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(30), setting, training=False)
    read: list[int] = []

    def watched(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        read.append(batch.ids.numel())
        return torch.zeros(len(batch.ids), 2)

    # 150 tokens whose numbers between the layers of a feed-forward, in float32, are that large; twice as many in bf16.
    monkeypatch.setattr("xbench.predict.LARGEST", 150 * 4 * 4 * opened.model.config.hidden_size)
    for precision, most in (("fp32", 150), ("bf16", 300)):
        read.clear()
        predict(opened, changed(kind, forward=watched), features, setting, device="cpu", precision=precision)
        assert most / 2 < max(read) <= most
        assert len(read) > 1


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


FULL = pytest.mark.parametrize(
    "fault", [torch.OutOfMemoryError("full"), RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes")]
)


def roomy(most: int, fault: Exception, seen: list[int]) -> Any:
    """The kind, on a device that holds so many features at once; `seen` takes the sizes of the batches."""

    def forward(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        seen.append(len(batch.ids))
        if len(batch.ids) > most:
            raise fault
        return kind.forward(model, batch, setting)

    return changed(kind, forward=forward)


@FULL
def test_too_little_memory_halves_the_batches_and_says_so(
    fault: Exception, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(30), setting, training=False)
    seen: list[int] = []
    scores = predict(opened, roomy(4, fault, seen), features, setting, device="cpu", precision="fp32")
    assert seen == [30, 15, 8, *[4, 4, 4, 3, 4, 4, 4, 3]]
    assert np.allclose(scores, predict(opened, kind, features, setting, device="cpu", precision="fp32"), atol=1e-5)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert told[0].startswith("scoring 30 examples of up to ")
    assert told[0].endswith("more memory than cpu has; going on with half as many")


@FULL
def test_one_example_that_does_not_fit(fault: Exception, tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(3), setting, training=False)
    longest, seen = max(len(feature.ids) for feature in features), []
    opened.model.train()
    with pytest.raises(DoesNotFit, match=f"^scoring one example of {longest} tokens needs more memory than cpu has"):
        predict(opened, roomy(0, fault, seen), features, setting, device="cpu", precision="fp32")
    assert seen == [3, 2, 1]
    assert opened.model.training


def test_a_model_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)

    def fail(fault: Exception) -> Any:
        raise fault

    for fault, told in ((torch.OutOfMemoryError("full"), DoesNotFit), (RuntimeError("no such device"), RuntimeError)):
        monkeypatch.setattr(opened.model, "to", lambda _, fault=fault: fail(fault))
        with pytest.raises(
            told, match=r"^the [\d,]+ weights of .* alone do not fit into the memory of cpu|^no such device"
        ):
            predict(opened, kind, [], setting, device="cpu", precision="fp32")


def test_other_faults_are_not_taken_for_memory(tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features, seen = kind.encode(pairs(3), setting, training=False), []
    with pytest.raises(RuntimeError, match="shapes do not match"):
        predict(
            opened,
            roomy(0, RuntimeError("shapes do not match"), seen),
            features,
            setting,
            device="cpu",
            precision="fp32",
        )
    assert seen == [3]
