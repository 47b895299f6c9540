"""The one scoring loop: features -> scores, in the order of the features."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from xbench.errors import DoesNotFit, ScoringError
from xbench.kinds import Feature, Kind, Setting
from xbench.opening import Opened
from xbench.pack import by_length, out_of_memory, pad

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
    a CPU. Raises ScoringError where a score is not a number, DoesNotFit where memory runs out.
    """
    device = torch.device(device)
    model = opened.model.to(device)  # type: ignore[arg-type]
    budget = tokens_per_batch or TOKENS.get(device.type, TOKENS["cuda"])
    scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
    training = model.training
    model.train(False)
    try:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            for indices in by_length(features, budget):
                batch = pad(
                    [features[index] for index in indices], pad_id=setting.tokenizer.pad_token_id, device=device
                )
                given = kind.forward(model, batch, setting).float().cpu().numpy()
                for index, row in zip(indices, given, strict=True):
                    scores[index] = _cut(row, features[index]) if kind.per_token else row
    except (RuntimeError, MemoryError) as cause:
        if not out_of_memory(cause):
            raise
        raise DoesNotFit(
            f"scoring {budget} tokens at once, up to {setting.limit} in an example, needs more memory than {device} has"
        ) from cause
    finally:
        model.train(training)
    _check(scores)
    return scores


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
