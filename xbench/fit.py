"""The one fine-tuning loop."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from xbench.crew import ALONE, Crew
from xbench.dropout import quick_dropout
from xbench.errors import BadOption, Diverged, XbenchError
from xbench.kinds import Feature, Kind, Setting
from xbench.layouts import Reader
from xbench.logits import exact_logits
from xbench.opening import Opened, put_on
from xbench.recipe import Recipe
from xbench.selection import SOURCE_DEV, Jury
from xbench.stepping import Laid, Stepper
from xbench.stepping.graphs import GraphedStepper, recordable
from xbench.stepping.items import Items
from xbench.stepping.sharing import SharedStepper
from xbench.stepping.turns import Turn, forget_where
from xbench.stepping.vocabulary import compact

LOOK = 10
"""Steps between two looks at the loss: reading it makes an accelerator wait."""

AHEAD = 32
"""Batches that are laid out at once: each costs less in company, and waits in the device's memory for its step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What fine-tuning did. The model holds the last weights; the jury has those that it chose."""

    steps: int
    """Optimizer steps that were taken; fewer than planned where patience ended them."""
    tokens: int
    """Tokens the encoder read in training, padding left out."""
    seconds: float
    """Wall time of its own steps and of its jury, not of those that were trained together with it."""
    how: Mapping[str, str]
    """Which path ran, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A model to be fine-tuned, and all that decides what it learns."""

    reader: Reader
    kind: Kind
    features: Sequence[Feature]
    """With targets."""
    setting: Setting
    seed: int
    jury: Jury
    progress: Callable[[int, int, float], None] | None = None
    """Hears (step, steps, mean loss of the last steps) every few steps, if no training before it is still going."""
    crew: Crew = ALONE
    """The processes that train it, all of which must ask for it."""


