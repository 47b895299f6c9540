"""Variances of a few seeds, moved towards what all cells have in common (empirical Bayes).

Three or five seeds tell little of a variance, sixty cells together tell much. A cell whose scores vary with the seed
does so for both encoders: a cell's variance is its own times a factor of the encoder, and both encoders' seeds tell of
it. True variances are taken to be scattered
around a common value, s0^2 d0 / chi^2 with d0 degrees of freedom, so that a sample variance of d degrees of freedom
follows s0^2 F(d, d0); its posterior mean is (d0 s0^2 + d s^2) / (d0 + d), with d0 + d degrees of freedom (Smyth 2004,
Statistical Applications in Genetics and Molecular Biology 3:3, doi:10.2202/1544-6115.1027, section 6).
"""

from dataclasses import dataclass
from math import exp, inf, isinf, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

Values = NDArray[np.float64]

FEWEST = 4
"""Variances below which nothing is said of what they have in common."""

SMALLEST = 1e-5
"""Share of the median that a variance is taken to have at least: the logarithm of 0 tells nothing."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What variances have in common."""

    freedom: float
    """d0: how many degrees of freedom the common value is worth; 0 = nothing is known, inf = all are equal."""
    variance: float
    """s0^2."""

    def moderate(self, variances: Values, freedom: Values) -> tuple[Values, Values]:
        """Posterior variances, and their degrees of freedom: 0 where neither seeds nor the prior tell anything."""
        whole = freedom + self.freedom
        if isinf(self.freedom):
            return np.full(variances.shape, self.variance), whole
        summed = freedom * variances + self.freedom * self.variance
        return np.divide(summed, whole, out=np.zeros(variances.shape), where=whole > 0), whole


NOTHING = Prior(0.0, 0.0)


def over_seeds(variances: Values, runs: Values) -> tuple[Values, Values]:
    """Variance that seeds give to the difference of two encoders in each cell, moderated, and its degrees of freedom.

    That is s^2_candidate / K + s^2_base / K. Where cells are too few to have anything in common, degrees of freedom are
    Welch's, and 0 where an encoder has one seed.

    Args:
        variances: of the seeds' scores, shape (cells, 2), candidate and baseline; whatever stands there for one seed.
        runs: seeds, shape (cells, 2).
    """
    freedom = runs - 1
    factors = _factors(variances, freedom)
    told = freedom.sum(axis=1)
    pooled = np.divide((freedom * variances / factors).sum(axis=1), told, out=np.zeros(len(told)), where=told > 0)
    common = prior(pooled, told)
    if common == NOTHING:
        parts = np.where(freedom > 0, variances / runs, 0.0)
        squares = np.divide(parts**2, freedom, out=np.zeros_like(parts), where=freedom > 0).sum(axis=1)
        whole = parts.sum(axis=1)
        fewest = freedom.min(axis=1)
        return whole, np.where(
            fewest > 0, np.divide(whole**2, squares, out=freedom.sum(axis=1), where=squares > 0), 0.0
        )
    own, degrees = common.moderate(pooled, told)
    return own * (factors / runs).sum(axis=1), degrees


def _factors(variances: Values, freedom: Values) -> Values:
    """How many times a cell's variance each encoder's seeds have, shape (2,), their product 1: from all cells."""
    there = (freedom > 0).all(axis=1) & (variances > 0).all(axis=1)
    if there.sum() < FEWEST:
        return np.ones(2)
    half = freedom[there] / 2
    logs = np.log(variances[there]) - digamma(half) + np.log(half)
    apart = float((logs[:, 0] - logs[:, 1]).mean()) / 2
    return np.array([exp(apart), exp(-apart)])


def prior(variances: Values, freedom: Values) -> Prior:
    """The common value of sample variances and its worth, by the method of moments on their logarithms.

    Args:
        variances: shape (variances,), of samples that need not be independent.
        freedom: degrees of freedom of each; where they are 0 it is left out.
    """
    variances, freedom = variances[freedom > 0], freedom[freedom > 0]
    middle = float(np.median(variances)) if len(variances) else 0.0
    if len(variances) < FEWEST or middle <= 0:
        return NOTHING
    half, at = np.unique(freedom / 2, return_inverse=True)
    logs = np.log(np.maximum(variances, SMALLEST * middle)) - (digamma(half) - np.log(half))[at]
    centre = float(logs.mean())
    beyond = float(((logs - centre) ** 2).sum() / (len(logs) - 1) - polygamma(1, half)[at].mean())
    if beyond <= 0:  # no more scatter than samples of one variance have
        return Prior(inf, float((freedom * variances).sum() / freedom.sum()))
    worth = 2 * trigamma_inverse(beyond)
    return Prior(worth, exp(centre + float(digamma(worth / 2)) - log(worth / 2)))


def trigamma_inverse(value: float) -> float:
    """The y > 0 whose trigamma is `value` > 0, by Newton's method on 1 / trigamma (Smyth 2004, appendix)."""
    if value > 1e7:  # trigamma(y) -> 1 / y^2 towards 0, and 1 / y towards infinity
        return float(1 / np.sqrt(value))
    if value < 1e-6:
        return 1 / value
    y = 0.5 + 1 / value
    for _ in range(50):
        here = float(polygamma(1, y))
        step = here * (1 - here / value) / float(polygamma(2, y))
        y += step
        if -step < 1e-10 * y:
            break
    return y
