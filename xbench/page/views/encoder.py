"""One encoder: where it comes from, every language, what it cost, and how to run it again."""

from dataclasses import replace
from functools import partial

import streamlit as st

from xbench.board.spread import seen_by
from xbench.export.remarks import remarks
from xbench.page import boards, cards, commands, filters, frames, parts, picks, taking
from xbench.page.words import plain
from xbench.plots import dumbbell

parts.heading("Encoder", "Where it comes from, what it reaches in every language, and what goes with its gap.")
board = boards.board()
names = sorted(set(map(str, board.runs["encoder"])))
if not names:
    parts.nothing(board)
left, right = st.columns(2)
with left:
    encoder = filters.encoder(names)
with right:
    task = filters.task()
runs = cards.runs_of(board, encoder)
records, faults = picks.records(runs)
for fault in faults:
    st.text(fault)
one = picks.table(boards.tables(task, (encoder,)))
entry = picks.entry(one, encoder) if one else None
own = picks.records(entry.column.runs)[0] if entry else []

st.header("Card", anchor=False)
parts.facts(cards.card(encoder, own or records), f"card-{encoder}", f"What is known of {encoder}")
with st.expander("Hashes in full"):
    st.code("\n".join(map(plain, cards.hashes(own or records))), language=None, wrap_lines=True)
if listed := seen_by(encoder):
    with st.expander("Languages seen in pre-training, as the card lists them"):
        st.text(", ".join(map(frames.called, listed)))

st.header("Languages", anchor=False)
if one is None or entry is None:
    st.info("This encoder has no score in this task. It has records of:")
    st.text(", ".join(dict.fromkeys(record.run.task for record in records)) or "nothing that can be read")
    for record in records:
        for cell in record.missing if record.run.task == task else ():
            st.text(f"{frames.called(cell.language)}: {cell.why}")
else:
    column = entry.column
    narrow = replace(one, entries=(entry,))
    parts.table(
        frames.ranking(board, narrow), f"rank-{encoder}-{task}", f"Rank and means of {encoder} on {task}",
        help=frames.RANKING,
    )  # fmt: skip
    parts.picture(
        partial(dumbbell, replace(one.table, columns=(column,))), f"dumbbell-{encoder}-{task}",
        ("dumbbell", task, one.table.metric, encoder, column.signature, column.runs),
    )  # fmt: skip
    parts.table(
        cards.languages_of(one, entry, cards.tokenizer_of(own)), f"languages-{encoder}-{task}",
        f"Scores of {encoder} on {task} in {len(one.languages)} languages, with what is known of each",
        help=cards.LANGUAGES_HELP, column_config=picks.narrow("language"),
    )  # fmt: skip
    parts.remarks([remark.text for remark in remarks(narrow)])

    st.header("Gap and pre-training", anchor=False)
    st.caption(
        "Cards say which languages an encoder has seen, and not how many tokens of each: there is no scale to draw "
        "the gap against." if listed else "No card lists the languages that this encoder has seen."
    )  # fmt: skip
    if listed:
        parts.table(
            cards.pretraining(one, entry), f"pretraining-{encoder}-{task}",
            f"Targets of {encoder} on {task}, by whether its card lists them",
        )  # fmt: skip
    if entry.measures:
        st.subheader("Means and gaps of groups", anchor=False)
        st.caption("In percent; gaps and differences in points.")
        parts.table(
            frames.measures(narrow).drop(columns="encoder"), f"measures-{encoder}-{task}",
            f"Measures of {encoder} on {task}, with 95 % intervals", pinned=("measure",),
        )  # fmt: skip
    st.subheader("What goes with the gap", anchor=False)
    st.caption(
        "Points of gap to the source that go with one unit, least squares over the targets, with 95 % intervals. "
        "Languages were not drawn at random, and script, family and resources come together: a slope describes "
        "them, and is no cause."
    )
    parts.table(
        cards.slopes(one, column), f"slices-{encoder}-{task}", f"What goes with the gap of {encoder} on {task}",
        pinned=("slice",),
    )  # fmt: skip

    st.header("Run it again", anchor=False)
    if own:
        again = commands.run_again(own)
        st.code(again, language="bash", wrap_lines=True)
        if commands.meant(own[0]).endswith(f"={commands.FOLDER}"):
            st.caption("In place of FOLDER, give the folder of the checkpoint whose hash stands on the card.")
        with st.expander("As the records say"):
            st.caption("Whoever made the records wrote these: read them before you run them.")
            for said in dict.fromkeys(record.provenance.command for record in own):
                st.code(commands.shown(said), language=None, wrap_lines=True)

    st.header("In other formats", anchor=False)
    taking.exports(board, task, encoder)

st.header("Cost", anchor=False)
if records:
    st.caption("As each run's record says. Runs that shared one fine-tuning each state the whole of it.")
    parts.table(cards.costs(records), f"cost-{encoder}", f"What each of {len(records)} runs of {encoder} took")
