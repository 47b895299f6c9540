"""What the gate found: plain values, whole before anybody writes them down.

All scores, differences and margins are 0..1, not points; what people read multiplies by 100. Every difference is
candidate less baseline and has one sign: below 0 the candidate is worse. Tuples are sorted, so that equal input gives
equal output.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["PASS", "REGRESSION", "INCONCLUSIVE"]

Code = Literal[0, 1, 2, 3]
"""0 all held · 1 regression, or a cell lost · 2 unreadable input · 3 inconclusive, or not comparable. Where several
hold, 2 beats 1 beats 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One promise about the mean over tasks, and whether it held."""

    name: str
    """target mean, source, gap, or the name of a group of languages as `low-resource`."""
    value: float
    """Change from baseline to candidate, mean over tasks. For the gap (source - target mean) it is the baseline's gap
    less the candidate's, so that below 0 is worse here too."""
    low: float
    """The true change lies above this but for the share `Levels.passing` of releases; PASS looks at it."""
    high: float
    """The true change lies below this but for the share `Levels.regression` of releases; REGRESSION looks at it."""
    margin: float
    """How much worse is still accepted, 0..1."""
    outcome: Outcome
    """PASS where low > -margin; else REGRESSION where high < 0; else INCONCLUSIVE. INCONCLUSIVE too, whatever the
    numbers, where either encoder has one seed in a task that is fine-tuned."""
    seeds_needed: int | None
    """Seeds of each encoder with which this change and these variances would decide the guard one way or the other;
    None where it is decided, where variances of seeds are unknown, or where 100 seeds would not do."""
    detectable: float | None
    """Smallest loss, above 0, that this guard would call a REGRESSION in 80 of 100 releases with these seeds and
    examples; None where variances of seeds are unknown."""
    languages: Mapping[str, tuple[str, ...]]
    """Task -> the languages that it is about."""
    standard_error: float
    degrees_of_freedom: float
    seeds: tuple[int, int]
    """Fewest seeds that the candidate, and that the baseline, has in those of these tasks that are fine-tuned; (0, 0)
    where none is."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it is about."""
        return tuple(self.languages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One language of one task, compared."""

    task: str
    language: str
    metric: str
    candidate: float
    """Mean over seeds, 0..1."""
    baseline: float
    difference: float
    """candidate - baseline."""
    low: float
    """Ends of the 95 % interval of the difference, for this cell alone; with one seed on both sides it is given the
    seeds."""
    high: float
    p: float
    """One-sided, against "not worse"; 1 where variances of seeds are unknown, as with one seed of both encoders."""
    p_adjusted: float
    """Holm's, over every cell that was compared."""
    p_two_sided: float
    """Against "no difference", both ways; for those who compare two encoders rather than guard one."""
    p_two_sided_adjusted: float
    """Holm's, over every cell that was compared."""
    harmed: bool
    """Worse beyond doubt (p_adjusted within the level of the harm screen) and by more than the harm margin."""
    waived: bool
    """Harmed, but a waiver lets it pass."""
    detectable: float | None
    """Smallest loss, above 0, that the harm screen would find in 80 of 100 releases with these seeds and examples;
    None where variances of seeds are unknown."""
    standard_error: float
    """After moderation of the seeds' variances."""
    degrees_of_freedom: float
    seeds: tuple[int, int]
    """Of the candidate and of the baseline."""
    n: int
    """Test examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A cell that the baseline has and the candidate lacks. One that is not waived is a regression."""

    task: str
    language: str
    why: str
    """What the candidate's records say, or that they say nothing of it."""
    waived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """Something that must be equal to compare, and is not."""

    task: str
    language: str
    """Empty where it holds for the whole task."""
    what: str
    """task version, metric, rules of the metric, source, split, selection, recipe, training data, test data,
    example ids, or examples of the seeds."""
    baseline: str
    candidate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A loss that somebody answers for, until a day."""

    task: str
    language: str
    reason: str
    owner: str
    expires: str
    """The last day that it holds, ISO 8601: 2026-12-31."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """How the chance of error was shared out."""

    gate: float
    """Share of releases without any change that may be called a regression, all guards and cells together."""
    harm: float
    """What the harm screen has of it; Holm over cells."""
    regression: float
    """What each guard has of it, one-sided."""
    passing: float
    """Chance that a guard passes a release that is worse by its margin, one-sided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One side of the comparison."""

    encoder: str
    boards: tuple[str, ...]
    """Folders, as they were named."""
    hash: str
    """SHA-256 over the files that were read: `baseline.content_hash`."""
    seeds: Mapping[str, tuple[int, ...]]
    """Task -> seeds."""
    signatures: Mapping[str, str]
    """Task -> signature of its records, the first where only the xbench version differs."""
    checkpoints: tuple[str, ...]
    """Checkpoints that were fine-tuned, each with the first digits of its weights' hash: `name@0123456789abcdef`."""
    xbench: tuple[str, ...]
    """Versions of xbench that made the records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All that the gate has to say."""

    code: Code
    """What the command ends with."""
    line: str
    """The verdict in one line, without its code."""
    guards: tuple[Guard, ...]
    """In the order target mean, source, groups, gap; empty where no task could be compared."""
    cells: tuple[Cell, ...]
    """Every cell that was compared, by task and language."""
    harmed: tuple[Cell, ...]
    """Those of `cells` that are harmed and not waived, worst first."""
    lost: tuple[Lost, ...]
    """Cells without a counterpart in the candidate, waived ones too."""
    mismatches: tuple[Mismatch, ...]
    waivers: tuple[Waiver, ...]
    """Every waiver of the settings for the tasks judged. Each names a cell that is lost, or worse by however little:
    one that matches no loss is an error."""
    detectable: float | None
    """Median over cells of `Cell.detectable`: what this run could have seen in a language; None where no cell can
    say."""
    seeds: tuple[int, int]
    """Fewest seeds of the candidate and of the baseline in any task compared that is fine-tuned at all; (0, 0) where
    none was. A task without fine-tuning, as retrieval, has nothing that seeds could change, and asks for none."""
    seeds_required: int
    """Without so many on both sides nothing passes."""
    harm_margin: float
    """A cell is harmed only where it is worse by more, 0..1."""
    levels: Levels
    candidate: Origin
    baseline: Origin
    faults: tuple[str, ...] = ()
    """Files of either side that cannot be read or trusted; any of them makes the code 2."""
    notes: tuple[str, ...] = ()
    """What a reader should know and what changes nothing: other versions, cells that only the candidate has."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """The settings that it was judged by, as they would stand in a file."""
    xbench: str = ""
    """Version that judged."""

    @property
    def improved(self) -> tuple[Cell, ...]:
        """Cells better beyond doubt (two-sided, Holm, 5 %), best first."""
        sure = [cell for cell in self.cells if cell.difference > 0 and cell.p_two_sided_adjusted <= 0.05]
        return tuple(sorted(sure, key=lambda cell: (-cell.difference, cell.task, cell.language)))
