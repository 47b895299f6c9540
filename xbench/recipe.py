"""Every number that changes what is learned or scored."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeAlias, get_args

from xbench.errors import BadOption

Selection: TypeAlias = Literal["source-dev", "last", "none", "oracle"]
"""How the checkpoint is chosen: best on the source's dev split; the last; nothing is trained at all; or for each
language the best on its own dev split, which is no zero-shot transfer any more. Where nothing is trained, oracle
chooses the threshold of each language (mining)."""

Precision: TypeAlias = Literal["auto", "fp32", "tf32", "bf16"]
Method: TypeAlias = Literal["full", "frozen-embeddings"]
Pooling: TypeAlias = Literal["own", "mean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to fine-tune for one kind of task and to score it."""

    name: str
    epochs: float = 0.0
    """Passes over the training rows; ignored where `steps` is given."""
    steps: int = 0
    """Optimizer steps; 0 = from `epochs`."""
    batch: int = 32
    """Examples per optimizer step."""
    rate: float = 2e-5
    """Peak learning rate of AdamW."""
    warmup: int = 0
    """Steps of linear warm-up before the linear decay to 0."""
    decay: float = 0.0
    """Weight decay, not applied to biases and layer norms."""
    clip: float = 1.0
    """Largest gradient norm."""
    length: int = 128
    """Most tokens of an example or window, special tokens included."""
    stride: int = 128
    """Tokens from the start of one window to that of the next (spans): a step, as `doc_stride` in SQuAD scripts."""
    query: int = 64
    """Most tokens of a question (spans)."""
    answer: int = 30
    """Most tokens of an answer (spans)."""
    nbest: int = 20
    """Start and end candidates that are combined (spans)."""
    precision: Precision = "auto"
    """auto = bfloat16 autocast where the device is fast at it, else float32; the record says which. tf32 = float32, but
    a GPU rounds what it multiplies to 10 bits. Weights are float32 always."""
    selection: Selection = "source-dev"
    select_every: int = 0
    """Steps between two scores on the dev split; 0 = once an epoch."""
    patience: int = 0
    """Scores on the source's dev split without a better one after which training ends; 0 = never."""
    method: Method = "full"
    """What is trained: all weights, or all but the input embeddings."""
    layer: int = 0
    """Block whose output is pooled (retrieval), counted from 1; 0 = the last."""
    middle: bool = False
    """Take block `blocks // 2 + 1` instead of `layer`: 7 of 12, 13 of 24, as XTREME's scripts do."""
    pooling: Pooling = "own"
    """Sentence vectors: as the checkpoint's own pooling says and mean where it says nothing, or mean always."""
    centre: bool = False
    """Whether each language's mean vector is taken off before the cosine (retrieval)."""
    threshold: float = 0.0
    """Margin from which on a pair is proposed (mining); 0 = every pair. Where each language's own dev split chooses
    (`selection` is oracle), it chooses this, and what stands here is not used."""
    limit_train: int = 0
    """Training rows that are used, the first ones; 0 = all."""
    limit_test: int = 0
    """Rows scored in each language, the first ones; 0 = all."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense, all at once. Raises BadOption."""
        least = {"batch": 1, "length": 1, "stride": 1, "query": 1, "answer": 1, "nbest": 1, "rate": 0.0, "clip": 0.0}
        rest = ("epochs", "steps", "warmup", "decay", "select_every", "patience", "layer", "threshold")
        limits = ("limit_train", "limit_test")
        wrong = [
            f"{name} must be at least {low}, but is {getattr(self, name)}"
            for name, low in (least | dict.fromkeys((*rest, *limits), 0)).items()
            if not getattr(self, name) >= low
        ]
        words = {"selection": Selection, "precision": Precision, "method": Method, "pooling": Pooling}
        wrong += [
            f"{name} is {getattr(self, name)!r}, but must be one of {', '.join(get_args(kinds))}"
            for name, kinds in words.items()
            if getattr(self, name) not in get_args(kinds)
        ]
        if wrong:
            raise BadOption(f"recipe {self.name!r}: {'; '.join(wrong)}")

    @property
    def watches_dev(self) -> bool:
        """Whether the source's dev split is scored on the way: to choose a checkpoint, or to know when to stop."""
        return self.selection == "source-dev" or self.patience > 0

    def selecting(self, rule: Selection) -> "Recipe":
        """The same fine-tuning with another rule of selection, under a name that says so."""
        return replace(self, name=f"{self.name}-{rule}", selection=rule)

    def renamed(self, name: str) -> "Recipe":
        """The same numbers under another name."""
        return replace(self, name=name)

    def limited(self, *, train: int = 0, test: int = 0) -> "Recipe":
        """This recipe on fewer rows, under a name that says so."""
        name = self.name + (f"-train{train}" if train else "") + (f"-test{test}" if test else "")
        return replace(self, name=name, limit_train=train or self.limit_train, limit_test=test or self.limit_test)

    def numbers(self) -> dict[str, object]:
        """Everything but the name: two recipes with equal numbers learn and score alike."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}

    def digest(self) -> str:
        """Twelve hexadecimal digits that stand for the numbers, without what never changes a score noticeably.

        Numbers that are what they are by default are left out: a field that is new leaves the old digests as they were.
        """
        usual = {f.name: f.default for f in fields(self)} | {"precision": self.precision}
        told = {name: value for name, value in self.numbers().items() if value != usual[name]}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Recipes under one name: one for each kind of task, with what single tasks change in it."""

    name: str
    title: str
    cite: str = ""
    kinds: Mapping[str, Recipe]
    """Kind -> recipe."""
    tasks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Task -> fields of the recipe that differ for it."""

    def __post_init__(self) -> None:
        """Refuse recipes that never end or never begin, and changes of what no recipe has. Raises BadOption."""
        for kind, recipe in self.kinds.items():
            # What oracle chooses may be a threshold, after no training at all; the plan knows the kind.
            if recipe.selection in ("source-dev", "last") and not recipe.epochs and not recipe.steps:
                raise BadOption(f"recipe {self.name!r} says neither epochs nor steps for {kind}")
        known = {f.name for f in fields(Recipe)}
        for task, changes in self.tasks.items():
            if strange := sorted(changes.keys() - known):
                raise BadOption(f"recipe {self.name!r} changes {', '.join(strange)} for {task}, which no recipe has")

    def recipe(self, task: str, kind: str) -> Recipe | None:
        """The recipe for a task, or None where this book has none for its kind."""
        base = self.kinds.get(kind)
        return replace(base, **self.tasks.get(task, {})) if base else None  # type: ignore[arg-type]
