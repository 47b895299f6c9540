"""What a task is made of: its data to the commit, its metric and rules, and how tokenizers treat its languages."""

import streamlit as st

from xbench.export.figures import points
from xbench.page import boards, facts, filters, parts
from xbench.page.words import plain, safe
from xbench.record import parts as of_signature

parts.heading("Task", "What was scored: rows, licence, metric and its rules.")
board = boards.board()
if not board.tasks():
    parts.nothing(board)
task = filters.task()
registered = boards.registered(task)
st.header(safe(registered.title if registered else task), anchor=False)
if registered is None:
    st.caption("Not registered here: licence, title and citation are not known, and all else is what records say.")
for one in boards.tables(task):
    table = one.table
    told = {
        "ranked by": table.metric,
        "score of a guess": f"{points(table.chance)} %",
        "languages": f"{len(table.languages)} asked for",
        "parallel": "yes: item i is the same in every language"
        if table.parallel
        else "in part: equal ids are one item, and languages lack some of them"
        if table.shares_items
        else "no: languages have test items of their own",
    }
    if registered:
        training = registered.training
        told |= {
            "kind": registered.kind, "source": registered.source, "labels": ", ".join(registered.labels) or "–",
            "data set": registered.data.repo, "revision": registered.data.revision or "newest; records say which",
            "trained on": f"{training.repo}, split {training.train or '–'}",
            "licence": registered.licence, "cite": registered.cite, "version of the task": str(registered.version),
        }  # fmt: skip
    parts.facts(told, f"task-{task}-{table.metric}", f"What {plain(task)} is")
    if rules := facts.rules(one):
        st.subheader("Metrics and their rules", anchor=False)
        parts.facts(dict(rules), f"rules-{task}-{table.metric}", "Rules of each metric")
    if not one.entries:
        st.info("Nothing was scored for this task. Data quality has the reasons.")
        continue
    st.subheader("Test rows", anchor=False)
    rows = facts.data(one)
    if rows.empty:
        st.caption("No record tells which rows it read.")
    else:
        st.caption("As the records say: commit of the data set, and a shortened SHA-256 over the rows as read.")
        parts.table(rows, f"rows-{task}-{table.metric}", f"Test rows of {task} by language", pinned=("language",))
    st.subheader("Tokenizers", anchor=False)
    figures = facts.tokenizers(one)
    if figures.empty:
        st.caption("No record tells how its tokenizer treats these languages.")
    else:
        st.caption("Over the scored rows. Words are what white space parts: not comparable for scripts without spaces.")
        decimals = dict.fromkeys(
            ("tokens per word", "tokens per character"), st.column_config.NumberColumn(format="%.2f")
        )
        parts.table(
            figures, f"tokenizers-{task}-{table.metric}", f"Tokenizer figures on {task} by encoder and language",
            column_config=decimals, pinned=("encoder",),
        )  # fmt: skip
    if len(one.entries) > facts.MOST:
        st.caption(f"From the records of the first {facts.MOST} of {len(one.entries)} encoders.")
    with st.expander("What must be equal for two numbers to be compared"):
        st.caption("The signature of the first encoder's runs.")
        parts.facts(of_signature(facts.signature(one)), f"signature-{task}-{table.metric}", "Signature of the runs")
