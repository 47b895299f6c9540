"""From what a user asks for to what has to be done: names resolved, finished runs left out, fine-tunings shared."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xbench import catalogue, data, languages, store
from xbench.checkpoint import identify
from xbench.encoder import Encoder
from xbench.errors import AlreadyRecorded, BadOption, DataError, Faults, UnknownName
from xbench.recipe import Precision, Recipe
from xbench.record import Record, Run
from xbench.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a user asks for, in the user's words."""

    encoders: tuple[str, ...]
    tasks: tuple[str, ...]
    recipe: str
    source: str = ""
    """Empty = each task's own."""
    languages: tuple[str, ...] = ()
    """Empty = every target of the task."""
    seeds: tuple[int, ...] = (0,)
    data: Path | None = None
    board: Path
    limit_train: int = 0
    limit_test: int = 0
    device: str = "auto"
    precision: Precision | None = None
    """None = as the recipe says."""
    micro_batch: int = 0
    trust_remote_code: bool = False


def order(
    encoders: Sequence[str], tasks: Sequence[str], *, suite: str = "", recipe: str = "", seeds: int | Sequence[int] = 0,
    **wishes: Any,
) -> Order:  # fmt: skip
    """An order, with what a suite leaves open filled in from it. `wishes` are the other fields of Order.

    `seeds` is how many, counted from 0, or which ones; 0 = as many as the suite says, else one.
    Raises UnknownName, BadOption.
    """
    if suite and tasks:
        raise BadOption(f"a suite ({suite}) and tasks ({', '.join(tasks)}) were both named; name one of the two")
    opened = catalogue.suites.open(suite) if suite else None
    if not tasks and opened is None:
        raise BadOption(
            f"name tasks with --task or a suite with --suite. Suites: {', '.join(catalogue.suites.names())}."
        )
    encoders = tuple(encoders) or (opened.encoders if opened else ())
    if not encoders:
        raise BadOption("name an encoder with --encoder: a registered name (`xbench encoders`), a folder, or a Hub id")
    several = seeds or (opened.seeds if opened else 1)
    return Order(
        encoders=encoders,
        tasks=tuple(tasks) or (opened.tasks if opened else ()),
        recipe=recipe or (opened.recipe if opened else "standard"),
        seeds=tuple(range(several)) if isinstance(several, int) else tuple(several),
        **wishes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run that is to be done, or the part of it that is."""

    run: Run
    task: Task
    kind: Any
    encoder: Encoder
    recipe: Recipe
    languages: tuple[str, ...]
    """Targets still to be scored."""

    def fitting(self) -> tuple[str, ...]:
        """Jobs with equal values need one fine-tuning between them."""
        task = self.task
        if not self.kind.trained:
            return (task.kind, self.encoder.name, "untrained")
        learned = {name: value for name, value in self.recipe.learned().items() if name != "limit_test"}
        return (
            task.kind, self.encoder.name, str(self.run.seed), self.run.source, " ".join(task.labels),
            repr(task.training), repr(task.train_read or task.read), repr(sorted(learned.items())),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that an order comes to."""

    groups: tuple[tuple[Job, ...], ...]
    """Jobs that share one fine-tuning stand together."""
    finished: tuple[tuple[Path, Record], ...]
    """Records that stand on the board already."""
    notes: tuple[str, ...]
    """What was left out, and why."""


def plan(order: Order) -> Plan:
    """Resolve every name and see what is left to do. Nothing is trained, nothing is written but the board's folder.

    Raises XbenchError; where several things are wrong, one that says them all.
    """
    faults = Faults()
    encoders = _encoders(order, faults)
    tasks, notes = _tasks(order, faults)
    with faults:
        store.writable(order.board)
    faults.raise_any()
    jobs: list[Job] = []
    finished: list[tuple[Path, Record]] = []
    for encoder, weights in encoders:
        for job in (replace(job, run=replace(job.run, encoder=encoder.name), encoder=encoder) for job in tasks):
            for seed in order.seeds if job.kind.trained else order.seeds[:1]:
                with faults:
                    seeded = replace(job, run=replace(job.run, seed=seed))
                    records = store.find(order.board, seeded.run)
                    _same_origin(records, seeded, weights)
                    finished += records
                    left = _left(seeded, records, order.data)
                    jobs += [replace(seeded, languages=left)] if left else []
    faults.raise_any()
    return Plan(groups=_grouped(jobs), finished=tuple(finished), notes=tuple(notes))


def _encoders(order: Order, faults: Faults) -> list[tuple[Encoder, str]]:
    """Each encoder with the hash of its weights, so that a folder that cannot be opened is told at once."""
    found: dict[str, tuple[Encoder, str]] = {}
    for name in dict.fromkeys(order.encoders):
        with faults:
            encoder = catalogue.encoder(name)
            if encoder.name in found:
                raise BadOption(
                    f"two encoders are called {encoder.name!r}; give one another name: --encoder NAME={name}"
                )
            found[encoder.name] = (encoder, identify(encoder).weights)
    return list(found.values())


def _tasks(order: Order, faults: Faults) -> tuple[list[Job], list[str]]:
    """One job for each task, its encoder and seed still open, and what was left out."""
    jobs: dict[str, Job] = {}
    unknown: dict[str, list[str]] = {}
    for name in dict.fromkeys(order.tasks):
        with faults:
            task = catalogue.tasks.open(name)
            for metric in task.metrics:
                catalogue.metrics.open(metric)
            source = _source(task, order.source)
            recipe = _recipe(task, order)
            targets, strange = _targets(task, order.languages)
            unknown[task.name] = strange
            run = Run(task.name, "", recipe.name, source, 0)
            kind = catalogue.kinds.open(task.kind)
            jobs[task.name] = Job(
                run=run, task=task, kind=kind, encoder=Encoder(name=""), recipe=recipe, languages=targets
            )
    for language in order.languages:
        lacking = [name for name, strange in unknown.items() if language in strange]
        if lacking and len(lacking) == len(unknown):
            known = {code for job in jobs.values() for code in job.task.targets}
            faults.found.append(UnknownName(f"language of {', '.join(lacking)}:", language, known))
    notes = [f"{name} has no {', '.join(strange)}" for name, strange in unknown.items() if strange]
    return [job for job in jobs.values() if job.languages], notes


def _recipe(task: Task, order: Order) -> Recipe:
    """The recipe for a task, with the options that change it. Raises UnknownName, BadOption."""
    book = catalogue.recipes.open(order.recipe)
    recipe = book.recipe(task.name, task.kind)
    if recipe is None:
        raise BadOption(
            f"recipe {book.name!r} says nothing of tasks of the kind {task.kind!r} ({task.name}); "
            f"it has {', '.join(book.kinds)}"
        )
    if recipe.selection == "source-dev" and not task.training.dev:
        raise BadOption(
            f"recipe {book.name!r} selects on the source's dev split, but {task.name} has none that may be used for it"
        )
    if order.precision:
        recipe = replace(recipe, precision=order.precision)
    return recipe.limited(train=order.limit_train if recipe.selection != "none" else 0, test=order.limit_test)


def _source(task: Task, wanted: str) -> str:
    """The language trained on, in the task's own code. Raises UnknownName, BadOption."""
    if not wanted:
        return task.source
    if languages.same(wanted, task.source):
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


def _targets(task: Task, wanted: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The targets meant by the codes of a user, and the codes that this task does not know."""
    if not wanted:
        return task.targets, []
    meant = {code: languages.match(code, task.targets) for code in wanted}
    found = {target for targets in meant.values() for target in targets}
    return tuple(target for target in task.targets if target in found), [code for code in wanted if not meant[code]]


def _same_origin(records: Sequence[tuple[Path, Record]], job: Job, weights: str) -> None:
    """Refuse to take, or to go on with, records of the same name that come from something else.

    Raises AlreadyRecorded.
    """
    for path, record in records:
        if record.provenance.weights != weights:
            raise AlreadyRecorded(
                f"{path} was made from other weights that also went by the name {job.encoder.name!r}; "
                "records are never overwritten. "
                "Name this checkpoint otherwise (--encoder NAME=CHECKPOINT) or take another --board."
            )
        then, now = dict(record.provenance.recipe), json.loads(json.dumps(job.recipe.learned()))
        if then != now:
            differ = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
            raise AlreadyRecorded(
                f"{path} was made by a recipe of the same name with another {', '.join(differ)}; "
                "take another --board, or give the recipe another name."
            )


def _left(job: Job, records: Sequence[tuple[Path, Record]], mirror: Path | None) -> tuple[str, ...]:
    """Targets without a score. One recorded as missing counts as done unless its rows are there by now."""
    scored = {score.language for _, record in records for score in record.scores}
    missing = {cell.language for _, record in records for cell in record.missing} - scored
    return tuple(
        language
        for language in job.languages
        if language not in scored and (language not in missing or _has_come(job.task, language, mirror))
    )


def _has_come(task: Task, language: str, mirror: Path | None) -> bool:
    try:
        data.scored_split(task, language, data=mirror)
    except DataError:
        return False
    return True


def _grouped(jobs: Iterable[Job]) -> tuple[tuple[Job, ...], ...]:
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.fitting(), []).append(job)
    return tuple(tuple(group) for group in groups.values())
