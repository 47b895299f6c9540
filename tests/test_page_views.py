"""Overview, Disparity, Task, Data quality and About: what they show is what the board says, whatever lies there."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from test_board import scored
from test_store import RUN, counts, record

import xbench
from xbench import store
from xbench.export.escaping import for_csv
from xbench.export.view import OF_CELLS
from xbench.page import frames, parts
from xbench.page.enlarging import enlarged
from xbench.page.house import VIEWS
from xbench.record import DataUsed, Missing, Record, TokenizerFigures

APP = Path(__file__).resolve().parents[1] / "app.py"
MINE = ("overview", "disparity", "task", "quality", "about")

HOSTILE = "**b** [x](http://e.vil) <b>h</b> :red[c] $y$ \u202egnp '+alert(1)+' `t`"
MARKUP = re.compile(r"(?<!\\)(\]\(|\[x|\*\*b|`t`|\$y)|<b>|:red|://|\u202e")
"""What of HOSTILE would be markup, unless a backslash stands before it."""

FORMULA = "=HYPERLINK(1)"


def put(folder: Path, *records: Record) -> Path:
    for made in records:
        store.write_once(folder, made, counts())
    return folder


Open = Callable[..., AppTest]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a page on a board."""

    def open_page(folder: Path, page: str = "overview", **asked: str) -> AppTest:
        monkeypatch.setenv("XBENCH_BOARDS", str(folder))
        test = AppTest.from_file(str(APP), default_timeout=60)
        for name, value in asked.items():
            test.query_params[name] = value
        test.run()
        if page != "overview":
            test.switch_page(str(VIEWS / f"{page}.py")).run()
        assert not test.exception, test.exception
        return test

    return open_page


def several(folder: Path) -> Path:
    """Three encoders on one task, two of them on another; one lacks a language."""
    return put(
        folder, scored({}, en=0.9, de=0.7, sw=0.5), scored({"seed": 1}, en=0.92, de=0.72, sw=0.5),
        scored({"encoder": "xlmr"}, en=0.8, de=0.6, sw=0.6), scored({"encoder": "small"}, en=0.7, de=0.4),
        scored({"task": "pawsx"}, en=0.9, de=0.8), scored({"task": "pawsx", "encoder": "xlmr"}, en=0.85, de=0.8),
    )  # fmt: skip


def frame(test: AppTest, *columns: str) -> pd.DataFrame:
    """The first table that has these columns."""
    return next(one.value for one in test.dataframe if set(columns) <= set(one.value.columns))


def specs(test: AppTest) -> list[dict[str, Any]]:
    return [json.loads(one.proto.spec) for one in test.get("vega_lite_chart")]


def markdown(test: AppTest) -> list[str]:
    """Every text that is read as Markdown."""
    kinds = ("markdown", "caption", "title", "header", "subheader", "info", "error", "warning")
    texts = [str(one.value) for kind in kinds for one in getattr(test, kind)]
    for one in test.table:
        texts += [str(cell) for row in one.value.itertuples() for cell in row]
    return texts + [str(one.label) for kind in ("expander", "metric") for one in getattr(test, kind)]


