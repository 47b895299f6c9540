"""Classification: accuracy, F1 over labels, and how far the encoder's probabilities are from its accuracy."""

import operator
from bisect import bisect_left
from collections.abc import Callable, Sequence
from numbers import Real

import numpy as np

from xbench.errors import BadOption, ScoringError, near
from xbench.metrics.metric import Metric, Rows, f1, ratio
from xbench.task import Choice, Pair

BINS = 15
"""Bins of equal width for calibration, as Guo et al. take them."""

EDGES = tuple((np.arange(1, BINS) / BINS).tolist())
"""Where a bin ends and the next one begins; a probability on an edge belongs to the lower bin."""


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
    return float(_label(prediction) == gold.label), 1.0


def count_accuracy_at_once(predictions: Sequence[object], gold: Sequence[Pair | Choice], language: str) -> Rows:
    """What `count_accuracy` gives for each, shape (examples, 2). Raises ScoringError as it does."""
    rows = np.ones((len(gold), 2))
    both = zip(predictions, gold, strict=True)
    if all(isinstance(one, str) for one in predictions) and all(isinstance(one, Pair) for one in gold):
        rows[:, 0] = [one == example.label for one, example in both]
    else:
        rows[:, 0] = [count_accuracy(one, example, language)[0] for one, example in both]
    return rows


accuracy = Metric(
    name="accuracy",
    title="Accuracy",
    columns=("correct", "n"),
    count=count_accuracy,
    count_all=count_accuracy_at_once,
    close=ratio,
    example=(Pair, Choice),
    detail="labels compared by name, options by index",
)


def macro(sums: Rows) -> Rows:
    """Mean F1 of the labels that occur, in gold or among predictions; 0 where none does.

    `sums` has the columns (tp, predicted, gold) of each label, shape (..., 3 · labels) -> (...).
    """
    each, occurs, _ = _by_label(sums)
    return _mean(each, occurs)


def weighted(sums: Rows) -> Rows:
    """Mean F1 of the labels, each weighted with its share of the gold; 0 where there is no gold. As `macro`."""
    each, _, gold = _by_label(sums)
    return _mean(each, gold)


def _by_label(sums: Rows) -> tuple[Rows, Rows, Rows]:
    """F1 of each label, whether it occurs (1 or 0), and its gold examples: all of shape (..., labels)."""
    parts = sums.reshape(*sums.shape[:-1], -1, 3)
    return f1(parts), (parts[..., 1:].sum(axis=-1) > 0).astype(np.float64), parts[..., 2]


def _mean(values: Rows, weights: Rows) -> Rows:
    """Weighted mean over the last axis, 0 where all weights are 0."""
    return ratio(np.stack([(values * weights).sum(axis=-1), weights.sum(axis=-1)], axis=-1))


def _f1_family(name: str, title: str, closing: Callable[[Rows], Rows], detail: str) -> Metric:
    """A metric over the F1 of each label; its columns are those of the labels that it is asked for."""

    def for_labels(labels: tuple[str, ...]) -> Metric:
        """The metric that counts these labels. Raises BadOption where there are none."""
        if not labels:
            raise BadOption(f"metric {name!r} counts each label of a task, but there are no labels")
        return Metric(
            name=name, title=title, columns=tuple(f"{part}:{label}" for label in labels for part in PARTS),
            count=_count_labels(labels), close=closing, example=Pair, detail=detail,
        )  # fmt: skip

    return Metric(name=name, title=title, per_label=for_labels, example=Pair, detail=detail)


PARTS = ("tp", "predicted", "gold")
"""What is counted of each label."""


def _count_labels(labels: tuple[str, ...]) -> Callable[[object, Pair, str], tuple[float, ...]]:
    """The function that counts one example in the columns of these labels."""
    first = {label: len(PARTS) * place for place, label in enumerate(labels)}

    def place(label: str, said: str) -> int:
        if label not in first:
            raise ScoringError(f"{said} {str(label)!r}, which is no label of this task{near(label, labels)}")
        return first[label]

    def count(prediction: object, gold: Pair, language: str) -> tuple[float, ...]:
        """(tp, predicted, gold) of each label; without a prediction only its gold is counted.

        Raises ScoringError for a label that the task does not list.
        """
        del language
        row = [0.0] * (len(PARTS) * len(labels))
        row[place(gold.label, "the gold is") + 2] = 1.0
        if prediction is not None:
            found = place(_label(prediction), "predicted")
            row[found] = float(prediction == gold.label)
            row[found + 1] = 1.0
        return tuple(row)

    return count


macro_f1 = _f1_family(
    "macro_f1", "Macro F1", macro,
    "mean over the labels that occur in gold or among predictions; no prediction is no label, and lowers recall",
)  # fmt: skip

weighted_f1 = _f1_family(
    "weighted_f1", "Weighted F1", weighted,
    "mean over labels, weighted with their gold; no prediction is no label, and lowers recall",
)  # fmt: skip


def count_ece(prediction: object, gold: Pair | Choice, language: str) -> tuple[float, ...]:
    """(correct - probability) in the bin of the probability, 0 in the other bins; 1 for an answer; 1.

    Raises ScoringError as `count_accuracy` does, and for a prediction without a probability in 0..1.
    """
    right, n = count_accuracy(prediction, gold, language)
    row = [0.0] * (BINS + 2)
    row[-1] = n
    if prediction is not None:
        probability = getattr(prediction, "probability", None)
        if not isinstance(probability, Real) or not 0.0 <= float(probability) <= 1.0:  # nor is NaN between them
            raise ScoringError(
                f"predicted {prediction!r} with probability {probability}, where one in 0..1 was due: calibration is "
                "that of xbench.task.Label or Option, with the probability that the encoder gave it"
            )
        row[bisect_left(EDGES, float(probability))] = right - float(probability)
        row[-2] = 1.0
    return tuple(row)


def calibration_error(sums: Rows) -> Rows:
    """Expected calibration error: sum of |gap| over bins, plus what was not answered, over n; 0 where n is 0.

    In a bin of m examples |sum of (correct - probability)| / n is m / n · |accuracy - mean probability|, the term of
    Guo et al. (2017, eq. 3). An example without a prediction adds a whole 1: put into a bin, whatever its confidence,
    it could offset errors of the other sign there, and as this is the most that an example can add, silence is never
    better than an answer.

    Noise in a bin never cancels, so the estimate lies too high, and its resampled interval with it: an encoder whose
    probabilities are right shows about 0.07 on 204 examples and 0.02 on 2,000. Compare languages of equal size.

    Shape (..., bins + 2) -> (...).
    """
    answered, n = sums[..., -2], sums[..., -1]
    return ratio(np.stack([np.abs(sums[..., :-2]).sum(axis=-1) + n - answered, n], axis=-1))


ece = Metric(
    name="ece",
    title="Expected calibration error",
    columns=(*(f"gap_{number}" for number in range(1, BINS + 1)), "answered", "n"),
    count=count_ece,
    close=calibration_error,
    example=(Pair, Choice),
    better="lower",
    detail=f"{BINS} bins of equal width, closed above; probability of the answer; no prediction is an error of 1",
    cite="guo-etal-2017-calibration",
)


def _label(prediction: object) -> str:
    """A predicted label. Raises ScoringError where it is not a text."""
    if not isinstance(prediction, str):
        raise ScoringError(f"predicted {prediction!r} where the name of a label was due")
    return prediction
