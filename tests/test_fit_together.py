"""Several trainings side by side learn what each learns alone; the path that was taken changes nothing."""

import gc
import re
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.torch_version import TorchVersion

import toy
import xbench
from tiny import build
from toys import TEXTS, apart, changed, pairs, set_up, train
from xbench import fit as fitting
from xbench.errors import Diverged, DoesNotFit
from xbench.fit import Fitted, Training, fit_together
from xbench.kinds.pairs import kind
from xbench.layouts import Reader, compile_blocks
from xbench.opening import Opened, blocks_of
from xbench.runner import Silent
from xbench.selection import Jury
from xbench.stepping import Stepper
from xbench.stepping.graphs import GraphedStepper

LABELS = ("no", "yes")
CPU = torch.device("cpu")
Checkpoint = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder with dropout: random numbers must not get mixed up."""
    return build("xlm-roberta", tmp_path_factory.mktemp("tiny") / "encoder", TEXTS)


def training(folder: Path, seed: int, using: Any = kind, **recipe: object) -> tuple[Opened, Training]:
    opened, setting = set_up(folder, kind, LABELS, **{"steps": 6} | recipe)
    features = kind.encode(pairs(48), setting, training=True)
    reader = Reader(opened.model, "packed")
    return opened, Training(reader=reader, kind=using, features=features, setting=setting, seed=seed, jury=Jury())


def test_side_by_side_as_alone_bit_for_bit(folder: Path) -> None:
    alone = []
    for seed in (0, 1, 2):
        opened, one = training(folder, seed)
        fit_together([one], device=CPU, precision="fp32")
        alone.append(opened)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    beside = [training(folder, seed) for seed in (0, 1, 2)]
    done = fit_together([one for _, one in beside], device=CPU, precision="fp32")
    assert all(isinstance(one, Fitted) and one.steps == 6 for one in done)
    assert torch.equal(torch.get_rng_state(), before)
    assert [apart(one, other) for one, (other, _) in zip(alone, beside, strict=True)] == [0, 0, 0]
    assert apart(alone[0], alone[1]) > 0


def test_lengths_may_differ_and_one_may_fail(folder: Path) -> None:
    def loss(scores: torch.Tensor, batch: Any) -> torch.Tensor:
        return kind.loss(scores, batch) * torch.nan

    _, short = training(folder, 0, steps=2)
    _, broken = training(folder, 1, changed(kind, loss=loss))
    _, long = training(folder, 2, steps=15)
    first, second, third = fit_together([short, broken, long], device=CPU, precision="fp32")
    assert isinstance(first, Fitted)
    assert first.steps == 2
    assert isinstance(second, Diverged)
    assert isinstance(third, Fitted)
    assert third.steps == 15


@pytest.mark.parametrize(
    ("precision", "version", "together", "recorded"),
    [
        ("bf16", "2.13.0", 1, True), ("bf16", "2.13.1+cu130", 3, True), ("bf16", "2.12.1", 1, True),
        ("bf16", "2.12.1", 2, False), ("bf16", "2.9.0", 2, False), ("fp32", "2.13.0", 1, False),
        ("tf32", "2.13.0", 1, False),
    ],
)  # fmt: skip
def test_what_is_recorded(
    folder: Path, precision: str, version: str, together: int, recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never what reads a batch's lengths on the host, nor what would share its random numbers with others."""
    monkeypatch.setattr(torch, "__version__", TorchVersion(version))
    _, one = training(folder, 0)
    terms = fitting._Terms(device=torch.device("cuda"), precision=precision, micro_batch=0, together=together)
    assert fitting._stepper(one, terms) is (GraphedStepper if recorded else Stepper)


def test_a_training_is_billed_for_its_own_steps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("xbench.stepping.turns.perf_counter", lambda: clock[0])

    def slow(seconds: float) -> Any:
        def loss(scores: torch.Tensor, batch: Any) -> torch.Tensor:
            clock[0] += seconds
            return kind.loss(scores, batch)

        return changed(kind, loss=loss)

    both = [training(folder, 0, slow(1.0), steps=3)[1], training(folder, 1, slow(10.0), steps=6)[1]]
    first, second = fit_together(both, device=CPU, precision="fp32")
    assert isinstance(first, Fitted)
    assert isinstance(second, Fitted)
    assert (first.seconds, second.seconds) == (3.0, 60.0)
    assert first.how["seeds"] == second.how["seeds"] == "2 at once"
    (alone,) = fit_together([training(folder, 0)[1]], device=CPU, precision="fp32")
    assert isinstance(alone, Fitted)
    assert "seeds" not in alone.how


def test_the_first_that_is_still_going_tells_of_its_progress(folder: Path) -> None:
    heard: list[tuple[int, int]] = []

    def telling(seed: int, steps: int) -> Training:
        def progress(step: int, steps: int, loss: float) -> None:
            heard.append((seed, step))

        return replace(training(folder, seed, steps=steps)[1], progress=progress)

    fit_together([telling(0, 15), telling(1, 30), telling(2, 20)], device=CPU, precision="fp32")
    assert heard == [(0, 10), (0, 15), (1, 20), (1, 30)]


def test_other_devices_draw_on_undisturbed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    _, one = training(folder, 0)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    fit_together([one], device=CPU, precision="fp32")
    assert not seeded


