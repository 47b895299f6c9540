"""Who is best, who leaves languages behind, and how surely: one row for each encoder."""

from functools import partial

import streamlit as st

from xbench.export.grid import over_tasks, ranking
from xbench.export.remarks import of_board, remarks
from xbench.page import boards, filters, parts
from xbench.plots import scatter

parts.heading("Overview", "Ranks are tiers with intervals, over the whole board: filters change no rank.")
board = boards.board()
task = filters.task()
if not task:
    st.info("No records here yet. `xbench run --suite mini` makes some.")
    st.stop()
every = boards.tables()
names = [entry.column.encoder for one in every if one.table.task == task for entry in one.entries]
wanted = filters.encoders(names)
for one in boards.tables(task, wanted):
    parts.grid(
        ranking(one), f"ranking-{task}",
        f"Ranking of {len(one.entries)} encoders on {task} by the mean of {len(one.table.languages)} languages",
    )  # fmt: skip
    parts.picture(partial(scatter, board, one.table), f"scatter-{task}")
    parts.remarks([remark.text for remark in remarks(one)])
if len(every) > 1 and (whole := over_tasks(board, every)):
    st.header("Over tasks", anchor=False)
    parts.grid(whole, "over-tasks", "Means over all tasks, one row for each encoder")
parts.remarks([remark.text for remark in of_board(board)])
