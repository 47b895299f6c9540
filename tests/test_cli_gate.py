"""`xbench check` and `xbench compare` as users call them: exit codes, streams, files."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from xbench.gate.rehearsal import ACTS, Release, make

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of board folders: `old` and `new` are one encoder with other seeds, `worse` lost 8 points in Swahili."""
    folder = tmp_path_factory.mktemp("boards")
    make(folder / "old", Release(), "old")
    make(folder / "new", Release(seeds=range(5, 10)), "new")
    make(folder / "worse", Release(seeds=range(5, 10), change={"sw": -0.08}), "worse")
    make(folder / "few", Release(seeds=range(5, 7)), "few")
    make(folder / "both", Release(), "old")
    make(folder / "both", Release(seeds=range(5, 10)), "new")
    return folder


def check(call: Call, boards: Path, candidate: str, *words: object, baseline: str = "old") -> tuple[int, str, str]:
    return call("check", "--candidate", boards / candidate, "--baseline", boards / baseline, *words)


def test_the_self_test_gives_every_exit_code_and_says_so(call: Call) -> None:
    code, out, _ = call("check", "--self-test")
    assert code == 0
    assert [line[:6] for line in out.splitlines()[:-1]] == [f"exit {act.expected}" for act in ACTS]
    assert {act.expected for act in ACTS} == {0, 1, 2, 3}
    assert out.count("as it must:") == len(ACTS)


def test_a_self_test_that_fails_is_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from xbench.gate import rehearsal

    monkeypatch.setattr(rehearsal, "ACTS", (replace(ACTS[0], expected=1),))
    code, out, _ = call("check", "--self-test")
    assert code == 2
    assert "exit 0, and not 1: DO NOT TRUST THIS GATE: the same encoder, with other seeds" in out


def test_exit_codes_through_the_command(call: Call, boards: Path) -> None:
    code, out, err = check(call, boards, "new")
    assert (code, err) == (0, "")
    assert out.startswith("exit 0 · held: every guard holds")
    code, out, _ = check(call, boards, "worse")
    assert code == 1
    assert "worse for sw in made-up (-8.0)" in out.splitlines()[0]
    code, out, _ = check(call, boards, "few")
    assert code == 3
    assert "2 seeds, and 5 are needed to pass" in out
    assert check(call, boards, "few", "--seeds-required", 2)[0] == 0


def test_the_same_input_gives_the_same_bytes_in_every_format(call: Call, boards: Path, tmp_path: Path) -> None:
    formats = ("text", "json", "md", "junit", "github")
    for turn in ("one", "two"):
        words = [word for name in formats for word in ("--format", f"{name}={tmp_path / turn / name}")]
        code, out, _ = check(call, boards, "worse", *words)
        assert (code, out) == (1, "")
    for name in formats:
        first, second = ((tmp_path / turn / name).read_bytes() for turn in ("one", "two"))
        assert first == second, name
        assert len(first) > 300, name
    assert json.loads((tmp_path / "one/json").read_text())["code"] == 1
    root = ElementTree.parse(tmp_path / "one/junit").getroot()
    assert [case.attrib["name"] for case in root.iter("testcase") if case.find("failure") is not None][-1] == "sw"


def test_a_side_is_a_name_a_folder_or_both(call: Call, boards: Path) -> None:
    words = ("--format", "json")
    by_folder = json.loads(check(call, boards, "new", *words)[1])
    by_name = json.loads(
        call("check", "--candidate", "new", "--baseline", "old", "--board", boards / "both", *words)[1]
    )
    both = boards / "both"
    by_both = json.loads(call("check", "--candidate", f"{both}:new", "--baseline", f"{both}:old", *words)[1])
    assert by_folder["cells"] == by_name["cells"] == by_both["cells"]
    assert by_folder["baseline"]["hash"] == by_name["baseline"]["hash"] == by_both["baseline"]["hash"]


def test_a_baseline_can_be_pinned_and_another_one_is_refused(call: Call, boards: Path) -> None:
    found = json.loads(check(call, boards, "new", "--format", "json")[1])["baseline"]["hash"]
    assert check(call, boards, "new", baseline=f"old@{found}")[0] == 0
    assert check(call, boards, "new", baseline=f"old@{found[:16]}")[0] == 0
    _, out, _ = check(call, boards, "new")
    (line,) = [line for line in out.splitlines() if line.startswith("pin the baseline")]
    pinned = line.split()[-1]
    assert pinned == f"{boards / 'old'}:old@{found[:16]}"
    assert call("check", "--candidate", boards / "new", "--baseline", pinned)[0] == 0
    code, out, err = check(call, boards, "new", baseline="old@00000000deadbeef")
    assert (code, out) == (2, "")
    assert "not those that were pinned" in err


