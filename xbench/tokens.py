"""Token ids of many texts: made once, and kept on disk as flat arrays for whoever asks the same of the same tokenizer.

What is kept is the tokenizer's answer before anything is cut, so that one tokenization serves every seed, every length
and stride, and every encoder whose tokenizer does the same. It lies under a key of all that it depends on: the
tokenizer's whole pipeline as it stands, the texts in their order, what was asked for, and the versions that answered.

It is only a cache (`xbench.arrays`): where it is damaged, full or cannot be written to, texts are tokenized
as if it were not there.
"""

import hashlib
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from xbench.arrays import kept, room

Ids: TypeAlias = NDArray[np.int32]
Tokenizer: TypeAlias = Any
"""A PreTrainedTokenizerBase of transformers, which is not imported here: it brings torch with it."""

FEW = 1_000
"""Fewer texts than this are tokenized at once: there is nothing to gain."""

CHUNK = 10_000
"""Texts that the tokenizer is given at a time. Its answer is Python lists, ten times the size of the arrays."""

FORMAT = 1
"""Part of every key; counted up when the files change."""

PACKAGES = ("transformers", "tokenizers", "sentencepiece", "sacremoses")

PLACE = ("name_or_path", "is_local", "local_files_only")
"""Settings of a tokenizer that say where it lies, not what it does."""

_hashes: WeakKeyDictionary[Tokenizer, tuple[object, str]] = WeakKeyDictionary()


class Tokens(NamedTuple):
    """Many texts, or pairs of texts, as tokens: those of all rows stand one after the other."""

    ids: Ids
    """Shape (tokens,)."""
    stops: NDArray[np.int64]
    """One past the last token of each row, shape (rows,)."""
    types: Ids | None = None
    """Token types, shape (tokens,), where they were asked for."""
    begins: Ids | None = None
    """First character of each token in its text, shape (tokens,), where offsets were asked for."""
    ends: Ids | None = None
    """One past its last character."""

    def rows(self, flat: Ids | None) -> list[Ids]:
        """One of the arrays, cut into rows, which are views of it. Raises ValueError where it was not asked for."""
        if flat is None:
            raise ValueError("these tokens were made without it: ask for it")
        return [flat[begin:end] for begin, end in pairwise([0, *self.stops.tolist()])]


class Asked(NamedTuple):
    """What a tokenizer is asked for beside the ids, all without a limit to the length."""

    special: bool
    """Special tokens around the texts."""
    types: bool = False
    offsets: bool = False
    """Where each token lies in its text; only fast tokenizers know."""


def tokenize(
    tokenizer: Tokenizer, texts: Sequence[str], second: Sequence[str] | None = None, *, asked: Asked
) -> Tokens:
    """Tokens of texts, or of pairs of them where `second` is given, uncut: from the cache where they are many.

    Raises BadOption where $XBENCH_TOKEN_CACHE_GIB is no number.
    """

    def make() -> Tokens:
        return _made(tokenizer, texts, second, asked)

    limit = room() if len(texts) >= FEW else 0
    pipeline = _pipeline(tokenizer) if limit else ""
    if not pipeline:
        return make()
    key = {
        "format": FORMAT,
        "tokenizer": pipeline,
        "texts": _texts_hash(texts),
        "second": "" if second is None else _texts_hash(second),
        "asked": asked._asdict(),
        "versions": _versions(),
    }
    found = kept(key, lambda: {name: array for name, array in make()._asdict().items() if array is not None}, limit)
    return Tokens(**found)


def _made(tokenizer: Tokenizer, texts: Sequence[str], second: Sequence[str] | None, asked: Asked) -> Tokens:
    names = ("input_ids", "token_type_ids") if asked.types else ("input_ids",)
    flat: dict[str, list[NDArray[Any]]] = {name: [np.empty(0, np.int32)] for name in names}
    places: list[Ids] = [np.empty((0, 2), np.int32)]
    lengths: list[int] = []
    for start in range(0, len(texts), CHUNK):
        told = tokenizer(
            list(texts[start : start + CHUNK]),
            None if second is None else list(second[start : start + CHUNK]),
            add_special_tokens=asked.special,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=asked.types,
            return_offsets_mapping=asked.offsets,
            verbose=False,  # no warning that texts are longer than the model reads: they are cut later
        )
        lengths += map(len, told["input_ids"])
        for name in names:
            flat[name].append(np.fromiter(chain.from_iterable(told[name]), np.int32))
        if asked.offsets:
            numbers = chain.from_iterable(chain.from_iterable(told["offset_mapping"]))
            places.append(np.fromiter(numbers, np.int32).reshape(-1, 2))
    ids, *types = (np.concatenate(flat[name]) for name in names)
    begins, ends = np.concatenate(places).T.copy() if asked.offsets else (None, None)
    return Tokens(ids, np.cumsum(lengths, dtype=np.int64), types[0] if types else None, begins, ends)


