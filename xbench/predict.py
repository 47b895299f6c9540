"""The one scoring loop: features -> scores, in the order of the features."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from xbench.columns import Columns
from xbench.crew import ALONE, Crew
from xbench.errors import DoesNotFit, ScoringError
from xbench.kinds import Feature, Kind, Setting
from xbench.lanes import Waiting, in_lanes, lanes_for
from xbench.layouts import Reader
from xbench.logits import exact_logits
from xbench.opening import Opened, put_on
from xbench.pack import by_length, fill_of, out_of_memory, tapered
from xbench.rounding import Rounded, quick_products

log = logging.getLogger(__name__)

TOKENS = {"cpu": 8192, "cuda": 65536}
"""Most tokens read at once, padding included: enough to keep the device busy, few enough for its memory."""

LARGEST = 24 * 2**20
"""Bytes of a batch's largest numbers on a CPU, which stand between the layers of a feed-forward: fewer cost time for
each operation, more are further from the core. Memory beyond 32 MiB is taken from the system anew each time."""

FEED_FORWARD = 4
"""Times as wide as its input a feed-forward is, in nearly every encoder."""

WIDTH = 768
"""Of an encoder that does not tell its own."""

AHEAD = 2
"""Batches that are on their way at once."""


def predict(
    opened: Opened,
    kind: Kind,
    features: Sequence[Feature],
    setting: Setting,
    *,
    device: torch.device | str,
    precision: str,
    reader: Reader | None = None,
    tokens_per_batch: int = 0,
    progress: Callable[[int, int], None] | None = None,
    crew: Crew = ALONE,
) -> list[NDArray[np.float32]]:
    """Scores of each feature, as `kind.forward` gives them: shape (…), or (tokens, …) where the kind is per token.

    `precision` is fp32, tf32 or bf16 (autocast); `reader` reads batches padded unless another is given;
    `tokens_per_batch` 0 suits the device; `progress` hears (tokens read, tokens in all), on a CPU from several threads,
    one at a time. Equal calls give equal scores on a CPU. Where memory runs out, batches are halved, down to one
    feature, and a warning is logged: scores do not depend on the company they are computed in beyond rounding, and what
    took hours to train is not lost. Only scoring does so, never training, where the batch is part of what is learned.
    The processes of a `crew` read a share each, of which `progress` then hears; all must ask, and all get all scores.
    Where they share the weights out, what runs out of memory fails.

    Raises ScoringError where a score is not a number, DoesNotFit where the model or one feature is too large.
    """
    device = torch.device(device)
    model = put_on(opened, device)
    reader = reader or Reader(model)
    # Dealt out by length, so that every process has as much to read.
    places = sorted(range(len(features)), key=lambda place: -len(features[place].ids))
    share = [features[place] for place in crew.share(places)]
    batches = list(by_length(share, tokens_per_batch or _tokens_at_once(model, device, precision)))
    lanes = 1 if crew.sharded else lanes_for(model, device, len(batches))
    batches = batches if lanes == 1 else tapered(batches, lanes)
    terms = _Terms(kind=kind, setting=setting, device=device, half=precision == "bf16", sharded=crew.sharded)
    work = _Work(share, batches, terms, progress)
    # Shares of the weights are gathered in every pass: who has fewer batches reads on in vain.
    in_vain = max(crew.gather(len(batches))) - len(batches) if crew.sharded else 0
    vain = _Work(features[-1:] if in_vain else [], [[0]] * in_vain, terms)
    rounded: Rounded = {}

    def read(twin: PreTrainedModel) -> None:
        with _computing(twin, device, precision, rounded):
            work.read(reader.on(twin))
            vain.read(reader.on(twin))

    with _scoring(model):
        in_lanes(model, lanes, read, work.waiting)
    scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
    for place, row in zip(places, crew.whole(work.found), strict=True):
        scores[place] = row
    _check(scores)
    return scores


@contextmanager
def _scoring(model: PreTrainedModel) -> Iterator[None]:
    """Have the model score, without dropout, and leave it in the mode it was in."""
    training = model.training
    model.train(False)
    try:
        yield
    finally:
        model.train(training)


@contextmanager
def _computing(model: PreTrainedModel, device: torch.device, precision: str, rounded: Rounded) -> Iterator[None]:
    """Have this thread compute scores, without gradients, in this precision."""
    # One autocast for all batches: it keeps the weights that it has rounded, though not in inference mode.
    with (
        torch.no_grad(),
        torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"),
        exact_logits(model) if precision == "bf16" else nullcontext(),
        quick_products(model, rounded) if precision == "bf16" else nullcontext(),
    ):
        yield


def _tokens_at_once(model: PreTrainedModel, device: torch.device, precision: str) -> int:
    most = TOKENS.get(device.type, TOKENS["cuda"])
    if device.type != "cpu":
        return most
    width = FEED_FORWARD * int(getattr(model.config, "hidden_size", WIDTH))
    return min(most, LARGEST // (width * (2 if precision == "bf16" else 4)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What is equal for all features that are read."""

    kind: Kind
    setting: Setting
    device: torch.device
    half: bool
    sharded: bool
    """Whether processes share the weights out, so that each must read as many batches."""