def test_one_that_does_not_fit_leaves_nothing_behind(folder: Path) -> None:
    left: list[weakref.ref[Any]] = []

    def loss(scores: torch.Tensor, batch: Any) -> torch.Tensor:
        left.append(weakref.ref(scores))
        raise torch.OutOfMemoryError("no room")

    opened, one = training(folder, 0, changed(kind, loss=loss))
    left.append(weakref.ref(opened.model))
    (fault,) = fit_together([one], device=CPU, precision="fp32")
    assert isinstance(fault, DoesNotFit)
    del opened, one
    gc.collect()
    assert [what() for what in left] == [None, None]


def test_only_the_vocabulary_that_is_read_is_trained(folder: Path) -> None:
    opened, one = training(folder, 0)
    before = opened.model.get_input_embeddings().weight.detach().clone()
    (fitted,) = fit_together([one], device=CPU, precision="fp32")
    assert isinstance(fitted, Fitted)
    weight = opened.model.get_input_embeddings().weight
    moved = (weight != before).any(1)
    read = {int(number) for feature in one.features for number in feature.ids}
    assert set(moved.nonzero()[:, 0].tolist()) == read
    assert weight.requires_grad
    assert type(opened.model.get_input_embeddings()) is torch.nn.Embedding
    rows = re.fullmatch(r"compact: (\d+) of (\d+) rows", fitted.how["vocabulary"])
    assert rows
    assert int(rows[1]) == len(read | {one.setting.tokenizer.pad_token_id})


def test_whether_compact_or_not_the_same_is_learned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compact, first = training(folder, 3, steps=20, decay=0.01)
    whole, second = training(folder, 3, steps=20, decay=0.01)
    fit_together([first], device=CPU, precision="fp32")
    monkeypatch.setattr("xbench.stepping.vocabulary.WORTH", 0.0)
    (fitted,) = fit_together([second], device=CPU, precision="fp32")
    assert isinstance(fitted, Fitted)
    assert fitted.how["vocabulary"].startswith("whole: ")
    assert apart(compact, whole) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, while it compiles
def test_compiled_blocks_compute_the_same(folder: Path) -> None:
    opened, one = training(folder, 0)
    features, setting = list(one.features[:4]), one.setting
    from xbench.predict import predict

    def scored() -> Any:
        return predict(opened, kind, features, setting, device=CPU, precision="fp32", reader=one.reader)

    plain = scored()
    compiled: list[str] = []
    torch._dynamo.reset()
    for block in blocks_of(opened.model):
        block.compile(backend=lambda graph, inputs: compiled.append("graph") or graph)
    assert all(
        torch.allclose(torch.as_tensor(a), torch.as_tensor(b), atol=1e-6) for a, b in zip(plain, scored(), strict=True)
    )
    assert compiled
    compile_blocks(opened.model)
    assert len(blocks_of(opened.model)) == 2


def test_a_record_says_which_path_ran(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    told = {}
    for architecture, layout in (("bert", "auto"), ("bert", "padded"), ("deberta-v2", "auto")):
        outcome = xbench.run(
            str(checkpoint(architecture)), str(toy.TASKS["pairs"]), recipe=str(toy.RECIPE), data=toy_mirror,
            board=tmp_path / f"{architecture}-{layout}", layout=layout, precision="bf16",
        )  # fmt: skip
        ((_, record),) = outcome.ran
        told[architecture, layout] = record.provenance.how["layout"]
        assert record.provenance.precision == "bf16"
        assert record.provenance.how["vocabulary"]
    assert told["bert", "auto"] == "packed, last feed-forward for first tokens only"
    assert told["bert", "padded"] == "padded"
    assert told["deberta-v2", "auto"].startswith("parts (not packed: DebertaV2ForSequenceClassification computes")


def test_deterministic_kernels_are_asked_for_and_let_go(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    class Asking(Silent):
        def __init__(self) -> None:
            self.heard: set[bool] = set()

        def begin(self, what: str, total: int) -> None:
            if what.startswith("scoring"):
                self.heard.add(torch.are_deterministic_algorithms_enabled())

    for before, wanted in ((False, True), (True, False), (True, True)):
        torch.use_deterministic_algorithms(before)
        watch = Asking()
        try:
            outcome = xbench.run(
                str(checkpoint("bert")), str(toy.TASKS["pairs"]), recipe=str(toy.RECIPE), data=toy_mirror,
                board=tmp_path / f"{before}-{wanted}", deterministic=wanted, watch=watch,
            )  # fmt: skip
            assert watch.heard == {wanted}
            ((_, record),) = outcome.ran
            assert record.provenance.how.get("kernels") == ("deterministic" if wanted else None)
            assert torch.are_deterministic_algorithms_enabled() == before
        finally:
            torch.use_deterministic_algorithms(False)


def test_training_in_bf16_reaches_what_float32_reaches(folder: Path) -> None:
    from xbench.predict import predict

    reached = []
    for precision in ("fp32", "bf16"):
        opened, setting = set_up(folder, kind, LABELS, steps=60)
        train(opened, setting, examples=pairs(200), precision=precision, reader=Reader(opened.model, "packed"))
        fresh = pairs(400, seed=9)
        features = kind.encode(fresh, setting, training=False)
        scores = predict(opened, kind, features, setting, device=CPU, precision=precision)
        answers = kind.decode(scores, features, fresh, setting)
        reached.append(sum(one == gold.label for one, gold in zip(answers, fresh, strict=True)) / len(fresh))
    assert min(reached) > 0.95
    assert abs(reached[0] - reached[1]) < 0.02
