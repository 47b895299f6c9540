"""What is missing, thin or wrong: nothing of it is dropped in silence."""

import streamlit as st

from xbench.export import doubts
from xbench.page import boards, frames, parts

parts.heading("Data quality", "What is missing, thin or wrong. Nothing is left out in silence.")
board = boards.board()
tables = boards.tables()
records, refused = len(board.runs), len(board.rejects)
missing = doubts.missing(tables)
numbers = {"Records": records, "Scores": len(board.scores), "Missing cells": len(missing), "Refused files": refused}
with st.container(horizontal=True, gap="large"):
    for what, number in numbers.items():
        st.metric(what, f"{number:,}", width="content")
if not records:
    st.info("No records here yet.")
    st.code("xbench run --suite mini", language="console")

parts.doubts("Missing cells", "Asked for and not there. Never taken for zero, never averaged away.",
             frames.doubts(missing, "why"), "missing", "Every language is scored that was asked for.")  # fmt: skip
parts.doubts("Refused files", "Not read as records.", frames.rejects(board), "refused", "No file was refused.")
parts.doubts("Records that stand there twice", "They count once.", frames.notes(board), "twice", "No run stands twice.")
parts.doubts(
    "Collapsed runs", "Fine-tuning never left chance, or gave one answer to everything. They count in every number.",
    frames.failures(doubts.collapsed(tables)), "collapsed", "No run collapsed.",
)  # fmt: skip
parts.doubts(
    "One seed", "With another seed the numbers, and the ranks, may be others.",
    frames.doubts(doubts.single_seed(tables), count="languages with one seed", of="languages"), "single-seed",
    "Every encoder has several seeds.",
)  # fmt: skip
parts.doubts(
    "Not comparable", "Ranked apart from the others, or not at all: what differs, theirs after the most common.",
    frames.doubts(doubts.other_rows(tables), "what differs"), "unlike", "All may be compared.",
)  # fmt: skip
parts.doubts(
    "Counts that cannot be read", "Without them there are no intervals of means, and ranks are not paired by item.",
    frames.doubts(doubts.without_counts(board, tables), "why", count="runs"), "counts",
    "Counts are at hand." if records <= doubts.MOST
    else f"Counts are not read on boards of more than {doubts.MOST} runs.",
)  # fmt: skip
unanswered = boards.unanswered()
parts.doubts(
    "Without an answer", "Test examples for which nothing was predicted. They count as wrong.",
    frames.doubts(doubts.unanswered_of(board, unanswered or {}), "run", count="examples"), "unanswered",
    "Every example was answered." if unanswered is not None
    else f"Records are not opened for this on boards of more than {doubts.MOST} runs.",
)  # fmt: skip
