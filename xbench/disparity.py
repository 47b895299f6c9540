"""Scores by language -> who is left behind: gap, worst, spread, group means, each with its interval.

Everything here reads values of languages and draws of them. A draw is what the scores could have been with other
training seeds and other test items: both are redrawn together for all languages, because one fine-tuned model answers
in every language, and in a parallel set the items are the same. Means and gaps have closed forms and take those.

Even equal languages differ on a finite test, so that spreads are measured from above. Their intervals do not take that
off: where noise alone would give the value they reach equality, but they do not hold every small spread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xbench.errors import BadOption
from xbench.influence import Cells
from xbench.uncertainty import contrast

Values = NDArray[np.float64]
"""Scores, shape (..., languages), 0..1."""

DRAWS = 2000
FURTHEST = 10.0
"""A gap is at most so many times what the source has."""
LOWEST = 5  # one in so many languages counts as the lowest ones: a fifth


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number about the languages of one encoder."""

    name: str
    value: float
    low: float | None
    """Ends of the 95 % interval over seeds and examples; None where no counts are at hand to tell."""
    high: float | None
    languages: tuple[str, ...]
    """The languages it is about."""
    seeds: int = 1
    """With one seed the interval is given this seed."""
    caveat: str = ""
    """What a reader must know before comparing it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Scores of one encoder's targets in one task, and what they could have been."""

    languages: tuple[str, ...]
    """Targets, without the source."""
    values: Values
    """Shape (targets,)."""
    source: str
    source_score: float | None
    """Score in the source language; None where the set has none."""
    draws: Values | None
    """Shape (draws, targets + 1), the source last (NaN where there is none); None where no counts are at hand."""
    cells: Cells | None
    parallel: bool
    paired: bool
    """Whether equal ids are one item: in a parallel set, and where languages share some items."""
    chance: float
    seeds: int = 1


def sample(
    values: Mapping[str, float], source: str, *, cells: Cells | None, parallel: bool, chance: float,
    shares_items: bool = False, seed: int = 0,
) -> Sample:  # fmt: skip
    """Scores by language as a sample; the draws come from the influences in `cells`, where there are some.

    Raises BadOption where there is no target, or cells and values differ in their languages.
    """
    targets = tuple(language for language in values if language != source)
    if not targets:
        raise BadOption(f"there is no target beside the source {source}")
    if cells is not None and (lacking := [one for one in values if one not in cells.influences]):
        raise BadOption(f"no cells of {', '.join(lacking)}")
    return Sample(
        languages=targets,
        values=np.array([values[one] for one in targets]),
        source=source,
        source_score=values.get(source),
        draws=None if cells is None else drawn(cells, (*targets, source), paired=parallel or shares_items, seed=seed),
        cells=cells,
        parallel=parallel,
        paired=parallel or shares_items,
        chance=chance,
        seeds=cells.seeds if cells else 1,
    )


def drawn(cells: Cells, languages: Sequence[str], *, paired: bool, draws: int = DRAWS, seed: int = 0) -> Values:
    """Scores that other seeds and other items could have given, shape (draws, languages), NaN for one without cells.

    Normal in the items; over K seeds Student's t with K - 1 degrees of freedom, nothing for one seed. Both parts hold
    the interaction of seed and item, so spreads of the draws are a little too wide rather than too narrow.
    """
    generator = np.random.default_rng(seed)
    found = np.full((draws, len(languages)), np.nan)
    there = [place for place, language in enumerate(languages) if language in cells.influences]
    scores = np.stack([cells.scores(languages[place]) for place in there], axis=1)
    runs = len(scores)
    moved = np.zeros((draws, len(there)))
    if runs > 1:
        heavy = np.sqrt((runs - 1) / generator.chisquare(runs - 1, size=(draws, 1)))
        weights = generator.standard_normal((draws, runs)) * heavy
        moved += np.einsum("dk,kl->dl", weights, (scores - scores.mean(0)) / np.sqrt(runs * (runs - 1)))
    moved += _over_items(cells, [languages[place] for place in there], paired, draws, generator)
    found[:, there] = np.clip(scores.mean(0) + moved, 0.0, 1.0)
    return found


