"""Single items: gold and predictions in every language, and which languages lose what the source gets right."""

from functools import partial

import pandas as pd
import streamlit as st

from xbench.page import boards, filters, frames, gold, items, matrix, parts, picks
from xbench.page.words import plain, safe

parts.heading("Errors", "One item of a test set, in every language: gold, and what each encoder made of it.")
board = boards.board()
task = filters.task()
if not task:
    parts.nothing(board)
one = picks.table(boards.tables(task))
names = sorted({entry.column.encoder for entry in one.entries}) if one else []
if one is None or not names:
    st.info("No encoder has a score in this task.")
    st.stop()
left, right = st.columns(2)
with left:
    first = filters.encoder(names)
    chosen = [picks.entry(one, first)]
with right:
    others = [name for name in names if name != first]
    second = filters.one_of("Beside it", ["", *others], "beside", picks.told("nobody", others))
    if second:
        chosen.append(picks.entry(one, second, "Runs of the second", "runs2"))
columns = [entry.column for entry in chosen if entry]
seeds = sorted({int(board.runs["seed"].iloc[run]) for column in columns for run in column.runs})
with left:
    seed = int(filters.one_of("Seed", [str(seed) for seed in seeds], "seed"))
several = [
    picks.few(
        ("answers", task, one.table.metric, column.encoder, column.signature, column.runs, seed),
        partial(items.answers, board, column, seed, one.table.metric),
    )
    for column in columns
]
for answers in several:
    for fault in answers.faults:
        st.text(plain(fault))
    if not answers.scores:
        st.info(f"Nothing of {safe(answers.encoder)} can be looked at with seed {seed}.")
    elif not answers.predictions:
        st.info(
            f"The records of {safe(answers.encoder)} were written without predictions: only right or wrong is known."
        )
several = [answers for answers in several if answers.scores]
if not several:
    st.stop()

codes = [code for code in one.table.languages if any(code in answers.scores for answers in several)]
source = several[0].source
with right:
    if one.table.parallel:
        targets = [code for code in codes if code != source]
        code = filters.one_of(
            "Language X", ["", *targets], "x", {"": "any"} | {code: frames.called(code) for code in targets}
        )
    else:
        code = filters.one_of("Language X", codes, "x", {code: frames.called(code) for code in codes})
show = filters.one_of("Items (wrong: not all of it right)", items.offered(several, parallel=one.table.parallel), "show")
found = picks.few(
    ("items", task, one.table.metric, *((one.signature, one.runs) for one in columns), seed, show, code),
    lambda: items.chosen(several, show, code),
)
if not one.table.parallel:
    found = [pair for pair in found if pair[0] in several[0].scores.get(code, {})]
    shares = one.table.shares_items
    why = "languages lack some of its items" if shares else "the same id is another item in another language"
    st.caption(f"This set is not parallel: {why}, so one language is shown.")
st.caption(f"{len(found):,} items; those that {safe(several[0].encoder)} gets wrong in the most languages come first.")
if not found:
    st.info("No item is like this.")
    st.stop()
item = filters.one_of("Item", [item for item, _ in found], "item")

shown = codes if one.table.parallel else [code]
at_hand = {}
for language in shown:
    holder = next((answers for answers in several if language in answers.used), several[0])
    at_hand[language] = gold.gold(task, language, holder.used.get(language), holder.limits.get(language, 0))
reasons = {why: [code for code in shown if at_hand[code] == why] for why in at_hand.values() if isinstance(why, str)}
matrix.drawn(
    matrix.matrix(several, item, shown, at_hand), f"item-{task}-{item}",
    f"Item {item} of {task} in {len(shown)} languages, what was predicted and whether it is right",
)  # fmt: skip
for why, lacking in reasons.items():
    st.info(
        "The text is not at hand"
        + ("" if len(lacking) == len(shown) else f" in {', '.join(map(safe, lacking))}")
        + ", so only ids are shown:"
    )
    st.text(plain(why))
if any(not isinstance(whole, str) for whole in at_hand.values()):
    st.subheader("In full", anchor=False)
    other = code or next((language for language in shown if several[0].right(language, item) is False), shown[-1])
    sides = [language for language in dict.fromkeys((source, other)) if language in shown]
    for place, language in zip(st.columns(len(sides)), sides, strict=True):
        with place:
            matrix.full(item, language, at_hand[language])
with st.expander(f"All {len(found):,} items"):
    rows = [(item, wrong, sum(item in scores for scores in several[0].scores.values())) for item, wrong in found]
    parts.table(
        pd.DataFrame(rows, columns=["item", "wrong in languages", "of"]), f"items-{task}",
        f"Items of {task}: {show}", pinned=("item",),
    )  # fmt: skip
