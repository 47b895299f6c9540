"""Tasks that a tiny random encoder learns within a hundred steps, and what is needed to fine-tune one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from xbench.encoder import Encoder
from xbench.kinds import Kind, Setting
from xbench.opening import Opened, open_encoder
from xbench.recipe import Recipe
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
