"""What a viewer chooses, on every page alike. Each choice stands in the address, so that a link leads to this view."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import cast

import streamlit as st
from streamlit.errors import StreamlitAPIException

from xbench.export.view import Fact
from xbench.languages import language, match
from xbench.page import boards
from xbench.page.words import plain
from xbench.plots.words import unlike

PAGE, CAME = "page", "came from another page"
"""Keys of the session, beside those of the choices."""


def opened(page: str) -> None:
    """Tell the choices which page is drawn."""
    st.session_state[CAME] = st.session_state.get(PAGE, page) != page
    st.session_state[PAGE] = page


def task() -> str:
    """One task of the board; empty where it has none."""
    there = boards.board().tasks()
    return one_of("Task", there, "task") if there else ""


def encoders(there: Sequence[str], most: int = 0) -> tuple[str, ...]:
    """Encoders, none for all."""
    return _several("Encoders", list(dict.fromkeys(there)), "encoders", _names(there), most)


def encoder(there: Sequence[str], what: str = "Encoder", key: str = "encoder", index: int = 0) -> str:
    """One encoder; empty where there is none."""
    names = list(dict.fromkeys(there))
    return one_of(what, names, key, index=min(index, len(names) - 1)) if names else ""


def languages(there: Sequence[str]) -> tuple[str, ...]:
    """Languages, none for all. A link may name them in any spelling."""
    _spelled("languages", there, several=True)
    return _several("Languages", list(there), "languages", {code: called(code) for code in there}, 0)


def one_language(there: Sequence[str]) -> str:
    """One language; empty where there is none. A link may name it in any spelling."""
    if not there:
        return ""
    _spelled("language", there, several=False)
    return one_of("Language", there, "language", {code: called(code) for code in there})


def one_of(what: str, there: Sequence[str], key: str, names: Mapping[str, str] | None = None, *, index: int = 0) -> str:
    """One of several, by its name; `key` is what the address calls it."""
    told = dict(names or _names(there))
    _taken_up(key, there[index], lambda kept: kept in there, _shown(told))
    found = st.selectbox(what, list(there), index=index, format_func=_shown(told), key=key, bind="query-params")
    st.session_state[f"kept {key}"] = found
    return found


def fact(there: Sequence[str]) -> Fact:
    """What languages are put in groups by."""
    return cast(Fact, one_of("Group by", there, "by", {name: name.replace("_", " ") for name in there}))


def switch(what: str, key: str, help: str = "", *, on: bool = False) -> bool:
    """Something on or off."""
    _taken_up(key, on, lambda kept: isinstance(kept, bool), str.lower)
    found = st.toggle(what, value=on, key=key, help=help or None, bind="query-params")
    st.session_state[f"kept {key}"] = found
    return found


def called(code: str) -> str:
    """English name and code."""
    name = language(code).name
    return plain(code if name == code else f"{name} ({code})")


def _several(what: str, there: list[str], key: str, names: Mapping[str, str], most: int) -> tuple[str, ...]:
    _taken_up(key, [], lambda kept: isinstance(kept, list) and set(kept) <= set(there), _shown(names))
    found = st.multiselect(
        what, there, format_func=_shown(names), key=key, bind="query-params", placeholder="all",
        max_selections=most or None,
    )  # fmt: skip
    st.session_state[f"kept {key}"] = found
    return tuple(found)


def _taken_up(key: str, default: object, there: Callable[[object], bool], told: Callable[[str], str]) -> None:
    """Take up a choice of the page before.

    Streamlit keeps bound choices over pages, but loses one that came with the address and was not touched since.
    """
    kept = st.session_state.get(f"kept {key}", default)
    if st.session_state.get(CAME) and key not in st.query_params and kept != default and there(kept):
        st.session_state[key] = kept
        names = [told(one) for one in kept] if isinstance(kept, list) else told(str(kept))
        with suppress(StreamlitAPIException):  # one that was touched: Streamlit writes it itself, and lets nobody else
            st.query_params[key] = names


def _shown(names: Mapping[str, str]) -> Callable[[str], str]:
    """Streamlit asks for the names of values of an earlier choice, too, which need not be there any more."""
    return lambda value: names.get(value) or plain(str(value))


def _names(there: Iterable[str]) -> dict[str, str]:
    """Value -> what is shown, no two alike: names that differ in what cannot be seen are numbered."""
    values = list(dict.fromkeys(there))
    return dict(zip(values, unlike([plain(value) or "?" for value in values]), strict=True))


def _spelled(key: str, there: Sequence[str], *, several: bool) -> None:
    """Read codes out of the address, where a choice stands by its shown name once it was made."""
    if key in st.session_state:
        return
    shown = {called(code) for code in there}
    asked = st.query_params.get_all(key)
    if any(value not in shown for value in asked):
        meant = [code for value in asked for code in there if value == called(code) or code in match(value, there)]
        if meant:
            del st.query_params[key]
            st.session_state[key] = list(dict.fromkeys(meant)) if several else meant[0]
