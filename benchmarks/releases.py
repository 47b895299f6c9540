"""Releases drawn from a model whose truth is known, judged as `xbench check` judges: for the benchmark of the gate."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from xbench.gate.compare import Pair, guard_parts
from xbench.gate.guards import Part, guarded
from xbench.gate.judging import MARGIN_OF, decided, levels_of
from xbench.gate.screen import differences, screened
from xbench.gate.settings import Settings
from xbench.influence import Cells
from xbench.uncertainty import Spread

Values = NDArray[np.float64]
N = 2000
SHARE = 0.75
HARD, OWN = 10**0.5, 1.5**0.5
"""Standard deviations of what makes an item hard for all, and for one encoder; that of one seed's whim is 1."""
ALIKE = 0.3
"""How much of what one encoder finds hard of an item is the same in all languages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What releases are drawn from."""

    loss: Mapping[tuple[int, int], float] = field(default_factory=dict)
    """(task, language) -> points by which the candidate is truly worse; language 0 is the source, the last five are
    low-resource."""
    tasks: int = 4
    languages: int = 15
    seeds: tuple[int, int] = (5, 5)
    spread: float = 0.0
    """Standard deviation of the logarithm of cells' own seed deviations: 0 = all have 1 point."""
    candidate: float = 1.0
    """How many times as far the candidate's seeds spread as the baseline's."""

    def truth(self) -> Values:
        """Candidate less baseline, 0..1, shape (tasks, languages)."""
        found = np.zeros((self.tasks, self.languages))
        for place, points in self.loss.items():
            found[place] = -points / 100
        return found

    def deviations(self, some: np.random.Generator) -> Values:
        """Standard deviation over seeds of each cell, shape (tasks, languages); one point in the mean square."""
        scale = np.exp(self.spread * some.standard_normal((self.tasks, self.languages)) - self.spread**2)
        return 0.01 * np.asarray(scale, np.float64)

    def moved(self, some: np.random.Generator, deviations: Values) -> list[Values]:
        """What seeds add to the scores of each side, shape (seeds, tasks, languages)."""
        return [
            scale * (deviations * some.standard_normal((seeds, *deviations.shape)))
            + scale * 0.004 * some.standard_normal((seeds, self.tasks, 1))
            for seeds, scale in zip(self.seeds, (self.candidate, 1.0), strict=True)
        ]


def weights(languages: int) -> dict[str, Values]:
    """Guard -> weight of each language, the source first, the last five low-resource."""
    targets = np.array([0.0] + [1.0] * (languages - 1)) / (languages - 1)
    source = np.eye(languages)[0]
    low = np.array([0.0] * (languages - 5) + [1.0] * 5) / 5
    return {"target mean": targets, "source": source, "low-resource": low, "gap": targets - source}


@functools.cache
def flips() -> tuple[float, float]:
    """Variances of 0-or-1 answers: of an encoder's own part of an item, and of a seed's whim. From many draws."""
    some = np.random.default_rng(3)
    latent = HARD * some.standard_normal(400_000)
    threshold = ndtri(SHARE) * np.sqrt(HARD**2 + OWN**2 + 1)

    def answer(own: Values) -> Values:
        return np.asarray(threshold + latent + own + some.standard_normal(len(latent)) > 0, np.float64)

    first, second = (OWN * some.standard_normal(len(latent)) for _ in range(2))
    one, again, other = answer(first), answer(first), answer(second)
    whim = float(((one - again) ** 2).mean()) / 2
    return float(((one - other) ** 2).mean()) / 2 - whim, whim


