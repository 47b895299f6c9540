"""Bootstrap intervals: a matrix of weights against a loop over draws.

15 languages of a parallel set of 5,010 examples (as XNLI's test set has), resampled together by example, so that
differences between languages keep their pairs. The loop draws places with numpy, picks the rows, sums and closes them.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import seconds, side_by_side
from xbench.metrics import f1, ratio
from xbench.resample import interval, resampled

Rows = NDArray[np.float64]
DRAWS, EXAMPLES, LANGUAGES = 10_000, 5_010, 15
FRACTION = 50
"""The loop is timed on one of so many draws, and taken times that: every draw of it costs the same."""


def right(some: np.random.Generator) -> Rows:
    """Right or wrong in each language, shape (examples, languages)."""
    return (some.random((EXAMPLES, LANGUAGES)) < np.linspace(0.85, 0.5, LANGUAGES)).astype(np.float64)


def continuous(some: np.random.Generator) -> Rows:
    """Answer F1 in each language, shape (examples, languages)."""
    return some.random((EXAMPLES, LANGUAGES))


def matrix(rows: Rows) -> Rows:
    """Scores of every draw, shape (draws, languages)."""
    return resampled(rows, seed=0, draws=DRAWS) / EXAMPLES


def loop(rows: Rows, draws: int) -> Rows:
    """The same, one draw after the other."""
    generator = np.random.default_rng(0)
    return np.array([rows[generator.choice(EXAMPLES, EXAMPLES)].sum(axis=0) / EXAMPLES for _ in range(draws)])


def side(name: str, rows: Rows) -> str:
    """A line of the table."""
    pair = side_by_side(lambda: matrix(rows), lambda: loop(rows, DRAWS // FRACTION), rounds=3)
    ours, theirs = (
        np.quantile(matrix(rows), [0.025, 0.975], axis=0),
        np.quantile(loop(rows, 2000), [0.025, 0.975], axis=0),
    )
    return (
        f"| {name} | {pair.ours:.2f} s | {pair.theirs * FRACTION:.1f} s | {pair.ratio * FRACTION:.0f}× "
        f"({pair.least * FRACTION:.0f} to {pair.most * FRACTION:.0f}) | {100 * np.abs(ours - theirs).max():.3f} |"
    )


def single(name: str, draw: Rows, closing: str) -> str:
    """Time of one interval as a run asks for it."""
    close = {"f1": f1, "ratio": ratio}[closing]
    took = sorted(seconds(lambda: interval(draw, close)) for _ in range(5))[2]
    return f"| {name} | {1000 * took:.1f} ms |"


def report() -> str:
    """Both tables."""
    some = np.random.default_rng(3)
    gold = some.poisson(1.4, EXAMPLES)
    hits = some.binomial(gold, 0.7)
    spans = np.stack([hits, hits + some.poisson(0.3, EXAMPLES), gold], axis=1).astype(np.float64)
    answers = np.stack([some.random(EXAMPLES), np.ones(EXAMPLES)], axis=1)
    shares = np.stack([some.random(EXAMPLES) < 0.7, np.ones(EXAMPLES)], axis=1).astype(np.float64)
    return "\n".join(
        [
            f"{DRAWS:,} draws × {EXAMPLES:,} examples × {LANGUAGES} languages, in one process.",
            "",
            f"| counts | xbench | loop, {DRAWS // FRACTION} draws × {FRACTION} | times as fast | ends differ, points |",
            "|---|---|---|---|---|",
            side("right or wrong", right(some)),
            side("answer F1", continuous(some)),
            "",
            "The ends differ, at most, by the chance of the draws: the loop's are of 2,000.",
            "",
            f"One score of {EXAMPLES:,} examples, 1,000 draws where it is resampled:",
            "",
            "| score | time |",
            "|---|---|",
            single("accuracy (closed form)", shares, "ratio"),
            single("span F1 (few distinct rows)", spans, "f1"),
            single("answer F1 (all rows distinct)", answers, "ratio"),
        ]
    )
