"""The lists in files and on narrow terminals; and what is said of files and folders that are not there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from test_export_tables import put, small

from xbench import catalogue, languages
from xbench.cli import listing
from xbench.record import Run

Call = Callable[..., tuple[int, str, str]]


def damage(board: Path) -> tuple[str, str, str]:
    """Cut a record off, remove the counts of one and change those of another; the names of the three records."""
    refused, missing, changed = (
        f"{task}/first_one/xtreme-en-s{seed}.json"
        for task, seed in (("made-more", 0), ("made-pairs", 0), ("made-pairs", 1))
    )
    (board / refused).write_text((board / refused).read_text()[:80])
    (board / missing).with_suffix(".parquet").unlink()
    (board / changed).with_suffix(".parquet").write_bytes(b"PAR1")
    return refused, missing, changed


@pytest.mark.parametrize("verb", ["tasks", "encoders", "suites", "recipes", "languages"])
def test_a_list_in_a_file_is_cut_nowhere_and_folds_nothing(call: Call, verb: str) -> None:
    code, out, _ = call(verb)
    assert (code, "…" in out) == (0, False)
    values, faults = ({}, {}) if verb == "languages" else catalogue.opened(getattr(catalogue, verb))
    items = len(values) + len(faults) if values else len(languages.known())
    assert len([line for line in out.splitlines() if line.strip()]) == 2 + items


def test_codes_and_metrics_stand_whole_in_a_file(call: Call) -> None:
    first = [line.split()[0] for line in call("languages")[1].splitlines()[3:] if line.strip()]
    assert first == [one.code for one in languages.known()]
    assert "retrieval_to_source" in call("tasks")[1]


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_on_a_terminal_titles_are_cut_and_names_are_not(
    call: Call, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr(listing, "_on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    out = call("tasks")[1]
    assert "…" in out or columns >= 120
    names = catalogue.opened(catalogue.tasks)[0]
    for name in names:
        assert re.search(rf"^ {re.escape(name)} ", out, re.MULTILINE), name
    assert "retrieval_to_source" in out
    assert sum(line.startswith(tuple(f" {name} " for name in names)) for line in out.splitlines()) == len(names)
    out = call("languages")[1]
    assert {line.split()[0] for line in out.splitlines() if line[:2].strip()} >= {one.code for one in languages.known()}
    if columns >= 80:
        assert max(map(cell_len, out.splitlines())) <= columns


@pytest.mark.parametrize(
    "words",
    [
        ("board",), ("board", "--format", "csv"), ("board", "--format", "json"), ("board", "--format", "latex"),
        ("slices",), ("slices", "--format", "csv"), ("export", "--to", "csv"), ("export", "--to", "latex"),
        ("export", "--to", "lm-eval", "--task", "made-pairs", "--encoder", "first_one"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(call: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    board = small(tmp_path / "board")
    refused, missing, changed = damage(board)
    code, out, err = call(*words, "--board", board, *(("--out", tmp_path / "out") if "lm-eval" in words else ()))
    assert code == 0
    told = re.sub(r"\s+", " ", (out + err).replace("\\_", "_"))
    assert f"refused {refused}: " in told
    assert f"counts of {missing} cannot be used (missing): their encoders are ranked from the records" in told
    assert f"counts of {changed} cannot be used (its hash differs)" in told
    if "csv" in words:
        assert refused in err
        assert "refused" not in out


def test_a_board_that_is_whole_says_nothing_beside_its_numbers(call: Call, tmp_path: Path) -> None:
    board = small(tmp_path)
    for words in (("board", "--format", "csv"), ("export", "--to", "csv"), ("slices",)):
        assert call(*words, "--board", board)[2] == ""


def test_too_many_files_say_what_chooses(call: Call, tmp_path: Path) -> None:
    for encoder in ("a", "b"):
        put(tmp_path / "board", Run("made-pairs", encoder, "xtreme", "en", 0), {"en": 0.9, "de": 0.6})
    words = ("export", "--to", "lm-eval", "--board", tmp_path / "board", "--task", "made-pairs")
    said = "choose by --task and --encoder"
    for out in ((), ("--out", tmp_path / "x.json")):
        code, _, err = call(*words, *out)
        assert (code, said in err) == (2, True)
    assert call(*words, "--encoder", "a")[0] == 0


def test_an_empty_board_says_where_it_looked_and_what_to_do(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    code, out, err = call("board", "--board", "empty")
    assert (code, out) == (0, "No records here yet.\n")
    assert err == "Looked in empty. `xbench run --suite mini --board empty` writes records there.\n"
    Path("leaderboards/mini").mkdir(parents=True)
    Path("leaderboards/local").mkdir()
    err = call("board")[2]
    assert "`xbench run --suite mini` writes" in err
    assert "`xbench board --board leaderboards/mini` shows" in err


def test_a_board_that_is_a_file_or_nowhere_is_told_so(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for words in (("board",), ("slices",), ("export", "--to", "csv"), ("compare", "a", "b")):
        code, out, err = call(*words, "--board", file)
        assert (code, out) == (2, "")
        assert f"{file} is a file, and a board is a folder" in err
        assert f"no board at {tmp_path / 'absent'}" in call(*words, "--board", tmp_path / "absent")[2]


def test_a_task_file_that_is_not_there_says_which_are(call: Call, tmp_path: Path) -> None:
    words = ("run", "--encoder", tmp_path, "--board", tmp_path / "board", "--task")
    assert f"no file headlnes.py in {tmp_path}, nor any other .py there." in call(*words, tmp_path / "headlnes.py")[2]
    (tmp_path / "headlines.py").write_text("")
    code, _, err = call(*words, tmp_path / "headlnes.py")
    assert code == 2
    assert f"no file headlnes.py in {tmp_path}; did you mean headlines.py?" in err
    assert f"there is no folder {tmp_path / 'x'}." in call(*words, tmp_path / "x" / "headlines.py")[2]
    (tmp_path / "folder.py").mkdir()
    assert "is a folder" in call(*words, tmp_path / "folder.py")[2]


def test_the_page_names_the_file_of_a_metric_as_a_task_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.search(r'`metric="(\w+\.py)"`', page)
    assert named
    code = page.partition(f"```python\n# {named[1]}\n")[2].partition("```")[0]
    (tmp_path / named[1]).write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert f'`metric="{catalogue.metric(named[1]).name}"`' in page
