"""What can be meant, and the words that each language has for it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xbench.world.chance import Dice, T
from xbench.world.languages import SCRIPTS, Language, World

CATEGORIES = ("person", "animal", "food", "tool", "vehicle", "cloth")
PER_CATEGORY = 4
NOUNS = len(CATEGORIES) * PER_CATEGORY
"""Nouns 0..23 lie category by category; noun 24 + c is the hypernym of category c."""
ANIMATE = 2 * PER_CATEGORY
"""Nouns below this one, the persons and animals, can act on each other."""
ADJECTIVE_PAIRS = 5
"""Adjective 4 * pair + 2 * pole + synonym: two poles of opposite meaning, two synonyms each."""
ACTIONS = 8
OPPOSED = 6
"""Actions 2k and 2k + 1 below this one are opposites; the others have none. Verb 2 * action + synonym."""
TIMES = 4
FUNCTION = (
    "so", "maybe", "but", "also", "then", "is", "not", "at", "who", "what", "where", "title", "firm"
)  # fmt: skip
"""The function words, by what they do; `title` may precede a person's name and `firm` an organisation's."""

Name: TypeAlias = tuple[int, ...]
"""A name is a sequence of syllable numbers: every script spells it in its own letters."""
NameKind: TypeAlias = Literal["first", "last", "place", "organisation"]
NAME_KINDS: tuple[NameKind, ...] = ("first", "last", "place", "organisation")
PER_KIND = 40
IN_TEXT, IN_TRAIN = 14, 27
"""Names 0..13 of a kind occur in texts; 14..26 only in the training split of tagging; 27..39 only in its others."""


def meanings() -> tuple[str, ...]:
    """Keys of everything that has a word: 30 nouns, 20 adjectives, 16 verbs, 4 times, 13 function words."""
    counts = {
        "noun": NOUNS + len(CATEGORIES), "adjective": 4 * ADJECTIVE_PAIRS, "verb": 2 * ACTIONS, "time": TIMES
    }  # fmt: skip
    counted = [f"{kind}/{number}" for kind, count in counts.items() for number in range(count)]
    return (*counted, *(f"function/{name}" for name in FUNCTION))


def names(world: World) -> Mapping[NameKind, tuple[Name, ...]]:
    """Forty names of each kind, of 2 or 3 syllables; no name is of two kinds."""
    dice, taken = Dice(world.seed, "names"), set[Name]()
    return {kind: tuple(_new(lambda: _syllables(dice, 70), taken) for _ in range(PER_KIND)) for kind in NAME_KINDS}


@dataclass(frozen=True, slots=True)
class Speech:
    """A language with its words."""

    language: Language
    words: Mapping[str, str]
    """Meaning -> word; no word has two meanings."""
    suffix: str
    """Accusative ending of nouns; empty where the language has none."""

    def noun(self, number: int, *, accusative: bool = False) -> str:
        """The word for a noun, as the object of a verb if asked for."""
        return self.words[f"noun/{number}"] + (self.suffix if accusative else "")

    def function(self, name: str) -> str:
        """The word that does what `name` says, one of `FUNCTION`."""
        return self.words[f"function/{name}"]

    def spell(self, name: Name) -> str:
        """A name in this language's letters."""
        syllables = SCRIPTS[self.language.script].syllables
        return "".join(syllables[number] for number in name)


def speeches(world: World) -> tuple[Speech, ...]:
    """Every language of the world with its words, in the world's order.

    A language's words depend on the seed, the source's words and its own settings only, so that adding a language
    changes no other.
    """
    spelt = {script: _spelt(world, script) for script in SCRIPTS}
    own = _own_words(world, world.source, spelt[world.source.script])
    return tuple(_speech(world, language, own, spelt[language.script]) for language in world.languages)


def _speech(world: World, language: Language, source: Mapping[str, str], spelt: frozenset[str]) -> Speech:
    """One language: its own words, but for those it shares with the source."""
    share = language.cognates if language.script == world.source.script else 0.0
    dice = Dice(world.seed, "cognates", language.code)
    own = source if language == world.source else _own_words(world, language, spelt | set(source.values()))
    shared = set(dice.sample(tuple(source), round(share * len(source))))  # the designed share, not one drawn near it
    words = {meaning: source[meaning] if meaning in shared else own[meaning] for meaning in source}
    suffix = SCRIPTS[language.script].syllables[Dice(world.seed, "suffix", language.code).index(70)]
    return Speech(language, words, suffix if language.accusative else "")


def _own_words(world: World, language: Language, taken: Iterable[str]) -> Mapping[str, str]:
    """A new word for every meaning, of 2 or 3 syllables out of 40 that this language likes."""
    dice, used = Dice(world.seed, "words", language.code), set(taken)
    liked = dice.sample(SCRIPTS[language.script].syllables, 40)
    return {meaning: _new(lambda: "".join(liked[k] for k in _syllables(dice, 40)), used) for meaning in meanings()}


def _syllables(dice: Dice, kinds: int) -> Name:
    """Two or three syllable numbers below `kinds`."""
    return tuple(dice.index(kinds) for _ in range(2 + dice.index(2)))


def _spelt(world: World, script: str) -> frozenset[str]:
    """Every name as a script spells it: words keep clear of them."""
    syllables = SCRIPTS[script].syllables
    return frozenset("".join(syllables[k] for k in name) for pool in names(world).values() for name in pool)


def _new(draw: Callable[[], T], taken: set[T]) -> T:
    """Draw until something new comes, and remember it."""
    while (drawn := draw()) in taken:
        pass
    taken.add(drawn)
    return drawn