def drawn(world: World, some: np.random.Generator, own: float, whim: float) -> tuple[list[Spread], list[list[Part]]]:
    """One release by its sufficient statistics: spreads of its cells, and for each guard what each task gives."""
    shape = (world.tasks, world.languages)
    moved = [
        seeds + np.sqrt(whim / N) * some.standard_normal(seeds.shape)
        for seeds in world.moved(some, world.deviations(some))
    ]
    shared = np.sqrt(ALIKE) * some.standard_normal((world.tasks, 1))
    items = np.sqrt(2 * own / N) * (shared + np.sqrt(1 - ALIKE) * some.standard_normal(shape))
    values = world.truth() + items + moved[0].mean(0) - moved[1].mean(0)
    found = some.chisquare(N - 1, shape) / (N - 1)  # sample variances of items are nearly sure

    def spread(task: int, weight: Values) -> Spread:
        sides = [side[:, task] @ weight for side in moved]
        square = float((weight**2 * found[task]).sum())
        together = float(weight.sum() ** 2) * float(found[task].mean())
        interactions = tuple(square * whim / N / seeds for seeds in world.seeds)
        return Spread(
            value=float(values[task] @ weight), runs=world.seeds, n=N, smallest=N, least=-2.0, most=2.0,
            seeds=tuple(float(one.var(ddof=1)) if len(one) > 1 else 0.0 for one in sides), interactions=interactions,
            examples=2 * own / N * ((1 - ALIKE) * square + ALIKE * together) + sum(interactions),
        )  # fmt: skip

    whims = [whim / N / seeds * found for seeds in world.seeds]
    over_seeds = [side.var(axis=0, ddof=1) if len(side) > 1 else np.zeros(shape) for side in moved]
    columns = (values, *over_seeds, 2 * own / N * found + sum(whims), *whims)
    cells = [
        Spread(
            value=value, seeds=(ours, theirs), runs=world.seeds, examples=examples, interactions=(here, there), n=N,
            smallest=N, least=-2.0, most=2.0,
        )
        for value, ours, theirs, examples, here, there in zip(*(one.ravel().tolist() for one in columns), strict=True)
    ]  # fmt: skip
    guards = [
        [Part(spread=spread(task, one), languages=(), trained=True) for task in range(world.tasks)]
        for one in weights(world.languages).values()
    ]
    return cells, guards


@dataclass(frozen=True, slots=True)
class Ended:
    """How one release was judged."""

    code: int
    screen: bool
    """Whether a cell was harmed."""
    guards: bool
    """Whether a guard called a regression."""
    right: bool
    """Whether all harmed cells are truly worse."""


def judged(world: World, cells: Sequence[Spread], guards: Sequence[Sequence[Part]], given: Settings) -> Ended:
    """Judge a release as `xbench check` does."""
    levels = levels_of(given, len(guards))
    names = weights(world.languages)
    told = [
        guarded(
            name, {str(task): part for task, part in enumerate(parts)}, margin=given.margin(MARGIN_OF.get(name, name)),
            levels=levels,
        )
        for name, parts in zip(names, guards, strict=True)
    ]  # fmt: skip
    screen = screened(differences(cells, [True] * len(cells)), level=levels.harm, margin=given.harm_margin / 100)
    harmed = bool(screen.harmed.any())
    code = decided(
        faults=False, guards=told, harmed=harmed, lost=False, comparable=True,
        enough=min(world.seeds) >= given.seeds_required,
    )  # fmt: skip
    return Ended(
        code, harmed, any(one.outcome == "REGRESSION" for one in told),
        bool((world.truth().ravel()[screen.harmed] < 0).all()),
    )  # fmt: skip


def answered(world: World, some: np.random.Generator) -> list[Pair]:
    """One release, every answer to every example drawn: what is compared of each task."""
    wide = np.sqrt(HARD**2 + OWN**2 + 1)
    moved = world.moved(some, world.deviations(some))
    names = [f"l{place:02}" for place in range(world.languages)]
    ids = dict.fromkeys(names, tuple(map(str, range(N))))
    pairs = []
    for task in range(world.tasks):
        hard = HARD * some.standard_normal(N)
        sides = []
        for seeds, loss in zip(moved, (world.truth(), np.zeros_like(world.truth())), strict=True):
            share = SHARE + loss[task] + seeds[:, task]
            alike = np.sqrt(ALIKE) * some.standard_normal(N)
            latent = hard + OWN * (alike + np.sqrt(1 - ALIKE) * some.standard_normal((world.languages, N)))
            found = ndtri(share)[:, :, None] * wide + latent + some.standard_normal((*share.shape, N)) > 0
            by_language = {name: found[:, place].astype(np.float64) for place, name in enumerate(names)}
            sides.append(Cells(influences=by_language, ids=ids))
        pairs.append(
            Pair(
                task=str(task), metric="accuracy", source=names[0], trained=True, paired=True, sign=1.0,
                candidate=sides[0], baseline=sides[1], languages=tuple(names),
            )
        )  # fmt: skip
    return pairs


def judged_answers(world: World, pairs: Sequence[Pair], given: Settings) -> Ended:
    """Judge a release from its answers, by the same steps as `judging.judge`."""
    low = tuple(pairs[0].languages[-5:])
    parts = guard_parts(pairs, given.model_copy(update={"groups": {"low-resource": low}}))
    cells = [one.spread({language: 1.0}) for one in pairs for language in one.languages]
    return judged(world, cells, [list(of_task.values()) for of_task in parts.values()], given)
