"""Kind `tags`: what is learned of a sentence, what is read off, and what becomes of words that are not read."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from once import open_once
from tiny import ARCHITECTURES, TEXTS
from toys import WORDS, set_up
from xbench.errors import BadOption, UnknownLabel, WrongColumns
from xbench.kinds import IGNORE, Feature, Setting
from xbench.kinds.frame import Frame, most_context
from xbench.kinds.tags import Heads, _windows, kind
from xbench.pack import pad
from xbench.predict import predict
from xbench.task import Tagged

LABELS = ("O", "B-PER", "I-PER")
Checkpoint = Callable[[str], Path]


def tagged(sentence: str, *tags: str) -> Tagged:
    words = tuple(sentence.split(" "))
    return Tagged(words, tags or ("O",) * len(words))


def oracle(features: list[Feature], examples: list[Tagged], setting: Setting) -> list[np.ndarray]:
    """Scores of an encoder that knows the tag of every word it is asked for, and is wrong about all other tokens."""
    scores = []
    for feature in features:
        score = np.zeros((len(feature.ids), len(setting.labels)), np.float32)
        score[:, -1] = 1
        for word, token in zip(feature.note.words, feature.note.tokens, strict=True):
            score[token, setting.labels.index(examples[feature.example].tags[word])] = 2
        scores.append(score)
    return scores


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_learns_and_tags_every_word(architecture: str, checkpoint: Checkpoint) -> None:
    opened, setting = set_up(checkpoint(architecture), kind, LABELS)
    examples = [tagged("Nobody saw Paris yesterday .", "O", "O", "B-PER", "I-PER", "O"), tagged("red cart")]
    features = kind.encode(examples, setting, training=True)
    batch = pad(features, pad_id=opened.tokenizer.pad_token_id)
    learner = torch.optim.AdamW(opened.model.parameters(), lr=3e-3)
    losses = []
    for _ in range(15):
        each = kind.loss(kind.forward(opened.model, batch, setting), batch)
        assert each.shape == (7,)
        learner.zero_grad()
        each.mean().backward()
        learner.step()
        losses.append(each.mean().item())
    assert losses[-1] < 0.8 * losses[0]
    coded = kind.encode(examples, setting, training=False)
    scores = predict(opened, kind, coded, setting, device="cpu", precision="fp32")
    tags = kind.decode(scores, coded, examples, setting)
    assert [len(sentence) for sentence in tags] == [5, 2]
    assert {tag for sentence in tags for tag in sentence} <= set(LABELS)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_words_are_read_as_the_tokenizer_reads_split_words(architecture: str, checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint(architecture), kind, LABELS, length=400)
    tokenizer = setting.tokenizer
    sentences = [text.split() for text in TEXTS] + [["don't", "3.14", "河边有一座", "x\u00a0y", "É", "ﬁne", "U.S."]]
    examples = [Tagged(tuple(words), ("O",) * len(words)) for words in sentences]
    # Beyond the positions of the tiny models: nothing is run here, so that no sentence is windowed.
    setting = Setting(labels=LABELS, recipe=setting.recipe, tokenizer=tokenizer, typed=setting.typed, limit=400)
    for words, feature in zip(sentences, kind.encode(examples, setting, training=False), strict=True):
        told = tokenizer(words, is_split_into_words=True)
        assert feature.ids.tolist() == told["input_ids"]
        if tokenizer.is_fast:
            numbers = told.word_ids()
            heads = {word: numbers.index(word) for word in sorted({n for n in numbers if n is not None})}
            assert dict(zip(feature.note.words.tolist(), feature.note.tokens.tolist(), strict=True)) == heads


@pytest.mark.parametrize("architecture", ["xlm-roberta", "modernbert", "xlm"])
def test_first_subword_is_labelled_and_the_rest_masked(architecture: str, checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint(architecture), kind, LABELS)
    (feature,) = kind.encode([tagged("Nobody marketed it", "B-PER", "I-PER", "O")], setting, training=True)
    assert feature.target is not None
    lengths = [
        len(setting.tokenizer(word, add_special_tokens=False)["input_ids"]) for word in ("Nobody", "marketed", "it")
    ]
    assert max(lengths) > 1
    expected = [IGNORE]
    for label, length in zip((1, 2, 0), lengths, strict=True):
        expected += [label] + [IGNORE] * (length - 1)
    assert feature.target.tolist() == [*expected, IGNORE]


def test_byte_level_words_are_read_with_a_space_before_them(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("modernbert"), kind, LABELS)
    (feature,) = kind.encode([tagged("the cart")], setting, training=False)
    tokens = setting.tokenizer.convert_ids_to_tokens(feature.ids.tolist())
    assert [tokens[head][0] for head in feature.note.tokens] == ["Ġ", "Ġ"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_word_that_tokenises_to_nothing_still_counts(architecture: str, checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint(architecture), kind, LABELS)
    examples = [Tagged(("the", "", "cart"), ("B-PER", "I-PER", "B-PER")), Tagged(("",), ("B-PER",))]
    features = kind.encode(examples, setting, training=False)
    assert features[0].note.words.tolist() == [0, 2]
    assert len(features) == 2
    assert kind.decode(oracle(features, examples, setting), features, examples, setting) == [
        ("B-PER", "O", "B-PER"),
        ("O",),
    ]


def test_without_a_tag_for_outside_an_unseen_word_is_wrong_whatever_its_tag(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, ("NOUN", "VERB"))
    examples = [Tagged(("the", ""), ("NOUN", "VERB"))]
    features = kind.encode(examples, setting, training=False)
    assert kind.decode(oracle(features, examples, setting), features, examples, setting) == [("NOUN", "")]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_sentence_without_words_is_read_and_has_no_tags(architecture: str, checkpoint: Checkpoint) -> None:
    opened, setting = open_once(checkpoint(architecture), kind, LABELS)
    examples = [Tagged((), ()), tagged("the cart")]
    assert [feature.example for feature in kind.encode(examples, setting, training=True)] == [1]
    features = kind.encode(examples, setting, training=False)
    assert [feature.example for feature in features] == [0, 1]
    scores = predict(opened, kind, features, setting, device="cpu", precision="fp32")
    assert list(map(len, kind.decode(scores, features, examples, setting))) == [0, 2]


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "xlm"])
@pytest.mark.parametrize("training", [False, True])
def test_a_long_sentence_is_windowed_and_stitched_back(
    architecture: str, training: bool, checkpoint: Checkpoint
) -> None:
    _, setting = open_once(checkpoint(architecture), kind, LABELS, length=16)
    rng = np.random.default_rng(3)
    words = tuple(rng.choice([*WORDS, "河边", "Bäuerin", ""], 70))
    tags = tuple(str(tag) for tag in rng.choice(LABELS, 70))
    examples = [tagged("the cart"), Tagged(words, tags), tagged("red")]
    features = kind.encode(examples, setting, training=training)
    assert len(features) > 8
    assert max(len(feature.ids) for feature in features) <= 16
    expected = [
        examples[0].tags,
        tuple(tag if word else "O" for word, tag in zip(words, tags, strict=True)),
        examples[2].tags,
    ]
    assert kind.decode(oracle(features, examples, setting), features, examples, setting) == expected
    if training:
        # Windows share words, and each word is learned once all the same.
        learned = [
            feature.target[feature.target != IGNORE].tolist() for feature in features if feature.target is not None
        ]
        assert sum(map(len, learned)) == 3 + sum(map(bool, words))
        assert [LABELS[n] for one in learned[1:-1] for n in one] == [
            tag for word, tag in zip(words, tags, strict=True) if word
        ]
    assert not any(feature.truncated for feature in features)


def test_a_word_longer_than_a_window_is_cut_and_told(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("xlm-roberta"), kind, LABELS, length=8)
    examples = [tagged("red " + "d" * 50 + " cart", "O", "B-PER", "I-PER"), tagged("red")]
    features = kind.encode(examples, setting, training=False)
    assert max(len(feature.ids) for feature in features) == 8
    assert [feature.truncated for feature in features if feature.example == 0] == [True] * (len(features) - 1)
    assert not features[-1].truncated
    assert kind.decode(oracle(features, examples, setting), features, examples, setting)[0] == ("O", "B-PER", "I-PER")


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(9, 30))
def test_every_word_is_in_one_window_and_has_its_context(lengths: list[int], room: int) -> None:
    ends = np.cumsum([0, *lengths])
    pieces = [np.arange(a, b, dtype=np.int32) for a, b in pairwise(ends)]
    windows = list(_windows(pieces, room))
    # Tokens are numbered in order, so that a window's tokens tell where it lies.
    spans = [(int(text[0]), int(text[-1]) + 1) if len(text) else (0, 0) for text, _, _ in windows]
    seen: list[int] = []
    for (text, words, firsts), (begin, end) in zip(windows, spans, strict=True):
        assert len(text) <= room
        assert text.tolist() == list(range(begin, end))
        seen += words.tolist()
        for word, first in zip(words, firsts, strict=True):
            assert text[first : first + lengths[word]].tolist() == pieces[word].tolist()
            start = int(ends[word])
            context = [min(start - a, b - 1 - start) + 0.01 * (b - a) for a, b in spans if a <= start < b]
            assert min(first, len(text) - 1 - first) + 0.01 * len(text) >= max(context) - 1e-9
    assert seen == [word for word, length in enumerate(lengths) if length]
    for earlier, later in pairwise(spans):
        assert 0 <= earlier[1] - later[0] <= room // 4
        assert later[1] > earlier[1]


def test_a_token_belongs_to_the_window_with_most_context() -> None:
    assert most_context([(0, 6), (3, 9)], 9).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    # Equal context on either side: the longer window, then the first.
    assert most_context([(0, 5), (4, 8)], 8).tolist() == [0] * 5 + [1] * 3
    assert most_context([(0, 4), (3, 8)], 8).tolist() == [0] * 3 + [1] * 5


def test_unknown_tags_are_refused_where_they_would_be_learned(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, LABELS)
    wrong = [tagged("the cart", "B-PER", "B-PERS"), tagged("red", "MISC")]
    with pytest.raises(UnknownLabel, match=r"'B-PERS'.*1 more.*did you mean B-PER"):
        kind.encode(wrong, setting, training=True)
    assert len(kind.encode(wrong, setting, training=False)) == 2
    with pytest.raises(WrongColumns, match="row 1: 2 words and 1 tags"):
        kind.encode([tagged("red"), Tagged(("the", "cart"), ("O",))], setting, training=True)


def test_a_length_without_room_is_refused(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, LABELS, length=2)
    with pytest.raises(BadOption, match="a length of 2 tokens leaves no room beside 2 special ones"):
        kind.encode([tagged("red")], setting, training=False)


def test_loss_is_one_number_a_word(checkpoint: Checkpoint) -> None:
    opened, setting = open_once(checkpoint("bert"), kind, LABELS)
    features = kind.encode(
        [tagged("Nobody sold it", "B-PER", "O", "O"), tagged("red", "I-PER")], setting, training=True
    )
    batch = pad(features, pad_id=0)
    scores = kind.forward(opened.model, batch, setting)
    assert scores.shape == (*batch.ids.shape, 3)
    losses = kind.loss(scores, batch)
    row, column = torch.tensor([0, 0, 0, 1]), torch.tensor([*features[0].note.tokens, *features[1].note.tokens])
    expected = -torch.log_softmax(scores[row, column], -1)[torch.arange(4), torch.tensor([1, 0, 0, 2])]
    assert torch.allclose(losses, expected)
    with pytest.raises(ValueError, match="training=True"):
        kind.loss(scores, pad(kind.encode([tagged("red")], setting, training=False), pad_id=0))


def test_token_types_only_where_the_model_has_more_than_one(checkpoint: Checkpoint) -> None:
    for architecture in ARCHITECTURES:
        _, setting = open_once(checkpoint(architecture), kind, LABELS)
        (feature,) = kind.encode([tagged("the cart")], setting, training=False)
        assert (feature.types is not None) == (architecture in {"bert", "rembert"})
        assert feature.types is None or feature.types.tolist() == [0] * len(feature.ids)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("pair", [False, True])
def test_frame_is_what_the_tokenizer_sets_around_texts(architecture: str, pair: bool, checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint(architecture), kind, LABELS)
    tokenizer = setting.tokenizer
    frame = Frame.of(tokenizer, pair=pair)
    for first, second in (("the cart", "red"), ("", "river"), ("河边 has", "")):
        texts = (first, second) if pair else (first,)
        alone = [np.array(tokenizer(text, add_special_tokens=False)["input_ids"], np.int32) for text in texts]
        # In lists: a single call takes an empty second text for none.
        told = tokenizer(*([text] for text in texts), return_token_type_ids=True)
        assert [frame.ids(*alone).tolist()] == told["input_ids"]
        assert [frame.types(*alone).tolist()] == told["token_type_ids"]
    assert frame.size == tokenizer.num_special_tokens_to_add(pair)


def test_of_equal_tags_the_first_listed_is_taken(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind, ("NOUN", "VERB"))
    feature = Feature(np.array([1, 7, 2], np.int32), None, 0, note=Heads(np.array([0]), np.array([1])))
    assert kind.decode([np.zeros((3, 2), np.float32)], [feature], [tagged("red", "VERB")], setting) == [("NOUN",)]
