"""A verdict as JUnit XML."""

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from test_report_text import COMMAND, HOSTILE, cell, fine, guard, hostile, verdict

from xbench.gate.verdict import Lost, Mismatch, Verdict, Waiver
from xbench.report import junit


def kinds(judged: Verdict) -> dict[tuple[str, str], str]:
    """(suite, case) -> failure, error, skipped or nothing, as a parser reads it."""
    root = ElementTree.fromstring(junit(judged, COMMAND))
    assert root.tag == "testsuites"
    return {
        (suite.attrib["name"], case.attrib["name"]): next((child.tag for child in case), "")
        for suite in root.iter("testsuite")
        for case in suite.iter("testcase")
    }


def test_a_suite_is_a_task_and_a_case_a_language() -> None:
    assert kinds(verdict()) == {
        ("mean over tasks", "target mean"): "",
        ("mean over tasks", "source"): "skipped",
        ("xnli", "de"): "",
        ("xnli", "sw"): "failure",
        ("xnli", "th"): "failure",
    }


def test_waived_losses_and_cells_without_seeds_are_skipped() -> None:
    waiver = Waiver(task="xnli", language="sw", reason="new tokenizer", owner="ada", expires="2026-12-31")
    lost = (Lost(task="xnli", language="th", why="gone", waived=True),)
    judged = verdict(
        cells=(cell(waived=True), fine("de", detectable=None)), harmed=(), lost=lost, waivers=(waiver,), guards=()
    )
    assert set(kinds(judged).values()) == {"skipped"}
    assert "waived by ada until 2026-12-31: new tokenizer" in junit(judged)


def test_what_cannot_be_compared_or_read_is_an_error() -> None:
    differs = Mismatch(task="xnli", language="", what="recipe", baseline="a", candidate="b")
    judged = verdict(
        code=2, cells=(), harmed=(), guards=(), lost=(), mismatches=(differs,), faults=("x.json: cut off",)
    )
    assert kinds(judged) == {("xnli", "every language: recipe"): "error", ("files", "file 1"): "error"}


def test_the_counts_of_suites_add_up() -> None:
    root = ElementTree.fromstring(junit(verdict(guards=(guard(outcome="REGRESSION"),))))
    for name in ("tests", "failures", "errors", "skipped"):
        assert int(root.attrib[name]) == sum(int(suite.attrib[name]) for suite in root.iter("testsuite"))
    assert (root.attrib["tests"], root.attrib["failures"]) == ("4", "3")
    assert len(list(root.iter("testcase"))) == 4


def test_no_name_leaves_its_attribute() -> None:
    said = junit(hostile(), HOSTILE)
    root = ElementTree.fromstring(said.encode("utf-8"))
    assert "##[" not in said
    assert "\x1b" not in said
    assert any("<img src=x>" in case.attrib["name"] for case in root.iter("testcase"))


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=30))
def test_every_name_gives_xml_that_opens(name: str) -> None:
    root = ElementTree.fromstring(junit(hostile(name), name).encode("utf-8"))
    assert len(list(root.iter("testcase"))) == 5
