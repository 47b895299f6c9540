"""One language: what it is, how far each encoder reaches in it, and where it is missing."""

import streamlit as st

from xbench.languages import language
from xbench.page import boards, filters, parts, picks, tongues
from xbench.page.words import safe

parts.heading("Language", "Every language of the board, in all test sets that have it.")
board = boards.board()
there = tongues.spellings(board)
if not there:
    parts.nothing(board)
code = filters.one_language(list(there))
known, codes = language(code), there[code]
several = boards.tables()

name = f"{safe(known.name)} · \u2068{safe(known.autonym)}\u2069" if known.autonym else safe(known.name)
st.header(name, anchor=False)
if known.name == known.code and not known.family:
    st.caption("Nothing is known of this code here: it stands for itself, and no script, family or place is made up.")
parts.facts(tongues.facts(known, codes), "facts", f"What is known of {known.name}")

scored = 0
for one in several:
    frame = tongues.ranked(one, codes)
    if frame.empty or not frame["score"].notna().any():
        continue
    scored += 1
    st.subheader(f"{safe(one.table.task)} · {safe(one.table.metric)}", anchor=False)
    parts.table(
        frame, f"language-{code}-{one.table.task}-{one.table.metric}",
        f"{len(frame)} encoders on {one.table.task} in {known.name}, best first", help=tongues.RANKED_HELP,
        column_config=picks.narrow("encoder"),
    )  # fmt: skip
if scored:
    st.caption(
        "By score, with 95 % intervals. Neighbours whose intervals overlap may well stand the other way round: "
        "Compare says what is beyond doubt."
    )
else:
    st.info("No encoder has a score in this language.")

st.header("Test sets", anchor=False)
if not (sets := tongues.sets(several, codes)).empty:
    parts.table(sets, f"sets-{code}", f"Test sets that have {known.name}", pinned=("task",))
if not (missing := tongues.missing(board, several, codes)).empty:
    st.subheader("Missing, and why", anchor=False)
    parts.table(missing, f"missing-{code}", f"Where {known.name} is missing", pinned=("task",))
