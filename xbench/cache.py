"""What is made once and kept: a folder in the user's cache, under a key of everything that made it."""

import hashlib
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from xbench.errors import BrokenPlugin, Unwritable, XbenchError


def cache_dir() -> Path:
    """$XBENCH_CACHE, else $XDG_CACHE_HOME/xbench, else ~/.cache/xbench. It need not exist yet."""
    if own := os.environ.get("XBENCH_CACHE"):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser() / "xbench"
    return Path.home() / ".cache" / "xbench"


def made_once(name: str, key: Mapping[str, object], make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills, made now if it was not before under an equal key.

    The folder is `cache_dir()/name-<hash of key>`, with the key beside it as `….json`. `make` is given an empty folder
    on the same file system, which is renamed when all is written: nobody ever sees half a folder. Where two processes
    make the same thing at once, the first to end wins and the other takes what it finds.

    Raises Unwritable where the cache cannot be written to, and what `make` raises.
    """
    text = json.dumps(key, sort_keys=True, indent=1, default=str)
    folder = cache_dir() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    try:
        if not folder.is_dir():
            _fill(folder, text, make)
    except OSError as cause:  # a full disk shows while `make` writes, so its own are among them
        raise Unwritable(
            f"{name} cannot be kept in the cache {cache_dir()}: {cause}. "
            "Set XBENCH_CACHE to a folder that can be written to, with room"
        ) from cause
    return folder


def folder_made_by(made: str) -> Path:
    """The folder that a function of no arguments gives; `made` names it as `module:function`.

    Raises BrokenPlugin where it cannot be imported, fails or gives no folder. An XbenchError of its own passes through:
    it says already what is wrong, and it need not be the function's fault.
    """
    module, _, function = made.partition(":")
    try:
        maker = getattr(importlib.import_module(module), function)
    except Exception as cause:  # to import is to run: anything may come
        raise BrokenPlugin(f"the maker {made!r} cannot be had: {type(cause).__name__}: {cause}") from cause
    try:
        folder = maker()
    except XbenchError:
        raise
    except Exception as cause:
        raise BrokenPlugin(f"the maker {made!r} failed: {type(cause).__name__}: {cause}") from cause
    if not isinstance(folder, str | Path) or not Path(folder).is_dir():
        raise BrokenPlugin(f"the maker {made!r} gave {folder!r}, not a folder")
    return Path(folder)


def _fill(folder: Path, text: str, make: Callable[[Path], None]) -> None:
    """Have `make` fill a draft, and rename it to `folder`, beside which the key `text` is written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        draft.chmod(0o755)  # mkdtemp gives 0700; a shared cache is read by others
        make(draft)
        folder.with_name(folder.name + ".json").write_text(text, encoding="utf-8")
        try:
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def source_hash(*packages: Path) -> str:
    """SHA-256 over the Python files of folders, or of single files, in the order of their names: part of a key."""
    digest = hashlib.sha256()
    for package in packages:
        files = [package] if package.is_file() else sorted(package.rglob("*.py"))
        for file in files:
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
