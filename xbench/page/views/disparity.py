"""Who is left behind: every language beside every encoder, groups of languages, and every measure of disparity."""

from functools import partial

import streamlit as st

from xbench.export.remarks import remarks
from xbench.page import boards, filters, frames, parts
from xbench.page.words import safe
from xbench.plots import FACTS, heatmap, strips

parts.heading("Disparity", "What each language scores, and how far languages lie apart.")
board = boards.board()
if not board.tasks():
    parts.nothing(board)
task_side, encoder_side, language_side = st.columns([1, 1, 1])
with task_side:
    task = filters.task()
every = [one for one in boards.tables(task) if one.entries]
with encoder_side:
    wanted = filters.encoders([entry.column.encoder for one in every for entry in one.entries])
with language_side:
    codes = filters.languages(list(dict.fromkeys(code for one in every for code in one.table.languages)))
fact_side, gap_side = st.columns([1, 2], vertical_alignment="bottom")
with fact_side:
    fact = filters.fact(FACTS)
with gap_side:
    gap = filters.switch("Gap to the source, not the score", "gap", "Points lost from the source to each language")
if not every:
    st.info("Nothing was scored for this task. Data quality has the reasons.")
for one in boards.tables(task, wanted, codes):
    if not one.entries:
        continue
    name = f"{task}-{one.table.metric}"
    table = boards.drawable(one, cut=True)
    key = (wanted, codes)
    st.header(safe(f"{task} · {one.table.metric}"), anchor=False)
    parts.picture(partial(heatmap, table, gap=gap), f"heatmap-{name}", (*key, gap))
    what = "Gap to the source in points" if gap else "Score in percent"
    with st.expander("The numbers of this chart"):
        parts.table(
            frames.by_language(one, gap=gap), f"languages-{name}",
            f"{what} on {task} of {len(one.languages)} languages and {len(one.entries)} encoders", pinned=("language",),
        )  # fmt: skip
    st.header(f"By {fact.replace('_', ' ')}", anchor=False)
    parts.picture(partial(strips, table, by=fact), f"strips-{fact}-{name}", key)
    parts.table(
        frames.groups(board, one, fact), f"groups-{fact}-{name}",
        f"Mean score on {task} of languages by {fact.replace('_', ' ')}, for {len(one.entries)} encoders",
    )  # fmt: skip
    st.header("Every measure", anchor=False)
    if one.cut:
        st.caption("Measures are over all languages of the task, whatever is shown above.")
    parts.table(
        frames.measures(one), f"measures-{name}", f"Measures of disparity on {task} of {len(one.entries)} encoders",
        pinned=("encoder",),
    )  # fmt: skip
    parts.remarks([remark.text for remark in remarks(one)])
if rows := boards.over_tasks():
    st.header("Every measure over tasks", anchor=False)
    st.caption("Plain means over all tasks of the measures that every one of them has, for complete encoders.")
    parts.table(
        frames.measures_over_tasks(rows), "measures-over-tasks", "Measures of disparity over tasks", pinned=("encoder",)
    )
