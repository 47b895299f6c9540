"""How far a score, a mean of scores or a difference may lie from the truth: over test examples and training seeds.

It starts from influences, one number for each example whose mean is the score; no random number is drawn.

The design is crossed: every seed's model answers the same examples. In influences y[s, i] = mean + seed + example +
interaction, and the variance of the mean of K seeds and n examples is estimated by
    (MS_seed + MS_example - MS_interaction) / (n K),
mean squares as of a two-way analysis of variance with random effects (Searle, Casella and McCulloch 1992, Variance
Components, ch. 4), with degrees of freedom by Satterthwaite (1946, Biometrics Bulletin 2:110-114).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from xbench.errors import BadOption, ScoringError
from xbench.influence import Cells
from xbench.resample import Rows, score_interval, wilson

ROUNDING = 1e-9
"""A standard error this small, as a share of all values that there can be, is rounding: nothing varied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A score, or a combination of scores, with its interval."""

    value: float
    low: float
    high: float
    level: float
    """Wanted share of such intervals that hold the true value, 0..1."""
    standard_error: float
    degrees_of_freedom: float
    """Of the standard error, by Satterthwaite; 0 where a language has one example only, which tells nothing."""
    seeds: int
    """Training seeds of each encoder, of the one with fewest. With 1, everything is given this seed: another one may
    lie far outside the interval."""
    n: int
    """Examples; what is paired counts once."""
    least: float
    """Least value that there can be: 0 for a score, -1 for a difference of two."""
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Where the variance of a combination of scores comes from."""

    value: float
    seeds: tuple[float, ...]
    """Of each encoder: variance of its seeds' scores, one seed each; 0 where it has one seed only."""
    runs: tuple[int, ...]
    """Of each encoder: number of seeds."""
    by_seed: tuple[tuple[float, ...], ...] = ()
    """Of each encoder: what it gives to the value with each seed; empty where nobody says."""
    examples: float
    """Variance of the value over sets of examples, seeds held."""
    interactions: tuple[float, ...]
    """Of each encoder: what both others hold, the variance of its mean from seed by example."""
    n: int
    """Examples; what is paired counts once."""
    smallest: int
    """Examples of the smallest language."""
    least: float
    most: float

    def estimate(self, level: float = 0.95) -> Estimate:
        """Close the parts to an interval. Raises BadOption for a level outside 0..1."""
        over_seeds = [part / runs for part, runs in zip(self.seeds, self.runs, strict=True)]
        freedom = self.smallest - 1
        parts = [(self.examples, freedom)]
        parts += [(part, runs - 1) for part, runs in zip(over_seeds, self.runs, strict=True) if runs > 1]
        parts += [
            (part, (runs - 1) * freedom) for part, runs in zip(self.interactions, self.runs, strict=True) if runs > 1
        ]
        # The difference of mean squares can fall below what one of them alone tells.
        variance = max(self.examples + sum(over_seeds) - sum(self.interactions), self.examples, sum(over_seeds))
        return _interval(
            self.value, variance, parts, level=level, seeds=min(self.runs), n=self.n, smallest=self.smallest,
            least=self.least, most=self.most,
        )  # fmt: skip


def over_seeds(influences: Rows, level: float = 0.95) -> Estimate:
    """One score over seeds and examples from influences of shape (seeds, examples)."""
    ids = tuple(map(str, range(influences.shape[-1])))
    return contrast(Cells(influences={"": influences}, ids={"": ids}), {"": 1.0}, level=level)


def contrast(cells: Cells, weights: Mapping[str, float], *, paired: bool = True, level: float = 0.95) -> Estimate:
    """A weighted sum of languages' scores: their mean (weights 1/L), the gap to the source (1 and -1/L), one cell.

    `paired` says that equal ids are one item, as in a parallel set; without it languages have items of their own.
    Seeds are shared either way: one fine-tuned model answers in every language.
    """
    return spread([(cells, weights)], paired=paired).estimate(level)


def difference(
    candidate: Cells, base: Cells, weights: Mapping[str, float], *, paired: bool = True, level: float = 0.95
) -> Estimate:
    """Candidate less base in a weighted sum of languages' scores, on the same items, each with seeds of its own.

    SE^2 = s^2_candidate / K + s^2_base / K + Var_i(d_i) / n, the interaction of seed and example counted once.
    Raises ScoringError where the items of a language differ.
    """
    return difference_spread(candidate, base, weights, paired=paired).estimate(level)


