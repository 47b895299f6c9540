"""The one scoring loop: features -> scores, in the order of the features."""

import logging
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from xbench.errors import DoesNotFit, ScoringError
from xbench.kinds import Feature, Kind, Setting
from xbench.opening import Opened, put_on
from xbench.pack import by_length, out_of_memory, pad

log = logging.getLogger(__name__)

TOKENS = {"cpu": 4096, "cuda": 65536}
"""Tokens read at once, padding included: enough to keep the device busy, few enough to stay in its caches or memory."""


def predict(
    opened: Opened,
    kind: Kind,
    features: Sequence[Feature],
    setting: Setting,
    *,
    device: torch.device | str,
    precision: str,
    tokens_per_batch: int = 0,
) -> list[NDArray[np.float32]]:
    """Scores of each feature, as `kind.forward` gives them: shape (…), or (tokens, …) where the kind is per token.

    `precision` is fp32 or bf16 (autocast); `tokens_per_batch` 0 suits the device. Equal calls give equal scores on
    a CPU. Where memory runs out, batches are halved, down to one feature, and a warning is logged: scores do not depend
    on the company they are computed in beyond rounding, and what took hours to train is not lost. Only scoring does so,
    never training, where the batch is part of what is learned.

    Raises ScoringError where a score is not a number, DoesNotFit where the model or one feature is too large.
    """
    device = torch.device(device)
    model = put_on(opened, device)
    waiting = deque(by_length(features, tokens_per_batch or TOKENS.get(device.type, TOKENS["cuda"])))
    scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
    training = model.training
    model.train(False)
    try:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            while waiting:
                given = _scored(model, kind, [features[index] for index in waiting[0]], setting, device)
                if given is None:
                    waiting = deque(half for indices in waiting for half in _halves(indices))
                    continue
                for index, row in zip(waiting.popleft(), given, strict=True):
                    scores[index] = _cut(row, features[index]) if kind.per_token else row
    finally:
        model.train(training)
    _check(scores)
    return scores


def _scored(
    model: PreTrainedModel, kind: Kind, features: Sequence[Feature], setting: Setting, device: torch.device
) -> NDArray[np.float32] | None:
    """Scores of one batch; None where it is too large for the memory and can be cut. Raises DoesNotFit."""
    try:
        batch = pad(features, pad_id=setting.tokenizer.pad_token_id, device=device)
        given: NDArray[np.float32] = kind.forward(model, batch, setting).float().cpu().numpy()
    except (RuntimeError, MemoryError) as cause:
        if not out_of_memory(cause):
            raise
        longest = max(len(feature.ids) for feature in features)
        if len(features) == 1:
            raise DoesNotFit(
                f"scoring one example of {longest} tokens needs more memory than {device} has: end what else uses it, "
                "or take a smaller encoder or another --device"
            ) from cause
        log.warning(
            "scoring %d examples of up to %d tokens at once needs more memory than %s has; going on with half as many",
            len(features), longest, device,
        )  # fmt: skip
        # The caller tries again, not this handler: while the error is handled, its frames hold what filled the memory.
        return None
    return given


def _halves(indices: list[int]) -> list[list[int]]:
    middle = (len(indices) + 1) // 2
    return [half for half in (indices[:middle], indices[middle:]) if half]


def _cut(row: NDArray[np.float32], feature: Feature) -> NDArray[np.float32]:
    """What belongs to the feature's own tokens, copied: a view would keep the padding of the whole batch."""
    return row[: len(feature.ids)].copy()


def _check(scores: Sequence[NDArray[np.float32]]) -> None:
    # An infinite score ranks well enough (a masked position is one); a NaN compares with nothing.
    wrong = sum(bool(np.isnan(row).any()) for row in scores)
    if wrong:
        raise ScoringError(
            f"{wrong} of {len(scores)} predictions hold NaN: the weights are damaged, "
            "or this encoder needs --precision fp32"
        )
