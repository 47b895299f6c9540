"""Attention over sequences that stand one after the other in a row, without padding, each seeing only itself.

transformers' models take it by name through their attention interface; the name knows no mask, so none is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from xbench.dropout import dropout as drop

PACKED = "xbench_packed"
"""The name under which transformers knows it. One with "flash" in it would be taken for flash-attention's own."""


NEVER = -1e30
"""Weight of what is not attended to, before the softmax: 0 after it. With infinity, padding that sees none is NaN."""

GROUPS = 4
"""Groups of sequences of like length that half precision is computed in on a CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sequences next to each other in the row that are padded to the longest of them for a product of matrices."""

    tokens: int
    """Without padding."""
    sequences: int
    longest: int
    slots: torch.Tensor
    """(tokens,): place of each token in the padded group, flattened."""
    beyond: torch.Tensor
    """(sequences, 1, 1, longest): NEVER where there is padding, 0 elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Packing:
    """Where the tokens of a padded batch stand in the row: sequences by length, the longest first."""

    order: torch.Tensor
    """(sequences,): index in the batch of each sequence in the row."""
    places: torch.Tensor
    """(tokens,): place of each token in the padded batch, flattened."""
    positions: torch.Tensor
    """(tokens,): place in its own sequence, from 0."""
    runs: tuple[tuple[int, int], ...]
    """(how many sequences, their length): those of equal length stand together."""
    starts: torch.Tensor
    """(sequences + 1,) int32: where each sequence begins in the row, and where the last one ends."""
    longest: int
    """Tokens of the longest sequence, or any bound on it."""
    filled: bool = False
    """Whether the row ends with tokens that belong nowhere, so that rows of many lengths are one."""

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The sequences in a few groups of like length, on the device."""
        lengths = np.array([length for number, length in self.runs for _ in range(number)])
        found = []
        for some in np.array_split(lengths, min(GROUPS, len(lengths))):
            there = np.arange(some.max()) < some[:, None]
            beyond = np.where(there, 0.0, NEVER).astype(np.float32)[:, None, None]
            slots, padding = torch.from_numpy(np.flatnonzero(there)), torch.from_numpy(beyond)
            found.append(
                Group(
                    tokens=int(some.sum()), sequences=len(some), longest=int(some.max()),
                    slots=slots.to(self.places.device), beyond=padding.to(self.places.device),
                )
            )  # fmt: skip
        return tuple(found)


def packed_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    packing: Packing,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """Each token attends to those of its own sequence, within `sliding_window` of it where that is given.

    `query`, `key` and `value` have shape (1, heads, tokens, width). Gives (1, tokens, heads, width), and no weights.
    `sliding_window` is transformers': tokens less than so many places apart see each other.
    """
    rows = tuple(states[0].transpose(0, 1) for states in (query, key, value))
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        return _in_one_kernel(rows, packing, scaling, dropout, sliding_window)[None], None
    if query.is_cuda and torch.cuda.is_current_stream_capturing():
        raise RuntimeError("attention in float32 reads lengths that a recorded step cannot know")
    # Forwards torch's kernel is the faster one in bf16 too; backwards it is slow, and with dropout there is none.
    if query.dtype == torch.bfloat16 and query.requires_grad:
        return _by_group(rows, packing.groups, scaling, dropout, sliding_window)[None], None
    return _by_length(rows, packing.runs, scaling, dropout, sliding_window)[None], None


def _by_length(
    rows: Sequence[torch.Tensor],
    runs: Sequence[tuple[int, int]],
    scaling: float | None,
    dropout: float,
    window: int | None,
) -> torch.Tensor:
    """Sequences of equal length are a batch without padding: one call of torch's attention for each length."""
    sizes = [number * length for number, length in runs]
    # Split, not sliced: the gradient of a slice is as large as the row that it was cut from.
    parts = zip(runs, *(torch.split(states, sizes) for states in rows), strict=True)
    given = []
    for (number, length), *states in parts:
        query, key, value = (part.unflatten(0, (number, length)).transpose(1, 2) for part in states)
        near = _near(length, window, query.device) if window is not None and length > window else None
        found = scaled_dot_product_attention(query, key, value, attn_mask=near, dropout_p=dropout, scale=scaling)
        given.append(found.transpose(1, 2).flatten(0, 1))
    return torch.cat(given)


def _by_group(
    rows: Sequence[torch.Tensor], groups: Sequence[Group], scaling: float | None, dropout: float, window: int | None
) -> torch.Tensor:
    """Attention as it is written, softmax in float32: on a CPU's bf16 units faster than torch's kernels for it."""
    sizes = [group.tokens for group in groups]
    given = []
    for group, *states in zip(groups, *(torch.split(states, sizes) for states in rows), strict=True):
        query, key, value = (_padded(part, group).transpose(1, 2) for part in states)
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        weights = (query @ key.transpose(-1, -2)).float() * scale + group.beyond
        if window is not None and group.longest > window:
            weights = weights.masked_fill(~_near(group.longest, window, query.device), NEVER)
        shares = drop(weights.softmax(-1).to(value.dtype), dropout)
        given.append((shares @ value).transpose(1, 2).flatten(0, 1).index_select(0, group.slots))
    return torch.cat(given)


def _padded(rows: torch.Tensor, group: Group) -> torch.Tensor:
    """(tokens, heads, width) -> (sequences, longest, heads, width), zeros where there is padding."""
    empty = rows.new_zeros(group.sequences * group.longest, *rows.shape[1:])
    return empty.index_copy_(0, group.slots, rows).view(group.sequences, group.longest, *rows.shape[1:])


def _near(length: int, window: int, device: torch.device) -> torch.Tensor:
    """Which tokens see each other, shape (length, length)."""
    place = torch.arange(length, device=device)
    return (place[:, None] - place).abs() < window


def _in_one_kernel(
    rows: Sequence[torch.Tensor], packing: Packing, scaling: float | None, dropout: float, window: int | None
) -> torch.Tensor:
    """FlashAttention-2's kernel for sequences of different lengths (Dao 2023), as torch brings it.

    `torch.nn.attention.varlen` wraps the same kernel, but knows no dropout.
    """
    reach = {} if window is None else {"window_size_left": window - 1, "window_size_right": window - 1}
    query, key, value = rows
    found = torch.ops.aten._flash_attention_forward(
        query, key, value, packing.starts, packing.starts, packing.longest, packing.longest, dropout, False, False,
        scale=scaling, **reach,
    )  # fmt: skip
    given: torch.Tensor = found[0]
    return given


# Lengths differ from batch to batch: compiled code would be made anew for each.
AttentionInterface.register(PACKED, torch.compiler.disable(packed_attention))  # type: ignore[no-untyped-call]
