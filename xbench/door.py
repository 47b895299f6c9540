"""A door: one group of entry points, and what must stand behind each of them.

Listing names opens nothing; a plugin that is broken fails only when it is asked for. Wherever a name is taken, a path
to a Python file that exports the value works too.
"""

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Generic, TypeVar

from xbench.errors import BrokenPlugin, NameClash, NoSuchFile, UnknownName

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
        return tuple(sorted(claims(self.group)))

    def open(self, name: str) -> T:
        """The value under a name or in a file.

        Raises UnknownName, NameClash where two distributions claim the name, BrokenPlugin.
        """
        if name.endswith(".py"):
            return self._checked(_exported(Path(name), self.what), f"{self.what} file {name}")
        claiming = claims(self.group).get(name)
        if not claiming:
            raise UnknownName(
                self.what, name, self.names(), hint=f"A path to a .py file that exports `{self.what}` works too."
            )
        if len(claiming) > 1:
            owners = " and ".join(sorted(_owner(claim) for claim in claiming))
            raise NameClash(f"the {self.what} name {name!r} is claimed by {owners}; uninstall one of them")
        try:
            value = claiming[0].load()
        except Exception as cause:
            raise BrokenPlugin(f"{_described(self.what, claiming[0])} cannot be opened: {_cause(cause)}") from cause
        return self._checked(value, _described(self.what, claiming[0]))

    def _checked(self, value: object, described: str) -> T:
        if not self.fits(value):
            raise BrokenPlugin(f"{described} is a {type(value).__name__}, but must be {self.promise}")
        return value  # type: ignore[return-value]


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
    return _owner(claims(door.group)[name][0])


@cache
def claims(group: str) -> dict[str, list[EntryPoint]]:
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
        raise NoSuchFile(path)
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
