"""Classification: the share of examples whose predicted label is the gold one."""

import operator

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, ratio
from xbench.task import Choice, Pair


def count_accuracy(prediction: object, gold: Pair | Choice, language: str) -> tuple[float, float]:
    """(correct, 1) for a label (Pair) or the index of an option (Choice).

    Raises ScoringError for a prediction that is neither a name of a label nor, for options, a whole number.
    """
    del language
    if prediction is None:
        return 0.0, 1.0
    if isinstance(gold, Choice):
        try:
            return float(operator.index(prediction) == gold.label), 1.0  # type: ignore[arg-type]
        except TypeError:
            raise ScoringError(f"predicted {prediction!r} where the index of an option was due") from None
    if not isinstance(prediction, str):
        raise ScoringError(f"predicted {prediction!r} where the name of a label was due")
    return float(prediction == gold.label), 1.0


accuracy = Metric(
    name="accuracy",
    title="Accuracy",
    columns=("correct", "n"),
    count=count_accuracy,
    close=ratio,
    detail="labels compared by name, options by index",
)
