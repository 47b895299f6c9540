"""Where a checkpoint lies, which of its files count, and a fingerprint over them. Imports no torch."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from xbench.cache import folder_made_by
from xbench.encoder import Encoder
from xbench.errors import NotACheckpoint

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""Files of weights in the order in which transformers looks for them; an index names the shards."""

VOCABULARY = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
"""Any one of these makes a tokenizer. transformers makes an empty one, without a word, where none is there."""

READ = (
    "config.json",
    *VOCABULARY,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "modules.json",
    "sentence_bert_config.json",
    "*_Pooling/config.json",
    "*.py",
)
"""Files beside the weights that change what the encoder computes."""

POOLINGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean",  # the same direction, and only the direction counts
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}

HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class Located:
    """A checkpoint that is on the disk."""

    folder: Path
    revision: str
    """Commit on the Hub; empty for a folder that is not a snapshot of the Hub."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells two checkpoints apart."""

    revision: str
    """Commit on the Hub; empty for a folder."""
    weights: str
    """SHA-256 over names and contents of the weights, the configuration and the vocabulary."""


def locate(encoder: Encoder) -> Located:
    """Find the encoder's folder, downloading it from the Hub or making it where that is what the encoder says.

    Raises NotACheckpoint where it cannot be had or lacks its configuration, weights or vocabulary, and BrokenPlugin
    where `made` names no function that returns a folder.
    """
    if encoder.made:
        found = Located(folder_made_by(encoder.made), "")
    elif not encoder.checkpoint:
        advice = encoder.note or "give it a folder or a Hub id"
        raise NotACheckpoint(f"encoder {encoder.name!r} names no checkpoint: {advice}")
    else:
        folder = Path(encoder.checkpoint).expanduser()
        with _reading(folder):
            here, is_folder = folder.exists(), folder.is_dir()
        if here and not is_folder:
            raise NotACheckpoint(
                f"{folder} is a file, and a checkpoint is a folder: name the one that holds config.json, "
                "the weights and the tokenizer"
            )
        found = Located(folder, "") if is_folder else _fetch(encoder)
    with _reading(found.folder):
        _check(found.folder)
    return found


def identify(encoder: Encoder) -> Identity:
    """The fingerprint of the encoder's checkpoint, without loading it. Raises what `locate` raises."""
    found = locate(encoder)
    return Identity(found.revision, fingerprint(found.folder))


