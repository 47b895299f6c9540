"""The rules for answers, against a second, plain writing of them that works character by character."""

import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbench.metrics import qa
from xbench.task import Span

ASCII_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
ARTICLES = {
    "ar": [], "hi": [], "zh": [],
    "en": ["a", "an", "the"],
    "es": ["un", "una", "unos", "unas", "el", "la", "los", "las"],
    "vi": ["của", "là", "cái", "chiếc", "những"],
    "de": ["ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"],
}  # fmt: skip

SCRIPTS = {
    "latin": "aábcdeéẽhilntuvưđßſİ",
    "greek": "αβγσςΣο",
    "cyrillic": "абвеёЖя",
    "arabic": "السمكتبةو\u064e٣",
    "hebrew": "אבגדה",
    "devanagari": "कखगहि\u093f\u094d१",
    "bengali": "কখগ\u09be",
    "telugu": "కఖగ\u0c3e",
    "thai": "กขคง\u0e31\u0e48\u0e33",
    "han": "一丁中文国龥龦㐀\U00020000",
    "kana": "あいカー",
    "hangul": "한국어가",
}
PUNCTUATION = "!'-_.,$+|~。、「」؟،।—«»„“・٪"
SPACES = " \t\n\u00a0\u3000\u200b"


ARTICLE = sorted({one for several in ARTICLES.values() for one in several} | {"ال", "والـ", "THE", "Der"})
PIECE = st.one_of(
    *(st.text(alphabet=letters, min_size=1, max_size=3) for letters in SCRIPTS.values()),
    st.sampled_from(ARTICLE),
    st.sampled_from(PUNCTUATION),
    st.sampled_from(SPACES),
)


@st.composite
def several(draw: st.DrawFn) -> list[str]:
    """Two to four texts in one or several scripts with articles, punctuation and spaces of all kinds; they share pieces."""
    pool = [*draw(st.lists(PIECE, min_size=1, max_size=5)), " ", " "]
    text = st.lists(st.sampled_from(pool), max_size=7).map("".join)
    return draw(st.lists(text, min_size=2, max_size=4))


def without_articles(text: str, articles: list[str]) -> str:
    """Runs of word characters that are an article become a space."""
    out, run = "", ""
    for one in [*text, ""]:
        if one and (one.isalnum() or one == "_"):
            run += one
        else:
            out += (" " if run in articles else run) + one
            run = ""
    return out


def squad_form(text: str) -> list[str]:
    kept = "".join(one for one in text.lower() if one not in ASCII_PUNCTUATION)
    return without_articles(kept, ARTICLES["en"]).split()


def mlqa_form(text: str, language: str) -> list[str]:
    kept = ""
    for one in text.lower():
        if one not in ASCII_PUNCTUATION and unicodedata.category(one)[0] != "P":
            kept += one
    kept = without_articles(kept, ARTICLES[language])
    if language == "ar":
        kept = " ".join(kept.split("ال"))
    if language == "zh":
        kept = "".join(f" {one} " if 0x4E00 <= ord(one) <= 0x9FA5 else one for one in kept)
    return kept.split()


def plain_f1(guess: list[str], answer: list[str]) -> float:
    left, same = Counter(answer), 0
    for one in guess:
        if left[one] > 0:
            left[one] -= 1
            same += 1
    return (
        0.0 if same == 0 else 2 * (same / len(guess)) * (same / len(answer)) / (same / len(guess) + same / len(answer))
    )


@settings(max_examples=800, deadline=None)
@given(several())
def test_squad_rules_on_texts_in_ten_scripts(drawn: list[str]) -> None:
    guess, *answers = drawn
    gold = Span("", "", tuple(answers), ())
    for language in ("en", "zh", "te"):
        assert qa.squad_words(guess, language) == tuple(squad_form(guess))
    best = max(plain_f1(squad_form(guess), squad_form(one)) for one in answers)
    assert qa.squad_f1.count(guess, gold, "en")[0] == pytest.approx(best, abs=1e-12)
    right = any(" ".join(squad_form(guess)) == " ".join(squad_form(one)) for one in answers)
    assert qa.squad_em.count(guess, gold, "en") == (float(right), 1.0)


@settings(max_examples=800, deadline=None)
@given(several(), st.sampled_from(sorted(ARTICLES)))
def test_mlqa_rules_on_texts_in_ten_scripts(drawn: list[str], language: str) -> None:
    guess, *answers = drawn
    gold = Span("", "", tuple(answers), ())
    ours, plain = qa.mlqa_words(guess, language), mlqa_form(guess, language)
    assert ours == tuple(plain)
    best = max(plain_f1(plain, mlqa_form(one, language)) for one in answers)
    assert qa.mlqa_f1.count(guess, gold, language)[0] == pytest.approx(best, abs=1e-12)
    right = any(" ".join(plain) == " ".join(mlqa_form(one, language)) for one in answers)
    assert qa.mlqa_em.count(guess, gold, language) == (float(right), 1.0)


