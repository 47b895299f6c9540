"""Fine-tuning and scoring on a CPU: the table of goals.

All sides run at once, each in a process of its own, and take turns while the others stand still; each turn is a few
optimizer steps or one pass of scoring, the first round is not counted, and a ratio is the median over rounds of their
time / our time. Before that ours takes some more steps, as a run takes thousands: its batches differ in shape, and
products of a shape that is met first take longer. Encoders are random and of XLM-R's shape, with its 250,002 rows of
embeddings. The other side is transformers' Trainer, set up as `run_xnli.py` is by its README (every pair padded to 128
tokens, float32, fused AdamW, 32 pairs a step, 8 at a time in scoring) and as `run_qa.py` is (windows padded to 384, 12
a step). Ours is `fit` and `predict` as `xbench run` calls them. Both train on the same rows in the same order. Ours
scores sixteen times as many rows in one stream, as a run has tens of thousands of them; times of scoring are by row.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks import ours, parity, peers
from benchmarks.apart import apart
from benchmarks.protocol import WORDS, hours
from benchmarks.shapes import SHAPES, VOCABULARY, Work, opened, work
from benchmarks.turns import Loop, Ratio, in_turn, state_bytes, stepping, timed
from xbench.fit import AHEAD
from xbench.kinds import Feature

MODELS = ("4 × 256", "2 × 768")
ROUNDS = 5
TURN = 4
"""Optimizer steps of a turn."""
WARM = 5
"""Turns of ours that are not counted."""
SCORED = {"pairs": 20, "spans": 6}
"""Rows of each language that the peer scores: it takes as long for each, whatever their length."""
STREAM = 16
"""So many times as many are scored by us: a run has tens of thousands of rows, and more of equal length together."""
BATCH = 32
PRECISIONS = {"pairs": ("fp32", "bf16"), "spans": ("fp32",)}
WHOLE = {"pairs": tuple(f"{precision} whole" for precision in PRECISIONS["pairs"]), "spans": ()}
"""Sides of ours that leave out no part of the last block, to tell what leaving it out gains."""
MUST = {
    ("pairs", "fine-tuning", "fp32"): 3.0,
    ("pairs", "fine-tuning", "bf16"): 7.5,
    ("pairs", "scoring", "fp32"): 3.0,
    ("pairs", "scoring", "bf16"): 9.0,
    ("spans", "fine-tuning", "fp32"): 1.9,
    ("spans", "scoring", "fp32"): 1.9,
}
STRETCH = {
    ("pairs", "fine-tuning", "fp32"): 3.3,
    ("pairs", "fine-tuning", "bf16"): 9.0,
    ("pairs", "scoring", "fp32"): 3.3,
    ("pairs", "scoring", "bf16"): 12.0,
    ("spans", "fine-tuning", "fp32"): 2.2,
    ("spans", "scoring", "fp32"): 2.2,
}
"""(kind, what, our precision) -> how many times as fast; the other side is float32 always."""
NAMES = {"pairs": "XNLI pairs", "spans": "XQuAD windows"}
OCCUR = 34_000
"""Rows of the embeddings that occur in XNLI's own training set, about."""
WEIGHTS = 278_045_955
"""Of XLM-R base with a head for three labels."""


@dataclass(frozen=True, slots=True)
class Line:
    """A goal and what was measured."""

    goal: str
    encoder: str
    must: str
    found: str
    ends: str
    met: bool | None
    """None where it is no goal for a CPU."""

    def __str__(self) -> str:
        return f"| {self.goal} | {self.encoder} | {self.must} | {self.found} | {self.ends} | {self.said} |"

    @property
    def said(self) -> str:
        """Met or missed."""
        return {True: "met", False: "**missed**", None: ""}[self.met]


def report() -> str:
    """Measure all, and say which goals were met."""
    works = {kind: work(kind) for kind in ("pairs", "spans")}
    lines: list[Line] = []
    rows, wholes = list[str](), list[str]()
    for name in MODELS:
        for kind, some in works.items():
            took, kept = fine_tuned(name, some, (*PRECISIONS[kind], *WHOLE[kind]))
            scored = passed(name, some, SCORED[kind], (*PRECISIONS[kind], *WHOLE[kind]))
            lines += speed(name, some, kind, took, scored)
            if kind == "pairs":
                lines += [state(name, kept), protocol(name, took, scored, len(some.of_each(SCORED[kind])))]
                rows.append(with_more_rows(name, some, took))
                wholes.append(with_whole_blocks(name, took, scored))
    lines += [line for name in MODELS for line in memory(name, works["pairs"])]
    lines += [line for name in MODELS for kind in works for line in equality(name, works[kind], kind)]
    lines += host()
    goals = [line for line in lines if line.met is not None]
    missed = [f"{line.goal} ({line.encoder})" for line in goals if not line.met]
    return "\n".join((
        *(f"{NAMES[kind]}: {some.said}." for kind, some in works.items()),
        "",
        "| goal | encoder, layers × width | must | measured | least–most | |",
        "|---|---|---|---|---|---|",
        *map(str, lines),
        "| score parity of bf16 and float32 | mini suite | 0.2 points | [precision.md](precision.md) | | |",
        "| NER scoring against seqeval | | 20× | [spans.md](spans.md) | | |",
        "| exact retrieval against mteb | | 2× / 4× | [retrieval.md](retrieval.md) | | |",
        "",
        f"**{len(goals) - len(missed)} of {len(goals)} goals are met.**" + ("" if not missed else " Missed: ")
        + "; ".join(missed) + ("." if missed else ""),
        "",
        _notes(works, rows, wholes),
    ))  # fmt: skip


