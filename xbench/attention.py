"""Attention over sequences that stand one after the other in a row, without padding, each seeing only itself.

transformers' models take it by name through their attention interface; the name knows no mask, so none is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from xbench.grouped import Groups, grouped_attention, near

PACKED = "xbench_packed"
"""The name under which transformers knows it. One with "flash" in it would be taken for flash-attention's own."""


@dataclass(frozen=True, kw_only=True)
class Packing:
    """Where the tokens of a padded batch stand in the row: sequences by length, the longest first."""

    places: torch.Tensor
    """(tokens,): place of each token in the padded batch, flattened; behind its last one for filler."""
    lengths: tuple[int, ...]
    """(sequences,): tokens of each in the row; without filler."""
    starts: torch.Tensor
    """(sequences + 1,) int32: where each sequence begins in the row, and where the last one ends, and the filler."""
    longest: int
    """Tokens of the longest sequence, or any bound on it."""
    filled: bool = False
    """Whether the row ends with tokens that belong nowhere, so that rows of many lengths are one."""

    _groups: dict[tuple[int, torch.dtype], Groups] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """(how many sequences, their length): those of equal length stand together."""
        return tuple((len(list(equal)), length) for length, equal in groupby(self.lengths))

    def groups(self, heads: int, dtype: torch.dtype) -> Groups:
        """The sequences in a few groups of like length, the same for every block."""
        if (heads, dtype) not in self._groups:
            self._groups[heads, dtype] = Groups.of(self.lengths, heads, dtype)
        return self._groups[heads, dtype]


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
    kind = query.device.type
    if torch.is_autocast_enabled(kind):
        # Rotary positions make float32 of queries and keys; torch's own attention is told by autocast to round them.
        query, key, value = (states.to(torch.get_autocast_dtype(kind)) for states in (query, key, value))
    rows = tuple(states[0].transpose(0, 1) for states in (query, key, value))
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        return _in_one_kernel(rows, packing, scaling, dropout, sliding_window)[None], None
    if query.is_cuda and torch.cuda.is_current_stream_capturing():
        raise RuntimeError("attention in float32 reads lengths that a recorded step cannot know")
    if kind == "cpu" and torch.is_grad_enabled() and any(states.requires_grad for states in rows):
        groups = packing.groups(query.shape[1], query.dtype)
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        return grouped_attention(rows, groups, scale, dropout, sliding_window)[None], None
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
    filler = len(rows[0]) - sum(sizes)
    # Split, not sliced: the gradient of a slice is as large as the row that it was cut from.
    parts = zip(runs, *(torch.split(states, [*sizes, filler])[:-1] for states in rows), strict=True)
    given = []
    for (number, length), *states in parts:
        query, key, value = (part.unflatten(0, (number, length)).transpose(1, 2) for part in states)
        seen = near(length, window, query.device) if window is not None and length > window else None
        found = scaled_dot_product_attention(query, key, value, attn_mask=seen, dropout_p=dropout, scale=scaling)
        given.append(found.transpose(1, 2).flatten(0, 1))
    if filler:
        given.append(rows[0].new_zeros(filler, *rows[0].shape[1:]))
    return torch.cat(given) if len(given) > 1 else given[0]


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
