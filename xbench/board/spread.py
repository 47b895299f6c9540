"""What a column says about disparity: its measures, over groups of languages that were declared beforehand."""

from collections.abc import Iterable, Sequence
from math import hypot

import numpy as np

from xbench import catalogue, languages
from xbench.board.table import Column, Table
from xbench.disparity import Measure, measures, sample
from xbench.errors import XbenchError
from xbench.influence import Cells

LOW_RESOURCE = 2
"""Resource classes (Joshi et al. 2020) up to this one are low-resource: rising stars and below begin at 3."""

SMALLEST = 1
"""Languages that a group must have to be one."""


def groups(targets: Sequence[str], source: str, seen: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """Name -> targets: by resource class, by script and family as against the source's, and unseen in pre-training.

    A language of which a fact is not known is in no group that asks for it. `seen` is what the encoder's card lists;
    without it nobody can say what is unseen.
    """
    origin = languages.language(source)
    known = {one: languages.language(one) for one in targets}
    found = {
        "low-resource": [
            one for one, it in known.items() if it.resource_class is not None and it.resource_class <= LOW_RESOURCE
        ],
        "other script": [
            one for one, it in known.items() if it.script and origin.script and it.script != origin.script
        ],
        "other family": [
            one for one, it in known.items() if it.family and origin.family and it.family != origin.family
        ],
        "unseen": [one for one in targets if not any(languages.same(one, other) for other in seen)] if seen else [],
    }
    return {name: tuple(members) for name, members in found.items() if SMALLEST <= len(members) < len(targets)}


def by_fact(targets: Iterable[str], fact: str) -> dict[str, tuple[str, ...]]:
    """Targets by the value of a fact: script, family, macro_area, resource_class; unknown values make no group."""
    found: dict[str, list[str]] = {}
    for one in targets:
        value = getattr(languages.language(one), fact)
        if value not in ("", None):
            found.setdefault(str(value), []).append(one)
    return {value: tuple(members) for value, members in sorted(found.items())}


def seen_by(encoder: str) -> tuple[str, ...]:
    """Languages in the pre-training of a registered encoder, as its card lists them; empty where nobody says."""
    if encoder not in catalogue.encoders.names():
        return ()
    try:
        return catalogue.encoders.open(encoder).seen
    except XbenchError:
        return ()


def measured(table: Table, column: Column, cells: Cells | None, *, gini: bool = False) -> tuple[Measure, ...]:
    """Every measure of a column; none where a language is missing: over another set they would be other measures.

    None either where lower is better: the lowest language would then be the best.
    """
    if table.better != "higher" or column.mean(table.languages) is None:
        return ()
    order = [one for one in table.languages if one in column.cells]
    if cells is not None and any(one not in cells.influences for one in order):
        cells = None  # a counts file that lacks a language tells nothing of means over it
    taken = sample(
        {one: column.cells[one].value for one in order}, column.source, cells=cells, parallel=table.parallel,
        shares_items=table.shares_items, chance=table.chance,
    )  # fmt: skip
    people = {one: languages.language(one).speakers or 0 for one in taken.languages}
    return measures(taken, groups(taken.languages, column.source, seen_by(column.encoder)), people, gini=gini)


def over_all(of_tasks: Sequence[Sequence[Measure]], trainings: Sequence[str]) -> tuple[Measure, ...]:
    """The mean over tasks of every measure that all of them have, for one encoder; empty for fewer than two tasks.

    `trainings` says of each task what the encoder was fine-tuned on, as `xbench.record.training` does. Tasks with
    trainings of their own are independent: their errors add in squares. Those that share one are answered by the same
    models, whose seeds move them together: their errors are added as if they always erred together.
    """
    if len(of_tasks) < 2:
        return ()
    by_name = [{one.name: one for one in each} for each in of_tasks]
    found = []
    for name in by_name[0]:
        parts = [each[name] for each in by_name if name in each]
        if len(parts) < len(by_name):
            continue
        value = float(np.mean([one.value for one in parts]))
        low, high = (_apart([(one.value, getattr(one, end)) for one in parts], trainings) for end in ("low", "high"))
        found.append(
            Measure(
                name=name, value=value, low=None if low is None else value - low,
                high=None if high is None else value + high,
                languages=tuple(dict.fromkeys(language for one in parts for language in one.languages)),
                seeds=min(one.seeds for one in parts),
                caveat="; ".join(dict.fromkeys(one.caveat for one in parts if one.caveat)),
            )
        )  # fmt: skip
    return tuple(found)


def _apart(ends: Sequence[tuple[float, float | None]], trainings: Sequence[str]) -> float | None:
    """How far the mean of tasks may lie off to one side, from (value, end) of each; None where one has no end."""
    of_training: dict[str, float] = {}
    for place, ((value, end), training) in enumerate(zip(ends, trainings, strict=True)):
        if end is None:
            return None
        own = training or str(place)
        of_training[own] = of_training.get(own, 0.0) + abs(end - value)
    return hypot(*of_training.values()) / len(ends)
