"""The board that is shown: read once, and again when a file of it has changed."""

import os
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from xbench.board import Board, load_board
from xbench.export.view import Shown, View, shown
from xbench.store import listing

VARIABLE = "XBENCH_BOARDS"
"""Environment variable that names the folders, parted as in PATH; `xbench serve --board` sets it."""

USUAL = (Path("leaderboards/local"), Path("leaderboards/mini"))
"""Boards that are looked for where none is named; the first that is there is shown."""

LOOK_AGAIN = 5.0
"""Seconds for which files are taken to be as they were: a large board takes a while to list."""


def folders() -> tuple[str, ...]:
    """The folders of the board that is shown."""
    if named := os.environ.get(VARIABLE, ""):
        return tuple(part for part in named.split(os.pathsep) if part)
    there = [str(folder) for folder in USUAL if folder.is_dir()]
    return (there[0] if there else str(USUAL[0]),)


def board() -> Board:
    """The board. Raises StoreError where a folder is not there."""
    return _read(folders(), _state(folders()))


def tables(task: str = "", encoders: Sequence[str] = (), languages: Sequence[str] = ()) -> tuple[Shown, ...]:
    """Its tables, cut to what is asked for; ranks are those of the whole board."""
    asked = (task,) if task else ()
    return _shown(folders(), _state(folders()), asked, tuple(encoders), tuple(languages))


@st.cache_data(ttl=LOOK_AGAIN, show_spinner=False)
def _state(folders: tuple[str, ...]) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of every file."""
    found = []
    for folder in folders:
        for file in listing(Path(folder)) if Path(folder).is_dir() else ():
            try:
                told = file.stat(follow_symlinks=False)
            except OSError:  # it went away meanwhile
                continue
            found.append((str(file), told.st_size, told.st_mtime_ns))
    return tuple(found)


@st.cache_resource(max_entries=2, show_spinner="Reading the board")
def _read(folders: tuple[str, ...], _: tuple[tuple[str, int, int], ...]) -> Board:
    return load_board(*folders)


@st.cache_resource(max_entries=64, show_spinner="Ranking")
def _shown(
    folders: tuple[str, ...], state: tuple[tuple[str, int, int], ...], tasks: tuple[str, ...],
    encoders: tuple[str, ...], languages: tuple[str, ...],
) -> tuple[Shown, ...]:  # fmt: skip
    return shown(_read(folders, state), View(tasks=tasks, encoders=encoders, languages=languages, details=True))
