"""Several trainings side by side learn what each learns alone; the path that was taken changes nothing."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import toy
import xbench
from tiny import build
from toys import TEXTS, apart, changed, pairs, set_up, train
from xbench.errors import Diverged, DoesNotFit, XbenchError
from xbench.fit import Fitted, Training, fit_together
from xbench.kinds.pairs import kind
from xbench.layouts import Reader, compile_blocks
from xbench.opening import Opened, blocks_of
from xbench.runner import Silent, order, plan, teams
from xbench.selection import Jury

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


def order_of(checkpoint: Path, mirror: Path, board: Path, **more: object) -> Any:
    wanted = {"recipe": str(toy.RECIPE), "data": mirror, "board": board, "seeds": 3} | more
    return order((str(checkpoint),), (str(toy.TASKS["pairs"]), str(toy.TASKS["tags"])), **wanted)


def test_seeds_of_one_fine_tuning_make_a_team(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    wanted = order_of(checkpoint("bert"), toy_mirror, tmp_path, at_once=2)
    found = teams.together(plan(wanted).groups, wanted)
    assert [[group[0].run.seed for group in team] for team in found] == [[0, 1, 2], [0, 1, 2]]
    assert len({team[0][0].run.task for team in found}) == 2
    one = order_of(checkpoint("bert"), toy_mirror, tmp_path, device="cpu")
    assert all(len(team) == 1 for team in teams.together(plan(one).groups, one))


@pytest.mark.parametrize("at_once", [2, 3])
def test_seeds_at_once_record_what_they_record_alone(
    at_once: int, checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    counts = []
    for board, wanted in (("alone", 1), ("beside", at_once)):
        outcome = xbench.run(
            str(checkpoint("bert")), str(toy.TASKS["pairs"]), recipe=str(toy.RECIPE), data=toy_mirror,
            board=tmp_path / board, seeds=3, at_once=wanted,
        )  # fmt: skip
        assert not outcome.failed
        assert [record.run.seed for _, record in outcome.ran] == [0, 1, 2]
        counts.append([path.with_suffix(".parquet").read_bytes() for path, _ in outcome.ran])
    assert counts[0] == counts[1]


def test_seeds_that_do_not_fit_together_go_on_one_by_one(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def crowded(trainings: list[Training], **more: Any) -> list[Fitted | XbenchError]:
        sizes.append(len(trainings))
        done = fit_together(trainings[:1], **more)
        return [*done, *(DoesNotFit("no room") for _ in trainings[1:])]

    monkeypatch.setattr("xbench.runner.work.fit_together", crowded)
    outcome = xbench.run(
        str(checkpoint("bert")), str(toy.TASKS["pairs"]), recipe=str(toy.RECIPE), data=toy_mirror,
        board=tmp_path, seeds=3, at_once=3,
    )  # fmt: skip
    assert not outcome.failed
    assert sorted(record.run.seed for _, record in outcome.ran) == [0, 1, 2]
    assert sizes == [3, 1, 1]


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
    assert told["bert", "auto"] == "packed"
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
            xbench.run(
                str(checkpoint("bert")), str(toy.TASKS["pairs"]), recipe=str(toy.RECIPE), data=toy_mirror,
                board=tmp_path / f"{before}-{wanted}", deterministic=wanted, watch=watch,
            )  # fmt: skip
            assert watch.heard == {wanted}
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
