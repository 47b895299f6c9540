"""Where a checkpoint lies and what tells it from others: folders, made ones, and the Hub's cache, without a network."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors as hub_errors
from transformers import AutoModelForMaskedLM

from tiny import build
from toys import change_config, encoder, remove, sentence_embedder
from xbench.checkpoint import identify, own_pooling
from xbench.encoder import Encoder
from xbench.encoders import unicoder
from xbench.errors import BrokenPlugin, NotACheckpoint
from xbench.kinds.pairs import kind
from xbench.opening import open_encoder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("bert", tmp_path_factory.mktemp("tiny") / "bert")


@pytest.fixture
def bert(tiny: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(tiny, tmp_path / "bert"))


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        (("config.json",), "lacks config.json"),
        (("model.safetensors",), "lacks weights"),
        (("tokenizer.json",), "lacks a tokenizer"),
        (("config.json", "model.safetensors", "tokenizer.json"), "config.json; weights.*; a tokenizer"),
    ],
)
def test_what_a_folder_lacks_is_told_at_once(bert: Path, absent: tuple[str, ...], said: str) -> None:
    remove(bert, *absent)
    with pytest.raises(NotACheckpoint, match=said):
        open_encoder(encoder(bert), kind, ("a",), seed=0)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotACheckpoint, match="no checkpoint folder at"):
        open_encoder(encoder(tmp_path / "none"), kind, ("a",), seed=0)
    with pytest.raises(NotACheckpoint, match="names no checkpoint: give it a folder or a Hub id"):
        open_encoder(Encoder(name="empty"), kind, ("a",), seed=0)


def test_an_encoder_without_a_checkpoint_says_what_its_note_says() -> None:
    with pytest.raises(NotACheckpoint) as told:
        identify(unicoder)
    assert str(told.value) == f"encoder 'unicoder' names no checkpoint: {unicoder.note}"
    assert "--encoder unicoder=FOLDER" in unicoder.note


def test_a_file_is_not_a_checkpoint(bert: Path) -> None:
    with pytest.raises(NotACheckpoint, match=r"model\.safetensors is a file, and a checkpoint is a folder"):
        identify(encoder(bert / "model.safetensors"))


@pytest.mark.parametrize("reads", ["read_text", "open", "is_dir", "is_file"])
def test_what_may_not_be_read(reads: str, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bert / "modules.json").write_text("[]")

    def refuse(self: Path, *_: object, **__: object) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, reads, refuse)  # tests may run as a user whom no permission stops
    with pytest.raises(NotACheckpoint, match=r"cannot be read: .*Permission denied"):
        (own_pooling if reads == "read_text" else lambda folder: identify(encoder(folder)))(bert)


@pytest.mark.parametrize("listed", [["model.safetensors"], {"weight": 1}])
def test_an_index_that_lists_no_files(listed: object, bert: Path) -> None:
    remove(bert, "model.safetensors")
    (bert / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    with pytest.raises(NotACheckpoint, match=r"`weight_map` of .*index\.json does not say"):
        identify(encoder(bert))


def test_identity_is_that_of_the_opened_encoder(bert: Path) -> None:
    first = identify(encoder(bert))
    assert first.weights == open_encoder(encoder(bert), kind, ("a",), seed=0).weights
    (bert / "README.md").write_text("what is not read does not count")
    assert identify(encoder(bert)) == first
    change_config(bert, hidden_dropout_prob=0.2)
    second = identify(encoder(bert))
    assert second != first
    sentence_embedder(bert, {"pooling_mode": "cls"})
    assert identify(encoder(bert)) != second


def test_shards_count_and_must_all_be_there(bert: Path) -> None:
    whole = identify(encoder(bert))
    model = AutoModelForMaskedLM.from_pretrained(bert)
    remove(bert, "model.safetensors")
    model.save_pretrained(bert, max_shard_size="40KB")
    shards = sorted(bert.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert identify(encoder(bert)) != whole
    open_encoder(encoder(bert), kind, ("a",), seed=0)
    remove(bert, shards[-1].name)
    with pytest.raises(NotACheckpoint, match=rf"lacks {shards[-1].name}, which model.safetensors.index.json lists"):
        identify(encoder(bert))


def test_identity_needs_no_torch(bert: Path) -> None:
    program = (
        "import sys; from xbench.checkpoint import identify; from xbench.encoder import Encoder;"
        f"print(identify(Encoder(name='x', checkpoint={str(bert)!r})).weights);"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == identify(encoder(bert)).weights


def test_a_made_checkpoint(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "maker.py").write_text(f"def make():\n    return {str(bert)!r}\ndef wrong():\n    return 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    made = Encoder(name="made", made="maker:make")
    opened = open_encoder(made, kind, ("a",), seed=0)
    assert (opened.checkpoint, opened.weights) == ("maker:make", identify(encoder(bert)).weights)
    for maker, said in (("maker:wrong", "gave 7"), ("maker:none", "cannot be had"), ("nowhere:make", "cannot be had")):
        with pytest.raises(BrokenPlugin, match=said):
            identify(replace(made, made=maker))


# The Hub: its client is tried against a cache that stands, and against every way it can fail


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cached(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Snapshot of a repository in a Hub cache, with the client offline."""
    repository = tmp_path / "hub" / "models--someone--tiny"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.parent.mkdir(parents=True)
    shutil.copytree(bert, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return snapshot


def test_a_hub_id_is_found_in_the_cache_and_its_commit_told(cached: Path, bert: Path) -> None:
    opened = open_encoder(encoder("someone/tiny"), kind, ("a",), seed=0)
    assert (opened.checkpoint, opened.revision) == ("someone/tiny", COMMIT)
    assert opened.weights == identify(encoder(bert)).weights
    assert identify(encoder("someone/tiny", revision=COMMIT)).revision == COMMIT


def test_the_caches_names_of_large_files_stand_for_their_content(cached: Path, bert: Path) -> None:
    digest = "a" * 64
    blob = cached.parent.parent / "blobs" / digest
    blob.parent.mkdir()
    (cached / "model.safetensors").rename(blob)
    (cached / "model.safetensors").symlink_to(blob)
    # The name is not that of the content here, which shows that the content was not read.
    assert identify(encoder("someone/tiny")).weights != identify(encoder(bert)).weights
    blob.rename(blob.with_name("b" * 40))
    (cached / "model.safetensors").unlink()
    (cached / "model.safetensors").symlink_to(blob.with_name("b" * 40))
    assert identify(encoder("someone/tiny")).weights == identify(encoder(bert)).weights


def test_a_hub_id_that_is_not_cached_offline(cached: Path) -> None:
    with pytest.raises(
        NotACheckpoint, match=r"someone/other is neither a folder here nor in the Hub's cache.*go online"
    ):
        identify(encoder("someone/other"))


def answer(status: int) -> Any:
    """As much of a response as the client's errors look at; which HTTP library it has differs between releases."""
    return SimpleNamespace(status_code=status, headers={}, request=None)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (hub_errors.RepositoryNotFoundError, "neither a folder here nor a public model on the Hub"),
        (hub_errors.GatedRepoError, "is gated: ask for access"),
        (hub_errors.RevisionNotFoundError, "has no revision 'v9'"),
        (hub_errors.HfHubHTTPError, "cannot be had from the Hub: it broke"),
    ],
)
def test_what_the_hub_refuses(fault: type[Any], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise fault("it broke", response=answer(404))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(NotACheckpoint, match=said):
        identify(encoder("someone/tiny", revision="v9"))
