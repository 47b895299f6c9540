"""Which checkpoints of a fine-tuning are kept: for every judge the best one, and each of them stored once."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from xbench.crew import held
from xbench.errors import Unwritable

SOURCE_DEV = "source-dev"
"""Name of the judge that scores the source language's dev split: the one that patience listens to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Somebody who scores the model as it stands."""

    score: Callable[[], float]
    keep: bool = True
    """Whether the weights that it finds best are wanted later; if not, it is only heard on when to stop."""
    lower: bool = False
    """Whether a lower score is a better one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge has said so far."""

    step: int = 0
    """Optimizer steps after which it gave its best score, of equal ones the first; 0 before it was asked."""
    score: float | None = None
    """Its best score; None before it was asked."""
    worse: int = 0
    """Scores since the best one."""
    history: tuple[tuple[int, float], ...] = ()
    """Every (step, score)."""
    seconds: float = 0.0
    """What asking it took."""

    def and_then(self, step: int, score: float, seconds: float, *, lower: bool) -> "Verdict":
        """This verdict with one more score."""
        better = self.score is None or (score < self.score if lower else score > self.score)
        return Verdict(
            step=step if better else self.step,
            score=score if better else self.score,
            worse=0 if better else self.worse + 1,
            history=(*self.history, (step, score)),
            seconds=self.seconds + seconds,
        )


class Jury:
    """Judges, what they said, and the weights that at least one of them finds best.

    Weights that no judge finds best any more are let go at once. For one judge they are kept in memory. For several
    they lie in a temporary folder (`$TMPDIR`), which `close`, or the end of a `with`, removes; there are never more of
    them than judges. Where processes share the weights out, each keeps its share.
    """

    def __init__(self, judges: Mapping[str, Judge] | None = None) -> None:
        self.judges = dict(judges or {})
        self.verdicts = dict.fromkeys(self.judges, Verdict())
        self._in_memory = sum(judge.keep for judge in self.judges.values()) <= 1
        self._kept: dict[int, dict[str, torch.Tensor] | Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> "Jury":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def kept(self) -> tuple[int, ...]:
        """Steps whose weights are kept, in order."""
        return tuple(sorted(self._kept))

    def ask(self, step: int, trained: Mapping[str, nn.Parameter]) -> None:
        """Let every judge score the model, and keep its weights if one of them has seen nothing better.

        Raises Unwritable where there is no room for them, and what a judge raises.
        """
        for name, judge in self.judges.items():
            began = perf_counter()
            score = judge.score()
            self.verdicts[name] = self.verdicts[name].and_then(step, score, perf_counter() - began, lower=judge.lower)
        best = {self.verdicts[name].step for name, judge in self.judges.items() if judge.keep}
        for left in self._kept.keys() - best:
            self._let_go(left)
        if step in best:
            self._keep(step, trained)

    def put(self, step: int, model: nn.Module) -> None:
        """Put the weights of a step that is kept into the model. Raises Unwritable where they cannot be read back."""
        kept = self._kept[step]
        try:
            weights = load_file(kept) if isinstance(kept, Path) else kept
        except (OSError, SafetensorError) as cause:
            raise Unwritable(f"the checkpoint that was kept in {kept} cannot be read back: {cause}") from cause
        with torch.no_grad():
            for name, weight in weights.items():
                held(model.get_parameter(name)).copy_(weight)

    def close(self) -> None:
        """Let go of all weights. What the judges said stays."""
        self._kept.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _keep(self, step: int, trained: Mapping[str, nn.Parameter]) -> None:
        if self._in_memory:
            self._kept[step] = {name: held(p).to("cpu", copy=True) for name, p in trained.items()}
            return
        try:
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="xbench-checkpoints-")
            path = Path(self._folder.name) / f"{step}.safetensors"
            save_file({name: held(p).cpu().contiguous() for name, p in trained.items()}, path)
        except (OSError, SafetensorError) as cause:
            raise Unwritable(
                f"a checkpoint to choose from cannot be kept in {tempfile.gettempdir()}: {cause}. "
                "There may be one for each language: set TMPDIR to a folder with room"
            ) from cause
        self._kept[step] = path

    def _let_go(self, step: int) -> None:
        kept = self._kept.pop(step)
        if isinstance(kept, Path):
            kept.unlink(missing_ok=True)
