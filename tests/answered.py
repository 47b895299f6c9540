"""Boards of made-up answers: records with the counts that their scores come from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from test_store import RUN, record

import xbench
from xbench import store
from xbench.record import Counts, Missing, Record, Run, Score, TokenizerFigures
from xbench.resample import wilson

FIFTEEN = ("en", "ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")


def answers(
    run: Run, shares: Mapping[str, float], *, items: int = 200, fertility: Mapping[str, float] | None = None,
    missing: Sequence[str] = (), prefix: str = "",
) -> tuple[Record, Counts]:  # fmt: skip
    """A run that answered each of the items, in each language, rightly with this probability; items are shared."""
    generator = np.random.default_rng([run.seed, *map(ord, run.encoder)])
    right = {one: (generator.random(items) < share).astype(float) for one, share in shares.items()}
    scores = []
    for one, hits in right.items():
        low, high = wilson(hits.sum(), items)
        scores.append(
            Score(language=one, split="test", metric="accuracy", n=items, value=float(hits.mean()), low=low, high=high)
        )
    made = record(
        run, scores=tuple(scores), missing=tuple(Missing(language=one, split="test", why="not there") for one in missing),
        signature=f"task:{run.task}|metric:accuracy|recipe:{run.recipe}|xbench:0",
        tokenizer={
            one: TokenizerFigures(fertility=value, tokens_per_character=0.3, unknown=0.0, truncated=0.0)
            for one, value in (fertility or {}).items()
        },
    )  # fmt: skip
    counts = Counts(
        ids=tuple(f"{prefix}{i}" for _ in right for i in range(items)),
        languages=tuple(one for one in right for _ in range(items)),
        columns=("accuracy.correct", "accuracy.n"),
        rows=np.concatenate([np.column_stack([hits, np.ones(items)]) for hits in right.values()]),
    )
    return made, counts


def board_of(folder: Path, runs: Sequence[tuple[Record, Counts]]) -> xbench.Board:
    for made, counts in runs:
        store.write_once(folder, made, counts)
    return xbench.load_board(folder)


def many(
    folder: Path, encoders: Sequence[str], languages: Sequence[str] = FIFTEEN, *, seeds: int = 2, items: int = 200,
    task: str = "xnli",
) -> xbench.Board:  # fmt: skip
    """Encoders of falling quality; later languages are harder, the first is the source."""
    runs = []
    for place, encoder in enumerate(encoders):
        for seed in range(seeds):
            run = replace(RUN, task=task, encoder=encoder, source=languages[0], seed=seed)
            ease = {one: 0.9 - 0.03 * place - 0.4 * i / len(languages) for i, one in enumerate(languages)}
            runs.append(
                answers(run, ease, items=items, fertility={one: 1.2 + i / 20 for i, one in enumerate(languages)})
            )
    return board_of(folder, runs)
