"""Dropout (Srivastava et al. 2014) with sixteen random bits for a number, where torch's own on a CPU takes fifty-three.

Drawing them is what dropout costs there: a seventh of a training step in bf16.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from xbench.forwards import is_plain, replaced

LEVELS = 2**16
"""Probabilities are multiples of one part in so many."""


def dropout(states: torch.Tensor, probability: float) -> torch.Tensor:
    """Each number 0 with this probability, else scaled up so that its mean stays. Draws from torch's generator."""
    mask = kept(states, probability)
    return states if mask is None else states * mask


def kept(states: torch.Tensor, probability: float) -> torch.Tensor | None:
    """What dropout multiplies numbers with, in their shape and type, 0 or one number; None where nothing changes."""
    dropped = round(probability * LEVELS)
    if not 0 < dropped < LEVELS:
        return torch.zeros_like(states) if dropped else None
    words = torch.empty(-(-states.numel() // 4), dtype=torch.int64).random_(-(2**63), None)  # 64 bits in each
    bits = words.view(torch.int16)[: states.numel()].view(states.shape)
    mask = torch.ge(bits, dropped - LEVELS // 2, out=torch.empty_like(states, memory_format=torch.contiguous_format))
    return mask.mul_(LEVELS / (LEVELS - dropped))


@contextmanager
def quick_dropout(model: nn.Module) -> Iterator[None]:
    """Have a model's dropout layers drop so; other classes, and those that change their input, stay."""
    layers = [module for module in model.modules() if is_plain(module, nn.Dropout) and not module.inplace]
    with replaced({layer: partial(_forward, layer) for layer in layers}):
        yield


def _forward(layer: nn.Dropout, input: torch.Tensor) -> torch.Tensor:
    return dropout(input, layer.p) if layer.training else input
