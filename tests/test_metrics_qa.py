"""The rules for answers, against a second, plain writing of them that works character by character."""

import unicodedata
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbench.errors import ScoringError
from xbench.metrics import Metric, qa
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
    """Two to four texts in one or several scripts with articles, punctuation and spaces of all kinds; they share pieces.

    None is blank: an answer without a character is no gold.
    """
    pool = [*draw(st.lists(PIECE, min_size=1, max_size=5)), " ", " "]
    text = st.lists(st.sampled_from(pool), max_size=7).map("".join).filter(str.strip)
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


def compare(
    drawn: list[str],
    metrics: tuple[Metric, Metric],
    language: str,
    form: Callable[[str], list[str]],
    seen: Counter[str],
) -> None:
    """F1 and EM of one prediction against the second writing of the rules; notes which scripts it had."""
    guess, *answers = drawn
    gold = Span("", "", tuple(answers), ())
    best = max(plain_f1(form(guess), form(one)) for one in answers)
    right = any(" ".join(form(guess)) == " ".join(form(one)) for one in answers)
    f1, em = (metric.count(guess, gold, language) for metric in metrics)
    assert f1[0] == pytest.approx(best, abs=1e-12)
    assert em == (float(right), 1.0)
    seen.update(["all", "right"] if right else ["all"])
    seen.update(["partly"] if 0 < best < 1 else [])
    seen.update(script for script, letters in SCRIPTS.items() if set(letters) & set("".join(drawn)))


def report(rules: str, seen: Counter[str]) -> None:
    """Print how many strings were compared, and see that every script was among them often."""
    print(f"{rules}: {seen['all']} predictions compared, {dict(seen)}")
    assert seen["all"] >= 800
    assert seen["right"] > 30
    assert seen["partly"] > 30
    assert min(seen[script] for script in SCRIPTS) > 30


def test_squad_rules_on_texts_in_twelve_scripts() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=800, deadline=None, derandomize=True)
    @given(several())
    def check(drawn: list[str]) -> None:
        for language in ("en", "zh", "te"):
            assert qa.squad_words(drawn[0], language) == tuple(squad_form(drawn[0]))
        compare(drawn, (qa.squad_f1, qa.squad_em), "en", squad_form, seen)

    check()
    report("SQuAD", seen)


def test_mlqa_rules_on_texts_in_twelve_scripts() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=800, deadline=None, derandomize=True)
    @given(several(), st.sampled_from(sorted(ARTICLES)))
    def check(drawn: list[str], language: str) -> None:
        assert qa.mlqa_words(drawn[0], language) == tuple(mlqa_form(drawn[0], language))
        compare(drawn, (qa.mlqa_f1, qa.mlqa_em), language, lambda text: mlqa_form(text, language), seen)

    check()
    report("MLQA", seen)


@settings(max_examples=400, deadline=None)
@given(several(), st.sampled_from(["ar", "de", "el", "en", "fi", "ja", "ko", "ro", "ru", "sw", "te", "th", "tr", "zh"]))
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
        ("ko", "서울은 대한민국", ["서", "울", "은", "대", "한", "민", "국"]),
        ("en", "서울은 대한민국", ["서울은", "대한민국"]),
        ("sw", "Dar es Salaam!", ["dar", "es", "salaam"]),
        ("te", "హైదరాబాద్\u200c లో", ["హైదరాబాద్", "లో"]),
        ("en", "The A", ["the", "a"]),
        ("ar", "ال", ["ال"]),
        ("ar", "ال ال", ["ال", "ال"]),
        ("ar", "ال كتاب", ["كتاب"]),
        ("en", "?!", []),
    ],
)
def test_words_by_language(language: str, text: str, words: list[str]) -> None:
    assert list(qa.plain_words(text, language)) == [unicodedata.normalize("NFKC", word) for word in words]


