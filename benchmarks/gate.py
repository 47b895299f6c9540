"""How often is the gate wrong, what does it miss, and how long does it take?

A release is drawn from a model whose truth is known, a candidate and a baseline with some seeds each, and judged by the
functions that `xbench check` uses, with their own settings. There are 1,000 releases to a line of a table; 60 cells of
2,000 examples each, three in four answered rightly. A seed moves each language by 1 point (standard deviation) and all
languages of a task by 0.4 more. Two seeds of one encoder answer one example in ten differently, two encoders one in
six.

Tables draw the sufficient statistics of a release; the last one also draws every answer to every example.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.releases import Ended, World, answered, drawn, flips, judged, judged_answers
from xbench import store
from xbench.gate.judging import levels_of
from xbench.gate.rehearsal import Release, make
from xbench.gate.screen import differences
from xbench.gate.settings import Settings
from xbench.record import Counts, Run

RELEASES = 1000
NAMES = "en ar bg de el es fr hi ru sw th tr ur vi zh"


def worse(world: World) -> dict[str, World]:
    """What can become worse, by name."""
    tasks, languages = range(world.tasks), range(world.languages)
    losses = {
        "nothing": {},
        "one cell -5": {(1, 4): 5.0},
        "one language -4 in every task": {(task, 4): 4.0 for task in tasks},
        "low-resource group -3": {(task, one): 3.0 for task in tasks for one in languages[-5:]},
        "everything -2": {(task, one): 2.0 for task in tasks for one in languages},
        "source only -3": {(task, 0): 3.0 for task in tasks},
    }
    return {name: replace(world, loss=loss) for name, loss in losses.items()}


def line(named: str, world: World, ended: Sequence[Ended]) -> str:
    """A line of a table: seeds, shares of exit codes, and who found it."""
    shares = [np.mean([one.code == code for one in ended]) for code in (1, 0, 3)]
    shares += [np.mean([one.screen for one in ended]), np.mean([one.guards for one in ended])]
    shares.append(np.mean([one.screen and not one.right for one in ended]))
    return f"| {named} | {world.seeds[0]} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def simulated(named: str, world: World, given: Settings | None = None, releases: int = RELEASES) -> str:
    """A line from as many releases, each by its sufficient statistics."""
    some = np.random.default_rng(6)
    own, whim = flips()
    chosen = given or Settings(seeds_required=max(2, min(*world.seeds, 5)))
    return line(named, world, [judged(world, *drawn(world, some, own, whim), chosen) for _ in range(releases)])


HEAD = (
    "| truly worse | seeds | exit 1 | exit 0 | exit 3 | a cell harmed | a guard fails | an unchanged cell harmed |\n"
    "|---|---|---|---|---|---|---|---|"
)


def table(lines: Iterable[str]) -> str:
    """Lines under their head."""
    return "\n".join((HEAD, *lines))


def unequal() -> Iterable[str]:
    """Cells, and encoders, whose seeds spread differently."""
    for seeds in (3, 5, 10):
        world = World(seeds=(seeds, seeds), spread=0.5)
        for name in ("nothing", "one cell -5"):
            yield simulated(name, worse(world)[name])
    for name in ("nothing", "one cell -5"):
        yield simulated(f"{name}; the candidate's seeds spread twice as far", worse(World(candidate=2.0))[name])


def compared(releases: int = 200) -> Iterable[str]:
    """The same worlds, by sufficient statistics and by every answer."""
    given = Settings()
    for name in ("nothing", "one cell -5"):
        world = worse(World())[name]
        yield simulated(f"{name}, statistics drawn", world, releases=RELEASES)
        some = np.random.default_rng(7)
        found = [judged_answers(world, answered(world, some), given) for _ in range(releases)]
        yield line(f"{name}, every answer drawn ({releases} releases)", world, found)


def errors() -> str:
    """Standard errors as both ways of drawing give them, in points."""
    own, whim = flips()
    some = np.random.default_rng(8)
    told = []
    for _ in range(5):
        statistics, _ = drawn(World(), some, own, whim)
        answers = [one.spread({name: 1.0}) for one in answered(World(), some) for name in one.languages]
        told.append([100 * float(differences(one, [True] * 60).error.mean()) for one in (statistics, answers)])
    ours, theirs = np.mean(told, axis=0)
    return (
        f"Mean standard error of a cell's difference over five releases: {ours:.3f} points where statistics are drawn, "
        f"{theirs:.3f} where every answer is."
    )


def report() -> str:
    """All tables."""
    levels = levels_of(Settings(), 4)
    lines = (simulated(name, one) for seeds in (3, 5, 10) for name, one in worse(World(seeds=(seeds, seeds))).items())
    other = (simulated(name, one) for name, one in worse(World(tasks=5, languages=12)).items())
    price = (
        simulated(f"{name}, alpha {alpha:.0%}", worse(World())[name], Settings(alpha=alpha))
        for alpha in (0.01, 0.1, 0.2)
        for name in ("nothing", "one cell -5")
    )
    return "\n\n".join((
        f"Levels: {levels.gate:.0%} for the whole gate, of which the harm screen has {levels.harm:.1%} and each of "
        f"four guards {levels.regression:.3%}; a guard passes what is worse by its margin in {levels.passing:.0%}. "
        "With 3 seeds the gate was told that 3 are enough.",
        "## Four tasks in fifteen languages", table(lines),
        "## Five tasks in twelve languages", table(other),
        "## Seeds that spread differently\n\nThe logarithm of a cell's deviation over seeds has itself a deviation of "
        "0.5: in one cell of twenty seeds spread 2.7 times as far as usual, or further.", table(unequal()),
        "## What the level costs", table(price),
        "## Drawn both ways", table(compared()), errors(),
        "## Time", timed(),
    ))  # fmt: skip


def timed() -> str:
    """Seconds that `xbench check` takes to read and judge 60 cells of 10 seeds and 5,000 examples on either side."""
    with tempfile.TemporaryDirectory() as folder:
        board = Path(folder) / "board"
        write(board, tasks=4, languages=15, seeds=10, n=5000)
        command = [sys.executable, "-c", "from xbench.cli import main; main()", "check", "--candidate", "new"]
        command += ["--baseline", "old", "--board", str(board), "--format", "text"]
        took, worked = [], []
        for _ in range(5):
            began, before = perf_counter(), children()
            ended = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
            took.append(perf_counter() - began)
            worked.append(children() - before)
    return (
        f"`xbench check` on 60 cells, 10 seeds of each encoder, 5,000 examples: {median(took):.2f} s from the start of "
        f"the process to its exit code ({ended}), median of {len(took)}; {min(took):.2f} to {max(took):.2f} s. Of the "
        f"processor it took {median(worked):.2f} s; the rest is waiting for what else the machine does."
    )


def children() -> float:
    """Seconds of processor time of all processes that were started and have ended."""
    return os.times().children_user + os.times().children_system


def write(board: Path, *, tasks: int, languages: int, seeds: int, n: int) -> None:
    """Records and counts of two encoders, `old` and `new`, whose answers are drawn alike."""
    some = np.random.default_rng(9)
    make(board.with_name("pattern"), Release(seeds=(0,)))
    pattern = store.read(store.listing(board.with_name("pattern"))[0])
    (used, *_), score = pattern.provenance.test.values(), pattern.scores[0]
    names = NAMES.split()[:languages]
    ids = tuple(f"item-{place:05}" for _ in names for place in range(n))
    origin = replace(pattern.provenance, test={name: replace(used, config=name, rows=n) for name in names})
    for task in (f"task-{number}" for number in range(tasks)):
        for run in (Run(task, encoder, "standard", "en", seed) for encoder in ("old", "new") for seed in range(seeds)):
            right = (some.random(len(ids)) < 0.75).astype(np.float64)
            shares = dict(zip(names, right.reshape(languages, n).mean(axis=1).tolist(), strict=True))
            scores = tuple(replace(score, language=k, n=n, value=v, low=v, high=v) for k, v in shares.items())
            counts = Counts(
                ids=ids, languages=tuple(name for name in names for _ in range(n)),
                columns=("accuracy.correct", "accuracy.n"), rows=np.column_stack([right, np.ones(len(ids))]),
            )  # fmt: skip
            record = replace(pattern, run=run, scores=scores, provenance=origin, examples=None)
            store.write_once(board, record, counts)
