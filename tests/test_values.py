"""Values refuse what makes no sense when they are made, and say all of it at once."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import xbench
from xbench import catalogue
from xbench.errors import BadOption, Faults, UnknownName, XbenchError
from xbench.recipe import Book, Recipe
from xbench.runner.order import Order, order
from xbench.task import Source

GOOD = Recipe(name="good", epochs=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch": 0}, "batch must be at least 1"),
        ({"stride": 0}, "stride"),
        ({"selection": "source_dev"}, "source-dev, last, none"),
        ({"method": "frozen_embeddings"}, "frozen-embeddings"),
        ({"precision": "fp16"}, "fp32, tf32, bf16"),
        ({"batch": 0, "rate": -1}, "batch.*rate"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(BadOption, match=said):
        replace(GOOD, **change)


def test_a_book_may_change_only_what_a_recipe_has() -> None:
    with pytest.raises(BadOption, match="learning_rate for xnli"):
        Book(name="book", title="", kinds={"pairs": GOOD}, tasks={"xnli": {"learning_rate": 1}})


def test_a_book_says_how_long_it_trains() -> None:
    with pytest.raises(BadOption, match="neither epochs nor steps for pairs"):
        Book(name="book", title="", kinds={"pairs": Recipe(name="book")})


def test_limits_change_the_name_and_keep_those_the_recipe_has() -> None:
    limited = replace(GOOD, limit_train=5).limited(test=7)
    assert (limited.name, limited.limit_train, limited.limit_test) == ("good-test7", 5, 7)
    assert GOOD.limited() == GOOD


def test_the_digest_stands_for_every_number_but_name_and_precision() -> None:
    assert GOOD.renamed("other").digest() == GOOD.digest() == replace(GOOD, precision="bf16").digest()
    assert len({replace(GOOD, batch=batch).digest() for batch in (8, 16, 32)}) == 3


def test_the_recipes_of_xtreme_are_as_its_scripts_have_them() -> None:
    # Rates, epochs, lengths and dev intervals: scripts/train_{xnli,pawsx,panx,udpos,qa}.sh of google-research/xtreme.
    book = catalogue.recipes.open("xtreme")
    xnli, pawsx, panx, udpos, qa, vectors = (
        book.recipe(*pair)
        for pair in (
            ("xnli", "pairs"),
            ("pawsx", "pairs"),
            ("wikiann", "tags"),
            ("udpos", "tags"),
            ("xquad", "spans"),
            ("tatoeba", "retrieval"),
        )
    )
    assert (xnli.rate, xnli.batch, xnli.epochs, xnli.length, xnli.select_every) == (2e-5, 32, 5, 128, 100)
    assert (pawsx.epochs, pawsx.select_every) == (5, 200)
    assert (panx.epochs, panx.select_every, udpos.select_every) == (10, 1000, 500)
    assert (qa.rate, qa.epochs, qa.warmup, qa.decay, qa.length, qa.stride, qa.query) == (
        3e-5,
        3,
        500,
        1e-4,
        384,
        128,
        64,
    )
    assert (qa.answer, qa.nbest, qa.selection) == (30, 20, "last")
    assert (vectors.middle, vectors.pooling, vectors.length, vectors.selection) == (True, "mean", 512, "none")


@pytest.mark.parametrize(
    "change", [{"targets": "en"}, {"targets": ()}, {"also": ("accuracy",)}, {"chance": 33.3}, {"labels": ("a", "a")}]
)
def test_a_task_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadOption, match="xnli"):
        replace(catalogue.tasks.open("xnli"), **change)


def test_a_configuration_may_hold_the_language_only() -> None:
    with pytest.raises(BadOption, match="lang"):
        Source("me/data", config="{lang}")
    assert Source("me/data", config="udpos.{language}", codes={"ar": "Arabic"}).config_of("ar") == "udpos.Arabic"


@pytest.mark.parametrize(
    "wishes",
    [
        {"seeds": -1},
        {"seeds": (1, 1)},
        {"limit_test": -5},
        {"precision": "fp16"},
        {"micro_batch": -1},
        {"device": "tpu"},
        {"data": Path("nowhere")},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(wishes: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(BadOption):
        order(["mbert"], ["xnli"], board=tmp_path, **wishes)


def test_tf32_is_refused_where_there_is_no_gpu(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="tf32 needs a GPU"):
        xbench.run("mbert", "xnli", precision="tf32", device="cpu", board=tmp_path)


def test_a_suite_fills_in_what_an_order_leaves_open(tmp_path: Path) -> None:
    made = order([], [], suite="mini", board=tmp_path)
    assert made == Order(
        encoders=("mini", "mini-untrained"),
        tasks=catalogue.suites.open("mini").tasks,
        recipe="mini",
        seeds=(0,),
        board=tmp_path,
    )
    assert order(["mbert"], [], suite="mini", seeds=3, recipe="xtreme", board=tmp_path).seeds == (0, 1, 2)


def test_wrong_names_are_refused_at_once_and_before_torch_is_there(tmp_path: Path) -> None:
    words = ["xbench", "run", "--encoder", "embert", "--task", "xnil", "--recipe", "foo", "--board", str(tmp_path)]
    asked = (
        f"import sys\nsys.argv = {words!r}\nfrom xbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(end.code)\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["2", "[]"]
    assert [name in done.stderr for name in ("'embert'", "'xnil'", "'foo'")] == [True] * 3


def test_several_faults_are_said_as_one() -> None:
    faults = Faults()
    for name in ("a", "b"):
        with faults:
            raise UnknownName("task", name, ["c"])
    with pytest.raises(XbenchError, match=r"(?s)several things are wrong.*'a'.*'b'"):
        faults.raise_any()
    with pytest.raises(ZeroDivisionError), faults:
        1 / 0  # noqa: B018
