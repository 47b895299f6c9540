"""Two encoders: where one is better beyond doubt, and what the gate would say to a change from B to A."""

from dataclasses import replace
from functools import partial

import streamlit as st

from xbench.errors import XbenchError
from xbench.page import boards, commands, contest, filters, parts, picks
from xbench.page.words import plain, safe
from xbench.plots import forest
from xbench.report.sections import word

parts.heading("Compare", "Differences paired by test item, language by language, and the verdict of the gate.")
board = boards.board()
names = sorted(set(map(str, board.runs["encoder"])))
if not names:
    parts.nothing(board)
if len(names) < 2:
    st.info("Two encoders are needed to compare, and this board has records of one only:")
    st.text(plain(names[0]))
    st.stop()
left, right = st.columns(2)
with left:
    first = filters.encoder(names, "First encoder (candidate)", "a")
    task = filters.task()
with right:
    second = filters.encoder(names, "Second encoder (baseline)", "b", 1)
    every = filters.switch("Judge every task that the second has", "every")
    runs = board.runs[board.runs["encoder"].isin([first, second]) & (every | (board.runs["task"] == task))]
    recipe, source = (picks.one_of(runs[name], name) for name in ("recipe", "source"))
if first == second:
    st.info("Both sides are the same encoder: nothing is better or worse than itself. Choose another one.")
    st.stop()
tasks = () if every else (task,)
command = commands.check_again(first, second, boards.folders(), tasks=tasks, recipe=recipe, source=source)
try:
    verdict = boards.once(
        ("verdict", first, second, tasks, recipe, source),
        partial(contest.judged, first, second, boards.folders(), tasks=tasks, recipe=recipe, source=source),
    )
except XbenchError as fault:
    st.warning("These two cannot be compared as they stand:")
    st.text(str(fault))
    st.stop()

st.header(f"{contest.SIGNS[verdict.code]} {word(verdict).capitalize()}", anchor=False)
st.text(plain(verdict.line))
if not verdict.cells:
    st.warning("Nothing of these two may be compared; what differs stands below.")
if not (mismatches := contest.mismatches(verdict)).empty:
    st.subheader("What may not be compared, and why", anchor=False)
    parts.table(mismatches, "mismatches", f"What differs between {first} and {second}")
for broken in verdict.faults:
    st.text(plain(broken))

if verdict.cells:
    st.header("Language by language", anchor=False)
    st.caption(safe(contest.tally(verdict)))
    shown = picks.table(boards.tables(task))
    pair = contest.sides(shown.table, first, second, recipe=recipe, source=source) if shown else ()
    if shown and len(pair) == 2 and any(cell.task == task for cell in verdict.cells):
        both = replace(shown.table, columns=pair)
        parts.picture(
            partial(forest, board, both), f"forest-{first}-{second}-{task}",
            ("forest", task, both.metric, *((one.encoder, one.signature, one.runs) for one in pair)),
        )  # fmt: skip
        st.caption(
            "The picture takes each language by itself, Holm over the languages of this task. The table is the "
            "gate's: variances of seeds are moderated over all cells, and Holm goes over all cells compared."
        )
    parts.table(
        contest.cells(verdict), f"cells-{first}-{second}", f"{first} less {second} in {len(verdict.cells)} cells",
        help=contest.CELLS_HELP, pinned=("language",),
        column_config=picks.narrow("language") | contest.CHANCES,
    )  # fmt: skip
if not (lost := contest.lost(verdict)).empty:
    st.subheader("What only the second has", anchor=False)
    parts.table(lost, "lost", f"Cells that {second} has and {first} lacks")

st.header("What the gate says", anchor=False)
if verdict.guards:
    st.caption("Guards are promises about means over tasks. A gate run by its usual settings says of this change:")
    parts.table(
        contest.guards(verdict), f"guards-{first}-{second}", f"Guards of the gate, {first} against {second}",
        help=contest.GUARDS_HELP, pinned=("guard",),
    )  # fmt: skip
parts.remarks(verdict.notes)
st.code(command, language="bash", wrap_lines=True)
with st.popover("Download verdict", help="As `xbench check` and `xbench compare` write it"):
    for name, (mime, text) in contest.files(verdict, command).items():
        st.download_button(name, text, name, mime, key=name, on_click="ignore", width="stretch")
