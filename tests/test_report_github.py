"""A verdict as annotations: read back as the runner of GitHub Actions reads them."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from test_report_text import HOSTILE, cell, hostile, verdict

from xbench.gate.verdict import Verdict
from xbench.report import annotations

LINE = re.compile(r"::(error|warning|notice) title=([^,:\r\n]*)::([^\r\n]*)")


def read(said: str) -> list[tuple[str, str, str]]:
    """Level, title, message; the escapes undone as actions/runner undoes them."""
    found = []
    for line in said.removesuffix("\n").split("\n"):
        match = LINE.fullmatch(line)
        assert match, line
        title, message = match[2], match[3]
        for sign, code in ((",", "%2C"), (":", "%3A"), ("\n", "%0A"), ("\r", "%0D"), ("%", "%25")):
            title = title.replace(code, sign)
            message = message.replace(code, sign) if sign not in ",:" else message
        found.append((match[1], title, message))
    return found


def many(cells: int) -> Verdict:
    several = tuple(cell("xnli", f"l{number}") for number in range(cells))
    return verdict(cells=several, harmed=several, lost=(), guards=())


def test_the_verdict_comes_first_then_the_worst() -> None:
    told = read(annotations(verdict()))
    assert told[0] == ("error", "xbench check", "exit 1 · regression: worse for sw in xnli (-5.0)")
    assert told[1] == ("error", "xbench check: xnli sw is worse", "-5.00 points, 95 % interval [-7.00, -3.00]")
    assert [title for _, title, _ in told[2:]] == ["xbench check: xnli th is lost", "xbench check: source"]


def test_there_are_at_most_ten_and_the_last_counts_the_rest() -> None:
    assert len(read(annotations(many(9)))) == 10
    told = read(annotations(many(500)))
    assert len(told) == 10
    assert told[-1][2] == "492 findings more; the report has all"
    assert "xnli l7" in told[-2][1]


def test_levels_follow_the_exit_code() -> None:
    quiet = verdict(code=0, line="held", harmed=(), cells=(), lost=(), guards=())
    assert read(annotations(quiet)) == [("notice", "xbench check", "exit 0 · held")]
    assert {level for level, _, _ in read(annotations(verdict(code=3)))} == {"warning"}
    assert {level for level, _, _ in read(annotations(verdict(), report_only=True))} == {"warning"}


def test_what_a_runner_could_misread_is_escaped() -> None:
    said = annotations(verdict(line="100 % of a,b: c\nd\re"))
    assert said.split("\n")[0] == "::error title=xbench check::exit 1 · 100 %25 of a,b: c%0Ad e"
    assert "title=xbench check%3A xnli sw is worse::" in said


def test_no_name_makes_a_command() -> None:
    said = annotations(hostile())
    assert len(read(said)) <= 10
    assert "##[" not in said
    assert not set(said) & {"\x1b", "\u202e", "\ud800"}
    assert HOSTILE not in said


@settings(max_examples=80, deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_every_name_gives_lines_that_can_be_read_back(name: str) -> None:
    assert 1 <= len(read(annotations(hostile(name)))) <= 10
