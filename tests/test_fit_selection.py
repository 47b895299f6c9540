"""Which weights are kept, what is told on the way, and what ends fine-tuning early."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tiny import build
from toys import TEXTS, apart, changed, moved, set_up, train, weights
from xbench.errors import BadOption, Diverged, DoesNotFit, Unwritable
from xbench.kinds import Batch, Setting
from xbench.kinds.pairs import kind
from xbench.opening import Opened
from xbench.selection import SOURCE_DEV, Judge, Jury

LABELS = ("no", "yes")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("bert", tmp_path_factory.mktemp("tiny") / "bert", TEXTS)


def scripted(opened: Opened, scores: list[float]) -> tuple[Callable[[], float], list[dict[str, torch.Tensor]]]:
    """A dev score that follows a script, and the weights that stood when it was asked."""
    stood: list[dict[str, torch.Tensor]] = []

    def score() -> float:
        stood.append(weights(opened))
        opened.model.eval()  # as scoring does; training must go on with dropout all the same
        return scores[len(stood) - 1]

    return score, stood


def test_the_first_of_the_best_weights_are_kept(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, selection="source-dev", steps=10, select_every=3)
    score, stood = scripted(opened, [0.2, 0.7, 0.7, 0.1])
    jury = Jury({SOURCE_DEV: Judge(score=score)})
    fitted = train(opened, setting, jury=jury)
    verdict = jury.verdicts[SOURCE_DEV]
    assert verdict.history == ((3, 0.2), (6, 0.7), (9, 0.7), (10, 0.1))
    assert (fitted.steps, verdict.step, verdict.score) == (10, 6, 0.7)
    assert moved(stood[3], opened) == set()
    assert not opened.model.training
    jury.put(6, opened.model)
    assert moved(stood[1], opened) == set()
    assert moved(stood[2], opened)


def test_select_every_0_is_the_end_of_every_epoch(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, selection="source-dev", steps=9)
    score, _ = scripted(opened, [0.1, 0.2, 0.3])
    jury = Jury({SOURCE_DEV: Judge(score=score)})
    train(opened, setting, jury=jury)  # 64 items in batches of 16
    assert [step for step, _ in jury.verdicts[SOURCE_DEV].history] == [4, 8, 9]


def test_patience_ends_training(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, selection="source-dev", steps=50, select_every=2, patience=2)
    score, stood = scripted(opened, [0.5, 0.4, 0.6, 0.6, 0.5])
    jury = Jury({SOURCE_DEV: Judge(score=score)})
    fitted = train(opened, setting, jury=jury)
    verdict = jury.verdicts[SOURCE_DEV]
    assert (fitted.steps, verdict.step, verdict.score, verdict.worse) == (10, 6, 0.6, 2)
    assert jury.kept == (6,)
    jury.put(6, opened.model)
    assert moved(stood[2], opened) == set()


@pytest.mark.parametrize("rule", ["source-dev", "last", "oracle"])
def test_what_is_learned_does_not_depend_on_what_is_selected(rule: str, bert: Path) -> None:
    """Dropout, order and the end of training are the same bits, with and without judges in the jury."""
    alone, setting = set_up(bert, kind, LABELS, selection="source-dev", steps=40, select_every=2, patience=2)
    other, again = set_up(bert, kind, LABELS, selection=rule, steps=40, select_every=2, patience=2)
    on_dev = [0.5, 0.4, 0.6, 0.6, 0.5, 0.9]
    first = train(alone, setting, dev_score=scripted(alone, on_dev)[0])
    jury = Jury(
        {
            SOURCE_DEV: Judge(score=scripted(other, on_dev)[0], keep=rule == "source-dev"),
            "de": Judge(score=scripted(other, [0.1, 0.2, 0.3, 0.4, 0.5])[0]),
            "sw": Judge(score=scripted(other, [0.5, 0.4, 0.3, 0.2, 0.1])[0]),
        }
    )
    with jury:
        second = train(other, again, jury=jury)
    assert first.steps == second.steps == 10
    assert apart(alone, other) == 0


def test_patience_needs_the_source_dev_split_whatever_is_selected(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, selection="last", patience=1)
    with pytest.raises(BadOption, match="recipe 'toy' looks at the dev split"):
        train(opened, setting)


def test_without_judges_nobody_is_asked_and_nothing_kept(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, selection="last", steps=5)
    jury = Jury()
    assert train(opened, setting, jury=jury).steps == 5
    assert (jury.kept, jury.verdicts) == ((), {})


# Several judges


def test_every_judge_gets_its_best_weights_and_each_is_stored_once(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened, setting = set_up(bert, kind, LABELS, selection="oracle", steps=8, select_every=2)
    wanted = {"de": [0.1, 0.9, 0.3, 0.9], "sw": [0.5, 0.9, 0.1, 0.1], "te": [0.1, 0.2, 0.3, 0.4]}
    scripts = {name: scripted(opened, scores) for name, scores in wanted.items()}
    files: list[int] = []

    def counting() -> float:
        files.append(len(list(tmp_path.rglob("*.safetensors"))))
        return 0.0

    judges = {name: Judge(score=score) for name, (score, _) in scripts.items()}
    with Jury(judges | {"counting": Judge(score=counting, keep=False)}) as jury:
        train(opened, setting, jury=jury)
        assert files == [
            0,
            1,
            1,
            2,
        ]  # as each step begins: all share that of step 2, then that of 4, then te has its own
        assert jury.kept == (4, 8)
        assert {name: jury.verdicts[name].step for name in wanted} == {"de": 4, "sw": 4, "te": 8}
        for step, place in ((4, 1), (8, 3), (4, 1)):
            jury.put(step, opened.model)
            assert moved(scripts["de"][1][place], opened) == set()
    assert list(tmp_path.iterdir()) == []


def test_frozen_weights_are_not_stored(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, steps=4, select_every=2, method="frozen-embeddings")
    score, stood = scripted(opened, [0.9, 0.1])
    jury = Jury({"de": Judge(score=score)})
    train(opened, setting, jury=jury)
    jury.put(2, opened.model)
    assert moved(stood[0], opened) == set()


def test_a_lower_score_can_be_the_better_one(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, steps=6, select_every=2)
    jury = Jury({"de": Judge(score=scripted(opened, [0.3, 0.2, 0.4])[0], lower=True)})
    train(opened, setting, jury=jury)
    assert (jury.verdicts["de"].step, jury.verdicts["de"].score, jury.verdicts["de"].worse) == (4, 0.2, 1)


def test_no_room_for_checkpoints_says_where_there_could_be(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    opened, setting = set_up(bert, kind, LABELS, steps=2)
    with (
        Jury({name: Judge(score=lambda: 0.5) for name in ("de", "sw")}) as jury,
        pytest.raises(Unwritable, match="TMPDIR"),
    ):
        train(opened, setting, jury=jury)


# Precision, progress and refusals


def test_bf16_computes_in_bf16_and_keeps_float32_weights(bert: Path) -> None:
    seen: dict[str, set[torch.dtype]] = {"logits": set(), "states": set()}

    def forward(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        scores = kind.forward(model, batch, setting)
        seen["logits"].add(scores.dtype)
        return scores

    opened, setting = set_up(bert, kind, LABELS)
    layer = opened.model.get_submodule("bert.encoder.layer.0.intermediate.dense")
    layer.register_forward_hook(lambda layer, given, states: seen["states"].add(states.dtype))
    losses: list[float] = []
    train(
        opened, setting, using=changed(kind, forward=forward), precision="bf16",
        progress=lambda step, steps, loss: losses.append(loss),
    )  # fmt: skip
    assert seen == {"logits": {torch.float32}, "states": {torch.bfloat16}}
    assert {parameter.dtype for parameter in opened.model.parameters()} == {torch.float32}
    assert losses[-1] < 0.7 * losses[0]


def test_progress_tells_how_far_it_is(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, steps=24)
    told: list[tuple[int, int]] = []
    train(opened, setting, progress=lambda step, steps, loss: told.append((step, steps)))
    assert told == [(10, 24), (20, 24), (24, 24)]


def test_a_loss_that_is_no_number_is_told_with_its_step(bert: Path) -> None:
    calls = iter(range(100))

    def loss(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        return kind.loss(scores, batch) * (torch.nan if next(calls) >= 12 else 1)

    opened, setting = set_up(bert, kind, LABELS)
    with pytest.raises(Diverged, match=r"at step 13, with a peak learning rate of 0\.003"):
        train(opened, setting, using=changed(kind, loss=loss))


def test_a_loss_that_is_no_number_is_told_before_the_dev_split_is_scored(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, selection="source-dev", select_every=3)
    score, stood = scripted(opened, [])
    with pytest.raises(Diverged, match="at step 1,"):
        train(opened, setting, using=changed(kind, loss=lambda s, b: kind.loss(s, b) * torch.nan), dev_score=score)
    assert stood == []


@pytest.mark.parametrize(
    "fault", [torch.OutOfMemoryError("full"), RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes")]
)
def test_too_little_memory_says_how_to_go_on(fault: Exception, bert: Path) -> None:
    def forward(*_: object) -> torch.Tensor:
        raise fault

    opened, setting = set_up(bert, kind, LABELS)
    for micro, at_once, advised in ((0, 16, 8), (6, 6, 3)):
        with pytest.raises(
            DoesNotFit, match=rf"^{at_once} items of up to \d+ tokens .*batch stays 16.*--micro-batch {advised}$"
        ):
            train(opened, setting, using=changed(kind, forward=forward), micro_batch=micro)


def test_a_model_that_does_not_fit_is_told_before_the_first_step(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, setting = set_up(bert, kind, LABELS)

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(opened.model, "to", full)
    with pytest.raises(DoesNotFit, match=r"^the [\d,]+ weights of .*bert alone do not fit into the memory of cpu"):
        train(opened, setting)


def test_other_faults_are_not_taken_for_memory(bert: Path) -> None:
    def forward(*_: object) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    opened, setting = set_up(bert, kind, LABELS)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        train(opened, setting, using=changed(kind, forward=forward))


def test_what_cannot_be_done(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, selection="source-dev")
    with pytest.raises(BadOption, match="not one example"):
        train(opened, setting, examples=[], dev_score=lambda: 0.0)
    with pytest.raises(BadOption, match="recipe 'toy' looks at the dev split"):
        train(opened, setting)
