"""The last feed-forward of an encoder, computed for the first token of each sequence only.

A head that classifies sequences mostly reads their first tokens. A feed-forward makes of a token what that token alone
tells, and after the last one no token sees another: what it would make of the others is read by nobody. It is two
thirds of the last block's products, which is a twentieth of XLM-R base in scoring and in training.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from transformers import PreTrainedModel

from xbench.forwards import replaced
from xbench.opening import blocks_of

FEED_FORWARDS = ("feed_forward_chunk", "mlp", "ffn")
"""What transformers' blocks call it: BERT's and its kin's method, ModernBERT's module and DistilBERT's."""


def is_narrowable(encoder: PreTrainedModel) -> bool:
    """Whether the last block has a feed-forward of its own that can be told what to compute."""
    blocks = blocks_of(encoder)
    # A block that is compiled would be compiled anew for each batch; one that runs more than once is not only the last.
    return bool(blocks) and blocks[-1]._compiled_call_impl is None and _feed_forward(blocks[-1]) is not None


@contextmanager
def narrowed(encoder: PreTrainedModel, firsts: torch.Tensor) -> Iterator[None]:
    """Have the last block give zeros, after its attention, but at these tokens.

    `firsts`, shape (tokens,), are places along the second dimension of hidden states (rows, places, hidden). Whether
    the rest of an encoder, and its head, leave it at that must be tried.
    """
    found = _feed_forward(blocks_of(encoder)[-1])
    if found is None:
        raise ValueError(f"{type(encoder).__name__} has no feed-forward that can be told what to compute")
    owner, method = found
    with replaced({owner: partial(_at, getattr(owner, method), firsts)}, method):
        yield


def _feed_forward(block: nn.Module) -> tuple[nn.Module, str] | None:
    """Whose method it is, and which; None where there is none, or somebody has replaced it."""
    for name in FEED_FORWARDS:
        part = getattr(block, name, None)
        owner, method = (part, "forward") if isinstance(part, nn.Module) else (block, name)
        if callable(part):
            return None if method in vars(owner) else (owner, method)
    return None


def _at(own: Callable[[torch.Tensor], torch.Tensor], firsts: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    found = own(states.index_select(1, firsts))
    return found.new_zeros(*states.shape[:-1], found.shape[-1]).index_copy_(1, firsts, found)
