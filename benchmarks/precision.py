"""Does bf16 change scores? The mini suite in both precisions.

The same encoder, five tasks and five seeds, fine-tuned and scored in float32 and under bf16 autocast with float32
weights. Equal seeds see equal batches, but other masks of dropout, as rows are filled up in bf16 alone, and after some
hundred steps rounding makes two trainings of one anyway: a single difference has the spread of two seeds, and their
mean tells whether bf16 costs anything. Retrieval trains nothing: its difference is that of rounding alone, and it has
one seed. The suite's encoder is 128 wide: by itself it would train in float32 on a CPU.
"""

import statistics
import tempfile
from collections import defaultdict

import xbench
from xbench.recipe import Precision

SEEDS = 5
MOST, GOAL = 0.5, 0.2
"""Points that the means may differ, and that they should."""
COLUMNS = ("task", "seeds", "float32", "bf16", "difference, points", "its standard error")

Scores = dict[str, dict[int, float]]


def report() -> str:
    """Run the suite twice, and compare. It takes half an hour on two cores."""
    whole, half = scores("fp32"), scores("bf16")
    lines, apart = [], dict[str, list[float]]()
    for task, seeds in whole.items():
        apart[task] = [100 * (half[task][seed] - seeds[seed]) for seed in sorted(seeds)]
        means = [100 * statistics.mean(side[task].values()) for side in (whole, half)]
        lines.append(
            f"| {task} | {len(seeds)} | {means[0]:.2f} | {means[1]:.2f} | {statistics.mean(apart[task]):+.2f} "
            f"| {error(apart[task])} |"
        )
    trained = [statistics.mean(of_seed) for of_seed in zip(*(some for some in apart.values() if len(some) > 1))]  # noqa: B905
    mean = statistics.mean(trained)
    return "\n".join((
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
        *lines,
        "",
        f"Means over eight languages, in percent. **Over the tasks that train, bf16 differs by {mean:+.2f} points "
        f"(standard error {error(trained)}), mean of {SEEDS} seeds: at most {MOST} {_met(abs(mean) <= MOST)}, goal of "
        f"{GOAL} {_met(abs(mean) <= GOAL)}.** Two sets of {SEEDS} seeds in one precision would differ by such an error "
        "too.",
    ))  # fmt: skip


def scores(precision: Precision) -> Scores:
    """Task -> seed -> mean over languages, 0..1."""
    found: Scores = defaultdict(dict)
    with tempfile.TemporaryDirectory(prefix="xbench-precision-") as board:
        outcome = xbench.run("mini", suite="mini", seeds=SEEDS, precision=precision, device="cpu", board=board)
    if outcome.failed:
        raise SystemExit(f"runs failed: {'; '.join(one.why for one in outcome.failed)}")
    for _, record in outcome.ran:
        metric = record.scores[0].metric
        own = [score.value for score in record.scores if score.metric == metric]
        found[record.run.task][record.run.seed] = statistics.mean(own)
    return dict(found)


def _met(held: bool) -> str:
    return "met" if held else "missed"


def error(some: list[float]) -> str:
    """Standard error of a mean, in words where there is none."""
    return f"{statistics.stdev(some) / len(some) ** 0.5:.2f}" if len(some) > 1 else "–"
