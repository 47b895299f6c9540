"""How far the mean of languages is known from the records alone, where counts are not compared item by item."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from scipy.special import stdtrit

from xbench.board.rows import Z, figures
from xbench.board.table import Column


@dataclass(frozen=True, slots=True)
class Doubt:
    """How far a mean of languages is known, from what the records say."""

    over_seeds: float
    """Variance that other training seeds would give; 0 for one seed, where nothing tells it."""
    over_items: float
    """Variance that other test items would give, given the seeds."""
    seeds: int

    @property
    def half_width(self) -> float:
        """Half the 95 % interval: Student's t by Satterthwaite's degrees of freedom."""
        whole = self.over_seeds + self.over_items
        if not self.over_seeds:
            return Z * sqrt(whole)
        freedom = (self.seeds - 1) * (whole / self.over_seeds) ** 2
        return float(stdtrit(min(freedom, 1e9), 0.975)) * sqrt(whole)


def doubt_of_mean(column: Column, languages: Sequence[str], *, paired: bool) -> Doubt:
    """How far the mean of targets is known from the records alone.

    One fine-tuned model answers in every language, so seeds move languages together: the variance over seeds is that
    of each seed's own mean. Where languages share items (`paired`) the items' errors are added as if they always erred
    together; elsewhere their squares are. Where fewer than two seeds have all targets though some have several, whole
    intervals are added as if languages always erred together.
    """
    targets = [language for language in languages if language != column.source]
    errors = figures(column.cells, targets, "item_error")
    of_seeds = figures(column.cells, targets, "of_seeds")
    common = of_seeds[0] if len(set(of_seeds)) == 1 else tuple(sorted(set.intersection(*map(set, of_seeds))))
    several = max(figures(column.cells, targets, "seeds")) > 1
    together = several and len(common) < 2
    if together or any(error is None for error in errors):
        ends = zip(*(figures(column.cells, targets, end) for end in ("low", "high")), strict=True)
        errors = [(high - low) / (2 * Z) for low, high in ends]
    over_items = (sum(errors) if paired or together else sqrt(sum(error * error for error in errors))) / len(errors)
    if together or not several:
        return Doubt(0.0, over_items**2, 1)
    scores = figures(column.cells, targets, "scores")
    if any(len(own) > len(common) for own in of_seeds):
        by_seed = [dict(zip(own, values, strict=True)) for own, values in zip(of_seeds, scores, strict=True)]
        scores = [tuple(one[seed] for seed in common) for one in by_seed]
    means = [sum(of_seed) / len(targets) for of_seed in zip(*scores, strict=True)]
    return Doubt(_variance(means) / len(means), over_items**2, len(means))


def _variance(values: Sequence[float]) -> float:
    """Unbiased variance of two values or more; numpy's would take longer than all the rest for a few."""
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
