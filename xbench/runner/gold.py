"""The rows of an order: read and checked once, before anything expensive begins, for all encoders and seeds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from xbench import catalogue, data
from xbench.data import Rows
from xbench.errors import BrokenPlugin, LacksLanguage, LacksSplit
from xbench.metrics import try_on
from xbench.record import Missing
from xbench.runner.plan import Job


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
            if job.recipe.selection == "source-dev":
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
        return self._training(job, job.task.training.dev, 0)

    def test(self, job: Job) -> tuple[dict[str, Rows], tuple[Missing, ...]]:
        """Rows of every target of the job, and the targets that the data lacks. Raises DataError where rows are bad."""
        key = (job.task.name, job.run.source, job.recipe.selection, str(job.recipe.limit_test), *job.languages)
        if key not in self._whole:
            found: dict[str, Rows] = {}
            missing: list[Missing] = []
            for language in job.languages:
                try:
                    split = data.scored_split(job.task, language, data=self.mirror)
                    if job.chose(language, split):
                        why = "this dev split chooses the checkpoint, so it cannot score it"
                        missing.append(Missing(language=language, split=split, why=why))
                    else:
                        limit = job.recipe.limit_test
                        found[language] = data.rows(
                            job.task, job.task.data, language, split, data=self.mirror, limit=limit
                        )
                except (LacksLanguage, LacksSplit) as lack:
                    missing.append(Missing(language=language, split=job.task.data.test, why=str(lack)))
            self._whole[key] = (found, tuple(missing))
        return self._whole[key]

    def _training(self, job: Job, split: str, limit: int) -> Rows:
        task, source = job.task, job.task.training
        key = (repr(source), repr(task.train_read or task.read), job.run.source, split, str(limit))
        if key not in self._kept:
            self._kept[key] = data.rows(
                task, source, job.run.source, split, data=self.mirror, read=task.train_read, limit=limit
            )
        return self._kept[key]


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Whatever goes wrong inside is told as the plugin's fault."""
    try:
        yield
    except Exception as cause:
        raise BrokenPlugin(f"{what}: {type(cause).__name__}: {cause}") from cause
