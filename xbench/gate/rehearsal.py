"""Boards made for the gate, one pair for each way that it can end: what `xbench check --self-test` judges.

Answers are made by a rule, without random numbers: items have their order of difficulty, and the easiest ones are
answered, as many as the score asks for, so that seeds differ in a few items only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from xbench import store
from xbench.errors import XbenchError
from xbench.gate.judging import judge
from xbench.gate.settings import settings
from xbench.gate.side import side
from xbench.record import (
    Cost,
    Counts,
    DataUsed,
    Provenance,
    Record,
    Run,
    Score,
    Selected,
    TokenizerFigures,
    signature,
)  # fmt: skip

ITEMS = 400
STEP = 167
"""From one item to the next in the order of difficulty; has no divisor in common with ITEMS."""
SCORES = {"en": 0.85, "de": 0.80, "fi": 0.75, "sw": 0.65, "yo": 0.60}
"""Language -> what the encoders score on average, the source first."""
SPREAD = 0.01
"""How far the outermost seeds lie from the mean of all."""
DAY = date(2026, 1, 1)
"""The day on which waivers are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An encoder to be made up."""

    seeds: Sequence[int] = range(5)
    change: Mapping[str, float] = field(default_factory=dict)
    """Language -> how much it lies above or below SCORES."""
    without: str = ""
    """A language that was not scored."""
    rows: str = "rows"
    """Stands for the rows that were scored: another text is another test set."""
    broken: bool = False
    """Whether a file was cut off in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One case: what is judged, and what must come of it."""

    title: str
    expected: int
    candidate: Release
    baseline: Release = field(default_factory=Release)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a case."""

    title: str
    expected: int
    ended: int


ACTS = (
    Act(title="the same encoder, with other seeds", expected=0, candidate=Release(seeds=range(5, 10))),
    Act(title="8 points lost in one language", expected=1, candidate=Release(change={"sw": -0.08})),
    Act(title="a language lost", expected=1, candidate=Release(seeds=range(5, 10), without="yo")),
    Act(title="a file that was cut off", expected=2, candidate=Release(seeds=range(5, 10), broken=True)),
    Act(
        title="a group of a language that nobody has", expected=2, candidate=Release(seeds=range(5, 10)),
        groups={"north": ("se",)},
    ),
    Act(title="two seeds, where five are required", expected=3, candidate=Release(seeds=range(5, 7))),
    Act(title="another test set", expected=3, candidate=Release(seeds=range(5, 10), rows="other rows")),
)  # fmt: skip


def rehearse(folder: Path) -> tuple[Told, ...]:
    """Make every case's boards in a folder of their own below `folder`, and judge them."""
    return tuple(_play(act, folder / str(number)) for number, act in enumerate(ACTS))


def _play(act: Act, folder: Path) -> Told:
    make(folder / "baseline", act.baseline)
    make(folder / "candidate", act.candidate)
    try:
        given = settings(None, groups=act.groups)
        candidate, baseline = (side([folder / name], "made-up") for name in ("candidate", "baseline"))
        ended: int = judge(candidate, baseline, given, today=DAY).code
    except XbenchError:
        ended = 2
    return Told(act.title, act.expected, ended)


def make(board: Path, release: Release, encoder: str = "made-up") -> None:
    """Write an encoder's records to a board: one task, `made-up`, in five languages."""
    for seed in release.seeds:
        path = store.write_once(board, *_run(release, encoder, seed))
    if release.broken:
        path.write_bytes(path.read_bytes()[:1000])


def _run(release: Release, encoder: str, seed: int) -> tuple[Record, Counts]:
    languages = [language for language in SCORES if language != release.without]
    # Every five seeds in a row have the same mean in each language, but are not good in all of them together.
    levels = {language: SPREAD * ((seed + 2 * place) % 5 - 2) / 2 for place, language in enumerate(SCORES)}
    answers = {
        language: _answers(SCORES[language] + release.change.get(language, 0.0) + levels[language], place)
        for place, language in enumerate(languages)
    }
    counts = Counts(
        ids=tuple(str(item) for _ in languages for item in range(ITEMS)),
        languages=tuple(language for language in languages for _ in range(ITEMS)),
        columns=("accuracy.correct", "accuracy.n"),
        rows=np.column_stack([np.concatenate(list(answers.values())), np.ones(ITEMS * len(languages))]),
    )
    run = Run("made-up", encoder, "made-up", "en", seed)
    return _record(run, release, {language: float(each.mean()) for language, each in answers.items()}), counts


def _answers(score: float, place: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """1 for each item that is answered, shape (ITEMS,); other languages have other hard items."""
    order = (np.arange(ITEMS) * STEP + place * ITEMS // len(SCORES)) % ITEMS
    return ((order + 0.5) / ITEMS < score).astype(np.float64)


def _record(run: Run, release: Release, values: Mapping[str, float]) -> Record:
    used = {one: _rows(one, f"{release.rows} {one}") for one in values}
    told = {
        "task": run.task, "taskversion": 1, "metric": "accuracy", "source": run.source, "selection": "last",
        "recipe": run.recipe, "xbench": "made-up",
    }  # fmt: skip
    return Record(
        run=run, signature=signature(told),
        selection=Selected(rule="last", split="", checkpoint=1, score=None),
        scores=tuple(
            Score(language=one, split="test", metric="accuracy", n=ITEMS, value=value, low=value, high=value)
            for one, value in values.items()
        ),
        missing=(),
        cost=Cost(
            train_seconds=0.0, score_seconds=0.0, train_tokens=0, score_tokens=0, peak_memory=0, parameters=0,
            device="none",
        ),
        tokenizer={
            one: TokenizerFigures(fertility=1.0, tokens_per_character=1.0, unknown=0.0, truncated=0.0) for one in values
        },
        provenance=Provenance(
            xbench="made-up", packages={}, python="", platform="", device="none", precision="fp32",
            checkpoint=run.encoder, checkpoint_revision="", weights="0" * 64, tokenizer="0" * 64, architecture="none",
            train=None, dev=None, test=used, recipe={}, seeds={}, git=None, command="xbench check --self-test",
            started="", ended="",
        ),
        examples=None, chance=0.0, parallel=True, metrics={},
    )  # fmt: skip


def _rows(language: str, fingerprint: str) -> DataUsed:
    return DataUsed(repo="made-up", revision="made", config=language, split="test", rows=ITEMS, fingerprint=fingerprint)
