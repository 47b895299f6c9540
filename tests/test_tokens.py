"""Token ids from the cache are those of the tokenizer, and no question gets another one's answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import normalizers
from transformers import AutoTokenizer, BertTokenizer

from tiny import ARCHITECTURES, TEXTS
from xbench import arrays, tokens
from xbench.cli import tools
from xbench.errors import BadOption
from xbench.kinds import Setting
from xbench.kinds.frame import located, tokenized
from xbench.kinds.pairs import encode_texts
from xbench.recipe import Recipe
from xbench.tokens import Asked, tokenize

PAIRS = [(one, other) for one in TEXTS for other in (None, "", *TEXTS[:3])]
SPACES = [*TEXTS, "", " ", "  two  spaces ", "tab\tand\nline", "word" * 40]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, which keeps however few texts."""
    monkeypatch.setattr(tokens, "FEW", 1)
    monkeypatch.setenv("XBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("XBENCH_TOKEN_CACHE_GIB", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def bert(checkpoint: Callable[[str], Path]) -> Any:
    return AutoTokenizer.from_pretrained(checkpoint("bert"))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[int]]:
    """Counts the texts that a tokenizer is given from now on, call by call."""

    def count(tokenizer: Any) -> list[int]:
        counted: list[int] = []
        own = type(tokenizer).__call__

        def call(self: Any, text: Any, *args: Any, **more: Any) -> Any:
            counted.append(len(text))
            return own(self, text, *args, **more)

        monkeypatch.setattr(type(tokenizer), "__call__", call)
        return counted

    return count


def plain(answer: Any) -> Any:
    """An answer without its arrays, to be compared."""
    if isinstance(answer, np.ndarray):
        return answer.dtype.name, answer.tolist()
    if isinstance(answer, dict):
        return [(key, plain(value)) for key, value in answer.items()]
    return [plain(one) for one in answer] if isinstance(answer, list | tuple) else answer


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("way", ["tokenized", "located", "pairs"])
def test_the_same_with_the_cache_and_without(
    architecture: str, way: str, checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, calls: Any
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint(architecture))
    setting = Setting(labels=(), recipe=Recipe(name="toy"), tokenizer=tokenizer, typed=True, limit=30)
    ask: Callable[[], Any] = {
        "tokenized": lambda: tokenized(tokenizer, SPACES),
        "located": lambda: located(tokenizer, SPACES),
        "pairs": lambda: encode_texts(PAIRS, setting),
    }[way]
    monkeypatch.setenv("XBENCH_TOKEN_CACHE_GIB", "0")
    without = plain(ask())
    assert arrays.entries() == []
    monkeypatch.delenv("XBENCH_TOKEN_CACHE_GIB")
    assert plain(ask()) == without
    assert len(arrays.entries()) == (2 if way == "pairs" else 1)
    counted = calls(tokenizer)
    assert plain(ask()) == without
    if way == "pairs":  # the tokenizer itself cuts what is too long
        cut = [len(tokenizer([a], b if b is None else [b])["input_ids"][0]) > 30 for a, b in PAIRS]
        paired = [second is not None for _, second in PAIRS]
        wanted = [sum(long for long, two in zip(cut, paired, strict=True) if two == both) for both in (False, True)]
        assert any(wanted)
        assert counted[: sum(map(bool, wanted))] == [number for number in wanted if number]
    else:
        assert counted == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_ids_and_types_are_what_the_tokenizer_says_of_each_text(
    architecture: str, checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CHUNK", 7)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint(architecture))
    pairs = [(one, two) for one, two in PAIRS if two is not None]
    for _ in range(2):
        told = tokenize(tokenizer, *map(list, zip(*pairs, strict=True)), asked=Asked(special=True, types=True))
        wanted = [tokenizer([one], [two], return_token_type_ids=True) for one, two in pairs]
        assert [row.tolist() for row in told.rows(told.ids)] == [one["input_ids"][0] for one in wanted]
        assert [row.tolist() for row in told.rows(told.types)] == [one["token_type_ids"][0] for one in wanted]
        with pytest.raises(ValueError, match="ask for it"):
            told.rows(told.begins)


def test_few_texts_and_none_are_not_kept(bert: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "FEW", 3)
    tokenize(bert, TEXTS[:2], asked=Asked(special=False))
    none = tokenize(bert, [], asked=Asked(special=True, types=True, offsets=True))
    assert [len(array) for array in none if array is not None] == [0] * 5
    assert not cache.exists()
    tokenize(bert, TEXTS[:3], asked=Asked(special=False))
    assert len(arrays.entries()) == 1


# What makes another key


def test_other_questions_have_other_answers(bert: Any) -> None:
    ask = Asked(special=True, types=True)
    questions: list[tuple[list[str], list[str] | None, Asked]] = [
        (["the old", "baker"], None, ask),
        (["the ol", "dbaker"], None, ask),  # the same letters, parted elsewhere
        (["baker", "the old"], None, ask),
        (["the old", "baker", ""], None, ask),
        (["the old", "baker"], ["baker", "the old"], ask),
        (["the old", "baker"], ["", ""], ask),
        (["the old", "baker"], None, Asked(special=False, types=True)),
        (["the old", "baker"], None, Asked(special=True)),
        (["the old", "baker"], None, Asked(special=True, types=True, offsets=True)),
    ]
    for turn in range(2):
        for number, (first, second, asked) in enumerate(questions):
            told = tokenize(bert, first, second, asked=asked)
            wanted = bert(first, second, add_special_tokens=asked.special)["input_ids"]
            assert [row.tolist() for row in told.rows(told.ids)] == wanted
            assert (told.types is None, told.begins is None) == (not asked.types, not asked.offsets)
            assert len(arrays.entries()) == (len(questions) if turn else number + 1)


def test_a_tokenizer_that_changes_is_asked_again(bert: Any) -> None:
    before = tokenize(bert, TEXTS, asked=Asked(special=False))
    hashed = tokens.tokenizer_hash(bert)
    bert.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.Replace("e", "a"), normalizers.Lowercase()])
    assert tokens.tokenizer_hash(bert) != hashed
    after = tokenize(bert, TEXTS, asked=Asked(special=False))
    assert after.ids.tolist() != before.ids.tolist()
    assert [row.tolist() for row in after.rows(after.ids)] == bert(list(TEXTS), add_special_tokens=False)["input_ids"]
    for number, change in enumerate((
        lambda: bert.add_tokens(["armer"]),
        lambda: bert.add_tokens(["a"]),  # a piece that it has already, but which is now found inside words
        lambda: setattr(bert, "split_special_tokens", True),
    )):  # fmt: skip
        change()
        told = tokenize(bert, ["a farmer [SEP]"], asked=Asked(special=False))
        assert told.ids.tolist() == bert("a farmer [SEP]", add_special_tokens=False)["input_ids"]
        assert len(arrays.entries()) == number + 3


