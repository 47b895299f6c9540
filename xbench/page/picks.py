"""Which column is meant, where an encoder has several in one task."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import streamlit as st

from xbench.errors import BadRecord
from xbench.export.view import Entry, Shown
from xbench.page import boards
from xbench.page.frames import own_labels
from xbench.page.words import plain
from xbench.record import Record


def table(tables: Sequence[Shown], key: str = "metric") -> Shown | None:
    """The table of a task; a choice where its runs are ranked by several metrics, None where there is none."""
    if len(tables) < 2:
        return tables[0] if tables else None
    names = [one.table.metric for one in tables]
    chosen = st.selectbox("Metric", names, format_func=plain, key=key, bind="query-params")
    return tables[names.index(chosen)]


def entry(one: Shown, encoder: str, what: str = "Runs", key: str = "runs") -> Entry | None:
    """The column of an encoder; a choice where it has several, None where it has none."""
    own = [entry for entry in one.entries if entry.column.encoder == encoder]
    if len(own) < 2:
        return own[0] if own else None
    names = own_labels(replace(one, entries=tuple(own)))
    chosen = st.selectbox(what, names, key=key, bind="query-params")
    return own[names.index(chosen)]


def one_of(values: Iterable[object], what: str) -> str:
    """One of several values, as recipe or source; empty where there is no choice to make."""
    there = sorted(set(map(str, values)))
    if len(there) < 2:
        return ""
    return st.selectbox(what.capitalize(), there, format_func=plain, key=what, bind="query-params")


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
