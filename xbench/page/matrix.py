"""One item across languages: gold and predictions side by side, right and wrong told by sign, word and colour."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from xbench.languages import language
from xbench.page import gold, parts, picks
from xbench.page.frames import called
from xbench.page.gold import Gold
from xbench.page.items import Answers, sign
from xbench.page.words import isolated, plain
from xbench.plots.words import unlike

INKS = {"✓": "#cfe6f5", "✗": "#fbd9c0", "◐": "#f7ecc4"}
"""First sign of a cell -> its ground; dark letters stand out from all of them."""


def matrix(
    several: Sequence[Answers], item: str, codes: Sequence[str], at_hand: Mapping[str, Gold | str]
) -> pd.DataFrame:
    """Languages down; for each encoder whether the item is right and what was predicted; gold and text where known."""
    heads = ["language", *(head for one in several for head in (one.encoder, f"{one.encoder} said")), "gold", "text"]
    rows = []
    for code in codes:
        whole = at_hand[code]
        found = whole if isinstance(whole, Gold) else None
        example = found.by_id.get(item) if found else None
        row = [called(code)]
        for one in several:
            row += [sign(one.scores.get(code, {}).get(item)), _said(one, code, item, found)]
        row += ["", ""] if example is None else [gold.label(example), " · ".join(gold.texts(example).values())]
        rows.append(row)
    return pd.DataFrame(rows, columns=list(unlike([plain(head) for head in heads])))


def _said(one: Answers, code: str, item: str, found: Gold | None) -> str:
    predictions = one.predictions.get(code, {})
    if item not in predictions:
        return "not written down" if item in one.scores.get(code, {}) else ""
    return gold.said(predictions[item], found.by_id.get(item) if found else None, found)


def drawn(frame: pd.DataFrame, name: str, alt: str) -> None:
    """The table with its colours, and its downloads."""
    shown = frame.map(isolated)
    styled = shown.style.map(_ink)
    config = picks.narrow("language") | {"text": st.column_config.Column(width="large")}
    st.dataframe(styled, hide_index=True, lazy=False, alt=plain(alt), width="stretch", column_config=config)
    parts.downloads(frame, name)


def _ink(value: object) -> str:
    ground = INKS.get(str(value)[1:2])  # an isolate begins each cell
    return f"background-color: {ground}; color: #111111" if ground else ""


def full(item: str, code: str, whole: Gold | str) -> None:
    """One language's texts in full, in its own direction."""
    st.text(called(code))
    if isinstance(whole, str):
        st.caption("The text is not at hand.")
        return
    example = whole.by_id.get(item)
    if example is None:
        st.caption("This language does not have the item.")
        return
    side: Literal["left", "right"] = "right" if language(code).direction == "rtl" else "left"
    for name, text in {**gold.texts(example), "gold": gold.label(example)}.items():
        st.caption(name)
        st.text(isolated(text[: gold.LONGEST]) or "–", text_alignment=side, width="stretch")
