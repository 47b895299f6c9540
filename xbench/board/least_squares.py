"""Ordinary least squares over cells of a board, with errors that hold for few languages.

Cells of one language err together, whatever the encoder, so errors are clustered by language. Languages are few (8 to
100) and slices of them fewer, where the usual sandwich is too narrow and a bootstrap over languages often draws none of
a rare script. Taken is the bias-reduced sandwich CR2 with its own degrees of freedom: Bell and McCaffrey 2002, Survey
Methodology 28:169-181; Imbens and Kolesár 2016, Review of Economics and Statistics 98:701-712; Pustejovsky and
Tipton 2018, Journal of Business and Economic Statistics 36:672-683. With one cell a language it is HC2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr, solve_triangular
from scipy.special import stdtrit

Floats = NDArray[np.float64]

NOTHING = 1e-9
"""A share of variance this small is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """What one unit of a predictor goes with."""

    value: float
    low: float
    high: float
    """Ends of the 95 % interval: Student's t."""
    standard_error: float
    degrees_of_freedom: float
    """How many languages' worth of evidence the error rests on, by Bell and McCaffrey; below 4 it is rough, and 0
    where one language alone settles the slope, so that nothing tells its error."""
    inflation: float
    """How many times the variance is what it would be were the other predictors unrelated; 1 = alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A regression with one intercept for each group."""

    slopes: tuple[Slope, ...]
    r_squared: float
    """Share of the variance within groups that the predictors take up."""


def within(values: Floats, groups: NDArray[np.intp]) -> Floats:
    """Values less the mean of their group, shape (n, ...)."""
    sums = np.zeros((int(groups.max()) + 1, *values.shape[1:]))
    np.add.at(sums, groups, values)
    sizes = np.bincount(groups).reshape(-1, *(1,) * (values.ndim - 1))
    return np.asarray(values - (sums / np.maximum(sizes, 1))[groups])


def independent(predictors: Floats, groups: NDArray[np.intp]) -> bool:
    """Whether every predictor varies within groups, and none is made of others."""
    rest = within(predictors, groups)
    sizes = np.linalg.norm(rest, axis=0)
    if (sizes <= NOTHING * np.maximum(np.linalg.norm(predictors, axis=0), 1.0)).any():
        return False
    return bool(np.linalg.svd(rest / sizes, compute_uv=False).min() > 1e-6)


def fitted(outcome: Floats, predictors: Floats, groups: NDArray[np.intp], clusters: NDArray[np.intp]) -> Fit:
    """Regress on predictors and an intercept for each group, with errors clustered.

    Args:
        outcome: shape (n,).
        predictors: shape (n, k); `independent` must hold.
        groups: shape (n,), numbered from 0: what has an intercept of its own.
        clusters: shape (n,), numbered from 0: what errs together.
    """
    k = predictors.shape[1]
    design = np.hstack([predictors, np.eye(int(groups.max()) + 1)[groups]])
    base, r = qr(design, mode="economic")
    q: Floats = np.asarray(base, np.float64)
    values = solve_triangular(r, q.T @ outcome)
    residuals = outcome - design @ values
    # Row j: the weights of all cells in slope j.
    weights: Floats = np.asarray(solve_triangular(r, q.T)[:k], np.float64)
    scores, lengths, leverages = _by_cluster(q, weights, residuals, clusters)
    error = np.sqrt((scores**2).sum(axis=1))
    freedom = np.array([_freedom(lengths[j], leverages[j]) for j in range(k)])
    half_width = np.where(freedom > 0, stdtrit(np.maximum(freedom, 0.1), 0.975) * error, np.inf)
    rest = within(predictors, groups)
    apart = np.linalg.inv(_correlations(rest)).diagonal()
    whole = float((within(outcome, groups) ** 2).sum())
    slopes = tuple(
        Slope(
            value=float(values[j]), low=float(values[j] - half_width[j]), high=float(values[j] + half_width[j]),
            standard_error=float(error[j]), degrees_of_freedom=float(freedom[j]), inflation=float(apart[j]),
        )
        for j in range(k)
    )  # fmt: skip
    return Fit(slopes=slopes, r_squared=1 - float(residuals @ residuals) / whole if whole > 0 else 0.0)


def _by_cluster(
    q: Floats, weights: Floats, residuals: Floats, clusters: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats]:
    """For each slope and cluster: its score, squared length of its adjusted weights, and these on the design's base.

    Shapes (k, clusters), (k, clusters) and (k, clusters, columns).
    """
    number = int(clusters.max()) + 1
    scores, lengths = np.zeros((2, len(weights), number))
    leverages = np.zeros((len(weights), number, q.shape[1]))
    alone = np.zeros(len(weights), bool)
    for cluster in range(number):
        mine = clusters == cluster
        own = q[mine]
        root, settled = _inverse_root(np.eye(len(own)) - own @ own.T)
        adjusted = weights[:, mine] @ root
        alone |= np.linalg.norm(weights[:, mine] @ settled, axis=1) > 1e-6 * np.linalg.norm(weights, axis=1)
        scores[:, cluster] = adjusted @ residuals[mine]
        lengths[:, cluster] = (adjusted**2).sum(axis=1)
        leverages[:, cluster] = adjusted @ own
    # What a cluster settles by itself leaves no residual: the error of such a slope is not known.
    lengths[alone] = leverages[alone] = 0.0
    return scores, lengths, leverages


def _inverse_root(matrix: Floats) -> tuple[Floats, Floats]:
    """Symmetric inverse square root of what has variance left, and the directions that have none."""
    values, vectors = eigh(matrix)
    kept = values > NOTHING
    scale = np.zeros_like(values)
    scale[kept] = values[kept] ** -0.5
    return np.asarray((vectors * scale) @ vectors.T), np.asarray(vectors[:, ~kept])


def _freedom(lengths: Floats, leverages: Floats) -> float:
    """Degrees of freedom of a variance that is a sum of squares of correlated scores (Satterthwaite)."""
    covariance = np.diag(lengths) - leverages @ leverages.T
    total = float((covariance**2).sum())
    return float(covariance.trace()) ** 2 / total if total > 0 else 0.0


def _correlations(rest: Floats) -> Floats:
    scaled = rest / np.linalg.norm(rest, axis=0)
    return np.asarray(scaled.T @ scaled)
