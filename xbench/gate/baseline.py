"""A baseline is an encoder's records on a board; its hash says which ones, whatever the folder is called."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from xbench.errors import BadOption, BadRecord

SHORTEST = 8
"""Hexadecimal digits that a pinned hash must have at least."""


def pinned(name: str) -> tuple[str, str]:
    """An encoder's name and the hash that its records must have, from `name@hash`; the hash is empty without one.

    What follows the last @ is a hash where it is 8 to 64 hexadecimal digits; anything else is part of the name.
    """
    base, at, tail = name.rpartition("@")
    if at and base and re.fullmatch(rf"[0-9a-fA-F]{{{SHORTEST},64}}", tail):
        return base, tail.lower()
    return name, ""


def content_hash(files: Iterable[tuple[Path, Path]]) -> str:
    """SHA-256 over records and their counts: pairs of a board's folder and a record's file in it.

    Over the path inside the board and the SHA-256 of each record and of the counts file beside it, sorted by path, so
    that neither the place of the board nor what else lies on it matters.

    Raises BadRecord where a file cannot be read.
    """
    lines = set()
    for board, file in files:
        for one in (file, file.with_suffix(".parquet")):
            try:
                digest = hashlib.sha256(one.read_bytes()).hexdigest() if one.exists() else "none"
            except OSError as cause:
                raise BadRecord(f"{one} cannot be read: {cause.strerror or cause}") from cause
            lines.add(f"{one.relative_to(board).as_posix()} {digest}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def check_pin(name: str, wanted: str, found: str) -> None:
    """See that an encoder's records are those that were pinned. Raises BadOption."""
    if not found.startswith(wanted):
        raise BadOption(
            f"the records of {name} are not those that were pinned: their hash is {found[:16]}, not {wanted[:16]}. "
            f"Bring back the board that was pinned, or pin this one as {name}@{found[:16]}."
        )
