"""Random encoders of XLM-R's shape, and what they read: real rows of a mirror, or rows of like lengths."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase, XLMRobertaConfig, XLMRobertaTokenizer

from xbench.cache import made_once
from xbench.kinds import Feature, Setting
from xbench.kinds.pairs import kind as pairs
from xbench.kinds.spans import View
from xbench.kinds.spans import kind as spans
from xbench.opening import Opened
from xbench.recipe import Recipe

HUB = Path(__file__).resolve().parents[2] / "shared" / "hub"
"""A mirror of real data, if there is one."""
VOCABULARY = 250_002
"""Rows of XLM-R's embedding matrix."""
PIECES = 60_000
"""Of them, those that the tokenizer finds in texts: as many as give XNLI's pairs the length that XLM-R gives them."""
FIRST = ("<s>", "<pad>", "</s>", "<unk>")
LABELS = ("entailment", "neutral", "contradiction")
XNLI = ("ar", "de", "en", "es", "fr", "hi", "ru", "sw", "tr", "zh")
XQUAD = ("ar", "de", "en", "es", "hi", "ru", "zh")
DISTINCT = 34_000
"""Pieces that occur in the rows that are made: about as many as XLM-R finds in the English of XNLI's training set."""
MADE = {"pairs": (8, 34.0, 14.8, 128), "spans": (45, 180.0, 85.0, 384)}
"""Kind -> least, mean and standard deviation of the gamma distribution on top of it, and most tokens of rows that are
made. Mean and spread are those of XNLI's test sets and XQuAD's windows under the tokenizer of this module."""
RECIPES = {
    "pairs": Recipe(name="xnli", batch=32, rate=2e-5, length=128, selection="last", steps=1),
    "spans": Recipe(
        name="xquad", batch=12, rate=3e-5, decay=1e-4, length=384, stride=128, query=64, selection="last", steps=1
    ),
}
"""XTREME's figures; questions in batches of 12, as run_qa's README has them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of an encoder."""

    layers: int
    hidden: int
    heads: int
    vocabulary: int = VOCABULARY


