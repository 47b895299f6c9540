"""The processes that fine-tune and score one encoder together, as `accelerate launch` and torchrun start them.

All plan the same work and take the same decisions; batches and features are shared out among them. Either each holds
the whole model, and gradients are summed (data parallel), or each holds a share of every weight and of the optimizer's
state and borrows the rest, block by block (FSDP, Zhao et al. 2023, by torch's `fully_shard`).
A process that works alone takes none of these paths.
"""

import atexit
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from xbench.errors import BadOption, DoesNotFit, NotTogether, XbenchError

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long a process waits for another that lives, as while the first downloads. One that dies is noticed at once."""

LATE = 20.0
"""Seconds that a process which has failed waits for the others to fail in the same way."""

BUCKET = 2**22
"""Numbers, float32, that are summed over the processes in one message; larger gradients go alone."""

LEAP = 1_000_003
"""Between the dropout seeds of two processes: further apart than the seeds of runs."""

OFF, ON, FULL = ("false", "0", "no"), ("true", "1", "full_shard"), ("full_shard", "1")
USUAL = {
    "FSDP_OFFLOAD_PARAMS": (OFF, "--fsdp_offload_params"),
    "FSDP_ACTIVATION_CHECKPOINTING": (OFF, "--fsdp_activation_checkpointing"),
    "FSDP_RESHARD_AFTER_FORWARD": (ON, "--fsdp_reshard_after_forward other than true"),
    "FSDP_SHARDING_STRATEGY": (FULL, "--fsdp_sharding_strategy other than FULL_SHARD"),
    "ACCELERATE_USE_DEEPSPEED": (OFF, "--use_deepspeed"),
    "ACCELERATE_USE_MEGATRON_LM": (OFF, "--use_megatron_lm"),
    "ACCELERATE_USE_PARALLELISM_CONFIG": (OFF, "--use_parallelism_config"),
}
"""Variable -> the values of it that suit xbench, and the option of `accelerate launch` that sets another in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """This process among those that work together; the default is one that works alone."""

    rank: int = 0
    """Number of this process, from 0."""
    size: int = 1
    sharded: bool = False
    """Whether each process holds only a share of the weights."""
    words: Any = None
    """torch's group of the processes for what is not on an accelerator: objects, and waiting."""

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    @property
    def how(self) -> dict[str, str]:
        """Which path runs, in words; nothing where a process works alone."""
        way = "FSDP, each with a share of the weights" if self.sharded else "data parallel"
        return {"processes": f"{self.size}, {way}"} if self.size > 1 else {}

    def seeds(self, seed: int) -> list[int]:
        """The seed of each process's dropout: the run's own for the first."""
        return [seed + LEAP * rank for rank in range(self.size)]

    def own_seed(self, seed: int) -> int:
        """The seed of this process's dropout."""
        return self.seeds(seed)[self.rank]

    def share(self, whole: Sequence[T]) -> Sequence[T]:
        """This process's part: every `size`-th, so that the parts of what stands in order are alike."""
        return whole[self.rank :: self.size] if self.size > 1 else whole

    def gather(self, mine: T) -> list[T]:
        """What every process gives, in order of their numbers. All must call it."""
        if self.size == 1:
            return [mine]
        given: list[Any] = [None] * self.size
        dist.all_gather_object(given, mine, group=self.words)
        return given

    def whole(self, mine: Sequence[T]) -> list[T]:
        """What was shared out by `share`, put together again in order. All must call it."""
        if self.size == 1:
            return list(mine)
        parts = self.gather(list(mine))
        return [parts[place % self.size][place // self.size] for place in range(sum(map(len, parts)))]

    def by_first(self, action: Callable[[], T]) -> T:
        """Do something in the first process only; what it gives, or the XbenchError that it raises, all have."""
        if self.size == 1:
            return action()
        given: Any = None
        if self.first:
            try:
                given = action()
            except XbenchError as fault:
                given = fault
        if isinstance(given := self.gather(given)[0], XbenchError):
            raise given
        return given  # type: ignore[no-any-return]

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """The first process does it, so that what is downloaded or made is cached; then the others; then all go on."""
        if not self.first:
            self.gather(None)
        try:
            yield
        finally:
            if self.first:
                self.gather(None)
        self.gather(None)

    def same(self, what: str, said: str) -> None:
        """Go on only where all say the same of something. Raises NotTogether."""
        for rank, other in enumerate(told := self.gather(said)):
            if other != told[0]:
                raise NotTogether(
                    f"the processes have different {what}, and cannot work together: process 0 has {told[0]}, "
                    f"process {rank} has {other}. All must see the same board, data, checkpoints and versions"
                )

    def agree(self, fault: XbenchError) -> None:
        """Go on after a fault, where all processes have it. Raises NotTogether where they have not, or too late."""
        if self.size == 1:
            return
        if isinstance(fault, NotTogether):
            raise fault
        if not isinstance(fault, DoesNotFit):  # which leaves the others alone in the middle of a step
            store, key = _store(), f"xbench/{type(fault).__name__}/{fault}"
            here = store.add(key, 1)
            wanted, until = -(-here // self.size) * self.size, time.monotonic() + LATE
            while store.add(key, 0) < wanted and time.monotonic() < until:
                time.sleep(0.02)
            if store.add(key, 0) >= wanted:
                return
        raise NotTogether(f"process {self.rank} of {self.size}, and with it all: {fault}") from fault

    def mean_gradients(self, learning: Sequence[nn.Parameter], loss: torch.Tensor, things: int) -> torch.Tensor:
        """Make gradients of this process's summed losses those of the mean over all things, everybody's.

        `loss` is the sum of this process's losses, shape (), on the device, and `things` their number. All must call
        it, with gradients of the same parameters. Gives the mean loss over all things.
        """
        counted, total = torch.tensor(things), loss.clone()
        dist.all_reduce(counted, group=self.words)  # not on an accelerator: nobody waits for it to be read
        dist.all_reduce(total)
        number = max(int(counted), 1)
        gradients = [parameter.grad for parameter in learning if parameter.grad is not None]
        if self.sharded:
            # They were averaged over the processes on their way to the shares.
            torch._foreach_mul_(gradients, self.size / number)
        else:
            _sum(gradients)
            torch._foreach_div_(gradients, float(number))
        return total / number

    def place(self, model: nn.Module, device: torch.device, *, half: bool = False) -> None:
        """Share out the weights of a whole model and put them on the device; nothing where each holds all of them.

        Shares are float32; with `half` they are rounded to bf16 on their way, and gradients come back in float32.
        """
        if self.sharded:
            mesh = init_device_mesh(device.type, (self.size,))
            # Autocast would round whole weights, and keep them all until the gradients are there.
            rounding = {"param_dtype": torch.bfloat16, "reduce_dtype": torch.float32} if half else {}
            policy = MixedPrecisionPolicy(**rounding, cast_forward_inputs=False)
            for part in (*_blocks(model), model):
                # Given back at once, by the root too: between two passes a weight is a share, for whoever looks at it.
                fully_shard(part, mesh=mesh, mp_policy=policy, reshard_after_forward=True)


ALONE = Crew()
"""One process that does everything."""


def launched() -> bool:
    """Whether this process was started as one of several."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(device: torch.device) -> Iterator[Crew]:
    """Join the processes that this one was started with, for work on the device; ALONE where it was not.

    Where something goes wrong, the process that met it first raises it; any other ends with status 2 and says nothing.
    Raises BadOption for too few GPUs, and for what `accelerate launch` was asked in vain; NotTogether.
    """
    if not launched():
        yield ALONE
        return
    try:
        crew = _joined(device)
    except BadOption:
        _hush(speaks=os.environ["RANK"] == "0")
        raise
    try:
        yield crew
    except BaseException as fault:
        atexit.unregister(dist.destroy_process_group)  # which would wait for the others
        _hush(speaks=_is_first_to_fail())
        if isinstance(fault, dist.DistError) or "gloo" in str(fault):
            raise NotTogether(f"process {crew.rank} of {crew.size} has lost another one: was it killed?") from fault
        raise
    crew.gather(None)


def held(parameter: nn.Parameter) -> torch.Tensor:
    """What this process holds of a weight: all of it, or its share."""
    whole = parameter.detach()
    return whole.to_local() if isinstance(whole, DTensor) else whole


@cache  # a group that has been left cannot be joined again
def _joined(device: torch.device) -> Crew:
    said, local, words = os.environ, int(os.environ.get("LOCAL_RANK", "0")), None
    vain = [option for name, (usual, option) in USUAL.items() if said.get(name, usual[0]).lower() not in usual]
    if vain:
        raise BadOption(f"xbench does not heed these options of accelerate launch; leave them out: {', '.join(vain)}")
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"  # transformers reads weights in the first process only, else
    if device.type == "cuda":
        if int(said.get("LOCAL_WORLD_SIZE", "1")) > torch.cuda.device_count():
            raise BadOption(
                f"{said['LOCAL_WORLD_SIZE']} processes were started here, but torch sees {torch.cuda.device_count()} "
                "GPUs: start as many as there are GPUs, or say --device cpu"
            )
        torch.cuda.set_device(local)
    sharded = said.get("ACCELERATE_USE_FSDP", "false").lower() in ON
    try:
        if device.type == "cuda":
            dist.init_process_group("nccl", device_id=torch.device("cuda", local))
            words = dist.new_group(backend="gloo", timeout=PATIENCE)
        else:
            dist.init_process_group("gloo", timeout=PATIENCE)
    except (RuntimeError, ValueError) as cause:
        who = f"process {said['RANK']} of {said['WORLD_SIZE']}"
        raise NotTogether(f"{who} cannot reach the others: {cause}. Start all with one launcher") from cause
    atexit.register(dist.destroy_process_group)
    return Crew(rank=dist.get_rank(), size=dist.get_world_size(), sharded=sharded, words=words)


def _store() -> Any:
    """Where the processes leave notes for each other."""
    return dist.distributed_c10d._get_default_store()


def _is_first_to_fail() -> bool:
    try:
        return int(_store().add("xbench/ended", 1)) == 1
    except RuntimeError:  # whoever keeps the notes has ended
        return False


def _hush(*, speaks: bool) -> None:
    """End without a word, unless this is the process that speaks of what went wrong."""
    if not speaks:
        time.sleep(1)  # a launcher ends all as soon as one has ended: let the other one speak
        raise SystemExit(2) from None


def _blocks(model: nn.Module) -> list[nn.Module]:
    """An encoder's blocks; none where it keeps them as lists of their parts, as XLM does, and is shared out as one."""
    lists = {name: part for name, part in model.named_modules() if isinstance(part, nn.ModuleList)}
    outer = [part for name, part in lists.items() if not any(name.startswith(f"{other}.") for other in lists)]
    return list(outer[0]) if len(outer) == 1 else []


def _sum(gradients: Sequence[torch.Tensor]) -> None:
    """Sum tensors over the processes, in place: large ones by themselves, small ones many at once."""
    small = [gradient for gradient in gradients if gradient.numel() < BUCKET]
    for gradient in gradients:
        if gradient.numel() >= BUCKET:
            dist.all_reduce(gradient)
    ends = np.cumsum([gradient.numel() for gradient in small])
    for _, some in groupby(zip(small, ends, strict=True), key=lambda pair: pair[1] // BUCKET):
        together = [gradient for gradient, _ in some]
        flat = torch.cat([gradient.flatten() for gradient in together])
        dist.all_reduce(flat)
        parts = flat.split_with_sizes([gradient.numel() for gradient in together])
        torch._foreach_copy_(together, [part.view_as(own) for part, own in zip(parts, together, strict=True)])
