"""What this page is, what its numbers mean, and how to cite it and add to it."""

from pathlib import Path

import streamlit as st

from xbench import __version__
from xbench.page import boards, parts

parts.heading("About", "What these numbers are, and how they are made.")
st.markdown(
    "xbench fine-tunes a multilingual encoder on one language, scores it in all the others without further training, "
    "and shows who is left behind. Every score has an interval and a record that says where it comes from."
)
st.header("What is shown", anchor=False)
board = boards.board()
shown = {
    "xbench": __version__,
    "records": f"{len(board.runs):,} of {len(board.tasks())} tasks, {board.runs['encoder'].nunique()} encoders",
    "refused files": str(len(board.rejects)),
}
folders = {
    f"board {place}": "/".join(Path(folder).parts[-2:]) for place, folder in enumerate(boards.folders(), start=1)
}
parts.facts(shown | folders, "about", "What is shown")
st.markdown("To show another board, or several as one, and to add runs to it:")
st.code(
    "xbench serve --board leaderboards/mini --board leaderboards/local\n"
    "xbench run --encoder xlmr-base --task xnli --seeds 5 --board leaderboards/local",
    language="console", wrap_lines=True,
)  # fmt: skip
st.header("Ranks", anchor=False)
st.markdown(
    "Encoders are ranked by the mean of all targets, the source left out; one that lacks a language has no mean and no "
    "rank. Two differ beyond doubt if the difference of their means does, paired by test item, over seeds and items, "
    "at 5 % after Holm's correction for all pairs. `1–2` are the places that remain open. A new tier begins with the "
    "first encoder that is worse beyond doubt than the first of the tier before. Showing less changes no rank."
)
st.markdown(
    "Only zero-shot runs are ranked: checkpoints are chosen on the source's dev split, or the last one is taken. "
    "A run whose choice read labels of targets (`oracle`) is shown and never ranked."
)
st.header("Measures of disparity", anchor=False)
st.markdown("$s_1 … s_L$ are the scores of the targets, $s_0$ that of the source, $c$ the score of a guess.")
parts.formulas({
    "target mean": r"$m = \frac{1}{L}\sum_i s_i$",
    "low-resource": "mean over targets of resource class 0 to 2 (Joshi et al. 2020)",
    "other script, other family": "mean over targets of another script or family than the source's",
    "unseen": "mean over targets that are not in the encoder's pre-training, where its card says what was",
    "gap": "$s_0 - m$",
    "relative gap": r"$(s_0 - m) / s_0$",
    "gap above chance": r"$(s_0 - m) / (s_0 - c)$",
    "worst language": r"$\min_i s_i$",
    "lowest fifth": r"mean of the $\lceil L/5 \rceil$ lowest",
    "mean difference (spread)": r"$\frac{2}{L(L-1)}\sum_{i<j} |s_i - s_j|$",
    "SD": r"$\sqrt{\sum_i (s_i - m)^2 / (L - 1)}$",
    "min / max": r"$\min_i s_i / \max_i s_i$",
    "Gini": r"$\sum_i \sum_j |s_i - s_j| \,/\, (2 L^2 m)$",
    "speaker-weighted": r"$\sum_i w_i s_i$, $w_i$ the share of a language's speakers among those of the targets",
})  # fmt: skip
st.markdown(
    "A gap means transfer only where languages share their test items. A low gap alone says little: an encoder that is "
    "bad at the source has one. So the gap never ranks."
)
st.header("Intervals", anchor=False)
st.markdown(
    "All are of 95 % and start from counts per example. With one seed an interval speaks of other test examples, given "
    "this seed: Wilson's for shares, 1,000 resamplings for all else. With several seeds it speaks of other seeds too: "
    "the mean squares of seeds, examples and their interaction give"
)
st.latex(r"\mathrm{Var} = \frac{MS_\mathrm{seed} + MS_\mathrm{example} - MS_\mathrm{interaction}}{n K}")
st.markdown(
    "for $K$ seeds and $n$ examples, with Satterthwaite's degrees of freedom. In parallel sets languages share items, "
    "and in every set they share seeds: both are taken into means and gaps."
)
st.header("The gate", anchor=False)
st.markdown(
    "`xbench check` judges a candidate against a baseline on the same items. Guards, all of which must hold: the mean "
    "of targets, the source, the low-resource languages and the gap. Then every language of every task is screened for "
    "harm, with Holm's correction. It ends with 0 if all held, 1 for a regression or lost coverage, 3 if nothing can "
    "be concluded or the two may not be compared, 2 for what cannot be read."
)
st.code("xbench check --candidate NEW --baseline OLD --board leaderboards/local", language="console", wrap_lines=True)
st.header("Published rows", anchor=False)
st.markdown(
    "What papers print stands apart, marked †, with its source. It has no interval and is never ranked with ours: "
    "recipes, rules of selection and now and then test rows are others."
)
st.header("To cite", anchor=False)
st.markdown(
    "Cite xbench by its name and version, and the paper of every task that you report: its page has the key. "
    "Give the digest of the recipe and the number of seeds: both are in the records."
)