SHAPES = {
    "tiny": Shape(2, 32, 2, 5_000),
    "4 × 256": Shape(4, 256, 4),
    "2 × 768": Shape(2, 768, 12),
    "base": Shape(12, 768, 12),
    "large": Shape(24, 1024, 16),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a benchmark trains on and scores."""

    kind: Any
    setting: Setting
    train: Sequence[Feature]
    tests: Mapping[str, Sequence[Feature]]
    """Language -> its test set."""
    said: str
    """Where the rows come from, and how long they are."""

    def of_each(self, rows: int) -> list[Feature]:
        """So many rows of every language's test set, one language after the other, of lengths as all of them have.

        They stand at the middles of as many equal parts of the set in the order of length.
        """
        chosen: list[Feature] = []
        for features in self.tests.values():
            number = min(rows, len(features))
            by_length = sorted(range(len(features)), key=lambda place: len(features[place].ids))
            places = ((np.arange(number) + 0.5) * len(features) / number).astype(int)
            chosen += [features[place] for place in sorted(by_length[place] for place in places)]
        return chosen

    def steps(self, number: int) -> "Work":
        """The same, with so many optimizer steps to take."""
        return replace(self, setting=replace(self.setting, recipe=replace(self.setting.recipe, steps=number)))


def work(kind: str, *, vocabulary: int = VOCABULARY, hub: Path = HUB, rows: int = 6_000) -> Work:
    """`pairs`: XNLI's; `spans`: XQuAD's windows. Where there is no mirror, rows that are made."""
    real = hub.is_dir() and vocabulary == VOCABULARY
    tokenizer = _trained(hub) if real else stand_in(vocabulary)
    chosen = {"pairs": pairs, "spans": spans}[kind]
    recipe = RECIPES[kind]
    setting = Setting(
        labels=LABELS if kind == "pairs" else (), recipe=recipe, tokenizer=tokenizer, typed=False, limit=recipe.length
    )
    if not real:
        train, tests = made(kind, rows, vocabulary), {"xx": made(kind, rows, vocabulary, seed=1)}
        least, mean, spread, most = MADE[kind]
        said = f"rows that are made: {least} + gamma(mean {mean:g}, SD {spread:g}) tokens, at most {most}"
    else:
        train, tests = _xnli(setting, hub) if kind == "pairs" else _xquad(setting, hub)
        said = {"pairs": "XNLI: English dev and test rows to train on", "spans": "XQuAD: English to train on"}[kind]
    lengths = np.array([len(feature.ids) for features in tests.values() for feature in features])
    said += (
        f"; {np.mean([len(feature.ids) for feature in train]):.1f} tokens on average in training, {lengths.mean():.1f} "
        f"(SD {lengths.std():.1f}) over {len(tests)} language{'s' * (len(tests) > 1)} in scoring"
    )
    return Work(kind=chosen, setting=setting, train=train, tests=tests, said=said)


def opened(name: str, some: Work, *, seed: int = 0) -> Opened:
    """A random encoder with the head that the work needs. Equal seeds give equal weights."""
    shape = SHAPES[name]
    settings = XLMRobertaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, intermediate_size=4 * shape.hidden, max_position_embeddings=514,
        type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    settings.num_labels = some.kind.outputs(some.setting.labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, some.kind.auto).from_config(settings)
    return Opened(
        tokenizer=some.setting.tokenizer, model=model.train(False), pooling="mean", unread=(), typed=False,
        positions=512, blocks=shape.layers, own_length=None, architecture="xlm-roberta", checkpoint=f"random {name}",
        revision="", weights="", tokenizer_hash="", parameters=sum(weight.numel() for weight in model.parameters()),
    )  # fmt: skip


def again(first: Opened) -> Opened:
    """Another encoder with equal weights; drawing the weights of a large one takes longer than copying them."""
    return replace(first, model=deepcopy(first.model))


def stand_in(vocabulary: int = VOCABULARY) -> PreTrainedTokenizerBase:
    """A tokenizer that knows no text: rows that are made need only its special tokens."""
    return _tokenizer([(f"▁{place}", -10.0) for place in range(vocabulary - len(FIRST) - 1)])


def made(kind: str, rows: int, vocabulary: int = VOCABULARY, seed: int = 0) -> list[Feature]:
    """Rows of random lengths and pieces; how often a piece occurs follows Zipf's law over `DISTINCT` of them."""
    some = np.random.default_rng(seed)
    least, mean, spread, most = MADE[kind]
    lengths = np.minimum(least + some.gamma((mean / spread) ** 2, spread**2 / mean, rows).round().astype(int), most)
    distinct = min(DISTINCT, vocabulary - len(FIRST) - 1)
    spread_out = len(FIRST) + np.random.default_rng(7).permutation(vocabulary - len(FIRST) - 1)[:distinct]
    chances = 1 / np.arange(10, distinct + 10)
    drawn = some.choice(spread_out, lengths.sum(), p=chances / chances.sum()).astype(np.int32)
    found = []
    for number, ids in enumerate(np.split(drawn, np.cumsum(lengths)[:-1])):
        length = len(ids)
        ids[0], ids[-1] = 0, 2
        target = some.integers(len(LABELS)) if kind == "pairs" else np.sort(some.integers(10, length - 1, 2))
        found.append(Feature(ids, None, number, np.array(target, np.int64), None if kind == "pairs" else _view(length)))
    return found


def _view(length: int) -> View:
    """A window whose context begins after nine tokens of a question."""
    places = np.arange(length - 11, dtype=np.int32)
    return View(10, places, places + 1, np.ones(len(places), np.bool_))


def _trained(hub: Path) -> PreTrainedTokenizerBase:
    """A unigram tokenizer learned from the mirror's sentences, made once."""
    import tokenizers

    texts = list(_texts(hub))
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    key = {"pieces": PIECES, "rows": VOCABULARY, "texts": digest, "tokenizers": tokenizers.__version__}

    def learn(to: Path) -> None:
        _learned(texts).save_pretrained(to)

    folder = made_once("benchmark-tokenizer", key, learn)
    found: PreTrainedTokenizerBase = XLMRobertaTokenizer.from_pretrained(folder)
    return found


def _texts(hub: Path) -> Iterator[str]:
    """Both sentences of XNLI's dev and test rows in ten languages, and XQuAD's paragraphs in seven."""
    for language in XNLI:
        for row in _rows("xnli", language, ("validation", "test"), hub):
            yield row.first
            yield row.second
    for language in XQUAD:
        yield from dict.fromkeys(row.context for row in _rows("xquad", language, ("validation",), hub))


def _rows(name: str, language: str, splits: Sequence[str], hub: Path) -> list[Any]:
    from xbench import data
    from xbench_tasks import xnli, xquad

    task = {"xnli": xnli.task, "xquad": xquad.task}[name]
    return [row for split in splits for row in data.rows(task, task.data, language, split, data=hub).examples]


def _learned(texts: Sequence[str]) -> PreTrainedTokenizerBase:
    """Pieces learned from texts, at random places among as many as XLM-R has; the others occur in no text."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    learner = Tokenizer(models.Unigram())
    learner.normalizer = normalizers.NFKC()
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    how = trainers.UnigramTrainer(vocab_size=PIECES, special_tokens=list(FIRST), unk_token="<unk>", show_progress=False)
    learner.train_from_iterator(dict.fromkeys(texts), how)
    pieces = [tuple(row) for row in json.loads(learner.to_str())["model"]["vocab"] if row[0] not in FIRST]
    free = VOCABULARY - len(FIRST) - 1
    rows: list[tuple[str, float]] = [(f"<unused{place}>", -100.0) for place in range(free)]
    places: NDArray[np.intp] = np.random.default_rng(7).permutation(free)[: len(pieces)]
    for place, piece in zip(places.tolist(), pieces, strict=True):
        rows[place] = piece
    return _tokenizer(rows)


def _tokenizer(rows: Sequence[tuple[str, float]]) -> PreTrainedTokenizerBase:
    vocabulary = [*((token, 0.0) for token in FIRST), *rows, ("<mask>", 0.0)]
    return XLMRobertaTokenizer(vocab=vocabulary, model_max_length=512)


def _xnli(setting: Setting, hub: Path) -> tuple[list[Feature], dict[str, list[Feature]]]:
    english = _rows("xnli", "en", ("validation", "test"), hub)
    tests = {
        language: pairs.encode(_rows("xnli", language, ("test",), hub), setting, training=False) for language in XNLI
    }
    return pairs.encode(english, setting, training=True), tests


def _xquad(setting: Setting, hub: Path) -> tuple[list[Feature], dict[str, list[Feature]]]:
    found = {language: _rows("xquad", language, ("validation",), hub) for language in XQUAD}
    train = spans.encode(found["en"], setting, training=True)
    return train, {language: spans.encode(rows, setting, training=False) for language, rows in found.items()}
