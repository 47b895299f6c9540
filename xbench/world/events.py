"""What happens in the world: events with regular preferences, drawn once and told in every language.

Regularities that all languages share (which actor does what to what, and how it is) are what makes them isomorphic:
masked language modelling can line them up without a shared word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from xbench.world.chance import Dice, running, zipf
from xbench.world.languages import World
from xbench.world.lexicon import (
    ACTIONS,
    ADJECTIVE_PAIRS,
    ANIMATE,
    IN_TEXT,
    IN_TRAIN,
    NOUNS,
    PER_CATEGORY,
    PER_KIND,
    TIMES,
    Name,
    NameKind,
    names,
)

Part: TypeAlias = Literal["subject", "object", "place"]
Pool: TypeAlias = Literal["text", "known", "train", "test"]
"""Which names are used: those of the texts (`text` adds names that occur once), or those held out for a split too."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, or to whom or what it is done: a noun, a person or an organisation."""

    noun: int | None = None
    adjective: int | None = None
    person: tuple[Name, Name] | None = None
    firm: tuple[Name, ...] | None = None
    titled: bool = False
    """Whether the name follows a word that says what it is the name of."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens; every language can tell it."""

    action: int
    synonym: int
    """Which of the action's two verbs is used."""
    subject: Actor
    object: Actor
    place: Name | None = None
    time: int | None = None
    negated: bool = False
    fronted: bool = False
    """Whether place and time come first."""
    asked: Part | None = None
    """The part that a question word stands for."""


class Nature:
    """The regularities of one world, and events drawn by them."""

    def __init__(self, world: World) -> None:
        """Draw the preferences of this world: sparse, by Gamma(1/2) weights."""
        dice = Dice(world.seed, "nature")

        def sparse(count: int) -> tuple[float, ...]:
            return running([dice.half_gamma() for _ in range(count)])

        self._actions = zipf(ACTIONS, 0.7)
        self._subjects = [sparse(ANIMATE) for _ in range(ACTIONS)]
        self._objects = [sparse(NOUNS) for _ in range(ACTIONS)]
        self._adjectives = [sparse(2 * ADJECTIVE_PAIRS) for _ in range(NOUNS + NOUNS // PER_CATEGORY)]
        self._names: Mapping[NameKind, tuple[Name, ...]] = names(world)
        self._held = {name for pool in self._names.values() for name in pool[IN_TEXT:]}

    def event(self, dice: Dice, *, pool: Pool = "known", named: float = 0.3, negated: float = 0.1) -> Event:
        """One event; `named` is the probability that the subject has a name (the object: a third of it)."""
        action = dice.weighted(self._actions)
        return Event(
            action=action,
            synonym=dice.index(2),
            subject=self._actor(dice, self._subjects[action], pool, named),
            object=self._actor(dice, self._objects[action], pool, named / 3),
            place=self.name(dice, "place", pool) if dice.under(0.5) else None,
            time=dice.index(TIMES) if dice.under(0.35) else None,
            negated=dice.under(negated),
            fronted=dice.under(0.2),
        )

    def contest(self, dice: Dice, *, pool: Pool = "known") -> Event:
        """An event between two different animate nouns with different adjectives."""
        event = self.event(dice, pool=pool)
        nouns = dice.sample(range(ANIMATE), 2)
        first, second = (self.adjective(dice, noun) for noun in nouns)
        while second // 4 == first // 4:
            second = self.adjective(dice, nouns[1])
        return replace(event, subject=Actor(nouns[0], first), object=Actor(nouns[1], second))

    def adjective(self, dice: Dice, noun: int) -> int:
        """An adjective that suits the noun, in one of its two synonyms."""
        return 2 * dice.weighted(self._adjectives[noun]) + dice.index(2)

    def name(self, dice: Dice, kind: NameKind, pool: Pool) -> Name:
        """A name of this kind that may occur there."""
        named = self._names[kind]
        if pool == "text" and dice.under(0.1):
            return self._passing(dice)
        if pool in ("train", "test") and dice.under(0.5):
            low, high = (IN_TEXT, IN_TRAIN) if pool == "train" else (IN_TRAIN, PER_KIND)
            return named[low + dice.index(high - low)]
        return named[dice.index(IN_TEXT)]

    def _passing(self, dice: Dice) -> Name:
        """A name that occurs once, as in any real text: it teaches an encoder to spell. Never one that is held out."""
        while (name := tuple(dice.index(70) for _ in range(2 + dice.index(2)))) in self._held:
            pass
        return name

    def _actor(self, dice: Dice, nouns: tuple[float, ...], pool: Pool, named: float) -> Actor:
        """A person or an organisation with probability `named`, else a noun that suits the verb."""
        if dice.under(named):
            titled = dice.under(0.3)
            if dice.under(0.6):
                return Actor(person=(self.name(dice, "first", pool), self.name(dice, "last", pool)), titled=titled)
            firm = self.name(dice, "organisation", pool)
            seat = (self.name(dice, "place", pool),) if dice.under(0.25) else ()
            return Actor(firm=(firm, *seat), titled=titled)
        noun = dice.weighted(nouns)
        noun = hypernym(noun) if dice.under(0.15) else noun
        return Actor(noun, self.adjective(dice, noun) if dice.under(0.5) else None)


def hypernym(noun: int) -> int:
    """The noun for the noun's whole category."""
    return NOUNS + noun // PER_CATEGORY


def sibling(dice: Dice, noun: int) -> int:
    """Another noun of the same category."""
    return noun // PER_CATEGORY * PER_CATEGORY + dice.other(PER_CATEGORY, noun % PER_CATEGORY)
