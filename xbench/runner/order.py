"""What a user asks for, checked as far as that needs nothing opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from xbench import catalogue
from xbench.errors import BadOption
from xbench.layouts import Layout
from xbench.recipe import Precision, Selection

RULES: tuple[Selection, ...] = ("source-dev", "last", "oracle")
"""Rules of selection that one fine-tuning can serve together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a user asks for, in the user's words. Raises BadOption for numbers that make no sense."""

    encoders: tuple[str, ...]
    tasks: tuple[str, ...]
    recipe: str
    source: str = ""
    """Empty = each task's own."""
    languages: tuple[str, ...] = ()
    """Empty = every target of the task."""
    seeds: tuple[int, ...] = (0,)
    data: Path | None = None
    board: Path
    limit_train: int = 0
    limit_test: int = 0
    device: str = "auto"
    precision: Precision | None = None
    """None = as the recipe says."""
    micro_batch: int = 0
    layout: str = "auto"
    """How batches are read: packed, parts, padded, or the best that an encoder can."""
    deterministic: bool = False
    compiled: bool = False
    """Whether torch.compile makes the encoder's blocks faster before they are run."""
    at_once: int = 0
    """Seeds that are fine-tuned at once; 0 = as many as a GPU's memory holds, one on a CPU."""
    trust_remote_code: bool = False
    also_select: tuple[Selection, ...] = ()
    """Rules of selection that are recorded from the same fine-tuning, beside the recipe's own."""

    def __post_init__(self) -> None:
        """Say at once all that makes no sense."""
        wrong = [
            f"{name} must not be negative, but is {getattr(self, name)}"
            for name in ("limit_train", "limit_test", "micro_batch", "at_once")
            if getattr(self, name) < 0
        ]
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            wrong.append(f"seeds must be whole numbers from 0 on, each once, but are {list(self.seeds)}")
        if self.precision is not None and self.precision not in get_args(Precision):
            wrong.append(f"precision {self.precision!r} is none of {', '.join(get_args(Precision))}")
        if self.layout not in ("auto", *get_args(Layout)):
            wrong.append(f"layout {self.layout!r} is none of auto, {', '.join(get_args(Layout))}")
        if self.device not in ("auto", "cpu", "cuda"):
            wrong.append(f"device {self.device!r} is none of auto, cpu, cuda")
        if strange := [rule for rule in self.also_select if rule not in RULES]:
            wrong.append(f"also_select names {', '.join(map(repr, strange))}; rules are {', '.join(RULES)}")
        if self.data is not None and not self.data.is_dir():
            wrong.append(f"there is no mirror folder {self.data}; `xbench mirror` makes one")
        if wrong:
            raise BadOption("; ".join(wrong))


def order(
    encoders: Sequence[str], tasks: Sequence[str], *, suite: str = "", recipe: str = "", seeds: int | Sequence[int] = 0,
    **wishes: Any,
) -> Order:  # fmt: skip
    """An order, with what a suite leaves open filled in from it. `wishes` are the other fields of Order.

    `seeds` is how many, counted from 0, or which ones; 0 = as many as the suite says, else one.
    Raises UnknownName, BadOption.
    """
    if suite and tasks:
        raise BadOption(f"a suite ({suite}) and tasks ({', '.join(tasks)}) were both named; name one of the two")
    opened = catalogue.suites.open(suite) if suite else None
    if not tasks and opened is None:
        raise BadOption(f"name tasks with --task, or a suite with --suite: {', '.join(catalogue.suites.names())}")
    encoders = tuple(encoders) or (opened.encoders if opened else ())
    if not encoders:
        raise BadOption("name an encoder with --encoder: a registered name (`xbench encoders`), a folder, or a Hub id")
    if isinstance(seeds, int):
        seeds = range(seeds or (opened.seeds if opened else 1)) if seeds >= 0 else (seeds,)
    return Order(
        encoders=encoders,
        tasks=tuple(tasks) or (opened.tasks if opened else ()),
        recipe=recipe or (opened.recipe if opened else "standard"),
        seeds=tuple(seeds),
        **wishes,
    )
