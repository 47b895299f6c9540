"""Retrieval of translations: is the nearest sentence of the other language the translation?

Every sentence of a language is a query against all sentences of the other side, and position is identity: a duplicate
of the translation at another position is a miss, as in the scripts of mteb and of XTREME.

Accuracy falls as the pool grows, so that two languages with sets of other sizes cannot be compared by it;
`<name>@<N>` can: the accuracy that is expected in a pool of N sentences drawn from the set.
"""

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, Rows, ratio
from xbench.task import Bitext, Retrieved

WAY = {
    "to_source": "query: foreign sentence; pool: {} source sentences of the set; nearest only (direction of mteb)",
    "from_source": "query: source sentence; pool: {} foreign sentences of the set; nearest only (direction of XTREME)",
}
"""What is searched with what, by the name of the direction."""


def count_to_source(prediction: Retrieved | None, gold: Bitext, language: str) -> tuple[float, float]:
    """(found, 1) for the foreign sentence as query. Raises ScoringError for a prediction of another shape."""
    return _hit(prediction, "to_source")


def count_from_source(prediction: Retrieved | None, gold: Bitext, language: str) -> tuple[float, float]:
    """(found, 1) for the source sentence as query. Raises ScoringError for a prediction of another shape."""
    return _hit(prediction, "from_source")


def places(prediction: object, direction: str) -> tuple[int, int]:
    """Where the translation stands and what was found: (item, to_source or from_source).

    Raises ScoringError for a prediction of another shape.
    """
    item, found = _whole(prediction, "item", direction)
    return item, found


def in_pool(size: int, pool: int) -> NDArray[np.float64]:
    """Probability that the right sentence is the nearest in a random pool that holds it, by how many are ahead of it.

    Of `size` sentences, r are nearer to the query than the right one. Of all pools of `pool` sentences with the right
    one among them, those without any of the r are C(size-1-r, pool-1) of C(size-1, pool-1). As a product:
    Π (size-pool-i) / (size-1-i) over i < r, whose factors lie in 0..1, so that nothing overflows or cancels.

    Returns:
        Shape (size,), for r = 0 … size - 1.
    """
    i = np.arange(size - 1, dtype=np.float64)
    return np.concatenate([np.ones(min(size, 1)), np.cumprod(np.maximum(size - pool - i, 0.0) / (size - 1 - i))])


def _whole(prediction: object, *names: str) -> tuple[int, ...]:
    """What a prediction holds under these names. Raises ScoringError unless all are whole numbers."""
    try:
        return tuple(operator.index(getattr(prediction, name)) for name in names)
    except (AttributeError, TypeError):
        due = f"{', '.join(names[:-1])} and {names[-1]}"
        raise ScoringError(f"predicted {prediction!r} where whole numbers {due} were due") from None


def _hit(prediction: Retrieved | None, direction: str) -> tuple[float, float]:
    if prediction is None:
        return 0.0, 1.0
    item, found = places(prediction, direction)
    return float(found == item), 1.0


def _count_in_pool(
    pool: int, direction: str, predictions: Sequence[Retrieved | None], gold: Sequence[Bitext], language: str
) -> Rows:
    """(expected to be found, 1) for each example, in a pool of so many. Raises ScoringError."""
    chances = in_pool(len(gold), pool)
    rows = np.tile([0.0, 1.0], (len(gold), 1))
    for place, prediction in enumerate(predictions):
        if prediction is not None:
            ahead = _whole(prediction, "item", direction, f"ahead_{direction}")[2]
            if not 0 <= ahead < len(gold):
                known = "nobody counted how many" if ahead < 0 else f"{ahead} of {len(gold)}"
                raise ScoringError(
                    f"example {place} of the set: {known} sentences are nearer than the right one "
                    f"(ahead_{direction} must lie in 0..{len(gold) - 1}), so no smaller pool can be told of"
                )
            rows[place, 0] = chances[ahead]
    return rows


def _count_weighted(
    direction: str, predictions: Sequence[Retrieved | None], gold: Sequence[Bitext], language: str
) -> Rows:
    """(F1 of the class, 1) for each example, which is a class of its own: 2·found / (1 + times its place was found)."""
    pairs = [None if one is None else places(one, direction) for one in predictions]
    times = Counter(pair[1] for pair in pairs if pair)
    f1 = [2.0 * (pair[0] == pair[1]) / (1 + times[pair[0]]) if pair else 0.0 for pair in pairs]
    return np.column_stack([f1, np.ones(len(gold))])


def _at(direction: str, title: str, cite: str) -> Callable[[int], Metric]:
    """Size of a pool -> the metric that tells the accuracy in it."""

    def at(pool: int) -> Metric:
        return Metric(
            name=f"retrieval_{direction}@{pool}",
            title=f"{title}, pool of {pool}",
            columns=("found", "n"),
            count_all=partial(_count_in_pool, pool, direction),
            close=ratio,
            example=Bitext,
            least=pool,
            detail=f"{WAY[direction].format(f'{pool} of the')}; expected value over all pools that hold the right one",
            cite=cite,
        )

    return at


def _weighted(direction: str, title: str) -> Metric:
    return Metric(
        name=f"retrieval_weighted_f1_{direction}",
        title=title,
        columns=("f1", "n"),
        count_all=partial(_count_weighted, direction),
        close=ratio,
        example=Bitext,
        detail=f"{WAY[direction].format('all')}; each place a class, F1 of classes weighted by gold (headline of mteb)",
        cite="muennighoff-etal-2023-mteb",
    )


retrieval_to_source = Metric(
    name="retrieval_to_source",
    title="Retrieval accuracy, foreign to source",
    columns=("found", "n"),
    count=count_to_source,
    close=ratio,
    at=_at("to_source", "Retrieval accuracy, foreign to source", "artetxe-schwenk-2019-massively"),
    example=Bitext,
    detail=WAY["to_source"].format("all"),
    cite="artetxe-schwenk-2019-massively",
)

retrieval_from_source = Metric(
    name="retrieval_from_source",
    title="Retrieval accuracy, source to foreign",
    columns=("found", "n"),
    count=count_from_source,
    close=ratio,
    at=_at("from_source", "Retrieval accuracy, source to foreign", "hu-etal-2020-xtreme"),
    example=Bitext,
    detail=WAY["from_source"].format("all"),
    cite="hu-etal-2020-xtreme",
)

retrieval_weighted_f1_to_source = _weighted("to_source", "Weighted F1 of retrieval, foreign to source")

retrieval_weighted_f1_from_source = _weighted("from_source", "Weighted F1 of retrieval, source to foreign")
