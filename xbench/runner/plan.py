"""From what a user asks for to what has to be done: names resolved, finished runs left out, fine-tunings shared."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xbench
from xbench import catalogue, data, store
from xbench.checkpoint import identify
from xbench.encoder import Encoder
from xbench.errors import AlreadyRecorded, BadOption, BadRecord, DataError, Faults, UnknownName
from xbench.recipe import Book, Recipe, Selection
from xbench.record import Record, Run, parts
from xbench.runner.asked import encoders_of, recipe_of, source_of
from xbench.runner.order import Order
from xbench.task import Source, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run that is to be done, or the part of it that is."""

    run: Run
    task: Task
    kind: Any
    encoder: Encoder
    recipe: Recipe
    metric: str
    """Own name of the metric that ranks, as scores carry it."""
    languages: tuple[str, ...]
    """Targets still to be scored."""
    rules: tuple[str, ...] = ()
    """Every rule of selection that is asked for of this fine-tuning, whether it is on the board already or not."""
    weights: str = ""
    """Fingerprint of the encoder's checkpoint; empty where it was not looked at."""

    def fitting(self) -> tuple[str, ...]:
        """Jobs with equal values need one fine-tuning between them, or are scored by one opened encoder."""
        task, after = self.task, ("limit_test", "selection")
        numbers = {name: value for name, value in self.recipe.numbers().items() if name not in after}
        needed = (task.kind, self.encoder.name, " ".join(task.labels), repr(numbers))
        if not self.kind.trained:
            return needed
        # The metric is what a dev split is scored by.
        return (
            *needed, str(self.run.seed), self.run.source, repr(task.training), repr(task.train_read or task.read),
            task.metric if task.training.dev else "",
        )  # fmt: skip

    @property
    def tuned(self) -> bool:
        """Whether nothing is trained, and each language's own dev split chooses its threshold."""
        return self.recipe.selection == "oracle" and not self.kind.trained

    def own_dev(self, language: str) -> Source | None:
        """Where the dev split lies that chooses for this language alone; None where none may be used."""
        of_source = language == self.run.source and self.task.training.dev
        source = self.task.training if of_source else self.task.data
        return source if source.dev else None

    def chose(self, language: str, split: str) -> bool:
        """Whether this split of this language chooses the checkpoint, or when to stop, and so cannot score it."""
        train, test = self.task.training, self.task.data
        choosing = [train] if self.recipe.watches_dev and language == self.run.source else []
        if self.recipe.selection == "oracle" and (own := self.own_dev(language)):
            choosing.append(own)
        scored = (test.repo, test.config_of(language), split)
        return scored in [(source.repo, source.config_of(language), source.dev) for source in choosing]

    def compared(self) -> dict[str, str]:
        """The parts of the signature that are known before anything is done."""
        return {
            "task": self.task.name,
            "taskversion": str(self.task.version),
            "metric": self.metric,
            "source": self.run.source,
            "selection": self.recipe.selection,
            "recipe": f"{self.recipe.name}#{self.recipe.digest()}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that an order comes to."""

    groups: tuple[tuple[Job, ...], ...]
    """Jobs that share one fine-tuning stand together."""
    finished: tuple[tuple[Path, Record], ...]
    """Records that stand on the board already."""
    notes: tuple[str, ...]
    """What was left out, and why."""


def plan(order: Order, *, fetch: bool = True) -> Plan:
    """Resolve every name and see what is left to do. Nothing is trained, nothing is written but the board's folder.

    With `fetch` the encoders' checkpoints are downloaded, or made, and compared with those of records that stand on
    the board; without, only folders that are here are looked into. Raises XbenchError; where several things are wrong,
    one that says them all.
    """
    faults, weights = Faults(), dict[str, str]()
    tasks, notes = _tasks(order, faults)
    encoders = encoders_of(order, faults)
    with faults:
        store.writable(order.board)
    faults.raise_any()
    for encoder in encoders:
        with faults:
            weights[encoder.name] = identify(encoder).weights if fetch else ""
    faults.raise_any()
    jobs: list[Job] = []
    finished: list[tuple[Path, Record]] = []
    fitted: set[tuple[str, ...]] = set()
    for encoder in encoders:
        for job in (replace(job, encoder=encoder, weights=weights[encoder.name]) for job in tasks):
            for seed in order.seeds if job.kind.trained else (0,):
                with faults:
                    seeded = replace(job, run=replace(job.run, encoder=encoder.name, seed=seed))
                    left, records = look(seeded, order)
                    finished += records
                    jobs += [replace(seeded, languages=left)] if left else []
                    if records and not left and job.kind.trained:
                        fitted.add((seeded.task.name, *seeded.fitting()))
    faults.raise_any()
    notes += [
        f"{job.run} is not on the board, but others of its fine-tuning are; it is fine-tuned once more for this one"
        for job in jobs
        if (job.task.name, *job.fitting()) in fitted
    ]
    return Plan(groups=_grouped(jobs), finished=tuple(finished), notes=tuple(notes))


def look(job: Job, order: Order) -> tuple[tuple[str, ...], tuple[tuple[Path, Record], ...]]:
    """The languages of a job that are not on the board, and the records of it that are.

    Raises BadRecord; AlreadyRecorded where such a record comes from something else under the same names.
    """
    records = store.find(order.board, job.run)
    left = _left(job, records, order.data)
    _same_origin(records, _beside(order.board, job.run) if left else (), replace(job, languages=left))
    return left, records


def _tasks(order: Order, faults: Faults) -> tuple[list[Job], list[str]]:
    """One job for each task, its encoder and seed still open, and what was left out."""
    jobs: dict[str, Job] = {}
    unknown: dict[str, tuple[str, ...]] = {}
    book = None
    with faults:
        book = catalogue.recipes.open(order.recipe)
    for name in dict.fromkeys(order.tasks):
        with faults:
            task = catalogue.tasks.open(name)
            if task.name in jobs:
                raise BadOption(f"two tasks are called {task.name!r}; one of them is {name}")
            jobs[task.name], unknown[task.name] = _job(task, order, book)
    for language in order.languages:
        lacking = [name for name, strange in unknown.items() if language in strange]
        if lacking and len(lacking) == len(unknown):
            known = {code for job in jobs.values() for code in job.task.targets}
            faults.found.append(UnknownName(f"language of {', '.join(lacking)}:", language, known))
    notes = [f"{name} has no {', '.join(strange)}" for name, strange in unknown.items() if strange]
    chosen: list[Job] = []
    for job in jobs.values():
        several, told = _selecting(job, order.also_select)
        chosen += several if job.languages else []
        notes += told
    return chosen, notes


def _selecting(job: Job, also: Sequence[Selection]) -> tuple[list[Job], list[str]]:
    """The job, one more for each further rule of selection, and why there is none for a rule."""
    own, name = job.recipe.selection, job.task.name
    rules = [rule for rule in dict.fromkeys(also) if rule != own]
    notes = []
    if own == "none" or not job.kind.trained:
        # What is not trained may still have a threshold to choose.
        idle = [rule for rule in rules if rule != "oracle" or not hasattr(job.kind, "tune")]
        if idle:
            notes.append(f"nothing is trained for {name}, so there is no checkpoint to select by {', '.join(idle)}")
        rules = [rule for rule in rules if rule not in idle]
    if "source-dev" in rules and not job.task.training.dev:
        rules.remove("source-dev")
        notes.append(f"{name} has no dev split of the source that may be used, so nothing is selected by source-dev")
    job = replace(job, rules=(own, *rules))
    recipes = [job.recipe, *map(job.recipe.selecting, rules)]
    return [replace(job, recipe=recipe, run=replace(job.run, recipe=recipe.name)) for recipe in recipes], notes


def _job(task: Task, order: Order, book: Book | None) -> tuple[Job, tuple[str, ...]]:
    """The job of a task, and the languages asked for that it does not have. Raises XbenchError, all at once.

    `book` is None where the recipe's name means none, which was told: all else that is wrong is told beside it.
    """
    faults, names = Faults(), dict[str, str]()
    for metric in task.metrics:
        with faults:
            opened = catalogue.metric(metric)
            names[metric] = opened.name
            if opened.better == "lower" and metric == task.metric:
                raise BadOption(
                    f"{task.name} ranks by {metric}, of which less is better, and boards rank by what is higher; "
                    "name it in `also`, and rank by another metric"
                )
    with faults:
        kind = catalogue.kinds.open(task.kind)
        source = source_of(task, order.source if kind.trained else "")
        recipe = recipe_of(task, kind, book, order) if book else Recipe(name=order.recipe)
    faults.raise_any()
    targets, strange = catalogue.targets(task, order.languages)
    run = Run(task.name, "", recipe.name, source, 0)
    job = Job(
        run=run, task=task, kind=kind, encoder=Encoder(name=""), recipe=recipe, metric=names[task.metric],
        languages=targets,
    )  # fmt: skip
    return job, strange


def _beside(board: Path, run: Run) -> Iterator[tuple[Path, Record]]:
    """One record of the same task and encoder, of any seed and recipe; none where there is none that can be read."""
    for path in sorted(store.path_of(board, run).parent.glob("*.json")):
        with suppress(BadRecord):
            yield path, store.read(path)
            return


def _same_origin(records: Sequence[tuple[Path, Record]], beside: Iterable[tuple[Path, Record]], job: Job) -> None:
    """Refuse to take, or to go on with, records of the same name that come from something else.

    `beside` are records of other seeds. Raises AlreadyRecorded.
    """
    way_out = "Records are never overwritten: take another --board"
    for path, record in (*records, *beside):
        if job.weights and record.provenance.weights != job.weights:
            changed = " It is made here, and what makes it has changed since." if job.encoder.made else ""
            raise AlreadyRecorded(
                f"{path} was made from other weights that also went by the name {job.encoder.name!r}.{changed} "
                f"{way_out}, or name this checkpoint otherwise (--encoder NAME=CHECKPOINT)."
            )
    # What is finished may be of an older xbench; a further part of it may not.
    now = job.compared() | ({"xbench": xbench.__version__} if job.languages else {})
    for path, record in records:
        then = parts(record.signature)
        differ = [name for name, value in now.items() if then.get(name) != value]
        differ += [f"data ({used.repo})" for used in record.provenance.test.values() if used.repo != job.task.data.repo]
        if differ:
            raise AlreadyRecorded(
                f"{path} has another {', '.join(dict.fromkeys(differ))} under the same names. {way_out}."
            )


def _left(job: Job, records: Sequence[tuple[Path, Record]], mirror: Path | None) -> tuple[str, ...]:
    """Targets without a score. One recorded as missing counts as done unless its rows are there by now."""
    # What was scored is done, though every metric of it may be missing.
    scored = {language for _, record in records for language in record.provenance.test}
    scored |= {score.language for _, record in records for score in record.scores}
    missing = {cell.language for _, record in records for cell in record.missing} - scored
    return tuple(
        language
        for language in job.languages
        if language not in scored and (language not in missing or _has_come(job, language, mirror))
    )


def _has_come(job: Job, language: str, mirror: Path | None) -> bool:
    try:
        split = data.scored_split(job.task, language, data=mirror)
        if job.recipe.selection == "oracle":
            own = job.own_dev(language)
            return bool(own and not job.chose(language, split) and data.rows(
                job.task, own, language, own.dev, data=mirror, limit=1, labels_needed=False
            ))  # fmt: skip
        return not job.chose(language, split)
    except DataError:
        return False


def _grouped(jobs: Iterable[Job]) -> tuple[tuple[Job, ...], ...]:
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.fitting(), []).append(job)
    return tuple(tuple(group) for group in groups.values())
