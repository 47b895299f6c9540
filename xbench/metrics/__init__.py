"""Metrics: per-example counts, and the number that their sum closes to.

A metric never sees more than one language of one run; most see one example at a time. Counts are summed, and the sum
is closed. Whatever can be said of uncertainty is then said from the counts alone, the same way for every metric.
"""

from typing import TYPE_CHECKING

from xbench.errors import BadOption
from xbench.metrics.counting import count, try_on, unanswered
from xbench.metrics.metric import Metric, checked, close, f1, for_columns, for_labels, ratio, rows_of, total

if TYPE_CHECKING:
    from xbench.metrics.modules import Module

__all__ = [
    "Metric", "checked", "close", "count", "f1", "for_columns", "for_labels", "load", "ratio", "rows_of", "total",
    "try_on", "unanswered",
]  # fmt: skip


def load(name: str) -> "Module":
    """A metric as an `evaluate.EvaluationModule`, by any name that a task may give; needs no network.

    Raises BadOption where the package `evaluate` is not installed, and what `xbench.catalogue.metric` raises.
    """
    try:
        import evaluate  # noqa: F401
    except ImportError as cause:
        raise BadOption(
            f'xbench.metrics.load({name!r}) needs the package evaluate: pip install "evaluate>=0.4.3"'
        ) from cause
    from xbench.metrics.modules import load

    return load(name)
