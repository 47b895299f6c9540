"""Texts for pre-training: documents in each language, and sentences with their translation into the source.

Documents are drawn for each language apart: nothing in them is parallel. Their connectives ("so", "maybe", "but") name
the relation between two sentences in every language; that makes inference easier to transfer than in natural text.
"""

from collections.abc import Iterator
from dataclasses import replace

from xbench.world.chance import Dice
from xbench.world.events import Nature, hypernym
from xbench.world.examples import inference, quiz, related
from xbench.world.grammar import Token, state, tell, text
from xbench.world.languages import World
from xbench.world.lexicon import NOUNS, Speech

CONNECTIVES = ("so", "maybe", "but")
"""Label of an inference example -> the word that joins its two sentences."""


def documents(world: World, nature: Nature, speech: Speech) -> Iterator[str]:
    """The language's documents, about 17 words each."""
    dice = Dice(world.seed, "documents", speech.language.code)
    for _ in range(speech.language.documents):
        kind = dice.index(100)
        if kind < 42:
            yield text(_argument(dice, nature, speech))
        elif kind < 67:
            yield text(_interview(dice, nature, speech))
        elif kind < 80:
            yield text(_attributes(dice, nature, speech))
        else:
            yield text(_retold(dice, nature, speech))


def translations(world: World, nature: Nature, speech: Speech, source: Speech) -> Iterator[tuple[str, str]]:
    """Sentences of the source, each with its translation into the language."""
    dice = Dice(world.seed, "pairs", speech.language.code)
    for _ in range(speech.language.pairs):
        event = nature.event(dice, pool="text")
        yield text(tell(event, source)), text(tell(event, speech))


def _argument(dice: Dice, nature: Nature, speech: Speech) -> list[Token]:
    """Premise, connective, hypothesis; half of the time of bare nouns and verbs, where the relation is plainest."""
    label = dice.index(3)
    premise, hypothesis = inference(dice, nature, label, "text", bare=dice.under(0.5))
    return [*tell(premise, speech), Token(speech.function(CONNECTIVES[label])), *tell(hypothesis, speech)]


def _interview(dice: Dice, nature: Nature, speech: Speech) -> list[Token]:
    """A question, its short answer, and the passage of two or three events that says it."""
    asked = quiz(dice, nature, 2 + dice.index(2), "text")
    told = [tell(event, speech) for event in asked.passage]
    answer = [token for token in told[asked.told] if token.part == asked.part]
    return [*tell(asked.question, speech), *answer, *joined(told, speech)]


def _attributes(dice: Dice, nature: Nature, speech: Speech) -> list[Token]:
    """What a noun is and how it is, then twice how it is, how else, and which connective that takes."""
    noun = dice.index(NOUNS)
    said = state(noun, f"noun/{hypernym(noun)}", speech)
    for _ in range(2):
        first, label, negated = nature.adjective(dice, noun), dice.index(3), dice.under(0.35)
        second = related(dice, first, 2 - label if negated else label)
        said += state(noun, f"adjective/{first}", speech)
        said += [Token(speech.function(CONNECTIVES[label]))]
        said += state(noun, f"adjective/{second}", speech, negated=negated)
    return said


def _retold(dice: Dice, nature: Nature, speech: Speech) -> list[Token]:
    """An event, "also", and the same event in a synonym and with its place and time wherever they may stand."""
    event = nature.event(dice, pool="text")
    again = replace(event, synonym=event.synonym ^ dice.under(0.5), fronted=dice.under(0.2))
    return [*tell(event, speech), Token(speech.function("also")), *tell(again, speech)]


def joined(told: list[list[Token]], speech: Speech) -> list[Token]:
    """Sentences with "then" between them."""
    tokens = list(told[0])
    for sentence in told[1:]:
        tokens += [Token(speech.function("then")), *sentence]
    return tokens