def _over_items(
    cells: Cells, languages: Sequence[str], paired: bool, draws: int, generator: np.random.Generator
) -> Values:
    """What other items would have moved, shape (draws, languages): normal, with the covariance that items give."""
    keys: dict[tuple[str, str], int] = {}
    places = [
        np.array([keys.setdefault(("" if paired else one, id), len(keys)) for id in cells.ids[one]])
        for one in languages
    ]
    gives = np.zeros((len(keys), len(languages)))
    for column, (language, place) in enumerate(zip(languages, places, strict=True)):
        mean = cells.influences[language].mean(axis=0)
        gives[place, column] = (mean - mean.mean()) / len(mean)
    variances, directions = np.linalg.eigh(np.einsum("ia,ib->ab", gives, gives))
    # The symmetric root is the only one that does not depend on the signs of the directions.
    root = (directions * np.sqrt(np.maximum(variances, 0.0))) @ directions.T
    return np.asarray(generator.standard_normal((draws, len(languages))) @ root)


def measures(
    taken: Sample, groups: Mapping[str, Sequence[str]], speakers: Mapping[str, float], *, gini: bool = False
) -> tuple[Measure, ...]:
    """Every measure of one encoder in one task.

    `groups` are declared before the scores are seen: name -> languages; those without a target here are left out.
    `speakers` weighs languages by the people who speak them; languages without a number have no weight.
    """
    found = [_mean(taken, "target mean", taken.languages)]
    for name, languages in groups.items():
        if members := tuple(one for one in taken.languages if one in set(languages)):
            found.append(_mean(taken, f"mean: {name}", members))
    found += _gaps(taken)
    names = [name for name in SPREADS if gini or name != "Gini"]
    found += [_spread(taken, name) for name in names if len(taken.languages) > 1 or name == "worst language"]
    worst = taken.languages[int(np.argmin(taken.values))]
    found = [replace(one, languages=(worst,)) if one.name == "worst language" else one for one in found]
    return (*found, *_utility(taken, speakers))


def _mean(taken: Sample, name: str, languages: tuple[str, ...]) -> Measure:
    value = float(np.mean([taken.values[taken.languages.index(one)] for one in languages]))
    return _linear(taken, name, value, dict.fromkeys(languages, 1 / len(languages)), languages)


def _linear(
    taken: Sample, name: str, value: float, weights: Mapping[str, float], languages: tuple[str, ...], caveat: str = ""
) -> Measure:
    """A weighted sum of languages, with its interval in closed form."""
    low = high = None
    if taken.cells is not None:
        found = contrast(taken.cells, weights, paired=taken.paired)
        low, high = value + found.low - found.value, value + found.high - found.value
    return Measure(name=name, value=value, low=low, high=high, languages=languages, seeds=taken.seeds, caveat=caveat)


def _gaps(taken: Sample) -> list[Measure]:
    """What is lost from the source to the targets: in points, relative to the source, and above chance."""
    if taken.source_score is None:
        return []
    caveat = "" if taken.parallel else "languages have different test items, so this is no transfer gap alone"
    mean, chance = float(taken.values.mean()), taken.chance
    weights = dict.fromkeys(taken.languages, -1 / len(taken.languages)) | {taken.source: 1.0}
    found = [_linear(taken, "gap", taken.source_score - mean, weights, taken.languages, caveat)]
    if taken.source_score > 0:
        found.append(_of_draws(taken, "relative gap", lambda v: _share(v, 0.0), caveat, -FURTHEST))
    if taken.source_score > chance:
        found.append(_of_draws(taken, "gap above chance", lambda v: _share(v, chance), caveat, -FURTHEST, FURTHEST))
    return found


def _share(values: Values, nothing: float) -> Values:
    """(source - mean of targets) / (source - nothing), the source last; at most FURTHEST."""
    source = values[..., -1]
    above = np.maximum(source - nothing, 1e-9)
    return np.asarray(np.clip((source - values[..., :-1].mean(-1)) / above, -FURTHEST, FURTHEST))


