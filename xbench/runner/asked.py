"""The encoders that an order asks for; the recipe and the source language, of one task."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from xbench import catalogue, languages
from xbench.checkpoint import locate
from xbench.encoder import Encoder
from xbench.errors import BadOption, Faults, UnknownName
from xbench.recipe import Book, Recipe
from xbench.runner.order import Order
from xbench.task import Task


def encoders_of(order: Order, faults: Faults) -> list[Encoder]:
    """The encoders of an order, each name once. Folders that are here are looked into; nothing is loaded or fetched."""
    found: dict[str, Encoder] = {}
    for name in dict.fromkeys(order.encoders):
        with faults:
            encoder = catalogue.encoder(name)
            if encoder.name in found:
                meant = name.removeprefix(f"{encoder.name}=")
                said = f"two encoders are called {encoder.name!r}; give one another name: --encoder NAME={meant}"
                raise BadOption(said)
            found[encoder.name] = encoder
            if _is_here(encoder):
                locate(encoder)
    return list(found.values())


def _is_here(encoder: Encoder) -> bool:
    """Whether the checkpoint is neither made nor on the Hub: it lies in a folder, or is none."""
    try:
        return not encoder.made and (not encoder.checkpoint or Path(encoder.checkpoint).expanduser().exists())
    except OSError:  # `locate` says what may not be read
        return True


def recipe_of(task: Task, kind: Any, book: Book, order: Order) -> Recipe:
    """The recipe for a task, with the options that change it. Raises BadOption."""
    recipe = book.recipe(task.name, task.kind)
    if recipe is None:
        raise BadOption(
            f"recipe {book.name!r} says nothing of tasks of the kind {task.kind!r} ({task.name}); "
            f"it has {', '.join(book.kinds)}"
        )
    if recipe.watches_dev and not task.training.dev:
        looks = "selects on" if recipe.selection == "source-dev" else "has patience, which looks at"
        raise BadOption(
            f"recipe {book.name!r} {looks} the source's dev split, but {task.name} has none that may be used for it"
        )
    if recipe.selection == "oracle" and not kind.trained and not hasattr(kind, "tune"):
        raise BadOption(f"recipe {book.name!r} selects by oracle, but nothing is trained for {task.name}")
    if recipe.selection == "oracle" and kind.trained and not recipe.epochs and not recipe.steps:
        raise BadOption(f"recipe {book.name!r} says neither epochs nor steps for {task.name}")
    if order.precision:
        recipe = replace(recipe, precision=order.precision)
    trains = kind.trained and recipe.selection != "none"
    return recipe.limited(train=order.limit_train if trains else 0, test=order.limit_test)


def source_of(task: Task, wanted: str) -> str:
    """The language trained on, in the task's own code. Raises UnknownName, BadOption."""
    if not wanted or languages.same(wanted, task.source):
        return task.source
    if "{language}" not in task.training.config and task.training.keep is None:
        raise BadOption(
            f"{task.name} can be trained on {task.source!r} only: "
            f"its training set {task.training.repo} is in one language"
        )
    found = languages.match(wanted, task.targets)
    if not found:
        raise UnknownName(f"source language of {task.name}:", wanted, task.targets)
    return found[0]
