"""The one scoring loop: features -> scores, in the order of the features."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from xbench.crew import ALONE, Crew
from xbench.errors import DoesNotFit, ScoringError
from xbench.kinds import Feature, Kind, Setting
from xbench.layouts import Reader
from xbench.logits import exact_logits
from xbench.opening import Opened, put_on
from xbench.pack import by_length, fill_of, out_of_memory, pad
from xbench.rounding import quick_products

log = logging.getLogger(__name__)

TOKENS = {"cpu": 8192, "cuda": 65536}
"""Most tokens read at once, padding included: enough to keep the device busy, few enough for its memory."""

LARGEST = 24 * 2**20
"""Bytes of a batch's largest numbers on a CPU, which stand between the layers of a feed-forward: memory beyond 32 MiB
is taken from the system anew each time, page by page."""

FEED_FORWARD = 4
"""Times as wide as its input a feed-forward is, in nearly every encoder."""

WIDTH = 768
"""Of an encoder that does not tell its own."""

AHEAD = 2
"""Batches that are on their way at once."""


def predict(
    opened: Opened,
    kind: Kind,
    features: Sequence[Feature],
    setting: Setting,
    *,
    device: torch.device | str,
    precision: str,
    reader: Reader | None = None,
    tokens_per_batch: int = 0,
    progress: Callable[[int, int], None] | None = None,
    crew: Crew = ALONE,
) -> list[NDArray[np.float32]]:
    """Scores of each feature, as `kind.forward` gives them: shape (…), or (tokens, …) where the kind is per token.

    `precision` is fp32, tf32 or bf16 (autocast); `reader` reads batches padded unless another is given;
    `tokens_per_batch` 0 suits the device; `progress` hears (tokens read, tokens in all). Equal calls give equal scores
    on a CPU. Where memory runs out, batches are halved, down to one feature, and a warning is logged: scores do not
    depend on the company they are computed in beyond rounding, and what took hours to train is not lost. Only scoring
    does so, never training, where the batch is part of what is learned. The processes of a `crew` read a share each, of
    which `progress` then hears; all must ask, and all get all scores. Where they share the weights out, what runs out
    of memory fails.

    Raises ScoringError where a score is not a number, DoesNotFit where the model or one feature is too large.
    """
    device = torch.device(device)
    model = put_on(opened, device)
    reads = _Reading(reader or Reader(model), kind, setting, device, crew, half=precision == "bf16")
    # Dealt out by length, so that every process has as much to read.
    places = sorted(range(len(features)), key=lambda place: -len(features[place].ids))
    share = [features[place] for place in crew.share(places)]
    batches = list(by_length(share, tokens_per_batch or _tokens_at_once(model, device, precision)))
    # Shares of the weights are gathered in every pass: who has fewer batches reads on in vain.
    in_vain = max(crew.gather(len(batches))) - len(batches) if crew.sharded else 0
    with _scoring(model, device, precision):
        own = reads.all(share, batches, progress)
        for _ in range(in_vain):
            reads.scores(features[-1:])
    scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
    for place, row in zip(places, crew.whole(own), strict=True):
        scores[place] = row
    _check(scores)
    return scores


@contextmanager
def _scoring(model: PreTrainedModel, device: torch.device, precision: str) -> Iterator[None]:
    """Have the model score, without dropout and gradients, and leave it in the mode it was in."""
    training = model.training
    model.train(False)
    try:
        # One autocast for all batches: it keeps the weights that it has rounded, though not in inference mode.
        with (
            torch.no_grad(),
            torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"),
            exact_logits(model) if precision == "bf16" else nullcontext(),
            quick_products(model) if precision == "bf16" else nullcontext(),
        ):
            yield
    finally:
        model.train(training)


def _tokens_at_once(model: PreTrainedModel, device: torch.device, precision: str) -> int:
    most = TOKENS.get(device.type, TOKENS["cuda"])
    if device.type != "cpu":
        return most
    width = FEED_FORWARD * int(getattr(model.config, "hidden_size", WIDTH))
    return min(most, LARGEST // (width * (2 if precision == "bf16" else 4)))


class _Reading:
    """Batches of features into scores, on a device."""

    def __init__(
        self, reader: Reader, kind: Kind, setting: Setting, device: torch.device, crew: Crew, *, half: bool
    ) -> None:
        self._reader, self._kind, self._setting, self._device, self._crew = reader, kind, setting, device, crew
        self._half = half

    def all(
        self, features: Sequence[Feature], batches: Iterable[list[int]], progress: Callable[[int, int], None] | None
    ) -> list[NDArray[np.float32]]:
        """Scores of every feature, read in these batches of them."""
        waiting, going = deque(batches), deque[tuple[list[int], torch.Tensor]]()
        scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
        lengths = [len(feature.ids) for feature in features]
        done, total = 0, sum(lengths)
        while waiting or going:
            # An accelerator computes one batch while the host takes the last apart and lays out the next.
            if waiting and len(going) < AHEAD:
                indices = waiting.popleft()
                given = self.scores([features[index] for index in indices])
                if given is None:
                    waiting = deque(half for some in (indices, *waiting) for half in _halves(some))
                else:
                    going.append((indices, given))
                continue
            indices, given = going.popleft()
            for index, row in zip(indices, given.cpu().numpy(), strict=True):
                scores[index] = row[: lengths[index]].copy() if self._kind.per_token else row
                done += lengths[index]
            if progress:
                progress(done, total)
        return scores

    def scores(self, features: Sequence[Feature]) -> torch.Tensor | None:
        """Scores on their way to the host; None where a batch is too large but can be cut. Raises DoesNotFit."""
        pad_id, packing = self._setting.tokenizer.pad_token_id, self._reader.layout != "padded"
        try:
            fill = fill_of(self._device, half=self._half)
            batch = pad(features, pad_id=pad_id, device=self._device, packing=packing, fill=fill)
            return self._reader.scores(self._kind, batch, self._setting).float()
        except (RuntimeError, MemoryError) as cause:
            if not out_of_memory(cause):
                raise
            longest = max(len(feature.ids) for feature in features)
            if len(features) == 1 or self._crew.sharded:
                alone = f"one example of {longest}"
                what = alone if len(features) == 1 else f"{len(features)} examples of up to {longest}"
                raise DoesNotFit(
                    f"scoring {what} tokens needs more memory than {self._device} has: end what else "
                    "uses it, or take a smaller encoder or another --device"
                ) from cause
            log.warning(
                "scoring %d examples of up to %d tokens at once needs more memory than %s has; going on with half as "
                "many", len(features), longest, self._device,
            )  # fmt: skip
            # The caller tries again, not this handler: while the error is handled, its frames hold what filled the
            # memory.
            return None


def _halves(indices: list[int]) -> list[list[int]]:
    middle = (len(indices) + 1) // 2
    return [half for half in (indices[:middle], indices[middle:]) if half]


def _check(scores: Sequence[NDArray[np.float32]]) -> None:
    # An infinite score ranks well enough (a masked position is one); a NaN compares with nothing.
    wrong = sum(bool(np.isnan(row).any()) for row in scores)
    if wrong:
        raise ScoringError(
            f"{wrong} of {len(scores)} predictions hold NaN: the weights are damaged, "
            "or this encoder needs --precision fp32"
        )
