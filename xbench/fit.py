"""The one fine-tuning loop."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from xbench.errors import BadOption, Diverged, DoesNotFit
from xbench.kinds import Feature, Kind, Setting
from xbench.opening import Opened, put_on
from xbench.pack import out_of_memory, pad
from xbench.recipe import Recipe
from xbench.selection import SOURCE_DEV, Jury

LOOK = 10
"""Steps between two looks at the loss: reading it makes an accelerator wait."""

Item = Sequence[Feature]
"""What epochs shuffle and batches count: one feature, or all of an example's where the kind is grouped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What fine-tuning did. The model holds the last weights; the jury has those that it chose."""

    steps: int
    """Optimizer steps that were taken; fewer than planned where patience ended them."""
    tokens: int
    """Tokens the encoder read in training, padding left out."""
    seconds: float
    """Wall time, with that of the jury."""


def fit(
    opened: Opened,
    kind: Kind,
    features: Sequence[Feature],
    setting: Setting,
    *,
    seed: int,
    device: torch.device | str,
    precision: str,
    jury: Jury | None = None,
    micro_batch: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> Fitted:
    """Fine-tune the opened model on features that carry targets, as `setting.recipe` says.

    `precision` is fp32 or bf16 (autocast; the weights stay float32). The jury is asked every `select_every` steps, or
    once an epoch, and at the end. Its judge of the source's dev split must be there where the recipe chooses by it or
    has patience, and ends the training of the latter; no other judge changes what is learned. `micro_batch` items are
    read at once, 0 = the whole batch: the loss of a batch is the mean over all its things either way. `progress` hears
    (step, steps, mean loss of the last steps) every few steps. Equal calls leave equal weights on a CPU, bit for bit,
    whoever sits in the jury, and torch's global generator is left as it was.

    Raises DoesNotFit, Diverged, and BadOption where there is nothing to train on or to select by.
    """
    recipe = setting.recipe
    device = torch.device(device)
    items = _items(features, grouped=kind.grouped)
    if not items:
        raise BadOption("there is not one example to train on")
    jury = jury or Jury()
    if recipe.watches_dev and SOURCE_DEV not in jury.judges:
        raise BadOption(f"recipe {recipe.name!r} looks at the dev split of the source, and there is none to score")
    put_on(opened, device)
    half, at_once = precision == "bf16", micro_batch or recipe.batch
    forked = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
    with forked, _learning(opened.model, frozen=recipe.method == "frozen-embeddings"):
        torch.manual_seed(seed)
        stepper = _Stepper(opened, kind, setting, device=device, half=half, micro_batch=at_once)
        return _loop(stepper, items, seed, jury, progress)


def planned_steps(recipe: Recipe, items: int) -> int:
    """Optimizer steps of a recipe on that many items."""
    return recipe.steps or max(round(recipe.epochs * -(-items // recipe.batch)), 1)


def rate_at(recipe: Recipe, step: int, steps: int) -> float:
    """Learning rate of a step, counted from 0: linear warm-up from 0, then linear decay to 0."""
    if step < recipe.warmup:
        return recipe.rate * step / recipe.warmup
    return recipe.rate * max(steps - step, 0) / max(steps - recipe.warmup, 1)


@contextmanager
def _learning(model: PreTrainedModel, *, frozen: bool) -> Iterator[None]:
    """Set the model up for training, and leave it ready to score, without gradients and with nothing frozen by this."""
    embeddings = model.get_input_embeddings().get_parameter("weight")
    was = embeddings.requires_grad
    embeddings.requires_grad_(was and not frozen)
    model.train()
    try:
        yield
    finally:
        model.zero_grad(set_to_none=True)
        embeddings.requires_grad_(was)
        model.train(False)


def _items(features: Sequence[Feature], *, grouped: bool) -> list[Item]:
    if not grouped:
        return [(feature,) for feature in features]
    return [tuple(group) for _, group in groupby(features, key=lambda feature: feature.example)]


def _batches(items: Sequence[Item], size: int, seed: int) -> Iterator[tuple[list[Item], bool]]:
    """Batches without end, and whether each is the last of its epoch. Every epoch reads all items in a new order."""
    epoch = 0
    while True:
        order = np.random.default_rng((seed, epoch)).permutation(len(items))
        for start in range(0, len(order), size):
            yield [items[index] for index in order[start : start + size]], start + size >= len(order)
        epoch += 1


def _loop(
    stepper: "_Stepper",
    items: Sequence[Item],
    seed: int,
    jury: Jury,
    progress: Callable[[int, int, float], None] | None,
) -> Fitted:
    recipe = stepper.setting.recipe
    steps = planned_steps(recipe, len(items))
    began = time.perf_counter()
    losses: list[torch.Tensor] = []
    tokens = step = 0
    for batch, epoch_ends in _batches(items, recipe.batch, seed):
        losses.append(stepper.step(batch, rate_at(recipe, step, steps)))
        tokens += sum(len(feature.ids) for item in batch for feature in item)
        step += 1
        due = step % recipe.select_every == 0 if recipe.select_every else epoch_ends
        ask = bool(jury.judges) and (due or step == steps)
        if step % LOOK == 0 or step == steps or ask:
            mean = _finite(losses, step, recipe)
            losses.clear()
            if progress:
                progress(step, steps, mean)
        if ask:
            jury.ask(step, stepper.trained)
            stepper.opened.model.train()
        if step == steps or (recipe.patience and jury.verdicts[SOURCE_DEV].worse >= recipe.patience):
            break
    return Fitted(steps=step, tokens=tokens, seconds=time.perf_counter() - began)


class _Stepper:
    """One optimizer step at a time."""

    def __init__(
        self, opened: Opened, kind: Kind, setting: Setting, *, device: torch.device, half: bool, micro_batch: int
    ) -> None:
        self.opened, self.kind, self.setting = opened, kind, setting
        self.device, self.half, self.micro_batch = device, half, micro_batch
        self.trained = {name: p for name, p in opened.model.named_parameters() if p.requires_grad}
        matrices = [p for p in self.trained.values() if p.ndim > 1]
        vectors = [p for p in self.trained.values() if p.ndim <= 1]  # biases and norms do not decay
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": setting.recipe.decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=setting.recipe.rate,
            betas=(0.9, 0.999),
            eps=1e-8,
            fused=True,
        )
        self.gradients = [*matrices, *vectors]

    def step(self, batch: Sequence[Item], rate: float) -> torch.Tensor:
        """Learn from one batch; its mean loss, on the device. Raises DoesNotFit."""
        try:
            loss = self._backward(batch)
            nn.utils.clip_grad_norm_(self.gradients, self.setting.recipe.clip, foreach=True)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        except (RuntimeError, MemoryError) as cause:
            if not out_of_memory(cause):
                raise
            raise DoesNotFit(self._does_not_fit(batch)) from cause
        return loss

    def _backward(self, batch: Sequence[Item]) -> torch.Tensor:
        """Gradients of the mean over all things of the batch, read in parts where it is larger than a micro-batch."""
        if len(batch) <= self.micro_batch:
            losses = self._losses(batch)
            loss = losses.sum() / max(losses.numel(), 1)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()
        total, things = torch.zeros((), device=self.device), 0
        for start in range(0, len(batch), self.micro_batch):
            losses = self._losses(batch[start : start + self.micro_batch])
            losses.sum().backward()  # type: ignore[no-untyped-call]
            total += losses.detach().sum()
            things += losses.numel()
        # How many things there are is known only now; parts have different numbers of them, so no part can be averaged.
        torch._foreach_div_([p.grad for p in self.gradients if p.grad is not None], float(max(things, 1)))
        return total / max(things, 1)

    def _losses(self, part: Sequence[Item]) -> torch.Tensor:
        features = [feature for item in part for feature in item]
        batch = pad(features, pad_id=self.setting.tokenizer.pad_token_id, device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            scores = self.kind.forward(self.opened.model, batch, self.setting)
        return self.kind.loss(scores.float() if self.half else scores, batch)

    def _does_not_fit(self, batch: Sequence[Item]) -> str:
        at_once = min(len(batch), self.micro_batch)
        longest = max(len(feature.ids) for item in batch for feature in item)
        return (
            f"{at_once} items of up to {longest} tokens at once do not fit into the memory of {self.device}. "
            f"The batch stays {self.setting.recipe.batch}, and so does what is learned, if it is read in parts: "
            f"--micro-batch {max(at_once // 2, 1)}"
        )


def _finite(losses: Sequence[torch.Tensor], step: int, recipe: Recipe) -> float:
    """Mean of the last losses, the last of which belongs to `step`. Raises Diverged."""
    read = torch.stack(list(losses)).cpu().numpy()
    if np.isfinite(read).all():
        return float(read.mean())
    first = step - len(read) + 1 + int(np.argmin(np.isfinite(read)))
    raise Diverged(
        f"the loss is not a number any more at step {first}, with a peak learning rate of {recipe.rate:g}: "
        "take a recipe with a smaller rate or a longer warm-up, or --precision fp32"
    )
