"""Logits in float32 where the rest of an encoder is computed in bf16."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from xbench.forwards import is_plain, replaced


@contextmanager
def exact_logits(model: PreTrainedModel) -> Iterator[None]:
    """Have the layers of a head that give logits compute in float32, whatever autocast says.

    Three digits of a logit, as bf16 has them, tie where float32 tells: between answers that are nearly as good, which
    end in another prediction, and in the softmax that is learned from. Such layers are narrow and cost nearly nothing.
    """
    encoder = set(model.base_model.modules())
    narrow = (1, model.config.num_labels)
    layers = [
        module
        for module in model.modules()
        if is_plain(module, nn.Linear) and module not in encoder and module.out_features in narrow
    ]
    with replaced({layer: partial(_exactly, layer) for layer in layers}):
        yield


def _exactly(layer: nn.Linear, input: torch.Tensor) -> torch.Tensor:
    with torch.autocast(input.device.type, enabled=False):
        # Not float32 in any case: weights that processes share out are rounded when they are gathered.
        return functional.linear(input.to(layer.weight.dtype), layer.weight, layer.bias)
