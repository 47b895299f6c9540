"""Lanes find what one alone finds, and what goes wrong in one of them ends all."""

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
import torch

from tiny import ARCHITECTURES, build
from toys import TEXTS, changed, pairs, set_up
from xbench import lanes, rounding
from xbench.errors import DoesNotFit
from xbench.kinds import Batch, Setting
from xbench.kinds.pairs import kind
from xbench.lanes import LEAST, MOST, Waiting, in_lanes, lanes_for
from xbench.pack import by_length, tapered
from xbench.predict import predict
from xbench.stepping.vocabulary import compact
from xbench.trial import reader_of

CPU = torch.device("cpu")
LABELS = ("no", "yes")


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3, "what was set for the lanes is put back"
    torch.set_num_threads(before)


def scored(opened: Any, features: Any, setting: Setting, using: Any = kind, **more: Any) -> Any:
    """Scores in batches of one or two features."""
    wishes = {"precision": "fp32", "tokens_per_batch": 24} | more
    return predict(opened, using, features, setting, device="cpu", **wishes)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_lanes_find_what_one_finds(
    architecture: str, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, setting = set_up(build(architecture, tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(60), setting, training=False)
    reader = reader_of(opened, kind, setting, device=CPU, half=precision == "bf16")
    told: list[tuple[int, int]] = []
    ran: set[str] = set()

    def watched(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        ran.add(threading.current_thread().name)
        assert torch.get_num_threads() == 1
        assert not torch.is_grad_enabled()
        assert torch.is_autocast_enabled("cpu") == (precision == "bf16")
        return kind.forward(model, batch, setting)

    opened.model.train()
    several = scored(
        opened, features, setting, changed(kind, forward=watched), reader=reader, precision=precision,
        progress=lambda *both: told.append(both),
    )  # fmt: skip
    assert opened.model.training
    assert len(ran) > 1
    assert told == sorted(told)
    assert told[-1] == (sum(len(one.ids) for one in features),) * 2
    again = scored(opened, features, setting, reader=reader, precision=precision)
    monkeypatch.setattr(lanes, "MOST", 1)
    alone = scored(opened, features, setting, reader=reader, precision=precision)
    assert [row.tobytes() for row in several] == [row.tobytes() for row in again]
    assert np.allclose(several, alone, atol=1e-5 if precision == "fp32" else 0.02)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, when it is to compile
def test_who_has_no_twin_reads_alone(tmp_path: Path) -> None:
    opened, _ = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    model, enough = opened.model, 3 * LEAST
    assert lanes_for(model, CPU, enough) == 3
    assert lanes_for(model, CPU, enough - 1) == 1
    assert lanes_for(model, torch.device("cuda"), enough) == 1
    hook = model.classifier.register_forward_hook(lambda *_: None)
    assert lanes_for(model, CPU, enough) == 1
    hook.remove()
    model.classifier.forward = model.classifier.forward
    assert lanes_for(model, CPU, enough) == 1
    del model.classifier.forward
    model.classifier.compile(backend=lambda graph, inputs: graph)
    assert lanes_for(model, CPU, enough) == 1


def test_twins_have_the_same_weights_and_nothing_else(tmp_path: Path) -> None:
    opened, _ = set_up(build("modernbert", tmp_path, TEXTS), kind, LABELS)
    seen: list[Any] = []
    in_lanes(opened.model, 2, seen.append, Waiting([]))
    one, other = seen
    assert {id(module) for module in one.modules()}.isdisjoint(id(module) for module in other.modules())
    assert one.config is not other.config
    assert [id(weight) for weight in one.parameters()] == [id(weight) for weight in other.parameters()]
    assert {id(buffer) for buffer in one.buffers()}.isdisjoint(id(buffer) for buffer in other.buffers())


def test_what_cannot_be_copied_is_read_alone(tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(60), setting, training=False)
    expected = scored(opened, features, setting)
    opened.model.lock = threading.Lock()
    seen: list[Any] = []
    in_lanes(opened.model, 3, seen.append, Waiting([]))
    assert seen == [opened.model]
    assert np.allclose(scored(opened, features, setting), expected, atol=1e-5)


def test_a_model_in_training_catches_up_once(tmp_path: Path) -> None:
    """What turning to scoring does to weights is done before there are twins."""
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(60), setting, training=False)
    used = sorted({int(token) for one in features for token in one.ids})[:-3]
    before = opened.model.get_input_embeddings().weight.detach().clone()
    opened.model.train()
    with compact(opened.model, [*used, setting.tokenizer.pad_token_id]) as vocabulary:
        assert vocabulary.rows is not None
        vocabulary.stepped(0.5, 0.5)
        scored(opened, features, setting)
    after = opened.model.get_input_embeddings().weight.detach()
    elsewhere = sorted(set(range(len(before))) - set(used) - {setting.tokenizer.pad_token_id})
    assert torch.allclose(after[elsewhere], before[elsewhere] * 0.75)


@pytest.mark.parametrize("fault", [ValueError("broken"), KeyboardInterrupt()])
def test_what_goes_wrong_in_one_lane_ends_all(fault: BaseException, tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(300), setting, training=False)
    read: list[int] = []

    def breaks(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        read.append(1)
        if len(read) == 20:
            raise fault
        return kind.forward(model, batch, setting)

    with pytest.raises(type(fault)):
        scored(opened, features, setting, changed(kind, forward=breaks), tokens_per_batch=1)
    assert len(read) < 60


def test_too_little_memory_in_lanes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(120), setting, training=False)

    def roomy(most: int) -> Any:
        def forward(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
            if len(batch.ids) > most:
                raise torch.OutOfMemoryError("full")
            return kind.forward(model, batch, setting)

        return changed(kind, forward=forward)

    expected = scored(opened, features, setting)
    found = scored(opened, features, setting, roomy(2), tokens_per_batch=120)
    assert np.allclose(found, expected, atol=1e-5)
    assert caplog.records
    with pytest.raises(DoesNotFit, match="scoring one example of"):
        scored(opened, features, setting, roomy(0))


def test_lanes_that_share_too_little_memory_become_fewer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One batch fits, two at once do not: nothing is cut, and nothing fails."""
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(120), setting, training=False)
    room, together, sizes = threading.Semaphore(1), threading.Barrier(3, timeout=30), list[int]()

    def forward(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        if not sizes:
            together.wait()
        if not room.acquire(blocking=False):
            raise torch.OutOfMemoryError("full")
        try:
            sizes.append(len(batch.ids))
            if len(sizes) == 1:
                sleep(0.2)
            return kind.forward(model, batch, setting)
        finally:
            room.release()

    found = scored(opened, features, setting, changed(kind, forward=forward), tokens_per_batch=60)
    assert not caplog.records
    assert sum(sizes) == 120
    assert len(sizes) == len(tapered(list(by_length(features, 60)), 3))
    assert np.allclose(found, scored(opened, features, setting), atol=1e-5)


def test_a_batch_that_is_given_back_is_read_by_a_lane_that_was_about_to_end() -> None:
    waiting = Waiting([[0, 1]])
    waiting.lanes = 2
    batch = waiting.take()
    assert batch == [0, 1]
    assert waiting.take() is None, "the other lane finds nothing left"
    assert not waiting.too_large(batch), "and then this one gives its batch back, and ends"
    assert not waiting.leave()
    assert waiting.lanes == 1
    assert waiting.take() == [0, 1]
    assert waiting.leave()
    assert waiting.lanes == 0


def test_hidden_states_are_read_in_lanes_once_transformers_collects_them(tmp_path: Path) -> None:
    opened, _ = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    model, ids = opened.model.train(False), torch.arange(5, 11)[None]
    with torch.no_grad():
        expected = model(ids, output_hidden_states=True).hidden_states
    assert lanes_for(model, CPU, 3 * LEAST) == 3
    seen: list[Any] = []

    def read(one: Any) -> None:
        with torch.no_grad():
            seen.append(one(ids, output_hidden_states=True).hidden_states)

    in_lanes(model, 3, read, Waiting([]))
    assert len(seen) == 3
    assert all(torch.allclose(one, other) for found in seen for one, other in zip(found, expected, strict=True))


def test_what_failed_holds_no_model(tmp_path: Path) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    features = kind.encode(pairs(60), setting, training=False)

    def fails(*_: object) -> torch.Tensor:
        raise ValueError("broken")

    held = weakref.ref(opened.model)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(ValueError, match="broken"):
            scored(opened, features, setting, changed(kind, forward=fails))
        del opened
        assert held() is None
    finally:
        gc.enable()


def test_weights_are_rounded_once_for_all_lanes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, setting = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    given: list[int] = []
    own = rounding.quick_products
    monkeypatch.setattr(
        "xbench.predict.quick_products", lambda model, rounded: given.append(id(rounded)) or own(model, rounded)
    )
    scored(opened, kind.encode(pairs(60), setting, training=False), setting, precision="bf16")
    assert len(given) == 3
    assert len(set(given)) == 1


def test_no_more_lanes_than_python_can_serve(tmp_path: Path) -> None:
    opened, _ = set_up(build("bert", tmp_path, TEXTS), kind, LABELS)
    for threads, number in ((1, 1), (16, 16), (17, 8), (24, 12), (40, 13)):
        torch.set_num_threads(threads)
        assert lanes_for(opened.model, CPU, 10**6) == number <= MOST
        assert threads - number < number * (threads // number) <= threads, "few cores stand idle"
    torch.set_num_threads(3)
