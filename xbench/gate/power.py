"""How large a loss must be to be found, where the error itself is only estimated, from a few seeds.

Errors and their degrees of freedom, which must be above 0, have one shape; so has what is given.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, nctdtrinc, ndtri, stdtrit

POWER = 0.8
"""How often a loss must be found to be called detectable."""

Values = NDArray[np.float64]


def typical(error: Values, freedom: Values) -> Values:
    """The error that would be estimated as this one in the middle case: estimates from few seeds come out too small."""
    return np.asarray(error / np.sqrt(chdtri(freedom, 0.5) / freedom), np.float64)


def told_apart(error: Values, freedom: Values, chance: float) -> Values:
    """How far beyond a bound the truth must lie for a one-sided test at this level to say so with power 0.8.

    The statistic follows a noncentral t (Johnson, Kotz and Balakrishnan 1995, Continuous Univariate Distributions 2,
    ch. 31).
    """
    shift = nctdtrinc(freedom, 1 - POWER, stdtrit(freedom, 1 - chance))
    return np.asarray(shift * typical(error, freedom), np.float64)


def let_pass(error: Values, freedom: Values, chance: float) -> Values:
    """How far above a bound the truth may lie for a test at this level not to put it above that with power 0.8."""
    shift = nctdtrinc(freedom, POWER, stdtrit(freedom, 1 - chance))
    return np.asarray(shift * typical(error, freedom), np.float64)


def measured_beyond(error: Values, freedom: Values) -> Values:
    """How far beyond a bound the truth must lie for what is measured to do so with power 0.8."""
    return np.asarray(ndtri(POWER) * typical(error, freedom), np.float64)
