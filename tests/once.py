"""Tiny checkpoints that are opened once for many tests, for tests that leave the weights alone."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from toys import set_up
from xbench.kinds import Kind, Setting
from xbench.opening import Opened


def open_once(folder: Path, kind: Kind, labels: Sequence[str] = (), **recipe: object) -> tuple[Opened, Setting]:
    """As `toys.set_up`, but the encoder is shared with every other caller: it must not be trained."""
    opened, setting = _opened(folder, kind, tuple(labels))
    taken = replace(setting.recipe, **recipe)  # type: ignore[arg-type]
    return opened, replace(setting, recipe=taken, limit=min(taken.length, opened.positions))


@cache
def _opened(folder: Path, kind: Kind, labels: tuple[str, ...]) -> tuple[Opened, Setting]:
    return set_up(folder, kind, labels)
