"""Mining of translations: which of the pairs are found, and how much else is proposed with them?

F1 of the pairs that are proposed against those of the gold, as BUCC's shared task and XTREME's `bucc_f1` have it. A
sentence without a partner is no pair: proposing one for it costs precision, and leaving it alone earns nothing.
"""

import operator

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, f1
from xbench.task import Bitext, Mined


def count(prediction: Mined | None, gold: Bitext, language: str) -> tuple[float, float, float]:
    """(right, proposed, in the gold) of a foreign sentence; zeros for a row that has none.

    Raises ScoringError for a prediction of another shape.
    """
    paired = gold.foreign is not None and gold.source is not None
    if prediction is None:
        return 0.0, 0.0, float(paired)
    try:
        item, source = operator.index(prediction.item), operator.index(prediction.source)
    except (AttributeError, TypeError):
        raise ScoringError(f"predicted {prediction!r} where whole numbers item and source were due") from None
    proposed = source >= 0
    if proposed and gold.foreign is None:
        raise ScoringError(f"row {item} has no foreign sentence, but {source} is proposed for it")
    return float(proposed and paired and source == item), float(proposed), float(paired)


mining_f1 = Metric(
    name="mining_f1",
    title="F1 of mined pairs",
    columns=("tp", "predicted", "gold"),
    count=count,
    close=f1,
    example=Bitext,
    detail="pairs proposed against pairs of the gold, over all foreign sentences, paired or not (F1 of BUCC)",
    cite="zweigenbaum-etal-2017-overview",
)
