"""Which layout an encoder is read in: the best one that gives its own scores, which is tried, not known."""

from typing import get_args

import numpy as np
import torch
from torch.distributed.fsdp import FSDPModule
from transformers import PreTrainedModel

from xbench.errors import BadOption, DoesNotFit
from xbench.kinds import Batch, Feature, Kind, Setting
from xbench.layouts import Layout, Reader
from xbench.narrowing import is_narrowable
from xbench.opening import Opened
from xbench.pack import fill_of, out_of_memory, pad

TRIED = (150, 9, 33, 9, 3)
"""Lengths of the sequences a layout is tried on: two are equal, one is longer than the windows of local attention."""

APART = {False: 1e-4, True: 0.05}
"""Half precision or not -> most that two layouts' scores may differ, as a share of the largest. Rounding makes 2e-6
of it in float32, 2e-2 in bf16; what reads across sequences, or counts positions wrongly, shows in float32 too."""

APART_IN_LEARNING = {False: 1e-4, True: 0.15}
"""The same for gradients, as a share of their norm."""

TINY = 1e-12
"""Least that is divided by."""


def reader_of(
    opened: Opened, kind: Kind, setting: Setting, *, device: torch.device, half: bool, wanted: str = "auto"
) -> Reader:
    """The best layout in which the opened model, on its device already, gives the scores it gives padded.

    Tried on a few made-up sequences, in float32 and, with `half`, under bf16 autocast. Raises BadOption for a layout
    that does not exist, or that was asked for by name and cannot be had; DoesNotFit.
    """
    if wanted not in ("auto", *get_args(Layout)):
        raise BadOption(f"unknown layout {wanted!r}: there are auto, {', '.join(get_args(Layout))}")
    plain, whys = Reader(opened.model), list[str]()
    if wanted == "padded":
        return plain
    features, pad_id = _made_up(setting), setting.tokenizer.pad_token_id
    halves: tuple[bool, ...] = (False, True) if half else (False,)
    if half and isinstance(opened.model, FSDPModule):
        halves = (True,)  # weights that processes share out are rounded on their way
    layouts: tuple[Layout, ...] = ("packed", "parts") if wanted == "auto" else (wanted,)  # type: ignore[assignment]
    if wanted == "auto" and device.type == "cuda" and not half:
        # There is no kernel for rows in float32: a call for each length, which a GPU would wait for.
        layouts = ("parts",)
    batches = {
        lower: pad(features, pad_id=pad_id, device=device, packing=True, fill=fill_of(device, half=lower))
        for lower in halves
    }
    for layout in layouts:
        why = _cannot(opened.model, layout)
        for narrow in () if why else _widths(opened.model, kind):
            one = Reader(opened.model, layout, "; ".join(whys), narrow=narrow)
            tried = (_differs(one, plain, kind, batch, setting, half=lower) for lower, batch in batches.items())
            why = next(filter(None, tried), "")
            if not why:
                return one
        whys.append(f"not {layout}: {why}")
    if wanted != "auto":
        raise BadOption(f"{opened.checkpoint} cannot be read in the layout {wanted}: {why}. Say --layout auto")
    return Reader(opened.model, "padded", "; ".join(whys))


def _cannot(model: PreTrainedModel, layout: Layout) -> str:
    if layout == "packed" and not model._supports_attention_backend:
        return f"{type(model).__name__} computes attention itself, not through transformers' interface"
    if layout == "parts" and isinstance(model, FSDPModule):
        return "processes that share its weights out would read different numbers of parts"
    return ""


def _widths(model: PreTrainedModel, kind: Kind) -> tuple[bool, ...]:
    """Whether the last feed-forward is for first tokens only, the better choice first."""
    # A head that gives one answer for a sequence may read its first token only, and nothing else reads a last block.
    return (True, False) if kind.trained and not kind.per_token and is_narrowable(model) else (False,)


def _made_up(setting: Setting) -> list[Feature]:
    """Sequences of ordinary tokens, each an example of its own."""
    tokenizer = setting.tokenizer
    ordinary = np.setdiff1d(np.arange(tokenizer.vocab_size), np.array(tokenizer.all_special_ids))
    drawn = np.random.default_rng(0)
    lengths = [min(length, setting.limit) for length in TRIED]
    ids = [drawn.choice(ordinary, length).astype(np.int32) for length in lengths]
    types = [np.repeat(np.arange(2, dtype=np.int32), (length - length // 2, length // 2)) for length in lengths]
    return [
        Feature(row, kinds if setting.typed else None, place)
        for place, (row, kinds) in enumerate(zip(ids, types, strict=True))
    ]


def _differs(one: Reader, other: Reader, kind: Kind, batch: Batch, setting: Setting, *, half: bool) -> str:
    """How scores, or what is learned from them, differ between two readers beyond rounding; empty where they do not."""
    was, exactness = one.model.training, torch.get_float32_matmul_precision()
    one.model.train(False)
    torch.set_float32_matmul_precision("highest")
    try:
        tried = [_tried(reader, kind, batch, setting, half=half) for reader in (one, other)]
    except Exception as cause:  # an architecture's own code may fail in any way
        if out_of_memory(cause):
            raise DoesNotFit(
                f"a few short sequences do not fit into the memory beside {type(one.model).__name__}"
            ) from cause
        return f"{type(one.model).__name__} fails in it: {str(cause).splitlines()[0] if str(cause) else cause!r}"
    finally:
        one.model.train(was)
        torch.set_float32_matmul_precision(exactness)
    if not one.ran:
        return f"the head of {type(one.model).__name__} does not hand the batch on as it is"
    (ours, our_slopes), (theirs, their_slopes) = tried
    if ours.shape != theirs.shape:
        return f"its scores are of shape {tuple(ours.shape)}, not {tuple(theirs.shape)}"
    apart = float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(TINY))
    if not apart <= APART[half]:
        return f"its scores are {apart:.1e} of the largest apart from padded ones"
    apart = float((our_slopes - their_slopes).norm() / their_slopes.norm().clamp_min(TINY))
    return "" if apart <= APART_IN_LEARNING[half] else f"its gradients are {apart:.1e} of their norm apart"


def _tried(
    reader: Reader, kind: Kind, batch: Batch, setting: Setting, *, half: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores without those of padding, and gradients, shape (weights,); none where nothing learns.

    Gradients of (scores + 1)²: a head whose weights begin at zero scores zero whatever it reads.
    """
    learns = kind.trained and not isinstance(reader.model, FSDPModule)
    with torch.set_grad_enabled(learns), torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=half):
        scores = reader.scores(kind, batch, setting).float()
    scores = scores[batch.mask.bool()] if kind.per_token else scores
    if not learns:
        return scores, scores.new_zeros(1)
    table = reader.model.get_input_embeddings().get_parameter("weight")  # as large as all the rest
    weights = [weight for weight in reader.model.parameters() if weight.requires_grad and weight is not table]
    slopes = torch.autograd.grad((scores + 1).square().sum(), weights, allow_unused=True)
    return scores.detach(), torch.cat([slope.flatten().float() for slope in slopes if slope is not None])
