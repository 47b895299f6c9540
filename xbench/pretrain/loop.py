"""The pre-training loop: a corpus and settings in, a transformers checkpoint out."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from xbench.pretrain.batches import Batch, Sampler
from xbench.pretrain.corpus import Corpus
from xbench.pretrain.settings import BadCorpus, BadSettings, Pretraining
from xbench.pretrain.vocabulary import learn_tokenizer

Progress: TypeAlias = Callable[[int, int, str], None]
"""Told: steps done, steps in all, what there is to say."""
SAID_EVERY = 100
"""Steps between two entries of the losses, and two calls of the progress function."""


def pretrain(
    corpus: Corpus, settings: Pretraining, to: Path, *, progress: Progress | None = None, device: str = "auto",
    init: Path | None = None,
) -> Path:  # fmt: skip
    """Pre-train an encoder and write it to the folder `to`: config, weights with the masked head, tokenizer.

    `pretraining.json` beside them has the settings, the mean loss (nats per predicted token) of every 100 steps, and
    the sizes of the corpus. With `init`, a checkpoint with a fast tokenizer is trained onwards; shape and vocabulary
    are then its own, whatever the settings say. `device` is `auto` or a device of torch. BadCorpus where there is no
    text.
    """
    if not any(corpus.texts.values()) and not any(corpus.pairs.values()):
        raise BadCorpus("there is no text to pre-train on")
    torch.manual_seed(settings.seed)
    tokenizer = _tokenizer(corpus, settings, init)
    model = _model(settings, tokenizer, init)
    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    losses = _train(model.to(place), Sampler(corpus, tokenizer, settings), settings, place, progress)
    to.mkdir(parents=True, exist_ok=True)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers draws one for writing a single file
    model.to("cpu").save_pretrained(to)
    tokenizer.save_pretrained(to)
    about = {"settings": asdict(settings), "init": str(init or ""), "losses": losses, "corpus": corpus.sizes()}
    (to / "pretraining.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return to


def _tokenizer(corpus: Corpus, settings: Pretraining, init: Path | None) -> PreTrainedTokenizerBase:
    """The tokenizer of the checkpoint that is trained onwards, or a new one."""
    if init is None:
        return learn_tokenizer(corpus, settings)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(init)
    needed = ("cls_token", "sep_token", "pad_token", "mask_token")
    lacking = [name for name in needed if getattr(tokenizer, name) is None]
    if lacking:
        raise BadSettings(f"the tokenizer of {init} has no {', '.join(lacking)}: it cannot be pre-trained onwards")
    return tokenizer


def _model(settings: Pretraining, tokenizer: PreTrainedTokenizerBase, init: Path | None) -> Any:
    """A masked language model with random weights, or the checkpoint's own in float32."""
    if init is not None:
        return AutoModelForMaskedLM.from_pretrained(init, dtype=torch.float32)
    shapes: dict[str, dict[str, object]] = {
        "xlm-roberta": {
            # Positions of RoBERTa's family start after the padding's number.
            "max_position_embeddings": settings.positions + 2, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
            "hidden_dropout_prob": settings.dropout, "attention_probs_dropout_prob": settings.dropout,
        },
        "bert": {
            "max_position_embeddings": settings.positions, "type_vocab_size": 1,
            "hidden_dropout_prob": settings.dropout, "attention_probs_dropout_prob": settings.dropout,
        },
        "modernbert": {
            "max_position_embeddings": settings.positions, "embedding_dropout": settings.dropout,
            "mlp_dropout": settings.dropout, "classifier_dropout": settings.dropout,
            "classifier_pooling": "mean" if settings.mean_pooling else "cls",
        },
    }  # fmt: skip
    config = AutoConfig.for_model(
        settings.architecture, vocab_size=len(tokenizer), hidden_size=settings.width, num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads, intermediate_size=settings.feed_forward,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        cls_token_id=tokenizer.cls_token_id, sep_token_id=tokenizer.sep_token_id, **shapes[settings.architecture],
    )  # fmt: skip
    return AutoModelForMaskedLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]


def _train(
    model: Any, sampler: Sampler, settings: Pretraining, device: torch.device, progress: Progress | None
) -> list[float]:
    """Train in place; the mean loss of every 100 steps."""
    optimizer = _optimizer(model, settings, device)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _height(step, settings))
    losses: list[float] = []
    sum_, count, started = torch.zeros((), device=device), 0, time.perf_counter()
    model.train()
    for step in range(1, settings.steps + 1):
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = _loss(model, sampler.batch(), device)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        sum_, count = sum_ + loss.detach(), count + 1
        if step % SAID_EVERY == 0 or step == settings.steps:
            losses.append(round(float(sum_) / count, 4))
            sum_, count = torch.zeros((), device=device), 0
            if progress is not None:
                progress(step, settings.steps, f"loss {losses[-1]:.2f}, {time.perf_counter() - started:.0f} s")
    model.eval()
    return losses


def _optimizer(model: nn.Module, settings: Pretraining, device: torch.device) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), weight decay on matrices only; one fused kernel, as the model is small."""
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.rate, betas=settings.betas, fused=device.type in ("cpu", "cuda"))


def _height(step: int, settings: Pretraining) -> float:
    """Share of the peak rate at a step: up linearly, then down linearly to 0."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    return max(0.0, (settings.steps - step) / max(1, settings.steps - settings.warmup))


def _loss(model: Any, batch: Batch, device: torch.device) -> Tensor:
    """Mean cross-entropy over the hidden tokens, in nats."""
    ids, attend, chosen, wanted = (
        torch.from_numpy(array).to(device) for array in (batch.ids, batch.attend, batch.chosen, batch.wanted)
    )
    return nn.functional.cross_entropy(_logits(model, ids, attend, chosen).float(), wanted)


def _logits(model: Any, ids: Tensor, attend: Tensor, chosen: Tensor) -> Tensor:
    """(chosen, vocabulary) scores; a head that can be named sees the chosen tokens only, a quarter of the work."""
    head: Callable[[Tensor], Tensor] | None = getattr(model, "lm_head", None) or getattr(model, "cls", None)
    if head is None and hasattr(model, "head") and hasattr(model, "decoder"):
        head = nn.Sequential(model.head, model.decoder)
    if head is None:
        whole: Tensor = model(input_ids=ids, attention_mask=attend).logits
        return whole[chosen]
    hidden: Tensor = model.base_model(input_ids=ids, attention_mask=attend).last_hidden_state
    return head(hidden[chosen])
