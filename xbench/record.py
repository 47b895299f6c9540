"""What one run leaves behind: plain values, readable without the code that wrote them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SCHEMA = "xbench.record/1"

AFTER_TRAINING = ("limit_test", "selection", "precision", "answer", "nbest", "threshold")
"""Numbers of a recipe that change what is learned by no more than rounding, or by which of its checkpoints is kept."""

ZERO_SHOT = ("source-dev", "last", "none")
"""Rules of selection that read no label of a target language."""


@dataclass(frozen=True, slots=True)
class Run:
    """Five names: the plan of a run, the path of its record, the key to find it by."""

    task: str
    encoder: str
    recipe: str
    source: str
    seed: int

    def __str__(self) -> str:
        return f"{self.task} · {self.encoder} · {self.recipe}-{self.source}-s{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Per-example counts of one run: all that later statistics may look at."""

    ids: tuple[str, ...]
    languages: tuple[str, ...]
    """Language of each row; rows of one language stand together, in the order of the gold."""
    columns: tuple[str, ...]
    """`<metric>.<column>` for every metric that was counted."""
    rows: NDArray[np.float64]
    """Shape (examples, columns)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number: a metric in a language."""

    language: str
    split: str
    """The data set's own name of the split that was scored."""
    metric: str
    n: int
    """Gold examples; predictions that did not come count as wrong."""
    value: float
    """0..1."""
    low: float
    high: float
    """Ends of the 95 % interval over examples, given this seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A cell that was asked for and is not there, and why."""

    language: str
    split: str
    why: str
    metric: str = ""
    """The metric that is missing; empty = all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The checkpoint, or threshold, that a target's own dev split chose, and what that brought on its test split."""

    split: str
    """The dev split that chose, as `language/split`."""
    checkpoint: int
    """Optimizer steps; 0 where nothing is trained."""
    score: float
    """Score on that dev split, 0..1."""
    regret: float | None = None
    """What zero-shot selection loses: this checkpoint's test score less that of the run's zero-shot record, of the same
    fine-tuning; None where there is none."""
    low: float | None = None
    high: float | None = None
    """Ends of its 95 % interval over examples, paired by item."""
    threshold: float | None = None
    """The margin from which on pairs are proposed, where that is what was chosen and no checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """How the scored checkpoint was chosen."""

    rule: str
    """source-dev, last, oracle or none; oracle looked at target labels and is no zero-shot result."""
    split: str
    """The dev split that chose, as `language/split`; empty where none did."""
    checkpoint: int
    """Optimizer steps after which the scored weights were taken."""
    score: float | None
    """Score on the split that chose, 0..1; None where none did."""
    history: tuple[tuple[int, float], ...] = ()
    """Every (step, dev score) on the way."""
    by_language: Mapping[str, Chosen] = field(default_factory=dict)
    """Language -> what its own dev split chose; only where the rule is oracle."""

    @property
    def zero_shot(self) -> bool:
        """Whether no label of a target was read to choose anything."""
        return self.rule in ZERO_SHOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the run took. Runs that shared one fine-tuning each state the whole of it."""

    train_seconds: float
    score_seconds: float
    train_tokens: int
    """Tokens the encoder read in training, padding left out."""
    score_tokens: int
    peak_memory: int
    """Bytes: of the device on an accelerator, of the whole process on a CPU."""
    parameters: int
    device: str
    energy: float | None = None
    """Joules, where the device tells; None where it does not."""
    shared: bool = False
    """Whether other tasks were scored after the same fine-tuning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerFigures:
    """How the encoder's tokenizer treats a language, over the scored rows."""

    fertility: float
    """Tokens per word; words are what white space parts, or the words of a tagged sentence."""
    tokens_per_character: float
    unknown: float
    """Share of tokens that are the unknown token."""
    truncated: float
    """Share of examples of which some tokens were never read."""
    unread: int = 0
    """Words of tagged sentences that the encoder never saw, as their tokenization is empty; they count as O."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUsed:
    """Which rows were read for a language, to the byte."""

    repo: str
    revision: str
    """Commit on the Hub; for a mirror the commit that its download recorded, else `unrecorded`."""
    config: str
    split: str
    rows: int
    fingerprint: str
    """SHA-256 over the rows as the task reads them, in order."""
    empty: int = 0
    """Rows with an empty text; they are kept and scored."""
    duplicates: int = 0
    """Rows whose id stood on an earlier row; they are kept under `id#2`, `id#3`, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the numbers come from. What is not known is said to be unknown; only what is new has a default."""

    xbench: str
    packages: Mapping[str, str]
    python: str
    platform: str
    device: str
    precision: str
    """What was computed in: fp32, tf32 or bf16."""
    checkpoint: str
    checkpoint_revision: str
    weights: str
    """SHA-256 over the checkpoint's weight and configuration files."""
    tokenizer: str
    """SHA-256 over the tokenizer's files."""
    architecture: str
    train: DataUsed | None
    dev: DataUsed | None
    test: Mapping[str, DataUsed]
    """Language -> rows scored."""
    recipe: Mapping[str, object]
    """Every number of the recipe, so that its name need not be trusted."""
    seeds: Mapping[str, int]
    git: Mapping[str, str] | None
    """Commit and dirty flag of the working folder, where it is a checkout."""
    command: str
    started: str
    ended: str
    """UTC, ISO 8601."""
    how: Mapping[str, str] = field(default_factory=dict)
    """Which path computed it, in words: layout of batches, vocabulary that was trained, and so on. Paths differ in
    rounding only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplesFile:
    """The parquet file beside the record."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All of one run."""

    schema: str = SCHEMA
    run: Run
    signature: str
    """All that must be equal for two numbers to be compared; version last."""
    selection: Selected
    scores: tuple[Score, ...]
    missing: tuple[Missing, ...]
    cost: Cost
    tokenizer: Mapping[str, TokenizerFigures]
    provenance: Provenance
    examples: ExamplesFile | None
    """None only until the record is written."""
    chance: float | None = None
    """Expected score of a guess, 0..1, as the task says; None where a record of an earlier xbench does not."""
    parallel: bool | None = None
    """Whether equal ids are one item in every language, as the task says."""
    unanswered: Mapping[str, int] = field(default_factory=dict)
    """Language -> gold examples without a prediction, which count as wrong; only languages that have some."""
    constant: tuple[str, ...] = ()
    """Languages in which every prediction was the same, as of a fine-tuning that collapsed."""
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Metric -> its rules, as far as they must be known to compare: normaliser, scheme, signature of the scorer."""
    shares_items: bool | None = None
    """Whether equal ids are one item in the languages that have it, in a set that is not parallel as some lack it."""

    @property
    def paired(self) -> bool | None:
        """Whether equal ids are one item; None where nobody says."""
        return True if self.shares_items else self.parallel


def signature(parts: Mapping[str, object]) -> str:
    """Write key:value parts, in the order given, in one line: `task:xnli|metric:accuracy|…|version:0.1.0`."""
    return "|".join(f"{key}:{str(value).replace('|', '/')}" for key, value in parts.items())


def parts(signature: str) -> dict[str, str]:
    """The parts of a signature by their keys."""
    return dict(part.partition(":")[::2] for part in signature.split("|"))


def headline(record: Record) -> str:
    """The metric that ranks a record's task, as its signature says; empty where it says none."""
    return parts(record.signature).get("metric", "")


def training(record: Record) -> str:
    """What a run was fine-tuned on and how, as a short hash; empty where nothing was.

    Runs of one checkpoint in which it is equal share their fine-tunings, seed by seed, whichever tasks they answer.
    """
    used = record.provenance.train
    if used is None:
        return ""
    rows = (used.repo, used.config, used.split, used.rows, used.fingerprint, record.run.source)
    numbers = {name: value for name, value in record.provenance.recipe.items() if name not in AFTER_TRAINING}
    return hashlib.sha256(json.dumps([rows, numbers], sort_keys=True, default=str).encode()).hexdigest()[:16]