def difference_spread(candidate: Cells, base: Cells, weights: Mapping[str, float], *, paired: bool = True) -> Spread:
    """The parts of `difference`, for a reader that moderates some of them before it closes."""
    for language in weights:
        if candidate.ids.get(language, ()) == base.ids.get(language, ()):
            continue
        ours, theirs = set(candidate.ids.get(language, ())), set(base.ids.get(language, ()))
        if ours != theirs:
            some = ", ".join(sorted(ours ^ theirs)[:3])
            raise ScoringError(
                f"{language or 'the encoders'}: candidate and base were not scored on the same items; "
                f"{len(ours ^ theirs)} are on one side only, as {some}."
            )
    opposite = {language: -weight for language, weight in weights.items()}
    return spread([(candidate, weights), (base, opposite)], paired=paired)


def spread(sides: Sequence[tuple[Cells, Mapping[str, float]]], *, paired: bool = True) -> Spread:
    """Parts of the variance of a sum over encoders (their seeds independent, their items shared) and languages.

    Every item gives to the value the sum, over encoders and languages, of weight / n times its influence less the
    seed's score; items are independent. Where ids are not paired an item is of one language, so variances add; in
    between (languages that share some items) both hold, each for its part.

    Raises:
        BadOption: no weights, or one of a language without cells.
    """
    _known(sides)
    places, n = _places(sides, paired)
    given = [_given(cells, weights, side, n) for (cells, weights), side in zip(sides, places, strict=True)]
    items = np.sum([one.mean(axis=0) for one in given], axis=0)
    scores = [
        np.sum([weight * cells.scores(one) for one, weight in weights.items()], axis=0) for cells, weights in sides
    ]
    signed = [weight for _, weights in sides for weight in weights.values()]
    return Spread(
        value=float(sum(one.mean() for one in scores)),
        seeds=tuple(float(one.var(ddof=1)) if len(one) > 1 else 0.0 for one in scores),
        runs=tuple(cells.seeds for cells, _ in sides),
        by_seed=tuple(tuple(one.tolist()) for one in scores),
        examples=float(items @ items),
        interactions=tuple(float(one.var(axis=0, ddof=1).sum()) / len(one) if len(one) > 1 else 0.0 for one in given),
        n=n,
        smallest=min(len(cells.ids[language]) for cells, weights in sides for language in weights),
        least=float(sum(min(weight, 0.0) for weight in signed)),
        most=float(sum(max(weight, 0.0) for weight in signed)),
    )


def combined(estimates: Sequence[Estimate], weights: Sequence[float], level: float = 0.95) -> Estimate:
    """A weighted sum of independent estimates, as of tasks: variances add, each with its own degrees of freedom.

    Raises BadOption where there is not one weight for each estimate, or all weights are 0.
    """
    if len(weights) != len(estimates) or not any(weights):
        raise BadOption(f"{len(estimates)} estimates come with {len(weights)} weights: {', '.join(map(str, weights))}")
    pairs = [(one, weight) for one, weight in zip(estimates, weights, strict=True) if weight]
    parts = [((weight * one.standard_error) ** 2, one.degrees_of_freedom) for one, weight in pairs]
    ends = [(weight * one.least, weight * one.most) for one, weight in pairs]
    return _interval(
        sum(weight * one.value for one, weight in pairs), sum(part for part, _ in parts), parts, level=level,
        seeds=min(one.seeds for one, _ in pairs), n=sum(one.n for one, _ in pairs),
        smallest=min(one.n for one, _ in pairs), least=sum(map(min, ends)), most=sum(map(max, ends)),
    )  # fmt: skip


def joined(spreads: Sequence[Spread], weights: Sequence[float], *, same: bool) -> Spread:
    """A weighted sum over tasks that one fine-tuning answers: a seed moves them together, their items are their own.

    `same` says that the seeds of all are the same ones, in equal order: the variance over seeds is then that of each
    seed's own sum. Else it is the largest that such a sum can have, where all tasks err together.
    """
    pairs = list(zip(spreads, weights, strict=True))
    sides = range(len(spreads[0].runs))
    known = same and all(one.by_seed for one in spreads)
    return Spread(
        value=sum(weight * one.value for one, weight in pairs),
        seeds=tuple(_seeds_together(pairs, side) if known else _seeds_at_most(pairs, side) for side in sides),
        runs=tuple(min(one.runs[side] for one in spreads) for side in sides),
        by_seed=tuple(tuple(_sums(pairs, side).tolist()) for side in sides) if known else (),
        examples=sum(weight**2 * one.examples for one, weight in pairs),
        interactions=tuple(sum(weight**2 * one.interactions[side] for one, weight in pairs) for side in sides),
        n=sum(one.n for one in spreads), smallest=min(one.smallest for one in spreads),
        least=sum(min(weight * one.least, weight * one.most) for one, weight in pairs),
        most=sum(max(weight * one.least, weight * one.most) for one, weight in pairs),
    )  # fmt: skip


