"""Which column is meant, where an encoder has several in one task."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from xbench.errors import BadRecord
from xbench.export.view import Entry, Shown
from xbench.page import boards, filters, parts
from xbench.page.frames import own_labels
from xbench.page.words import plain
from xbench.plots.words import unlike
from xbench.record import Record

Made = TypeVar("Made")


def table(tables: Sequence[Shown], key: str = "metric") -> Shown | None:
    """The table of a task; a choice where its runs are ranked by several metrics, None where there is none."""
    if len(tables) < 2:
        return tables[0] if tables else None
    names = [one.table.metric for one in tables]
    return tables[names.index(filters.one_of("Metric", names, key))]


def entry(one: Shown, encoder: str, what: str = "Runs", key: str = "runs") -> Entry | None:
    """The column of an encoder; a choice where it has several, None where it has none."""
    own = [entry for entry in one.entries if entry.column.encoder == encoder]
    if len(own) < 2:
        return own[0] if own else None
    names = own_labels(replace(one, entries=tuple(own)))
    return own[names.index(filters.one_of(what, names, key))]


def one_of(values: Iterable[object], what: str) -> str:
    """One of several values, as recipe or source; empty where there is no choice to make."""
    there = sorted(set(map(str, values)))
    if len(there) < 2:
        return ""
    return filters.one_of(what.capitalize(), there, what)


def few(key: tuple[object, ...], make: Callable[[], Made]) -> Made:
    """As `boards.once`, for what is large: only the last ones are kept."""
    found: Made = _kept(boards.folders(), boards.state(), repr(key), make)
    return found


@st.cache_resource(max_entries=16, show_spinner="Reading the answers")
def _kept(folders: tuple[str, ...], state: str, key: str, _make: Callable[[], Any]) -> Any:
    return _make()


def told(nobody: str, names: Sequence[str]) -> dict[str, str]:
    """Value -> what a choice shows, no two alike; the empty value stands for nobody."""
    return {"": nobody, **dict(zip(names, unlike([plain(name) or "?" for name in names]), strict=True))}


def narrow(name: str) -> dict[str, Any]:
    """Settings of a column that stays in sight while the rest is scrolled, narrow on a phone."""
    return {name: st.column_config.Column(pinned=True, width=120 if parts.phone() else None)}


def records(runs: Sequence[int]) -> tuple[list[Record], list[str]]:
    """The records of these runs, and what is wrong with those that cannot be read any more."""
    found: list[Record] = []
    faults: list[str] = []
    for run in runs:
        try:
            found.append(boards.record(run))
        except BadRecord as fault:
            faults.append(str(fault))
    return found, faults
