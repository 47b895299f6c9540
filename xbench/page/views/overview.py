"""Who is best, who leaves languages behind, and how surely: one row for each encoder."""

from functools import partial

import streamlit as st

from xbench.export.remarks import of_board, remarks
from xbench.export.view import OF_CELLS
from xbench.page import boards, filters, frames, parts, printed
from xbench.page.words import safe
from xbench.plots import scatter

parts.heading("Overview", "Ranks are tiers with intervals, over the whole board: filters change no rank.")
board = boards.board()
if not board.tasks():
    parts.nothing(board)
task_side, encoder_side = st.columns([1, 2])
with task_side:
    task = filters.task()
every = [one for one in boards.tables(task) if one.entries]
with encoder_side:
    wanted = filters.encoders([entry.column.encoder for one in every for entry in one.entries])
if not every:
    st.info("Nothing was scored for this task. Data quality has the reasons.")
for one in boards.tables(task, wanted):
    if not one.entries:
        parts.remarks([remark.text for remark in remarks(one)])
        continue
    name = f"{task}-{one.table.metric}"
    st.header(safe(f"{task} · {one.table.metric}"), anchor=False)
    st.caption("Percent; `from` and `to` are the ends of the 95 % interval. Gap and spread are in points.")
    if any(found.low is None for entry in one.entries if (found := entry.measures.get("target mean"))):
        st.caption(f"Here {OF_CELLS}.")
    parts.table(
        frames.ranking(board, one), f"ranking-{name}",
        f"Ranking of {len(one.entries)} encoders on {task} by the mean of {len(one.table.languages)} languages",
        help=frames.RANKING, pinned=("encoder",),
    )  # fmt: skip
    parts.remarks([remark.text for remark in remarks(one)])
    parts.picture(partial(scatter, board, boards.drawable(one)), f"scatter-{name}", (wanted,))
    with st.expander("The numbers of this chart"):
        parts.table(
            frames.means(one), f"means-{name}",
            f"Mean of targets and of low-resource languages on {task} of {len(one.entries)} encoders",
            pinned=("encoder",),
        )  # fmt: skip
if rows := boards.over_tasks():
    several = len(boards.tables())
    st.header("Over tasks", anchor=False)
    st.caption(f"Plain means over {several} tables, for encoders that are complete in all of them; without ranks.")
    parts.table(frames.over_tasks(rows, several), "over-tasks", "Means over all tasks", pinned=("encoder",))
st.header("Published", anchor=False)
if filters.switch("What papers print", "published", "Never ranked with ours: other recipes, no intervals"):
    printed.draw(board, task)
parts.remarks([remark.text for remark in of_board(board)])
