"""Attention in training on a CPU: sequences of like length in a few groups, and a backward pass of its own.

torch's kernels for it know no dropout there, are slow backwards in bf16, and take one call for each length. Here every
group is a few products of matrices, and what is done to each number is done to those of all groups at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from xbench.dropout import kept

NEVER = -1e30
"""Weight of what is not attended to, before the softmax: 0 after it. With infinity, padding that sees none is NaN."""

GROUPS = 4
"""More of them are less padding and more calls."""

EVEN = 4
"""Tokens that the longest sequence of a group is filled up to a multiple of in bf16: oneDNN makes code for every shape
of a product that it has not met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Where the heads of the tokens of a row stand in groups that are padded to their longest sequence each.

    A group holds a matrix of (longest, width) for each sequence and head of it; all groups lie one after the other.
    """

    shapes: tuple[tuple[int, int], ...]
    """(sequences × heads, longest) of each group."""
    slots: torch.Tensor
    """(padded tokens × heads,): which of the row's (tokens × heads) stands there; where there is padding, the last."""
    places: torch.Tensor
    """(tokens × heads,): where each of the row's stands."""
    beyond: tuple[torch.Tensor, ...]
    """(sequences × heads, 1, longest) of each group, in the row's type: NEVER where there is padding, 0 elsewhere."""
    _beyond_windows: dict[int, list[torch.Tensor]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, sequences: Sequence[int], heads: int, dtype: torch.dtype) -> "Groups":
        """`sequences` are the tokens of each, the longest first, as they stand in the row."""
        even = EVEN if dtype == torch.bfloat16 else 1
        lengths = np.array(sequences)
        starts = np.cumsum(lengths) - lengths
        head = np.arange(heads)[:, None]
        shapes, slots, places, beyond, size = [], [], np.empty((int(lengths.sum()), heads), np.int64), [], 0
        for some in np.array_split(np.arange(len(lengths)), min(GROUPS, len(lengths))):
            length, place = lengths[some][:, None], np.arange(-(-lengths[some].max() // even) * even)
            tokens = starts[some][:, None] + np.minimum(place, length - 1)
            slots.append((tokens[:, None] * heads + head).ravel())
            there = place < length
            own = size + np.arange(len(slots[-1])).reshape(len(some), heads, -1)
            places[tokens[there]] = own.transpose(0, 2, 1)[there]
            hidden = np.where(there, 0.0, NEVER).astype(np.float32).repeat(heads, 0)[:, None]
            beyond.append(torch.from_numpy(hidden).to(dtype))
            shapes.append((len(some) * heads, len(place)))
            size += len(slots[-1])
        return cls(
            shapes=tuple(shapes), slots=torch.from_numpy(np.concatenate(slots)),
            places=torch.from_numpy(places.ravel()), beyond=tuple(beyond),
        )  # fmt: skip

    def padded(self, row: torch.Tensor) -> torch.Tensor:
        """(tokens, heads, width) -> (padded tokens × heads, width)."""
        return row.flatten(0, 1).index_select(0, self.slots)

    def row(self, padded: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        """Back to (tokens, heads, width); zeros for tokens at the end that are in no sequence."""
        given = padded.new_empty(shape)
        rows, own = given.view(-1, shape[-1]), len(self.places)
        torch.index_select(padded, 0, self.places, out=rows[:own])
        rows[own:] = 0
        return given

    def matrices(self, padded: torch.Tensor) -> list[torch.Tensor]:
        """(sequences × heads, longest, width) of each group, as views."""
        parts = torch.split(padded, [number * longest for number, longest in self.shapes])
        return [part.view(*shape, -1) for part, shape in zip(parts, self.shapes, strict=True)]

    def squares(self, weights: torch.Tensor) -> list[torch.Tensor]:
        """(sequences × heads, longest, longest) of each group, as views: weights of all tokens for all."""
        parts = torch.split(weights, [number * longest**2 for number, longest in self.shapes])
        return [part.view(number, *2 * (longest,)) for part, (number, longest) in zip(parts, self.shapes, strict=True)]

    def hidden(self, window: int | None) -> Sequence[torch.Tensor]:
        """What is added to the weights of each group before the softmax."""
        if window is None:
            return self.beyond
        if window not in self._beyond_windows:
            self._beyond_windows[window] = [
                own if own.shape[-1] <= window else own.masked_fill(~near(own.shape[-1], window), NEVER)
                for own in self.beyond
            ]
        return self._beyond_windows[window]

    @property
    def weights(self) -> int:
        """How many weights there are, those of padding among them."""
        return sum(number * longest**2 for number, longest in self.shapes)


def grouped_attention(
    rows: Sequence[torch.Tensor], groups: Groups, scale: float, dropout: float, window: int | None
) -> torch.Tensor:
    """Queries, keys and values of shape (tokens, heads, width) -> what each token finds in its sequence, likewise."""
    found: torch.Tensor = _Grouped.apply(*rows, groups, scale, dropout, window)  # type: ignore[no-untyped-call]
    return found


def near(length: int, window: int, device: torch.device | None = None) -> torch.Tensor:
    """Which tokens see each other through a window, shape (length, length)."""
    place = torch.arange(length, device=device)
    return (place[:, None] - place).abs() < window


class _Grouped(torch.autograd.Function):
    """With P the softmax of the scaled products of queries and keys, and M the mask of dropout: (P M) V."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, groups: Groups, scale: float,
        dropout: float, window: int | None,
    ) -> torch.Tensor:  # fmt: skip
        rows = [groups.padded(states) for states in (query, key, value)]
        weights = query.new_empty(groups.weights)
        queries, keys, values = map(groups.matrices, rows)
        with torch.autocast("cpu", enabled=False):
            for one, other, to, hidden in zip(
                queries, keys, groups.squares(weights), groups.hidden(window), strict=True
            ):
                torch._softmax(torch.baddbmm(hidden, one, other.mT, alpha=scale), -1, False, out=to)
            mask = kept(weights, dropout)
            shares = weights if mask is None else weights * mask
            found = torch.empty_like(rows[0])
            for one, other, to in zip(groups.squares(shares), values, groups.matrices(found), strict=True):
                torch.bmm(one, other, out=to)
        ctx.save_for_backward(*rows, weights, mask)
        ctx.groups, ctx.scale, ctx.shape = groups, scale, query.shape
        return groups.row(found, query.shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        groups: Groups = ctx.groups
        query, key, value, weights, mask = ctx.saved_tensors
        # Padding has no part in the result. Its own gradients stay zero or are left out.
        slopes = torch.zeros_like(query).index_copy_(0, groups.places, slope.flatten(0, 1)[: len(groups.places)])
        shares = weights if mask is None else weights * mask
        to_value, to_weights = torch.empty_like(value), torch.empty_like(weights)
        both = zip(groups.squares(to_weights), groups.matrices(to_value), strict=True)
        for one, of_shares, of_value, (square, matrix) in zip(
            groups.matrices(slopes), groups.squares(shares), groups.matrices(value), both, strict=True
        ):
            torch.bmm(of_shares.mT, one, out=matrix)
            torch.bmm(one, of_value.mT, out=square)
        if mask is not None:
            to_weights.mul_(mask)
        to_query, to_key = torch.empty_like(query), torch.empty_like(key)
        given = zip(*map(groups.squares, (weights, to_weights)), strict=True)
        ends = zip(*map(groups.matrices, (query, key, to_query, to_key)), strict=True)
        for (share, slope_of_share), (one, other, to_one, to_other) in zip(given, ends, strict=True):
            before = torch._softmax_backward_data(slope_of_share, share, -1, share.dtype)
            torch.baddbmm(to_one, before, other, beta=0, alpha=ctx.scale, out=to_one)
            torch.baddbmm(to_other, before.mT, one, beta=0, alpha=ctx.scale, out=to_other)
        found = (groups.row(states, ctx.shape) for states in (to_query, to_key, to_value))
        return *found, None, None, None, None
