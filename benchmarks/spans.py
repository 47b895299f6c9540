"""How fast are span F1 counted and closed, beside seqeval?

Both read the same tags in one process, in turn, and give the same number. Ours gives the counts of each sentence too.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from benchmarks.timing import side_by_side
from xbench import data, metrics
from xbench.metrics import Metric, tagging
from xbench.task import Tagged
from xbench_tasks import wikiann

HUB = Path(__file__).resolve().parents[2] / "shared" / "hub"
"""A mirror of real data, if there is one."""
LANGUAGES = ("en", "de", "ru", "hi", "zh")
SENTENCES = 10_000
"""Of each language, at most; and of those that are made where there is no mirror."""
DAMAGED = 0.08
"""Share of words whose tag the prediction draws anew; about what leaves a span F1 of 0.8."""

Tags = list[list[str]]


def corpora() -> dict[str, list[Tagged]]:
    """Name of a corpus -> its sentences: WikiANN's, or such of the same lengths and share of names."""
    if not HUB.is_dir():
        return {"made": made(np.random.default_rng(11))}
    return {
        f"WikiANN {language}": list(data.rows(wikiann.task, wikiann.task.data, language, "validation", data=HUB).examples)[:SENTENCES]
        for language in LANGUAGES
    }  # fmt: skip


def made(some: np.random.Generator) -> list[Tagged]:
    """Sentences of 3 words or more, 8 on average, one to two names in each."""
    found = []
    for length in 3 + some.geometric(1 / 6, SENTENCES) - 1:
        tags = ["O"] * int(length)
        for begin in some.integers(0, length, some.integers(1, 3)):
            end, kind = min(begin + some.geometric(0.45), length), some.choice(("PER", "ORG", "LOC"))
            tags[begin:end] = [f"B-{kind}", *(f"I-{kind}",) * (end - begin - 1)]
        found.append(Tagged(tuple(tags), tuple(tags)))
    return found


def damaged(gold: list[Tagged], some: np.random.Generator) -> Tags:
    """Predictions: the gold with some tags drawn anew, so that some spans are wrong and some ill-formed."""
    labels = np.array(wikiann.task.labels)
    return [
        [str(some.choice(labels)) if hit else tag for tag, hit in zip(one.tags, some.random(len(one.tags)) < DAMAGED, strict=True)]
        for one in gold
    ]  # fmt: skip


def row(name: str, gold: list[Tagged], metric: Metric, mode: str, theirs: Callable[[Tags, Tags], float]) -> str:
    """A line of the table. Raises ValueError where the two numbers are not equal."""
    guessed, lists = damaged(gold, np.random.default_rng(12)), [list(one.tags) for one in gold]
    languages, ids = ["xx"] * len(gold), [str(place) for place in range(len(gold))]

    def ours() -> float:
        return metrics.close(metric, metrics.count(gold, guessed, languages, ids, [metric]).rows)

    apart = abs(ours() - theirs(lists, guessed))
    if apart > 1e-12:
        raise ValueError(f"{name}, {mode}: the scores are {apart} apart")
    pair = side_by_side(ours, lambda: theirs(lists, guessed))
    return (
        f"| {name} | {mode} | {len(gold):,} | {sum(map(len, guessed)):,} | {ours():.4f} | {apart:.0e} "
        f"| {1000 * pair.ours:.1f} | {1000 * pair.theirs:.1f} | {pair.ratio:.1f} | {pair.least:.1f}–{pair.most:.1f} |"
    )


def strictly(gold: Tags, guessed: Tags) -> float:
    """seqeval's strict mode."""
    return float(f1_score(gold, guessed, mode="strict", scheme=IOB2))


def report() -> str:
    """Seconds of both, and how many times as fast ours is."""
    lines = [
        row(name, gold, *how)
        for name, gold in corpora().items()
        for how in ((tagging.span_f1, "lenient", f1_score), (tagging.span_f1_strict, "strict", strictly))
    ]
    return "\n".join(
        (
            f"Gold of the validation split; predictions are the gold with {DAMAGED:.0%} of the tags drawn anew, seeded.\n",
            "| corpus | mode | sentences | words | F1 | apart | xbench, ms | seqeval, ms | times as fast | least–most |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *lines,
        )
    )
