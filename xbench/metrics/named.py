"""Metrics by name."""

from xbench.door import Door
from xbench.errors import BadOption, UnknownName
from xbench.metrics.foreign import PREFIX, of_evaluate
from xbench.metrics.metric import Metric

metrics: Door[Metric] = Door("metric", "xbench.metrics", lambda v: isinstance(v, Metric), "an xbench.metrics.Metric")

DIGITS = 9
"""Of the number of a metric in a record; Python reads no number of more than some thousands."""


def metric(name: str) -> Metric:
    """The metric meant by a registered name, a .py file, `name@N` of a family of metrics, or `evaluate:…`.

    What may stand behind `evaluate:` says `xbench.metrics.foreign`.

    Raises UnknownName, BadOption for a number that makes no sense, and what Door.open raises.
    """
    if name.startswith(PREFIX):
        return of_evaluate(name)
    base, at, number = name.rpartition("@")
    if not at or name.endswith(".py"):
        return metrics.open(name)
    family = metrics.open(base)
    if family.at is None:
        raise BadOption(f"metric {base!r} takes no number, so there is no {name!r}")
    if not number.isascii() or not number.isdigit() or int(number) < 1:
        raise BadOption(f"metric {name!r}: behind the @ a whole number from 1 on is due, not {number!r}")
    return family.at(int(number))


def installed(name: str) -> Metric:
    """The metric that is registered under this name, or its family. Raises UnknownName, BadOption, BrokenPlugin.

    For names that stand in a record, which is untrusted: a path, or a place to load from, opens nothing here.
    """
    base, at, number = name.rpartition("@")
    sound = not at or (number.isascii() and number.isdigit() and len(number) <= DIGITS)
    if not sound or (base if at else name) not in metrics.names():
        raise UnknownName("metric", name, metrics.names())
    return metric(name)
