"""Two encoders on one task, item by item: differences in each language, and of any mean of languages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xbench.gate import comparable, items
from xbench.gate.guards import Part
from xbench.gate.screen import Differences, Screen
from xbench.gate.settings import GAP, SOURCE, TARGET_MEAN, Settings
from xbench.gate.side import Column
from xbench.gate.verdict import Cell, Mismatch
from xbench.influence import Cells
from xbench.metrics.named import installed
from xbench.significance import holm
from xbench.uncertainty import Spread, difference_spread


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Candidate and baseline in one task, in the languages that can be compared."""

    task: str
    metric: str
    source: str
    trained: bool
    """Whether there is a fine-tuning whose seed could change the scores."""
    paired: bool
    """Whether equal ids are one item in every language. Where nobody says so it is taken to be: ids that are not then
    only add chance to the error, not bias."""
    sign: float
    """1 where higher is better, -1 where lower is."""
    candidate: Cells
    baseline: Cells
    languages: tuple[str, ...]
    training: tuple[str, ...] = ()
    """What candidate and baseline were fine-tuned on and how; empty where they were not, or nobody says."""
    of_seeds: tuple[tuple[int, ...], ...] = ()
    """The seeds of candidate and baseline."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Languages without the source."""
        return tuple(one for one in self.languages if one != self.source)

    def spread(self, weights: Mapping[str, float]) -> Spread:
        """Parts of the variance of a weighted sum of differences, below 0 where the candidate is worse."""
        signed = {language: self.sign * weight for language, weight in weights.items()}
        return difference_spread(self.candidate, self.baseline, signed, paired=self.paired)

    def part(self, weights: Mapping[str, float]) -> Part:
        """What this task gives to a guard."""
        return Part(
            spread=self.spread(weights), languages=tuple(weights), trained=self.trained, training=self.training,
            seeds=self.of_seeds,
        )  # fmt: skip


def pair(candidate: Column, baseline: Column) -> tuple[Pair | None, tuple[Mismatch, ...]]:
    """Both sides of a task as far as they can be compared, and what stands against it; None where nothing can be.

    Raises BadRecord where a counts file cannot be trusted, XbenchError where the metric cannot be compared by.
    """
    if found := comparable.of_task(candidate, baseline):
        return None, found
    wrong: list[Mismatch] = []
    both: list[str] = []
    for language in sorted(set(candidate.languages).intersection(baseline.scores)):
        if language not in baseline.languages:
            some = f"{len(baseline.scores[language])} of {len(baseline.seeds)} seeds"
            wrong.append(_differing(baseline, language, "seeds", some, "all seeds"))
        elif differing := comparable.of_language(candidate, baseline, language):
            wrong += differing
        else:
            both.append(language)
    ours, our_faults = items.cells(candidate, both)
    theirs, their_faults = items.cells(baseline, both)
    for language in sorted(our_faults.keys() | their_faults.keys()):
        there, here = (faults.get(language, "equal in all seeds") for faults in (their_faults, our_faults))
        wrong.append(_differing(baseline, language, "examples of the seeds", there, here))
    if not ours or not theirs:
        return None, tuple(wrong)
    same = []
    for language in both:
        if language in ours.ids and language in theirs.ids:
            if told := _other_ids(ours.ids[language], theirs.ids[language]):
                wrong.append(_differing(baseline, language, "example ids", *told))
            else:
                same.append(language)
    made = Pair(
        task=baseline.task, metric=baseline.metric, source=baseline.source, trained=baseline.trained,
        training=(candidate.training, baseline.training) if baseline.training and candidate.training else (),
        of_seeds=(candidate.seeds, baseline.seeds),
        paired=baseline.first.paired is not False,
        sign=-1.0 if installed(baseline.metric).better == "lower" else 1.0,
        candidate=ours, baseline=theirs, languages=tuple(same),
    )  # fmt: skip
    return (made if same else None), tuple(wrong)


def guard_parts(pairs: Sequence[Pair], settings: Settings) -> dict[str, dict[str, Part]]:
    """Guard -> task -> what it gives, in the order in which guards are told; guards about nothing are left out."""
    found: dict[str, dict[str, Part]] = {TARGET_MEAN: {}, SOURCE: {}}
    found |= {name: {} for name in settings.group_names()}
    found[GAP] = {}
    for one in pairs:
        targets, has_source = one.targets, one.source in one.languages
        if targets:
            found[TARGET_MEAN][one.task] = one.part(_mean(targets))
        if has_source:
            found[SOURCE][one.task] = one.part({one.source: 1.0})
        for name in settings.group_names():
            if members := settings.group(name, targets):
                found[name][one.task] = one.part(_mean(members))
        if targets and has_source:
            found[GAP][one.task] = one.part({**_mean(targets), one.source: -1.0})
    return {name: parts for name, parts in found.items() if parts}


def cells(pairs: Sequence[Pair], found: Differences, screen: Screen, waived: Iterable[tuple[str, str]]) -> list[Cell]:
    """Every cell as the verdict tells it, in the order of the pairs and their languages."""
    waivers = set(waived)
    half, both_ways = found.half_width(0.025), found.two_sided()
    both_adjusted = holm(both_ways.tolist())
    made = []
    places = [(one, language) for one in pairs for language in one.languages]
    for at, (one, language) in enumerate(places):
        value, harmed = float(found.value[at]), bool(screen.harmed[at])
        detectable = float(screen.detectable[at])
        made.append(
            Cell(
                task=one.task, language=language, metric=one.metric,
                candidate=float(one.candidate.scores(language).mean()),
                baseline=float(one.baseline.scores(language).mean()),
                difference=value, low=max(value - float(half[at]), -1.0), high=min(value + float(half[at]), 1.0),
                p=float(screen.p[at]), p_adjusted=float(screen.adjusted[at]), p_two_sided=float(both_ways[at]),
                p_two_sided_adjusted=both_adjusted[at], harmed=harmed,
                waived=harmed and (one.task, language) in waivers,
                detectable=None if np.isnan(detectable) else detectable,
                standard_error=float(found.error[at]), degrees_of_freedom=float(found.freedom[at]),
                seeds=(one.candidate.seeds, one.baseline.seeds), n=len(one.candidate.ids[language]),
            )
        )  # fmt: skip
    return made


def _mean(languages: Sequence[str]) -> dict[str, float]:
    return dict.fromkeys(languages, 1 / len(languages))


def _differing(column: Column, language: str, what: str, baseline: str, candidate: str) -> Mismatch:
    return Mismatch(task=column.task, language=language, what=what, baseline=baseline, candidate=candidate)


def _other_ids(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, str] | None:
    """Both sides in words where their ids differ as sets, the baseline first; None where they are the same."""
    if ours == theirs or set(ours) == set(theirs):
        return None
    here, there = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    return _words(theirs, there), _words(ours, here)


def _words(ids: tuple[str, ...], alone: list[str]) -> str:
    some = ", ".join(alone[:3]) + (", …" if len(alone) > 3 else "")
    return f"{len(ids)} examples, {len(alone)} of them here only{f': {some}' if alone else ''}"
