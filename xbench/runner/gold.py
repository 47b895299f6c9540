"""The rows of an order: read and checked once, before anything expensive begins, for all encoders and seeds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from xbench import catalogue, data
from xbench.data import Rows
from xbench.errors import BrokenPlugin, LacksLanguage, LacksSplit
from xbench.metrics import try_on
from xbench.record import Missing
from xbench.runner.plan import Job
from xbench.task import Example, Row, Source


@dataclass(slots=True)
class Gold:
    """Reads rows and keeps them. Several seeds and encoders of one order read the same ones."""

    mirror: Path | None
    _kept: dict[tuple[str, ...], Rows] = field(default_factory=dict)
    _whole: dict[tuple[str, ...], tuple[dict[str, Rows], tuple[Missing, ...]]] = field(default_factory=dict)

    def check(self, job: Job) -> None:
        """Read all that a job needs, and try its metrics on a first row. Raises DataError, BrokenPlugin."""
        rows, _ = self.test(job)
        if rows and job.kind.trained:
            self.train(job)
            if job.recipe.watches_dev:
                self.dev(job)
        for metric in catalogue.metrics_of(job.task):
            for language, found in list(rows.items())[:1]:
                with _told(f"metric {metric.name!r} does not fit task {job.task.name!r}"):
                    try_on(metric, found.examples[0], language)

    def train(self, job: Job) -> Rows:
        """The training rows of the job's source language. Raises DataError."""
        return self._training(job, job.task.training.train, job.recipe.limit_train)

    def dev(self, job: Job) -> Rows:
        """The dev rows of the job's source language. Raises DataError."""
        return self._training(job, job.task.training.dev)

    def own_dev(self, job: Job, language: str) -> Rows:
        """The dev rows that choose for this language alone. Raises DataError; LacksSplit where none may be used."""
        source = job.own_dev(language)
        if source is None:
            raise LacksSplit(f"{language} has no dev split that may be used to choose a checkpoint for it")
        if language == job.run.source and source == job.task.training:
            return self.dev(job)
        return self._read(job, source, language, source.dev)

    def test(self, job: Job) -> tuple[dict[str, Rows], tuple[Missing, ...]]:
        """Rows of every target of the job, and the targets that the data lacks. Raises DataError where rows are bad."""
        key = (
            job.task.name, job.run.source, job.recipe.selection, str(job.recipe.watches_dev),
            str(job.recipe.limit_test), *job.languages,
        )  # fmt: skip
        if key not in self._whole:
            found: dict[str, Rows] = {}
            missing: list[Missing] = []
            for language in job.languages:
                split = job.task.data.test
                try:
                    split = data.scored_split(job.task, language, data=self.mirror)
                    if job.chose(language, split):
                        why = "this dev split chooses the checkpoint, so it cannot score it"
                        missing.append(Missing(language=language, split=split, why=why))
                        continue
                    if job.recipe.selection == "oracle":
                        self.own_dev(job, language)
                    found[language] = self._read(job, job.task.data, language, split, job.recipe.limit_test)
                except (LacksLanguage, LacksSplit) as lack:
                    missing.append(Missing(language=language, split=split, why=str(lack)))
            self._whole[key] = (found, tuple(missing))
        return self._whole[key]

    def _training(self, job: Job, split: str, limit: int = 0) -> Rows:
        return self._read(job, job.task.training, job.run.source, split, limit, job.task.train_read)

    def _read(
        self, job: Job, source: Source, language: str, split: str, limit: int = 0,
        read: Callable[[Row], Example] | None = None,
    ) -> Rows:  # fmt: skip
        # What several tasks read alike, as a training set that they share, is read once.
        task = job.task
        ids = task.id if source == task.data else ""
        key = (
            repr(source), repr(read or task.read), task.kind, " ".join(task.labels), ids, language, split, str(limit)
        )  # fmt: skip
        if key not in self._kept:
            self._kept[key] = data.rows(task, source, language, split, data=self.mirror, read=read, limit=limit)
        return self._kept[key]


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Whatever goes wrong inside is told as the plugin's fault."""
    try:
        yield
    except Exception as cause:
        raise BrokenPlugin(f"{what}: {type(cause).__name__}: {cause}") from cause