def strings(tree: Any, *, data: bool = False) -> Iterator[str]:
    """Every text of a chart's spec outside of its data, titles and the words of its scales."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if key in ("data", "datasets", "title", "description", "domain"):
            continue
        if isinstance(value, dict | list):
            yield from strings(value)
        elif isinstance(value, str):
            yield value


def test_the_ranking_is_that_of_the_board(tmp_path: Path, opened: Open) -> None:
    folder = several(tmp_path)
    shown = frame(opened(folder, task="xnli"), "rank", "encoder")
    (table,) = xbench.load_board(folder).tables(["xnli"])
    by_name = {column.encoder: column for column in table.columns}
    assert list(shown["encoder"]) == ["mbert", "xlmr", "small"]
    for row in shown.to_dict("records"):
        column = by_name[str(row["encoder"])]
        mean = column.mean(table.languages)
        assert (pd.isna(row["mean"]) and mean is None) or row["mean"] == pytest.approx(100 * mean)
        assert row["scored"] == f"{len(column.cells)}/3"
        assert (column.rank is None) == pd.isna(row["tier"])
    told = dict(zip(shown["encoder"], shown["flags"], strict=True))
    assert told == {"mbert": "", "xlmr": "single seed", "small": "incomplete, single seed"}
    mbert = shown.iloc[0]
    assert mbert["worst"] == pytest.approx(50.0)
    assert mbert["worst language"] == "Swahili (sw)"
    assert mbert["gap"] == pytest.approx(100 * (0.91 - (0.71 + 0.5) / 2))
    assert mbert["spread"] == pytest.approx(21.0)


def test_filters_cut_rows_and_change_no_rank(tmp_path: Path, opened: Open) -> None:
    folder = several(tmp_path)
    whole = frame(opened(folder, task="xnli"), "rank", "encoder").set_index("encoder")
    cut = frame(opened(folder, task="xnli", encoders="xlmr"), "rank", "encoder").set_index("encoder")
    assert list(cut.index) == ["xlmr"]
    assert cut.loc["xlmr", "rank"] == whole.loc["xlmr", "rank"]
    assert cut.loc["xlmr", "mean"] == whole.loc["xlmr", "mean"]


def test_a_link_chooses_the_task_and_an_unknown_one_is_dropped(tmp_path: Path, opened: Open) -> None:
    folder = several(tmp_path)
    assert opened(folder, task="xnli").selectbox(key="task").value == "xnli"
    assert opened(folder, task="nonsense").selectbox(key="task").value == "pawsx"


def test_choices_go_along_to_other_pages(tmp_path: Path, opened: Open) -> None:
    test = opened(several(tmp_path), task="pawsx", encoders="xlmr")
    test.switch_page(str(VIEWS / "disparity.py")).run()
    assert test.selectbox(key="task").value == "pawsx"
    assert test.multiselect(key="encoders").value == ["xlmr"]
    test = opened(several(tmp_path / "again"))
    test.selectbox(key="task").select("xnli").run()
    for page in ("disparity", "task"):
        test.switch_page(str(VIEWS / f"{page}.py")).run()
        assert not test.exception
        assert test.selectbox(key="task").value == "xnli"


def test_over_tasks_only_whole_encoders_have_means(tmp_path: Path, opened: Open) -> None:
    shown = frame(opened(several(tmp_path)), "tasks").set_index("encoder")
    assert dict(shown["tasks"]) == {"mbert": "2/2", "xlmr": "2/2", "small": "0/2"}
    assert shown.loc["mbert", "mean"] == pytest.approx(100 * ((0.71 + 0.5) / 2 + 0.8) / 2)
    assert pd.isna(shown.loc["small", "mean"])


def test_what_papers_print_is_marked_and_apart(tmp_path: Path, opened: Open) -> None:
    printed = {
        "schema": "xbench.published/1", "task": "xnli", "beyond": [],
        "results": [{
            "encoder": HOSTILE.replace("\u202e", ""), "registered": "mbert", "metric": "accuracy",
            "values": {"en": 82.1, "de": 71.1}, "average": 76.6, "averaged": ["en", "de"], "trained_on": "en",
            "selection": "source-dev", "protocol": "[p](http://e.vil)", "source": "S", "provenance": "primary",
        }],
    }  # fmt: skip
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "xnli.json").write_text(json.dumps(printed))
    folder = several(tmp_path / "board")
    hidden, test = opened(folder, task="xnli"), opened(folder, task="xnli", published="true")
    assert len(hidden.dataframe) < len(test.dataframe)
    row = frame(test, "mean as printed").iloc[0]
    assert row["encoder"].startswith("† ")
    assert row["mean as printed"] == pytest.approx(76.6)
    assert "†" not in "".join(frame(test, "rank", "encoder")["encoder"])
    ours = frame(test, "difference").set_index("language")
    assert ours.loc["German (de)", "difference"] == pytest.approx(71 - 71.1)
    assert not [text for text in markdown(test) if MARKUP.search(text)]


def test_gaps_and_scores_of_the_heatmap_are_those_of_the_cells(tmp_path: Path, opened: Open) -> None:
    folder = several(tmp_path)
    test = opened(folder, "disparity", task="xnli")
    (table,) = xbench.load_board(folder).tables(["xnli"])
    shown = frame(test, "code", "mbert").set_index("code")
    mbert = next(column for column in table.columns if column.encoder == "mbert")
    assert dict(shown["mbert"]) == pytest.approx({code: 100 * cell.value for code, cell in mbert.cells.items()})
    assert pd.isna(shown.loc["sw", "small"])
    test.toggle(key="gap").set_value(True).run()
    assert not test.exception
    lost = frame(test, "code", "mbert").set_index("code")
    assert lost.loc["sw", "mbert"] == pytest.approx(100 * (0.91 - 0.5))
    assert any("gap to the source" in str(spec["description"]).lower() for spec in specs(test))


def test_groups_and_measures_are_those_of_the_board(tmp_path: Path, opened: Open) -> None:
    folder = several(tmp_path)
    test = opened(folder, "disparity", task="xnli", by="family")
    groups = frame(test, "family", "mean").set_index(["family", "encoder"])
    assert groups.loc[("Indo-European", "mbert"), "mean"] == pytest.approx(71)
    assert groups.loc[("Atlantic-Congo", "xlmr"), "mean"] == pytest.approx(60)
    board = xbench.load_board(folder)
    (table,) = board.tables(["xnli"])
    shown = frame(test, "measure", "value", "languages").set_index(["encoder", "measure"])["value"]
    for column in table.columns:
        for measure in board.measures(table, column, gini=True):
            assert shown[column.encoder, measure.name] == pytest.approx(100 * measure.value)
    assert "small" not in shown.index.get_level_values(0)


def test_a_language_filter_cuts_charts_and_not_measures(tmp_path: Path, opened: Open) -> None:
    folder = several(tmp_path)
    whole = frame(opened(folder, "disparity", task="xnli"), "measure", "value", "languages")
    test = opened(folder, "disparity", task="xnli", languages="sw")
    assert list(frame(test, "code", "mbert")["code"]) == ["sw"]
    pd.testing.assert_frame_equal(frame(test, "measure", "value", "languages"), whole)


def test_the_task_page_says_what_records_and_the_task_say(tmp_path: Path, opened: Open) -> None:
    used = DataUsed(repo="o/n", revision="abc", config="de", split="test", rows=100, fingerprint="f" * 64, duplicates=2)
    figures = TokenizerFigures(fertility=1.5, tokens_per_character=0.3, unknown=0.01, truncated=0.02)
    made = scored({}, en=0.9, de=0.7)
    origin = replace(made.provenance, test={"de": used})
    rules = {"accuracy": "by *name*"}
    folder = put(tmp_path, replace(made, provenance=origin, tokenizer={"de": figures}, metrics=rules))
    test = opened(folder, "task")
    rows = frame(test, "fingerprint").iloc[0]
    assert (rows["n"], rows["data set"], rows["revision"], rows["duplicates"]) == (100, "o/n", "abc", 2)
    tokens = frame(test, "tokens per word").iloc[0]
    assert tokens["tokens per word"] == pytest.approx(1.5)
    assert tokens["truncated examples %"] == pytest.approx(2.0)
    told = "\n".join(markdown(test))
    assert "CC-BY-NC-4.0" in told
    assert "conneau-etal-2018-xnli" in told
    assert r"by \*name\*" in told


def test_data_quality_tells_what_is_thin_or_wrong(tmp_path: Path, opened: Open) -> None:
    lost = Missing(language="sw", split="test", why="no rows")
    at_chance = replace(scored({"seed": 1}, en=0.34, de=0.34), chance=1 / 3, parallel=True, unanswered={"de": 7})
    learned = replace(scored({}, en=0.9, de=0.6), chance=1 / 3, parallel=True, missing=(lost,))
    folder = put(tmp_path, learned, at_chance, replace(scored({"encoder": "peeked"}, en=0.9, de=0.9)))
    (folder / "xnli" / "mbert" / "broken.json").write_text("{")
    (folder / "xnli" / "mbert" / "bomb.json").write_text("[" * 100_000)
    test = opened(folder, "quality")
    assert {one.label: one.value for one in test.metric}["Refused files"] == "2"
    assert list(frame(test, "file", "why")["file"]) == ["xnli/mbert/bomb.json", "xnli/mbert/broken.json"]
    assert frame(test, "language", "why")["why"].to_list() == ["no rows"]
    failed = frame(test, "failure rate").iloc[0]
    assert (failed["collapsed"], failed["runs"], failed["failure rate"]) == (1, 2, 50.0)
    assert frame(test, "languages with one seed")["encoder"].to_list() == ["peeked"]
    assert frame(test, "examples")["examples"].to_list() == [7]


@pytest.mark.parametrize("page", MINE)
def test_an_empty_board_says_so(tmp_path: Path, opened: Open, page: str) -> None:
    test = opened(tmp_path, page)
    assert not test.dataframe
    assert page == "about" or [one.value for one in test.info] == ["No records here yet."]


@pytest.mark.parametrize("page", MINE)
@pytest.mark.parametrize("state", ["one", "lacking", "unscored", "strange"])
def test_every_page_stands_whatever_the_board(tmp_path: Path, opened: Open, page: str, state: str) -> None:
    boards = {
        "one": [scored({}, en=0.9, de=0.7)],
        "lacking": [scored({}, en=0.9), scored({"encoder": "xlmr"}, de=0.5)],
        "unscored": [record(scores=())],
        "strange": [
            scored({"encoder": HOSTILE, "recipe": HOSTILE}, en=0.9, ar=0.7, **{"qqq-zz<b>": 0.5, HOSTILE: 0.4}),
            scored({"encoder": FORMULA}, en=0.9, ar=0.7, **{"qqq-zz<b>": 0.5, HOSTILE: 0.4}),
            scored({"encoder": HOSTILE.replace("\u202e", "")}, en=0.9, ar=0.6),
            scored({"task": HOSTILE}, en=0.5),
        ],
    }
    folder = put(tmp_path, *boards[state])
    (folder / "<b>[x](http:e.vil).json").write_text("{")
    test = opened(folder, page)
    assert not list(test.get("exception"))
    for text in markdown(test):
        assert not MARKUP.search(text), text
    for one in test.dataframe:
        cells = [str(cell) for row in one.value.itertuples() for cell in row] + list(map(str, one.value.columns))
        assert not [cell for cell in cells if "\u202e" in cell]
        assert one.proto.alt if hasattr(one.proto, "alt") else True
    for spec in specs(test):
        assert spec["description"]
        assert not [text for text in strings(spec) if "alert(" in text]


def test_a_folder_that_is_gone_is_told_and_nothing_fails(tmp_path: Path, opened: Open) -> None:
    test = opened(tmp_path / "**gone**")
    assert [one.value for one in test.error] == ["The board cannot be read."]
    assert "**gone**" in test.text[0].value


def test_names_that_look_alike_can_be_told_apart_in_filters(tmp_path: Path, opened: Open) -> None:
    folder = put(tmp_path, scored({"encoder": "a"}, en=0.9, de=0.7), scored({"encoder": "a\u202e"}, en=0.8, de=0.7))
    assert opened(folder).multiselect(key="encoders").options == ["a", "a #2"]


def test_downloads_hold_the_numbers_and_no_formula(tmp_path: Path) -> None:
    made = pd.DataFrame({"encoder": [FORMULA, HOSTILE], "mean": [62.123456, None]})
    csv = parts.as_csv(made).splitlines()
    assert csv[1] == f"{for_csv(FORMULA)},62.123456"
    assert json.loads(parts.as_json(made))[1] == {"encoder": HOSTILE, "mean": None}
    assert "<b>" not in parts.as_markdown(made)
    assert r"\textless{}b" in parts.as_latex(made)
    assert parts.file_name("../../x y\u202e") == "x-y"


def test_a_chart_is_enlarged_and_its_data_are_not() -> None:
    spec = {
        "config": {"axis": {"labelFontSize": 7}}, "padding": 4, "width": 100, "data": {"values": [{"width": 3}]},
        "layer": [{"mark": {"type": "point", "size": 10}, "encoding": {"x": {"scale": {"domain": [0, 100]}}}}],
    }  # fmt: skip
    grown = enlarged(spec, 2.0)
    assert (grown["width"], grown["config"]["axis"]["labelFontSize"]) == (200, 14)
    assert grown["padding"] == dict.fromkeys(("left", "right", "top", "bottom"), 8)
    assert grown["data"] == spec["data"]
    assert grown["layer"][0]["mark"]["size"] == 40
    assert grown["layer"][0]["encoding"] == spec["layer"][0]["encoding"]  # type: ignore[index]


def test_percent_has_no_noise_of_the_machine() -> None:
    assert frames.percent(0.57) == 57.0
    assert frames.percent(None) is None
    assert RUN.task == "xnli"


def test_without_counts_intervals_of_means_come_from_the_cells(tmp_path: Path, opened: Open) -> None:
    folder = several(tmp_path)
    test = opened(folder, task="xnli", encoders="xlmr")
    row = frame(test, "rank", "mean from").iloc[0]
    # One seed, cells of ± 0.05: XNLI is parallel, so that the mean of two of them is taken to be no surer than each.
    assert (row["mean"], row["mean from"], row["mean to"]) == pytest.approx((60.0, 55.0, 65.0))
    assert any(OF_CELLS in text for text in markdown(test))


def test_counts_that_lack_a_language_are_told(tmp_path: Path, opened: Open) -> None:
    test = opened(put(tmp_path, scored({}, en=0.9, de=0.7)), "quality")
    assert frame(test, "why", "runs")["why"].to_list() == ["counts lack en"]
