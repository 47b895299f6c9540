"""What pages are made of: tables and pictures, each with a text for those who cannot see it, and its downloads."""

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

import pandas as pd
import streamlit as st

from xbench.board import Board
from xbench.errors import XbenchError
from xbench.export.escaping import for_csv, for_latex, for_markdown
from xbench.export.remarks import of_board
from xbench.page import boards
from xbench.page.enlarging import enlarged
from xbench.page.words import plain, safe
from xbench.plots import Chart, Look, drawn
from xbench.plots.words import unlike

WIDE, NARROW = 8.2, 3.1
"""Inches of a chart on a screen and on a phone, before it is enlarged."""

ENLARGED = 1.55
"""Charts are made for paper: 7 points are too small for a screen."""


def heading(title: str, told: str = "") -> None:
    """A page's title, and one sentence on what it shows."""
    st.title(title, anchor=False)
    if told:
        st.caption(told)


def table(
    frame: pd.DataFrame, name: str, alt: str, *, help: Mapping[str, str] | None = None, pinned: Sequence[str] = (),
    **more: Any,
) -> None:  # fmt: skip
    """A table that sorts, searches and can be taken away. Numbers stay numbers; texts are shown as they are.

    Columns of fractions have one decimal. `help` says what a column means; `pinned` stay in sight while the rest is
    scrolled.
    """
    # Streamlit's own button for CSV writes what is shown: it must be no formula either.
    shown = frame.map(lambda value: for_csv(value) if isinstance(value, str) else value)
    shown.columns = pd.Index(unlike([for_csv(str(name)) for name in frame.columns]))
    told = more.pop("column_config", {})
    config = {
        str(column): st.column_config.NumberColumn(format="%.1f", help=(help or {}).get(str(column)))
        if pd.api.types.is_float_dtype(shown[column])
        else st.column_config.Column(
            help=(help or {}).get(str(column)),
            pinned=column in pinned or None,
            width=140 if column in pinned and not phone() else None,
        )
        for column in shown.columns
        if pd.api.types.is_float_dtype(shown[column]) or column in pinned or column in (help or {})
    }
    st.dataframe(
        shown, hide_index=True, lazy=False, alt=plain(alt), width="stretch", placeholder="–",
        column_config=config | told, **more,
    )  # fmt: skip
    downloads(frame, name)


def facts(told: Mapping[str, str], name: str, alt: str) -> None:
    """What is known of one thing, a line each."""
    frame = pd.DataFrame(told.items(), columns=["what", "value"])
    # A table that wraps long lines; it reads Markdown in cells.
    st.table(frame.map(lambda text: safe(str(text))).set_index("what"), alt=plain(alt))
    downloads(frame, name)


def formulas(told: Mapping[str, str]) -> None:
    """What is called what, in Markdown with formulas; only for texts of our own."""
    frame = pd.DataFrame(told.items(), columns=["measure", "formula"])
    st.table(frame.set_index("measure"), alt="Measures of disparity and their formulas")


def doubts(title: str, told: str, frame: pd.DataFrame, name: str, none: str) -> None:
    """One kind of doubt with its rows; one line where there is none."""
    st.subheader(title, anchor=False)
    if frame.empty:
        st.caption(none)
        return
    st.caption(told)
    table(frame, name, title)


def downloads(frame: pd.DataFrame, name: str) -> None:
    """The table as CSV, Markdown, LaTeX and JSON; made when asked for."""
    makers: dict[str, tuple[str, Callable[[], str]]] = {
        "CSV": ("text/csv", lambda: as_csv(frame)),
        "Markdown": ("text/markdown", lambda: as_markdown(frame)),
        "LaTeX": ("text/x-tex", lambda: as_latex(frame)),
        "JSON": ("application/json", lambda: as_json(frame)),
    }
    with st.popover("Download", help="This table as a file"):
        for format, (mime, make) in makers.items():
            ending = {"Markdown": "md", "LaTeX": "tex"}.get(format, format.lower())
            st.download_button(
                format, make, f"{file_name(name)}.{ending}", mime, key=f"{name}-{format}", on_click="ignore",
                width="stretch",
            )  # fmt: skip


def picture(make: Callable[..., Chart], name: str, key: tuple[object, ...] = ()) -> None:
    """A chart with its description as alternative text, and as SVG and PNG; what cannot be drawn says why.

    `make` takes `look=`. Where `key` tells all that the chart depends on beside the board, it is drawn once.
    """
    width = NARROW if phone() else WIDE

    def spec() -> dict[str, Any] | XbenchError:
        try:
            return enlarged(make(look=Look(width=width)).to_dict(), ENLARGED)
        except XbenchError as fault:
            return fault

    found = boards.once(("picture", name, width, *key), spec) if key else spec()
    if isinstance(found, XbenchError):
        st.info(safe(str(found)))
        return
    # Streamlit takes the chart's own description for its alternative text.
    st.vega_lite_chart(spec=found, theme=None, width="content", key=f"{name}-chart")
    with st.popover("Download picture", help="This chart as a file, in the size of a page"):
        for format in ("svg", "png"):
            st.download_button(
                format.upper(), partial(_file, make, format), f"{file_name(name)}.{format}",
                key=f"{name}-{format}", on_click="ignore", width="stretch",
            )  # fmt: skip


def _file(make: Callable[..., Chart], format: str) -> bytes:
    return drawn(make(look=Look()), format)


def phone() -> bool:
    """Whether the browser says that it runs on a phone; then charts are drawn narrow."""
    return "Mobi" in (st.context.headers.get("User-Agent") or "")


def file_name(name: str) -> str:
    """A name for a file, of letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", plain(name)).strip("-")[:80] or "xbench"


def as_csv(frame: pd.DataFrame) -> str:
    """CSV in which no cell is a formula."""
    sink = io.StringIO()
    safe_frame = frame.map(lambda value: for_csv(value) if isinstance(value, str) else value)
    safe_frame.rename(columns=for_csv).to_csv(sink, index=False, lineterminator="\n")
    return sink.getvalue()


def as_json(frame: pd.DataFrame) -> str:
    """A list of objects; nothing for what is not there."""
    rows = json.loads(frame.to_json(orient="records"))
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def as_markdown(frame: pd.DataFrame) -> str:
    """A table of Markdown."""
    lines = [[for_markdown(str(name)) for name in frame.columns], ["---"] * len(frame.columns)]
    lines += [[for_markdown(_text(value)) for value in row] for row in frame.itertuples(index=False)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_latex(frame: pd.DataFrame) -> str:
    """A tabular with rules of booktabs."""
    rows = [[for_latex(_text(value)) for value in row] for row in frame.itertuples(index=False)]
    head = " & ".join(for_latex(str(name)) for name in frame.columns)
    body = "".join(f"{' & '.join(row)} \\\\\n" for row in rows)
    begin = f"\\begin{{tabular}}{{{'l' * len(frame.columns)}}}\n\\toprule\n{head} \\\\\n\\midrule\n"
    return f"{begin}{body}\\bottomrule\n\\end{{tabular}}\n"


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def remarks(lines: Sequence[str]) -> None:
    """What a reader must know, small."""
    for line in lines:
        st.caption(safe(line))


def nothing(board: Board) -> NoReturn:
    """What a page shows where the board has no record: how to make some, and what was refused."""
    st.info("No records here yet.")
    st.code("xbench run --suite mini", language="console")
    remarks([remark.text for remark in of_board(board) if remark.warns])
    st.stop()
