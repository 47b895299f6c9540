"""Two commands that write to one board at once: what the other has recorded is finished, and is not done again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import toy
import xbench
from xbench.runner import Outcome, Silent

Checkpoint = Callable[[str], Path]


def run(checkpoint: Path, mirror: Path, board: Path, *kinds: str, **options: object) -> Outcome:
    tasks = [str(toy.TASKS[kind]) for kind in kinds]
    return xbench.run(str(checkpoint), tasks, recipe=str(toy.RECIPE), data=mirror, board=board, **options)


class Meanwhile(Silent):
    """Does something when it is told of a stretch of work, or of a line of news, for the first time."""

    def __init__(self, when: str, action: Callable[[], object]) -> None:
        self.when, self.action, self.heard = when, action, list[str]()

    def say(self, text: str) -> None:
        """Hear it."""
        self.heard.append(text)
        if text.startswith(self.when):
            self.when = "never again"
            self.action()

    def begin(self, what: str, total: int) -> None:
        """Hear it too."""
        self.say(what)


@pytest.mark.parametrize("when", ["reading and checking", "fine-tuning"])
def test_what_another_command_records_meanwhile_is_finished_and_not_failed(
    when: str, checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    watch = Meanwhile(when, lambda: run(checkpoint("bert"), toy_mirror, tmp_path, "pairs"))
    outcome = run(checkpoint("bert"), toy_mirror, tmp_path, "pairs", "retrieval", watch=watch)
    assert not outcome.failed
    assert [record.run.task for _, record in outcome.ran] == ["toy-retrieval"]
    assert [record.run.task for _, record in outcome.finished] == ["toy-pairs"]
    assert len(list(tmp_path.rglob("*.json"))) == 2
    (said,) = [text for text in watch.heard if text.startswith("finished by another command meanwhile")]
    assert said.endswith("in en, de, xx")
    assert ("fine-tuning" in " ".join(watch.heard)) == (when == "fine-tuning")


def test_what_another_command_records_meanwhile_in_one_language_is_not_scored_again(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    other = Meanwhile("reading", lambda: run(checkpoint("bert"), toy_mirror, tmp_path, "pairs", languages="de"))
    outcome = run(checkpoint("bert"), toy_mirror, tmp_path, "pairs", watch=other)
    ((_, rest),) = outcome.ran
    assert [score.language for score in rest.scores] == ["en", "xx"]
    late = Meanwhile(
        "fine-tuning", lambda: run(checkpoint("bert"), toy_mirror, tmp_path / "b", "pairs", languages="de")
    )
    (lost,) = run(checkpoint("bert"), toy_mirror, tmp_path / "b", "pairs", watch=late).failed
    assert lost.why.endswith("the same command goes on from there")


@pytest.mark.parametrize("when", ["reading", "fine-tuning"])
def test_a_record_of_other_weights_that_comes_meanwhile_fails_that_run_alone(
    when: str, checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    theirs = Path(shutil.copytree(checkpoint("xlm-roberta"), tmp_path / "theirs" / "bert"))
    watch = Meanwhile(when, lambda: run(theirs, toy_mirror, tmp_path / "board", "pairs"))
    outcome = run(checkpoint("bert"), toy_mirror, tmp_path / "board", "pairs", "retrieval", watch=watch)
    assert [(lost.run.task, "other weights" in lost.why) for lost in outcome.failed] == [("toy-pairs", True)]
    assert [record.run.task for _, record in outcome.ran] == ["toy-retrieval"]
    assert not outcome.finished
