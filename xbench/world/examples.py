"""What the tasks ask, told of events and thus in no language yet."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from xbench.world.chance import Dice
from xbench.world.events import Actor, Event, Nature, Part, Pool, hypernym, sibling
from xbench.world.lexicon import ACTIONS, ADJECTIVE_PAIRS, ANIMATE, NOUNS, OPPOSED, TIMES

ENTAILMENT, NEUTRAL, CONTRADICTION = 0, 1, 2
Site: TypeAlias = Literal["verb", "subject", "object", "subject adjective", "object adjective"]
SITES: tuple[Site, ...] = ("verb", "verb", "subject", "object", "subject adjective", "object adjective")
"""Where the one substitution happens; twice as likely in the verb as in each of the others."""


def inference(
    dice: Dice, nature: Nature, label: int, pool: Pool = "known", *, bare: bool = False
) -> tuple[Event, Event]:
    """A premise and a hypothesis of which `label` (0 entailment, 1 neutral, 2 contradiction) holds.

    Matched: one substitution at a random site carries the label, and all else, what is dropped included, is drawn alike
    for the three. Without that an encoder that never learned anything beats chance by counting words.
    """
    site = dice.pick(SITES)
    named = 0.0 if bare else 0.3
    premise = nature.event(dice, pool=pool, negated=0.0, named=named)
    while not _has(premise, site):
        premise = nature.event(dice, pool=pool, negated=0.0, named=named)
    if bare:
        premise = _bared(premise, site)
    if site == "verb":
        hypothesis = _verb(dice, premise, label)
    elif site in ("subject", "object"):
        premise, hypothesis = _noun(dice, premise, site, label)
    else:
        hypothesis = _adjective(dice, premise, site, label)
    return premise, _dropped(dice, hypothesis, site) if dice.under(0.6) else hypothesis


def paraphrase(dice: Dice, nature: Nature, same: bool, pool: Pool = "known") -> tuple[Event, Event]:
    """The same event twice, or one that differs in one thing: the action, an actor, or who is which.

    In half of the negatives actors or adjectives are swapped, so that all words are the same; in the others the action
    or the object is another one. With swaps alone a head that reads `<s>` stays at chance for hundreds of steps, and
    whether it ever leaves depends on its seed.
    """
    first = nature.contest(dice, pool=pool)
    one, other = first.subject, first.object
    synonym = first.synonym ^ dice.under(0.5)
    second = replace(first, synonym=synonym, fronted=dice.under(0.2))
    if same:
        return first, second
    wrong = dice.pick(("action", "object", "actors", "adjectives"))
    if wrong == "action":
        return first, replace(second, action=dice.other(ACTIONS, first.action))
    if wrong == "object":
        strangers = [noun for noun in range(ANIMATE) if noun not in (one.noun, other.noun)]
        return first, replace(second, object=replace(other, noun=dice.pick(strangers)))
    if wrong == "actors":
        return first, replace(second, subject=other, object=one)
    swapped = (replace(one, adjective=other.adjective), replace(other, adjective=one.adjective))
    return first, replace(second, subject=swapped[0], object=swapped[1])


@dataclass(frozen=True, slots=True)
class Quiz:
    """A question about one of several events."""

    question: Event
    passage: tuple[Event, ...]
    told: int
    """Which event of the passage the question is about."""
    part: Part
    """Which part of it answers."""


def quiz(dice: Dice, nature: Nature, events: int = 2, pool: Pool = "known") -> Quiz:
    """A question with exactly one right answer; half of the time another event shares its verb or an actor."""
    part: Part = dice.pick(("subject", "object", "place"))
    event = nature.event(dice, pool=pool)
    if part == "place" or dice.under(0.5):
        event = replace(event, place=nature.name(dice, "place", pool))
    others: list[Event] = []
    while len(others) < events - 1:
        other = _distractor(dice, nature, event, part, pool)
        if not _shared(event, other):
            others.append(other)
    told = dice.index(events)
    question = replace(event, asked=part, fronted=False)
    if part != "place" and dice.under(0.5):
        question = replace(question, place=None)
    if dice.under(0.5):
        question = replace(question, time=None)
    return Quiz(question, (*others[:told], event, *others[told:]), told, part)


def altered(dice: Dice, event: Event) -> Event:
    """The event with one thing changed: verb, object, time or negation. Retrieval has to tell the two apart."""
    change = dice.index(4)
    noun = event.object.noun
    if change == 0 and noun is not None and noun < NOUNS:
        return replace(event, object=replace(event.object, noun=sibling(dice, noun)))
    if change == 1:
        return replace(event, time=dice.index(TIMES))
    if change == 2:
        return replace(event, negated=not event.negated)
    return replace(event, action=dice.other(ACTIONS, event.action))


def related(dice: Dice, adjective: int, label: int) -> int:
    """An adjective that follows from this one (its synonym), is left open by it (unrelated), or contradicts it."""
    if label == ENTAILMENT:
        return adjective ^ 1
    if label == NEUTRAL:
        return 4 * dice.other(ADJECTIVE_PAIRS, adjective // 4) + dice.index(4)
    return adjective ^ 2 ^ dice.index(2)


def _has(event: Event, site: Site) -> bool:
    """Whether the substitution can happen there: a verb with an opposite, a noun with a hypernym, an adjective."""
    if site == "verb":
        return event.action < OPPOSED
    actor = event.subject if site.startswith("subject") else event.object
    if site.endswith("adjective"):
        return actor.adjective is not None
    return actor.noun is not None and actor.noun < NOUNS


def _verb(dice: Dice, premise: Event, label: int) -> Event:
    """Synonym, unrelated or opposite verb; a "not" swaps the outer two."""
    negated = dice.under(0.35)
    meant = {ENTAILMENT: CONTRADICTION, CONTRADICTION: ENTAILMENT}.get(label, label) if negated else label
    action = premise.action
    if meant == CONTRADICTION:
        action ^= 1
    elif meant == NEUTRAL:
        while action // 2 == premise.action // 2:
            action = dice.index(ACTIONS)
    synonym = 1 - premise.synonym if meant == ENTAILMENT else dice.index(2)
    return replace(premise, action=action, synonym=synonym, negated=negated)


def _noun(dice: Dice, premise: Event, site: Site, label: int) -> tuple[Event, Event]:
    """Noun to its hypernym, hypernym to a noun of its category, or noun to a sibling."""
    noun = _at(premise, site).noun or 0
    if label == ENTAILMENT:
        return premise, _put(premise, site, noun=hypernym(noun))
    if label == NEUTRAL:
        return _put(premise, site, noun=hypernym(noun)), premise
    return premise, _put(premise, site, noun=sibling(dice, noun))


def _adjective(dice: Dice, premise: Event, site: Site, label: int) -> Event:
    """Synonym, unrelated or opposite adjective."""
    return _put(premise, site, adjective=related(dice, _at(premise, site).adjective or 0, label))


def _at(event: Event, site: Site) -> Actor:
    return event.subject if site.startswith("subject") else event.object


def _put(event: Event, site: Site, *, noun: int | None = None, adjective: int | None = None) -> Event:
    """The event with another noun or adjective at the site."""
    actor = _at(event, site)
    changed = replace(
        actor, noun=actor.noun if noun is None else noun, adjective=actor.adjective if adjective is None else adjective
    )
    return replace(event, subject=changed) if site.startswith("subject") else replace(event, object=changed)


def _dropped(dice: Dice, event: Event, site: Site) -> Event:
    """The event without its place, its time or an adjective, but never without what carries the label."""
    bare = [
        replace(event, place=None) if event.place is not None else None,
        replace(event, time=None) if event.time is not None else None,
        _without(event, "subject") if site != "subject adjective" and event.subject.adjective is not None else None,
        _without(event, "object") if site != "object adjective" and event.object.adjective is not None else None,
    ]
    left = [one for one in bare if one is not None]
    return dice.pick(left) if left else event


def _bared(event: Event, site: Site) -> Event:
    """The event without place, time, and every adjective that is not the site."""
    event = replace(event, place=None, time=None, fronted=False)
    event = event if site == "subject adjective" else _without(event, "subject")
    return event if site == "object adjective" else _without(event, "object")


def _without(event: Event, actor: Literal["subject", "object"]) -> Event:
    """The event without this actor's adjective."""
    if actor == "subject":
        return replace(event, subject=replace(event.subject, adjective=None))
    return replace(event, object=replace(event.object, adjective=None))


def _distractor(dice: Dice, nature: Nature, event: Event, part: Part, pool: Pool) -> Event:
    """Another event, that shares the verb or the actor that is not asked for half of the time."""
    other = nature.event(dice, pool=pool)
    if part == "place":
        other = replace(other, place=nature.name(dice, "place", pool))
    if dice.under(0.5):
        return other
    if dice.under(0.5):
        return replace(other, action=event.action, synonym=event.synonym)
    return replace(other, object=event.object) if part == "subject" else replace(other, subject=event.subject)


def _shared(event: Event, other: Event) -> bool:
    """Whether the two are too alike for a question to have one answer: two of verb, subject, object, or the place."""
    alike = (event.action == other.action, event.subject == other.subject, event.object == other.object)
    return sum(alike) > 1 or (event.place is not None and event.place == other.place)
