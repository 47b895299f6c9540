"""How a language puts an event into words."""

from collections.abc import Sequence
from dataclasses import dataclass

from xbench.world.events import Actor, Event
from xbench.world.lexicon import Name, Speech


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a sentence."""

    word: str
    tag: str = "O"
    """Its name tag, IOB2: O, B-PER, I-PER, B-ORG, I-ORG, B-LOC or I-LOC."""
    part: str = ""
    """The part of the event that it answers for: subject, object or place; empty for all other words."""


def tell(event: Event, speech: Speech) -> list[Token]:
    """The sentence for an event, or the question where a part of it is asked for."""
    verb = [Token(speech.words[f"verb/{2 * event.action + event.synonym}"])]
    if event.negated:
        verb.insert(0, Token(speech.function("not")))
    subject = _asked(speech, "who") if event.asked == "subject" else _actor(event.subject, "subject", speech)
    object_ = _asked(speech, "what") if event.asked == "object" else _actor(event.object, "object", speech)
    return order(subject, verb, object_, _around(event, speech), speech, fronted=event.fronted)


def state(noun: int, said: str, speech: Speech, *, negated: bool = False) -> list[Token]:
    """Words of "the noun is …": `said` is the meaning of the noun or adjective that is said of it."""
    verb = [Token(speech.function("not"))] * negated + [Token(speech.function("is"))]
    return order([Token(speech.noun(noun))], verb, [Token(speech.words[said])], [], speech)


def order(
    subject: list[Token], verb: list[Token], object_: list[Token], around: list[Token], speech: Speech, *,
    fronted: bool = False,
) -> list[Token]:  # fmt: skip
    """The parts of a clause in the language's order; place and time stand first, or else last or before the verb."""
    head, tail = (around, []) if fronted else ([], around)
    match speech.language.order:
        case "SVO":
            return head + subject + verb + object_ + tail
        case "SOV":
            return head + subject + tail + object_ + verb
        case "VSO":
            return head + verb + subject + object_ + tail


def text(tokens: Sequence[Token]) -> str:
    """Words with spaces between."""
    return " ".join(token.word for token in tokens)


def _asked(speech: Speech, word: str) -> list[Token]:
    return [Token(speech.function(word))]


def _around(event: Event, speech: Speech) -> list[Token]:
    """Place, then time, as far as the event has them."""
    around: list[Token] = []
    if event.asked == "place":
        around += _asked(speech, "where")
    elif event.place is not None:
        at, place = Token(speech.function("at")), _named((event.place,), "LOC", "place", speech)
        around += [*place, at] if speech.language.postpositions else [at, *place]
    if event.time is not None:
        around.append(Token(speech.words[f"time/{event.time}"]))
    return around


def _actor(actor: Actor, part: str, speech: Speech) -> list[Token]:
    """A noun with its adjective, or a name with its title; the title is no part of an answer."""
    if actor.person is not None:
        title = [Token(speech.function("title"))] * actor.titled
        return title + _named(actor.person, "PER", part, speech)
    if actor.firm is not None:
        title = [Token(speech.function("firm"))] * actor.titled
        return title + _named(actor.firm, "ORG", part, speech)
    words = [speech.noun(actor.noun or 0, accusative=part == "object")]
    if actor.adjective is not None:
        words.insert(len(words) if speech.language.noun_first else 0, speech.words[f"adjective/{actor.adjective}"])
    return [Token(word, part=part) for word in words]


def _named(name: Sequence[Name], tag: str, part: str, speech: Speech) -> list[Token]:
    """A name of one word or more, tagged."""
    return [Token(speech.spell(word), f"{'I' if later else 'B'}-{tag}", part) for later, word in enumerate(name)]
