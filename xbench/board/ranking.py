"""Ranks with their doubt: who is better than whom beyond it, and what places that leaves open."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from xbench.board.doubt import Doubt, doubt_of_mean
from xbench.board.table import Column, Rank, Table
from xbench.errors import XbenchError
from xbench.influence import Cells
from xbench.significance import paired_test
from xbench.uncertainty import ROUNDING, difference

PAIRED = 30
"""Encoders up to which every pair is compared item by item."""

LEVEL = 0.05


def ranked(table: Table, cells: Callable[[Column], Cells | None]) -> Table:
    """The table with a rank on every column that may have one: complete, zero-shot, and with others to compare with."""
    if table.better != "higher":
        return table
    groups: dict[tuple[str, ...], list[int]] = {}
    wanted = set(table.languages)
    for place, column in enumerate(table.columns):
        if column.zero_shot and wanted - {column.source} and wanted - {column.source} <= column.cells.keys():
            groups.setdefault(column.comparable, []).append(place)
    columns = list(table.columns)
    for places in groups.values():
        if len(places) > 1:
            for place, rank in zip(places, _ranks(table, [columns[i] for i in places], cells), strict=True):
                columns[place] = replace(columns[place], rank=rank)
    return replace(table, columns=tuple(columns))


def _ranks(table: Table, columns: Sequence[Column], cells: Callable[[Column], Cells | None]) -> list[Rank]:
    targets = [language for language in table.languages if language != columns[0].source]
    means = np.array([column.mean(targets) for column in columns], np.float64)
    influences = [cells(column) for column in columns] if len(columns) <= PAIRED else []
    pairs = np.triu_indices(len(columns), 1)
    p = _paired(targets, [one for one in influences if one], pairs, table.paired) if all(influences) else None
    paired = p is not None
    if p is None:
        p = _unpaired(means, [doubt_of_mean(one, targets, paired=table.paired) for one in columns], pairs)
    return ranks(means, _beyond_doubt(p, pairs, means), paired=paired)


def _unpaired(
    means: NDArray[np.float64], doubts: Sequence[Doubt], pairs: tuple[NDArray[np.intp], ...]
) -> NDArray[np.float64]:
    """p-values of every pair from what the records say: Student's t by Satterthwaite's degrees of freedom."""
    of_seeds = np.array([one.over_seeds for one in doubts])
    variance = of_seeds + np.array([one.over_items for one in doubts])
    weights = of_seeds**2 / np.array([max(one.seeds - 1, 1) for one in doubts])
    first, second = pairs
    both = variance[first] + variance[second]
    apart = np.abs(means[first] - means[second]) / np.maximum(np.sqrt(both), ROUNDING)
    p = np.ones(len(apart))
    told = apart > 1.95  # the rest is above LEVEL whatever the degrees of freedom, so in doubt
    freedom = both[told] ** 2 / np.maximum((weights[first] + weights[second])[told], 1e-300)
    p[told] = 2 * stdtr(np.clip(freedom, 1, 1e9), -apart[told])
    return p


def _paired(
    targets: Sequence[str], cells: Sequence[Cells], pairs: tuple[NDArray[np.intp], ...], paired: bool
) -> NDArray[np.float64] | None:
    """p-values of every pair, item by item; None where items differ or counts are not at hand."""
    if not cells:
        return None
    weights = dict.fromkeys(targets, 1 / len(targets))
    try:
        estimates = [difference(cells[a], cells[b], weights, paired=paired) for a, b in zip(*pairs, strict=True)]
    except XbenchError:  # other items, or languages that the counts lack
        return None
    return np.array([paired_test(one).two_sided for one in estimates])


def _beyond_doubt(
    p: NDArray[np.float64], pairs: tuple[NDArray[np.intp], ...], means: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Shape (columns, columns): whether the row's encoder is better than the column's beyond doubt."""
    better = np.zeros((len(means), len(means)), bool)
    sure = sure_of(p)
    first, second = (side[sure] for side in pairs)
    wins = means[first] > means[second]
    better[np.where(wins, first, second), np.where(wins, second, first)] = True
    return better


def sure_of(p: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which p-values remain below LEVEL after Holm's step-down, as `significance.holm` has it; for half a million."""
    ordered = np.sort(p)
    fails = ordered * np.arange(len(p), 0, -1) >= LEVEL
    return p < ordered[np.argmax(fails)] if fails.any() else np.ones(len(p), bool)


def ranks(means: NDArray[np.float64], better: NDArray[np.bool_], *, paired: bool) -> list[Rank]:
    """Ranks of encoders from their means and from who is better beyond doubt, shapes (n,) and (n, n)."""
    n = len(means)
    order = np.argsort(-means, kind="stable")
    tiers = _tiers(order, better)
    place = 1 + n - np.searchsorted(np.sort(means), means, side="right")
    best, worst = 1 + better.sum(axis=0), n - better.sum(axis=1)
    return [
        Rank(place=at, best=high, worst=low, tier=tiers[i], among=n, paired=paired)
        for i, (at, high, low) in enumerate(zip(place.tolist(), best.tolist(), worst.tolist(), strict=True))
    ]


def _tiers(order: NDArray[np.intp], better: NDArray[np.bool_]) -> dict[int, int]:
    """Tier of each encoder: a new one begins with the first that is worse beyond doubt than the first of the last."""
    tiers: dict[int, int] = {}
    head, tier = int(order[0]), 1
    for i in map(int, order):
        if better[head, i]:
            head, tier = i, tier + 1
        tiers[i] = tier
    return tiers
