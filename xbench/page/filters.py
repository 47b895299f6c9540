"""What a viewer chooses, on every page alike. Each choice stands in the address, so that a link leads to this view."""

from collections.abc import Sequence

import streamlit as st

from xbench.languages import language
from xbench.page import boards
from xbench.page.words import plain


def task() -> str:
    """One task of the board; empty where it has none."""
    there = boards.board().tasks()
    return st.selectbox("Task", there, format_func=plain, key="task", bind="query-params") if there else ""


def encoders(there: Sequence[str], most: int = 0) -> tuple[str, ...]:
    """Encoders, none for all."""
    found = st.multiselect(
        "Encoders", list(dict.fromkeys(there)), format_func=plain, key="encoders", bind="query-params",
        placeholder="all", max_selections=most or None,
    )  # fmt: skip
    return tuple(found)


def encoder(there: Sequence[str], what: str = "Encoder", key: str = "encoder", index: int = 0) -> str:
    """One encoder; empty where there is none."""
    names = list(dict.fromkeys(there))
    if not names:
        return ""
    return st.selectbox(what, names, index=min(index, len(names) - 1), format_func=plain, key=key, bind="query-params")


def languages(there: Sequence[str]) -> tuple[str, ...]:
    """Languages, none for all."""
    found = st.multiselect(
        "Languages", list(there), format_func=called, key="languages", bind="query-params", placeholder="all"
    )
    return tuple(found)


def one_language(there: Sequence[str]) -> str:
    """One language; empty where there is none."""
    if not there:
        return ""
    return st.selectbox("Language", list(there), format_func=called, key="language", bind="query-params")


def called(code: str) -> str:
    """English name and code."""
    name = language(code).name
    return plain(code if name == code else f"{name} ({code})")
