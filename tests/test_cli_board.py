"""`xbench board`: what people see, on wide terminals and narrow ones."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from rich.cells import cell_len
from test_export_tables import GOLDEN, HOSTILE, put, small
from typer.testing import CliRunner

from xbench.cli import app
from xbench.errors import UnknownName
from xbench.record import Missing, Run


def board(folder: Path, *words: str, columns: int = 100, **env: str) -> str:
    """What `xbench board` writes."""
    done = called(folder, *words, columns=columns, **env)
    assert done.exit_code == 0, done.exception
    return done.stdout


def called(folder: Path, *words: str, columns: int = 100, **env: str) -> Result:
    environment = {"COLUMNS": str(columns), "NO_COLOR": "1"} | env
    return CliRunner().invoke(app, ["board", "--board", str(folder), *words], env=environment)


def refused(folder: Path, *words: str) -> str:
    done = called(folder, *words)
    assert isinstance(done.exception, UnknownName)
    return str(done.exception)


def test_the_table_is_the_golden_file(tmp_path: Path) -> None:
    written = board(small(tmp_path / "board"), columns=80)
    golden = GOLDEN / "small.table"
    if written != golden.read_text():
        (tmp_path / golden.name).write_text(written)
        pytest.fail(f"{golden} is not what is drawn now. Look at the difference; if it is meant, copy "
                    f"{tmp_path / golden.name} over it.")  # fmt: skip


@pytest.mark.parametrize("columns", [50, 60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(tmp_path: Path, columns: int) -> None:
    text = board(small(tmp_path), columns=columns)
    assert max(map(cell_len, text.splitlines())) <= columns
    assert "…" not in text.replace("has no …", "")
    for number in ("65.3 [59.3, 70.7]", "79.0 [72.5, 84.3]", "38.0 [31.6, 44.9]", "60.2 ±4.2"):
        assert number in text


def test_narrow_terminals_get_blocks_of_whole_columns(tmp_path: Path) -> None:
    small(tmp_path)
    assert "further columns" not in board(tmp_path, columns=160)
    narrow = board(tmp_path, "--task", "made-pairs", columns=60)
    assert narrow.count("further columns") >= 3
    # Every block says again whose row it is.
    assert narrow.count("second & last") >= 4


def test_colours_only_where_they_are_wanted(tmp_path: Path) -> None:
    small(tmp_path)
    assert "\x1b" not in board(tmp_path)
    coloured = board(tmp_path, FORCE_COLOR="1", NO_COLOR="", COLORTERM="truecolor", TERM="xterm-256color")
    assert "\x1b[38;2;230;159;0m" in coloured
    assert "\x1b[38" not in board(tmp_path, FORCE_COLOR="1", TERM="xterm-256color")
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == board(tmp_path)


def test_ranks_and_doubts_are_said(tmp_path: Path) -> None:
    text = board(small(tmp_path), columns=160)
    for said in (
        "95 % interval", "among 3 on the whole board", "One seed", "1 of 1 runs collapsed (100 %",
        "may not be compared: B (first_one slow-en) with A: recipe: xtreme#1 / slow#2",
        "not zero-shot (oracle), never ranked: second & last", "incomplete, so without mean and rank: partial (4/5; lacks sw)",
        "missing sw: the data set has no", "mean of 3 shared", "mean over 2 tasks",
    ):  # fmt: skip
        assert said in text


def test_filters_show_less_and_change_no_rank(tmp_path: Path) -> None:
    small(tmp_path)
    text = board(
        tmp_path, "--task", "made-pairs", "--encoder", "second & last,collapsed", "--languages", "deu,swa", columns=160
    )
    assert "first_one" not in text
    assert "whatever is shown" in text
    assert "mean of the shown" in text.replace("mean of    the shown", "")
    rows = [line.split() for line in text.splitlines() if line.startswith(("1 ", "2 ", "3 "))]
    assert [(row[0], row[1]) for row in rows] == [("2", "second"), ("3", "collapsed")]
    assert "50.3 [44.4, 56.1]" in text  # the mean of all targets
    assert re.search(r"second & last .* 55\.0 ", text)  # that of the two shown
    assert "qq1" not in text.partition("by language")[2].partition("±")[0]


def test_by_puts_languages_together_with_a_mean(tmp_path: Path) -> None:
    text = board(small(tmp_path), "--task", "made-more", "--by", "script", columns=120)
    for head in ("Hans (1)", "Latn (2)", "unknown (1)"):
        assert head in text
    assert re.search(r"Latn \(2\) +60\.5 \[\d\d\.\d, \d\d\.\d\] +45\.0 \[", text)
    families = board(tmp_path, "--task", "made-more", "--by", "family", "--format", "markdown")
    assert "Indo-European (1)" in families


def test_details_show_every_measure(tmp_path: Path) -> None:
    text = board(small(tmp_path), "--task", "made-more", "--details", columns=120)
    for measure in ("relative gap", "gap above chance", "lowest fifth", "min / max", "Gini", "SD"):
        assert measure in text
    assert re.search(r"de German +200 ", text)


def test_what_is_not_there_is_named_with_what_is_near(tmp_path: Path) -> None:
    small(tmp_path)
    assert "did you mean made-pairs" in refused(tmp_path, "--task", "made-pair")
    assert "first_one" in refused(tmp_path, "--encoder", "first_on")
    assert "language on this board" in refused(tmp_path, "--languages", "vi")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_on_a_terminal(tmp_path: Path, name: str) -> None:
    lost = (Missing(language="sw", split="test", why=f"{name} \x1b]0;title\x07"),)
    put(tmp_path, Run("made-pairs", name, name, "en", 0), {"en": 0.9, "x" + name: 0.4}, missing=lost)
    text = board(tmp_path, columns=160, FORCE_COLOR="1", NO_COLOR="", TERM="xterm-256color")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1a\x7f]", text)
    bare = re.sub("\x1b\\[[0-9;]*m", "", text)
    assert "\x1b" not in bare
    assert name.replace("\u202e", "").replace("\x1b", "") in bare


def test_wide_and_right_to_left_names_keep_the_columns(tmp_path: Path) -> None:
    for name in ("多语言模型", "نموذج", "plain"):
        put(tmp_path, Run("made-pairs", name, "xtreme", "en", 0), {"en": 0.9, "de": 0.5})
    text = board(tmp_path, columns=120)
    rows = [line for line in text.splitlines() if re.match(r"1–3 ", line)]
    assert len(rows) == 3
    assert len({cell_len(line.rstrip()) for line in rows}) == 1
    # After Arabic letters the direction is set back before any number.
    assert re.search("نموذج\u200e *\\s+1 ", text)


def test_many_encoders_are_cut_with_a_word_on_how_to_see_all(tmp_path: Path) -> None:
    for i in range(30):
        put(tmp_path, Run("made-pairs", f"e{i:02}", "xtreme", "en", 0), {"en": 0.9, "de": 0.3 + i / 50})
    text = board(tmp_path, columns=200)
    assert "The first 25 of 30 encoders" in text
    assert "e29" in text
    assert not re.search(r"\be00\b", text)
    assert board(tmp_path, "--format", "csv").count("\n") == 1 + 60


def test_an_empty_board_and_a_task_without_scores_are_shown(tmp_path: Path) -> None:
    assert "No records" in board(tmp_path)
    put(tmp_path, Run("made-pairs", "a", "xtreme", "en", 0), {"en": 0.9})
    assert "1/1" in board(tmp_path)


def test_a_language_that_nobody_has_is_shown_with_its_reason(tmp_path: Path) -> None:
    lost = (Missing(language="sw", split="test", why="no such configuration 'sw'"),)
    put(tmp_path, Run("made-pairs", "a", "xtreme", "en", 0), {"en": 0.9, "de": 0.5}, missing=lost)
    text = board(tmp_path)
    assert "sw Swahili" in text
    assert "missing sw: no such configuration" in text
    assert "incomplete" in text


def test_the_board_is_shown_without_torch(tmp_path: Path) -> None:
    asked = (
        f"import sys\nsys.argv = ['xbench', 'board', '--board', {str(small(tmp_path))!r}]\nfrom xbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'altair') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "made-pairs" in done.stdout


def test_several_boards_are_one(tmp_path: Path) -> None:
    put(tmp_path / "a", Run("made-pairs", "a", "xtreme", "en", 0), {"en": 0.9, "de": 0.5})
    put(tmp_path / "b", Run("made-pairs", "b", "xtreme", "en", 0), {"en": 0.9, "de": 0.8})
    done = called(tmp_path / "a", "--board", str(tmp_path / "b"), "--format", "json")
    columns = json.loads(done.stdout)["tables"][0]["columns"]
    assert [(one["encoder"], one["rank"]["place"]) for one in columns] == [("b", 1), ("a", 2)]
