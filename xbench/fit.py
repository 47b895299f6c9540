"""The one fine-tuning loop."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from xbench.crew import ALONE, Crew
from xbench.dropout import quick_dropout
from xbench.errors import BadOption, Diverged, XbenchError
from xbench.kinds import Feature, Kind, Setting
from xbench.layouts import Reader
from xbench.opening import Opened, put_on
from xbench.recipe import Recipe
from xbench.selection import SOURCE_DEV, Jury
from xbench.stepping import Item, Stepper
from xbench.stepping.graphs import GraphedStepper
from xbench.stepping.sharing import SharedStepper
from xbench.stepping.vocabulary import compact

LOOK = 10
"""Steps between two looks at the loss: reading it makes an accelerator wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What fine-tuning did. The model holds the last weights; the jury has those that it chose."""

    steps: int
    """Optimizer steps that were taken; fewer than planned where patience ended them."""
    tokens: int
    """Tokens the encoder read in training, padding left out."""
    seconds: float
    """Wall time, with that of the jury; its share of it where several were trained together."""
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
    """Hears (step, steps, mean loss of the last steps) every few steps."""
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
    has a stream of its own. One that fails does not stop the others.
    """
    took: list[Fitted | XbenchError | None] = [None] * len(trainings)
    going = {
        place: (_steps(training, device, precision, micro_batch, len(trainings)), _Turn(training, device))
        for place, training in enumerate(trainings)
    }
    while going:
        for place, (steps, turn) in list(going.items()):
            try:
                with turn.taken():
                    next(steps)
                    while len(going) == 1:
                        next(steps)
            except StopIteration as done:
                took[place] = done.value
                del going[place]
            except XbenchError as fault:
                took[place] = fault
                del going[place]
    return [one for one in took if one is not None]


class _Turn:
    """What belongs to one training while others go on beside it: its random numbers, and its stream."""

    def __init__(self, training: Training, device: torch.device) -> None:
        self._devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=self._devices):
            torch.manual_seed(training.crew.own_seed(training.seed))
            self._drawn = self._states()
        self._stream = torch.cuda.Stream(device) if self._devices else None  # type: ignore[no-untyped-call]
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(device))

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Draw this training's own numbers, on its own stream; torch's global generators are left as they were."""
        with torch.random.fork_rng(devices=self._devices), torch.cuda.stream(self._stream):
            torch.set_rng_state(self._drawn[0])
            for place, state in zip(self._devices, self._drawn[1:], strict=True):
                torch.cuda.set_rng_state(state, place)
            try:
                yield
            finally:
                self._drawn = self._states()

    def _states(self) -> list[torch.Tensor]:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state(place) for place in self._devices)]


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


def _read(training: Training) -> NDArray[np.int64]:
    """Every token that the model reads in training, the padding's among them."""
    read = np.concatenate([feature.ids for feature in training.features])
    seen = np.zeros(max(int(read.max()), training.setting.tokenizer.pad_token_id) + 1, bool)
    seen[read] = seen[training.setting.tokenizer.pad_token_id] = True
    return np.flatnonzero(seen)


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


def _steps(
    training: Training, device: torch.device, precision: str, micro_batch: int, together: int
) -> Generator[None, None, Fitted]:
    """Fine-tune, with a pause after every optimizer step."""
    recipe, jury, model = training.setting.recipe, training.jury, training.reader.model
    items = _items(training.features, grouped=training.kind.grouped)
    if not items:
        raise BadOption("there is not one example to train on")
    if recipe.watches_dev and SOURCE_DEV not in jury.judges:
        raise BadOption(f"recipe {recipe.name!r} looks at the dev split of the source, and there is none to score")
    steps, began = planned_steps(recipe, len(items)), time.perf_counter()
    losses: list[torch.Tensor] = []
    tokens = step = 0
    with (
        _learning(model, frozen=recipe.method == "frozen-embeddings"),
        quick_dropout(model) if device.type == "cpu" else nullcontext(),
        compact(model, _read(training)) as vocabulary,
    ):
        stepper = _stepper(training, device)(
            training.reader, training.kind, training.setting, device=device, half=precision == "bf16",
            micro_batch=micro_batch, vocabulary=vocabulary,
        )  # fmt: skip
        for batch, epoch_ends in _batches(items, recipe.batch, training.seed):
            losses.append(stepper.step(batch, rate_at(recipe, step, steps)))
            tokens += sum(len(feature.ids) for item in batch for feature in item)
            step += 1
            due = step % recipe.select_every == 0 if recipe.select_every else epoch_ends
            ask = bool(jury.judges) and (due or step == steps)
            if step % LOOK == 0 or step == steps or ask:
                mean = _finite(losses, step, recipe)
                losses.clear()
                if training.progress:
                    training.progress(step, steps, mean)
            if ask:
                jury.ask(step, stepper.trained())
                model.train()
            if step == steps or (recipe.patience and jury.verdicts[SOURCE_DEV].worse >= recipe.patience):
                break
            yield
    return Fitted(steps=step, tokens=tokens, seconds=(time.perf_counter() - began) / together, how=stepper.how)


def _stepper(training: Training, device: torch.device) -> Callable[..., Stepper]:
    """What makes the stepper that suits."""
    if training.crew.size > 1:
        return partial(SharedStepper, crew=training.crew)
    return GraphedStepper if device.type == "cuda" and training.reader.layout == "packed" else Stepper


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
