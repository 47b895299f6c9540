"""The other side: transformers' Trainer, set up as its example scripts set it up, and as well as it can be.

Written from knowledge of what `run_xnli.py`, `run_qa.py` and XTREME's `train_xnli.sh` ask for. Rows are lists of token
ids that lie ready in memory, without a `datasets` table around them, which spares the peer its reading.
"""

import atexit
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from transformers import DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments, default_data_collator
from transformers.utils import logging

from benchmarks.shapes import Work
from benchmarks.turns import Loop
from xbench.kinds import Feature
from xbench.opening import Opened

Row = dict[str, Any]

STEPS = 100_000
"""Planned ones, of which few are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to set the Trainer up."""

    name: str
    padded: bool = True
    """Whether every row is padded to the full length; if not, each batch to its longest row."""
    sampling: str = "sequential"
    """In the order given, which is ours; or rows of like length together."""
    bf16: bool = False
    compiled: bool = False
    accumulated: int = 1
    """Parts that a batch is read in."""
    scored_at_once: int = 8
    """TrainingArguments' own default."""
    attentive: bool = True
    """Whether the loss is looked at every step for what is not a number, as by default."""
    workers: int = 0


RUN_XNLI = Way(name="run_xnli")
"""run_xnli as its README runs it (32 rows a batch, 128 tokens, float32), and run_qa likewise (12 rows, 384)."""
DYNAMIC = Way(name="best, dynamic padding", padded=False, bf16=True, attentive=False, scored_at_once=128, workers=4)
GROUPED = replace(DYNAMIC, name="best, grouped by length", sampling="group_by_length")
XTREME = Way(name="XTREME's script", accumulated=4)
"""8 rows at a time, four times for a step, as train_xnli.sh has it for models of the base size."""
XTREME_LARGE = replace(XTREME, accumulated=16)
"""2 rows at a time, as it has for XLM-R large."""


def training(opened: Opened, work: Work, way: Way, *, turn: int, seed: int = 0, device: str = "cpu") -> Loop:
    """`Trainer.train` on the rows of the work in our order of the first epoch, `turn` optimizer steps at a time."""
    order = np.random.default_rng((seed, 0)).permutation(len(work.train))
    rows = as_rows([work.train[place] for place in order], work, padded=way.padded)

    def body(pause: Callable[[], None]) -> None:
        set_up(opened, work, way, rows, turn=turn, pause=pause, device=device).train()

    return Loop(body)


def scoring(
    opened: Opened, work: Work, way: Way, features: Sequence[Feature], *, device: str = "cpu"
) -> Callable[[], Any]:
    """A function that runs `Trainer.predict` over the features and gives its scores."""
    rows: Any = as_rows(features, work, padded=way.padded)
    trainer = set_up(opened, work, way, [], device=device)
    return lambda: trainer.predict(rows).predictions


def as_rows(features: Sequence[Feature], work: Work, *, padded: bool) -> list[Row]:
    """What a script keeps after tokenizing: lists, padded to the work's full length or not, with their labels."""
    most, pad = work.setting.recipe.length, work.setting.tokenizer.pad_token_id
    rows = []
    for feature in features:
        lacking = most - len(feature.ids) if padded else 0
        row: Row = {
            "input_ids": feature.ids.tolist() + [pad] * lacking,
            "attention_mask": [1] * len(feature.ids) + [0] * lacking,
        }
        if feature.target is not None and work.kind.per_token:
            row["start_positions"], row["end_positions"] = feature.target.tolist()
        elif feature.target is not None:
            row["labels"] = int(feature.target)
        rows.append(row)
    return rows


def set_up(
    opened: Opened, work: Work, way: Way, rows: list[Row], *, turn: int = 0, pause: Callable[[], None] = print,
    device: str,
) -> Trainer:  # fmt: skip
    """A Trainer of the model as it stands, on the device, that pauses after every `turn` steps; 0 = never."""
    # Both tell the whole process what they were asked for: compilation by its environment, and how much to log.
    told = logging.get_verbosity()
    try:
        with patch.dict(os.environ):
            collator = default_data_collator if way.padded else DataCollatorWithPadding(work.setting.tokenizer)
            return Trainer(
                model=opened.model, args=arguments(work, way, cuda=device != "cpu"), data_collator=collator,
                train_dataset=rows or None, callbacks=[Pausing(turn, pause)],
            )  # fmt: skip
    finally:
        logging.set_verbosity(told)


def arguments(work: Work, way: Way, *, cuda: bool) -> TrainingArguments:
    """What the Trainer is told, beside defaults."""
    recipe = work.setting.recipe
    return TrainingArguments(
        output_dir=scratch(),
        max_steps=STEPS,
        per_device_train_batch_size=recipe.batch // way.accumulated,
        gradient_accumulation_steps=way.accumulated,
        per_device_eval_batch_size=way.scored_at_once,
        learning_rate=recipe.rate,
        weight_decay=recipe.decay,
        optim="adamw_torch_fused",
        bf16=way.bf16,
        torch_compile=way.compiled and cuda,
        train_sampling_strategy=way.sampling,
        logging_nan_inf_filter=way.attentive,
        dataloader_num_workers=way.workers if cuda else 0,
        dataloader_persistent_workers=way.workers > 0 and cuda,
        dataloader_pin_memory=cuda,
        use_cpu=not cuda,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )


@cache
def scratch() -> str:
    """A folder that nothing is written to, as a Trainer must have one; gone when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="xbench-peer-")
    atexit.register(folder.cleanup)
    return folder.name


class Pausing(TrainerCallback):
    """Pauses after every few optimizer steps."""

    def __init__(self, turn: int, pause: Callable[[], None]) -> None:
        self.turn, self.pause = turn, pause

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if self.turn and state.global_step % self.turn == 0:
            self.pause()


def loss_of(opened: Opened, rows: Sequence[Row]) -> torch.Tensor:
    """The loss that transformers' own head gives for padded rows, for a count of what its backward pass needs."""
    batch = default_data_collator(list(rows))
    found: torch.Tensor = opened.model(**batch).loss
    return found
