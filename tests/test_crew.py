"""Several processes with one encoder, started as users start them: what they learn, score, write and say.

Two processes on a CPU, which speak through gloo; nothing here has met NCCL or a GPU.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import tiny
import toy
import toys
from xbench import crew, examples, store
from xbench.cli import app
from xbench.errors import BadOption, NotTogether
from xbench.record import Record

WORK = Path(__file__).with_name("crew_work.py")
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2")
ACCELERATE = (
    "accelerate.commands.launch", "--num_processes", "2", "--num_machines", "1", "--main_process_port", "0",
    "--mixed_precision", "no", "--dynamo_backend", "no",
)  # fmt: skip
KINDS = ("pairs", "spans", "retrieval")
BOOK = """
from xbench.recipe import Book, Recipe
few = dict(name="few", steps=4, rate=3e-3, length=32, stride=8, query=12, answer=8)
recipe = Book(name="few", title="", kinds={
    "pairs": Recipe(**few, batch=47, select_every=1, selection="source-dev"),
    "spans": Recipe(**few, batch=9, selection="last"),
    "retrieval": Recipe(name="few", length=32, selection="none"),
})
"""
"""48 rows in batches of 47: every second batch has one row, which is fewer than there are processes."""


def launch(launcher: tuple[str, ...], *words: object) -> subprocess.CompletedProcess[str]:
    """Start a launcher and wait until it, and all that it started, has ended."""
    command = [sys.executable, "-m", *launcher, *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(WORK.parent)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            said, told = process.communicate(timeout=120)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, said, told)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder without dropout, which processes would draw differently."""
    folder = tiny.build("xlm-roberta", tmp_path_factory.mktemp("tiny") / "calm")
    toys.change_config(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    return folder


@pytest.fixture(scope="module")
def words(calm: Path, toy_mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """Words of `xbench run` for a task of every shape of batch."""
    book = tmp_path_factory.mktemp("book") / "few.py"
    book.write_text(BOOK)
    tasks = [part for kind in KINDS for part in ("--task", toy.TASKS[kind])]
    return ["--encoder", f"calm={calm}", *tasks, "--recipe", book, "--data", toy_mirror, "--device", "cpu"]


@pytest.fixture(scope="module")
def alone(words: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The board that one process writes."""
    board = tmp_path_factory.mktemp("alone")
    done = CliRunner().invoke(app, ["run", *map(str, words), "--board", str(board)])
    assert done.exit_code == 0, done.output
    return board


def records(board: Path) -> dict[str, Record]:
    """Task -> its only record."""
    return {record.run.task: record for record in map(store.read, board.rglob("*.json"))}


@pytest.mark.parametrize(
    ("launched", "said"),
    [(("--multi_gpu",), "2, data parallel"), (("--use_fsdp", "--fsdp_version", "2"), "2, FSDP")],
    ids=["data parallel", "FSDP"],
)
def test_two_processes_learn_score_and_write_what_one_does(
    launched: tuple[str, ...], said: str, words: list[object], alone: Path, tmp_path: Path
) -> None:
    done = launch((*ACCELERATE, *launched), "-m", "xbench", "run", *words, "--micro-batch", 2, "--board", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("3 run, 0 finished before, 0 failed") == 1  # the second process says nothing
    assert done.stderr.count("reading and checking the data") == 1
    ours, theirs = records(alone), records(tmp_path)
    assert len(ours) == len(theirs) == len(list(tmp_path.rglob("*.json"))) == len(KINDS)
    for task, one in ours.items():
        two = theirs[task]
        assert two.scores == one.scores
        assert two.signature == one.signature
        assert two.selection == one.selection
        assert two.cost.train_tokens == one.cost.train_tokens
        assert two.cost.device.startswith("2 x ")
        assert two.provenance.how["processes"].startswith(said)
        assert two.provenance.seeds["dropout of process 1"] == crew.LEAP
        assert answers(tmp_path, two) == pytest.approx(answers(alone, one), abs=1e-4)


def answers(board: Path, record: Record) -> list[float]:
    """Every probability and cosine that was predicted."""
    path = store.path_of(board, record.run).with_suffix(".parquet")
    return [number for one in examples.read_predictions(path, record) for number in numbers(one)]


def numbers(value: object) -> list[float]:
    if isinstance(value, dict | list):
        return [number for one in (value.values() if isinstance(value, dict) else value) for number in numbers(one)]
    return [value] if isinstance(value, float) else []


def test_processes_do_together_what_they_should_and_one_that_fails_ends_all(
    words: list[object], tmp_path: Path
) -> None:
    done = launch(TORCHRUN, WORK, "run", *words, "--board", tmp_path)
    assert done.stdout == "checked\n", done.stderr
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("xbench: ")]
    assert len(said) == 1
    assert "process 1 of 2" in said[0]
    assert "--micro-batch" in said[0]
    assert "exitcode  : 2" in done.stderr  # as torchrun reports it
    assert not list(tmp_path.rglob("*.json"))


def test_one_process_needs_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WORLD_SIZE", "1"), ("RANK", "0")):
        monkeypatch.setenv(name, value)
        with crew.joined(torch.device("cpu")) as us:
            assert us is crew.ALONE
    assert not torch.distributed.is_initialized()
    assert us.share([1, 2]) == us.whole([1, 2]) == [1, 2]
    assert us.gather(3) == [3]
    assert us.by_first(lambda: 4) == 4
    assert us.how == {}
    assert us.seeds(5) == [5]
    us.agree(BadOption("what one process says, all say"))
    us.same("anything", "at all")


def test_what_the_launcher_is_asked_for_in_vain_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "WORLD_SIZE": "2", "RANK": "0", "ACCELERATE_USE_FSDP": "true", "FSDP_OFFLOAD_PARAMS": "true",
        "FSDP_RESHARD_AFTER_FORWARD": "false", "FSDP_SHARDING_STRATEGY": "FULL_SHARD",
    }  # fmt: skip
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    vain = "--fsdp_offload_params, --fsdp_reshard_after_forward"
    with pytest.raises(BadOption, match=vain) as told, crew.joined(torch.device("cpu")):
        pass
    assert "sharding_strategy" not in str(told.value)


def test_processes_that_cannot_reach_each_other_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    told = r"process 1 of 2 cannot reach the others: .*MASTER_ADDR"
    with pytest.raises(NotTogether, match=told), crew.joined(torch.device("cpu")):
        pass
