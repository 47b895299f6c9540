"""The frame around every page: navigation, what is drawn beside each of them, and what happens when one fails."""

from pathlib import Path

import streamlit as st

from xbench.errors import XbenchError
from xbench.page import boards, filters

VIEWS = Path(__file__).parent / "views"

PAGES = {
    "overview": "Overview",
    "disparity": "Disparity",
    "encoder": "Encoder",
    "language": "Language",
    "task": "Task",
    "compare": "Compare",
    "errors": "Errors",
    "quality": "Data quality",
    "about": "About",
}
"""File, and last part of the address, of each page -> its title."""


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_title="xbench", layout="wide")
    pages = [
        st.Page(VIEWS / f"{name}.py", title=title, url_path=name, default=name == "overview")
        for name, title in PAGES.items()
    ]
    chosen = st.navigation(pages, position="top")
    try:
        boards.board()
    except XbenchError as fault:
        # st.text, not st.error: the message holds names of files, and those are anybody's.
        st.error("The board cannot be read.")
        st.text(str(fault))
        st.stop()
    filters.opened(chosen.url_path)
    chosen.run()
