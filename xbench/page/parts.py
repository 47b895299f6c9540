"""What pages are made of: tables and pictures, each with a text for those who cannot see it, and its downloads."""

import io
import json
from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from xbench.errors import XbenchError
from xbench.export.escaping import for_csv, for_latex, for_markdown
from xbench.export.figures import Grid
from xbench.page.words import plain, safe
from xbench.plots import Chart, drawn

PERCENT = st.column_config.NumberColumn(format="%.1f")


def heading(title: str, told: str = "") -> None:
    """A page's title, and one sentence on what it shows."""
    st.title(title, anchor=False)
    if told:
        st.caption(told)


def table(frame: pd.DataFrame, name: str, alt: str, **more: object) -> None:
    """A table that sorts, searches and can be taken away. Numbers stay numbers; texts are shown as they are."""
    shown = frame.map(lambda value: plain(value) if isinstance(value, str) else value)
    st.dataframe(shown, hide_index=True, lazy=False, alt=plain(alt), width="stretch", **more)  # type: ignore[call-overload]
    downloads(frame, name)


def grid(one: Grid, name: str, alt: str) -> None:
    """A grid of the exports, the same numbers as `xbench board` prints."""
    heads = [" ".join(lines) for lines in one.heads]
    rows = [
        dict(zip(one.keys, row.keys, strict=True))
        | {head: str(figure) for head, figure in zip(heads, row.figures, strict=True)}
        for section in one.sections
        for row in section
    ]
    table(pd.DataFrame(rows, columns=[*one.keys, *heads]), name, alt)


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
                format, make, f"{name}.{ending}", mime, key=f"{name}-{format}", on_click="ignore", width="stretch"
            )


def picture(make: Callable[[], Chart], name: str) -> None:
    """A chart with its description as alternative text, and as SVG and PNG; what cannot be drawn says why."""
    try:
        chart = make()
    except XbenchError as fault:
        st.info(safe(str(fault)))
        return
    # Streamlit takes the chart's own description for its alternative text.
    st.altair_chart(chart, theme=None, width="content", key=f"{name}-chart")
    with st.popover("Download picture"):
        for format in ("svg", "png"):
            st.download_button(
                format.upper(), partial(drawn, chart, format), f"{name}.{format}",
                key=f"{name}-{format}", on_click="ignore", width="stretch",
            )  # fmt: skip


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
