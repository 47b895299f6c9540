"""Fine-tuning and scoring on a GPU: the table of goals.

The same frame as [cpu.md](cpu.md): both sides in one process, in turn, the first rounds not counted, medians of ratios.
Encoders are random and of XLM-R base's and large's shape; rows have the lengths of XNLI's. The other sides are
transformers' Trainer as `run_xnli.py` is run by its README (padded to 128 tokens, float32, 32 pairs a step, 8 at a time
in scoring), the best one can set it up (bf16, fused AdamW, batches padded to their longest row, in order or grouped by
length, as it is or compiled, four workers: whichever is fastest), and as XTREME's `train_xnli.sh` has it (as the first,
and a batch of 32 in 4 parts, of large models in 16). Ours is `fit` and `predict` in bf16, as `xbench run` calls them.
"""

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from benchmarks import ours, peers
from benchmarks.protocol import DEV, WORDS, hours
from benchmarks.shapes import SHAPES, Work, again, opened, work
from benchmarks.turns import Loop, Ratio, close, in_turn, state_bytes, stepping, timed, waited_for
from xbench.opening import Opened

SEEN = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "h200.md"
FLOPS, BANDWIDTH = 790e12, 4.3e12
"""What an H200 reaches in bf16 matrix products a second, and in bytes a second."""
BEST = (
    peers.DYNAMIC,
    replace(peers.DYNAMIC, name="best, dynamic padding, compiled", compiled=True),
    replace(peers.GROUPED, name="best, grouped by length, compiled", compiled=True),
)
MUST = {"run_xnli": (12, 18), "best": (4, 6), "protocol": (100, 200)}
"""How many times as fast: must, stretch."""
FLOOR = {"large": (2.0, 1.5)}
"""Encoder -> most times the floor: must, stretch. Others as the base size."""
FLOOR_OF_BASE = (2.4, 1.8)
ADAMW = 28
"""Bytes that AdamW moves for a weight in float32 and step: it reads weight, gradient, two moments, and writes three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured."""

    models: Sequence[str] = ("base", "large")
    device: str = "cuda"
    turn: int = 50
    """Optimizer steps: as many as the Trainer sorts by length at a time, so that each turn has long and short rows."""
    warm: int = 2
    rounds: int = 5
    rows: int = 20_000
    """Rows that are made to train on, and again as many to score."""
    few: int = 512
    """Rows that the other side scores at a time."""
    many: int = 6_000
    """Rows that ours scores at a time."""


TINY = Size(models=("tiny",), device="cpu", turn=1, warm=1, rounds=1, rows=200, few=16, many=32)
"""On a CPU, for a look at whether all of it runs."""


def report(size: Size | None = None) -> str:
    """Measure; without a CUDA device only where a size is given whose device is the CPU."""
    size = size or Size()
    if size.device == "cuda" and not torch.cuda.is_available():
        return (
            "**No CUDA device here: not run.** Where there is one, the same command measures fine-tuning and scoring "
            "with XLM-R base's and large's shape, and the share of the machine's floor; a test runs all but graphs and "
            "compilation on a CPU with a tiny encoder."
            + (" An H200's figures: [h200.md](h200.md)." if SEEN.is_file() else "")
        )
    some = work("pairs", vocabulary=SHAPES[size.models[0]].vocabulary, rows=size.rows)
    parts = [f"{_machine(size)} Rows: {some.said}.", *(model(name, some, size) for name in size.models)]
    if size.device == "cpu":
        parts.append("On a CPU and with a tiny encoder: CUDA graphs, flash attention and compilation were not run.")
    return "\n\n".join(parts)


def _machine(size: Size) -> str:
    if size.device == "cpu":
        return "A CPU."
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    return f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB, CUDA {torch.version.cuda}."


def model(name: str, some: Work, size: Size) -> str:
    """All rows of one encoder."""
    first = opened(name, some)
    ways = (peers.RUN_XNLI, *BEST, peers.XTREME_LARGE if name == "large" else peers.XTREME)
    took, peaks, paths, state = _fine_tuned(first, some, ways, size)
    rows = _scored(first, some, size)
    tokens = sum(len(feature.ids) for feature in some.train) / len(some.train) * some.setting.recipe.batch
    lines = [
        f"## XLM-R {name}",
        "",
        "| fine-tuning | ms a step | tokens/s, padding left out | peak memory, GiB | ours is |",
        "|---|---|---|---|---|",
    ]
    for side, seconds in took.items():
        step = statistics.median(seconds) / size.turn
        ratio = "" if side == "ours" else str(Ratio.of(seconds, took["ours"]))
        peak = f"{peaks[side] / 2**30:.2f}" if peaks[side] else "–"
        lines.append(f"| {side} | {1000 * step:.2f} | {tokens / step:,.0f} | {peak} | {ratio} |")
    lines += ["", "| scoring | rows/s | ours is |", "|---|---|---|"]
    lines += [
        f"| {side} | {1 / statistics.median(seconds):,.0f} | "
        f"{'' if side.startswith('ours') else Ratio.of(seconds, rows['ours'])} |"
        for side, seconds in rows.items()
    ]
    told = "; ".join(f"{key}: {value}" for path in paths for key, value in path.items())
    return "\n".join((*lines, "", f"Which path ran: {told}.", "", *_goals(name, some, took, rows, state, size)))