def test_the_printed_command_gives_the_verdict_again(call: Call, boards: Path) -> None:
    words = ("--margin", "source=3", "--seeds-required", 3, "--task", "made-up", "--format", "json")
    tree = json.loads(check(call, boards, "worse", *words)[1])
    again = json.loads(call(*tree["command"].split()[1:], "--format", "json")[1])
    assert again == tree
    assert tree["settings"]["margins"] == {"source": 3.0}
    assert tree["seeds_required"] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--candidate", "x"], "name what is compared: --candidate A --baseline B"),
        (["--format", "html"], "unknown format: 'html'"),
        (["--format", "json="], "names no file"),
        (["--format", "json", "--format", "text"], "standard output cannot hold"),
        (["--format", "json=a", "--format", "md=a"], "two reports would be written to one file"),
        (["--margin", "source"], "write NAME=POINTS"),
        (["--margin", "source=much"], "write NAME=POINTS"),
        (["--margin", "sauce=1"], "did you mean source?"),
        (["--margin", "source=nan"], "source"),
        (["--seeds-required", "1"], "seeds"),
        (["--config", "absent.toml"], "absent.toml"),
        (["--candidate", "absent"], "unknown encoder: 'absent'"),
        (["--recipe", "absent"], "unknown recipe"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_2(call: Call, boards: Path, words: list[str], said: str) -> None:
    sides = [] if words[0] == "--candidate" and words[1] == "x" else ["--candidate", boards / "new"]
    baseline = ["--baseline", boards / "old"] if sides else []
    code, out, err = call("check", *sides, *baseline, *words)
    assert (code, out) == (2, "")
    assert said in err


def test_a_side_that_is_not_there_says_where_was_looked(
    call: Call, boards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(boards.parent)
    folder = boards.name
    for named, said in (
        (f"{folder}/nw", f"unknown encoder or board folder: '{folder}/nw'; did you mean {folder}/new"),
        (f"{folder}/nw:new", f"did you mean {folder}/new"),
        ("zzz", "unknown encoder: 'zzz'. There is no board at leaderboards/local"),
    ):
        code, out, err = call("check", "--candidate", named, "--baseline", f"{folder}/old")
        assert (code, out) == (2, "")
        assert said in err
        assert "There are none" not in err
        assert f"nor is there a folder {named.partition(':')[0]}." in err
    err = call("check", "--candidate", "nw", "--baseline", "old", "--board", f"{folder}/both")[2]
    assert "unknown encoder: 'nw'; did you mean new? There are: new, old." in err
    assert f"Looked on {folder}/both (--board)" in err


def test_a_board_that_was_named_and_is_not_there_is_never_passed_over(call: Call, boards: Path) -> None:
    code, out, err = check(call, boards, "new", "--board", boards / "nope")
    assert (code, out) == (2, "")
    assert f"no board at {boards / 'nope'}" in err


def test_a_task_of_the_command_line_is_not_said_to_stand_in_the_settings(call: Call, boards: Path) -> None:
    err = check(call, boards, "new", "--task", "made-op")[2]
    assert "unknown task (--task, or `tasks` in the settings): 'made-op'; did you mean made-up?" in err


def test_a_folder_of_several_encoders_says_how_to_name_one(call: Call, boards: Path) -> None:
    code, _, err = check(call, boards, "both")
    assert code == 2
    assert f"holds several encoders: new, old. Say which: {boards / 'both'}:new" in err


def test_the_same_records_on_both_sides_are_refused(call: Call, boards: Path) -> None:
    code, _, err = check(call, boards, "old")
    assert code == 2
    assert "both sides are the same records of old" in err


def test_an_empty_folder_says_how_it_is_filled(call: Call, boards: Path, tmp_path: Path) -> None:
    code, _, err = call("check", "--candidate", tmp_path, "--baseline", boards / "old")
    assert code == 2
    assert "holds no records" in err


def test_a_broken_file_beats_a_regression(call: Call, boards: Path, tmp_path: Path) -> None:
    shutil.copytree(boards / "worse", tmp_path / "worse")
    file = next((tmp_path / "worse").rglob("*-s5.json"))
    file.write_text("{")
    code, out, _ = call("check", "--candidate", tmp_path / "worse", "--baseline", boards / "old")
    assert code == 2
    assert "Files that cannot be read" in out
    assert file.name in out
    assert call("check", "--candidate", tmp_path / "worse", "--baseline", boards / "old", "--report-only")[0] == 2


def test_report_only_says_what_it_would_have_been(call: Call, boards: Path) -> None:
    code, out, err = check(call, boards, "worse", "--report-only", "--format", "github")
    assert code == 0
    assert "would exit with 1" in err
    assert "::error" not in out
    assert "::warning" in out


def test_a_waiver_lets_a_loss_pass_and_is_told(call: Call, boards: Path, tmp_path: Path) -> None:
    config = tmp_path / "gate.toml"
    waiver = '[[waivers]]\ntask = "made-up"\nlanguage = "sw"\nreason = "known"\nowner = "ada"\nexpires = {}\n'
    config.write_text("[margins]\nmean = 4\nlow-resource = 9\ngap = 4\n" + waiver.format("2999-12-31"))
    code, out, _ = check(call, boards, "worse", "--config", config)
    assert code == 0
    assert "made-up  sw        2999-12-31  ada    known" in out
    config.write_text(waiver.format("2020-01-01"))
    code, _, err = check(call, boards, "worse", "--config", config)
    assert code == 2
    assert "expired" in err


def test_on_github_there_are_annotations_and_a_summary(
    call: Call, boards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, out, _ = check(
        call, boards, "worse", "--format", "text", "--format", "github", "--format", f"md={tmp_path / 'r.md'}"
    )
    assert code == 1
    assert out.startswith("exit 1")
    assert 1 < len([line for line in out.splitlines() if line.startswith("::error")]) <= 10
    assert summary.read_text() == "before\n" + (tmp_path / "r.md").read_text() + "\n"
    code, out, err = check(call, boards, "absent", "--format", "github")
    assert code == 2
    assert out.startswith("::error title=xbench check::unknown encoder")
    assert err.startswith("xbench: unknown encoder")


def test_a_summary_that_cannot_be_written_does_not_hide_the_verdict(
    call: Call, boards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "absent" / "summary.md"))
    code, _, err = check(call, boards, "worse", "--format", "github")
    assert code == 1
    assert "no summary of the job" in err


def test_a_report_that_cannot_be_written_is_exit_2(call: Call, boards: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = check(call, boards, "new", "--format", f"json={tmp_path / 'file' / 'x.json'}")
    assert code == 2
    assert "cannot write" in err


def test_compare_names_ties_and_always_ends_with_0(call: Call, boards: Path) -> None:
    words = (boards / "worse", boards / "old")
    code, out, _ = call("compare", *words)
    assert code == 0
    assert out.startswith("worse against old: better in 0 cells, worse in 1, no difference in 4\n")
    assert "No difference beyond doubt in de, en, fi, yo." in out
    code, out, _ = call("compare", *words, "--format", "json")
    (sure,) = [one for one in json.loads(out)["cells"] if one["beyond_doubt"]]
    assert (code, sure["language"]) == (0, "sw")
    assert sure["low"] < sure["difference"] < sure["high"] < 0
    code, out, _ = call("compare", *words, "--format", "markdown")
    assert (code, "| sw | 57.00 | 65.00 | -8.00 |" in out) == (0, True)
    assert call("compare", boards / "few", boards / "old")[0] == 0


def test_compare_turns_round(call: Call, boards: Path) -> None:
    one, other = (
        json.loads(call("compare", *pair, "--format", "json")[1])
        for pair in ((boards / "worse", boards / "old"), (boards / "old", boards / "worse"))
    )
    for here, there in zip(one["cells"], other["cells"], strict=True):
        assert here["difference"] == pytest.approx(-there["difference"])
        assert here["low"] == pytest.approx(-there["high"])


def test_the_gate_does_not_load_torch() -> None:
    asked = (
        "import sys\nsys.argv = ['xbench', 'check', '--self-test']\nfrom xbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('torch', 'transformers', 'datasets') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
