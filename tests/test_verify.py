"""A real board verifies; whatever is changed on it afterwards is found, under its own name."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import tiny
import toy
import xbench
from xbench.cli import app
from xbench.errors import NoSuchData, StoreError, UnknownName
from xbench.metrics.named import installed
from xbench.resample import wilson
from xbench.task import Label, Mined, Option, Retrieved
from xbench.verify import Report, verify
from xbench.verify.gold import restored

TASKS = [str(toy.TASKS[kind]) for kind in toy.TASKS]
PAIRS = "toy-pairs/bert/toy-en-s0"
"""The record that is tampered with."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, toy_mirror: Path) -> Path:
    """A board with one record of each kind."""
    folder = tmp_path_factory.mktemp("verify")
    encoder = tiny.build("bert", folder / "bert")
    outcome = xbench.run(str(encoder), TASKS, recipe=str(toy.RECIPE), data=toy_mirror, board=folder / "board")
    assert len(outcome.ran) == len(TASKS) == 6
    return folder / "board"


@pytest.fixture
def board(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "board"))


def codes(report: Report) -> set[str]:
    return {fault.code for fault in report.faults}


def test_a_board_as_it_was_written_holds(whole: Path, toy_mirror: Path) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    from_counts, from_gold = verify(whole, tasks=TASKS), verify(whole, data=toy_mirror, tasks=TASKS)
    for report in (from_counts, from_gold):
        assert report.holds, [str(fault) for fault in report.faults]
        assert (report.records, report.counts_files, report.notes) == (6, 6, ())
        # Pairs, tags, choices and mining have a metric, spans and retrieval two, in each of three languages.
        assert report.scores >= 8 * 3
    assert (from_counts.gold, from_gold.gold) == (0, 6)
    assert {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()} == before


