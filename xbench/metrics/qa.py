"""Extractive questions: is the answer's text the right one, and how many of its words are?

Three sets of rules, told apart by name:
- `squad`: SQuAD 1.1 (Rajpurkar et al. 2016, evaluate-v1.1.py), the same for every language;
- `mlqa`: MLQA (Lewis et al. 2020, mlqa_evaluation_v1.py), articles and segmentation by language. Its Arabic rule takes
  the article out of the middle of words too; `mlqa_…_fixed_arabic` takes it from the beginning of words only;
- `words`: xbench's own, for any language.
A prediction is compared with every gold answer, and the best match counts, for EM and F1 each on its own.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from xbench.errors import ScoringError
from xbench.metrics.metric import Metric, ratio
from xbench.task import Span

ALIASES = {
    "ara": "ar", "arb": "ar", "aze": "az", "azj": "az", "cmn": "zh", "deu": "de", "ell": "el", "eng": "en", "hin": "hi",
    "kor": "ko", "ron": "ro", "rus": "ru", "spa": "es", "tur": "tr", "vie": "vi", "zho": "zh",
}  # fmt: skip
"""ISO 639-3 codes of the languages that have a rule here."""

MLQA_ARTICLES = {
    "ar": r"ال",
    "de": r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "en": r"\b(?:a|an|the)\b",
    "es": r"\b(?:un|una|unos|unas|el|la|los|las)\b",
    "hi": "",
    "vi": r"\b(?:của|là|cái|chiếc|những)\b",
    "zh": "",
}
"""What MLQA's script replaces by a space, in each of its languages. Its Arabic pattern has another alternative, which
can never match (it asks for the beginning of the text after two letters)."""

ARABIC_ARTICLE = r"(?<!\S)ال"
"""The Arabic article where a word begins with it. White space is asked for, and not `\\b`, which also stands between a
letter and a vowel mark."""

ARTICLES = {
    "de": "ein eine einen einem eines einer der die das den dem des",
    "el": "ο η το οι τα του τησ τη την τον των τουσ τισ ένασ έναν ενόσ ένα μία μια μίαν μιαν μίασ μιασ",
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "ro": "un o unui unei unor niște",
    "vi": "của là cái chiếc những",
}
"""Words that `words` leaves out: those of MLQA, and Greek and Romanian. Case folding has made final sigma a sigma.

Bengali, Finnish, Indonesian, Japanese, Korean, Russian, Swahili, Telugu and Thai have no article that is a word: what
there is of the kind is an ending, and stays. So does Turkish `bir`, which is the number one as well."""

SPELLINGS: dict[str, dict[int, str | None]] = {
    "ro": {ord("ş"): "ș", ord("ţ"): "ț"},  # older files write a cedilla for the comma
    "ru": {ord("ё"): "е", 0x301: None},  # the dots of ё and the stress mark are written or left out at will
    "tr": {ord("'"): " ", ord("’"): " "},  # parts a name from its endings
}
"""Language -> characters that `words` reads as others. Case has been folded."""

HANGUL = re.compile("[\uac00-\ud7a3]")
"""Syllables. In Korean particles are written to their noun, so that words rarely match; `words` takes syllables there,
as the authors of KorQuAD do for F1 (Lim et al. 2019)."""

UNSPACED = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff"  # Hiragana, Katakana, iteration mark, zero
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "]"
)
"""Characters of scripts that write no spaces between words: each is a word of its own."""

HAN_OF_MLQA = re.compile("([\u4e00-\u9fa5])")
"""What MLQA's script takes for a Chinese character."""


