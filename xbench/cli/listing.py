"""The verbs that list what there is. None of them imports torch."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

from xbench import catalogue
from xbench import languages as known
from xbench.catalogue import Door

KEPT = ("name", "code", "target", "kind", "metric")
"""Columns whose values are typed again elsewhere: one that lacks its end would name another thing, or nothing."""
SHORT = 14
"""Cells of a terminal that any column may have without being cut."""
LEAST = 12
"""Cells of a column that is cut where there is no more room."""
GAP = 2
"""Cells between two columns, and at both ends."""
UNBOUNDED = 10_000
"""Cells of a line that goes into a file."""

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]


def tasks(as_json: AsJson = False) -> None:
    """List the tasks: kind, source, targets, metric, licence.

    \b
    Example:
      xbench tasks --json
    """
    rows, faults = _opened(catalogue.tasks)
    items = [
        {
            "name": task.name, "kind": task.kind, "title": task.title, "source": task.source,
            "targets": list(task.targets), "metric": task.metric, "also": list(task.also), "chance": task.chance,
            "parallel": task.parallel, "shares_items": task.shares_items, "data": task.data.repo,
            "train_data": task.training.repo, "licence": task.licence, "citation": task.cite, "distribution": owner,
        }
        for owner, task in rows
    ]  # fmt: skip
    columns = ("name", "kind", "source", "targets", "metric", "title")
    _show(items, faults, columns, as_json)


def encoders(as_json: AsJson = False) -> None:
    """List the encoders that have a name here. A checkpoint folder or a Hub id works wherever a name does.

    \b
    Example:
      xbench encoders
    """
    rows, faults = _opened(catalogue.encoders)
    items = [asdict(encoder) | {"seen": list(encoder.seen), "distribution": owner} for owner, encoder in rows]
    _show(items, faults, ("name", "checkpoint", "seen", "licence"), as_json)


def suites(as_json: AsJson = False) -> None:
    """List the suites: tasks that are run together.

    \b
    Example:
      xbench suites
    """
    rows, faults = _opened(catalogue.suites)
    items = [asdict(suite) | {"distribution": owner} for owner, suite in rows]
    _show(items, faults, ("name", "tasks", "encoders", "recipe", "title"), as_json)


def recipes(as_json: AsJson = False) -> None:
    """List the recipes: every number of fine-tuning, under a name.

    \b
    Example:
      xbench recipes --json
    """
    rows, faults = _opened(catalogue.recipes)
    items = [
        {
            "name": book.name, "title": book.title, "citation": book.cite,
            "kinds": {kind: asdict(recipe) for kind, recipe in book.kinds.items()},
            "tasks": {task: dict(changes) for task, changes in book.tasks.items()}, "distribution": owner,
        }
        for owner, book in rows
    ]  # fmt: skip
    _show(items, faults, ("name", "kinds", "title"), as_json)


def languages(
    task: Annotated[str, typer.Option("--task", help="Only the languages of this task, in its own codes.")] = "",
    as_json: AsJson = False,
) -> None:
    """List languages: codes, names, script, direction, family, resources.

    \b
    Example:
      xbench languages --task xnli
    """
    if task:
        items = [{"target": code} | asdict(known.language(code)) for code in catalogue.tasks.open(task).targets]
    else:
        items = [asdict(language) for language in known.known()]
    columns = (("target",) if task else ()) + ("code", "script", "name", "autonym", "family", "resource_class")
    _show(items, {}, columns, as_json)


def _opened(door: Door[Any]) -> tuple[list[tuple[str, Any]], dict[str, str]]:
    """Every value behind a door with its distribution, and the names that cannot be opened, with the reason."""
    values, faults = catalogue.opened(door)
    return [(catalogue.owner(door, name), value) for name, value in values.items()], faults


def _show(items: Sequence[dict[str, Any]], faults: dict[str, str], columns: Sequence[str], as_json: bool) -> None:
    if as_json:
        broken = [{"name": name, "broken": why} for name, why in faults.items()]
        typer.echo(json.dumps([*items, *broken], indent=1, ensure_ascii=False))
        return
    cells = [[_brief(item[column]) for column in columns] for item in items]
    console = Console()
    room = console.width if _on_terminal() else UNBOUNDED
    widths = _widths(columns, cells, room)
    console.width = max(room, sum(widths) + GAP * (len(widths) + 1))
    parts = [
        Column(name, no_wrap=True, overflow="ellipsis", width=width)
        for name, width in zip(columns, widths, strict=True)
    ]
    table = Table(*parts, box=SIMPLE, padding=(0, 1, 0, 0))
    for row in cells:
        table.add_row(*row)
    console.print(table)
    for fault in faults.values():
        console.print(fault, style="yellow", markup=False)


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[int]:
    """Cells of each column: all that it holds where that is short or must stay whole, else what room is left for it.

    What a reader copies is never cut: on a narrow terminal lines are longer than it is.
    """
    texts = list(zip(columns, *cells, strict=True))
    longest = [max(map(cell_len, own)) for own in texts]
    whole = [
        width <= SHORT or (name in KEPT and not any(" " in text for text in own))
        for width, (name, *own) in zip(longest, texts, strict=True)
    ]
    left = room - GAP * (len(columns) + 1) - sum(width for width, kept in zip(longest, whole, strict=True) if kept)
    share = max(left // max(whole.count(False), 1), LEAST)
    return [width if kept else min(width, share) for width, kept in zip(longest, whole, strict=True)]


def _on_terminal() -> bool:
    """Whether somebody reads along, and no file or program does."""
    return sys.stdout.isatty()


def _brief(value: Any) -> str:
    """A value in one cell: long lists by their length."""
    if value is None:
        return ""
    if isinstance(value, list | tuple | dict):
        return ", ".join(map(str, value)) if len(value) <= 6 else f"{len(value)}"
    return str(value)
