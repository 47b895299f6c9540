"""Open an encoder: its tokenizer, and its model with the head of a kind, by transformers' own classes."""

import inspect
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, normalizers
from torch import nn
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import logging as transformers_logging

from xbench.checkpoint import fingerprint, locate, own_pooling, read_json
from xbench.encoder import Encoder
from xbench.errors import DoesNotFit, EncoderError, NotACheckpoint, UnknownArchitecture, near
from xbench.kinds import Kind
from xbench.pack import out_of_memory
from xbench.tokens import tokenizer_hash

PRETRAINED = ("ForMaskedLM", "ForPreTraining", "WithLMHeadModel")
"""Ends of the names of classes whose weights beside the encoder's come from pre-training, not from another task. Some
architectures share part of them with their heads, as ModernBERT does; those are then kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An encoder that is ready to be fine-tuned or to score."""

    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    """On the CPU, in float32 whatever the checkpoint is stored in, in evaluation mode."""
    pooling: str
    """mean, cls or max: what the checkpoint says of itself, mean where it says nothing."""
    unread: tuple[str, ...]
    """Steps after the pooling that the checkpoint asks for (`modules.json`) and that xbench does not take."""
    typed: bool
    """Whether the model tells token types apart."""
    positions: int
    """Most tokens that model and tokenizer take."""
    blocks: int
    """Number of layers."""
    own_length: int | None
    """Length that the checkpoint's sentence-embedding configuration asks for."""
    architecture: str
    """transformers' model type, e.g. xlm-roberta."""
    checkpoint: str
    """Folder, Hub id, or the function that made it."""
    revision: str
    """Commit on the Hub that was loaded; empty for a folder."""
    weights: str
    """SHA-256 over weights, configuration and vocabulary; see `xbench.checkpoint.fingerprint`."""
    tokenizer_hash: str
    """SHA-256 over what the tokenizer does."""
    parameters: int


def open_encoder(
    encoder: Encoder, kind: Kind, labels: Sequence[str], *, seed: int, trust_remote_code: bool = False
) -> Opened:
    """Load an encoder with a fresh head of the kind.

    All weights that the checkpoint does not bring are drawn under `seed`, whatever torch's global generator holds, and
    that generator is left as it was. Nothing is kept of a head that the checkpoint brings from another task.

    Raises NotACheckpoint, UnknownArchitecture, EncoderError where the tokenizer needs a package that is not installed,
    and BrokenPlugin where the encoder's `made` cannot be called.
    """
    located = locate(encoder)
    with _quiet():
        config = _config(located.folder, trust_remote_code)
        auto = _auto(kind, config)
        tokenizer = _tokenizer(located.folder, trust_remote_code)
        hashed = tokenizer_hash(tokenizer)
        _name_outputs(config, kind.outputs(labels), labels)
        model = _model(auto, config, located.folder, seed=seed, trust=trust_remote_code)
    _check_vocabulary(tokenizer, model, located.folder)
    if kind.words:
        _space_before_words(tokenizer)
    pooling, unread = own_pooling(located.folder)
    typed = (getattr(config, "type_vocab_size", 0) or 0) > 1
    return Opened(
        tokenizer=tokenizer,
        model=model.train(False),
        pooling=pooling,
        unread=unread,
        typed=typed and "token_type_ids" in inspect.signature(model.forward).parameters,
        positions=min(_positions(model), tokenizer.model_max_length),
        blocks=int(getattr(config, "num_hidden_layers", 0)),
        own_length=read_json(located.folder / "sentence_bert_config.json").get("max_seq_length"),
        architecture=str(config.model_type),
        checkpoint=encoder.made or encoder.checkpoint,
        revision=located.revision,
        weights=fingerprint(located.folder),
        tokenizer_hash=hashed,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def _config(folder: Path, trust: bool) -> PreTrainedConfig:
    said = read_json(folder / "config.json")
    model_type = said.get("model_type")
    if not isinstance(model_type, str):
        model_type = ""
    own_code = "auto_map" in said
    if model_type not in CONFIG_MAPPING and not (own_code and trust):
        if own_code:
            raise UnknownArchitecture(
                f"{folder} brings its own code for {model_type or 'its architecture'!r}: "
                "read it, and say --trust-remote-code if it may run"
            )
        if not model_type:
            raise NotACheckpoint(f"{folder / 'config.json'} names no model_type: transformers did not write it")
        raise UnknownArchitecture(
            f"transformers {transformers.__version__} does not know the architecture {model_type!r} of {folder}"
            f"{near(model_type, CONFIG_MAPPING.keys(), most=0)}"
        )
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=trust)
    except Exception as cause:  # every architecture checks its own fields in its own way
        raise NotACheckpoint(f"{folder / 'config.json'} cannot be understood: {cause}") from cause
    return config


def put_on(opened: Opened, device: torch.device) -> PreTrainedModel:
    """The opened model, moved to a device. Raises DoesNotFit."""
    try:
        opened.model.to(device)  # type: ignore[arg-type]
    except (RuntimeError, MemoryError) as cause:
        if not out_of_memory(cause):
            raise
        raise DoesNotFit(
            f"the {opened.parameters:,} weights of {opened.checkpoint} alone do not fit into the memory of {device}: "
            "end what else uses it, or take a smaller encoder or another --device"
        ) from cause
    return opened.model


def _auto(kind: Kind, config: PreTrainedConfig) -> Any:
    """The auto class of a kind, where it has a head for this architecture."""
    auto = getattr(transformers, kind.auto)
    if type(config) not in auto._model_mapping and "auto_map" not in config.to_dict():
        known = sorted({known.model_type for known in auto._model_mapping})
        raise UnknownArchitecture(
            f"transformers {transformers.__version__} has no {kind.auto} for {config.model_type!r}, which {kind.name} "
            f"tasks need{near(config.model_type, known, most=200)}"
        )
    return auto


