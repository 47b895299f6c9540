"""Tasks that a tiny random encoder learns within a hundred steps, and what is needed to fine-tune one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from xbench.encoder import Encoder
from xbench.fit import Fitted, fit
from xbench.kinds import Kind, Setting
from xbench.kinds.pairs import kind as pairing
from xbench.opening import Opened, open_encoder
from xbench.recipe import Recipe
from xbench.runner import Silent
from xbench.selection import SOURCE_DEV, Judge, Jury
from xbench.task import Choice, Pair

WORDS = ["the", "old", "farmer", "sold", "red", "cart", "baker", "river", "young", "bought", "green"]

TEXTS = (" ".join([*WORDS, "dog", "market"]),) * 20
"""What a tokenizer of the toys' words is trained on."""

RECIPE = Recipe(name="toy", steps=60, batch=16, rate=3e-3, selection="last")


def words(rng: np.random.Generator, least: int = 2, most: int = 8) -> str:
    """A few words that mean nothing."""
    return " ".join(rng.choice(WORDS, rng.integers(least, most + 1)))


def pairs(number: int, *, second: bool = True, seed: int = 0) -> list[Pair]:
    """`yes` where the last sentence has the word dog, `no` where it has the word market."""
    rng = np.random.default_rng(seed)
    examples = []
    for index in range(number):
        text = f"{('market', 'dog')[index % 2]} {words(rng)}"
        label = ("no", "yes")[index % 2]
        examples.append(Pair(words(rng), text, label) if second else Pair(text, None, label))
    return examples


def choices(number: int, seed: int = 0) -> list[Choice]:
    """The right option is the one with the word dog; there are two or three options."""
    rng = np.random.default_rng(seed)
    examples = []
    for index in range(number):
        among = 2 + index % 2
        right = int(rng.integers(among))
        options = tuple(f"{'dog' if place == right else 'market'} {words(rng)}" for place in range(among))
        examples.append(Choice(words(rng), options, right))
    return examples


def set_up(folder: Path, kind: Kind, labels: Sequence[str] = (), **recipe: object) -> tuple[Opened, Setting]:
    """An opened encoder and the setting to fine-tune it in, with changes to the recipe."""
    opened = open_encoder(Encoder(name="tiny", checkpoint=str(folder)), kind, labels, seed=0)
    taken = replace(RECIPE, **recipe)  # type: ignore[arg-type]
    setting = Setting(
        labels=tuple(labels),
        recipe=taken,
        tokenizer=opened.tokenizer,
        typed=opened.typed,
        limit=min(taken.length, opened.positions),
    )
    return opened, setting


def changed(kind: Any, **parts: Any) -> Any:
    """A kind with some of its parts replaced."""
    names = (
        "name",
        "auto",
        "trained",
        "per_token",
        "grouped",
        "words",
        "outputs",
        "encode",
        "forward",
        "loss",
        "decode",
    )
    return SimpleNamespace(**{name: getattr(kind, name) for name in names} | parts)


def encoder(folder: Path | str, **more: str) -> Encoder:
    """An encoder in a folder or on the Hub."""
    return Encoder(name="tiny", checkpoint=str(folder), **more)


def change_config(folder: Path, **changes: object) -> None:
    """Write other values into a checkpoint's configuration."""
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | changes))


def remove(folder: Path, *names: str) -> None:
    """Take files out of a checkpoint."""
    for name in names:
        (folder / name).unlink()


def sentence_embedder(folder: Path, pooling: dict[str, object], *more: str) -> None:
    """Make a checkpoint one of sentence-transformers, with steps after its pooling."""
    steps = [("Transformer", ""), ("Pooling", "1_Pooling"), *((name, f"2_{name}") for name in more)]
    modules = [{"path": path, "type": f"sentence_transformers.models.{name}"} for name, path in steps]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 48}')
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def train(
    opened: Opened, setting: Setting, *, using: Any = pairing, examples: Any = None, seed: int = 1,
    dev_score: Callable[[], float] | None = None, **more: Any,
) -> Fitted:  # fmt: skip
    """Fine-tune on the CPU, on pairs unless other examples are given; `dev_score` is the judge of the source's dev split."""
    jury = Jury({SOURCE_DEV: Judge(score=dev_score)}) if dev_score else None
    features = using.encode(pairs(64) if examples is None else examples, setting, training=True)
    more = {"device": "cpu", "precision": "fp32", "jury": jury} | more
    return fit(opened, using, features, setting, seed=seed, **more)


def book(folder: Path, name: str, rule: str, **more: object) -> Path:
    """A file with a recipe of a few steps and five checkpoints to choose from."""
    said = {"steps": 20, "batch": 8, "rate": 1e-2, "length": 32, "select_every": 4, "selection": rule} | more
    fields = ", ".join(f"{key}={value!r}" for key, value in said.items())
    file = folder / f"{name}.py"
    file.write_text(
        "from xbench.recipe import Book, Recipe\n"
        f"recipe = Book(name={name!r}, title='', kinds={{'pairs': Recipe(name={name!r}, {fields})}})\n"
    )
    return file


class Counting(Silent):
    """Hears how often something is fine-tuned."""

    def __init__(self) -> None:
        self.fine_tunings = 0

    def begin(self, what: str, total: int) -> None:
        """Count it."""
        self.fine_tunings += what.startswith("fine-tuning")


def weights(opened: Opened) -> dict[str, torch.Tensor]:
    """A copy of every weight."""
    return {name: parameter.detach().clone() for name, parameter in opened.model.named_parameters()}


def moved(before: dict[str, torch.Tensor], opened: Opened) -> set[str]:
    """Names of the weights that are not what they were."""
    return {name for name, tensor in weights(opened).items() if not torch.equal(tensor, before[name])}


def apart(one: Opened, other: Opened) -> float:
    """Largest difference between two encoders' weights."""
    left, right = weights(one), weights(other)
    return max(float((left[name] - right[name]).abs().max()) for name in left)
