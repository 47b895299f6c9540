"""What goes with a large gap: least squares over languages, and when nothing can be told."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from answered import FIFTEEN, answers, board_of, many
from hypothesis import given, settings
from hypothesis import strategies as st
from test_store import RUN
from typer.testing import CliRunner

from xbench.board import Cell, Column, Table
from xbench.board.least_squares import fitted, independent
from xbench.board.slices import UNITS, Slice, slices
from xbench.cli import app


def table(gaps: dict[str, dict[str, float]], fertility: dict[str, float] | None = None, **more: object) -> Table:
    """Encoder -> target -> gap, over a source score of 0.9 in English."""
    tokens = {"en": 1.0} | (fertility or {})
    columns = tuple(
        Column(
            encoder=encoder, recipe="r", source="en", split="test", signature="task:t",
            cells={
                one: Cell(value=0.9 - gap, low=0.0, high=1.0, seeds=1, n=100, fertility=tokens.get(one))
                for one, gap in {"en": 0.0, **of}.items()
            },
        )
        for encoder, of in gaps.items()
    )  # fmt: skip
    codes = tuple(dict.fromkeys(one for of in gaps.values() for one in of))
    return replace(
        Table(task="t", metric="accuracy", languages=("en", *codes), columns=columns, missing={}, parallel=True), **more
    )


def of(found: tuple[Slice, ...], name: str, *, together: bool = False, columns: int = 1) -> Slice:
    (one,) = [s for s in found if (s.name, s.together, len(s.columns)) == (name, together, columns)][:1]
    return one


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_slopes_are_those_of_lstsq_and_errors_those_of_the_sandwich_by_hand(seed: int, encoders: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    groups, clusters = np.repeat(np.arange(encoders), 12), np.tile(np.arange(12), encoders)
    kept = generator.random(len(groups)) > 0.1
    groups, clusters = (
        np.unique(groups[kept], return_inverse=True)[1],
        np.unique(clusters[kept], return_inverse=True)[1],
    )
    x, y = generator.normal(size=(len(groups), k)), generator.normal(size=len(groups))
    found = fitted(y, x, groups, clusters)
    design = np.hstack([x, np.eye(groups.max() + 1)[groups]])
    by_peer = np.linalg.lstsq(design, y, rcond=None)[0]
    assert [one.value for one in found.slopes] == pytest.approx(by_peer[:k], abs=1e-10)
    # The formulas as Bell and McCaffrey write them, with whole matrices.
    bread = np.linalg.inv(design.T @ design)
    rest = np.eye(len(y)) - design @ bread @ design.T
    residuals = rest @ y
    meat, parts = 0.0, [[] for _ in range(k)]
    for cluster in range(clusters.max() + 1):
        mine = clusters == cluster
        values, vectors = np.linalg.eigh(rest[np.ix_(mine, mine)])
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        score = design[mine].T @ root @ residuals[mine]
        meat = meat + np.outer(score, score)
        for j in range(k):
            parts[j].append(rest[:, mine] @ root @ design[mine] @ bread[:, j])
    variance = np.diag(bread @ meat @ bread)[:k]
    assert [one.standard_error**2 for one in found.slopes] == pytest.approx(variance, rel=1e-6)
    for one, vectors in zip(found.slopes, parts, strict=True):
        gram = np.array(vectors) @ np.array(vectors).T
        assert one.degrees_of_freedom == pytest.approx(np.trace(gram) ** 2 / (gram**2).sum(), rel=1e-6)


def test_errors_of_one_encoder_are_those_of_hc2_by_hand() -> None:
    # x = 0, 0, 1, 1, 1: means 1 and 4; residuals ∓1 and -1, 0, 1; leverages 1/2 and 1/3.
    # HC2 of a difference of means: s0²/2 + s1²/3 with unbiased variances 2 and 1 = 4/3.
    found = fitted(
        np.array([0.0, 2.0, 3.0, 4.0, 5.0]),
        np.array([[0.0], [0.0], [1.0], [1.0], [1.0]]),
        np.zeros(5, int),
        np.arange(5),
    )
    (slope,) = found.slopes
    assert slope.value == pytest.approx(3.0)
    assert slope.standard_error**2 == pytest.approx(4 / 3)
    assert found.r_squared == pytest.approx(1 - 4 / (4 + 10.8))


def test_the_true_slope_lies_in_nineteen_intervals_of_twenty() -> None:
    generator = np.random.default_rng(7)
    groups, clusters = np.repeat(np.arange(3), 14), np.tile(np.arange(14), 3)
    held = 0
    for _ in range(300):
        fact = generator.normal(size=14)[clusters]
        language = generator.normal(0, 0.05, 14)[clusters]
        gap = 0.06 * fact + language + generator.normal(0, 0.02, 42) + 0.1 * groups
        (slope,) = fitted(gap, fact[:, None], groups, clusters).slopes
        held += slope.low <= 0.06 <= slope.high
    assert 0.92 <= held / 300 <= 0.98


def test_a_board_with_a_known_slope_shows_it(tmp_path: Path) -> None:
    # 8 points are lost per doubling of tokens per word, and nothing by script.
    generator = np.random.default_rng(3)
    doublings = dict(zip(FIFTEEN, [0.0, *generator.uniform(0, 2, 14)], strict=True))
    runs = []
    for place, encoder in enumerate(("mbert", "xlmr-base", "labse")):
        for seed in range(2):
            shares = {one: 0.9 - 0.1 * place - 0.08 * times for one, times in doublings.items()}
            run = replace(RUN, encoder=encoder, seed=seed)
            fertility = {one: 1.3 * 2**times for one, times in doublings.items()}
            runs.append(answers(run, shares, items=2000, fertility=fertility))
    (made,) = board_of(tmp_path, runs).tables()
    found = slices(made)
    for columns, cells in ((3, 42), (1, 14)):
        one = of(found, "fertility", columns=columns)
        assert one.slope is not None
        assert one.slope.low < 0.08 < one.slope.high
        assert one.slope.high - one.slope.low < 0.04
        assert (one.languages, one.cells) == (14, cells)
        assert one.r_squared is not None
        assert one.r_squared > 0.9
    script = of(found, "other script", together=True, columns=3)
    assert script.slope is not None
    assert script.slope.low < 0 < script.slope.high


@given(st.floats(-0.3, 0.3), st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_what_an_encoder_loses_everywhere_changes_no_slope(shift: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    gaps = dict(zip(FIFTEEN[1:], generator.uniform(0, 0.4, 14), strict=True))
    others = dict(zip(FIFTEEN[1:], generator.uniform(0, 0.4, 14), strict=True))
    before = slices(table({"a": gaps, "b": others}))
    after = slices(table({"a": gaps, "b": {one: gap + shift for one, gap in others.items()}}))
    for one, other in zip(before, after, strict=True):
        assert (one.slope is None) == (other.slope is None)
        if one.slope and other.slope:
            assert other.slope.value == pytest.approx(one.slope.value, abs=1e-9)


@pytest.mark.parametrize(
    ("made", "name", "why"),
    [
        (
            {"a": dict.fromkeys(FIFTEEN[1:7], 0.1)},
            "other script",
            "known of 6 targets with a gap to their source, and 7",
        ),
        (
            {"a": dict.fromkeys(["de", "fr", "es", "it", "pt", "nl", "sv", "da"], 0.1)},
            "other script",
            "the same for all targets",
        ),
        (
            {"a": dict.fromkeys(["de", "fr", "es", "it", "pt", "nl", "sv", "ru", "bg"], 0.1)},
            "other script",
            "2 targets stand on one side",
        ),
        ({"a": dict.fromkeys(FIFTEEN[1:], 0.1)}, "fertility", "known of 0 targets"),
        ({"a": dict.fromkeys(FIFTEEN[1:], 0.1)}, "unseen", "known of 0 targets"),
    ],
)
def test_what_cannot_be_told_has_its_reason(made: dict[str, dict[str, float]], name: str, why: str) -> None:
    one = of(slices(table(made)), name)
    assert one.slope is None
    assert one.why.startswith(why)


def test_fertility_that_hardly_varies_is_not_drawn_out() -> None:
    gaps = dict.fromkeys(FIFTEEN[1:], 0.1) | {"zh": 0.3}
    narrow = table({"a": gaps}, {one: 1 + i / 1000 for i, one in enumerate(FIFTEEN)})
    assert "less than 0.1 units" in of(slices(narrow), "fertility").why
    # One language alone has other tokens: its residual is nothing, and so nothing tells the error.
    alone = table({"a": gaps}, dict.fromkeys(FIFTEEN, 1.0) | {"zh": 3.0})
    assert of(slices(alone), "fertility").why == "too few targets differ in it"


def test_slices_that_follow_from_each_other_are_not_told_together() -> None:
    x = np.random.default_rng(0).normal(size=(20, 1))
    groups = np.zeros(20, int)
    assert independent(x, groups)
    assert not independent(np.hstack([x, 2 * x + 1]), groups)
    assert not independent(np.ones((20, 1)), groups)


def test_an_oracle_is_no_part_of_it() -> None:
    made = table({"a": dict.fromkeys(FIFTEEN[1:], 0.1), "b": dict.fromkeys(FIFTEEN[1:], 0.2)})
    chosen = replace(made, columns=(made.columns[0], replace(made.columns[1], rule="oracle")))
    assert all(one.columns == (made.columns[0],) for one in slices(chosen))


def test_the_verb_writes_a_table_json_and_csv(tmp_path: Path) -> None:
    many(tmp_path, ["mbert", "=cmd"], items=50, seeds=1)
    run = CliRunner().invoke
    drawn = run(app, ["slices", "--board", str(tmp_path)])
    assert drawn.exit_code == 0, drawn.output
    assert "xnli · accuracy · 2 encoders" in drawn.output
    assert "is no cause" in " ".join(drawn.output.split())
    rows = json.loads(run(app, ["slices", "--board", str(tmp_path), "--format", "json"]).output)
    assert {row["slice"] for row in rows} == set(UNITS)
    assert {row["encoder"] for row in rows} == {"", "mbert", "=cmd"}
    assert all((row["slope"] is None) == bool(row["why"]) for row in rows)
    text = run(app, ["slices", "--board", str(tmp_path), "--format", "csv", "--encoder", "=cmd"]).output
    assert {row["encoder"] for row in csv.DictReader(text.splitlines())} == {"'=cmd"}
    wrong = run(app, ["slices", "--board", str(tmp_path), "--encoder", "mbart"])
    assert "did you mean mbert" in str(wrong.exception)


def test_json_holds_names_whole_and_steers_no_terminal(tmp_path: Path) -> None:
    many(tmp_path, ["mbert", "x\u202e\x9b"], items=50, seeds=1)
    text = CliRunner().invoke(app, ["slices", "--board", str(tmp_path), "--format", "json"]).output
    assert {row["encoder"] for row in json.loads(text)} == {"", "mbert", "x\u202e\x9b"}
    assert not set("\u202e\x9b") & set(text)