def fit(
    opened: Opened,
    kind: Kind,
    features: Sequence[Feature],
    setting: Setting,
    *,
    seed: int,
    device: torch.device | str,
    precision: str,
    reader: Reader | None = None,
    jury: Jury | None = None,
    micro_batch: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> Fitted:
    """Fine-tune the opened model on features that carry targets, as `setting.recipe` says.

    `precision` is fp32, tf32 or bf16 (autocast; the weights stay float32); `reader` reads batches padded unless another
    is given. The jury is asked every `select_every` steps, or once an epoch, and at the end. Its judge of the source's
    dev split must be there where the recipe chooses by it or has patience, and ends the training of the latter; no
    other judge changes what is learned. `micro_batch` items are read at once, 0 = the whole batch: the loss of a batch
    is the mean over all its things either way. `progress` hears (step, steps, mean loss of the last steps) every few
    steps. Equal calls leave equal weights on a CPU, bit for bit, whoever sits in the jury, and torch's global generator
    is left as it was.

    Raises DoesNotFit, Diverged, and BadOption where there is nothing to train on or to select by.
    """
    device = torch.device(device)
    put_on(opened, device)
    training = Training(
        reader=reader or Reader(opened.model), kind=kind, features=features, setting=setting, seed=seed,
        jury=jury or Jury(), progress=progress,
    )  # fmt: skip
    (fitted,) = fit_together([training], device=device, precision=precision, micro_batch=micro_batch)
    if isinstance(fitted, XbenchError):
        raise fitted
    return fitted


def fit_together(
    trainings: Sequence[Training], *, device: torch.device, precision: str, micro_batch: int = 0
) -> list[Fitted | XbenchError]:
    """Fine-tune several models, on the device already, a step of each in turn: what it did, or why it failed.

    Each learns what it would learn alone, bit for bit on a CPU. An accelerator that is too large for one fills up: each
    has a stream of its own. One that fails does not stop the others, and leaves nothing of itself behind. Of those that
    are still going the first tells of its progress.
    """
    took: list[Fitted | XbenchError | None] = [None] * len(trainings)
    terms = _Terms(device=device, precision=precision, micro_batch=micro_batch, together=len(trainings))
    going: dict[int, tuple[Generator[None, None, Fitted], Turn]] = {}
    for place, training in enumerate(trainings):
        steps = _steps(training, terms, lambda place=place: place == min(going))  # type: ignore[misc]
        going[place] = steps, Turn(training.crew.own_seed(training.seed), device)
    while going:
        for place, (steps, turn) in list(going.items()):
            try:
                with turn.taken():
                    next(steps)
                    while len(going) == 1:
                        next(steps)
            except StopIteration as done:
                took[place] = replace(done.value, seconds=turn.seconds)
                del going[place]
            except XbenchError as fault:
                forget_where(fault)
                took[place] = fault
                del going[place]
    return [one for one in took if one is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What is equal for all that are trained together."""

    device: torch.device
    precision: str
    micro_batch: int
    together: int
    """How many they are."""


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


def _read(items: Items, pad_id: int) -> NDArray[np.int64]:
    """Every token that the model reads in training, the padding's among them."""
    read = items.columns.ids
    seen = np.zeros(max(int(read.max()), pad_id) + 1, bool)
    seen[read] = seen[pad_id] = True
    return np.flatnonzero(seen)


def _steps(training: Training, terms: _Terms, talks: Callable[[], bool]) -> Generator[None, None, Fitted]:
    """Fine-tune, with a pause after every optimizer step; `talks` is asked whether progress is to be told."""
    recipe, jury, model = training.setting.recipe, training.jury, training.reader.model
    if not training.features:
        raise BadOption("there is not one example to train on")
    items = Items.of(training.features, grouped=training.kind.grouped)
    if recipe.watches_dev and SOURCE_DEV not in jury.judges:
        raise BadOption(f"recipe {recipe.name!r} looks at the dev split of the source, and there is none to score")
    steps, step = planned_steps(recipe, len(items)), 0
    losses: list[torch.Tensor] = []
    with (
        _learning(model, frozen=recipe.method == "frozen-embeddings"),
        quick_dropout(model) if terms.device.type == "cpu" else nullcontext(),
        exact_logits(model) if terms.precision == "bf16" else nullcontext(),
        compact(model, _read(items, training.setting.tokenizer.pad_token_id)) as vocabulary,
    ):
        stepper = _stepper(training, terms)(
            training.reader, training.kind, items, training.setting, device=terms.device,
            half=terms.precision == "bf16", micro_batch=terms.micro_batch, vocabulary=vocabulary,
        )  # fmt: skip
        for laid, epoch_ends in _laid(stepper, islice(items.batches(recipe.batch, training.seed), steps)):
            losses.append(stepper.step(laid, rate_at(recipe, step, steps)))
            step += 1
            due = step % recipe.select_every == 0 if recipe.select_every else epoch_ends
            ask = bool(jury.judges) and (due or step == steps)
            if step % LOOK == 0 or step == steps or ask:
                mean = _finite(losses, step, recipe)
                losses.clear()
                if training.progress and talks():
                    training.progress(step, steps, mean)
            if ask:
                jury.ask(step, stepper.trained())
                model.train()
            if step == steps or (recipe.patience and jury.verdicts[SOURCE_DEV].worse >= recipe.patience):
                break
            yield
    how = stepper.how | ({"seeds": f"{terms.together} at once"} if terms.together > 1 else {})
    # Whoever gives the turns knows how long they took.
    return Fitted(steps=step, tokens=items.tokens(recipe.batch, training.seed, step), seconds=0.0, how=how)


def _laid(stepper: Stepper, batches: Iterator[tuple[NDArray[np.int64], bool]]) -> Iterator[tuple[Laid, bool]]:
    """Batches of items as they are read, with what was said of each."""
    while coming := list(islice(batches, AHEAD)):
        laid = deque(stepper.lay_out([items for items, _ in coming]))
        for _, said in coming:
            # None is kept: what is computed for a batch on the way goes with it.
            yield laid.popleft(), said


def _stepper(training: Training, terms: _Terms) -> Callable[..., Stepper]:
    """What makes the stepper that suits."""
    if training.crew.size > 1:
        return partial(SharedStepper, crew=training.crew)
    half = terms.precision == "bf16"
    if recordable(training.reader.layout, terms.device, half=half, together=terms.together):
        return GraphedStepper
    return Stepper


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
