"""The rows of an order: read and checked once, before anything expensive begins, for all encoders and seeds."""

from dataclasses import dataclass, field
from pathlib import Path

from xbench import data
from xbench.data import Rows
from xbench.errors import LacksLanguage, LacksSplit
from xbench.record import Missing
from xbench.runner.plan import Job


@dataclass(slots=True)
class Gold:
    """Reads rows and keeps them. Several seeds and encoders of one order read the same ones."""

    mirror: Path | None
    _kept: dict[tuple[str, ...], Rows] = field(default_factory=dict)

    def train(self, job: Job) -> Rows:
        """The training rows of the job's source language. Raises DataError."""
        return self._training(job, job.task.training.train, job.recipe.limit_train)

    def dev(self, job: Job) -> Rows:
        """The dev rows of the job's source language. Raises DataError."""
        return self._training(job, job.task.training.dev, 0)

    def test(self, job: Job) -> tuple[dict[str, Rows], list[Missing]]:
        """Rows of every target of the job, and the targets that the data lacks. Raises DataError where rows are bad."""
        found: dict[str, Rows] = {}
        missing: list[Missing] = []
        for language in job.languages:
            try:
                split = data.scored_split(job.task, language, data=self.mirror)
                if language == job.run.source and _chose(job, split):
                    missing.append(
                        Missing(
                            language=language,
                            split=split,
                            why="this dev split chooses the checkpoint, so it cannot score it",
                        )
                    )
                    continue
                key = (job.task.name, language, split, str(job.recipe.limit_test))
                if key not in self._kept:
                    self._kept[key] = data.rows(
                        job.task, job.task.data, language, split, data=self.mirror, limit=job.recipe.limit_test
                    )
                found[language] = self._kept[key]
            except (LacksLanguage, LacksSplit) as lack:
                missing.append(Missing(language=language, split=job.task.data.test, why=str(lack)))
        return found, missing

    def _training(self, job: Job, split: str, limit: int) -> Rows:
        task, source = job.task, job.task.training
        key = (repr(source), repr(task.train_read or task.read), job.run.source, split, str(limit))
        if key not in self._kept:
            self._kept[key] = data.rows(
                task, source, job.run.source, split, data=self.mirror, read=task.train_read, limit=limit
            )
        return self._kept[key]


def _chose(job: Job, split: str) -> bool:
    return job.recipe.selection == "source-dev" and job.task.training == job.task.data and split == job.task.data.dev
