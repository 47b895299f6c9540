"""A board as text: the golden files, and names that would be markup, formulas or commands."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_store import record

import xbench
from xbench import store
from xbench.export.escaping import for_csv, for_latex, for_markdown, plain
from xbench.export.tables import WRITERS
from xbench.export.view import View
from xbench.record import Counts, Missing, Run, Score, Selected
from xbench.resample import wilson

GOLDEN = Path(__file__).parent / "golden" / "board"
N = 200

HOSTILE = (
    "=cmd()|",
    "[red]x[/red]",
    "\\input{x}",
    "<script>alert(1)</script>",
    "a\u202eb",
    "$x$ & 100% #1_2 ^~",
    "a`b`*c*\x1b[31m",
)


def put(board: Path, run: Run, values: Mapping[str, float], **changes: object) -> None:
    """Write a record of these accuracies with its counts: of N examples in each language the first ones are right."""
    right = {language: round(N * value) for language, value in values.items()}
    ends = {language: wilson(k, N) for language, k in right.items()}
    scores = tuple(
        Score(language=code, split="test", metric="accuracy", n=N, value=k / N, low=ends[code][0], high=ends[code][1])
        for code, k in right.items()
    )
    rows = np.concatenate([np.column_stack([np.arange(N) < k, np.ones(N)]) for k in right.values()]).astype(float)
    counts = Counts(
        ids=tuple(str(i) for _ in right for i in range(N)), languages=tuple(code for code in right for _ in range(N)),
        columns=("accuracy.correct", "accuracy.n"), rows=rows,
    )  # fmt: skip
    made = record(run, scores=scores, missing=(), chance=1 / 3, parallel=True, tokenizer={})
    store.write_once(board, replace(made, **{"signature": signature(run.task), **changes}), counts)


def signature(task: str, **changed: str) -> str:
    parts = {"task": task, "metric": "accuracy", "recipe": "xtreme#1", "xbench": "0.1.0"} | changed
    return "|".join(f"{key}:{value}" for key, value in parts.items())


def small(folder: Path) -> Path:
    """Two tasks; two seeds, a language that is missing, another recipe, an oracle, a run that collapsed."""
    for task, shift in (("made-pairs", 0.0), ("made-more", -0.1)):
        for seed in (0, 1):
            values = {"en": 0.9, "de": 0.8 - 0.02 * seed, "sw": 0.62, "zh": 0.7, "qq1": 0.5}
            put(folder, Run(task, "first_one", "xtreme", "en", seed), {code: v + shift for code, v in values.items()})
        second = {"en": 0.85, "de": 0.7, "sw": 0.4, "zh": 0.55, "qq1": 0.36}
        put(folder, Run(task, "second & last", "xtreme", "en", 0), {code: v + shift for code, v in second.items()})
    first = "made-pairs"
    lacks = (Missing(language="sw", split="test", why="the data set has no 'sw'"),)
    put(
        folder,
        Run(first, "partial", "xtreme", "en", 0),
        {"en": 0.9, "de": 0.8, "zh": 0.7, "qq1": 0.5},
        missing=lacks,
    )
    other = signature(first, recipe="slow#2")
    put(folder, Run(first, "first_one", "slow", "en", 0), second, signature=other)
    chosen = Selected(rule="oracle", split="", checkpoint=3, score=None)
    best = {code: value + 0.02 for code, value in second.items()}
    told = signature(first, selection="oracle")
    put(folder, Run(first, "second & last", "xtreme-oracle", "en", 0), best, signature=told, selection=chosen)
    collapsed = dict.fromkeys(second, 1 / 3)
    put(folder, Run(first, "collapsed", "xtreme", "en", 0), collapsed)
    return folder


def alike(one: object, other: object) -> bool:
    """Whether two JSON trees say the same, numbers to nine digits."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_what_is_written_is_the_golden_file(tmp_path: Path, format: str) -> None:
    written = WRITERS[format](xbench.load_board(small(tmp_path)), View())
    golden = GOLDEN / f"small.{format}"
    same = (
        alike(json.loads(written), json.loads(golden.read_text()))
        if format == "json"
        else written == golden.read_text()
    )
    if not same:
        (tmp_path / golden.name).write_text(written)
        pytest.fail(f"{golden} is not what is written now. Look at the difference; if it is meant, copy "
                    f"{tmp_path / golden.name} over it.")  # fmt: skip


def test_json_has_all_that_the_tables_know(tmp_path: Path) -> None:
    tree = json.loads(WRITERS["json"](xbench.load_board(small(tmp_path)), View()))
    assert tree["schema"] == "xbench.board/1"
    by_task = {table["task"]: table for table in tree["tables"]}
    columns = {(one["encoder"], one["recipe"]): one for one in by_task["made-pairs"]["columns"]}
    first = columns["first_one", "xtreme"]
    assert (first["rank"]["best"], first["rank"]["among"], first["group"]) == (1, 3, "A")
    assert first["mean"] == pytest.approx((0.79 + 0.62 + 0.7 + 0.5) / 4)
    assert first["cells"]["de"]["seeds"] == 2
    assert {one["name"] for one in first["measures"]} >= {"target mean", "gap", "worst language", "mean difference"}
    assert columns["partial", "xtreme"]["mean"] is None
    assert columns["partial", "xtreme"]["missing"] == {"sw": "the data set has no 'sw'"}
    assert columns["collapsed", "xtreme"]["collapsed"] == [0]
    assert not columns["second & last", "xtreme-oracle"]["zero_shot"]
    assert columns["second & last", "xtreme-oracle"]["rank"] is None
    assert by_task["made-pairs"]["may_not_be_compared"] == {"B": ["recipe: xtreme#1 / slow#2"]}
    over = {(one["encoder"], one["recipe"]): one for one in tree["over_tasks"]}
    assert over["first_one", "xtreme"]["tasks"] == 2
    assert over["first_one", "slow"]["measures"] == []