def change(board: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the JSON of a record."""
    path = board / f"{PAIRS}.json"
    tree = json.loads(path.read_text())
    edit(tree)
    path.write_text(json.dumps(tree, indent=1, ensure_ascii=False) + "\n")


def put(board: Path, table: pa.Table, name: str = PAIRS) -> None:
    """Put another table beside a record, and its hash into the record: what a careful forger would do."""
    path = board / f"{name}.parquet"
    pq.write_table(table, path)
    record = path.with_suffix(".json")
    tree = json.loads(record.read_text())
    tree["examples"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    record.write_text(json.dumps(tree))


def table_of(board: Path, name: str = PAIRS) -> pa.Table:
    return pq.read_table(board / f"{name}.parquet")


def column(table: pa.Table, name: str, edit: Callable[[list[Any]], list[Any]]) -> pa.Table:
    """The table with other values in a column."""
    return table.set_column(table.column_names.index(name), name, pa.array(edit(table[name].to_pylist())))


def flipped(values: list[float]) -> list[float]:
    return [1.0 - values[0], *values[1:]]


def first_score(tree: dict[str, Any]) -> dict[str, Any]:
    return next(iter(tree["scores"]))


JSON_EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another value": (lambda t: first_score(t).update(value=(first_score(t)["value"] + first_score(t)["high"]) / 2), "score"),
    "a value one bit away": (lambda t: first_score(t).update(value=first_score(t)["value"] + 2**-50), "score"),
    "a narrower interval": (lambda t: first_score(t).update(low=first_score(t)["value"]), "interval"),
    "a value out of range": (lambda t: first_score(t).update(value=85.0), "refused"),
    "another n": (lambda t: first_score(t).update(n=17), "n"),
    "another split": (lambda t: first_score(t).update(split="validation"), "split"),
    "a newer schema": (lambda t: t.update(schema="xbench.record/99"), "refused"),
    "a member too many": (lambda t: t["provenance"]["test"].pop("de"), "cells"),
    "a score left out": (lambda t: t["scores"].pop(), "cells"),
    "missing and scored": (lambda t: t["missing"].append({"language": "de", "split": "test", "why": "none"}), "cells"),
    "other rules": (lambda t: t["metrics"].update(accuracy="first letters compared"), "rules"),
    "an unknown metric": (lambda t: (first_score(t).update(metric="bluff"), t["metrics"].update(bluff="")), "metric"),
    "another encoder": (lambda t: t["run"].update(encoder="xlmr-large"), "place"),
    "another seed": (lambda t: t["run"].update(seed=1), "place"),
    "counts of another run": (lambda t: t["examples"].update(file="other.parquet"), "place"),
    "another hash": (lambda t: t["examples"].update(sha256="0" * 64), "hash"),
    "no signature": (lambda t: t.update(signature=""), "signature"),
    "another number in the recipe": (lambda t: t["provenance"]["recipe"].update(rate=0.5), "signature"),
    "other training rows": (lambda t: t["provenance"]["train"].update(fingerprint="0" * 64), "signature"),
    "no training rows": (lambda t: t["provenance"].update(train=None), "selection"),
    "another rule": (lambda t: t["selection"].update(rule="source-dev"), "selection"),
    "a rule that nobody knows": (lambda t: t["selection"].update(rule="best"), "selection"),
    "target labels chose": (
        lambda t: t["selection"].update(by_language={"de": {
            "split": "de/validation", "checkpoint": 2, "score": 0.5, "regret": None, "low": None, "high": None,
        }}), "zero-shot",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", JSON_EDITS)
def test_what_was_changed_in_a_record_is_found(board: Path, damage: str) -> None:
    edit, code = JSON_EDITS[damage]
    change(board, edit)
    report = verify(board, tasks=TASKS)
    assert code in codes(report), [str(fault) for fault in report.faults]
    named = [fault for fault in report.faults if fault.code == code]
    assert all(PAIRS in fault.file for fault in named)


TABLE_EDITS: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "another count": (lambda t: column(t, "accuracy.correct", flipped), "score"),
    "NaN": (lambda t: column(t, "accuracy.correct", lambda v: [float("nan"), *v[1:]]), "counts"),
    "infinity": (lambda t: column(t, "accuracy.n", lambda v: [float("inf"), *v[1:]]), "counts"),
    "null": (lambda t: column(t, "accuracy.n", lambda v: [None, *v[1:]]), "counts"),
    "a negative count": (lambda t: column(t, "accuracy.correct", lambda v: [-1.0, *v[1:]]), "counts"),
    "text for numbers": (lambda t: column(t, "accuracy.correct", lambda v: list(map(str, v))), "counts"),
    "numbers for ids": (lambda t: column(t, "id", lambda v: list(range(len(v)))), "counts"),
    "no id": (lambda t: column(t, "id", lambda v: [None, *v[1:]]), "counts"),
    "a column left out": (lambda t: t.drop_columns(["accuracy.n"]), "columns"),
    "a strange column": (lambda t: t.append_column("bluff.n", t["accuracy.n"]), "columns"),
    "a column twice": (lambda t: t.append_column("accuracy.n", t["accuracy.n"]), "counts"),
    "no ids": (lambda t: t.drop_columns(["id"]), "counts"),
    "a row left out": (lambda t: t.slice(1), "n"),
    "a row twice": (lambda t: pa.concat_tables([t.slice(0, 1), t]), "n"),
    "an id twice": (lambda t: column(t, "id", lambda v: [v[1], *v[1:]]), "ids"),
    "rows in another order": (lambda t: t.take(pc.sort_indices(t, [("id", "ascending")])), "order"),
    "another language": (lambda t: column(t, "language", lambda v: ["sw" if x == "de" else x for x in v]), "n"),
    "far too many rows": (lambda t: pa.concat_tables([t] * 300), "counts"),
}  # fmt: skip


@pytest.mark.parametrize("damage", TABLE_EDITS)
def test_what_was_changed_in_the_counts_is_found_though_the_hash_was_mended(board: Path, damage: str) -> None:
    edit, code = TABLE_EDITS[damage]
    put(board, edit(table_of(board)))
    report = verify(board, tasks=TASKS)
    assert code in codes(report), [str(fault) for fault in report.faults]
    assert report.records == 6


def link(board: Path) -> None:
    (board / "elsewhere").symlink_to(board / "toy-tags")


def linked_counts(board: Path) -> None:
    path = board / f"{PAIRS}.parquet"
    path.rename(board / "moved")
    path.symlink_to(board / "moved")


FILE_EDITS: dict[str, tuple[Callable[[Path], object], str]] = {
    "counts renamed": (lambda b: (b / f"{PAIRS}.parquet").rename(b / "toy-pairs/bert/x.parquet"), "orphan"),
    "counts gone": (lambda b: (b / f"{PAIRS}.parquet").unlink(), "counts"),
    "counts without a record": (lambda b: (b / f"{PAIRS}.json").unlink(), "orphan"),
    "counts cut short": (lambda b: (b / f"{PAIRS}.parquet").write_bytes(b"PAR1"), "hash"),
    "counts that are a link": (linked_counts, "counts"),
    "a folder that is a link": (link, "link"),
    "a record under another name": (lambda b: (b / f"{PAIRS}.json").rename(b / "toy-pairs/bert/x.json"), "place"),
    "a record twice": (lambda b: shutil.copy(b / f"{PAIRS}.json", b / f"{PAIRS}.part2.json"), "twice"),
    "a later part without the first": (
        lambda b: [(b / f"{PAIRS}.{x}").rename(b / f"{PAIRS}.part3.{x}") for x in ("json", "parquet")], "place",
    ),
    "a file that is no JSON": (lambda b: (b / "extra.json").write_text("{"), "refused"),
    "a file too large": (lambda b: (b / "extra.json").write_bytes(b" " * (2**24 + 1)), "refused"),
    "a link to a record": (lambda b: (b / "extra.json").symlink_to(b / f"{PAIRS}.json"), "refused"),
}  # fmt: skip


@pytest.mark.parametrize("damage", FILE_EDITS)
def test_files_that_are_not_where_they_belong_are_found(board: Path, damage: str) -> None:
    edit, code = FILE_EDITS[damage]
    edit(board)
    report = verify(board, tasks=TASKS)
    assert code in codes(report), [str(fault) for fault in report.faults]


def test_noise_for_counts_is_a_fault_of_that_file(board: Path) -> None:
    path = board / f"{PAIRS}.parquet"
    raw = bytearray(path.read_bytes())
    for place in range(8, len(raw) - 8, 7):
        raw[place] ^= 0xFF
    path.write_bytes(raw)
    change(board, lambda t: t["examples"].update(sha256=hashlib.sha256(raw).hexdigest()))
    (fault,) = verify(board, tasks=TASKS).faults
    assert fault.code == "counts"
    assert fault.file == str(path)


def test_two_boards_with_the_same_run_are_told(whole: Path, board: Path) -> None:
    report = verify(whole, board, tasks=TASKS)
    assert codes(report) == {"twice"}
    assert len(report.faults) == 6


@pytest.mark.parametrize("kind", ["pairs", "tags", "spans", "choices", "retrieval"])
def test_predictions_that_do_not_give_the_counts_are_found(board: Path, toy_mirror: Path, kind: str) -> None:
    name = f"toy-{kind}/bert/toy-en-s0"
    others = {
        "pairs": "nobody", "tags": ["B-PER", "B-LOC", "B-LOC", "B-PER"], "spans": "Paris lives", "choices": 7,
        "retrieval": {"item": 0, "to_source": 99, "from_source": 99},
    }  # fmt: skip
    table = table_of(board, name)
    number = len(table)
    put(board, column(table, "prediction", lambda _: [json.dumps(others[kind])] * number), name)
    assert verify(board, tasks=TASKS).holds
    report = verify(board, data=toy_mirror, tasks=TASKS)
    assert codes(report) == {"recount"}
    assert all(name in fault.file for fault in report.faults)


def test_predictions_that_make_no_sense_are_a_fault_and_no_crash(board: Path, toy_mirror: Path) -> None:
    name = "toy-retrieval/bert/toy-en-s0"
    table = table_of(board, name)
    number = len(table)
    put(board, column(table, "prediction", lambda _: ['{"value":[],"probability":"x"}'] * number), name)
    assert codes(verify(board, data=toy_mirror, tasks=TASKS)) == {"predictions"}
    put(board, column(table, "prediction", lambda _: ["{"] * number), name)
    assert codes(verify(board, data=toy_mirror, tasks=TASKS)) == {"predictions"}
    put(board, table.drop_columns(["prediction"]), name)
    assert codes(verify(board, data=toy_mirror, tasks=TASKS)) == {"predictions"}


def test_other_gold_in_the_mirror_is_found(whole: Path, tmp_path: Path) -> None:
    mirror = toy.write_mirror(tmp_path / "mirror")
    path = mirror / "toy/pairs/de/test-00000-of-00001.parquet"
    table = pq.read_table(path)
    pq.write_table(column(table, "text", lambda v: ["Ball", *v[1:]]), path)
    report = verify(whole, data=mirror, tasks=TASKS)
    assert codes(report) == {"gold"}
    (fault,) = report.faults
    assert "fingerprint" in fault.what
    assert "de" in fault.what
    shutil.rmtree(mirror / "toy/tags")
    assert {fault.code for fault in verify(whole, data=mirror, tasks=TASKS).faults if "toy-tags" in fault.file} == {
        "gold"
    }


def test_a_forged_score_whose_counts_and_hash_fit_is_found_by_the_gold(board: Path, toy_mirror: Path) -> None:
    table = table_of(board)
    put(board, column(table, "accuracy.correct", lambda v: [1.0] * len(v)))
    low, high = wilson(16, 16)
    change(board, lambda t: [score.update(value=1.0, low=low, high=high) for score in t["scores"]])
    assert verify(board, tasks=TASKS).holds
    assert codes(verify(board, data=toy_mirror, tasks=TASKS)) == {"recount"}


def test_a_task_that_is_not_known_here_is_told_where_its_gold_was_asked_for(whole: Path, toy_mirror: Path) -> None:
    assert verify(whole).holds
    report = verify(whole, data=toy_mirror)
    assert codes(report) == {"task"}
    assert "--task" in report.faults[0].what


def test_intervals_of_another_version_are_noted(board: Path) -> None:
    def older(tree: dict[str, Any]) -> None:
        tree["provenance"]["xbench"] = "0.0.1"
        tree["signature"] = tree["signature"].rpartition(":")[0] + ":0.0.1"
        tree["scores"][0]["low"] = 0.0

    change(board, older)
    report = verify(board, tasks=TASKS)
    assert report.holds, [str(fault) for fault in report.faults]
    assert len(report.notes) == 1
    assert "0.0.1" in report.notes[0]


@pytest.mark.parametrize("told", ["1.0.0", None])
def test_intervals_of_another_numpy_are_noted(board: Path, told: str | None) -> None:
    def older(tree: dict[str, Any]) -> None:
        tree["provenance"]["packages"] = {"numpy": told} if told else {}
        tree["scores"][0]["low"] = 0.0

    change(board, older)
    report = verify(board, tasks=TASKS)
    assert report.holds, [str(fault) for fault in report.faults]
    (note,) = report.notes
    assert f"numpy {told or 'of unknown version'} are not derived again" in note


def test_a_regret_is_the_difference_of_two_records(board: Path) -> None:
    zero_shot = json.loads((board / f"{PAIRS}.json").read_text())
    oracle = json.loads((board / f"{PAIRS}.json").read_text())
    oracle["run"]["recipe"] = "toy-oracle"
    oracle["provenance"]["recipe"]["selection"] = "oracle"
    chosen = {"split": "de/validation", "checkpoint": 2, "score": 0.5, "regret": 0.25, "low": 0.0, "high": 0.5}
    oracle["selection"] |= {"rule": "oracle", "by_language": {s["language"]: chosen for s in zero_shot["scores"]}}
    (board / "toy-pairs/bert/toy-oracle-en-s0.json").write_text(json.dumps(oracle))
    faults = [fault for fault in verify(board, tasks=TASKS).faults if fault.code == "regret"]
    assert len(faults) == 3
    assert {(fault.recorded, fault.derived) for fault in faults} == {("0.25", "0.0")}


def test_a_path_in_a_record_is_never_executed(board: Path, toy_mirror: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    change(board, lambda t: (t["metrics"].update({str(evil): ""}), t["run"].update(task=str(evil))))
    assert {"metric", "task"} <= codes(verify(board, data=toy_mirror, tasks=TASKS))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["accuracy@/evil.py", "accuracy@evil.py", "evil.py", "./evil.py", "evil.py@1"])
def test_no_command_executes_a_metric_that_a_record_names(
    board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("evil.py", "accuracy@evil.py", "accuracy@/evil.py"):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")

    def renamed(tree: dict[str, Any]) -> None:
        tree["signature"] = tree["signature"].replace("metric:accuracy", f"metric:{name}")
        tree["metrics"] = {name: ""}
        for score in tree["scores"]:
            score["metric"] = name

    change(board, renamed)
    counts = table_of(board)
    put(board, counts.rename_columns([one.replace("accuracy.", f"{name}.") for one in counts.column_names]))
    for words in ("board", "verify", "slices", "export --to lm-eval --out told"):
        CliRunner().invoke(app, [*words.split(), "--board", str(board)])
        assert not (tmp_path / "ran").exists(), words
    with pytest.raises(UnknownName):
        installed(name)
    assert "metric" in codes(verify(board))


def test_the_step_that_was_scored_is_the_best_on_the_dev_split(board: Path) -> None:
    def chose(step: int, score: float) -> Callable[[dict[str, Any]], None]:
        def edit(tree: dict[str, Any]) -> None:
            history = [[2, 0.5], [4, 0.75], [6, 0.75]]
            tree["selection"] |= {"rule": "source-dev", "checkpoint": step, "score": score, "history": history}
            tree["selection"]["split"] = "en/validation"
            tree["provenance"]["dev"] = tree["provenance"]["train"] | {"split": "validation"}
            tree["provenance"]["recipe"]["selection"] = "source-dev"

        return edit

    for step, score, wrong in ((4, 0.75, False), (6, 0.75, True), (2, 0.5, True), (4, 0.5, True)):
        change(board, chose(step, score))
        assert ("selection" in codes(verify(board, tasks=TASKS))) == wrong, (step, score)


def test_a_board_or_a_mirror_that_is_not_there_is_told(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no board at"):
        verify(tmp_path / "nowhere")
    with pytest.raises(NoSuchData, match="no folder"):
        verify(whole, data=tmp_path / "nowhere")


def test_predictions_come_back_as_metrics_know_them() -> None:
    label, option = restored({"value": "a", "probability": 0.5}), restored({"value": 2, "probability": None})
    assert (type(label), label, label.probability) == (Label, "a", 0.5)
    assert (type(option), option) == (Option, 2)
    assert option.probability != option.probability
    assert restored({"item": 1, "to_source": 2, "from_source": 3}) == Retrieved(1, 2, 3)
    assert restored({"item": 1, "source": 2, "score": 1.25}) == Mined(1, 2, 1.25)
    assert restored(["O", "B-PER"]) == ("O", "B-PER")
    assert restored(None) is None
    assert restored({"something": "else"}) == {"something": "else"}


def xbench_verify(*words: object) -> subprocess.CompletedProcess[str]:
    call = [Path(sys.executable).with_name("xbench"), "verify", *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_says_what_differs_and_exits_with_2(board: Path, toy_mirror: Path) -> None:
    tasks = [word for path in TASKS for word in ("--task", path)]
    good = xbench_verify("--board", board, "--data", toy_mirror, *tasks)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.startswith("6 records, ")
    assert good.stdout.count("\n") == 1
    change(board, lambda t: first_score(t).update(low=first_score(t)["value"]))
    bad = xbench_verify("--board", board)
    assert bad.returncode == 2
    first, last = bad.stdout.splitlines()
    assert first.startswith(f"{board / PAIRS}.json: interval: accuracy in en: recorded [")
    assert last.endswith("1 fault")
    told = json.loads(xbench_verify("--board", board, "--json").stdout)
    assert told["holds"] is False
    assert [fault["code"] for fault in told["faults"]] == ["interval"]
    assert told["records"] == 6


def test_names_of_records_steer_no_terminal(board: Path) -> None:
    name = "x\u001b[31m\u202e"
    change(board, lambda tree: tree["metrics"].update({name: ""}))
    for words in ((), ("--json",)):
        said = xbench_verify("--board", board, *words)
        assert said.returncode == 2
        assert not set("\u001b\u202e") & set(said.stdout + said.stderr)
    assert any("\x1b[31m\u202e" in fault["what"] for fault in json.loads(said.stdout)["faults"])