class _Without(dict[int, int | str | None]):
    """A table for str.translate that drops characters of some Unicode categories, and ASCII punctuation with symbols.

    With `digits` it also writes decimal digits of any script as 0 to 9. Filled as characters come up: looking through
    all of Unicode first would take longer than most scoring.
    """

    def __init__(self, *categories: str, digits: bool = False) -> None:
        super().__init__((ord(one), None) for one in string.punctuation)
        self.categories = categories
        self.digits = digits

    def __missing__(self, code: int) -> int | str | None:
        one = chr(code)
        if unicodedata.category(one).startswith(self.categories):
            self[code] = None
        else:
            self[code] = str(unicodedata.decimal(one)) if self.digits and one.isdecimal() else code
        return self[code]


ASCII_PUNCTUATION = {ord(one): None for one in string.punctuation}
PUNCTUATION = _Without("P")
PLAIN = _Without("P", "Cf", digits=True)
"""Drops invisible marks as well: direction marks, joiners, zero-width spaces."""


@lru_cache(maxsize=1 << 14)
def squad_words(text: str, language: str) -> tuple[str, ...]:
    """Words by SQuAD 1.1: lower case, no ASCII punctuation, no English articles, split at white space."""
    del language
    return tuple(re.sub(r"\b(?:a|an|the)\b", " ", text.lower().translate(ASCII_PUNCTUATION)).split())


@lru_cache(maxsize=1 << 14)
def mlqa_words(text: str, language: str) -> tuple[str, ...]:
    """Words by MLQA: lower case, no punctuation of any script, no articles of the language, Han one by one in Chinese.

    Raises ScoringError for a language that MLQA's script has no rules for.
    """
    return _mlqa(text, language, MLQA_ARTICLES)


@lru_cache(maxsize=1 << 14)
def mlqa_words_fixed_arabic(text: str, language: str) -> tuple[str, ...]:
    """As `mlqa_words`, but the Arabic article is removed only where a word begins with it."""
    return _mlqa(text, language, MLQA_ARTICLES | {"ar": ARABIC_ARTICLE})


@lru_cache(maxsize=1 << 14)
def plain_words(text: str, language: str) -> tuple[str, ...]:
    """Words in any language: NFKC, case folded, no punctuation, no articles, scripts without spaces cut at characters.

    Case is folded as for compatibility caseless matching (The Unicode Standard 3.13, D146), in which ΐ is Ϊ́.

    Turkish and Azerbaijani fold I to ı and İ to i; `SPELLINGS` are made one; digits of any script are 0 to 9; Korean is
    cut at syllables. Where characters are words, spaces between them say nothing. Marks stay with the character that
    they stand on. An answer of articles only is left as it is, so that it can still be told from an empty one.
    """
    language = _key(language)
    text = unicodedata.normalize("NFKC", text)
    if language in ("tr", "az"):
        text = text.replace("İ", "i").replace("I", "ı")
    # Apart, because folding makes a letter of the iota below, which may stand among other marks; together again,
    # because folding takes some letters apart, and invisible marks that are dropped may have parted others.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    text = unicodedata.normalize("NFKC", text.translate(SPELLINGS.get(language, {})).translate(PLAIN))
    if language == "ko":
        text = HANGUL.sub(r" \g<0> ", text)
    bare = re.sub(ARABIC_ARTICLE, " ", text) if language == "ar" else text
    articles = ARTICLES.get(language, "").split()
    return tuple(word for word in _apart(bare) if word not in articles) or tuple(_apart(text))


def _apart(text: str) -> list[str]:
    """Words of a text; every character of a script without spaces is one of its own, its marks with it."""
    pieces: list[str] = []
    alone = False
    for one in text:
        if alone and unicodedata.category(one).startswith("M"):
            pieces[-1] = pieces[-1].rstrip() + one + " "
        elif alone := UNSPACED.match(one) is not None:
            pieces.append(f" {one} ")
        else:
            pieces.append(one)
    return "".join(pieces).split()


def _mlqa(text: str, language: str, articles: dict[str, str]) -> tuple[str, ...]:
    language = _key(language)
    if language not in articles:
        known = ", ".join(sorted(articles))
        raise ScoringError(f"MLQA has rules for {known}, not for {language!r}; words_em and words_f1 know any language")
    text = text.lower().translate(PUNCTUATION)
    if articles[language]:
        text = re.sub(articles[language], " ", text)
    if language == "zh":
        text = HAN_OF_MLQA.sub(r" \1 ", text)
    return tuple(text.split())


