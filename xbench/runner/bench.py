"""An opened encoder on a device, set up for a kind of task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xbench.crew import ALONE, Crew
from xbench.kinds import Feature, Setting
from xbench.layouts import Reader, compile_blocks
from xbench.opening import Opened, open_encoder, put_on
from xbench.predict import predict
from xbench.recipe import Recipe
from xbench.runner import facts
from xbench.runner.order import Order
from xbench.runner.plan import Job
from xbench.trial import reader_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """An opened encoder on a device, set up for a kind of task."""

    kind: Any
    opened: Opened
    setting: Setting
    device: torch.device
    precision: str
    reader: Reader
    crew: Crew
    """The processes that work with it; all must ask for scores together."""

    def encode(self, examples: Sequence[Any]) -> list[Feature]:
        """What the encoder reads of examples that are to be scored."""
        with self.crew.in_turn():
            features: list[Feature] = self.kind.encode(examples, self.setting, training=False)
        return features

    def scores(
        self, features: Sequence[Feature], progress: Callable[[int, int], None] | None = None
    ) -> list[NDArray[np.float32]]:
        """Scores of each feature, whichever language it is of; see `predict`."""
        return predict(
            self.opened, self.kind, features, self.setting, device=self.device, precision=self.precision,
            reader=self.reader, progress=progress, crew=self.crew,
        )  # fmt: skip

    def decode(
        self, scores: Sequence[NDArray[np.float32]], features: Sequence[Feature], examples: Sequence[Any]
    ) -> list[Any]:
        """A prediction for each example, from the scores of its features."""
        predictions: list[Any] = self.kind.decode(scores, features, examples, self.setting)
        return predictions

    def under(self, threshold: float) -> "Bench":
        """The same, with another threshold than the recipe's."""
        recipe = replace(self.setting.recipe, threshold=threshold)
        return replace(self, setting=replace(self.setting, recipe=recipe))


def bench_of(job: Job, order: Order, device: torch.device, crew: Crew = ALONE) -> Bench:
    """Open the encoder of a job for its kind of task. Raises EncoderError, BadOption, NotTogether."""
    opened = open_encoder(
        job.encoder, job.kind, job.task.labels, seed=job.run.seed, trust_remote_code=order.trust_remote_code
    )
    own = opened.own_length if not job.kind.trained and job.recipe.pooling == "own" else None
    limit = min(job.recipe.length, opened.positions, own or job.recipe.length)
    setting = Setting(
        labels=job.task.labels, recipe=job.recipe, tokenizer=opened.tokenizer, typed=opened.typed, limit=limit,
        pooling=opened.pooling if job.recipe.pooling == "own" else "mean",
    )  # fmt: skip
    width = int(getattr(opened.model.config, "hidden_size", facts.WIDE))
    precision = facts.precision_of(job.recipe.precision, device, trained=job.kind.trained, width=width)
    facts.settle(device, precision, deterministic=order.deterministic)
    crew.same(f"checkpoints of {job.run.encoder}", f"{opened.weights[:12]} {opened.tokenizer_hash[:12]}")
    crew.place(opened.model, device, half=precision == "bf16")
    put_on(opened, device)
    if order.compiled:
        compile_blocks(opened.model)
    reader = reader_of(opened, job.kind, setting, device=device, half=precision == "bf16", wanted=order.layout)
    return Bench(
        kind=job.kind, opened=opened, setting=setting, device=device, precision=precision, reader=reader, crew=crew
    )


def vectors(bench: Bench) -> str:
    """How sentence vectors were made, for the signature."""
    recipe: Recipe = bench.setting.recipe
    blocks = bench.opened.blocks
    block = blocks // 2 + 1 if recipe.middle else recipe.layer or blocks
    left_out = "".join(f"-without{step}" for step in bench.opened.unread)
    return f"block{block}of{blocks}-{bench.setting.pooling}{left_out}-length{bench.setting.limit}" + (
        "-centred" if recipe.centre else ""
    )
