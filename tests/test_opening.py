"""Encoders open with a fresh head, the same one under the same seed, or with a reason why not."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, RobertaTokenizer

from tiny import ARCHITECTURES, TEXTS, build
from toys import change_config, encoder, remove, sentence_embedder
from xbench.errors import EncoderError, NotACheckpoint, UnknownArchitecture
from xbench.kinds.pairs import kind as pairs
from xbench.opening import open_encoder

HEADS = (
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModelForQuestionAnswering",
    "AutoModel",
)
TYPED = {"bert", "rembert"}


def kind(auto: str = HEADS[0], *, words: bool = False) -> Any:
    return SimpleNamespace(name="trial", auto=auto, words=words, outputs=len)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a checkpoint of every architecture; tests change copies."""
    root = tmp_path_factory.mktemp("tiny")
    for architecture in ARCHITECTURES:
        build(architecture, root / architecture)
    return root


@pytest.fixture
def bert(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny / "bert", tmp_path / "bert"))


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def differing(one: torch.nn.Module, other: torch.nn.Module) -> set[str]:
    left, right = one.state_dict(), other.state_dict()
    assert left.keys() == right.keys()
    return {name for name in left if not torch.equal(left[name], right[name])}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("auto", HEADS)
def test_every_architecture_opens_with_every_head(architecture: str, auto: str, tiny: Path) -> None:
    opened = open_encoder(encoder(tiny / architecture), kind(auto), ("a", "b"), seed=0)
    assert opened.architecture == architecture
    assert opened.typed == (architecture in TYPED)
    assert (opened.positions, opened.blocks, opened.own_length) == (64, 2, None)
    assert (opened.pooling, opened.unread, opened.revision) == ("mean", (), "")
    assert opened.parameters == sum(p.numel() for p in opened.model.parameters())
    assert {p.dtype for p in opened.model.parameters()} == {torch.float32}
    assert not opened.model.training


def test_the_offset_of_roberta_positions_is_taken_off(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny / "xlm-roberta", tmp_path / "roberta"))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 512}))
    opened = open_encoder(encoder(folder), kind(), ("a", "b"), seed=0)
    assert opened.model.config.max_position_embeddings == 66
    assert opened.positions == 64
    ids = torch.full((1, opened.positions), 7)
    opened.model(input_ids=ids, attention_mask=torch.ones_like(ids))


def test_weights_are_float32_whatever_is_stored(bert: Path) -> None:
    AutoModelForMaskedLM.from_pretrained(bert, dtype=torch.bfloat16).save_pretrained(bert)
    assert json.loads((bert / "config.json").read_text())["dtype"] == "bfloat16"
    opened = open_encoder(encoder(bert), kind(), ("a", "b"), seed=0)
    assert {p.dtype for p in opened.model.parameters()} == {torch.float32}


def test_a_fresh_head_depends_on_the_seed_alone(bert: Path) -> None:
    first = open_encoder(encoder(bert), kind(), ("a", "b"), seed=0)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = open_encoder(encoder(bert), kind(), ("a", "b"), seed=0)
    other = open_encoder(encoder(bert), kind(), ("a", "b"), seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert differing(first.model, again.model) == set()
    assert differing(first.model, other.model) == {"classifier.weight"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    ("labels", "unnamed"),
    [
        pytest.param(("x", "y", "z"), False, id="same size"),
        pytest.param(("x", "y"), False, id="other size"),
        pytest.param(("x", "y", "z"), True, id="without its class's name"),
    ],
)
def test_a_head_of_another_task_does_not_leak(
    architecture: str, labels: tuple[str, ...], unnamed: bool, tiny: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny / architecture, tmp_path / "nli"))
    names = {0: "contradiction", 1: "neutral", 2: "entailment"}
    nli = AutoModelForSequenceClassification.from_pretrained(
        folder, id2label=names, label2id={name: index for index, name in names.items()}
    )
    with torch.no_grad():
        for parameter in nli.parameters():
            parameter.add_(1)
    nli.save_pretrained(folder)
    if unnamed:
        change_config(folder, architectures=None)
    opened = open_encoder(encoder(folder), kind(), labels, seed=0)
    again = open_encoder(encoder(folder), kind(), labels, seed=0)
    assert not set(names.values()) & set(opened.model.config.id2label.values())
    assert opened.model.config.num_labels == len(labels)
    assert differing(opened.model, again.model) == set()
    stored, prefix = state(nli), f"{nli.base_model_prefix}."
    for name, tensor in opened.model.state_dict().items():
        if name.startswith(prefix):
            assert torch.equal(tensor, stored[name]), name
        else:
            # Fresh weights lie around 0, or are 1 where they scale; what was stored is 1 more.
            assert tensor.shape != stored[name].shape or not torch.equal(tensor, stored[name]), name
            assert tensor.mean().abs() < 0.5 or torch.all(tensor == 1), name