def speed(name: str, some: Work, kind: str, took: dict[str, list[float]], scored: dict[str, list[float]]) -> list[Line]:
    """How many times as fast fine-tuning and scoring are."""
    lines = []
    for what, seconds in (("fine-tuning", took), ("scoring", scored)):
        for precision in PRECISIONS[kind]:
            key = (kind, what, precision)
            ratio = Ratio.of(seconds["peer"], seconds[precision])
            lines.append(
                Line(
                    f"{NAMES[kind]}, {what}, {precision}", name, f"{MUST[key]:g}× (stretch {STRETCH[key]:g}×)",
                    f"{ratio.median:.2f}×", f"{ratio.least:.2f}–{ratio.most:.2f}", ratio.median >= MUST[key],
                )
            )  # fmt: skip
    return lines


def state(name: str, kept: dict[str, int]) -> Line:
    """How large the optimizer's state is."""
    share = kept["fp32"] / kept["peer"]
    told = f"{kept['fp32'] / 2**20:.0f} of {kept['peer'] / 2**20:.0f} MiB"
    return Line("optimizer state", name, "≤ 0.45×", f"{share:.3f}×", told, share <= 0.45)


def with_whole_blocks(name: str, took: dict[str, list[float]], scored: dict[str, list[float]]) -> str:
    """What the ratios are where the last feed-forward is computed for all tokens."""
    both = [
        " and ".join(f"{Ratio.of(seconds['peer'], seconds[side]).median:.2f}×" for side in WHOLE["pairs"])
        for seconds in (took, scored)
    ]
    return f"{both[0]} in fine-tuning, {both[1]} in scoring ({name})"


def with_more_rows(name: str, some: Work, took: dict[str, list[float]]) -> str:
    """What the ratios would be if as many rows of the embeddings were trained as occur in XNLI's own training set."""
    more = TURN * parity.further_rows(OCCUR - occurring(some), SHAPES[name].hidden)
    ratios = [Ratio.of(took["peer"], [one + more for one in took[side]]).median for side in PRECISIONS["pairs"]]
    return f"{ratios[0]:.2f}× and {ratios[1]:.2f}× ({name})"


def occurring(some: Work) -> int:
    """Rows of the embeddings that occur in training."""
    return len({int(token) for feature in some.train for token in feature.ids})


def protocol(name: str, took: dict[str, list[float]], scored: dict[str, list[float]], rows: int) -> Line:
    """The whole protocol, with our bf16: the median of what the rounds make of it."""
    sides = {}
    for side, every in (("peer", True), ("bf16", False)):
        both = zip(took[side], scored[side], strict=True)
        sides[side] = [hours(step / TURN, score / rows, every=every) for step, score in both]
    ratio = Ratio.of(sides["peer"], sides["bf16"])
    return Line(
        "whole XNLI protocol against XTREME's script, computed", name, "100× on a GPU", f"{ratio.median:.0f}×",
        f"{ratio.least:.0f}–{ratio.most:.0f}", None,
    )  # fmt: skip