LACKED = [
    # language, prediction, gold, F1 and EM of `words`, F1 of SQuAD's rules
    ("el", "ο Μέγας Αλέξανδρος", "Μέγας Αλέξανδρος", 1.0, 1, 0.8),
    ("el", "της ΘΡΆΚΗΣ", "Θράκης", 1.0, 1, 2 / 3),  # final sigma; an article in the genitive
    ("ru", "«Ле́нин Пётр»", "Ленин Петр", 1.0, 1, 0.0),
    ("ru", "в Москве", "Москве", 2 / 3, 0, 2 / 3),  # a preposition is a word
    ("th", "กรุงเทพมหานคร", "กรุงเทพ", 2 / 3, 0, 0.0),  # 12 and 6 letters with their marks
    ("th", "พ.ศ. ๒๕๖๒", "2562", 0.5, 0, 0.0),
    ("tr", "IŞIK İzmir'de", "ışık İzmir", 0.8, 0, 0.0),  # the ending is parted from the name
    ("tr", "bir kedi", "kedi", 2 / 3, 0, 2 / 3),  # bir is a numeral
    ("ro", "un oraş mare", "oraș mare", 1.0, 1, 0.4),
    ("ro", "Nişte mere", "mere", 1.0, 1, 2 / 3),
    ("ro", "orașul", "oraș", 0.0, 0, 0.0),  # the definite article is an ending
    ("fi", "vitamiini A", "vitamiini", 2 / 3, 0, 1.0),  # SQuAD drops A as an English article
    ("fi", "“Helsingissä”", "Helsingissä", 1.0, 1, 0.0),
    ("bn", "২০১৭ সালে।", "2017 সালে", 1.0, 1, 0.0),
    ("bn", "\u09df", "\u09af\u09bc", 1.0, 1, 0.0),  # one letter, encoded in two ways
    ("id", "Bandara Soekarno–Hatta", "Bandara Soekarno-Hatta", 1.0, 1, 0.5),
    ("id", "The Raid", "Raid", 2 / 3, 0, 1.0),
    ("ko", "서울은", "서울", 0.8, 0, 0.0),
    ("ko", "대한 민국", "대한민국", 1.0, 1, 0.0),
    ("sw", "‘Dar es Salaam’", "Dar es Salaam", 1.0, 1, 1 / 3),
    ("sw", "kundi A", "kundi", 2 / 3, 0, 1.0),
    ("te", "హైదరాబాద్\u200cలో", "హైదరాబాద్లో", 1.0, 1, 0.0),
    ("te", "౧౯౪౭లో", "1947లో", 1.0, 1, 0.0),
    ("ja", "東京都", "東京", 0.8, 0, 0.0),
    ("ja", "２０１７年・ﾊﾟﾘ", "2017年パリ", 1.0, 1, 0.0),
]


@pytest.mark.parametrize(("language", "guess", "answer", "f1", "exact", "squad"), LACKED)
def test_words_in_the_languages_that_the_official_scripts_lack(
    language: str, guess: str, answer: str, f1: float, exact: int, squad: float
) -> None:
    gold = Span("", "", (answer,), ())
    assert qa.words_f1.count(guess, gold, language)[0] == pytest.approx(f1, abs=1e-12)
    assert qa.words_em.count(guess, gold, language)[0] == exact
    assert qa.squad_f1.count(guess, gold, language)[0] == pytest.approx(squad, abs=1e-12)
    assert qa.words_f1.count(answer, Span("", "", (guess,), ()), language)[0] == pytest.approx(f1, abs=1e-12)


def test_each_of_the_twelve_languages_was_tried_twice_or_more() -> None:
    tried = Counter(case[0] for case in LACKED)
    assert set(tried) == {"el", "ru", "th", "tr", "ro", "fi", "bn", "id", "ko", "sw", "te", "ja"}
    assert min(tried.values()) >= 2


@pytest.mark.parametrize(("code", "language"), [("rus", "ru"), ("kor_Hang", "ko"), ("ron", "ro"), ("tur-Latn", "tr")])
def test_words_know_a_language_by_its_other_codes(code: str, language: str) -> None:
    for _, text, other, *_ in LACKED:
        assert qa.plain_words(text, code) == qa.plain_words(text, language)
        assert qa.plain_words(other, code) == qa.plain_words(other, language)