def test_a_head_that_belongs_to_pre_training_is_kept(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny / "modernbert", tmp_path / "mlm"))
    pretrained = AutoModelForMaskedLM.from_pretrained(folder)
    with torch.no_grad():
        pretrained.head.dense.weight += 1
    pretrained.save_pretrained(folder)
    opened = open_encoder(encoder(folder), kind(), ("a", "b"), seed=0)
    assert torch.equal(opened.model.head.dense.weight, pretrained.head.dense.weight)
    assert opened.model.classifier.weight.abs().mean() < 0.5


def test_opening_says_nothing(bert: Path, capfd: pytest.CaptureFixture[str]) -> None:
    level = transformers.logging.get_verbosity()
    open_encoder(encoder(bert), kind(), ("a", "b"), seed=0)
    assert capfd.readouterr() == ("", "")
    assert transformers.logging.get_verbosity() == level


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", "{", "config.json is not JSON"),
        ("config.json", "[]", "holds a list where a dict belongs"),
        ("config.json", "{}", "names no model_type"),
        ("config.json", '{"model_type": ["bert"]}', "names no model_type"),
        (
            "config.json",
            '{"model_type": "bert", "hidden_size": "wide"}',
            r"config\.json cannot be understood: .*hidden_size",
        ),
        ("modules.json", '[{"type": "models.Pooling"}]', r"modules\.json does not say .* no `path`"),
        ("modules.json", '[{"type": "models.Pooling", "path": 1}]', r"modules\.json does not say .* no `path`"),
        ("modules.json", '["Pooling"]', r"modules\.json must list its steps as objects"),
        ("model.safetensors", "not weights", "weights in .* cannot be loaded"),
        ("tokenizer.json", "{}", "tokenizer in .* cannot be opened"),
    ],
)
def test_damaged_files(bert: Path, file: str, content: str, said: str) -> None:
    (bert / file).write_text(content)
    with pytest.raises(NotACheckpoint, match=said):
        open_encoder(encoder(bert), kind(), ("a",), seed=0)


@pytest.mark.parametrize("changes", [{"num_hidden_layers": 3}, {"intermediate_size": 48}], ids=["absent", "mismatched"])
def test_weights_that_do_not_fill_the_encoder_are_refused(bert: Path, changes: dict[str, int]) -> None:
    change_config(bert, **changes)
    with pytest.raises(NotACheckpoint, match=r"do not fit its config.json: .*bert\.encoder\.layer\..* and \d+ more"):
        open_encoder(encoder(bert), kind(), ("a",), seed=0)


def test_a_pooler_may_be_absent(bert: Path) -> None:
    AutoModelForMaskedLM.from_pretrained(bert).save_pretrained(bert)  # saves no pooler
    first = open_encoder(encoder(bert), kind(), ("a", "b"), seed=0)
    again = open_encoder(encoder(bert), kind(), ("a", "b"), seed=0)
    assert differing(first.model, again.model) == set()


def test_a_tokenizer_of_another_model_is_refused(tiny: Path, bert: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny / "modernbert" / name, bert / name)
    with pytest.raises(NotACheckpoint, match="has 515 tokens, but the model knows 300"):
        open_encoder(encoder(bert), kind(), ("a",), seed=0)


def test_an_architecture_that_transformers_does_not_know(bert: Path) -> None:
    change_config(bert, model_type="xlm-robertha")
    with pytest.raises(UnknownArchitecture, match=r"does not know .*'xlm-robertha'.*did you mean .*xlm-roberta"):
        open_encoder(encoder(bert), kind(), ("a",), seed=0)


def test_an_architecture_without_such_a_head(tiny: Path) -> None:
    with pytest.raises(UnknownArchitecture, match=r"no AutoModelForImageClassification for 'bert'.*There are: .*vit"):
        open_encoder(encoder(tiny / "bert"), kind("AutoModelForImageClassification"), ("a",), seed=0)


def test_own_code_is_not_run_unless_trusted(bert: Path) -> None:
    (bert / "own.py").write_text("raise SystemExit('own code ran')")
    change_config(bert, model_type="own", auto_map={"AutoConfig": "own.OwnConfig"})
    with pytest.raises(UnknownArchitecture, match="brings its own code"):
        open_encoder(encoder(bert), kind(), ("a",), seed=0)


