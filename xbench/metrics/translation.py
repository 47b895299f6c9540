"""How near is the sentence that was found to the right one? chrF and BLEU by sacrebleu, from its own statistics.

The foreign sentence is the query; the source sentence that was found for it is the hypothesis, its own translation the
reference. Both are of the source language, English in the tasks that come with xbench: hence BLEU's tokenizer 13a, made
for languages that part words by spaces. A sentence that was not found at all is an empty hypothesis.
"""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, Rows
from xbench.metrics.retrieval import places
from xbench.task import Bitext, Retrieved

CHARACTERS = 6
"""chrF's longest n-gram, in characters without the spaces."""

RECALL = 4.0
"""Weight of recall over precision in chrF2: the square of its beta."""

WORDS = 4
"""BLEU's longest n-gram, in words."""

CHRF = f"nrefs:1|case:mixed|eff:yes|nc:{CHARACTERS}|nw:0|space:no|version:{version('sacrebleu')}"
BLEU = f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{version('sacrebleu')}"
"""The signatures that sacrebleu gives, put together here because sacrebleu is imported only when it counts."""


def count_chrf(predictions: Sequence[Retrieved | None], gold: Sequence[Bitext], language: str) -> Rows:
    """For n = 1 … 6, n-grams of the hypothesis, of the reference and of both: shape (examples, 18).

    Raises ScoringError for a prediction of another shape, or in another order than the gold.
    """
    from sacrebleu.metrics import chrf

    scorer = chrf.CHRF(char_order=CHARACTERS)
    return _statistics(scorer._extract_corpus_statistics(*_texts(predictions, gold)), 3 * CHARACTERS)


def count_bleu(predictions: Sequence[Retrieved | None], gold: Sequence[Bitext], language: str) -> Rows:
    """Words of hypothesis and reference; n-grams of both, n = 1 … 4; those of the hypothesis: shape (examples, 10).

    Raises ScoringError for a prediction of another shape, or in another order than the gold.
    """
    from sacrebleu.metrics import bleu

    # `force` only silences a warning about text that seems tokenized.
    scorer = bleu.BLEU(tokenize="13a", max_ngram_order=WORDS, force=True)
    return _statistics(scorer._extract_corpus_statistics(*_texts(predictions, gold)), 2 + 2 * WORDS)


def close_chrf(sums: Rows) -> Rows:
    """F of mean precision and mean recall over the lengths that both sides have (Popović 2015, as sacrebleu does it).

    Shape (..., 18) -> (...).
    """
    in_hypothesis, in_reference, in_both = (sums[..., part::3] for part in range(3))
    has = (in_hypothesis > 0) & (in_reference > 0)
    lengths = np.maximum(has.sum(-1), 1)
    precision = _share(in_both, in_hypothesis, has).sum(-1) / lengths
    recall = _share(in_both, in_reference, has).sum(-1) / lengths
    weighed = RECALL * precision + recall
    return _share((1 + RECALL) * precision * recall, weighed, weighed > 0)


def close_bleu(sums: Rows) -> Rows:
    """Brevity penalty times the geometric mean of n-gram precisions (Papineni et al. 2002), shape (..., 10) -> (...).

    A length without any match counts 1/2, 1/4, … of one (sacrebleu's smoothing `exp`); without a match of any length,
    or without an n-gram of some length, the score is 0.
    """
    ours, theirs = sums[..., 0], sums[..., 1]
    right, said = sums[..., 2 : 2 + WORDS], sums[..., 2 + WORDS :]
    scored = (right > 0).any(-1) & (said > 0).all(-1)
    none: NDArray[np.bool_] = right == 0
    smoothed = np.where(none, 0.5 ** np.cumsum(none, axis=-1), right)
    precisions = np.where(np.expand_dims(scored, -1), _share(smoothed, said, said > 0), 1.0)
    brevity = np.minimum(1.0 - _share(theirs, ours, ours > 0), 0.0)
    return np.where(scored, np.exp(brevity + np.log(precisions).mean(-1)), 0.0)


def _texts(predictions: Sequence[Retrieved | None], gold: Sequence[Bitext]) -> tuple[list[str], list[list[str]]]:
    """Hypotheses, and references as sacrebleu takes them: a list of one list. Raises ScoringError."""
    hypotheses = []
    for place, prediction in enumerate(predictions):
        item, found = (place, -1) if prediction is None else places(prediction, "to_source")
        if item != place or not (prediction is None or 0 <= found < len(gold)):
            raise ScoringError(
                f"example {place} of the set: predicted item {item} and to_source {found}, but item must be {place} "
                f"and to_source in 0..{len(gold) - 1}: they are places in the order of the rows"
            )
        hypotheses.append("" if prediction is None else gold[found].source or "")
    return hypotheses, [[one.source or "" for one in gold]]


def _statistics(rows: Sequence[Sequence[float]], columns: int) -> Rows:
    return np.array(rows, np.float64).reshape(-1, columns)


def _share(part: Rows, of: Rows, where: NDArray[np.bool_]) -> Rows:
    """Part / of, and 0 elsewhere."""
    return np.divide(part, of, out=np.zeros(np.shape(part)), where=where)


retrieved_chrf = Metric(
    name="retrieved_chrf",
    title="chrF of the sentence found, foreign to source",
    columns=tuple(f"{what}{n}" for n in range(1, CHARACTERS + 1) for what in ("found", "right", "both")),
    count_all=count_chrf,
    close=close_chrf,
    example=Bitext,
    detail=f"source sentence found for the foreign one, against its own; sacrebleu chrF2|{CHRF}",
    cite="popovic-2015-chrf",
)

retrieved_bleu = Metric(
    name="retrieved_bleu",
    title="BLEU of the sentence found, foreign to source",
    columns=(
        "words_found", "words_right", *(f"both{n}" for n in range(1, WORDS + 1)),
        *(f"found{n}" for n in range(1, WORDS + 1)),
    ),
    count_all=count_bleu,
    close=close_bleu,
    example=Bitext,
    detail=f"source sentence found for the foreign one, against its own; sacrebleu BLEU|{BLEU}",
    cite="papineni-etal-2002-bleu",
)  # fmt: skip
