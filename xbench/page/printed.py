"""What papers print, drawn beside a board: marked, in tables of its own, never ranked with ours."""

import pandas as pd
import streamlit as st

from xbench.board import Board
from xbench.page import boards, parts
from xbench.page.frames import called, percent
from xbench.page.words import safe
from xbench.published import SELECTIONS, Gap, Published, beside, in_metric, reproduction

MARK = "†"

WHOSE = {
    "primary": "by the encoder's or the run's own authors",
    "secondary": "quoted by others",
    "reproduction": "run again by others",
}


def draw(board: Board, task: str) -> None:
    """The printed rows of a task, and how far our runs of the same encoder lie from them."""
    known, fault = boards.published()
    if fault:
        st.text(fault)
    mine = [one for one in known if one.task == task]
    if not mine:
        st.caption("No published results of this task are known here.")
        return
    st.caption(f"{MARK} Printed, not run here: no interval, no rank, other recipes, often other rules of selection.")
    name = f"published-{task}"
    parts.table(printed(mine), name, f"What papers print for {task}", pinned=("encoder",))
    with st.expander("Printed scores by language"):
        parts.table(by_language(mine), f"{name}-languages", f"What papers print for {task}, by language")
    found = boards.once(("reproduction", task), lambda: gaps(board, task, mine))
    if found:
        st.subheader("Ours less printed", anchor=False)
        st.caption("Points, over the languages that both have. The interval is ours; the printed figure has none.")
        parts.table(differences(found), f"{name}-gaps", f"Our scores less those printed for {task}")
        for gap in found:
            who = f"{gap.column.encoder} {gap.column.recipe}-{gap.column.source} and {MARK} {gap.published.encoder}"
            st.caption(safe(f"{who}: {'; '.join(gap.differences)}"))


def gaps(board: Board, task: str, mine: list[Published]) -> list[Gap]:
    """Every pair of our column and a printed row of the same encoder, in any metric that both have."""
    found: list[Gap] = []
    for shown in boards.tables(task):
        for metric in dict.fromkeys((shown.table.metric, *(one.metric for one in mine))):
            table = shown.table if metric == shown.table.metric else in_metric(board, shown.table, metric)
            found += reproduction(board, table, beside(table, mine))
    return found


def printed(several: list[Published]) -> pd.DataFrame:
    """One row for each printed result, in percent as printed."""
    rows = [
        {
            "encoder": f"{MARK} {one.encoder}", "metric": one.metric, "mean as printed": percent(one.average),
            "languages in the mean": len(one.averaged) or None, "languages": len(one.values), "seeds": one.seeds,
            "trained on": one.trained_on or "nothing", "selection": SELECTIONS[one.selection],
            "protocol": one.protocol, "by": WHOSE[one.provenance], "source": one.source,
            "note": "; ".join(filter(None, (*one.differs, one.note))),
        }
        for one in several
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    whole = dict.fromkeys(("languages in the mean", "seeds"), "Int64")
    return frame.astype({"mean as printed": "float64", **whole})


def by_language(several: list[Published]) -> pd.DataFrame:
    """A row for each printed score."""
    rows = [
        {
            "encoder": f"{MARK} {one.encoder}", "metric": one.metric, "language": called(language),
            "printed": percent(value), "doubt": one.misprinted.get(language, ""), "source": one.source,
        }
        for one in several
        for language, value in one.values.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def differences(several: list[Gap]) -> pd.DataFrame:
    """A row for each language that both have, and one for the mean of them, in points."""
    rows = []
    for gap in several:
        who = {
            "ours": f"{gap.column.encoder} {gap.column.recipe}-{gap.column.source}",
            "printed": f"{MARK} {gap.published.encoder}", "metric": gap.published.metric,
        }  # fmt: skip
        named = {f"mean of {len(gap.cells)}": gap.mean} | {called(code): one for code, one in gap.cells.items()}
        for language, one in named.items():
            ends = {"difference": percent(one.value), "from": percent(one.low), "to": percent(one.high)}
            rows.append(who | {"language": language} | ends)
    return pd.DataFrame(rows)
