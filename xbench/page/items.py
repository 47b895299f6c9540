"""Single items of a test set: what each encoder made of them in each language, as its records hold it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xbench import examples
from xbench.board import Board, Column
from xbench.errors import BrokenPlugin, XbenchError
from xbench.metrics import Metric, for_columns, rows_of
from xbench.metrics.metric import f1
from xbench.metrics.named import installed
from xbench.record import DataUsed

SLACK = 1e-9
"""How far from 0 or 1 rounding may take the score of an item."""

ALL = "all items"
LOST = "right in the source, wrong in X"
WRONG = "wrong in X"
EVERYWHERE = "wrong everywhere"
APART = "the two encoders differ in X"

FILTERS = (LOST, WRONG, EVERYWHERE, APART, ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What one encoder made of a test set with one seed."""

    encoder: str
    source: str
    scores: Mapping[str, Mapping[str, float]]
    """Language -> id -> score of the item alone by the metric that ranks, 0 wrong to 1 right."""
    predictions: Mapping[str, Mapping[str, Any]]
    """Language -> id -> what was predicted, as plain JSON values; languages written without predictions are absent."""
    used: Mapping[str, DataUsed]
    """Language -> the rows that were scored."""
    limits: Mapping[str, int]
    """Language -> how many rows were read, from the first on; 0 = all."""
    faults: tuple[str, ...] = ()
    """Files that cannot be read or trusted."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have items."""
        return tuple(self.scores)

    def right(self, language: str, item: str) -> bool | None:
        """Whether all of an item is right; None where it was not scored."""
        score = self.scores.get(language, {}).get(item)
        return None if score is None else score >= 1 - SLACK


def answers(board: Board, column: Column, seed: int, metric: str) -> Answers:
    """The answers of a column's runs with this seed, from the files beside its records."""
    scores: dict[str, dict[str, float]] = {}
    predictions: dict[str, dict[str, Any]] = {}
    used: dict[str, DataUsed] = {}
    limits: dict[str, int] = {}
    faults: list[str] = []
    for run in column.runs:
        if int(board.runs["seed"].iloc[run]) != seed:
            continue
        try:
            record, file = board.record(run), board.file(run)
            counts = examples.read_counts(file, record)
            known = for_columns(installed(metric), counts.columns)
            found = of_items(rows_of(counts, known), known)
            written = examples.read_predictions(file, record)
        except XbenchError as fault:
            faults.append(str(fault))
            continue
        for language, item, score in zip(counts.languages, counts.ids, found.tolist(), strict=True):
            scores.setdefault(language, {}).setdefault(item, score)
        if len(written) == len(counts.ids):
            for language, item, said in zip(counts.languages, counts.ids, written, strict=True):
                predictions.setdefault(language, {}).setdefault(item, said)
        used |= record.provenance.test
        limit = record.provenance.recipe.get("limit_test", 0)
        limits |= dict.fromkeys(record.provenance.test, max(limit, 0) if isinstance(limit, int) else 0)
    return Answers(
        encoder=column.encoder, source=column.source, scores=scores, predictions=predictions, used=used, limits=limits,
        faults=tuple(faults),
    )  # fmt: skip


def of_items(rows: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    """The score of each item alone, 0 wrong to 1 right, shape (items, columns of the metric) -> (items,).

    An item in which there was nothing to find, and in which nothing was found, is right.

    Raises BrokenPlugin where the metric cannot close single items.
    """
    if not metric.columns:
        return np.zeros(len(rows))
    try:
        closed = np.asarray(metric.close(rows), np.float64).reshape(len(rows))
    except Exception as cause:
        raise BrokenPlugin(
            f"metric {metric.name!r} cannot close single items: {type(cause).__name__}: {cause}"
        ) from cause
    if metric.close is f1:
        closed = np.where(rows.sum(axis=1) == 0, 1.0, closed)
    return closed if metric.better == "higher" else 1 - closed


def offered(several: Sequence[Answers], *, parallel: bool) -> list[str]:
    """The filters that make sense: some need the source's score, two encoders, or equal items in all languages."""
    first = several[0]
    possible = {
        LOST: parallel and first.source in first.scores, WRONG: True, EVERYWHERE: parallel, APART: len(several) > 1,
        ALL: True,
    }  # fmt: skip
    return [show for show in FILTERS if possible[show]]


def chosen(several: Sequence[Answers], show: str, language: str) -> list[tuple[str, int]]:
    """Items to show, with the number of languages in which the first encoder has them wrong, most first.

    Args:
        several: one encoder or two; filters are about the first.
        show: one of FILTERS.
        language: X; empty = in any but the source.
    """
    first = several[0]
    targets = [language] if language else [one for one in first.languages if one != first.source]
    tests: Mapping[str, Callable[[str], bool]] = {
        ALL: lambda item: any(first.right(one, item) is not None for one in (*targets, first.source)),
        LOST: lambda item: first.right(first.source, item) is True and _wrong(first, item, targets),
        WRONG: lambda item: _wrong(first, item, targets),
        EVERYWHERE: lambda item: not any(first.right(one, item) for one in first.languages),
        APART: lambda item: any(_apart(several, item, one) for one in targets),
    }
    holds = tests[show]
    every = dict.fromkeys(item for of_language in first.scores.values() for item in of_language)
    found = [(item, sum(first.right(one, item) is False for one in first.languages)) for item in every if holds(item)]
    return sorted(found, key=lambda pair: -pair[1])


def _wrong(one: Answers, item: str, languages: Sequence[str]) -> bool:
    return any(one.right(language, item) is False for language in languages)


def _apart(several: Sequence[Answers], item: str, language: str) -> bool:
    told = {one.right(language, item) for one in several}
    return {True, False} <= told


def sign(score: float | None) -> str:
    """Whether an item is right, told by a sign and a word."""
    if score is None:
        return "– not scored"
    if score >= 1 - SLACK:
        return "✓ right"
    return "✗ wrong" if score <= SLACK else f"◐ {100 * score:.0f} % right"
