"""A small world of synthetic languages with designed distance from the source, and its data sets.

Needs pyarrow only. Absolute scores on it say nothing about natural languages: isomorphic languages are the easiest
case there is.
"""

from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from xbench.cache import made_once, source_hash
from xbench.world.languages import LANGUAGES, SCRIPTS, Language, World
from xbench.world.mirror import OWNER, write_mirror

__all__ = ["LANGUAGES", "OWNER", "SCRIPTS", "Language", "World", "key", "mirror", "write_mirror"]


def key(world: World) -> dict[str, object]:
    """Everything that decides the bytes of a world's mirror: settings, the generator's source, the writer's version."""
    return {"world": asdict(world), "generator": source_hash(Path(__file__).parent), "pyarrow": pa.__version__}


def mirror() -> Path:
    """The folder of the shipped world's mirror, written on first use and kept in the user's cache."""
    return made_once("world", key(World()), lambda folder: _write(folder, World()))


def _write(folder: Path, world: World) -> None:
    write_mirror(folder, world=world)
