"""What must be equal, and what must be small: scores, gradients, memory, and the host's own time."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from time import perf_counter, process_time

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmarks import ours, peers
from benchmarks.shapes import SHAPES, Shape, Work, opened
from benchmarks.turns import Loop, close, in_turn, saved_bytes, timed
from xbench.fit import AHEAD
from xbench.kinds import Batch, Feature, Setting
from xbench.kinds.pairs import Pairs
from xbench.layouts import Reader
from xbench.opening import Opened
from xbench.pack import fill_of, pad
from xbench.stepping.items import Items
from xbench.stepping.vocabulary import clip_gradients

CPU = torch.device("cpu")
SMALLEST = Shape(1, 16, 1, 500)
"""An encoder that takes so little time that the host's shows. Nearly every row of its vocabulary occurs."""
SHAPES["smallest"] = SMALLEST


def wide(features: Sequence[Feature], work: Work) -> Batch:
    """A batch padded to the work's full length, as scripts pad it."""
    rows = peers.as_rows(features, work, padded=True)
    narrow = pad(features, pad_id=work.setting.tokenizer.pad_token_id)
    return Batch(
        ids=torch.tensor([row["input_ids"] for row in rows]),
        mask=torch.tensor([row["attention_mask"] for row in rows]),
        types=None,
        targets=narrow.targets,
        examples=narrow.examples,
    )


def apart(name: str, work: Work, rows: int) -> tuple[float, float]:
    """Largest difference between the scores of the two layouts, and that of their gradients as a share of them.

    Both in float32 without dropout: ours packed, the other padded to the full length.
    """
    encoder, features = opened(name, work), work.train[:rows]
    reads = ours.reader(encoder, work, precision="fp32", layout="packed")
    ready = pad(features, pad_id=work.setting.tokenizer.pad_token_id, packing=True)
    mine, my_slope = _read(reads, work, ready)
    other, their_slope = _read(Reader(encoder.model), work, wide(features, work))
    if work.kind.per_token:
        there = ready.mask.bool()
        mine, other = mine[there], other[:, : there.shape[1]][there]
    gap = torch.stack([(one - two).norm() for one, two in zip(my_slope, their_slope, strict=True)]).norm()
    return float((mine - other).abs().max()), float(gap / torch.stack([one.norm() for one in their_slope]).norm())


def _read(reads: Reader, work: Work, batch: Batch) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Scores of a batch, and the gradients of its mean loss."""
    weights = [weight for weight in reads.model.parameters() if weight.requires_grad]
    scores = reads.scores(work.kind, batch, work.setting)
    slopes = torch.autograd.grad(work.kind.loss(scores, batch).mean(), weights, allow_unused=True)
    return scores.detach(), [slope for slope in slopes if slope is not None]


def activations(name: str, work: Work, rows: int) -> dict[str, float]:
    """Bytes that a forward pass in training keeps, ours in both precisions as shares of padded float32."""
    encoder, features = opened(name, work), work.train[:rows]
    encoder.model.train()
    theirs = saved_bytes(encoder.model, lambda: peers.loss_of(encoder, peers.as_rows(features, work, padded=True)))
    shares = {}
    for precision in ("fp32", "bf16"):
        half, pad_id = precision == "bf16", work.setting.tokenizer.pad_token_id
        reads = ours.reader(encoder, work, precision=precision)
        batch = pad(features, pad_id=pad_id, packing=True, fill=fill_of(torch.device("cpu"), half=half))

        def loss(reads: Reader = reads, batch: Batch = batch, half: bool = half) -> torch.Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                scores = reads.scores(work.kind, batch, work.setting)
            mean: torch.Tensor = work.kind.loss(scores.float(), batch).mean()
            return mean

        encoder.model.train()
        shares[precision] = saved_bytes(encoder.model, loss) / theirs
    return shares


def further_rows(rows: int, width: int, rounds: int = 9) -> float:
    """Seconds that a step takes longer where so many more rows of the embeddings are trained, median."""
    weight = nn.Parameter(torch.zeros(rows, width))
    optimizer = torch.optim.AdamW([weight], lr=1e-5, fused=True)

    def step() -> None:
        weight.grad = torch.zeros_like(weight)
        clip_gradients([weight], 1.0)
        optimizer.step()

    step()
    return statistics.median(timed(step)() for _ in range(rounds))


def pipeline(work: Work, times: int = 15) -> float:
    """Seconds in which a batch is laid out for a reader that packs, median; as many at once as in fine-tuning."""
    took, stream = [], _laid_out(work, packing=True)
    for _ in range(times):
        began = perf_counter()
        next(stream)
        took.append((perf_counter() - began) / AHEAD)
    return statistics.median(took)


class Light(Pairs):
    """XNLI's kind with three numbers for a model, so that next to nothing is computed."""

    def forward(self, model: PreTrainedModel, batch: Batch, setting: Setting) -> torch.Tensor:
        """The numbers, for each feature."""
        return _numbers(model).repeat(len(batch.ids), 1)


def _numbers(model: PreTrainedModel) -> torch.Tensor:
    return model.get_parameter("classifier.out_proj.bias")


def overhead(work: Work, *, turn: int = 200, rounds: int = 15) -> list[float]:
    """Seconds a step of our loop beyond the same model calls on batches that are laid out alike, in each round.

    The model is next to nothing: beside a real one the difference would drown in its noise. Laying batches out is the
    input pipeline's, which is measured apart. The seconds are the processor's, on one thread: other programs do not
    count.
    """
    light, threads = replace(work, kind=Light()), torch.get_num_threads()
    torch.set_num_threads(1)
    mine = ours.training(_light(light), light, precision="fp32", turn=turn, layout="padded")
    bare = Loop(lambda pause: _bare(_light(light), light, turn, pause))
    took = in_turn({"ours": lambda: _busy(mine), "bare": lambda: _busy(bare)}, rounds, warm=2)
    close([mine, bare])
    torch.set_num_threads(threads)
    return [(one - other) / turn for one, other in zip(took["ours"], took["bare"], strict=True)]


def _light(work: Work) -> Opened:
    """An encoder of which only three numbers learn."""
    encoder = opened("smallest", work)
    encoder.model.requires_grad_(False)
    _numbers(encoder.model).requires_grad_(True)
    return encoder


def _busy(loop: Loop) -> float:
    """Seconds of the processor in a turn."""
    began = process_time()
    loop.turn()
    return process_time() - began


def _bare(encoder: Opened, work: Work, turn: int, pause: Callable[[], None]) -> None:
    """The model calls of fine-tuning and nothing else."""
    recipe, model = work.setting.recipe, encoder.model
    reads = ours.reader(encoder, work, precision="fp32", layout="padded")
    model.train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=recipe.rate, weight_decay=recipe.decay, fused=True)
    for number, batch in enumerate(chain.from_iterable(_laid_out(work, packing=False)), 1):
        work.kind.loss(reads.scores(work.kind, batch, work.setting), batch).mean().backward()
        nn.utils.clip_grad_norm_(weights, recipe.clip, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if number % turn == 0:
            pause()


def _laid_out(work: Work, *, packing: bool) -> Iterator[list[Batch]]:
    """Batches without end in the order of fine-tuning, as many at once as it lays out."""
    items, pad_id = Items.of(work.train, grouped=False), work.setting.tokenizer.pad_token_id
    stream = (rows for rows, _ in items.batches(work.setting.recipe.batch, 0))
    while True:
        yield items.columns.batches(list(islice(stream, AHEAD)), pad_id=pad_id, device=CPU, packing=packing)
