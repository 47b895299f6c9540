"""The board that is shown: read once, and again when a file of it has changed."""

import gc
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import streamlit as st

from xbench import catalogue
from xbench.board import Board, Table, load_board
from xbench.errors import XbenchError
from xbench.export import doubts
from xbench.export.view import OverTasks, Shown, View, narrowed, shown, summary
from xbench.published import FOLDER, Published, load_published
from xbench.record import Record
from xbench.store import states
from xbench.task import Task

Made = TypeVar("Made")

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
    return _read(folders(), state())


def state() -> str:
    """What changes when a file of the board does."""
    return _state(folders())


def tables(task: str = "", encoders: Sequence[str] = (), languages: Sequence[str] = ()) -> tuple[Shown, ...]:
    """Its tables, cut to what is asked for; ranks are those of the whole board."""
    wanted = (task,) if task else board().tasks()
    whole = [one for name in wanted for one in _shown(folders(), state(), name)]
    return tuple(narrowed(one, encoders, languages) for one in whole)


def drawable(one: Shown, *, cut: bool = False) -> Table:
    """The table with only the encoders that are shown, for charts; with `cut` only the languages that are, too.

    Means and measures are over all languages: a chart of those takes them whole.
    """
    columns = tuple(entry.column for entry in one.entries)
    kept = set(one.languages)
    languages = tuple(code for code in one.table.languages if code in kept or any(code == c.source for c in columns))
    return replace(one.table, columns=columns, languages=languages if cut else one.table.languages)


def registered(task: str) -> Task | None:
    """The task of this name where it is registered here. A name in a record is anybody's: no path is opened."""
    try:
        return catalogue.tasks.open(task) if task in catalogue.tasks.names() else None
    except XbenchError:
        return None


def over_tasks() -> tuple[OverTasks, ...]:
    """Means over all tasks; none for fewer than two tables."""
    return once(("over tasks",), lambda: summary(board(), tables()))


def record(run: int) -> Record:
    """The record of a run. Raises BadRecord where it was changed meanwhile."""
    return once(("record", run), lambda: board().record(run))


def unanswered() -> doubts.Unanswered:
    """What was not answered, by run and language."""
    return once(("unanswered",), lambda: doubts.unanswered(board()))


def once(key: tuple[object, ...], make: Callable[[], Made]) -> Made:
    """What `make` gives, made once for this state of the board; `key` holds all else that it depends on."""
    return cast(Made, _made(folders(), state(), repr(key), make))


def published() -> tuple[tuple[Published, ...], str]:
    """What papers print, from the folder `published` beside the first board that has one; and why there is none."""
    beside = [Path(folder).resolve().parent / FOLDER.name for folder in folders()]
    for folder in (*beside, FOLDER):
        if folder.is_dir():
            return _printed(str(folder), _state((str(folder),)))
    return (), ""


@st.cache_data(ttl=LOOK_AGAIN, show_spinner=False)
def _state(folders: tuple[str, ...]) -> str:
    """A hash over name, size and time of change of every file."""
    seen = hashlib.sha256()
    for folder in folders:
        seen.update(repr((folder, states(Path(folder)) if Path(folder).is_dir() else None)).encode())
    return seen.hexdigest()


@st.cache_resource(max_entries=2, show_spinner="Reading the board")
def _read(folders: tuple[str, ...], state: str) -> Board:
    found = load_board(*folders)
    # Streamlit looks for garbage among all objects after every rerun, which took longer than the rerun itself: what is
    # there by now, modules and the board, stays and need not be looked at.
    gc.collect()
    gc.freeze()
    return found


@st.cache_resource(max_entries=64, show_spinner="Ranking")
def _shown(folders: tuple[str, ...], state: str, task: str) -> tuple[Shown, ...]:
    return shown(_read(folders, state), View(tasks=(task,), details=True))


@st.cache_resource(max_entries=512, show_spinner=False)
def _made(folders: tuple[str, ...], state: str, key: str, _make: Callable[[], Any]) -> Any:
    return _make()


@st.cache_resource(max_entries=2, show_spinner=False)
def _printed(folder: str, state: str) -> tuple[tuple[Published, ...], str]:
    try:
        return load_published(folder), ""
    except XbenchError as fault:
        return (), str(fault)
