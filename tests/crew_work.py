"""What each of two processes does for test_crew.py: `torchrun … crew_work.py` and the words of a command.

First all that processes do together is tried. Then the command is run, and the second process runs out of memory.
"""

import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import toys
from xbench import cli, crew, stepping
from xbench.errors import BadOption, NotTogether, Unwritable
from xbench.kinds.pairs import kind
from xbench.predict import predict
from xbench.selection import Judge, Jury
from xbench.stepping.vocabulary import clip_gradients

CPU = torch.device("cpu")


def check() -> None:
    """Every thing that processes do together, with shares of different sizes."""
    with crew.joined(CPU) as us:
        assert us.size == 2
        for number in (0, 1, 2, 5):
            assert us.whole([10 * place for place in us.share(range(number))]) == [10 * n for n in range(number)]
        with us.in_turn():
            pass
        assert us.by_first(lambda: us.rank) == 0
        with pytest.raises(Unwritable, match="no room"):
            us.by_first(refuse)
        us.same("words", "one")
        with pytest.raises(NotTogether, match=r"different numbers.* 0 has 0, process 1 has 1"):
            us.same("numbers", str(us.rank))
        for _ in range(2):
            us.agree(BadOption("both"))
        sum_up(us)
        sharing = replace(us, sharded=True)
        share_out(sharing)
        round_on_the_way(sharing)
        score(sharing, sys.argv[sys.argv.index("--encoder") + 1].removeprefix("calm="))
        if us.first:
            print("checked")


def refuse() -> None:
    raise Unwritable("no room")


def sum_up(us: crew.Crew) -> None:
    """The mean of seven losses, five of them the first process's; small gradients in several messages, large ones alone."""
    crew.BUCKET = 10
    weights = [nn.Parameter(torch.arange(1.0, size + 1)) for size in (4, 4, 12, 1, 8, 3)]
    factors = [1.0, 2.0, 3.0, 4.0, 5.0] if us.first else [6.0, 7.0]
    losses = torch.stack([factor * sum(weight.sum() for weight in weights) for factor in factors])
    losses.sum().backward()
    height = float(sum(weight.detach().sum() for weight in weights))
    mean = us.mean_gradients([*weights, nn.Parameter(torch.zeros(2))], losses.detach().sum(), len(factors))
    assert float(mean) == pytest.approx(4.0 * height)
    assert all(torch.equal(weight.grad, torch.full_like(weight, 4.0)) for weight in weights)


class Blocks(nn.Module):
    """Two blocks and a head, of sizes that two processes cannot share out evenly."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(3, 3) for _ in range(2)])
        self.head = nn.Linear(3, 1)

    def losses(self, rows: torch.Tensor) -> torch.Tensor:
        return self(rows).squeeze(-1) ** 2

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            rows = block(rows).tanh()
        return self.head(rows)


def share_out(us: crew.Crew) -> None:
    """Gradients and kept checkpoints of weights of which each process has a share are those of whole ones."""
    torch.manual_seed(0)
    whole = Blocks()
    model, rows = deepcopy(whole), torch.arange(15.0).reshape(5, 3) / 15
    whole.losses(rows).mean().backward()
    us.place(model, CPU)
    mine = model.losses(us.share(rows))
    mine.sum().backward()
    mean = us.mean_gradients(list(model.parameters()), mine.detach().sum(), len(mine))
    assert torch.allclose(mean, whole.losses(rows).mean())
    for limit in (1e6, 0.1):
        for either in (whole, model):
            clip_gradients(list(either.parameters()), limit, either.blocks[1].weight)
        for one, other in zip(model.parameters(), whole.parameters(), strict=True):
            assert sum(us.gather(crew.held(one).numel())) == other.numel()
            assert torch.allclose(one.grad.full_tensor(), other.grad, rtol=1e-5, atol=1e-8)
    for names in (["only"], ["one", "another"]):  # one checkpoint is kept in memory, several on disk
        with Jury({name: Judge(score=lambda: 1.0) for name in names}) as jury:
            jury.ask(1, dict(model.named_parameters()))
            with torch.no_grad():
                for weight in model.parameters():
                    weight.zero_()
            jury.put(1, model)
        for one, other in zip(model.parameters(), whole.parameters(), strict=True):
            assert torch.equal(one.full_tensor(), other)


def round_on_the_way(us: crew.Crew) -> None:
    """Shares and gradients are float32 where weights are rounded to bf16 in between."""
    torch.manual_seed(0)
    whole = Blocks()
    model, rows = deepcopy(whole), torch.arange(15.0).reshape(5, 3) / 15
    whole.losses(rows).mean().backward()
    us.place(model, CPU, half=True)
    with torch.autocast("cpu", torch.bfloat16):
        mine = model.losses(us.share(rows)).float()
    mine.sum().backward()
    us.mean_gradients(list(model.parameters()), mine.detach().sum(), len(mine))
    for one, other in zip(model.parameters(), whole.parameters(), strict=True):
        assert crew.held(one).dtype == one.grad.dtype == torch.float32
        assert torch.allclose(one.grad.full_tensor(), other.grad, atol=0.01)
        assert not torch.equal(one.grad.full_tensor(), other.grad)


def score(us: crew.Crew, folder: str) -> None:
    """Scores of as many batches as there are processes, of fewer and of more."""
    opened, setting = toys.set_up(Path(folder), kind, ("no", "yes"))
    features = kind.encode(toys.pairs(5), setting, training=False)
    told: dict[str, Any] = {"device": CPU, "precision": "fp32", "tokens_per_batch": 1}
    alone = predict(opened, kind, features, setting, **told)
    us.place(opened.model, CPU)
    for number in (5, 2, 1, 0):
        found = predict(opened, kind, features[:number], setting, crew=us, **told)
        assert np.allclose(found, alone[:number], atol=1e-6)


def fail(words: list[str]) -> None:
    """The command, in which the second process runs out of memory at its third batch."""
    own, batches = stepping.Stepper.losses, []

    def losses(self: stepping.Stepper, batch: Any) -> torch.Tensor:
        batches.append(batch)
        if torch.distributed.get_rank() == 1 and len(batches) == 3:
            raise torch.OutOfMemoryError("no memory is left")
        return own(self, batch)

    stepping.Stepper.losses = losses
    sys.argv = ["xbench", *words]
    cli.main()


if __name__ == "__main__":
    check()
    fail(sys.argv[1:])
