"""A verdict as Markdown: nothing in it is markup, and it can always be posted."""

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from test_report_text import COMMAND, HOSTILE, cell, fine, hostile, origin, verdict

from xbench.gate.verdict import Lost, Verdict
from xbench.report import compared, markdown

POSTED = 65_000


def large(cells: int, name: str = "language") -> Verdict:
    several = tuple(cell("xnli", f"{name}{number}", difference=-number / cells) for number in range(cells))
    return verdict(
        cells=several, harmed=several, lost=tuple(Lost(task="x", language=f"{n}", why=name) for n in range(cells))
    )


def test_a_small_verdict_is_whole() -> None:
    said = markdown(verdict(), COMMAND)
    assert "left out" not in said
    assert "| xnli | sw | 65.00 | 60.00 | -5.00 | \\[-7.00, -3.00\\] | 0.002 |" in said
    assert COMMAND in said


def test_a_large_one_leaves_out_rows_and_counts_them() -> None:
    cells = 20_000
    said = markdown(large(cells), COMMAND)
    assert len(said) < POSTED
    assert COMMAND in said
    harmed = said[said.index("**Worse beyond doubt**") : said.index("**Lost")]
    shown = len(re.findall(r"^\| xnli \|", harmed, re.MULTILINE))
    (left_out,) = re.findall(r"… and (\d+) more, left out here", harmed)
    assert shown > 20
    assert shown + int(left_out) == cells
    # The worst come first, so those are never left out.
    assert "| xnli | language0 |" in harmed


def test_little_more_is_cut_than_must_be() -> None:
    assert len(markdown(large(20_000), COMMAND)) > POSTED * 0.7


def test_hostile_and_endless_names_stay_within_the_limit() -> None:
    for name in (HOSTILE, "@" * 100_000, "`" * 100_000, "|\n" * 50_000):
        said = markdown(hostile(name), name)
        assert len(said) < POSTED
        assert compared_length(hostile(name)) < POSTED


def compared_length(judged: Verdict) -> int:
    return len(compared.markdown(judged))


def test_a_comparison_of_a_thousand_tasks_stays_within_the_limit() -> None:
    cells = tuple(cell(f"task{task:04}", "@" * 300) for task in range(1000))
    said = compared.markdown(verdict(cells=cells))
    assert len(said) < POSTED
    assert "more parts, left out here" in said


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_a_name_stays_in_its_cell(name: str) -> None:
    judged = verdict(cells=(fine(name),), harmed=(), lost=(), guards=())
    rows = [line for line in markdown(judged).splitlines() if line.startswith("| xnli |")]
    (row,) = rows
    assert len(re.findall(r"(?<!\\)\|", row)) == 9
    assert "<" not in row
    assert not re.search(r"(?<!\\)[\]\[]", row)


def test_a_command_cannot_leave_its_block() -> None:
    said = markdown(verdict(), "```\n# heading\n```")
    fence = re.search("^(`+)text$", said, re.MULTILINE)
    assert fence
    assert said.count(fence[1]) == 2
    assert "\n# heading" not in said


def test_the_same_verdict_gives_the_same_bytes() -> None:
    assert markdown(verdict(), COMMAND) == markdown(replace(verdict(), candidate=origin("new")), COMMAND)
