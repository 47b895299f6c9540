"""Compact vocabulary: of a large input embedding, only the rows that the training data can reach are trained.

A multilingual vocabulary has ten times the tokens that a training set uses, and most weights of a small encoder are
rows that never get a gradient. AdamW does nothing to such a row but decay it (Loshchilov and Hutter 2019, decoupled
decay), so the rows that occur are trained in a matrix of their own, with their own gradients and moments, and the rest
catches up when it is next read: torch's own kernel takes the steps that the rest has missed, with gradients of zero.
What is learned is what the whole matrix would learn.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.optim import adamw as functional_adamw
from transformers import PreTrainedModel

WORTH = 0.8
"""Share of the rows from which on a matrix of their own saves too little."""

LEAST = 2**-25
"""Share of itself that a float32 number must lose to become another: half the distance to the next one below a power of
two. Decay of 1e-4 at a rate of 3e-5 is a tenth of it."""

AT_ONCE = 2**22
"""Numbers of the whole matrix that catch up on missed steps at once: each needs 16 bytes beside its own."""

Ids: TypeAlias = Iterable[int] | torch.Tensor | NDArray[np.integer]

Rate: TypeAlias = float | torch.Tensor

adamw: Any = functional_adamw.adamw  # its decorator hides its type


class CompactEmbedding(nn.Embedding):
    """Stands in for an input embedding: reads `rows` in training, and the whole `weight` in scoring.

    Ids stay the model's own. `weight` is the parameter of the embedding it stands in for, under its name, without
    gradients; it is brought up to date by `write_back`, which also runs whenever scoring begins (`train(False)`).
    """

    lookup: torch.Tensor
    """(tokens of the vocabulary,): row of each; the number of rows, which is none of them, for those without one."""
    used: torch.Tensor
    """(rows,): token of each row, in order."""

    def __init__(self, whole: nn.Embedding, used: torch.Tensor) -> None:
        """`used` are the tokens that have a row, without repetition and in order, shape (rows,)."""
        pad = whole.padding_idx
        rows, width = whole.weight.shape
        super().__init__(rows, width, padding_idx=pad, _weight=whole.weight.detach())
        self.weight = whole.weight
        self.rows = nn.Parameter(whole.weight.detach()[used])
        lookup = torch.full((self.num_embeddings,), len(used), device=used.device)
        lookup[used] = torch.arange(len(used), device=used.device)
        self.register_buffer("lookup", lookup, persistent=False)
        self.register_buffer("used", used, persistent=False)
        self.padding_row = None if pad is None or lookup[pad] == len(used) else int(lookup[pad])
        self.missed: list[tuple[Rate, float]] = []
        """(learning rate, decay) of the steps that rows outside `rows` have still to take."""
        self.training = whole.training

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Embeddings of token ids. In training, raises IndexError for a token that has no row."""
        if not self.training:
            return super().forward(input)
        return functional.embedding(self.lookup[input], self.rows, self.padding_row)

    def train(self, mode: bool = True) -> "CompactEmbedding":
        """Turn to training, or to scoring, which reads the whole weight: it is then up to date."""
        if self.training and not mode:
            self.write_back()
        super().train(mode)
        return self

    @torch.no_grad()
    def write_back(self) -> None:
        """Bring the whole weight up to date: the rows as they are now, the others with the decay they have missed."""
        if self.missed:
            _catch_up(self.weight, self.missed)
            self.missed.clear()
        self.weight.index_copy_(0, self.used, self.rows)


class Compact:
    """What `compact` did to a model."""

    def __init__(self, why: str, embedding: CompactEmbedding | None = None) -> None:
        self.why = why
        """Why the whole matrix is trained; empty where its rows are."""
        self._embedding = embedding

    @property
    def rows(self) -> nn.Parameter | None:
        """What is trained in place of the whole matrix, shape (tokens that occur, width); None where `why` says so."""
        return None if self._embedding is None else self._embedding.rows

    @property
    def said(self) -> str:
        """Which path runs, in words."""
        if self._embedding is None:
            return f"whole: {self.why}"
        return f"compact: {len(self._embedding.rows)} of {self._embedding.num_embeddings} rows"

    def stepped(self, rate: float, decay: float, given: torch.Tensor | None = None) -> None:
        """Hear that AdamW took a step on `rows` with this learning rate and decay.

        `given` is the tensor that the optimizer read the rate from, where it has one; it is copied.
        """
        if self._embedding is not None and rate * decay >= LEAST:
            self._embedding.missed.append((rate if given is None else given.detach().clone(), decay))

    def write_back(self) -> None:
        """Bring the model's whole embedding up to date; cheap, except for steps with decay that it has missed."""
        if self._embedding is not None:
            self._embedding.write_back()


@contextmanager
def compact(model: PreTrainedModel, used_ids: Ids) -> Iterator[Compact]:
    """Train only those rows of the model's input embedding that these token ids name, where that changes nothing.

    `used_ids` are all that the model will read in training, the padding's among them, in any order, repeated or not.
    Inside, the optimizer is to be made from the parameters that require gradients, and `stepped` is to be told each of
    its steps. At the end, and after an error, the model has its own embedding again, up to date.
    """
    used = _distinct(used_ids)
    embedding, why = _suitable(model, used)
    if embedding is None:
        yield Compact(why)
        return
    weight = embedding.weight
    stands_in = CompactEmbedding(embedding, used.to(weight.device))
    weight.requires_grad_(False)
    weight.grad = None
    name = _names(model, embedding)[0]
    model.set_submodule(name, stands_in)
    try:
        yield Compact("", stands_in)
    finally:
        model.set_submodule(name, embedding)
        embedding.train(stands_in.training)
        weight.requires_grad_(True)
        stands_in.rows.grad = None
        stands_in.write_back()


