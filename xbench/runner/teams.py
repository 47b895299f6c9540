"""Which fine-tunings go on at once: those of several seeds, where one alone leaves an accelerator idle."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import torch

from xbench.runner import facts
from xbench.runner.bench import Bench
from xbench.runner.order import Order
from xbench.runner.plan import Job

MOST = 8
"""Seeds at once where nobody says how many: more do not fill a GPU further, and the last record comes late."""

STATE = 16
"""Bytes for each weight: itself, its gradient and AdamW's two moments, in float32."""

KEPT = 34
"""Bytes for each token, block and unit of width that are kept for the gradients in half precision: Korthikanti et al.
2022 (arXiv:2205.05198, table 2), without the attention's square, which packed attention does not keep."""

Group = Sequence[Job]
"""Jobs that share one fine-tuning."""


def together(groups: Sequence[Group], order: Order) -> list[list[Group]]:
    """Groups that differ in nothing but the seed stand together, where several at once may be worth their while."""
    if order.at_once == 1 or (not order.at_once and facts.device_of(order.device).type == "cpu"):
        return [[group] for group in groups]
    return [list(team) for _, team in groupby(groups, key=lambda group: _but_for_the_seed(group[0]))]


def seats(bench: Bench, order: Order) -> int:
    """How many trainings like this one go on at once: as many as are asked for, else as the memory seems to hold."""
    if order.at_once or bench.device.type != "cuda":
        return order.at_once or 1
    known = bench.opened.model.config
    tokens = bench.setting.recipe.batch * bench.setting.limit
    kept = KEPT * tokens * bench.opened.blocks * int(getattr(known, "hidden_size", 0))
    free, _ = torch.cuda.mem_get_info(bench.device)
    # What torch keeps for itself, and uses for nothing, is taken in the driver's eyes.
    free += torch.cuda.memory_reserved(bench.device) - torch.cuda.memory_allocated(bench.device)
    return max(1, min(MOST, int(0.8 * free) // (STATE * bench.opened.parameters + kept)))


def _but_for_the_seed(job: Job) -> tuple[str, ...]:
    return replace(job, run=replace(job.run, seed=0)).fitting()
