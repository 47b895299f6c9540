"""The doors: tasks, suites, encoders, recipes, kinds and metrics, those that come with xbench and everybody else's.

All come in by entry points. Listing names opens nothing; a plugin that is broken fails only when it is asked for.
Wherever a name is taken, a path to a Python file that exports the value works too.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from xbench import languages
from xbench.door import Door, opened, owner
from xbench.encoder import Encoder
from xbench.errors import BadOption, NotACheckpoint, UnknownName
from xbench.metrics import for_labels
from xbench.metrics.metric import Metric
from xbench.metrics.named import metric, metrics
from xbench.recipe import Book
from xbench.task import Suite, Task

__all__ = [
    "KIND", "Door", "encoder", "encoders", "kinds", "metric", "metrics", "metrics_of", "opened", "owner", "recipes",
    "suites", "targets", "tasks",
]  # fmt: skip

KIND = (
    "name", "auto", "trained", "per_token", "grouped", "words", "outputs", "encode", "forward", "loss", "decode",
)  # fmt: skip
"""What a kind must offer: `xbench.kinds.Kind`, which is not imported here because it needs torch."""


def _is_kind(value: object) -> bool:
    return all(hasattr(value, part) for part in KIND)


tasks: Door[Task] = Door("task", "xbench.tasks", lambda v: isinstance(v, Task), "an xbench.task.Task")
suites: Door[Suite] = Door("suite", "xbench.suites", lambda v: isinstance(v, Suite), "an xbench.task.Suite")
encoders: Door[Encoder] = Door(
    "encoder", "xbench.encoders", lambda v: isinstance(v, Encoder), "an xbench.encoder.Encoder"
)
recipes: Door[Book] = Door("recipe", "xbench.recipes", lambda v: isinstance(v, Book), "an xbench.recipe.Book")
kinds: Door[Any] = Door("kind", "xbench.kinds", _is_kind, f"a kind, with {', '.join(KIND)}")


def encoder(name: str) -> Encoder:
    """The encoder meant by a registered name, a checkpoint folder, a Hub id, a .py file, or `name=` before one of them.

    Raises UnknownName, NotACheckpoint for a path without a folder, and what Door.open raises.
    """
    folder = Path(name).expanduser()
    if "=" in name and not folder.exists():
        given, _, meant = name.partition("=")
        if not given or not meant:
            raise BadOption(f"{name!r} does not read NAME=CHECKPOINT")
        return replace(encoder(meant), name=given)
    if name in encoders.names() or name.endswith(".py"):
        return encoders.open(name)
    if folder.is_dir():
        return Encoder(name=folder.resolve().name, checkpoint=str(folder.resolve()))
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise NotACheckpoint(f"no checkpoint folder at {name}")
    if name.count("/") == 1:
        return Encoder(name=name, checkpoint=name)
    raise UnknownName("encoder", name, encoders.names(), hint="A checkpoint folder or a Hub id (owner/name) works too.")


def metrics_of(task: Task) -> tuple[Metric, ...]:
    """The metrics of a task, the one that ranks first, ready to count its examples. Raises what `metric` raises."""
    return tuple(for_labels(metric(name), task.labels) for name in task.metrics)


def targets(task: Task, wanted: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The targets of a task meant by a user's codes, all for none, and the codes that this task does not know."""
    if not wanted:
        return task.targets, ()
    meant = {code: languages.match(code, task.targets) for code in wanted}
    found = {target for several in meant.values() for target in several}
    return tuple(target for target in task.targets if target in found), tuple(
        code for code in wanted if not meant[code]
    )
