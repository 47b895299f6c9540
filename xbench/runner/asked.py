"""The recipe and the source language that an order asks for, of one task."""

from dataclasses import replace
from typing import Any

from xbench import catalogue, languages
from xbench.errors import BadOption, UnknownName
from xbench.recipe import Recipe
from xbench.runner.order import Order
from xbench.task import Task


def recipe_of(task: Task, kind: Any, order: Order) -> Recipe:
    """The recipe for a task, with the options that change it. Raises UnknownName, BadOption."""
    book = catalogue.recipes.open(order.recipe)
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