def _fine_tuned(
    first: Opened, some: Work, ways: Sequence[peers.Way], size: Size
) -> tuple[dict[str, list[float]], dict[str, int], list[dict[str, str]], int]:
    """Seconds of the turns of every side, peak memory, our path, and bytes of our optimizer's state."""
    made: dict[str, Callable[[], Loop]] = {
        "ours": lambda: ours.training(again(first), some, precision="bf16", turn=size.turn, device=size.device)
    }
    made |= {way.name: partial(_peer, first, some, way, size) for way in ways}
    sides: dict[str, Loop] = {}
    peaks: dict[str, int] = {}
    state = 0
    for side, make in made.items():
        sides[side], peaks[side], kept = _begun(make, size)
        state = state or kept
    took = in_turn({side: loop.turn for side, loop in sides.items()}, size.rounds, warm=0)
    paths = ours.paths()
    close(sides.values())
    sides.clear()
    gc.collect()
    return took, peaks, paths, state


def _peer(first: Opened, some: Work, way: peers.Way, size: Size) -> Loop:
    return peers.training(again(first), some, way, turn=size.turn, device=size.device)


def _begun(make: Callable[[], Loop], size: Size) -> tuple[Loop, int, int]:
    """A side after its warm turns, what it added to the device's memory at most, and its optimizer's state in bytes."""
    cuda = size.device == "cuda"
    before = torch.cuda.memory_allocated() if cuda else 0
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    side = make()
    with stepping() as seen:
        for _ in range(size.warm):
            side.turn()
    waited_for()
    return side, torch.cuda.max_memory_allocated() - before if cuda else 0, sum(map(state_bytes, seen))


def _scored(first: Opened, some: Work, size: Size) -> dict[str, list[float]]:
    """Seconds a row of every side, and of ours where it scores the dev split alone, in each round."""
    many = some.of_each(size.many)
    best = again(first)
    sides = {
        "ours": (ours.scoring(again(first), some, many, precision="bf16", device=size.device), len(many)),
        "ours, dev split": (
            ours.scoring(again(first), some, many[:DEV], precision="bf16", device=size.device), len(many[:DEV])
        ),
        "run_xnli": (peers.scoring(again(first), some, peers.RUN_XNLI, many[: size.few], device=size.device), size.few),
        "best": (peers.scoring(best, some, peers.DYNAMIC, many, device=size.device), len(many)),
    }  # fmt: skip
    took = in_turn({side: timed(once) for side, (once, _) in sides.items()}, size.rounds)
    return {side: [one / sides[side][1] for one in seconds] for side, seconds in took.items()}


def _goals(
    name: str, some: Work, took: dict[str, list[float]], rows: dict[str, list[float]], state: int, size: Size
) -> list[str]:
    """The table of goals, and where the time goes."""
    mine = took["ours"]
    step = statistics.median(mine) / size.turn
    best = min((way.name for way in BEST), key=lambda side: statistics.median(took[side]))
    products, moved = floor(name, some, state)
    row = {side: statistics.median(seconds) for side, seconds in rows.items()}
    theirs = hours(statistics.median(took[peers.XTREME.name]) / size.turn, row["run_xnli"], every=True)
    own = hours(step, row["ours"], row["ours, dev split"])
    ratios = {
        "fine-tuning against run_xnli": (Ratio.of(took["run_xnli"], mine), *MUST["run_xnli"]),
        f"fine-tuning against the best ({best})": (Ratio.of(took[best], mine), *MUST["best"]),
        "whole protocol against XTREME's script, computed": (Ratio.of([theirs], [own]), *MUST["protocol"]),
    }
    lines = ["| goal | must (stretch) | measured | |", "|---|---|---|---|"]
    for goal, (ratio, must, good) in ratios.items():
        met = "met" if ratio.median >= must else "**missed**"
        lines.append(f"| {goal} | {must}× ({good}×) | {ratio} | {met} |")
    least, stretch = FLOOR.get(name, FLOOR_OF_BASE)
    above = step / (products + moved)
    lines.append(
        f"| time of a step over its floor | ≤ {least}× ({stretch}×) | {above:.2f}× | "
        f"{'met' if above <= least else '**missed**'} |"
    )
    return [
        *lines, "",
        f"The floor of a step is {1000 * (products + moved):.2f} ms: {1000 * products:.2f} ms of matrix products on "
        f"the tokens there are, at {FLOPS / 1e12:.0f} TFLOP/s, and {1000 * moved:.2f} ms of AdamW on the weights that "
        f"move, at {BANDWIDTH / 1e12:.1f} TB/s. {WORDS} {theirs:.1f} and {own:.2f} hours.",
    ]  # fmt: skip


def floor(name: str, some: Work, state: int) -> tuple[float, float]:
    """Seconds of a step's matrix products, and of its AdamW, on an H200 that does nothing else.

    Forward and backward take 6 operations for each weight of the layers and token, and 12 for each number of the hidden
    size and pair of tokens that see each other. Two moments of 4 bytes are kept for each weight that moves.
    """
    shape = SHAPES[name]
    lengths = [len(feature.ids) for feature in some.train]
    share = some.setting.recipe.batch / len(lengths)
    weights = 12 * shape.layers * shape.hidden**2
    work_done = 6 * weights * sum(lengths) + 12 * shape.layers * shape.hidden * sum(length**2 for length in lengths)
    return share * work_done / FLOPS, state / 8 * ADAMW / BANDWIDTH