@settings(max_examples=400, deadline=None)
@given(several(), st.sampled_from(["ar", "de", "el", "en", "fi", "ja", "ko", "ro", "sw", "te", "th", "tr", "zh"]))
def test_words_of_any_text_in_any_language(drawn: list[str], language: str) -> None:
    text, other, *_ = drawn
    words = qa.plain_words(text, language)
    gold = Span("", "", (text,), ())
    assert qa.words_em.count(text, gold, language) == (1.0, 1.0)
    assert qa.words_f1.count(text, gold, language)[0] == (1.0 if words else 0.0)
    assert all(word and word == "".join(word.split()) for word in words)
    there, back = (
        qa.words_f1.count(*pair, language)[0] for pair in ((other, gold), (text, Span("", "", (other,), ())))
    )
    assert there == pytest.approx(back, abs=1e-12)


def test_mlqa_arabic_rule_cuts_inside_words_and_the_fixed_one_does_not() -> None:
    # سالم (a name) holds alef-lam in the middle; المكتبة begins with the article.
    assert qa.mlqa_words("سالم في المكتبة", "ar") == ("س", "م", "في", "مكتبة")
    assert qa.mlqa_words_fixed_arabic("سالم في المكتبة", "ar") == ("سالم", "في", "مكتبة")
    # A vowel mark before alef-lam is no beginning of a word either.
    assert qa.mlqa_words_fixed_arabic("سَالم", "ar") == ("سَالم",)
    gold = Span("", "", ("سالم",), ())
    assert qa.mlqa_f1.count("س", gold, "ar")[0] == pytest.approx(2 / 3)
    assert qa.mlqa_f1_fixed_arabic.count("س", gold, "ar")[0] == 0.0
    assert qa.mlqa_f1_fixed_arabic.count("the cat", Span("", "", ("cat",), ()), "en")[0] == 1.0


def test_squad_rules_know_no_language_and_words_do() -> None:
    gold = Span("", "", ("北京市中心",), ())
    assert qa.squad_f1.count("北京市", gold, "zh")[0] == 0.0
    assert qa.mlqa_f1.count("北京市", gold, "zh")[0] == pytest.approx(2 * 1 * 0.6 / 1.6)
    assert qa.words_f1.count("北京市", gold, "ja")[0] == pytest.approx(2 * 1 * 0.6 / 1.6)


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("th", "ที่นั่น 12", ["ที่", "นั่", "น", "12"]),
        ("ja", "東京タワー２", ["東", "京", "タ", "ワ", "ー", "2"]),
        ("zh-Hans", "第3章 ABC", ["第", "3", "章", "abc"]),
        ("tr", "IŞIK İzmir", ["ışık", "izmir"]),
        ("en", "IŞIK", ["işik"]),
        ("el", "ο Ἀλέξανδρος", ["ἀλέξανδροσ"]),
        ("el", "Τους λόγους ΤΟΥΣ", ["λόγουσ"]),
        ("ro", "un oraș", ["oraș"]),
        ("deu", "Die Straße", ["strasse"]),
        ("ar", "الكتاب", ["كتاب"]),
        ("ko", "서울은 대한민국", ["서울은", "대한민국"]),
        ("sw", "Dar es Salaam!", ["dar", "es", "salaam"]),
        ("te", "హైదరాబాద్\u200c లో", ["హైదరాబాద్", "లో"]),
        ("en", "The A", ["the", "a"]),
        ("en", "?!", []),
    ],
)
def test_words_by_language(language: str, text: str, words: list[str]) -> None:
    assert list(qa.plain_words(text, language)) == [unicodedata.normalize("NFKC", word) for word in words]


def test_empty_forms_match_exactly_and_share_no_word() -> None:
    gold = Span("", "", ("The",), ())
    assert qa.squad_em.count("a", gold, "en") == (1.0, 1.0)
    assert qa.squad_f1.count("a", gold, "en") == (0.0, 1.0)


def test_the_best_reference_counts_for_each_metric_on_its_own() -> None:
    gold = Span("", "", ("red fox", "fox"), ())
    assert qa.squad_em.count("The fox", gold, "en") == (1.0, 1.0)
    assert qa.squad_f1.count("red fox runs", gold, "en")[0] == pytest.approx(0.8)