def _name_outputs(config: PreTrainedConfig, outputs: int, labels: Sequence[str]) -> None:
    """Take away what the configuration says of another task's labels."""
    names = list(labels) if len(labels) == outputs else [f"output {number}" for number in range(outputs)]
    config.num_labels = outputs
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    config.problem_type = None


def _tokenizer(folder: Path, trust: bool) -> PreTrainedTokenizerBase:
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust)
    except ImportError as cause:
        raise EncoderError(f'the tokenizer in {folder} needs a package: pip install "xbench[run]". {cause}') from cause
    except Exception as cause:  # tokenizers raises plain ones
        raise NotACheckpoint(f"the tokenizer in {folder} cannot be opened: {cause}") from cause
    if tokenizer.pad_token_id is None:
        raise NotACheckpoint(f"the tokenizer in {folder} has no padding token: set one and save it again")
    return tokenizer


def _model(auto: Any, config: PreTrainedConfig, folder: Path, *, seed: int, trust: bool) -> PreTrainedModel:
    """The model with its head, all in float32; what the checkpoint does not bring is drawn under the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model, loaded = auto.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # a head of another size is replaced; an encoder of one is refused below
                trust_remote_code=trust,
            )
        except Exception as cause:  # a bad configuration shows here in many ways, bad weights in others
            raise NotACheckpoint(f"the weights in {folder} cannot be loaded: {cause}") from cause
        prefix = model.base_model_prefix if model.base_model is not model else ""
        _check_loaded(loaded, prefix, model, folder)
        if prefix and not str((config.architectures or ["unknown"])[0]).endswith(PRETRAINED):
            torch.manual_seed(seed)
            _renew_head(model)
    return model  # type: ignore[no-any-return]


def _check_loaded(loaded: dict[str, Any], prefix: str, model: PreTrainedModel, folder: Path) -> None:
    """Refuse a checkpoint that leaves parts of the encoder random. Poolers are often absent, and are drawn anew."""
    names = {name for name, _ in model.named_parameters()}
    mismatched = {entry[0] if isinstance(entry, tuple) else entry for entry in loaded["mismatched_keys"]}
    wrong = sorted(
        name
        for name in (set(loaded["missing_keys"]) | mismatched) & names
        if name.startswith(f"{prefix}." if prefix else "") and "pooler" not in name
    )
    if wrong:
        listed = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise NotACheckpoint(
            f"the weights in {folder} do not fit its config.json: absent, or of another size: {listed}"
        )


def _renew_head(model: PreTrainedModel) -> None:
    """Draw every weight beside the encoder's anew, by the architecture's own rule for fresh weights."""
    own = {id(parameter) for parameter in model.base_model.parameters()}
    head = {name: parameter for name, parameter in model.named_parameters() if id(parameter) not in own}
    kept = set(model.base_model.modules())
    for module in model.modules():
        module._is_hf_initialized = module in kept  # type: ignore[assignment]
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            tensor._is_hf_initialized = module in kept  # type: ignore[attr-defined]
    for parameter in head.values():
        nn.init.constant_(parameter, float("nan"))
    model.initialize_weights()  # type: ignore[no-untyped-call]
    left = [name for name, parameter in head.items() if parameter.isnan().any()]
    if left:
        raise UnknownArchitecture(f"transformers has no rule to draw {', '.join(left)} of {type(model).__name__} anew")


def _check_vocabulary(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, folder: Path) -> None:
    rows = len(model.get_input_embeddings().get_parameter("weight"))
    if tokenizer.vocab_size > rows:  # tokens that were added to it later are often never used
        raise NotACheckpoint(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens, but the model knows {rows}: "
            "they do not belong together"
        )


def _space_before_words(tokenizer: PreTrainedTokenizerBase) -> None:
    """Make a byte-level tokenizer see every word as it stands inside a sentence, after a space.

    The normalizer does it, once for each word: where a pattern splits words before the byte-level step,
    `add_prefix_space` of that step would put a space before each piece.
    """
    backend: Tokenizer | None = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return
    said = json.loads(backend.to_str())["pre_tokenizer"] or {}
    steps = said.get("pretokenizers", [said])
    if any(step.get("type") == "ByteLevel" and not step["add_prefix_space"] for step in steps):
        before = [backend.normalizer] if backend.normalizer else []
        backend.normalizer = normalizers.Sequence([*before, normalizers.Prepend(" ")])


def first_position(model: PreTrainedModel) -> int:
    """Number of a sequence's first position: RoBERTa and its like count on from the padding's own, others from 0."""
    for name, module in model.base_model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            return int(module.padding_idx) + 1
    return 0


def blocks_of(model: PreTrainedModel) -> list[nn.Module]:
    """The parts that a model repeats layer after layer: whole layers, or what stands beside each other in them."""
    layers = getattr(model.config, "num_hidden_layers", 0)
    lists = [module for module in model.base_model.modules() if isinstance(module, nn.ModuleList)]
    return [block for module in lists if len(module) == layers for block in module]


def _positions(model: PreTrainedModel) -> int:
    """Most tokens that the model's positions allow; rows of a table before the first position are never one."""
    said = getattr(model.config, "max_position_embeddings", None)
    return int(said) - first_position(model) if said else 1_000_000


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from telling what is wanted here: that heads are fresh, and how far loading is."""
    level, bar = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bar:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
