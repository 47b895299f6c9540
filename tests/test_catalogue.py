"""The doors, with a real third-party distribution installed (tests/plugin)."""

import importlib
import importlib.metadata
import sys
from pathlib import Path

import pytest

import toy
from xbench import catalogue
from xbench import door as door_module
from xbench.encoder import Encoder
from xbench.errors import BadOption, BrokenPlugin, NameClash, NotACheckpoint, UnknownName
from xbench.runner.order import Order, order
from xbench.runner.plan import Plan, plan

DOORS = {
    door.what: door
    for door in (
        catalogue.tasks,
        catalogue.suites,
        catalogue.encoders,
        catalogue.recipes,
        catalogue.metrics,
        catalogue.kinds,
    )
}

pytestmark = pytest.mark.skipif(
    not any(dist.name == "xbench-plugin-example" for dist in importlib.metadata.distributions()),
    reason="tests/plugin is not installed; `make test` installs it",
)


@pytest.fixture(autouse=True)
def _fresh():
    door_module.claims.cache_clear()
    yield
    door_module.claims.cache_clear()


def test_everything_that_comes_with_xbench_opens() -> None:
    opened = 0
    for door in DOORS.values():
        for name in door.names():
            if catalogue.owner(door, name) == "xbench":
                value = door.open(name)
                assert value.name == name
                opened += 1
    assert opened >= 16 + 6 + 14 + 5 + 10 + 5


def test_a_third_partys_task_encoder_and_metric_come_by_the_same_door() -> None:
    assert catalogue.tasks.open("example-headlines").targets == ("en", "de", "xx-Latn")
    assert catalogue.encoder("example-encoder").checkpoint == "example/encoder"
    assert catalogue.metrics.open("example-near-miss").columns == ("hit", "n")
    assert catalogue.owner(catalogue.tasks, "example-headlines") == "xbench-plugin-example"


def test_a_broken_plugin_fails_only_when_it_is_asked_for_and_names_its_distribution() -> None:
    assert {"example-broken", "example-wrong"} <= set(catalogue.tasks.names())
    with pytest.raises(BrokenPlugin, match=r"xbench-plugin-example 1\.0.*there_is_no_such_value"):
        catalogue.tasks.open("example-broken")
    with pytest.raises(BrokenPlugin, match=r"is a dict, but must be an xbench\.task\.Task"):
        catalogue.tasks.open("example-wrong")
    assert set(catalogue.opened(catalogue.tasks)[1]) == {"example-broken", "example-wrong"}


def test_a_name_claimed_twice_names_both_distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "other_plugin-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-plugin\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[xbench.tasks]\nexample-headlines = other_plugin:task\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    importlib.invalidate_caches()
    with pytest.raises(NameClash, match=r"other-plugin and xbench-plugin-example"):
        catalogue.tasks.open("example-headlines")
    assert catalogue.tasks.open("xnli").name == "xnli"


def test_an_unknown_name_suggests_the_nearest_and_lists_the_rest() -> None:
    with pytest.raises(UnknownName, match=r"did you mean xnli.*There are: .*tatoeba"):
        catalogue.tasks.open("xnil")
    with pytest.raises(UnknownName, match=r"mbert"):
        catalogue.encoder("embert")


def test_a_file_is_as_good_as_a_name(tmp_path: Path) -> None:
    assert catalogue.tasks.open(str(toy.TASKS["pairs"])).name == "toy-pairs"
    empty = tmp_path / "empty.py"
    empty.write_text("")
    with pytest.raises(BrokenPlugin, match="does not export a value called `task`"):
        catalogue.tasks.open(str(empty))
    empty.write_text("1 / 0")
    with pytest.raises(BrokenPlugin, match="ZeroDivisionError"):
        catalogue.tasks.open(str(empty))
    with pytest.raises(UnknownName, match=r"no file absent\.py in .* There are: empty\.py"):
        catalogue.tasks.open(str(tmp_path / "absent.py"))


def test_an_encoder_is_a_name_a_folder_a_hub_id_or_named_by_the_user(tmp_path: Path) -> None:
    assert catalogue.encoder(str(tmp_path)) == Encoder(name=tmp_path.name, checkpoint=str(tmp_path.resolve()))
    assert catalogue.encoder("someone/something") == Encoder(name="someone/something", checkpoint="someone/something")
    assert catalogue.encoder(f"mine={tmp_path}").name == "mine"
    assert catalogue.encoder("mine=xlmr-base").checkpoint == "FacebookAI/xlm-roberta-base"
    with pytest.raises(NotACheckpoint, match="no checkpoint folder"):
        catalogue.encoder("./nowhere")


def test_a_plan_that_fetches_nothing_looks_into_the_folders_that_are_here(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    def planned(*encoders: str) -> Plan:
        return plan(order(encoders, ["xnli"], board=tmp_path / "board"), fetch=False)

    with pytest.raises(NotACheckpoint, match=r"lacks config\.json; weights"):
        planned(str(tmp_path / "empty"))
    assert len(planned("nobody/nothing").groups) == 1
    with pytest.raises(BadOption, match=r"two encoders are called 'a'; .* --encoder NAME=nobody/nothing$"):
        planned("a=mbert", "a=nobody/nothing")


def test_a_metric_of_which_less_is_better_ranks_nothing(tmp_path: Path) -> None:
    errors = tmp_path / "errors.py"
    errors.write_text(
        "from xbench.metrics import Metric, ratio\n"
        "metric = Metric(name='errors', title='Errors', columns=('wrong', 'n'), better='lower', close=ratio,\n"
        "                count=lambda answer, gold, language: (float(answer != gold.label), 1.0))\n"
    )
    text = toy.TASKS["pairs"].read_text()
    assert text.count('metric="accuracy"') == 1
    ranking, beside = tmp_path / "ranking.py", tmp_path / "beside.py"
    ranking.write_text(text.replace('metric="accuracy"', f'metric="{errors}"'))
    beside.write_text(text.replace('metric="accuracy"', f'metric="accuracy", also=("{errors}",)'))

    def planned(task: Path) -> Plan:
        wanted = Order(
            encoders=("mbert",), tasks=(str(task),), languages=(), recipe=str(toy.RECIPE), board=tmp_path / "board"
        )
        return plan(wanted, fetch=False)

    with pytest.raises(BadOption, match="less is better"):
        planned(ranking)
    assert len(planned(beside).groups) == 1
