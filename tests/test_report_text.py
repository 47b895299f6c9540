"""A verdict as text; and the verdicts that the tests of the other formats share."""

from dataclasses import replace

from xbench.gate.verdict import Cell, Guard, Levels, Lost, Mismatch, Origin, Verdict, Waiver
from xbench.report import text
from xbench.report.sections import chance, points, word

HOSTILE = "a\n::error::b|`<img src=x>`\x1b[31m\u202e##[group]@you, %0A: \ud800\ufffe"
"""A name that tries to be something else in each format."""

COMMAND = "xbench check --candidate new --baseline old"


def cell(task: str = "xnli", language: str = "sw", **changes: object) -> Cell:
    made = Cell(
        task=task, language=language, metric="accuracy", candidate=0.60, baseline=0.65, difference=-0.05, low=-0.07,
        high=-0.03, p=0.0001, p_adjusted=0.002, p_two_sided=0.0002, p_two_sided_adjusted=0.004, harmed=True,
        waived=False, detectable=0.03, standard_error=0.01, degrees_of_freedom=30.0, seeds=(5, 5), n=5010,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def fine(language: str, **changes: object) -> Cell:
    return cell(
        language=language, candidate=0.701, baseline=0.7, difference=0.001, low=-0.01, high=0.012, p=0.6, p_adjusted=1.0,
        p_two_sided=0.8, p_two_sided_adjusted=1.0, harmed=False, **changes,
    )  # fmt: skip


def guard(name: str = "target mean", **changes: object) -> Guard:
    made = Guard(
        name=name, value=-0.004, low=-0.008, high=0.001, margin=0.01, outcome="PASS", seeds_needed=None,
        detectable=0.012, languages={"xnli": ("de", "sw")}, standard_error=0.002, degrees_of_freedom=8.0, seeds=(5, 5),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def origin(encoder: str) -> Origin:
    return Origin(
        encoder=encoder, boards=("boards/x",), hash="ab" * 32, seeds={"xnli": (0, 1, 2, 3, 4)},
        signatures={"xnli": "task:xnli"}, checkpoints=(f"{encoder}@0123456789abcdef",), xbench=("0.1.0",),
    )  # fmt: skip


def verdict(**changes: object) -> Verdict:
    """A release that was judged: worse in Swahili, a language lost, a guard undecided."""
    harmed = cell()
    made = Verdict(
        code=1, line="regression: worse for sw in xnli (-5.0)",
        guards=(guard(), guard("source", outcome="INCONCLUSIVE", low=-0.03, high=0.01, seeds_needed=8)),
        cells=(fine("de"), harmed), harmed=(harmed,), lost=(
            Lost(task="xnli", language="th", why="the set lacks it"),
        ),
        mismatches=(), waivers=(), detectable=0.03, seeds=(5, 5), seeds_required=5, harm_margin=0.01,
        levels=Levels(gate=0.05, harm=0.025, regression=0.00625, passing=0.05), candidate=origin("new"),
        baseline=origin("old"), notes=("the baseline was made by xbench 0.0.9",), xbench="0.1.0",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def hostile(name: str = HOSTILE) -> Verdict:
    """A verdict in which every name is somebody else's."""
    bad = cell(name, name)
    return verdict(
        line=f"regression: worse for {name}", cells=(bad,), harmed=(bad,), guards=(guard(name, outcome="REGRESSION"),),
        lost=(Lost(task=name, language=f"{name}2", why=name),),
        mismatches=(Mismatch(task=name, language=name, what=name, baseline=name, candidate=name),),
        waivers=(Waiver(task=name, language=name, reason=name, owner=name, expires="2026-12-31"),),
        faults=(name,), notes=(name,), candidate=origin(name), baseline=origin(name),
    )  # fmt: skip


def test_the_first_line_says_the_exit_code_and_what_decided() -> None:
    assert text(verdict(), COMMAND).splitlines()[0] == "exit 1 · regression: worse for sw in xnli (-5.0)"


def test_a_report_has_guards_harm_coverage_power_and_origin() -> None:
    said = text(verdict(), COMMAND)
    for piece in (
        "target mean   -0.40  -0.80  +0.10    1.00          PASS      5             –",
        "source        -0.40  -3.00  +1.00    1.00  INCONCLUSIVE      5             8",
        "xnli  sw           65.00      60.00       -5.00  [-7.00, -3.00]     0.002",
        "xnli  th        no      the set lacks it",
        "2 cells compared in 1 task; 1 lost.",
        "A loss of 3.00 points in one language (median), 1.20 in target mean, 1.20 in source would be found in 80 of",
        "upper bound (99.375 %) lies",
        "the baseline was made by xbench 0.0.9",
        "--baseline boards/x:old@abababababababab",
        COMMAND,
    ):
        assert piece in " ".join(said.split("\n  ")) or piece in said, piece


def test_what_may_not_be_compared_comes_before_the_numbers() -> None:
    differs = Mismatch(
        task="xnli", language="de", what="test data", baseline="1234 (100 rows)", candidate="5678 (99 rows)"
    )
    said = text(verdict(code=3, mismatches=(differs,)), COMMAND)
    assert said.index("1234 (100 rows)") < said.index("Guards")
    assert word(verdict(code=3, mismatches=(differs,))) == "NOT COMPARABLE"
    assert word(verdict(code=3)) == "INCONCLUSIVE"


def test_a_waiver_is_named_with_who_answers_for_it() -> None:
    waived = Waiver(task="xnli", language="sw", reason="new tokenizer", owner="ada", expires="2026-12-31")
    said = text(verdict(waivers=(waived,), lost=(Lost(task="xnli", language="th", why="gone", waived=True),)), COMMAND)
    assert "xnli  sw        2026-12-31  ada    new tokenizer" in said
    assert "0 lost, 1 more lost with a waiver." in said


def test_where_seeds_are_unknown_nothing_could_be_seen() -> None:
    blind = verdict(detectable=None, guards=(guard(detectable=None),), seeds=(1, 1))
    assert "Nothing: the spread between seeds is unknown (seeds: 1, required 5)." in text(blind)


def test_no_name_steers_a_terminal_or_the_runner_of_a_build() -> None:
    said = text(hostile(), HOSTILE)
    assert "##[" not in said
    assert not set(said) & {"\x1b", "\u202e", "\ud800", "\ufffe", "\r"}
    for line in said.splitlines():
        assert not line.lstrip().startswith("::")
    said.encode("utf-8")


def test_figures_are_written_without_a_sign_of_nothing_and_no_p_is_zero() -> None:
    assert [points(value) for value in (-0.00001, 0.0, 0.0123, -0.5)] == ["0.00", "0.00", "+1.23", "-50.00"]
    assert [chance(p) for p in (0.0, 0.0004, 0.0204, 1.0)] == ["<0.001", "<0.001", "0.020", "1.000"]
