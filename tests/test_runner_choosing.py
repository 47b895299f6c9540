"""What may choose a checkpoint at all, and how far a regret is known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import toy
import toys
import xbench
from xbench import catalogue
from xbench.encoder import Encoder
from xbench.errors import BadOption
from xbench.metrics.classification import accuracy
from xbench.record import Counts, Run
from xbench.runner import Job, Outcome
from xbench.runner.choosing import _regret


@pytest.mark.parametrize("name", ["xquad", "tydiqa"])
def test_the_dev_split_that_a_published_set_is_made_of_never_chooses(name: str) -> None:
    task = catalogue.tasks.open(name)
    recipe = catalogue.recipes.open("standard").recipe(name, task.kind)
    assert recipe is not None
    job = Job(
        run=Run(name, "mbert", "standard-oracle", task.source, 0), task=task, kind=catalogue.kinds.open(task.kind),
        encoder=Encoder(name="mbert"), recipe=recipe.selecting("oracle"), metric=task.metric, languages=task.targets,
    )  # fmt: skip
    assert [job.own_dev(language) for language in task.targets] == [None] * len(task.targets)


@pytest.fixture
def run(checkpoint: Callable[[str], Path], toy_mirror: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """Runs a task by a recipe on a board of the test."""

    def call(task: Path, recipe: Path, **options: object) -> Outcome:
        wanted = {"recipe": str(recipe), "data": toy_mirror, "board": tmp_path / "board"} | options
        return xbench.run(str(checkpoint("bert")), str(task), **wanted)

    return call


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """The toy task as one that has no dev split that may be used."""
    file = tmp_path / "closed.py"
    file.write_text(
        f"import sys; sys.path.insert(0, {str(toy.TASKS['pairs'].parents[1])!r})\n"
        "from dataclasses import replace\nfrom toy.pairs import task as first\n"
        "task = replace(first, name='toy-closed', data=replace(first.data, dev=''))\n"
    )
    return file


def test_a_task_without_a_dev_split_is_missing_from_oracle(run, closed: Path, tmp_path: Path) -> None:
    outcome = run(closed, toys.book(tmp_path, "ends", "last"), also_select=["oracle", "source-dev"])
    records = {record.selection.rule: record for _, record in outcome.ran}
    assert set(records) == {"last", "oracle"}
    assert not records["oracle"].scores
    assert [cell.language for cell in records["oracle"].missing] == ["en", "de", "xx"]
    assert all("no dev split that may be used" in cell.why for cell in records["oracle"].missing)
    assert any("nothing is selected by source-dev" in note for note in outcome.notes)


def test_where_no_language_can_be_chosen_for_nothing_is_trained(run, closed: Path, tmp_path: Path) -> None:
    watch, recipe = toys.Counting(), toys.book(tmp_path, "own", "oracle")
    ((_, record),) = run(closed, recipe, watch=watch).ran
    assert (watch.fine_tunings, record.selection.rule, record.cost.train_tokens) == (0, "oracle", 0)
    assert not run(closed, recipe).ran


def test_patience_without_a_dev_split_is_refused(run, closed: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="has patience, which looks at the source's dev split, but toy-closed has none"):
        run(closed, toys.book(tmp_path, "waits", "last", patience=2))


def test_where_nothing_is_trained_nothing_is_selected(run, tmp_path: Path) -> None:
    outcome = run(toy.TASKS["retrieval"], toy.RECIPE, also_select=["last", "oracle"])
    assert [record.run.recipe for _, record in outcome.ran] == ["toy"]
    assert outcome.notes == (
        "nothing is trained for toy-retrieval, so there is no checkpoint to select by last, oracle",
    )
    wrong = tmp_path / "wrong.py"
    wrong.write_text(toy.RECIPE.read_text().replace('selection="none"', 'selection="oracle", steps=1'))
    with pytest.raises(BadOption, match="selects by oracle, but nothing is trained for toy-retrieval"):
        run(toy.TASKS["retrieval"], wrong)


def test_a_rule_that_does_not_exist_is_told_once(run) -> None:
    with pytest.raises(BadOption, match="also_select names 'orakel', 'none'; rules are source-dev, last, oracle"):
        run(toy.TASKS["pairs"], toy.RECIPE, also_select=["orakel", "none", "last"])


# The interval


def test_answers_that_do_not_differ_leave_the_doubt_of_so_few_examples() -> None:
    for n in (50, 500):
        right = counts(np.random.default_rng(0).integers(0, 2, n))
        found = _regret(accuracy, 0.0, right, right, "de")
        assert found.value == 0
        # Wilson's upper end for none of n, z²/(n + z²).
        assert (-found.low, found.high) == pytest.approx((3.8415 / (n + 3.8415),) * 2, rel=1e-3)


def test_the_interval_is_that_of_a_paired_difference() -> None:
    """Against the normal interval of the mean difference, far narrower than that of two unpaired shares."""
    generator = np.random.default_rng(1)
    one = generator.random(2000) < 0.7
    other = np.where(generator.random(2000) < 0.05, ~one, one)
    difference = one.astype(float) - other
    found = _regret(accuracy, float(difference.mean()), counts(one), counts(other), "de")
    error = 1.96 * difference.std() / np.sqrt(2000)
    assert (found.low, found.high) == pytest.approx(
        (difference.mean() - error, difference.mean() + error), abs=0.1 * error
    )


def test_a_single_pair_tells_nothing() -> None:
    found = _regret(accuracy, 1.0, counts(np.ones(1)), counts(np.zeros(1)), "de")
    assert (found.low, found.high) == (-1, 1)


def counts(right: np.ndarray) -> Counts:
    n = len(right)
    return Counts(
        ids=tuple(map(str, range(n))), languages=("de",) * n, columns=("accuracy.correct", "accuracy.n"),
        rows=np.column_stack([right, np.ones(n)]).astype(float),
    )  # fmt: skip