def test_a_blank_gold_answer_is_refused_and_one_beside_another_is_not() -> None:
    with pytest.raises(ScoringError, match=r"no gold answer for the question “Who\?”"):
        qa.squad_em.count("the", Span("Who?", "", ("", " "), (0, 0)), "en")
    assert qa.squad_em.count("fox", Span("Who?", "", ("fox", " "), (0, 0)), "en") == (1.0, 1.0)


@pytest.mark.parametrize(
    ("language", "articles"),
    [("ar", "ال"), ("de", "Der"), ("el", "Ένας"), ("en", "an"), ("ro", "Nişte"), ("vi", "của")],
)
def test_an_answer_of_articles_only_is_not_an_empty_one(language: str, articles: str) -> None:
    gold = Span("", "", (articles,), ())
    assert qa.words_em.count(articles, gold, language)[0] == qa.words_f1.count(articles, gold, language)[0] == 1.0
    for empty in ("", "?"):
        assert qa.words_em.count(empty, gold, language)[0] == qa.words_f1.count(empty, gold, language)[0] == 0.0


CASES = [
    ("el", "Ταΐστρα", "ΤΑΪ́ΣΤΡΑ"),
    ("el", "πραΰς", "ΠΡΑΫ́Σ"),
    ("el", "τῷ ἁπλῷ", "ΤΩ͂Ι ἉΠΛΩ͂Ι"),
    ("el", "ᾷ", "Α͂\u0345"),  # the iota below comes after the other mark, whatever way both are written
    ("de", "ǰ", "J̌"),
    ("en", "ŉ", "ʼN"),
    ("en", "e\u200d\u0301", "É"),  # an invisible mark parts what is one letter without it
    ("tr", "ışık İ", "IŞIK i"),
]


@pytest.mark.parametrize(("language", "one", "other"), CASES)
def test_case_does_not_matter_to_words_however_letters_are_composed(language: str, one: str, other: str) -> None:
    form = qa.plain_words(one, language)
    for text in (one, other):
        for way in ("NFC", "NFD", "NFKC", "NFKD"):
            assert qa.plain_words(unicodedata.normalize(way, text), language) == form
        assert qa.words_em.count(text, Span("", "", (one,), ()), language) == (1.0, 1.0)
    assert all(unicodedata.is_normalized("NFKC", word) for word in form)


def test_words_are_equal_where_unicode_calls_them_a_caseless_match() -> None:
    def folded(text: str) -> str:
        """Compatibility caseless matching: The Unicode Standard 3.13, D146."""
        for way in ("NFD", "NFKD"):
            text = unicodedata.normalize(way, text).casefold()
        return unicodedata.normalize("NFKC", text.translate(qa.PLAIN))

    seen = 0
    for start in (0x41, 0xC0, 0x370, 0x400, 0x531, 0x1E00, 0x1F00, 0x2C00, 0xA640, 0xFF21):
        for letter in filter(str.isalpha, map(chr, range(start, start + 0x100))):
            for marks in ("", "\u0301", "\u0308\u0301", "\u0345", "\u0342\u0345"):
                text = letter + marks
                assert "".join(qa.plain_words(text, "en")) == "".join(folded(text).split()), text
                seen += 1
    assert seen > 7_000


def test_empty_forms_match_exactly_and_share_no_word() -> None:
    gold = Span("", "", ("The",), ())
    assert qa.squad_em.count("a", gold, "en") == (1.0, 1.0)
    assert qa.squad_f1.count("a", gold, "en") == (0.0, 1.0)


def test_the_best_reference_counts_for_each_metric_on_its_own() -> None:
    gold = Span("", "", ("red fox", "fox"), ())
    assert qa.squad_em.count("The fox", gold, "en") == (1.0, 1.0)
    assert qa.squad_f1.count("red fox runs", gold, "en")[0] == pytest.approx(0.8)