# What the key is made of


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """SHA-256 over a tokenizer: its whole pipeline where that can be written down, else vocabulary and merges.

    Computed again only where the tokenizer has changed since: its steps, its options, its tokens.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        steps: list[Any] = [value for value in vars(tokenizer).values() if isinstance(value, bool | int | str)]
    else:
        parts = (backend.normalizer, backend.pre_tokenizer, backend.post_processor)
        steps = [part and part.__getstate__() for part in parts]
    stamp = (len(tokenizer), repr(tokenizer.added_tokens_decoder), *steps)
    known = _hashes.get(tokenizer)
    if known is None or known[0] != stamp:
        known = _hashes[tokenizer] = stamp, _hash(_written(tokenizer, backend))
    return known[1]


def _written(tokenizer: Tokenizer, backend: Any) -> dict[str, Any]:
    if backend is not None:
        said: dict[str, Any] = json.loads(backend.to_str())
        said.pop("truncation", None)  # what the last call asked for, not what the tokenizer is
        said.pop("padding", None)
        return said
    merges = getattr(tokenizer, "bpe_ranks", {})
    return {
        "class": type(tokenizer).__name__,
        "vocabulary": tokenizer.get_vocab(),
        "merges": sorted((" ".join(pair), rank) for pair, rank in merges.items()),
        "settings": {key: value for key, value in tokenizer.init_kwargs.items() if isinstance(value, bool | int)},
    }


def _pipeline(tokenizer: Tokenizer) -> str:
    """SHA-256 over all that decides which ids a tokenizer gives; empty where that cannot be told, or is left to chance.

    Beside `tokenizer_hash`: the code of classes that are not transformers' own, and what slow tokenizers keep outside
    vocabulary and merges.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    drawn = getattr(getattr(backend, "model", None), "dropout", None)
    if drawn or (getattr(tokenizer, "sp_model_kwargs", None) or {}).get("enable_sampling"):
        return ""
    said = {
        "hash": tokenizer_hash(tokenizer),
        "class": f"{type(tokenizer).__module__}.{type(tokenizer).__qualname__}",
        "split": bool(getattr(tokenizer, "split_special_tokens", False)),
    }
    try:
        for one in type(tokenizer).__mro__:
            if one.__module__.partition(".")[0] not in ("transformers", "builtins"):
                said[one.__qualname__] = inspect.getsource(sys.modules[one.__module__])
    except (OSError, TypeError, KeyError):
        return ""
    return _hash(said if backend is not None else said | _slow(tokenizer))


def _slow(tokenizer: Tokenizer) -> dict[str, Any]:
    own = {key: value for key, value in vars(tokenizer).items() if isinstance(value, bool | int | float | str)}
    settings = {key: value for key, value in (tokenizer.init_kwargs | own).items() if key not in PLACE}
    files = {key: Path(value) for key, value in settings.items() if key.endswith("_file") and isinstance(value, str)}
    contents = {key: hashlib.sha256(file.read_bytes()).hexdigest() for key, file in files.items() if file.is_file()}
    pieces = getattr(tokenizer, "sp_model", None)
    return {
        "settings": settings | contents,
        "added": tokenizer.added_tokens_decoder,
        "special": tokenizer.special_tokens_map,
        "pieces": "" if pieces is None else hashlib.sha256(pieces.serialized_model_proto()).hexdigest(),
    }


def _hash(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False, default=repr).encode()).hexdigest()


def _texts_hash(texts: Sequence[str]) -> str:
    """SHA-256 over the lengths in characters, then the texts themselves in UTF-8: other texts never write the same."""
    digest = hashlib.sha256(np.fromiter(map(len, texts), "<i8", len(texts)).tobytes())
    for start in range(0, len(texts), CHUNK):
        digest.update("".join(texts[start : start + CHUNK]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@cache
def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found