def _sums(pairs: Sequence[tuple[Spread, float]], side: int) -> NDArray[np.float64]:
    """What an encoder gives to a weighted sum with each seed, shape (seeds,)."""
    return np.asarray(np.sum([weight * np.array(one.by_seed[side]) for one, weight in pairs], axis=0), np.float64)


def _seeds_together(pairs: Sequence[tuple[Spread, float]], side: int) -> float:
    sums = _sums(pairs, side)
    return float(sums.var(ddof=1)) if len(sums) > 1 else 0.0


def _seeds_at_most(pairs: Sequence[tuple[Spread, float]], side: int) -> float:
    return float(sum(abs(weight) * sqrt(one.seeds[side]) for one, weight in pairs)) ** 2


def _known(sides: Sequence[tuple[Cells, Mapping[str, float]]]) -> None:
    """Raise BadOption unless there are weights, all finite, and cells for each of them."""
    for cells, weights in sides:
        if not any(weights.values()) or not all(isfinite(weight) for weight in weights.values()):
            raise BadOption(f"weights must be finite numbers, not all of them 0, by language, not {dict(weights)}")
        if unknown := [language for language in weights if language not in cells.ids]:
            raise BadOption(f"no cells of {', '.join(unknown)}; there are {', '.join(sorted(cells.ids))}")


def _places(
    sides: Sequence[tuple[Cells, Mapping[str, float]]], paired: bool
) -> tuple[list[dict[str, NDArray[np.intp]]], int]:
    """For each encoder: language -> place of each of its items among all; and how many items there are in all."""
    (first, *others) = [("" if paired else one, cells.ids[one]) for cells, weights in sides for one in weights]
    if all(one == first for one in others):  # one list of items for all: they need not be looked up
        whole = np.arange(len(first[1]))
        return [dict.fromkeys(weights, whole) for _, weights in sides], len(whole)
    numbers: dict[tuple[str, str], int] = {}
    known: dict[tuple[str, tuple[str, ...]], NDArray[np.intp]] = {}
    places: list[dict[str, NDArray[np.intp]]] = []
    for cells, weights in sides:
        places.append({})
        for language in weights:
            of, ids = "" if paired else language, cells.ids[language]
            if (of, ids) not in known:
                known[of, ids] = np.array([numbers.setdefault((of, id), len(numbers)) for id in ids])
            places[-1][language] = known[of, ids]
    return places, len(numbers)


def _given(cells: Cells, weights: Mapping[str, float], places: Mapping[str, NDArray[np.intp]], n: int) -> Rows:
    """What each of n items gives to an encoder's weighted sum, less the seed's mean: shape (seeds, n)."""
    found = np.zeros((cells.seeds, n))
    for language, weight in weights.items():
        rows = cells.influences[language]
        own = rows.shape[1]
        # own - 1: sums of squares of these are then unbiased for the variance of the mean.
        found[:, places[language]] += weight * (rows - rows.mean(axis=1, keepdims=True)) / sqrt(own * max(own - 1, 1))
    return found


def _interval(
    value: float, variance: float, parts: Sequence[tuple[float, float]], *,
    level: float, seeds: int, n: int, smallest: int, least: float, most: float,
) -> Estimate:  # fmt: skip
    """Student's t by Satterthwaite's degrees of freedom; for scores in Wilson's form, which stays within 0..1.

    Wilson's form takes the number of yes-or-no examples that would have the same variance, v (1 - v) / variance, and t
    in place of z (for survey samples: Korn and Graubard 1998, Survey Methodology 24:193-201). Where nothing varied
    there is no variance to take: examples are then taken for yes-or-no ones.
    """
    if not 0 < level < 1:
        raise BadOption(f"level must lie in 0..1, not {level}")
    is_score = least == 0 and isclose(most, 1)  # weights such as 1/14 add up to 1 but for rounding
    most = 1.0 if is_score else most
    value = min(max(value, least), most) if is_score else value
    span, error, freedom = most - least, sqrt(variance), 0.0
    if any(degrees <= 0 for _, degrees in parts):
        low, high = least, most
    elif error <= ROUNDING * span:
        freedom = smallest - 1.0
        none = wilson(0, smallest)[1]
        error = span * none / float(ndtri(0.975))
        half_width = span * wilson(0, smallest, level)[1]
        low, high = wilson(value * smallest, smallest, level) if is_score else (value - half_width, value + half_width)
    else:
        freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts if part)
        quantile = float(stdtrit(freedom, (1 + level) / 2))
        low, high = value - quantile * error, value + quantile * error
        if is_score and 0 < value < 1:
            low, high = score_interval(value, value * (1 - value) / variance, quantile)
    return Estimate(
        value=value, low=max(low, least), high=min(high, most), level=level, standard_error=error,
        degrees_of_freedom=freedom, seeds=seeds, n=n, least=least, most=most,
    )  # fmt: skip
