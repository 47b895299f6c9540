"""One optimizer step: a batch in, its mean loss out, and weights that have moved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from xbench.errors import DoesNotFit
from xbench.kinds import Batch, Kind, Setting
from xbench.layouts import Reader
from xbench.pack import fill_of, out_of_memory
from xbench.stepping.items import Items
from xbench.stepping.vocabulary import Compact, clip_gradients, named_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A batch of items as it is read."""

    parts: Sequence[Batch]
    """Read one after the other: one, where the batch is no larger than a micro-batch."""
    items: int
    """In the largest part."""
    in_vain: bool = False
    """Whether the last part is read only because others read one."""
    alike: bool = False
    """Whether many batches have the shapes of this one."""


class Stepper:
    """Takes optimizer steps: AdamW (Loshchilov and Hutter 2019), gradients clipped to a norm, the rate told each time.

    Weights and the optimizer's moments are float32; with `half` the encoder computes under bf16 autocast.
    """

    def __init__(
        self,
        reader: Reader,
        kind: Kind,
        items: Items,
        setting: Setting,
        *,
        device: torch.device,
        half: bool = False,
        micro_batch: int = 0,
        vocabulary: Compact | None = None,
        capturable: bool = False,
    ) -> None:
        self.reader, self.kind, self.items, self.setting = reader, kind, items, setting
        self.device, self.half = device, half
        self.micro_batch = micro_batch or setting.recipe.batch
        self.vocabulary = vocabulary
        learning = [parameter for parameter in reader.model.parameters() if parameter.requires_grad]
        matrices = [parameter for parameter in learning if parameter.ndim > 1]
        vectors = [parameter for parameter in learning if parameter.ndim <= 1]  # biases and norms do not decay
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": setting.recipe.decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]] or groups,
            # A recorded step reads the rate from the device.
            lr=torch.tensor(setting.recipe.rate, device=device) if capturable else setting.recipe.rate,
            betas=(0.9, 0.999),
            eps=1e-8,
            fused=True,
            capturable=capturable,
        )
        self.learning = [*matrices, *vectors]
        rows = vocabulary.rows if vocabulary else None
        self._embedding = reader.model.get_input_embeddings().get_parameter("weight") if rows is None else rows

    @property
    def how(self) -> dict[str, str]:
        """Which path runs, in words."""
        return {"layout": self.reader.said} | ({"vocabulary": self.vocabulary.said} if self.vocabulary else {})

    def trained(self) -> dict[str, nn.Parameter]:
        """All weights that are trained, up to date, each whole and under its own name."""
        if self.vocabulary:
            self.vocabulary.write_back()
        return named_weights(self.reader.model)

    def lay_out(self, coming: Sequence[NDArray[np.int64]]) -> list[Laid]:
        """The next batches, each given by the numbers of its items, on the device. Raises DoesNotFit."""
        return self._laid(coming, fill=fill_of(self.device, half=self.half))

    def step(self, laid: Laid, rate: float) -> torch.Tensor:
        """Learn from one batch; its mean loss, on the device, shape (). Raises DoesNotFit."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        with self._room(laid.items, max(part.ids.shape[1] for part in laid.parts)):
            loss = self._learn(laid)
        if self.vocabulary:
            given = self.optimizer.param_groups[0]["lr"]
            self.vocabulary.stepped(rate, self.setting.recipe.decay, given if isinstance(given, torch.Tensor) else None)
        return loss

    def _laid(self, coming: Sequence[NDArray[np.int64]], *, width: int = 0, fill: int = 0) -> list[Laid]:
        parts = [self._parts(items) for items in coming]
        rows = [self.items.features(part) for own, _ in parts for part in own]
        with self._room(max(len(part) for own, _ in parts for part in own), int(self.items.columns.lengths.max())):
            batches = iter(
                self.items.columns.batches(
                    rows, pad_id=self.setting.tokenizer.pad_token_id, device=self.device,
                    packing=self.reader.layout != "padded", width=width, fill=fill,
                )
            )  # fmt: skip
        return [
            Laid(parts=tuple(islice(batches, len(own))), items=max(map(len, own)), in_vain=in_vain, alike=width > 0)
            for own, in_vain in parts
        ]

    def _parts(self, items: NDArray[np.int64]) -> tuple[list[NDArray[np.int64]], bool]:
        """What of a batch is read here, in the parts that are read at once, and whether the last is read in vain."""
        return [items[start : start + self.micro_batch] for start in range(0, len(items), self.micro_batch)], False

    def _learn(self, laid: Laid) -> torch.Tensor:
        loss = self._backward(laid)
        self._move()
        return loss

    def _move(self) -> None:
        """Take the step that the gradients ask for, and forget them."""
        clip_gradients(self.learning, self.setting.recipe.clip, self._embedding)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _backward(self, laid: Laid) -> torch.Tensor:
        """Gradients of the mean over all things of the batch; that mean."""
        if len(laid.parts) == 1:
            return self._slope(laid.parts[0])
        total, things = self._summed(laid)
        # How many things there are is known only now; parts have different numbers of them, so no part can be averaged.
        torch._foreach_div_([p.grad for p in self.learning if p.grad is not None], float(max(things, 1)))
        return total / max(things, 1)

    def _summed(self, laid: Laid) -> tuple[torch.Tensor, int]:
        """Gradients of the sum over all things of the parts; that sum, and how many things there are."""
        total, things = torch.zeros((), device=self.device), 0
        for number, part in enumerate(laid.parts, 1):
            losses = self.losses(part)
            counts = number < len(laid.parts) or not laid.in_vain
            (losses.sum() * float(counts)).backward()  # type: ignore[no-untyped-call]
            if counts:
                total += losses.detach().sum()
                things += losses.numel()
        return total, things

    def _slope(self, batch: Batch) -> torch.Tensor:
        """Gradients of a batch's mean loss; that mean."""
        losses = self.losses(batch)
        loss = losses.mean() if losses.numel() else losses.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def losses(self, batch: Batch) -> torch.Tensor:
        """The loss of each thing that is learned, in float32, shape (things,)."""
        if not self.half:
            return self.kind.loss(self.reader.scores(self.kind, batch, self.setting), batch)
        with torch.autocast(self.device.type, torch.bfloat16):
            scores = self.reader.scores(self.kind, batch, self.setting)
        return self.kind.loss(scores.float(), batch)

    @contextmanager
    def _room(self, items: int, longest: int) -> Iterator[None]:
        """Raise DoesNotFit where there is too little memory for so many items of up to so many tokens at once."""
        try:
            yield
        except (RuntimeError, MemoryError) as cause:
            if not out_of_memory(cause):
                raise
            raise DoesNotFit(
                f"{items} items of up to {longest} tokens at once do not fit into the memory of {self.device}. "
                f"The batch stays {self.setting.recipe.batch}, and so does what is learned, if it is read in parts: "
                f"--micro-batch {max(items // 2, 1)}"
            ) from cause
