"""How an encoder reads a batch: without padding where it can, in parts of like length where not, or padded.

Whatever the layout, a kind hands over a padded batch and gets the scores of one, by each architecture's own head: only
what stands below the head is run otherwise.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, TypeAlias, cast

import torch
from torch.nn.functional import pad as widened
from transformers import PreTrainedModel

from xbench.attention import PACKED, Packing
from xbench.kinds import Batch, Kind, Setting
from xbench.narrowing import FeedForward, feed_forward_of, narrowed
from xbench.opening import blocks_of, first_position

Layout: TypeAlias = Literal["packed", "parts", "padded"]

PARTS = 4
"""Parts that a batch is cut into, sorted by length, where an encoder needs padding."""

WASTE = 1.1
"""Tokens with padding to tokens without, above which parts are worth their while."""


class Reader:
    """A model, and the layout in which it reads batches."""

    def __init__(
        self, model: PreTrainedModel, layout: Layout = "padded", why: str = "", *, narrow: bool = False
    ) -> None:
        self.model, self.layout = model, layout
        self.why = why
        """Why it is not `packed`; empty where it is, or where nobody asked for it."""
        self.narrow = narrow
        """Whether the last feed-forward is computed for first tokens only."""
        encoder = cast(PreTrainedModel, model.base_model)
        self._way: _Packed | _Parts | None = None
        if layout != "padded":
            # Looked for once: a walk through all modules costs more than a step may.
            last = feed_forward_of(encoder) if narrow else None
            self._way = (_Packed if layout == "packed" else _Parts)(encoder, last)

    def on(self, model: PreTrainedModel) -> "Reader":
        """The same layout for a model that is like this one."""
        return self if model is self.model else Reader(model, self.layout, self.why, narrow=self.narrow)

    @property
    def said(self) -> str:
        """The layout, and why it is no better one."""
        layout = self.layout + (", last feed-forward for first tokens only" if self.narrow else "")
        return f"{layout} ({self.why})" if self.why else layout

    @property
    def ran(self) -> bool:
        """Whether the layout has ever been at work: a head may hand on something else than the batch."""
        return self._way is None or self._way.ran

    def scores(self, kind: Kind, batch: Batch, setting: Setting) -> torch.Tensor:
        """What `kind.forward` gives for the batch."""
        if self._way is None:
            return kind.forward(self.model, batch, setting)
        with _reading(cast(PreTrainedModel, self.model.base_model), self._way, batch):
            return kind.forward(self.model, batch, setting)


def compile_blocks(model: PreTrainedModel) -> None:
    """Have torch.compile make each block of a model anew when it is first run, once for batches of all sizes."""
    for block in blocks_of(model):
        block.compile(dynamic=True)


@contextmanager
def _reading(encoder: PreTrainedModel, way: "_Packed | _Parts", batch: Batch) -> Iterator[None]:
    """Have the encoder read this batch another way; calls with any other input go to its own forward."""
    packing, own = batch.packing, encoder.forward
    if packing is None:
        raise ValueError("a reader that does not pad needs batches that are made with packing=True")

    def forward(*given: Any, **more: Any) -> Any:
        more |= dict(zip(way.takes, given, strict=False))
        if more.get("input_ids") is not batch.ids:
            return own(**more)
        way.ran = True
        return way.run(own, packing, more)

    before = vars(encoder).get("forward")  # somebody else may have replaced it too
    encoder.forward = forward
    try:
        yield
    finally:
        if before is None:
            del encoder.forward
        else:
            encoder.forward = before


class _Packed:
    """All sequences of a batch in one row; zeros come back where there is padding."""

    def __init__(self, encoder: PreTrainedModel, last: FeedForward | None) -> None:
        """`last` is the feed-forward that is computed for first tokens only; None = for all."""
        self.encoder, self.last = encoder, last
        self.ran = False
        self.first = first_position(encoder)
        self.takes = _names(encoder)

    def run(self, own: Callable[..., Any], packing: Packing, more: dict[str, Any]) -> Any:
        ids = more["input_ids"]
        more |= {"attention_mask": None, "input_ids": _row(ids, packing), "packing": packing}
        if self.first:
            # RoBERTa's way: the padding's token is no position, where it stands in a text either.
            real = ids != self.first - 1
            more["position_ids"] = _row(real.cumsum(1) * real + self.first - 1, packing)
        else:
            # Filler is at 0, as there may be fewer positions than filler.
            more["position_ids"] = (packing.places % ids.shape[1])[None]
        if "token_type_ids" in self.takes:
            # Given or not: some architectures take zeros for it from a table that is as long as their positions.
            types = more.get("token_type_ids")
            more["token_type_ids"] = _row(torch.zeros_like(ids) if types is None else types, packing)
        said = self.encoder.config._attn_implementation
        self.encoder.config._attn_implementation = PACKED
        try:
            with narrowed(self.last, packing.starts[: len(packing.lengths)]):
                found = own(**more)
        finally:
            self.encoder.config._attn_implementation = said
        _turn(found, lambda states: _grid(states, packing, ids.shape))
        if found.get("pooler_output") is not None:
            found["pooler_output"] = self.encoder.pooler(found["last_hidden_state"])  # type: ignore[operator]
        return found


class _Parts:
    """The sequences of a batch in a few parts of like length, one after the other."""

    def __init__(self, encoder: PreTrainedModel, last: FeedForward | None) -> None:
        self.last = last
        self.ran = False
        self.takes = _names(encoder)

    def run(self, own: Callable[..., Any], packing: Packing, more: dict[str, Any]) -> Any:
        lengths = packing.lengths
        wasteful = len(lengths) * lengths[0] > WASTE * sum(lengths)
        width = more["input_ids"].shape[1]
        order = packing.places[packing.starts[: len(lengths)]] // width
        founds, begin, leading = [], 0, order.new_zeros(1)
        for part in order.chunk(PARTS if wasteful else 1):
            longest = lengths[begin]
            begin += len(part)
            with narrowed(self.last, leading):
                found = own(**{name: _cut(value, part, longest) for name, value in more.items()})
            founds.append(_turn(found, partial(widened, pad=(0, 0, 0, width - longest))))
        back = order.argsort()
        for name, first in list(founds[0].items()):
            parts = [found[name] for found in founds]
            founds[0][name] = (
                tuple(torch.cat(level)[back] for level in zip(*parts, strict=True))
                if isinstance(first, tuple)
                else torch.cat(parts)[back]
            )
        return founds[0]


def _names(encoder: PreTrainedModel) -> tuple[str, ...]:
    """What an encoder's forward takes, in order, as its class says: one that replaces it may say nothing."""
    return tuple(inspect.signature(type(encoder).forward).parameters)[1:]


def _row(grid: torch.Tensor, packing: Packing) -> torch.Tensor:
    """(sequences, tokens) -> (1, all tokens)."""
    places = packing.places.clamp_max(grid.numel() - 1) if packing.filled else packing.places
    return grid.flatten()[places][None]


def _grid(row: torch.Tensor, packing: Packing, shape: torch.Size) -> torch.Tensor:
    """(1, all tokens, hidden) -> (sequences, tokens, hidden)."""
    # What belongs nowhere has a place of its own at the end, which is then left out.
    nowhere = row.new_zeros(shape.numel() + packing.filled, row.shape[-1])
    return nowhere.index_copy_(0, packing.places, row[0])[: shape.numel()].view(*shape, -1)


def _cut(value: Any, part: torch.Tensor, longest: int) -> Any:
    """Some rows of what has one row a sequence, no longer than need be; anything else as it is."""
    return value[part, :longest] if isinstance(value, torch.Tensor) else value


def _turn(found: Any, states: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Change all hidden states in what an encoder gave, in place."""
    found["last_hidden_state"] = states(found["last_hidden_state"])
    if found.get("hidden_states") is not None:
        found["hidden_states"] = tuple(map(states, found["hidden_states"]))
    return found