class _Work:
    """Features that are read in batches, by one lane or several, and the scores that were found."""

    def __init__(
        self, features: Sequence[Feature], batches: Iterable[list[int]], terms: _Terms,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:  # fmt: skip
        """`batches` are indices into the features, in the order in which they are to be read."""
        self.found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
        self.waiting = Waiting(batches)
        self._columns = Columns.of(features) if features else None
        self._terms, self._progress = terms, progress
        self._lengths = [len(feature.ids) for feature in features]
        self._done, self._total, self._lock = 0, sum(self._lengths), Lock()

    def read(self, reader: Reader) -> None:
        """Find scores until no batch is waiting."""
        going = deque[tuple[list[int], torch.Tensor]]()
        reads = True
        while reads or going:
            # An accelerator computes one batch while the host takes the last apart and lays out the next.
            indices = self.waiting.take() if reads and len(going) < AHEAD else None
            if indices is not None:
                given = self._scores(reader, indices)
                if given is None:
                    reads = self.waiting.too_large(indices)
                else:
                    going.append((indices, given))
            elif going:
                self._keep(*going.popleft())
            else:
                reads = not self.waiting.leave()

    def _keep(self, indices: list[int], given: torch.Tensor) -> None:
        for index, row in zip(indices, given.cpu().numpy(), strict=True):
            self.found[index] = row[: self._lengths[index]].copy() if self._terms.kind.per_token else row
        with self._lock:
            self._done += sum(self._lengths[index] for index in indices)
            if self._progress:
                self._progress(self._done, self._total)

    def _scores(self, reader: Reader, indices: list[int]) -> torch.Tensor | None:
        """Scores on their way to the host; None where there was too little memory. Raises DoesNotFit."""
        terms = self._terms
        try:
            (batch,) = self._columns.batches(  # type: ignore[union-attr]  # where there are batches there are features
                [np.array(indices)], pad_id=terms.setting.tokenizer.pad_token_id, device=terms.device,
                packing=reader.layout != "padded", fill=fill_of(terms.device, half=terms.half),
            )  # fmt: skip
            return reader.scores(terms.kind, batch, terms.setting).float()
        except (RuntimeError, MemoryError) as cause:
            if not out_of_memory(cause):
                raise
            if self.waiting.lanes == 1:
                self._too_large(indices, cause)
            # The caller tries again, not this handler: while the error is handled, its frames hold what filled the
            # memory.
            return None

    def _too_large(self, indices: list[int], cause: Exception) -> None:
        """Say that batches are cut. Raises DoesNotFit where this one cannot be."""
        longest, device = max(self._lengths[index] for index in indices), self._terms.device
        if len(indices) == 1 or self._terms.sharded:
            alone = f"one example of {longest}"
            what = alone if len(indices) == 1 else f"{len(indices)} examples of up to {longest}"
            raise DoesNotFit(
                f"scoring {what} tokens needs more memory than {device} has: end what else "
                "uses it, or take a smaller encoder or another --device"
            ) from cause
        log.warning(
            "scoring %d examples of up to %d tokens at once needs more memory than %s has; going on with half as many",
            len(indices), longest, device,
        )  # fmt: skip


def _check(scores: Sequence[NDArray[np.float32]]) -> None:
    # An infinite score ranks well enough (a masked position is one); a NaN compares with nothing.
    wrong = sum(bool(np.isnan(row).any()) for row in scores)
    if wrong:
        raise ScoringError(
            f"{wrong} of {len(scores)} predictions hold NaN: the weights are damaged, "
            "or this encoder needs --precision fp32"
        )