def _spread(taken: Sample, name: str) -> Measure:
    found = _of_draws(taken, name, lambda v: SPREADS[name](v[..., :-1]), "")
    if taken.draws is None or name not in EQUAL:
        return found
    even = taken.draws[:, :-1] - taken.values + taken.values.mean()  # had all languages one mean
    least, most = np.quantile(SPREADS[name](np.clip(even, 0.0, 1.0)), [0.025, 0.975])
    if EQUAL[name] == 1.0:
        return replace(found, high=1.0) if least <= found.value else found
    return replace(found, low=0.0) if most >= found.value else found


def _of_draws(
    taken: Sample, name: str, measure: Callable[[Values], Values], caveat: str, least: float = 0.0, most: float = 1.0
) -> Measure:
    """Any measure, with the width of its draws around its value, within `least` and `most`, which it cannot leave."""
    whole = np.append(taken.values, np.nan if taken.source_score is None else taken.source_score)
    value = float(measure(whole))
    low = high = None
    if taken.draws is not None:
        redrawn = measure(taken.draws)
        below, middle, above = np.quantile(redrawn, [0.025, 0.5, 0.975])
        low, high = max(value - float(middle - below), least), min(value + float(above - middle), most)
    return Measure(
        name=name, value=value, low=low, high=high, languages=taken.languages, seeds=taken.seeds, caveat=caveat
    )


def _utility(taken: Sample, speakers: Mapping[str, float]) -> tuple[Measure, ...]:
    """Mean over people instead of languages (Blasi, Anastasopoulos and Neubig 2022, ACL, with tau = 1)."""
    people = {one: float(speakers[one]) for one in taken.languages if speakers.get(one)}
    if not people:
        return ()
    total = sum(people.values())
    weights = {one: number / total for one, number in people.items()}
    value = sum(weight * float(taken.values[taken.languages.index(one)]) for one, weight in weights.items())
    left_out = len(taken.languages) - len(people)
    caveat = f"{left_out} languages have no number of speakers and no weight" if left_out else ""
    return (_linear(taken, "speaker-weighted", value, weights, tuple(people), caveat),)


def lowest_fifth(values: Values) -> Values:
    """Mean of the lowest fifth of the languages, at least one. Shape (..., languages) -> (...)."""
    size = max(1, -(-values.shape[-1] // LOWEST))
    return np.asarray(np.sort(values, axis=-1)[..., :size].mean(-1))


def mean_difference(values: Values) -> Values:
    """Mean absolute difference over all pairs of languages (Gini 1912). Shape (..., languages) -> (...)."""
    n = values.shape[-1]
    ordered = np.sort(values, axis=-1)
    return np.asarray((ordered * (2 * np.arange(n) - n + 1)).sum(-1) * 2 / (n * (n - 1)))


def gini(values: Values) -> Values:
    """Half the mean absolute difference over the mean, 0..1; 0 where all is 0. Shape (..., languages) -> (...).

    It is another number for accuracies than for errors, and falls when all languages rise by the same points.
    """
    mean = values.mean(-1)
    pairs = values.shape[-1] - 1
    # Over all ordered pairs, those of a language with itself among them, as Gini's index is drawn from Lorenz curves.
    half = mean_difference(values) * pairs / (pairs + 1) / 2
    return np.asarray(np.divide(half, mean, out=np.zeros_like(half), where=mean > 0))


def _ratio(values: Values) -> Values:
    most = values.max(-1)
    return np.asarray(np.divide(values.min(-1), most, out=np.zeros_like(most), where=most > 0))


SPREADS: Mapping[str, Callable[[Values], Values]] = {
    "worst language": lambda values: np.asarray(values.min(-1)),
    "lowest fifth": lowest_fifth,
    "mean difference": mean_difference,
    "SD": lambda values: np.asarray(values.std(-1, ddof=1)),
    "min / max": _ratio,
    "Gini": gini,
}
"""Measures of how far languages lie apart, and of the lowest of them; targets only."""

EQUAL: Mapping[str, float] = {"mean difference": 0.0, "SD": 0.0, "min / max": 1.0, "Gini": 0.0}
"""What the measures of spread are where all languages have one score."""
