"""The doors: tasks, suites, encoders, recipes, kinds and metrics, those that come with xbench and everybody else's.

All come in by entry points. Listing names opens nothing; a plugin that is broken fails only when it is asked for.
Wherever a name is taken, a path to a Python file that exports the value works too.
"""

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from xbench import languages
from xbench.encoder import Encoder
from xbench.errors import BadOption, BrokenPlugin, NameClash, NotACheckpoint, UnknownName
from xbench.metrics import Metric, for_labels
from xbench.recipe import Book
from xbench.task import Suite, Task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Door(Generic[T]):
    """One group of entry points, and what must stand behind each of them."""

    what: str
    """The word for one of them; also the attribute that a file given by path must export."""
    group: str
    fits: Callable[[object], bool]
    promise: str
    """What `fits` asks for, in words."""

    def names(self) -> tuple[str, ...]:
        """Every name, sorted. Opens nothing."""
        return tuple(sorted(_claims(self.group)))

    def open(self, name: str) -> T:
        """The value under a name or in a file.

        Raises UnknownName, NameClash where two distributions claim the name, BrokenPlugin.
        """
        if name.endswith(".py"):
            return self._checked(_exported(Path(name), self.what), f"{self.what} file {name}")
        claims = _claims(self.group).get(name)
        if not claims:
            raise UnknownName(
                self.what, name, self.names(), hint=f"A path to a .py file that exports `{self.what}` works too."
            )
        if len(claims) > 1:
            owners = " and ".join(sorted(_owner(claim) for claim in claims))
            raise NameClash(f"the {self.what} name {name!r} is claimed by {owners}; uninstall one of them")
        try:
            value = claims[0].load()
        except Exception as cause:
            raise BrokenPlugin(f"{_described(self.what, claims[0])} cannot be opened: {_cause(cause)}") from cause
        return self._checked(value, _described(self.what, claims[0]))

    def _checked(self, value: object, described: str) -> T:
        if not self.fits(value):
            raise BrokenPlugin(f"{described} is a {type(value).__name__}, but must be {self.promise}")
        return value  # type: ignore[return-value]


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
metrics: Door[Metric] = Door("metric", "xbench.metrics", lambda v: isinstance(v, Metric), "an xbench.metrics.Metric")
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


def metric(name: str) -> Metric:
    """The metric meant by a registered name, a .py file, or `name@N` where the name stands for a family of metrics.

    Raises UnknownName, BadOption for a number that makes no sense, and what Door.open raises.
    """
    base, at, number = name.rpartition("@")
    if not at or name.endswith(".py"):
        return metrics.open(name)
    family = metrics.open(base)
    if family.at is None:
        raise BadOption(f"metric {base!r} takes no number, so there is no {name!r}")
    if not number.isascii() or not number.isdigit() or int(number) < 1:
        raise BadOption(f"metric {name!r}: behind the @ a whole number from 1 on is due, not {number!r}")
    return family.at(int(number))


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


def opened(door: Door[T]) -> tuple[dict[str, T], dict[str, str]]:
    """Every value behind a door by its name, and the names that cannot be opened, with the reason."""
    values: dict[str, T] = {}
    faults: dict[str, str] = {}
    for name in door.names():
        try:
            values[name] = door.open(name)
        except (BrokenPlugin, NameClash) as fault:
            faults[name] = str(fault)
    return values, faults


def owner(door: Door[T], name: str) -> str:
    """The distribution that brings a name."""
    return _owner(_claims(door.group)[name][0])


@cache
def _claims(group: str) -> dict[str, list[EntryPoint]]:
    """Name -> its entry points, one for each distribution (an editable install may be on the path twice)."""
    found: dict[str, dict[str, EntryPoint]] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, {}).setdefault(_owner(point), point)
    return {name: list(by_owner.values()) for name, by_owner in found.items()}


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unnamed distribution"


def _described(what: str, point: EntryPoint) -> str:
    version = f" {point.dist.version}" if point.dist else ""
    return f"{what} {point.name!r} of {_owner(point)}{version} ({point.value})"


def _cause(cause: BaseException) -> str:
    return f"{type(cause).__name__}: {cause}"


def _exported(path: Path, attribute: str) -> object:
    """The value that a Python file exports."""
    if not path.is_file():
        raise UnknownName(f"{attribute} file", str(path), [], hint="No such file.")
    unique = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"xbench_file_{unique}", path)
    if spec is None or spec.loader is None:
        raise BrokenPlugin(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as cause:
        raise BrokenPlugin(f"{path} cannot be opened: {_cause(cause)}") from cause
    if not hasattr(module, attribute):
        raise BrokenPlugin(f"{path} does not export a value called `{attribute}`")
    return getattr(module, attribute)
