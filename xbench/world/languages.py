"""The languages of the synthetic world, and how far each lies from the source.

The setting is that of Conneau, Wu et al. 2020, "Emerging cross-lingual structure in pretrained language models", and of
K et al. 2020, "Cross-lingual ability of multilingual BERT": one world of meanings, spoken in languages that differ in
vocabulary, word order, script and amount of text, so that each cause of bad transfer can be switched on alone.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Order: TypeAlias = Literal["SVO", "SOV", "VSO"]


@dataclass(frozen=True, slots=True)
class Script:
    """Letters of one Unicode block that syllables are made of: 14 consonants and 5 vowels, so 70 syllables."""

    consonants: str
    vowels: str

    @property
    def syllables(self) -> tuple[str, ...]:
        """Every consonant with every vowel; syllable number k means the same sound in every script."""
        return tuple(c + v for c in self.consonants for v in self.vowels)


SCRIPTS = {
    "Latin": Script("bdfghklmnprstv", "aeiou"),
    "Cyrillic": Script("бдфгхклмнпрств", "аеиоу"),
    "Devanagari": Script("बदफगहकलमनपरसतव", "अएइओउ"),
    "Georgian": Script("ბდფგჰკლმნპრსტვ", "აეიოუ"),
    "Ethiopic": Script("በደፈገሀከለመነፐረሰተወ", "አኤኢኦኡ"),
}
"""Script -> its letters. All are letters proper (no combining marks), in the same order of sounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One synthetic language: its distance from the source, by design, and how much text it has."""

    code: str
    script: str = "Latin"
    """A key of `SCRIPTS`."""
    order: Order = "SVO"
    noun_first: bool = False
    """Whether an adjective follows its noun."""
    postpositions: bool = False
    """Whether the word for "at" follows the place."""
    accusative: bool = False
    """Whether a noun that is the object carries a suffix; names never do."""
    cognates: float = 0.0
    """Probability that a word equals the source's, in 0..1; without effect in another script than the source's."""
    documents: int = 6000
    """Texts for pre-training."""
    pairs: int = 3000
    """Sentences with their translation into the source, for pre-training."""

    def __post_init__(self) -> None:
        """Refuse what cannot be spoken: an unknown script or order, or a share outside 0..1."""
        if self.script not in SCRIPTS:
            raise ValueError(f"language {self.code!r}: no script {self.script!r}; there are {', '.join(SCRIPTS)}")
        if self.order not in ("SVO", "SOV", "VSO"):
            raise ValueError(f"language {self.code!r}: no order {self.order!r}; there are SVO, SOV, VSO")
        if not 0.0 <= self.cognates <= 1.0:
            raise ValueError(f"language {self.code!r}: cognates must lie in 0..1, not {self.cognates}")


LANGUAGES = (
    Language(code="source", pairs=0),
    Language(code="near", cognates=0.6),
    Language(code="mid", noun_first=True, cognates=0.3),
    Language(code="ord", order="SOV", cognates=0.3),
    Language(code="scr", script="Cyrillic"),
    Language(code="scro", script="Devanagari", order="SOV"),
    Language(code="scrl", script="Georgian", documents=600, pairs=300),
    Language(
        code="scrol", script="Ethiopic", order="SOV", postpositions=True, accusative=True, documents=600, pairs=300
    ),
)
"""The shipped languages. The name spells the distance: scr = own script, o = other order, l = little text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that decides what is written: two equal worlds give the same bytes."""

    seed: int = 3
    languages: tuple[Language, ...] = LANGUAGES
    """The first is the source: the language that is fine-tuned on and translated into."""
    train: int = 8000
    """Training examples of each task, source language only."""
    validation: int = 500
    """Validation examples of each task, source language only."""
    test: int = 1000
    """Test examples of each task and language; example i is the same event in all."""
    retrieval: int = 1000
    """Sentences that retrieval searches among."""

    def __post_init__(self) -> None:
        """Refuse a world without a source, or with two languages of one code."""
        codes = [language.code for language in self.languages]
        if not codes or len(set(codes)) < len(codes):
            raise ValueError(f"a world needs languages with codes of their own, not {codes}")

    @property
    def source(self) -> Language:
        """The language that is fine-tuned on."""
        return self.languages[0]
