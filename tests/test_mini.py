"""The known answer of the mini suite, on a smaller world and a shorter pretraining."""

from dataclasses import replace

import pytest

import xbench
from xbench.pretrain import Pretraining, pretrain, read_corpus
from xbench.world import OWNER, Language, World, write_mirror

WORLD = World(
    languages=(
        Language(code="source", documents=4000, pairs=0),
        Language(code="near", cognates=0.6, documents=4000, pairs=2000),
        Language(code="scr", script="Cyrillic", documents=4000, pairs=2000),
        Language(code="twin", cognates=1.0, documents=100, pairs=10),
    ),
    train=2000,
    validation=50,
    test=300,
    retrieval=300,
)
SETTINGS = Pretraining(steps=900, batch=48, layers=2, translated=0.3)
TASK = """
from dataclasses import replace
from xbench_tasks.mini_{name} import task as shipped

task = replace(shipped, targets={targets})
"""
RECIPE = """
from dataclasses import replace
from xbench.recipe import Book
from xbench_tasks.recipes import mini

recipe = Book(
    name="short", title="Fewer steps", kinds={
        kind: recipe.renamed("short") if kind == "retrieval" else replace(recipe, name="short", steps=200, warmup=20)
        for kind, recipe in mini.kinds.items()
    },
)
"""


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], float]:
    """(encoder, task, language) -> score, for the trained encoder and the untrained control."""
    root = tmp_path_factory.mktemp("mini")
    mirror = write_mirror(root / "mirror", world=WORLD)
    corpus = read_corpus(mirror, [f"{OWNER}/text:*:train:text"], [f"{OWNER}/bitext:*:train:source,target"])
    for name, steps in (("trained", SETTINGS.steps), ("control", 0)):
        pretrain(corpus, replace(SETTINGS, steps=steps), root / name, device="cpu")
    tasks = []
    for name in ("paraphrase", "tagging", "retrieval"):
        targets = ("near", "scr", "twin") if name == "retrieval" else ("source", "near", "scr", "twin")
        tasks.append(root / f"{name}.py")
        tasks[-1].write_text(TASK.format(name=name, targets=targets))
    (root / "recipe.py").write_text(RECIPE)
    outcome = xbench.run(
        [str(root / "trained"), str(root / "control")],
        [str(path) for path in tasks],
        recipe=str(root / "recipe.py"),
        data=mirror,
        board=root / "board",
    )
    assert not outcome.failed
    return {
        (record.run.encoder, record.run.task.removeprefix("mini-"), score.language): score.value
        for _, record in outcome.ran
        for score in record.scores
        if score.metric in ("accuracy", "span_f1", "retrieval_to_source")
    }


@pytest.mark.parametrize("task", ["paraphrase", "tagging"])
@pytest.mark.parametrize("encoder", ["trained", "control"])
def test_a_language_that_equals_the_source_scores_as_the_source_does(scores, encoder: str, task: str) -> None:
    assert scores[encoder, task, "twin"] == scores[encoder, task, "source"]


def test_a_language_that_equals_the_source_is_found_at_once(scores) -> None:
    assert scores["trained", "retrieval", "twin"] >= 0.95


@pytest.mark.parametrize("task", ["paraphrase", "tagging", "retrieval"])
def test_the_order_of_the_languages_follows_their_designed_distance(scores, task: str) -> None:
    near, far = scores["trained", task, "near"], scores["trained", task, "scr"]
    assert near >= far - 0.05
    assert scores["trained", task, "twin"] >= near - 0.05


@pytest.mark.parametrize("task", ["tagging", "retrieval"])
def test_pretraining_alone_carries_over_to_a_script_without_a_shared_word(scores, task: str) -> None:
    assert scores["trained", task, "scr"] >= scores["control", task, "scr"] + 0.1


def test_an_untrained_encoder_is_at_chance_where_no_word_is_shared(scores) -> None:
    assert abs(scores["control", "paraphrase", "scr"] - 0.5) <= 0.1
    assert scores["control", "tagging", "scr"] <= 0.25
    assert scores["control", "retrieval", "scr"] <= 0.05
