"""Mining: which sentences of two piles are translations of each other, and which have none? By margins of cosines.

As LASER and XTREME mine BUCC: a pair is scored by its cosine over the mean cosine of both sentences with their nearest
neighbours (ratio margin; k = 4; Artetxe and Schwenk 2019, "Margin-based Parallel Corpus Mining", section 3). The
best partner of every sentence of either side is a candidate; candidates are taken by falling score, each
sentence once (their method `max`). A threshold then says which are proposed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xbench.nearest import Places, Vectors, top

NEIGHBOURS = 4
"""Nearest sentences of the other side that a cosine is held against, or all where there are fewer."""

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of sentences, best first, in which each sentence stands once at most. All arrays have shape (pairs,)."""

    foreign: Places
    source: Places
    score: Scores


def mine(foreign: Vectors, source: Vectors, neighbours: int = NEIGHBOURS) -> Pairs:
    """The best one-to-one pairs of two piles of sentences, before any threshold.

    Of equal scores the pair of the first foreign sentence comes first, then that of the first source sentence. A pair
    scores 0 where its sentences lie across from all others (a mean cosine of 0 or less): no ratio says anything there.

    Args:
        foreign: shape (n, hidden), length 1.
        source: shape (m, hidden), length 1.
        neighbours: how many a cosine is held against, the nearest of each side.

    Raises:
        BadOption: vectors of other shapes, or no neighbours.
    """
    if not len(foreign) or not len(source):
        return Pairs(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    to_source = top(foreign, source, min(neighbours, len(source)))
    to_foreign = top(source, foreign, min(neighbours, len(foreign)))
    mean_foreign, mean_source = (cosines.mean(1, dtype=np.float64) for _, cosines in (to_source, to_foreign))
    their_source, score_of_foreign = _best(*to_source, mean_foreign, mean_source)
    their_foreign, score_of_source = _best(*to_foreign, mean_source, mean_foreign)
    return _one_to_one(
        np.concatenate([np.arange(len(foreign)), their_foreign]),
        np.concatenate([their_source, np.arange(len(source))]),
        np.concatenate([score_of_foreign, score_of_source]),
    )


def _best(places: Places, cosines: Vectors, mean_query: Scores, mean_candidate: Scores) -> tuple[Places, Scores]:
    """Of the nearest candidates of each query the one of the highest margin, of equal ones the nearest: shape (n,)."""
    beside = (mean_query[:, None] + mean_candidate[places]) / 2
    margin = np.divide(cosines, beside, out=np.zeros(places.shape), where=beside > 0)
    rows, best = np.arange(len(places)), margin.argmax(1)
    return places[rows, best], margin[rows, best]


def _one_to_one(foreign: Places, source: Places, score: Scores) -> Pairs:
    """Candidates by falling score, without those of which a sentence was taken before."""
    order = np.lexsort((source, foreign, -score))
    taken_foreign, taken_source = set[int](), set[int]()
    kept = []
    for place, one, other in zip(order.tolist(), foreign[order].tolist(), source[order].tolist(), strict=True):
        if one not in taken_foreign and other not in taken_source:
            taken_foreign.add(one)
            taken_source.add(other)
            kept.append(place)
    return Pairs(foreign[kept], source[kept], score[kept])


def threshold(score: Scores, right: NDArray[np.bool_], gold: int) -> tuple[float, float]:
    """The score from which on pairs are proposed with the highest F1, and that F1, 0..1.

    It lies midway between the last pair that is proposed and the next, as in the scripts of LASER and XTREME, or on
    the last pair where that is the last of all. Of equal F1 the highest threshold. Pairs of equal score
    are proposed together or not at all. Where no pair is right the threshold is 0: all are proposed.

    Args:
        score: of each candidate, in any order, shape (pairs,).
        right: whether it is a pair of the gold, shape (pairs,).
        gold: how many pairs the gold has.
    """
    order = np.argsort(-score, kind="stable")
    falling, proposed = score[order], np.arange(1, len(score) + 1)
    f1 = 2 * np.cumsum(right[order]) / (proposed + gold)
    f1[:-1][falling[:-1] == falling[1:]] = 0.0
    if not f1.any():
        return 0.0, 0.0
    last = int(f1.argmax())
    if last + 1 == len(falling):
        return float(falling[last]), float(f1[last])
    middle = (falling[last] + falling[last + 1]) / 2
    # Between two neighbouring numbers lies none: rounding may give the lower one, which is not to be proposed.
    return float(middle if middle > falling[last + 1] else falling[last]), float(f1[last])


def unify(texts: Sequence[str]) -> tuple[Places, NDArray[np.bool_]]:
    """Where each sentence stands first, without white space around it, and whether it stands there only.

    A sentence that stands several times takes part once and is never proposed, as in the scripts of LASER and XTREME:
    which of them it would be, nobody can tell.

    Returns:
        Places and flags, both of shape (different sentences,), in the order of the places.
    """
    bare = [text.strip() for text in texts]
    times = Counter(bare)
    first: dict[str, int] = {}
    for place, text in enumerate(bare):
        first.setdefault(text, place)
    return np.array([*first.values()], np.intp), np.array([times[text] == 1 for text in first], bool)