def test_a_slow_tokenizer_that_changes_is_asked_again(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint("xlm"))
    before = tokenize(tokenizer, TEXTS, asked=Asked(special=False))
    # Where it lies is no part of what it does, and what it remembers of its last texts is not either.
    tokenizer.save_pretrained(tmp_path / "moved")
    tokenize(AutoTokenizer.from_pretrained(tmp_path / "moved"), TEXTS, asked=Asked(special=False))
    assert len(arrays.entries()) == 1
    tokenizer.do_lowercase_and_remove_accent = True
    after = tokenize(tokenizer, TEXTS, asked=Asked(special=False))
    assert after.ids.tolist() != before.ids.tolist()
    assert len(arrays.entries()) == 2


def test_one_answer_serves_all_with_the_same_tokenizer(
    checkpoint: Callable[[str], Path], bert: Any, calls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenize(bert, TEXTS, asked=Asked(special=False))
    other = AutoTokenizer.from_pretrained(checkpoint("bert"))
    other(["long " * 50] * 2, truncation=True, max_length=5, padding=True)  # leaves its traces in the pipeline
    counted = calls(other)
    for tokenizer in (bert, other):
        tokenize(tokenizer, TEXTS, asked=Asked(special=False))
    assert counted == []
    monkeypatch.setattr(tokens, "_versions", lambda: {"tokenizers": "another"})
    tokenize(bert, TEXTS, asked=Asked(special=False))
    assert counted == [len(TEXTS)]


def test_tokens_that_are_drawn_are_not_kept(checkpoint: Callable[[str], Path]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint("modernbert"))
    tokenizer.backend_tokenizer.model.dropout = 0.5
    drawn = [tokenize(tokenizer, TEXTS, asked=Asked(special=False)).ids.tolist() for _ in range(3)]
    assert drawn[0] != drawn[1] or drawn[0] != drawn[2]
    assert arrays.entries() == []


class OwnCode(BertTokenizer):
    """A tokenizer whose code is not transformers'."""


def test_own_code_is_part_of_the_key_and_code_that_cannot_be_read_is_not_trusted(
    checkpoint: Callable[[str], Path],
) -> None:
    own = OwnCode.from_pretrained(checkpoint("bert"))
    asked = Asked(special=False)
    tokenize(own, TEXTS, asked=asked)
    tokenize(BertTokenizer.from_pretrained(checkpoint("bert")), TEXTS, asked=asked)
    assert len(arrays.entries()) == 2
    unread = type("Unread", (BertTokenizer,), {"__module__": "nowhere"}).from_pretrained(checkpoint("bert"))  # type: ignore[attr-defined]
    tokenize(unread, TEXTS, asked=asked)
    assert len(arrays.entries()) == 2


# The room


@pytest.mark.parametrize("said", ["much", "-1", "nan", "inf", "8GiB"])
def test_a_room_that_is_no_size(said: str, bert: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBENCH_TOKEN_CACHE_GIB", said)
    with pytest.raises(BadOption, match=f"^XBENCH_TOKEN_CACHE_GIB='{said}' is no size"):
        tokenize(bert, TEXTS, asked=Asked(special=False))


def test_doctor_tells_of_it(
    bert: Any, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tools, "find_spec", lambda name: None)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("XBENCH_TOKEN_CACHE_GIB", "2")
    tokenize(bert, list(TEXTS) * 2_000, asked=Asked(special=False))
    tools.doctor()
    assert (
        f"{cache / 'tokens'}: 1 tokenizations, {arrays.entries()[0].size / 2**20:.1f} of 2,048 MiB"
        in capsys.readouterr().out
    )
    monkeypatch.setenv("XBENCH_TOKEN_CACHE_GIB", "two")
    tools.doctor()
    assert "XBENCH_TOKEN_CACHE_GIB='two' is no size" in capsys.readouterr().out
