"""Metrics: per-example counts, and the number that their sum closes to.

A metric never sees more than one language of one run; most see one example at a time. Counts are summed, and the sum
is closed. Whatever can be said of uncertainty is then said from the counts alone, the same way for every metric.
"""

from xbench.metrics.counting import count, try_on, unanswered
from xbench.metrics.metric import Metric, checked, close, f1, for_columns, for_labels, ratio, rows_of, total

__all__ = [
    "Metric", "checked", "close", "count", "f1", "for_columns", "for_labels", "ratio", "rows_of", "total", "try_on",
    "unanswered",
]  # fmt: skip
