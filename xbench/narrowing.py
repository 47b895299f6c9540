"""The last feed-forward of an encoder, computed for the first token of each sequence only.

A head that classifies sequences mostly reads their first tokens. A feed-forward makes of a token what that token alone
tells, and after the last one no token sees another: what it would make of the others is read by nobody. It is two
thirds of the last block's products, which is a twentieth of XLM-R base in scoring and in training.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

import torch
from torch import nn
from transformers import PreTrainedModel

from xbench.forwards import replaced
from xbench.opening import blocks_of

FEED_FORWARDS = ("feed_forward_chunk", "mlp", "ffn")
"""What transformers' blocks call it: BERT's and its kin's method, ModernBERT's module and DistilBERT's."""


FeedForward: TypeAlias = tuple[nn.Module, str]
"""Whose method it is, and which."""


def is_narrowable(encoder: PreTrainedModel) -> bool:
    """Whether the last block has a feed-forward of its own that can be told what to compute."""
    blocks = blocks_of(encoder)
    # A block that is compiled would be compiled anew for each batch. One that an encoder runs again and again is none.
    return bool(blocks) and blocks[-1]._compiled_call_impl is None and _feed_forward(blocks[-1]) is not None


def feed_forward_of(encoder: PreTrainedModel) -> FeedForward:
    """The last feed-forward. Raises ValueError where there is none, or somebody has replaced it."""
    blocks = blocks_of(encoder)
    found = _feed_forward(blocks[-1]) if blocks else None
    if found is None:
        raise ValueError(f"{type(encoder).__name__} has no feed-forward that can be told what to compute")
    return found


@contextmanager
def narrowed(part: FeedForward | None, firsts: torch.Tensor) -> Iterator[None]:
    """Have a feed-forward give zeros but at these tokens; None is left to compute all.

    `firsts`, shape (tokens,), are places along the second dimension of hidden states (rows, places, hidden). Whether
    the rest of an encoder, and its head, leave it at that must be tried.
    """
    if part is None:
        yield
        return
    owner, method = part
    with replaced({owner: partial(_at, getattr(owner, method), firsts.long())}, method):
        yield


def _feed_forward(block: nn.Module) -> FeedForward | None:
    for name in FEED_FORWARDS:
        part = getattr(block, name, None)
        owner, method = (part, "forward") if isinstance(part, nn.Module) else (block, name)
        if callable(part):
            return None if method in vars(owner) else (owner, method)
    return None


def _at(own: Callable[[torch.Tensor], torch.Tensor], firsts: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    found = own(states.index_select(1, firsts))
    return found.new_zeros(*states.shape[:-1], found.shape[-1]).index_copy_(1, firsts, found)
