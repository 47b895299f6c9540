"""The one scoring loop: features -> scores, in the order of the features."""

import logging
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from xbench.errors import DoesNotFit, ScoringError
from xbench.kinds import Feature, Kind, Setting
from xbench.layouts import Reader
from xbench.opening import Opened, put_on
from xbench.pack import by_length, out_of_memory, pad

log = logging.getLogger(__name__)

TOKENS = {"cpu": 4096, "cuda": 65536}
"""Tokens read at once, padding included: enough to keep the device busy, few enough to stay in its caches or memory."""

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
) -> list[NDArray[np.float32]]:
    """Scores of each feature, as `kind.forward` gives them: shape (…), or (tokens, …) where the kind is per token.

    `precision` is fp32, tf32 or bf16 (autocast); `reader` reads batches padded unless another is given;
    `tokens_per_batch` 0 suits the device; `progress` hears (tokens read, tokens in all). Equal calls give equal scores
    on a CPU. Where memory runs out, batches are halved, down to one feature, and a warning is logged: scores do not
    depend on the company they are computed in beyond rounding, and what took hours to train is not lost. Only scoring
    does so, never training, where the batch is part of what is learned.

    Raises ScoringError where a score is not a number, DoesNotFit where the model or one feature is too large.
    """
    device = torch.device(device)
    model = put_on(opened, device)
    reads = _Reading(reader or Reader(model), kind, setting, device)
    waiting = deque(by_length(features, tokens_per_batch or TOKENS.get(device.type, TOKENS["cuda"])))
    going: deque[tuple[list[int], torch.Tensor]] = deque()
    scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
    lengths = [len(feature.ids) for feature in features]
    done, total = 0, sum(lengths)
    training = model.training
    model.train(False)
    try:
        # One autocast for all batches: it keeps the weights that it has rounded.
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            while waiting or going:
                # An accelerator computes one batch while the host takes the last apart and lays out the next.
                if waiting and len(going) < AHEAD:
                    indices = waiting.popleft()
                    given = reads.scores([features[index] for index in indices])
                    if given is None:
                        waiting = deque(half for some in (indices, *waiting) for half in _halves(some))
                    else:
                        going.append((indices, given))
                    continue
                indices, given = going.popleft()
                for index, row in zip(indices, given.cpu().numpy(), strict=True):
                    scores[index] = row[: lengths[index]].copy() if kind.per_token else row
                    done += lengths[index]
                if progress:
                    progress(done, total)
    finally:
        model.train(training)
    _check(scores)
    return scores


class _Reading:
    """Batches of features into scores, on a device."""

    def __init__(self, reader: Reader, kind: Kind, setting: Setting, device: torch.device) -> None:
        self._reader, self._kind, self._setting, self._device = reader, kind, setting, device

    def scores(self, features: Sequence[Feature]) -> torch.Tensor | None:
        """Scores on their way to the host; None where a batch is too large but can be cut. Raises DoesNotFit."""
        pad_id, packing = self._setting.tokenizer.pad_token_id, self._reader.layout != "padded"
        try:
            batch = pad(features, pad_id=pad_id, device=self._device, packing=packing)
            return self._reader.scores(self._kind, batch, self._setting).float()
        except (RuntimeError, MemoryError) as cause:
            if not out_of_memory(cause):
                raise
            longest = max(len(feature.ids) for feature in features)
            if len(features) == 1:
                raise DoesNotFit(
                    f"scoring one example of {longest} tokens needs more memory than {self._device} has: end what else "
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
