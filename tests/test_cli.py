"""The command as users call it: another process, its exit code, its two streams."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import toy

XBENCH = Path(sys.executable).with_name("xbench")

pytestmark = pytest.mark.skipif(not XBENCH.exists(), reason="the command xbench is not installed beside this Python")


def xbench(*words: object, cwd: Path | None = None, columns: int = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [XBENCH, *map(str, words)], capture_output=True, text=True, cwd=cwd, check=False, timeout=240,
        env=os.environ | {"COLUMNS": str(columns), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"},
    )  # fmt: skip


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one message of a call that a user can mend."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_help_has_examples_and_names_every_verb(call: Callable[..., tuple[int, str, str]]) -> None:
    said = xbench("--help").stdout
    verbs = (
        "run", "board", "tasks", "encoders", "suites", "recipes", "languages", "pretrain", "mirror", "doctor", "verify",
        "check", "compare",
        "export",
    )  # fmt: skip
    for verb in verbs:
        assert verb in said
        help_text = call(verb, "--help")[1]
        assert "Example" in help_text, verb
        assert "xbench" in help_text, verb


def test_tasks_json_tells_everything_of_every_task() -> None:
    items = {item["name"]: item for item in json.loads(xbench("tasks", "--json").stdout) if "broken" not in item}
    assert len(items) >= 16
    for name, item in items.items():
        for key in ("kind", "source", "targets", "metric", "licence"):
            assert item[key], f"{name} {key}"
        assert "citation" in item
    assert len(items["tatoeba"]["targets"]) == 112
    assert len(items["xnli"]["targets"]) == 15
    assert len(items["sib200"]["targets"]) == 205


@pytest.mark.parametrize(
    "call", ["import xbench", "import xbench.cli", "import xbench.board, xbench.store, xbench.data"]
)
def test_what_stands_above_the_torch_line_does_not_load_torch(call: str) -> None:
    asked = f"{call}, sys\nprint([name for name in ('torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", ["tasks", "encoders", "suites", "recipes", "languages"])
def test_lists_are_made_without_torch(verb: str) -> None:
    asked = (
        f"import sys\nsys.argv = ['xbench', {verb!r}, '--json']\nfrom xbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('torch', 'transformers', 'datasets') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert len(json.loads(done.stdout)) >= 5


def test_a_run_is_shown_recorded_and_not_repeated(
    checkpoint: Callable[[str], Path], toy_mirror: Path, tmp_path: Path
) -> None:
    call = (
        "run", "--encoder", f"small={checkpoint('xlm-roberta')}", "--task", toy.TASKS["pairs"], "--task", toy.TASKS["retrieval"],
        "--recipe", toy.RECIPE, "--data", toy_mirror, "--board", tmp_path / "board", "--languages", "en,deu",
    )  # fmt: skip
    planned = xbench(*call, "--dry-run")
    assert "2 to run" in planned.stdout
    assert not list((tmp_path / "board").rglob("*.json"))
    done = xbench(*call)
    assert done.returncode == 0, done.stderr
    assert "mean of targets" in done.stdout
    assert "fine-tuning" in done.stderr
    again = xbench(*call, "--json")
    runs = json.loads(again.stdout)["runs"]
    assert [run["status"] for run in runs] == ["finished", "finished"]
    assert {score["language"] for run in runs for score in run["scores"]} == {"en", "de"}
    board = xbench("board", "--board", tmp_path / "board", "--format", "csv").stdout.splitlines()
    assert len(board) == 1 + 2 + 4
    assert "toy-pairs" in xbench("board", "--board", tmp_path / "board", columns=60).stdout


def test_wrong_calls_end_with_one_message(
    checkpoint: Callable[[str], Path], toy_mirror: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    def wrong(*words: object) -> str:
        code, out, err = call(*words)
        assert (code, out) == (2, "")
        return err

    good = checkpoint("bert")
    base = ("run", "--recipe", toy.RECIPE, "--data", toy_mirror, "--board", tmp_path / "board")
    pairs = ("--task", toy.TASKS["pairs"])
    misspelt = (*base, "--encoder", good, "--task", "xnil")
    assert "did you mean xnli" in refused(xbench(*misspelt))
    assert "did you mean xnli" in wrong(*misspelt)
    assert "no checkpoint folder" in wrong(*base, "--encoder", tmp_path / "absent", *pairs)
    (tmp_path / "empty").mkdir()
    assert "config.json" in wrong(*base, "--encoder", tmp_path / "empty", *pairs)
    assert "'sw'" in wrong(*base, "--encoder", good, *pairs, "--languages", "sw")
    (tmp_path / "file").write_text("")
    assert "--board" in wrong(*base[:5], "--board", tmp_path / "file", "--encoder", good, *pairs)
    assert "--encoder" in wrong(*base, *pairs)
    assert "--task" in wrong(*base, "--encoder", good)
    assert "--seeds" in wrong(*base, "--encoder", good, *pairs, "--seeds", 2, "--seed", 1)
    assert "no board" in wrong("board", "--board", tmp_path / "nowhere")
    assert "No such option" in wrong("run", "--colour")


def test_a_corrupt_file_of_the_data_ends_with_one_message(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    mirror = toy.write_mirror(tmp_path / "mirror")
    (mirror / "toy/pairs/de/test-00000-of-00001.parquet").write_bytes(b"PAR1 and nothing more")
    done = xbench(
        "run", "--encoder", checkpoint("bert"), "--task", toy.TASKS["pairs"], "--recipe", toy.RECIPE, "--data", mirror,
        "--board", tmp_path / "board",
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "toy/pairs" in done.stderr
    assert "test-00000-of-00001.parquet" in done.stderr
    assert not list((tmp_path / "board").rglob("*.json"))


def test_without_a_network_a_hub_id_ends_with_one_message(tmp_path: Path) -> None:
    said = refused(xbench("run", "--encoder", "nobody/nothing", "--task", "xnli", "--board", tmp_path))
    assert "nobody/nothing" in said


def test_doctor_tells_of_broken_plugins() -> None:
    done = xbench("doctor")
    assert done.returncode == 0
    assert "torch" in done.stdout
    assert "usable" in done.stdout