def fine_tuned(
    name: str,
    some: Work,
    precisions: Sequence[str],
    *,
    turn: int = TURN,
    rounds: int = ROUNDS,
    warm: int = WARM,
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of each side's turns, and bytes of its optimizer's state."""
    with apart({one: (_training, (name, some, one, turn)) for one in ("peer", *precisions)}) as sides:
        kept = {one: side.do(_kept) for one, side in sides.items()}
        for one in precisions:
            for _ in range(warm):
                sides[one].do(Loop.turn)
        return in_turn({one: partial(side.do, Loop.turn) for one, side in sides.items()}, rounds, warm=0), kept


def _training(name: str, some: Work, side: str, turn: int) -> Loop:
    """Fine-tuning as the peer does it, or as we do in a precision, perhaps with whole blocks."""
    if side == "peer":
        return peers.training(opened(name, some), some, peers.RUN_XNLI, turn=turn)
    precision, _, whole = side.partition(" ")
    return ours.training(opened(name, some), some, precision=precision, turn=turn, whole=bool(whole))


def _kept(side: Loop) -> int:
    """Bytes of a side's optimizer state after its first turn."""
    with stepping() as seen:
        side.turn()
    return sum(map(state_bytes, seen))


def passed(
    name: str, some: Work, rows: int, precisions: Sequence[str], *, rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Seconds in which each side scores as many rows of each language."""
    few, many = some.of_each(rows), some.of_each(STREAM * rows)
    given = {"peer": few} | dict.fromkeys(precisions, many)
    with apart({one: (_scoring, (name, some, one, features)) for one, features in given.items()}) as sides:
        took = in_turn({one: partial(side.do, _once) for one, side in sides.items()}, rounds)
    share = len(few) / len(many)
    return {side: seconds if side == "peer" else [share * one for one in seconds] for side, seconds in took.items()}


def _scoring(name: str, some: Work, side: str, features: Sequence[Feature]) -> Callable[[], float]:
    """Scoring as the peer does it, or as we do in a precision, perhaps with whole blocks."""
    encoder = opened(name, some)
    if side == "peer":
        return timed(peers.scoring(encoder, some, peers.RUN_XNLI, features))
    precision, _, whole = side.partition(" ")
    return timed(ours.scoring(encoder, some, features, precision=precision, whole=bool(whole)))


def _once(side: Callable[[], float]) -> float:
    return side()


def memory(name: str, some: Work) -> list[Line]:
    """What autograd keeps of a batch."""
    shares = parity.activations(name, some, BATCH)
    return [
        Line(
            f"saved activations, {precision}", name, "≤ 0.33×", f"{share:.3f}×", "one batch of 32", share <= 0.33
        )
        for precision, share in shares.items()
    ]  # fmt: skip


def equality(name: str, some: Work, kind: str) -> list[Line]:
    """Packed against padded."""
    scores, slopes = parity.apart(name, some, some.setting.recipe.batch)
    told = "largest difference"
    return [
        Line(f"{NAMES[kind]}, scores packed against padded", name, "1e-5", f"{scores:.1e}", told, scores <= 1e-5),
        Line(f"{NAMES[kind]}, gradients likewise", name, "1e-6", f"{slopes:.1e}", "relative", slopes <= 1e-6),
    ]


def host() -> list[Line]:
    """What the host does beside the model."""
    small = work("pairs", vocabulary=parity.SMALLEST.vocabulary)
    laid, beyond = parity.pipeline(small), parity.overhead(small)
    middle = statistics.median(beyond)
    ends = f"{1000 * min(beyond):.3f}–{1000 * max(beyond):.3f}"
    return [
        Line("input pipeline per batch of 32", "any", "0.05 ms", f"{1000 * laid:.3f} ms", "median", laid <= 5e-5),
        Line("harness overhead per step", "1 × 16", "0.1 ms", f"{1000 * middle:.3f} ms", ends, middle <= 1e-4),
    ]


def _notes(works: Mapping[str, Work], rows: Sequence[str], wholes: Sequence[str]) -> str:
    filled = {kind: some.setting.recipe.length / _mean(some.of_each(SCORED[kind])) for kind, some in works.items()}
    rest = WEIGHTS - VOCABULARY * 768
    share = (rest + OCCUR * 768) / WEIGHTS
    return "\n".join((
        f"- With their padding the scored pairs are {filled['pairs']:.2f} times as many tokens as without, the windows "
        f"{filled['spans']:.2f} times: float32 can gain little beyond that.",
        "- The optimizer keeps two moments for every weight that can move. Of the "
        f"{VOCABULARY:,} rows of the embeddings {occurring(works['pairs']):,} occur in these training rows. In XNLI's "
        f"own about {OCCUR:,} do: with so many a model of the base size would keep {share:.2f}×, and fine-tuning here "
        f"would be, in float32 and bf16, {', '.join(rows)} as fast, by the time that AdamW takes for the others.",
        "- Of pairs the last feed-forward is computed for first tokens only: their heads read no others. That leaves "
        "out a third of the products of 2 layers' blocks, a sixth of 4 layers', and an eighteenth of the 12 of XLM-R "
        f"base. With all of it the ratios are, in float32 and bf16, {'; '.join(wholes)}.",
        "- Harness overhead is the time of a step of our loop beyond that of the same model calls on batches that are "
        "laid out alike, on one thread.",
        f"- The input pipeline lays out {AHEAD} batches at once, as fine-tuning does; its time is that of one.",
        f"- {WORDS.rpartition('.')[0]}.",
        f"- torch uses {torch.get_num_threads()} threads.",
    ))  # fmt: skip


def _mean(features: Sequence[Feature]) -> float:
    return statistics.mean(len(feature.ids) for feature in features)
