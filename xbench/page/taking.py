"""Buttons that hand out an encoder's scores in the formats of other projects."""

from functools import partial

import streamlit as st

from xbench.board import Board
from xbench.errors import XbenchError
from xbench.page import boards
from xbench.page.exports import FORMATS, exported
from xbench.page.parts import file_name
from xbench.page.words import safe

Made = tuple[bytes, tuple[str, ...]]


def exports(board: Board, task: str, encoder: str) -> None:
    """One format is chosen, and its files are made then: a ZIP, with notes on what is not in it."""
    format = st.selectbox("Format", list(FORMATS), key="format", help="As `xbench export --to` writes them")
    try:
        made: Made = boards.once(("export", task, encoder, format), partial(exported, board, task, encoder, format))
    except XbenchError as fault:
        st.text(str(fault))
        return
    content, notes = made
    if content:
        name = f"{file_name(f'{encoder}-{task}-{format}')}.zip"
        st.download_button("Download ZIP", content, name, "application/zip", key="export", on_click="ignore")
    else:
        st.info("Nothing of this can be written in this format.")
    for note in notes:
        st.caption(safe(note))
