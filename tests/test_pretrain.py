"""Pre-training: the corpus is read as asked, batches are masked as said, and what comes out is a checkpoint like any other."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xbench.world import OWNER, Language, World, write_mirror

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from xbench.pretrain import (  # noqa: E402
    BadCorpus,
    BadSettings,
    Corpus,
    Pretraining,
    learn_tokenizer,
    pretrain,
    read_corpus,
    with_settings,
)
from xbench.pretrain.batches import Sampler  # noqa: E402

WORLD = World(
    languages=(
        Language(code="source", documents=120, pairs=0),
        Language(code="scr", script="Cyrillic", documents=40, pairs=30),
        Language(code="near", cognates=0.6, documents=40, pairs=30),
    ),
    train=6, validation=6, test=6, retrieval=8,
)  # fmt: skip
TINY = Pretraining(
    layers=2, width=16, heads=2, feed_forward=32, length=32, positions=64, steps=30, batch=8, rate=5e-3, warmup=3
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_mirror(tmp_path_factory.mktemp("data"), world=WORLD)


@pytest.fixture(scope="module")
def corpus(data):
    return read_corpus(data, [f"{OWNER}/text:*:train:text"], [f"{OWNER}/bitext:*:train:source,target"])


@pytest.fixture(scope="module")
def made(corpus, tmp_path_factory):
    return pretrain(corpus, TINY, tmp_path_factory.mktemp("made"), device="cpu")


def test_corpus_has_every_config_as_a_language(corpus):
    assert corpus.sizes() == {"source": 120, "near": 40, "scr": 40, "source-near": 30, "source-scr": 30}


def test_columns_can_be_languages(data):
    read = read_corpus(data, [f"{OWNER}/bitext:near:train:*"], [f"{OWNER}/bitext:near:train:source,*"])
    assert read.sizes() == {"source": 30, "target": 30, "source-target": 30}
    assert read_corpus(data, [f"{OWNER}/bitext:near:train:target"], []).sizes() == {"near": 30}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("xbench-mini/text", "does not read REPO:CONFIG:SPLIT:COLUMN"),
        ("xbench-mini/txt:*:train:text", "no repository 'xbench-mini/txt'.*did you mean xbench-mini/text"),
        ("xbench-mini/text:neer:train:text", "no config 'neer'; did you mean near.*There are: .*source"),
        ("xbench-mini/text:near:trian:text", "no split 'trian'; did you mean train"),
        ("xbench-mini/text:near:train:txt", "no column of text 'txt'; did you mean text"),
        ("xbench-mini/inference:near:test:label", "no column of text 'label'"),
    ],
)
def test_a_wrong_spec_says_what_exists(data, text, said):
    with pytest.raises(BadCorpus, match=said):
        read_corpus(data, [text], [])


def test_wrong_pairs_and_no_text_are_refused(data, tmp_path):
    with pytest.raises(BadCorpus, match="needs two columns"):
        read_corpus(data, [], [f"{OWNER}/bitext:near:train:source"])
    with pytest.raises(BadCorpus, match="no text"):
        read_corpus(data, [], [])
    with pytest.raises(BadCorpus, match="no text"):
        pretrain(Corpus({"de": []}), TINY, tmp_path)


def test_wrong_settings_are_all_said_at_once():
    with pytest.raises(
        BadSettings, match=r"layers must be at least 1.*masked must lie in 0\.\.1.*no multiple of 3 heads"
    ):
        Pretraining(layers=0, masked=2.0, heads=3)
    with pytest.raises(BadSettings, match="no architecture 'gpt2'; there are xlm-roberta"):
        Pretraining(architecture="gpt2")


def test_settings_are_read_from_texts():
    read = with_settings({"steps": 7}, ["rate=1e-4", "mean_pooling=false", "betas=0.9,0.95", "architecture=bert"])
    assert read == Pretraining(steps=7, rate=1e-4, mean_pooling=False, betas=(0.9, 0.95), architecture="bert")
    with pytest.raises(
        BadSettings, match=r"unknown setting 'layer'; did you mean layers\?.*steps is a whole number, not 'x'"
    ):
        with_settings({}, ["layer=3", "steps=x"])
    with pytest.raises(BadSettings, match="does not read NAME=VALUE"):
        with_settings({}, ["layers"])


def test_a_mirror_that_was_made_anew_is_read_anew(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    texts = [
        read_corpus(
            write_mirror(tmp_path / name, world=replace(WORLD, seed=seed)), [f"{OWNER}/text:near:train:text"], []
        )
        for seed, name in enumerate("ab")
    ]
    assert texts[0].texts["near"] != texts[1].texts["near"]


@pytest.mark.parametrize("words", ["word", "bpe", "unigram"])
def test_tokenizers_have_offsets_and_the_pair_format(corpus, words):
    tokenizer = learn_tokenizer(corpus, replace(TINY, words=words, vocabulary=900))
    text = corpus.texts["scr"][0]
    read = tokenizer(text, return_offsets_mapping=True)
    assert "".join(text[start:end] for start, end in read["offset_mapping"]).replace(" ", "") == text.replace(" ", "")
    assert tokenizer.unk_token_id not in read["input_ids"]
    pair = tokenizer("a", "b")["input_ids"]
    ends = [place for place, number in enumerate(pair) if number == tokenizer.sep_token_id]
    assert pair[0] == tokenizer.cls_token_id
    assert ends[1] == ends[0] + 1
    assert ends[2] == len(pair) - 1
    assert tokenizer.pad_token_id == 1


def test_a_vocabulary_without_room_for_every_character_says_how_large_it_must_be(
    data: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    corpus = Corpus({"zh": [f"{chr(0x4E00 + place)} ﬁ" for place in range(100)]})
    few = replace(TINY, words="unigram", vocabulary=100)
    with pytest.raises(BadSettings, match=r"vocabulary=100 .* each of the 103 characters .* vocabulary=108, or"):
        learn_tokenizer(corpus, few)
    assert len(learn_tokenizer(corpus, replace(few, vocabulary=108))) == 108
    text = ("--data", data, "--text", f"{OWNER}/text:*:train:text")
    code, _, err = call("pretrain", "--to", tmp_path / "up" / "new", *text, "--set", "vocabulary=20")
    assert code == 2
    assert re.search(r"at least --set vocabulary=\d+", err)
    assert list(tmp_path.iterdir()) == []


def test_frequent_words_are_whole_and_others_are_spelled(corpus):
    tokenizer = learn_tokenizer(corpus, TINY)
    word = corpus.texts["source"][0].split()[0]
    assert tokenizer.tokenize(word) == [word]
    assert tokenizer.tokenize("bdbdbd") == ["b", *["##d", "##b"] * 2, "##d"]
    assert tokenizer.tokenize("漢") == ["<unk>"]


def test_a_vocabulary_keeps_its_size_and_the_order_of_texts_does_not_matter(corpus):
    small = replace(TINY, vocabulary=120)
    assert len(learn_tokenizer(corpus, small)) == 120
    turned = Corpus({name: texts[::-1] for name, texts in reversed(corpus.texts.items())}, corpus.pairs)
    assert learn_tokenizer(turned, small).get_vocab() == learn_tokenizer(corpus, small).get_vocab()


def test_batches_hide_the_share_that_was_asked_for(corpus):
    settings = replace(TINY, batch=64, masked=0.25)
    tokenizer = learn_tokenizer(corpus, settings)
    sampler = Sampler(corpus, tokenizer, settings)
    batches = [sampler.batch() for _ in range(16)]
    special = [tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id]
    hidden = sum(batch.chosen.sum() for batch in batches)
    free = sum((batch.attend.sum() - np.isin(batch.ids, special[:2]).sum()) for batch in batches)
    assert 0.2 < hidden / free < 0.3
    masks = sum((batch.ids[batch.chosen] == tokenizer.mask_token_id).sum() for batch in batches)
    kept = sum((batch.ids[batch.chosen] == batch.wanted).sum() for batch in batches)
    assert 0.75 < masks / hidden < 0.85
    assert 0.06 < kept / hidden < 0.14
    for batch in batches:
        assert batch.chosen.any(axis=1).all()
        assert not np.isin(batch.wanted, special).any()
        assert not batch.chosen[batch.attend == 0].any()


def test_pairs_come_in_their_share(corpus):
    def double(settings):
        tokenizer = learn_tokenizer(corpus, settings)
        sampler = Sampler(corpus, tokenizer, settings)
        rows = np.concatenate([(sampler.batch().ids == tokenizer.sep_token_id).sum(axis=1) for _ in range(24)])
        return float((rows == 3).mean())

    base = replace(TINY, batch=32)
    assert double(replace(base, translated=0.0)) == 0
    assert 0.1 < double(replace(base, translated=0.2)) < 0.3
    assert double(replace(base, translated=1.0)) == 1
    assert double(replace(base, translated=0.0, cut=1.0)) > 0.9


def test_small_languages_are_drawn_more_often_than_they_are_big(corpus):
    texts = {"big": ["b b b b"] * 900, "small": ["s s s s"] * 100}
    shares = {}
    for exponent in (1.0, 0.5):
        settings = replace(TINY, batch=100, exponent=exponent, masked=0.0)
        tokenizer = learn_tokenizer(Corpus(texts), settings)
        sampler = Sampler(Corpus(texts), tokenizer, settings)
        small = tokenizer.convert_tokens_to_ids("s")
        shares[exponent] = np.mean([(sampler.batch().ids == small).any(axis=1).mean() for _ in range(16)])
    assert shares[1.0] == pytest.approx(0.1, abs=0.03)
    assert shares[0.5] == pytest.approx(0.25, abs=0.04)


def test_a_checkpoint_opens_with_every_head(made):
    tokenizer = transformers.AutoTokenizer.from_pretrained(made)
    assert tokenizer.is_fast
    for auto in ("SequenceClassification", "TokenClassification", "QuestionAnswering", "MaskedLM"):
        model = getattr(transformers, f"AutoModelFor{auto}").from_pretrained(made)
        model(**tokenizer(["a b", "c"], ["d", "e f"], padding=True, return_tensors="pt"))
    about = json.loads((made / "pretraining.json").read_text())
    assert about["corpus"]["source-scr"] == 30
    assert about["settings"]["steps"] == 30
    assert len(about["losses"]) == 1


def test_the_loss_falls(corpus, tmp_path):
    made = pretrain(corpus, replace(TINY, steps=200, width=32, batch=16, rate=1e-2), tmp_path, device="cpu")
    first, last = json.loads((made / "pretraining.json").read_text())["losses"]
    assert last < first - 0.2


@pytest.mark.parametrize("architecture", ["xlm-roberta", "modernbert", "bert"])
def test_equal_settings_give_equal_weights(corpus, tmp_path, architecture):
    settings = replace(TINY, architecture=architecture, steps=3)
    paths = [pretrain(corpus, settings, tmp_path / name, device="cpu") for name in ("a", "b")]
    weights = [(path / "model.safetensors").read_bytes() for path in paths]
    assert weights[0] == weights[1]
    assert (paths[0] / "tokenizer.json").read_bytes() == (paths[1] / "tokenizer.json").read_bytes()


def test_no_steps_give_an_untrained_control_of_the_same_shape(corpus, made, tmp_path):
    control = pretrain(corpus, replace(TINY, steps=0), tmp_path, device="cpu")
    trained, untrained = (transformers.AutoModelForMaskedLM.from_pretrained(path) for path in (made, control))
    assert trained.num_parameters() == untrained.num_parameters()
    assert json.loads((control / "pretraining.json").read_text())["losses"] == []
    assert (control / "tokenizer.json").read_bytes() == (made / "tokenizer.json").read_bytes()


def test_onwards_starts_from_the_weights_and_the_tokenizer_that_were(corpus, made, tmp_path):
    same = pretrain(corpus, replace(TINY, steps=0, width=32), tmp_path / "same", device="cpu", init=made)
    assert (same / "model.safetensors").read_bytes() == (made / "model.safetensors").read_bytes()
    further = pretrain(Corpus({"new": ["neue worte hier"] * 9}), replace(TINY, steps=2), tmp_path / "on", init=made)
    assert (further / "tokenizer.json").read_bytes() == (made / "tokenizer.json").read_bytes()
    assert (further / "model.safetensors").read_bytes() != (made / "model.safetensors").read_bytes()


def test_progress_is_told(corpus, tmp_path):
    said = []
    pretrain(corpus, TINY, tmp_path, device="cpu", progress=lambda done, total, text: said.append((done, total, text)))
    assert [(done, total) for done, total, _ in said] == [(30, 30)]
    assert "loss" in said[0][2]
