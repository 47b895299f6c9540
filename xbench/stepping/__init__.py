"""One optimizer step: a batch in, its mean loss out, and weights that have moved."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import nn

from xbench.errors import DoesNotFit
from xbench.kinds import Batch, Feature, Kind, Setting
from xbench.layouts import Reader
from xbench.pack import fill_of, out_of_memory, pad
from xbench.stepping.vocabulary import Compact, clip_gradients, named_weights

Item: TypeAlias = Sequence[Feature]
"""What epochs shuffle and batches count: one feature, or all of an example's where the kind is grouped."""


class Stepper:
    """Takes optimizer steps: AdamW (Loshchilov and Hutter 2019), gradients clipped to a norm, the rate told each time.

    Weights and the optimizer's moments are float32; with `half` the encoder computes under bf16 autocast.
    """

    def __init__(
        self,
        reader: Reader,
        kind: Kind,
        setting: Setting,
        *,
        device: torch.device,
        half: bool = False,
        micro_batch: int = 0,
        vocabulary: Compact | None = None,
        capturable: bool = False,
    ) -> None:
        self.reader, self.kind, self.setting = reader, kind, setting
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

    def step(self, items: Sequence[Item], rate: float) -> torch.Tensor:
        """Learn from one batch of items; its mean loss, on the device, shape (). Raises DoesNotFit."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        try:
            loss = self._learn(items)
        except (RuntimeError, MemoryError) as cause:
            if not out_of_memory(cause):
                raise
            raise DoesNotFit(self._does_not_fit(items)) from cause
        if self.vocabulary:
            given = self.optimizer.param_groups[0]["lr"]
            self.vocabulary.stepped(rate, self.setting.recipe.decay, given if isinstance(given, torch.Tensor) else None)
        return loss

    def _learn(self, items: Sequence[Item]) -> torch.Tensor:
        loss = self._backward(items)
        self._move()
        return loss

    def _move(self) -> None:
        """Take the step that the gradients ask for, and forget them."""
        clip_gradients(self.learning, self.setting.recipe.clip, self._embedding)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _backward(self, items: Sequence[Item]) -> torch.Tensor:
        """Gradients of the mean over all things of the batch, read in parts where it is larger than a micro-batch."""
        if len(items) <= self.micro_batch:
            return self._slope(self.batch(items))
        total, things = torch.zeros((), device=self.device), 0
        for start in range(0, len(items), self.micro_batch):
            losses = self.losses(self.batch(items[start : start + self.micro_batch]))
            losses.sum().backward()  # type: ignore[no-untyped-call]
            total += losses.detach().sum()
            things += losses.numel()
        # How many things there are is known only now; parts have different numbers of them, so no part can be averaged.
        torch._foreach_div_([p.grad for p in self.learning if p.grad is not None], float(max(things, 1)))
        return total / max(things, 1)

    def _slope(self, batch: Batch) -> torch.Tensor:
        """Gradients of a batch's mean loss; that mean."""
        losses = self.losses(batch)
        loss = losses.mean() if losses.numel() else losses.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def batch(self, items: Sequence[Item]) -> Batch:
        """The items' features on the device, with what the reader's layout needs."""
        features = [feature for item in items for feature in item]
        return pad(
            features, pad_id=self.setting.tokenizer.pad_token_id, device=self.device,
            packing=self.reader.layout != "padded", fill=fill_of(self.device, half=self.half),
        )  # fmt: skip

    def losses(self, batch: Batch) -> torch.Tensor:
        """The loss of each thing that is learned, in float32, shape (things,)."""
        if not self.half:
            return self.kind.loss(self.reader.scores(self.kind, batch, self.setting), batch)
        with torch.autocast(self.device.type, torch.bfloat16):
            scores = self.reader.scores(self.kind, batch, self.setting)
        return self.kind.loss(scores.float(), batch)

    def _does_not_fit(self, items: Sequence[Item]) -> str:
        at_once = min(len(items), self.micro_batch)
        longest = max(len(feature.ids) for item in items for feature in item)
        return (
            f"{at_once} items of up to {longest} tokens at once do not fit into the memory of {self.device}. "
            f"The batch stays {self.setting.recipe.batch}, and so does what is learned, if it is read in parts: "
            f"--micro-batch {max(at_once // 2, 1)}"
        )
