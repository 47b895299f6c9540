"""Influences: one number for each example whose mean is the score, for any metric, from counts alone.

With them a mean of languages, a gap or a difference of two encoders is a mean over examples too (`uncertainty`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, rows_of, total
from xbench.record import Counts
from xbench.resample import Close, Rows

STEP = 1e-3
"""Relative step of the differences that stand for a derivative: rounding and curvature both leave some 1e-12."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Influences of one encoder on one task, in some languages."""

    influences: Mapping[str, Rows]
    """Language -> shape (seeds, examples); the same seeds in the same order in every language."""
    ids: Mapping[str, tuple[str, ...]]
    """Language -> id of each example. In a parallel set the same id is the same item in another language."""

    def __post_init__(self) -> None:
        """Raise ScoringError, saying all that is wrong, unless the influences belong together."""
        wrong = []
        if set(self.ids) != set(self.influences):
            wrong.append(f"influences of {', '.join(self.influences)} come with ids of {', '.join(self.ids)}")
        for language, rows in self.influences.items():
            ids = self.ids.get(language, ())
            if rows.ndim != 2 or not rows.size or rows.shape[1] != len(ids):
                wrong.append(
                    f"{language} has influences of shape {rows.shape}, not (seeds, examples), for {len(ids)} ids"
                )
            elif not np.isfinite(rows).all():
                wrong.append(f"{language} has influences that are not finite")
            wrong += _more_than_once(language, ids)
        if len(seeds := {len(rows) for rows in self.influences.values()}) > 1:
            wrong.append(f"languages differ in their number of seeds: {', '.join(map(str, sorted(seeds)))}")
        if wrong or not self.influences:
            raise ScoringError("; ".join(wrong or ["there are no cells"]) + ".")

    @property
    def seeds(self) -> int:
        """How many seeds there are."""
        return len(next(iter(self.influences.values())))

    def scores(self, language: str) -> Rows:
        """Score of each seed in a language, 0..1."""
        return np.asarray(self.influences[language].mean(axis=1), np.float64)


def influence(rows: Rows, close: Close) -> Rows:
    """Influence of each example: numbers whose mean is the score, and whose variance over n is that of the score.

    The first-order (delta method, infinitesimal jackknife: Efron 1982, ch. 6) value of any score that counts add up
    to: score + gradient of `close` at the sum, times n, times (row - mean row). For F1 that is
    F + (2 tp - F d) / mean(d), d = predicted + gold; for a share it is each example's own 0 or 1.

    Args:
        rows: shape (n, columns): counts of each example.
        close: sums with shape (..., columns) -> scores with shape (...); smooth near the sum.

    Returns:
        Shape (n,).

    Raises:
        ScoringError: no rows, numbers that are not finite, or such that no sum or score can be computed of them.
    """
    if rows.ndim != 2 or not len(rows) or not np.isfinite(rows).all():
        raise ScoringError(f"rows must be finite numbers of shape (examples, columns), not of shape {rows.shape}")
    whole, size = total(rows), total(np.abs(rows))
    steps = np.diag(np.where(size > 0, size * STEP, 0.0))
    try:
        score = float(close(whole))
        # Five points: exact up to curvature of the fifth order.
        up, up2, down, down2 = (close(whole + k * steps) for k in (1, 2, -1, -2))
    except ArithmeticError as cause:
        raise ScoringError(f"no score can be computed of sums {whole.tolist()}: {cause}") from cause
    differences = 8 * (up - down) - (up2 - down2)
    gradient = np.divide(differences, 12 * size * STEP, out=np.zeros_like(size), where=size > 0)
    telling = (rows * len(rows) - whole) @ gradient
    return np.asarray(score + telling - telling.mean(), np.float64)


def cells_of(tables: Sequence[Counts], metric: Metric) -> Cells:
    """Influences from the counts of one encoder's runs, one table for each seed, aligned by item id.

    Raises:
        ScoringError: the seeds do not have the same items in the same languages, lack the metric, or have an id more
            than once in a language.
    """
    found: dict[str, list[dict[str, float]]] = {}
    wrong: list[str] = []
    for table in tables:
        for language in dict.fromkeys(table.languages):
            ids = [id for id, one in zip(table.ids, table.languages, strict=True) if one == language]
            wrong += _more_than_once(language, ids)
            values = influence(rows_of(table, metric, language), metric.close).tolist()
            found.setdefault(language, []).append(dict(zip(ids, values, strict=True)))
    if wrong:
        raise ScoringError("; ".join(dict.fromkeys(wrong)) + ".")
    for language, seeds in found.items():
        if len(seeds) < len(tables) or any(seed.keys() != seeds[0].keys() for seed in seeds):
            raise ScoringError(f"{language}: the {len(tables)} seeds were not scored on the same items.")
    return Cells(
        influences={
            language: np.array([[seed[id] for id in seeds[0]] for seed in seeds]) for language, seeds in found.items()
        },
        ids={language: tuple(seeds[0]) for language, seeds in found.items()},
    )


def _more_than_once(language: str, ids: Sequence[str]) -> list[str]:
    """What is wrong with the ids of a language where one stands there more than once; else nothing."""
    return [f"{language} has ids more than once"] if len(set(ids)) < len(ids) else []
