"""Arrays that are made once and kept in the user's cache, within a bound: what was read longest ago goes first.

It is only a cache. Its files are read with their hashes, and made anew where these do not hold; where it cannot be
written to, the arrays are made as if it were not there. They are read whole, not mapped: a mapped file that another
machine removes from a shared disk ends the process.
"""

import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xbench.cache import cache_dir, made_once
from xbench.errors import BadOption, Unwritable

Arrays: TypeAlias = dict[str, NDArray[Any]]

GIB = 8.0
"""Room for all that is kept, in GiB, unless $XBENCH_TOKEN_CACHE_GIB says otherwise."""

ABANDONED = 24 * 60 * 60
"""Seconds after which what a process was writing, or removing, when it died is cleared away."""

_LOG = logging.getLogger(__name__)
_told: set[Path] = set()


def room() -> int:
    """Bytes that all tokens together may take on disk; 0 for no cache. Raises BadOption."""
    said = os.environ.get("XBENCH_TOKEN_CACHE_GIB") or GIB
    try:
        wanted = float(said)
    except ValueError:
        wanted = math.nan
    if not 0 <= wanted < 2**30:
        raise BadOption(f"XBENCH_TOKEN_CACHE_GIB={said!r} is no size: give GiB, such as {GIB:g}, or 0 for no cache")
    return int(wanted * 2**30)


class Entry(NamedTuple):
    """One set of arrays on disk."""

    folder: Path
    size: int
    """Bytes."""
    used: int
    """When it was made, or last read, in ns."""


def place() -> Path:
    """Folder of all that is kept. It need not exist yet."""
    return cache_dir() / "tokens"


def entries() -> list[Entry]:
    """All tokenizations that are kept, in no order."""
    found = []
    for folder in place().glob("ids-*"):
        try:
            if folder.is_dir():
                size = sum(file.stat().st_size for file in folder.iterdir())
                found.append(Entry(folder, size, folder.stat().st_mtime_ns))
        except OSError:  # another process removes it
            continue
    return found


def kept(key: Mapping[str, object], make: Callable[[], Arrays], limit: int) -> Arrays:
    """The arrays that `make` gives, read where they were kept under an equal key, else made, and kept.

    All that is kept takes no more than `limit` bytes; see `prune`. Raises what `make` raises, and nothing of its own:
    damaged files are made anew, and where the cache cannot be written to that is said once, by logging.
    """
    made: list[Arrays] = []

    def fill(folder: Path) -> None:
        made.append(make())
        _write(made[0], folder, key)

    try:
        for _ in range(2):  # the second time, what was damaged is gone
            folder = made_once("tokens/ids", key, fill)
            if made:
                prune(limit)
                break
            if (found := _read(folder, key)) is not None:
                _touch(folder)
                return found
            _remove(folder)
    except Unwritable as cause:
        _say(str(cause))
    return made[0] if made else make()


def _say(reason: str) -> None:
    """Say it once for each cache: nothing is wrong with what was computed."""
    if cache_dir() not in _told:
        _told.add(cache_dir())
        _LOG.warning("%s. Texts are tokenized again each time", reason)


def _write(arrays: Arrays, folder: Path, key: Mapping[str, object]) -> None:
    sums = {}
    for name, array in arrays.items():
        with (folder / f"{name}.npy").open("wb+") as file:
            np.save(file, array, allow_pickle=False)
            file.seek(0)
            sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
    (folder / "check.json").write_text(json.dumps({"key": key, "sha256": sums}), encoding="utf-8")


def _read(folder: Path, key: Mapping[str, object]) -> Arrays | None:
    """What was kept under a key; None where its files are not those that were written."""
    try:
        check = json.loads((folder / "check.json").read_text(encoding="utf-8"))
        arrays = {}
        for name, wanted in check["sha256"].items():
            with (folder / f"{name}.npy").open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                    return None
                file.seek(0)
                arrays[name] = np.load(file, allow_pickle=False)
        return arrays if check["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _touch(folder: Path) -> None:
    try:
        os.utime(folder)
    except OSError:  # a cache that is only read
        return


def prune(limit: int) -> None:
    """Remove tokenizations, those first that were read longest ago, until the rest takes no more than `limit` bytes.

    One that is larger by itself goes before all others.
    """
    oldest = sorted(entries(), key=lambda entry: (entry.size <= limit, entry.used, entry.folder))
    total = sum(entry.size for entry in oldest)
    for entry in oldest:
        if total <= limit:
            break
        _remove(entry.folder)
        total -= entry.size
    for left in place().glob(".*"):
        try:
            if left.stat().st_mtime < time.time() - ABANDONED:
                shutil.rmtree(left, ignore_errors=True)
        except OSError:  # another process was quicker
            continue


def _remove(folder: Path) -> None:
    """Move it out of the way, then remove it: nobody finds half a folder."""
    try:
        gone = Path(tempfile.mkdtemp(prefix=".gone-", dir=folder.parent))
        folder.rename(gone / folder.name)
        folder.with_name(f"{folder.name}.json").unlink(missing_ok=True)
    except OSError:
        return
    shutil.rmtree(gone, ignore_errors=True)
