"""A task: where its rows lie, how one is read, and how an answer to it is scored. Values only."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from xbench.errors import BadOption

Row: TypeAlias = Mapping[str, Any]
"""One row of a data set. Class labels stand in it by name, never by number: their order differs between sources."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One sentence or two, and a label: classification."""

    first: str
    second: str | None
    """None where the task is about one sentence."""
    label: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """Words, and one tag for each."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A question whose answer is a piece of the context."""

    question: str
    context: str
    answers: tuple[str, ...]
    """Every answer that counts as right; the best match is taken."""
    starts: tuple[int, ...]
    """Where each answer begins in the context, in characters."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A premise and several continuations, one of them right."""

    premise: str
    options: tuple[str, ...]
    label: int
    """Index of the right option."""


class Label(str):
    """A predicted label, and the probability that the encoder gave it, 0..1; NaN where it gave none."""

    __slots__ = ("probability",)
    probability: float

    def __new__(cls, name: str, probability: float = math.nan) -> "Label":
        """A label by its name."""
        label = super().__new__(cls, name)
        label.probability = probability
        return label


class Option(int):
    """The index of a predicted option, and the probability that the encoder gave it, 0..1; NaN where it gave none."""

    probability: float

    def __new__(cls, index: int, probability: float = math.nan) -> "Option":
        """An option by its index."""
        option = super().__new__(cls, index)
        option.probability = probability
        return option


@dataclass(frozen=True, slots=True)
class Bitext:
    """A sentence and its translation into the source language, or a sentence alone, which has no translation here."""

    foreign: str | None
    """None where the source sentence stands alone: only in mining, where such sentences are to be told apart."""
    source: str | None
    """None where the foreign sentence stands alone."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What an encoder finds for a Bitext: places of sentences, counted from 0 in the order of the rows."""

    item: int
    """Place of the pair itself: where both should be found."""
    to_source: int
    """Place of the source sentence that is nearest to the foreign one."""
    from_source: int
    """Place of the foreign sentence that is nearest to the source one."""
    ahead_to_source: int = -1
    """How many source sentences are nearer to the foreign one than its own translation; -1 where nobody counted."""
    ahead_from_source: int = -1
    """How many foreign sentences are nearer to the source one than its own translation; -1 where nobody counted."""


@dataclass(frozen=True, slots=True)
class Mined:
    """What an encoder proposes for the foreign sentence of a Bitext: places of rows, counted from 0."""

    item: int
    """Place of the row itself: where the source sentence stands too, if there is one."""
    source: int = -1
    """Place of the source sentence that is proposed as its translation; -1 where none is."""
    score: float = 0.0
    """Margin of the best pair that the sentence is in, proposed or below the threshold; 0 where it is in none."""


Example: TypeAlias = Pair | Tagged | Span | Choice | Bitext


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows lie: a data set repository on the Hub, or the same layout in a mirror."""

    repo: str
    """Owner and name, as on the Hub."""
    revision: str = ""
    """A commit, branch or tag of the Hub; empty = the newest, whose commit is then recorded."""
    config: str = "{language}"
    """The configuration that holds a language; `{language}` stands for the set's own code of it."""
    train: str = "train"
    dev: str = "validation"
    test: str = "test"
    """Names of the splits; empty = the set has none that may be used for this."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Task's code of a language -> the set's own, where they differ."""
    keep: Callable[[Row, str], bool] | None = None
    """Whether a row belongs to a language, where one configuration holds several."""
    made: str = ""
    """`module:function` of a function that writes such a mirror and returns its folder; empty = downloaded."""

    def __post_init__(self) -> None:
        """Refuse a configuration that no language can be put into. Raises BadOption."""
        try:
            self.config.format(language="")
        except (KeyError, IndexError, ValueError) as cause:
            raise BadOption(
                f"{self.repo}: config {self.config!r} may hold {{language}} and nothing else: {cause}"
            ) from cause

    def config_of(self, language: str) -> str:
        """The configuration that holds this language."""
        return self.config.format(language=self.codes.get(language, language))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task, in all its languages."""

    name: str
    kind: str
    """Name of the kind: pairs, tags, spans, choices, retrieval, mining, or a plugin's own."""
    title: str
    source: str
    """The language that is trained on unless another is asked for."""
    targets: tuple[str, ...]
    """All languages that are scored, in the set's own codes or BCP-47; the source among them where the set has it."""
    data: Source
    """What is scored, and what is trained on unless `train_data` says otherwise."""
    read: Callable[[Row], Example]
    metric: str
    """The metric that ranks."""
    chance: float
    """Expected score of a guess, in 0..1."""
    parallel: bool
    """Whether row i of every language is the same item."""
    licence: str
    cite: str
    labels: tuple[str, ...] = ()
    train_data: Source | None = None
    train_read: Callable[[Row], Example] | None = None
    """How a row of `train_data` is read, where it differs from `read`."""
    id: str = ""
    """Column that names an item; empty = the row's number."""
    shares_items: bool = False
    """Whether equal ids are one item in all languages that have it, in a set that is not parallel as some lack it."""
    also: tuple[str, ...] = ()
    """Further metrics that are counted and recorded beside the one that ranks."""
    version: int = 1
    """Raised whenever a change to the task changes scores."""

    def __post_init__(self) -> None:
        """Refuse what cannot be a task, all at once. Raises BadOption."""
        wrong = [
            f"{name} must be a tuple of texts, each once"
            for name in ("targets", "labels", "also")
            if not isinstance(value := getattr(self, name), tuple) or len(set(value)) < len(value)
        ]
        if not self.targets:
            wrong.append("it has no targets")
        if self.shares_items and (self.parallel or not self.id):
            wrong.append("`shares_items` is for sets that are not parallel, whose items have ids")
        if self.metric in self.also:
            wrong.append(f"{self.metric} ranks and stands in `also` too")
        if not 0.0 <= self.chance < 1.0:
            wrong.append(f"chance must lie in 0..1, but is {self.chance}")
        if wrong:
            raise BadOption(f"task {self.name!r}: {'; '.join(wrong)}")

    @property
    def training(self) -> Source:
        """Where the training rows and the dev rows of the source language lie."""
        return self.train_data or self.data

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metric that ranks, then the others."""
        return (self.metric, *self.also)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Tasks, and perhaps encoders and a recipe, that belong together."""

    name: str
    title: str
    tasks: tuple[str, ...]
    encoders: tuple[str, ...] = ()
    """Encoders that are run when none is named."""
    recipe: str = "standard"
    seeds: int = 1
    """How many seeds are run when none is asked for."""