def named_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> parameter of all weights that are trained, each whole and under its own name, compact or not.

    Whoever reads them while rows are trained in place of an embedding calls `write_back` first.
    """
    whole = {
        id(part.rows): (f"{name}.weight", part.get_parameter("weight"))
        for name, part in model.named_modules()
        if isinstance(part, CompactEmbedding)
    }
    trained = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    return dict(whole.get(id(one), (name, one)) for name, one in trained)


@torch.no_grad()
def clip_gradients(
    parameters: Sequence[nn.Parameter], limit: float, embedding: nn.Parameter | None = None
) -> torch.Tensor:
    """Scale gradients down to the norm `limit` where that of all together is larger; gives that norm, shape ().

    It is `torch.nn.utils.clip_grad_norm_` (Pascanu, Mikolov and Bengio 2013), but squares of the gradient of
    `embedding`, one of the parameters or None, are summed in each row first, and over the rows in float64. Rows of
    zeros then change the sum's last bits in float64, and so hardly ever its float32 number: with or without them,
    gradients are multiplied by the same one, but for a chance of about 1e-8 a step of its neighbour.
    """
    gradients = [one.grad for one in parameters if one.grad is not None and one is not embedding]
    if embedding is not None and embedding.grad is not None:
        rows = torch.linalg.vector_norm(embedding.grad, dim=1)
        gradients.append(torch.linalg.vector_norm(rows, dtype=torch.float64).to(rows.dtype))
    norm: torch.Tensor = nn.utils.get_total_norm(gradients, foreach=True)
    nn.utils.clip_grads_with_norm_(parameters, limit, norm, foreach=True)
    return norm


def _catch_up(weight: torch.Tensor, missed: list[tuple[Rate, float]]) -> None:
    """Take AdamW's steps without a gradient, by the kernel that takes those with one: equal bit for bit."""
    flat = weight.view(-1)
    size = min(AT_ONCE, len(flat))
    own, gradient, first, second = (flat.new_zeros(size) for _ in range(4))
    count = torch.ones((), device=weight.device)
    for part in torch.split(flat, size):
        here = own[: len(part)]
        here.copy_(part)
        nothing = [[tensor[: len(part)]] for tensor in (gradient, first, second)]
        for rate, decay in missed:
            adamw(
                [here], *nothing, [], [count], fused=True, amsgrad=False, beta1=0.9, beta2=0.999, lr=rate,
                weight_decay=decay, eps=1e-8, maximize=False,
            )  # fmt: skip
        part.copy_(here)


def _suitable(model: PreTrainedModel, used: torch.Tensor) -> tuple[nn.Embedding | None, str]:
    """The embedding whose rows may be trained in its place, or None and why they may not."""
    try:
        embedding: Any = model.get_input_embeddings()
    except NotImplementedError:
        embedding = None
    if type(embedding) is not nn.Embedding:
        return None, f"{type(model).__name__} has no plain torch.nn.Embedding for its tokens"
    weight = embedding.weight
    if type(weight) is not nn.Parameter or type(weight.data) is not torch.Tensor or not weight.is_contiguous():
        return None, "the embedding's weight is not one plain tensor"
    if embedding.max_norm is not None or embedding.sparse or embedding.scale_grad_by_freq:
        return None, "the embedding normalises its rows, or has gradients that are sparse or scaled"
    if "forward" in vars(embedding) or any(vars(embedding)[kind] for kind in HOOKS):
        return None, "the embedding has hooks of its own"
    if not weight.requires_grad:
        return None, "the embedding is not trained"
    if _shared(model, embedding):
        return None, "another part of the model shares the embedding's weight"
    if not len(used) or int(used[0]) < 0 or int(used[-1]) >= len(weight):
        return None, "the tokens to train on are not tokens of the embedding"
    if len(used) > WORTH * len(weight):
        return None, f"{len(used)} of the embedding's {len(weight)} rows occur in the data"
    return embedding, ""


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _shared(model: nn.Module, embedding: nn.Embedding) -> bool:
    """Whether the embedding, its weight or the memory of it stands in a second place of the model."""
    memory = embedding.weight.untyped_storage().data_ptr()
    tensors = chain(model.parameters(), model.buffers())
    there = sum(tensor.untyped_storage().data_ptr() == memory for tensor in tensors)
    named = sum(one is embedding.weight for _, one in model.named_parameters(remove_duplicate=False))
    return len(_names(model, embedding)) > 1 or named > 1 or there > 1


def _names(model: nn.Module, module: nn.Module) -> list[str]:
    return [name for name, part in model.named_modules(remove_duplicate=False) if part is module]


def _distinct(ids: Ids) -> torch.Tensor:
    """In order and without repetition, int64, on the CPU."""
    if isinstance(ids, torch.Tensor):
        ids = ids.cpu().numpy()
    return torch.from_numpy(np.unique(np.fromiter(ids, np.int64) if not isinstance(ids, np.ndarray) else ids)).long()