def fingerprint(folder: Path) -> str:
    """SHA-256 over the names and contents of all files of a checkpoint that change what it computes."""
    digest = hashlib.sha256()
    with _reading(folder):
        read = {path for pattern in READ for path in folder.glob(pattern) if path.is_file()}
        for path in sorted(read | set(weight_files(folder))):
            digest.update(f"{_content(path)}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The files that transformers loads weights from, an index and its shards among them; none is an answer too."""
    first = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if first is None:
        return ()
    if first.suffix != ".json":
        return (first,)
    listed = read_json(first).get("weight_map", {})
    if not isinstance(listed, dict) or not all(isinstance(shard, str) for shard in listed.values()):
        raise NotACheckpoint(f"the `weight_map` of {first} does not say which file each weight is in")
    shards = sorted(set(listed.values()))
    absent = [shard for shard in shards if not (folder / shard).is_file()]
    if absent:
        raise NotACheckpoint(f"{folder} lacks {', '.join(absent)}, which {first.name} lists: copy or download it again")
    return (first, *(folder / shard for shard in shards))


def own_pooling(folder: Path) -> tuple[str, tuple[str, ...]]:
    """Pooling and further steps of a sentence-embedding checkpoint; ("mean", ()) where there is nothing of the kind."""
    steps = read_json(folder / "modules.json", list)
    if not all(isinstance(step, dict) for step in steps):
        raise NotACheckpoint(f"{folder / 'modules.json'} must list its steps as objects, each with a type and a path")
    types = {str(step.get("type", "")).rpartition(".")[2]: step for step in steps}
    unread = tuple(name for name in types if name not in ("Transformer", "Pooling", "Normalize"))
    if "Pooling" not in types:
        return "mean", unread
    inner = types["Pooling"].get("path")
    if not isinstance(inner, str):
        raise NotACheckpoint(f"{folder / 'modules.json'} does not say in which folder its pooling is: no `path` there")
    said = read_json(folder / inner / "config.json")
    if isinstance(mode := said.get("pooling_mode"), str):
        said = {f"pooling_mode_{mode}_token{'' if mode == 'cls' else 's'}": True}
    chosen = [mode for mode, on in said.items() if mode.startswith("pooling_mode_") and on]
    if len(chosen) == 1 and chosen[0] in POOLINGS:
        return POOLINGS[chosen[0]], unread
    return "mean", (*unread, *(mode for mode in chosen if mode not in POOLINGS or len(chosen) > 1))


def read_json(path: Path, shape: type = dict) -> Any:
    """What a JSON file holds, an empty `shape` where there is no file. Raises NotACheckpoint for anything else."""
    try:
        with _reading(path):
            if not path.is_file():
                return shape()
            said = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as cause:
        raise NotACheckpoint(f"{path} is not JSON: {cause}") from cause
    if not isinstance(said, shape):
        raise NotACheckpoint(f"{path} holds a {type(said).__name__} where a {shape.__name__} belongs")
    return said


def _check(folder: Path) -> None:
    """Say at once everything that a folder lacks."""
    lacks = []
    if not (folder / "config.json").is_file():
        lacks.append("config.json")
    if not weight_files(folder):
        lacks.append(f"weights ({WEIGHTS[0]} or {WEIGHTS[2]})")
    if not any(path.is_file() for pattern in VOCABULARY for path in folder.glob(pattern)):
        lacks.append("a tokenizer (tokenizer.json, vocab.txt, vocab.json or a SentencePiece model)")
    if lacks:
        raise NotACheckpoint(
            f"{folder} is not a checkpoint: it lacks {'; '.join(lacks)}. "
            "Save model and tokenizer there with save_pretrained(), or name another folder."
        )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say of a file or folder that may not be read that it is no use as a checkpoint."""
    try:
        yield
    except OSError as cause:
        raise NotACheckpoint(f"{path} cannot be read: {cause}") from cause


def _fetch(encoder: Encoder) -> Located:
    """Download what is read of a Hub repository, or find it in the Hub's cache."""
    name = encoder.checkpoint
    if not HUB_ID.fullmatch(name) or name.startswith("."):
        raise NotACheckpoint(f"no checkpoint folder at {name}")
    # Weights are taken in one form only: repositories often hold the same ones for several frameworks.
    folder = _snapshot(encoder, [*READ, "model*.safetensors", WEIGHTS[1]])
    if not weight_files(folder):
        folder = _snapshot(encoder, [*READ, "pytorch_model*.bin", WEIGHTS[3]])
    return Located(folder, folder.name)


def _snapshot(encoder: Encoder, patterns: list[str]) -> Path:
    # Imported here: naming encoders and listing tasks must not wait for the Hub's client.
    from huggingface_hub import constants, errors, snapshot_download

    name, at = encoder.checkpoint, encoder.revision or None
    said = f"{name} at {at}" if at else name
    try:
        return Path(
            snapshot_download(
                name,
                revision=at,
                allow_patterns=patterns,
                ignore_patterns=["[!1]*/*"],  # patterns also match in folders below, which hold exports
                local_files_only=constants.HF_HUB_OFFLINE,
            )
        )
    except errors.GatedRepoError as cause:
        raise NotACheckpoint(
            f"{said} is gated: ask for access on its page on the Hub, then run `hf auth login`"
        ) from cause
    except errors.RevisionNotFoundError as cause:
        raise NotACheckpoint(f"{name} is on the Hub, but has no revision {at!r}") from cause
    except errors.RepositoryNotFoundError as cause:
        raise NotACheckpoint(
            f"{said} is neither a folder here nor a public model on the Hub; where it is private, run `hf auth login`"
        ) from cause
    except errors.LocalEntryNotFoundError as cause:
        # A cache that lacks only files which are not read (a note, an export) is as good as the whole.
        partial = getattr(cause, "snapshot_path", None)
        if partial and weight_files(Path(partial)):
            return Path(partial)
        raise NotACheckpoint(
            f"{said} is neither a folder here nor in the Hub's cache, and the Hub cannot be reached: go online"
            f"{' (HF_HUB_OFFLINE is set)' if constants.HF_HUB_OFFLINE else ''}, or give the path of a folder"
        ) from cause
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as cause:
        raise NotACheckpoint(f"{said} cannot be had from the Hub: {cause}") from cause


def _content(path: Path) -> str:
    """SHA-256 of a file. The Hub's cache names large files by theirs, so that gigabytes need not be read."""
    blob = path.resolve()
    if path.is_symlink() and blob.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", blob.name):
        return blob.name
    status = blob.stat()
    return _digest(blob, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, modified: int) -> str:
    """SHA-256 of a file, read once for as long as its size and its time stay the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
