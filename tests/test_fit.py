"""The fine-tuning loop: what is learned depends on the recipe and the seed, and on nothing else."""

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tiny import build
from toys import TEXTS, apart, changed, choices, moved, pairs, set_up, train, weights
from xbench.errors import DoesNotFit
from xbench.fit import fit, planned_steps, rate_at
from xbench.kinds import Batch, Setting
from xbench.kinds.choices import kind as choosing
from xbench.kinds.pairs import kind
from xbench.recipe import Recipe

LABELS = ("no", "yes")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("bert", tmp_path_factory.mktemp("tiny") / "bert", TEXTS)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder without dropout: two ways of reading a batch can be compared."""
    folder = build("bert", tmp_path_factory.mktemp("tiny") / "calm", TEXTS)
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('_dropout_prob": 0.1', '_dropout_prob": 0.0'))
    return folder


def test_the_same_seed_leaves_the_same_weights(bert: Path) -> None:
    runs = []
    for state, seed in ((1, 7), (2, 7), (1, 8)):
        opened, setting = set_up(bert, kind, LABELS, steps=6)
        torch.manual_seed(state)
        np.random.seed(state)
        before = torch.get_rng_state()
        train(opened, setting, seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
        runs.append(opened)
    assert apart(runs[0], runs[1]) == 0
    assert apart(runs[0], runs[2]) > 0


@pytest.mark.parametrize("part", [1, 3, 16, 64])
@pytest.mark.parametrize("using", [kind, choosing], ids=["pairs", "choices"])
def test_micro_batches_change_nothing(using: Any, part: int, calm: Path) -> None:
    examples = pairs(48) if using is kind else choices(48)
    left, setting = set_up(calm, using, LABELS if using is kind else (), steps=4)
    right, _ = set_up(calm, using, LABELS if using is kind else (), steps=4)
    losses: list[float] = []
    for opened, micro in ((left, 0), (right, part)):
        # In float32 the gradients of key biases, which are 0, are rounding errors, and AdamW takes whole steps after them.
        opened.model.double()
        train(
            opened, setting, using=using, examples=examples, micro_batch=micro,
            progress=lambda step, steps, loss: losses.append(loss),
        )  # fmt: skip
    assert apart(left, right) < 1e-9
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_parts_with_different_numbers_of_things_weigh_by_things(calm: Path) -> None:
    """Where an item has several things to learn, or none, a batch's loss is still the mean over all its things."""

    def loss(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        return kind.loss(scores, batch).repeat_interleave(batch.mask.sum(1) % 4)

    left, setting = set_up(calm, kind, LABELS, steps=3)
    right, _ = set_up(calm, kind, LABELS, steps=3)
    for opened, micro in ((left, 0), (right, 1)):
        opened.model.double()
        train(opened, setting, using=changed(kind, loss=loss), micro_batch=micro)
    assert apart(left, right) < 1e-9


def test_a_batch_with_nothing_to_learn_teaches_nothing(calm: Path) -> None:
    opened, setting = set_up(calm, kind, LABELS, steps=2)
    before = weights(opened)
    for micro in (0, 5):
        train(
            opened,
            setting,
            using=changed(kind, loss=lambda scores, batch: kind.loss(scores, batch)[:0]),
            micro_batch=micro,
        )
    assert moved(before, opened) == set()


def test_items_are_features_unless_the_kind_groups_them(bert: Path) -> None:
    seen: list[list[int]] = []

    def loss(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        seen.append(batch.examples.tolist())
        return scores.square()

    examples = choices(21)  # with 2, 3, 2, … options
    for grouped in (True, False):
        opened, setting = set_up(bert, choosing, batch=10, steps=0, epochs=1)
        train(opened, setting, using=changed(choosing, loss=loss, grouped=grouped), examples=examples)
    assert [len(set(batch)) for batch in seen[:3]] == [10, 10, 1]
    assert sum(len(batch) for batch in seen[:3]) == 52
    assert all(batch == sorted(batch) for batch in seen[:3])
    assert [len(batch) for batch in seen[3:]] == [10] * 5 + [2]


def test_every_epoch_reads_everything_once_in_a_new_order(bert: Path) -> None:
    read: list[bytes] = []

    def forward(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        read.extend(row[mask == 1].numpy().tobytes() for row, mask in zip(batch.ids, batch.mask, strict=True))
        return kind.forward(model, batch, setting)

    opened, setting = set_up(bert, kind, LABELS, batch=7, steps=0, epochs=2)
    examples = pairs(20)
    fitted = train(opened, setting, using=changed(kind, forward=forward), examples=examples)
    expected = sorted(f.ids.astype(np.int64).tobytes() for f in kind.encode(examples, setting, training=False))
    assert fitted.steps == 6
    assert sorted(read[:20]) == sorted(read[20:]) == expected
    assert read[:20] != read[20:]
    assert fitted.tokens == sum(len(ids) for ids in read) // 8


def test_planned_steps() -> None:
    assert planned_steps(Recipe(name="r", epochs=2, batch=32), 100) == 8
    assert planned_steps(Recipe(name="r", epochs=0.5, batch=32), 100) == 2
    assert planned_steps(Recipe(name="r", epochs=5, steps=9, batch=32), 100) == 9
    assert planned_steps(Recipe(name="r", epochs=0.01, batch=32), 100) == 1


def test_the_rate_rises_and_falls_as_transformers_schedule_does() -> None:
    from transformers import get_linear_schedule_with_warmup

    for warmup in (0, 4):
        recipe = Recipe(name="r", steps=10, rate=3e-4, warmup=warmup)
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([parameter], lr=recipe.rate)
        schedule = get_linear_schedule_with_warmup(optimizer, warmup, 10)
        for step in range(10):
            assert rate_at(recipe, step, 10) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
            optimizer.step()
            schedule.step()


def test_equals_a_plain_loop_with_torchs_own_adamw(calm: Path) -> None:
    """The whole loop against the textbook one: clipping, decay, warm-up, order of batches."""
    recipe = {"steps": 7, "batch": 8, "warmup": 2, "decay": 0.1, "clip": 0.05, "rate": 1e-3}
    fitted, setting = set_up(calm, kind, LABELS, **recipe)
    plain, _ = set_up(calm, kind, LABELS, **recipe)
    order: list[Batch] = []

    def forward(model: Any, batch: Batch, setting: Setting) -> torch.Tensor:
        order.append(batch)
        return kind.forward(model, batch, setting)

    train(fitted, setting, using=changed(kind, forward=forward))
    groups = [
        {"params": [p for n, p in plain.model.named_parameters() if ("bias" in n or "LayerNorm" in n) != decayed],
         "weight_decay": 0.1 if decayed else 0.0}
        for decayed in (True, False)
    ]  # fmt: skip
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    for step, batch in enumerate(order):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(setting.recipe, step, 7)
        optimizer.zero_grad()
        kind.loss(kind.forward(plain.model, batch, setting), batch).mean().backward()
        torch.nn.utils.clip_grad_norm_(plain.model.parameters(), 0.05)
        optimizer.step()
    assert apart(fitted, plain) < 1e-6


def test_frozen_embeddings_stay_and_all_else_moves(bert: Path) -> None:
    opened, setting = set_up(bert, kind, LABELS, steps=3, method="frozen-embeddings")
    before = weights(opened)
    train(opened, setting)
    assert set(before) - moved(before, opened) == {"bert.embeddings.word_embeddings.weight"}
    # The model is left as it came: the next to train it may train all of it.
    assert all(parameter.requires_grad and parameter.grad is None for parameter in opened.model.parameters())
    opened, setting = set_up(bert, kind, LABELS, steps=3)
    before = weights(opened)
    train(opened, setting)
    assert moved(before, opened) == set(before)


def test_a_batch_goes_when_it_was_learned_from(bert: Path) -> None:
    """Many are laid out at once; each takes with it what was computed for it on the way."""
    opened, setting = set_up(bert, kind, LABELS, steps=12)
    left: list[weakref.ref[Batch]] = []
    most: list[int] = []

    def loss(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        left.append(weakref.ref(batch.ids))
        most.append(sum(one() is not None for one in left))
        return kind.loss(scores, batch)

    features = kind.encode(pairs(48), setting, training=True)
    fit(opened, changed(kind, loss=loss), features, setting, seed=0, device="cpu", precision="fp32")
    assert len(most) == 12
    assert max(most) == 1


def test_too_little_memory_while_batches_are_laid_out(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is advised counts items, of which some kinds have several features each."""
    opened, setting = set_up(bert, choosing, ())

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("full")

    features = choosing.encode(choices(40), setting, training=True)
    monkeypatch.setattr("xbench.columns.Columns.batches", full)
    with pytest.raises(DoesNotFit, match=r"^4 items of up to \d+ tokens .* --micro-batch 2$"):
        fit(opened, choosing, features, setting, seed=0, device="cpu", precision="fp32", micro_batch=4)