def test_a_package_that_a_tokenizer_needs(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    with pytest.raises(EncoderError, match=r"pip install \"xbench\[run\]\".*sacremoses"):
        open_encoder(encoder(tiny / "xlm"), kind(), ("a",), seed=0)


# Sentence-embedding checkpoints


@pytest.mark.parametrize(
    ("said", "pooling", "unread"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls", ("Dense",)),
        ({"pooling_mode_max_tokens": True}, "max", ("Dense",)),
        ({"pooling_mode": "mean"}, "mean", ("Dense",)),
        ({"pooling_mode": "cls"}, "cls", ("Dense",)),
        ({"pooling_mode_lasttoken": True}, "mean", ("Dense", "pooling_mode_lasttoken")),
    ],
)
def test_own_pooling(bert: Path, said: dict[str, object], pooling: str, unread: tuple[str, ...]) -> None:
    sentence_embedder(bert, {"word_embedding_dimension": 32} | said, "Dense", "Normalize")
    opened = open_encoder(encoder(bert), kind("AutoModel"), (), seed=0)
    assert (opened.pooling, opened.unread, opened.own_length) == (pooling, unread, 48)


# Words


def byte_level_roberta(folder: Path, tiny: Path) -> Path:
    """A byte-level tokenizer of RoBERTa's own class, on a model that does not mind."""
    shutil.copytree(tiny / "modernbert", folder)
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]
    merges = [tuple(merge) for merge in vocabulary["merges"]]
    remove(folder, "tokenizer.json", "tokenizer_config.json")
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "cls", "sep", "pad", "mask")}
    RobertaTokenizer(vocab=vocabulary["vocab"], merges=merges, **special).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("own", [False, True], ids=["modernbert", "roberta"])
def test_byte_level_tokenizers_see_split_words_after_a_space(own: bool, tiny: Path, tmp_path: Path) -> None:
    folder = byte_level_roberta(tmp_path / "roberta", tiny) if own else tiny / "modernbert"
    plain = open_encoder(encoder(folder), pairs, ("a", "b"), seed=0).tokenizer
    spaced = open_encoder(encoder(folder), kind(words=True), ("a", "b"), seed=0)
    words = ["The", "baker", "don't", "sold!", "Где", "河"]
    wanted = [plain(f" {word}", add_special_tokens=False)["input_ids"] for word in words]
    told = spaced.tokenizer([[word] for word in words], is_split_into_words=True, add_special_tokens=False)
    assert told["input_ids"] == wanted
    assert spaced.tokenizer(words, add_special_tokens=False)["input_ids"] == wanted
    sentence = spaced.tokenizer(words, is_split_into_words=True, add_special_tokens=False)
    assert sentence["input_ids"] == [token for word in wanted for token in word]
    assert sentence.word_ids() == [number for number, word in enumerate(wanted) for _ in word]
    # What the tokenizer is does not depend on the kind of task.
    assert spaced.tokenizer_hash == open_encoder(encoder(folder), pairs, ("a", "b"), seed=0).tokenizer_hash


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "modernbert"])
def test_other_tokenizers_are_left_as_they_are(architecture: str, tiny: Path) -> None:
    plain = open_encoder(encoder(tiny / architecture), kind(), ("a",), seed=0).tokenizer
    worded = open_encoder(encoder(tiny / architecture), kind(words=True), ("a",), seed=0).tokenizer
    assert plain(list(TEXTS))["input_ids"] == worded(list(TEXTS))["input_ids"]


# Identity


def test_the_tokenizers_hash_does_not_remember_its_last_call(bert: Path) -> None:
    first = open_encoder(encoder(bert), kind(), ("a",), seed=0)
    first.tokenizer(["the river"] * 2, truncation=True, max_length=5, padding=True)
    first.tokenizer.save_pretrained(bert)
    assert open_encoder(encoder(bert), kind(), ("a",), seed=0).tokenizer_hash == first.tokenizer_hash


@pytest.mark.parametrize("architecture", ["bert", "xlm"])
def test_hashes_tell_tokenizers_apart(architecture: str, tiny: Path, tmp_path: Path) -> None:
    build(architecture, tmp_path, [*TEXTS, "something else entirely"])
    one = open_encoder(encoder(tiny / architecture), kind(), ("a",), seed=0)
    other = open_encoder(encoder(tmp_path), kind(), ("a",), seed=0)
    assert one.tokenizer_hash != other.tokenizer_hash