def test_csv_numbers_stay_numbers_and_rows_are_those_of_the_frame(tmp_path: Path) -> None:
    board = xbench.load_board(small(tmp_path))
    rows = list(csv.DictReader(io.StringIO(WRITERS["csv"](board, View()))))
    frame = board.frame()
    assert [float(row["value"]) for row in rows] == frame["value"].tolist()
    swahili = next(row for row in rows if row["language"] == "sw" and row["encoder"] == "first_one")
    assert (swahili["language_name"], swahili["script"]) == ("Swahili", "Latn")
    assert [swahili[name] for name in ("rank", "rank_low", "rank_high", "tier")] == ["1", "1", "1", "1"]
    unknown = next(row for row in rows if row["language"] == "qq1")
    assert (unknown["language_name"], unknown["script"], unknown["resource_class"]) == ("qq1", "", "")
    slow = next(row for row in rows if row["recipe"] == "slow")
    assert slow["rank"] == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_in_every_format(tmp_path: Path, name: str) -> None:
    # The name of a recipe, a language and a reason are as much anybody's as that of an encoder.
    lost = (Missing(language="sw", split="test", why=name),)
    values = {"en": 0.9, "de": 0.5, "x" + name: 0.4}
    put(tmp_path, Run("made-pairs", name, name, "en", 0), values, missing=lost)
    put(
        tmp_path,
        Run("made-pairs", "other", "xtreme", "en", 0),
        values | {"sw": 0.5},
        signature=signature("made-pairs", recipe=name),
    )
    board = xbench.load_board(tmp_path)
    written = {format: write(board, View(details=True)) for format, write in WRITERS.items()}
    for format, text in written.items():
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]", text), format
    for row in csv.reader(io.StringIO(written["csv"])):
        assert not [cell for cell in row if cell[:1] in "=+-@\t\r" and cell]
    columns = json.loads(written["json"])["tables"][0]["columns"]
    assert name in {one["encoder"] for one in columns}
    table_lines = [line for line in written["markdown"].splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table_lines}) <= 3  # ranking, languages, disparity
    assert "<" not in written["markdown"]
    for sign in "[]*`$":
        assert f"\\{sign}" in written["markdown"] or sign not in plain(name)
    body = written["latex"]
    assert "\\input" not in body
    assert len(re.findall(r"(?<!\\)&", body)) == len(
        re.findall(r"(?<!\\)&", latex_with_a_plain_name(tmp_path / "plain"))
    )
    assert body.count("\\begin{") == body.count("\\end{")


def latex_with_a_plain_name(folder: Path) -> str:
    lost = (Missing(language="sw", split="test", why="plain"),)
    values = {"en": 0.9, "de": 0.5, "xplain": 0.4}
    put(folder, Run("made-pairs", "plain", "plain", "en", 0), values, missing=lost)
    put(
        folder,
        Run("made-pairs", "other", "xtreme", "en", 0),
        values | {"sw": 0.5},
        signature=signature("made-pairs", recipe="plain"),
    )
    return WRITERS["latex"](xbench.load_board(folder), View(details=True))


@given(st.text(max_size=30))
def test_escaped_text_stays_in_its_cell(text: str) -> None:
    (row,) = csv.reader(io.StringIO(_as_csv(for_csv(text))))
    assert row == [for_csv(text), "1"]
    assert not for_csv(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    shown = for_markdown(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert not re.search(r"(?<!\\)\|", shown.replace("\\\\", ""))
    escaped = for_latex(text)
    bare = re.sub(
        r"\\(?:[{}$&#%_]|[a-z]+(?:\d+)?\{\})|\{\[\}|\{\]\}|\$\\pm\$|\$-\$|\$\\(?:cdot|times)\$|\{\}", "", escaped
    )
    assert not set(bare) & set("\\{}$&#%_~^[]")


def _as_csv(cell: str) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([cell, 1])
    return out.getvalue()


def test_text_that_is_harmless_is_not_changed() -> None:
    assert for_csv("facebook/xlm-roberta-base") == "facebook/xlm-roberta-base"
    assert for_markdown("xlm-roberta-base (large)") == "xlm-roberta-base (large)"
    assert for_latex("mBERT 1.0, a/b-c") == "mBERT 1.0, a/b-c"
    assert plain("نموذج 中文 क्\u200dष") == "نموذج 中文 क्\u200dष"
    assert for_latex("a--b") == "a-{}-b"


def test_a_board_without_a_record_is_written_too(tmp_path: Path) -> None:
    board = xbench.load_board(tmp_path)
    assert WRITERS["csv"](board, View()).startswith("task,encoder,")
    assert json.loads(WRITERS["json"](board, View()))["tables"] == []
    assert "No records" in WRITERS["markdown"](board, View())
    assert "No records" in WRITERS["latex"](board, View())


def test_best_is_bold_only_where_it_is_first_alone(tmp_path: Path) -> None:
    def write(folder: Path, weaker: float) -> str:
        put(folder, Run("made-pairs", "strong", "xtreme", "en", 0), {"en": 0.9, "de": 0.8, "sw": 0.8})
        put(folder, Run("made-pairs", "weak", "xtreme", "en", 0), {"en": 0.9, "de": weaker, "sw": weaker})
        return WRITERS["latex"](xbench.load_board(folder), View())

    assert "\\textbf{80.0}" in write(tmp_path / "apart", 0.5)
    assert "\\textbf" not in write(tmp_path / "close", 0.795)
