"""Retrieval of translations: is the nearest sentence of the other language the translation?

Every sentence of a language is a query against all sentences of the other side, and position is identity: a duplicate
of the translation at another position is a miss, as in the scripts of mteb and of XTREME.
"""

import operator

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, ratio
from xbench.task import Bitext, Retrieved


def count_to_source(prediction: Retrieved | None, gold: Bitext, language: str) -> tuple[float, float]:
    """(found, 1) for the foreign sentence as query. Raises ScoringError for a prediction of another shape."""
    return _hit(prediction, "to_source")


def count_from_source(prediction: Retrieved | None, gold: Bitext, language: str) -> tuple[float, float]:
    """(found, 1) for the source sentence as query. Raises ScoringError for a prediction of another shape."""
    return _hit(prediction, "from_source")


def _hit(prediction: Retrieved | None, direction: str) -> tuple[float, float]:
    if prediction is None:
        return 0.0, 1.0
    try:
        nearest, item = operator.index(getattr(prediction, direction)), operator.index(prediction.item)
    except (AttributeError, TypeError):
        raise ScoringError(f"predicted {prediction!r} where whole numbers item and {direction} were due") from None
    return float(nearest == item), 1.0


retrieval_to_source = Metric(
    name="retrieval_to_source",
    title="Retrieval accuracy, foreign to source",
    columns=("found", "n"),
    count=count_to_source,
    close=ratio,
    detail="query: foreign sentence; pool: all source sentences of the set; nearest one only (direction of mteb)",
    cite="artetxe-schwenk-2019-massively",
)

retrieval_from_source = Metric(
    name="retrieval_from_source",
    title="Retrieval accuracy, source to foreign",
    columns=("found", "n"),
    count=count_from_source,
    close=ratio,
    detail="query: source sentence; pool: all foreign sentences of the set; nearest one only (direction of XTREME)",
    cite="hu-etal-2020-xtreme",
)