def _key(language: str) -> str:
    """`zh-Hans`, `zho_Hans` and `zh` are zh."""
    first = re.split("[-_]", language, maxsplit=1)[0].lower()
    return ALIASES.get(first, first)


def overlap(guess: tuple[str, ...], answer: tuple[str, ...]) -> float:
    """F1 of two bags of words, 0..1; 0 where they share none, so also where both are empty, as in the SQuAD script."""
    same = (Counter(guess) & Counter(answer)).total()
    if not same:
        return 0.0
    precision, recall = same / len(guess), same / len(answer)
    return 2 * precision * recall / (precision + recall)


def equal(guess: tuple[str, ...], answer: tuple[str, ...]) -> float:
    """1 where the normalised texts are the same, which is where their words are."""
    return float(guess == answer)


def _metric(name: str, title: str, words: Callable[[str, str], tuple[str, ...]], detail: str, cite: str) -> Metric:
    """EM or F1, by the end of the name, over the words of one set of rules."""
    exact = name.split("_")[1] == "em"
    match = equal if exact else overlap

    def count(prediction: str | None, gold: Span, language: str) -> tuple[float, float]:
        """(best match over all answers, 1). Raises ScoringError for a prediction that is not text, or without gold."""
        if not any(answer.strip() for answer in gold.answers):
            raise ScoringError(f"no gold answer for the question “{gold.question}”")
        if prediction is None:
            return 0.0, 1.0
        if not isinstance(prediction, str):
            raise ScoringError(f"predicted {prediction!r} where the text of an answer was due")
        guess = words(prediction, language)
        return max(match(guess, words(answer, language)) for answer in gold.answers), 1.0

    return Metric(
        name=name, title=title, columns=("exact" if exact else "f1", "n"), count=count, close=ratio, example=Span,
        detail=detail, cite=cite,
    )  # fmt: skip


_SQUAD = (
    squad_words,
    "SQuAD 1.1: lower case, no ASCII punctuation, no English articles, words at white space; best over references",
    "rajpurkar-etal-2016-squad",
)
_MLQA = (
    mlqa_words,
    "MLQA: lower case, no Unicode punctuation, no articles of the language (Arabic: also inside words), Han one by one "
    "in Chinese; best over references",
    "lewis-etal-2020-mlqa",
)
_FIXED = (
    mlqa_words_fixed_arabic,
    "MLQA with the Arabic article removed at the beginning of words only; best over references",
    "lewis-etal-2020-mlqa",
)
_WORDS = (
    plain_words,
    "xbench words: NFKC before and after case folding (tr, az by their rule), no Unicode punctuation, digits 0-9, "
    "spellings of ro ru tr made one, no articles of ar de el en es ro vi, scripts without spaces and Korean cut at "
    "characters; best over references",
    "",
)

squad_em = _metric("squad_em", "Exact match (SQuAD)", *_SQUAD)
squad_f1 = _metric("squad_f1", "F1 (SQuAD)", *_SQUAD)
mlqa_em = _metric("mlqa_em", "Exact match (MLQA)", *_MLQA)
mlqa_f1 = _metric("mlqa_f1", "F1 (MLQA)", *_MLQA)
mlqa_em_fixed_arabic = _metric("mlqa_em_fixed_arabic", "Exact match (MLQA, Arabic fixed)", *_FIXED)
mlqa_f1_fixed_arabic = _metric("mlqa_f1_fixed_arabic", "F1 (MLQA, Arabic fixed)", *_FIXED)
words_em = _metric("words_em", "Exact match (language-aware)", *_WORDS)
words_f1 = _metric("words_f1", "F1 (language-aware)", *_WORDS)
