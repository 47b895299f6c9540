"""What is made once and kept: a folder in the user's cache, under a key of everything that made it."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path


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
    """
    text = json.dumps(key, sort_keys=True, indent=1, default=str)
    folder = cache_dir() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
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
    return folder


def source_hash(*packages: Path) -> str:
    """SHA-256 over the Python files of folders, or of single files, in the order of their names: part of a key."""
    digest = hashlib.sha256()
    for package in packages:
        files = [package] if package.is_file() else sorted(package.rglob("*.py"))
        for file in files:
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
