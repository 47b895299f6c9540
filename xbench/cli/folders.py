"""What `--board` names: folders of records."""

from collections.abc import Sequence
from pathlib import Path

from xbench.errors import StoreError

LOCAL = Path("leaderboards/local")
"""Where `xbench run` writes, and what is read, where nobody says otherwise."""
MINI = Path("leaderboards/mini")
"""The board that comes with the sources of xbench."""


def folders(given: Sequence[Path] | None) -> tuple[Path, ...]:
    """The folders that were given, or LOCAL, which need not be there. Raises StoreError for one that is no folder."""
    for board in given or ():
        if board.exists() and not board.is_dir():
            raise StoreError(f"{board} is a file, and a board is a folder of records: name the folder with --board.")
        if not board.is_dir():
            raise StoreError(f"no board at {board}. `xbench run --board {board} …` makes one.")
    return tuple(given or (LOCAL,))


def where_to_begin(looked: Sequence[Path]) -> str:
    """One line for boards without records: where they lie, and what can be done next."""
    first = looked[0]
    call = "xbench run --suite mini" + ("" if first == LOCAL else f" --board {first}")
    shipped = f", and `xbench board --board {MINI}` shows one that comes with xbench"
    shown = shipped if MINI.is_dir() and MINI not in looked else ""
    return f"Looked in {', '.join(map(str, looked))}. `{call}` writes records there{shown}."
