"""The page as a viewer has it: a server of its own, headless Chromium, every page."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import GRID, WAIT, Sight, board_to_browse, needs_browser, picture, sight

import xbench
from benchmarks.browsing import Server, browsing, served
from xbench.gate.judging import judge, line
from xbench.gate.settings import Settings
from xbench.gate.side import side
from xbench.page.house import PAGES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_browser()
    return board_to_browse(tmp_path_factory.mktemp("browsed"))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with served(folder) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    needs_browser()
    with browsing() as one:
        yield one


@pytest.fixture(scope="module")
def desk(browser: Any, server: Server) -> Iterator[Sight]:
    seen = sight(browser, server)
    yield seen
    seen.page.context.close()


@pytest.fixture(scope="module")
def phone(browser: Any, server: Server) -> Iterator[Sight]:
    seen = sight(browser, server, "phone")
    yield seen
    seen.page.context.close()


NAMELESS = """() => [
  ...[...document.querySelectorAll('[data-testid="data-grid-canvas"]')]
    .filter(one => !one.closest('[aria-label]')).map(() => 'a table'),
  ...[...document.querySelectorAll('[data-testid="stVegaLiteChart"]')]
    .filter(one => !one.querySelector('[aria-label]')).map(() => 'a chart'),
  ...[...document.querySelectorAll('img, table')]
    .filter(one => !one.closest('canvas') && !(one.alt || one.closest('[aria-label]') || one.caption))
    .map(one => one.outerHTML.slice(0, 80)),
  ...[...document.querySelectorAll('[data-testid="stMain"] :is(input, button, select, textarea)')]
    .filter(one => one.offsetParent && !(one.getAttribute('aria-label') || one.getAttribute('aria-labelledby')
                   || one.textContent.trim() || one.labels?.length || one.getAttribute('aria-hidden')))
    .map(one => one.outerHTML.slice(0, 120)),
]"""


@pytest.mark.parametrize("device", ["desk", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens(request: pytest.FixtureRequest, name: str, device: str) -> None:
    seen: Sight = request.getfixturevalue(device)
    seen.faults.clear()
    seen.go(name)
    picture(seen, f"{name}-{device}")
    assert seen.page.locator("h1").first.inner_text() == PAGES[name]
    assert seen.page.locator('[data-testid="stException"]').count() == 0
    assert seen.faults == []
    assert seen.strangers == []
    assert seen.page.evaluate(NAMELESS) == []
    wide, window = seen.page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window + 1
    wide, window = seen.page.evaluate(
        "() => { const main = document.querySelector('[data-testid=\"stMain\"]'); return [main.scrollWidth, main.clientWidth] }"
    )
    assert wide <= window + 1, "what stands on the page is wider than the page"


def test_a_link_leads_to_the_view_it_names(desk: Sight, folder: Path) -> None:
    board = xbench.load_board(folder)
    task = board.tasks()[-1]
    encoder = sorted({column.encoder for table in board.tables((task,)) for column in table.columns})[0]
    desk.go("overview", {"task": task, "encoders": encoder})
    assert desk.page.get_by_label("Task", exact=True).first.input_value() == task
    assert desk.page.locator("[data-tag]").all_inner_texts() == [encoder]
    assert desk.shows(task)
    place = desk.heads().index("encoder")
    assert {row[place] for row in desk.cells()} == {encoder}


def test_keys_alone_change_a_filter_and_the_address_with_it(desk: Sight, folder: Path) -> None:
    tasks = xbench.load_board(folder).tasks()
    desk.go("overview")
    page = desk.page
    assert desk.shows(tasks[0])
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.ariaLabel") == "Task":
            break
    else:
        pytest.fail("the key Tab does not lead to the filter of tasks")
    page.keyboard.type(tasks[-1])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"[?&]task={re.escape(tasks[-1])}(&|$)"), timeout=WAIT)
    assert desk.shows(tasks[-1])
    # The same view again, from the address alone.
    page.reload()
    assert desk.shows(tasks[-1])


def test_a_table_sorts_where_its_head_is_clicked(desk: Sight) -> None:
    desk.go("overview")
    before = [row[0] for row in desk.cells()]
    assert desk.heads()[0] == "encoder"
    assert len(set(before)) > 1
    box = desk.page.locator(GRID).first.bounding_box()
    for order in (sorted(before), sorted(before, reverse=True)):
        desk.page.mouse.click(box["x"] + 30, box["y"] + 17)
        desk.page.wait_for_function(
            f"order => [...document.querySelector('{GRID}').querySelectorAll('tbody tr')]"
            ".map(row => row.querySelector('td').textContent).join() === order.join()", arg=order, timeout=WAIT,
        )  # fmt: skip


def test_a_table_is_searched(desk: Sight) -> None:
    desk.go("overview")
    desk.page.locator('[data-testid="stDataFrame"]').first.hover()
    name = desk.cells()[-1][0]
    desk.page.get_by_role("button", name="Search").first.click()
    desk.page.keyboard.type(name)
    desk.page.get_by_text(re.compile(r"^[1-9]\d* (of|result)")).first.wait_for(timeout=WAIT)


def taken(desk: Sight, format: str) -> tuple[str, str]:
    """Name and text of the first table's file."""
    desk.go("overview")
    desk.page.locator('[data-testid="stPopover"] button').first.click()
    with desk.page.expect_download(timeout=WAIT) as coming:
        desk.page.get_by_role("button", name=format, exact=True).first.click()
    return coming.value.suggested_filename, Path(coming.value.path()).read_text(encoding="utf-8")


def test_a_table_is_taken_away_as_csv(desk: Sight, folder: Path) -> None:
    name, text = taken(desk, "CSV")
    rows = list(csv.DictReader(io.StringIO(text)))
    board = xbench.load_board(folder)
    columns = [column for table in board.tables(board.tasks()[:1]) for column in table.columns]
    assert name.endswith(".csv")
    assert len(rows) == len(columns) > 1
    for row in rows:
        (column,) = (
            one
            for one in columns
            if (one.encoder, f"{one.recipe}-{one.source}") == (row["encoder"], row["recipe-source"])
        )
        mean = column.mean([code for code in column.cells if code != column.source])
        assert float(row["mean"]) == pytest.approx(100 * (mean or 0), abs=1e-4)
        assert float(row["mean from"]) <= float(row["mean"]) <= float(row["mean to"])


@pytest.mark.parametrize("format", ["Markdown", "LaTeX", "JSON"])
def test_a_table_is_taken_away_in_other_formats(desk: Sight, folder: Path, format: str) -> None:
    name, text = taken(desk, format)
    assert name.endswith({"Markdown": ".md", "LaTeX": ".tex", "JSON": ".json"}[format])
    board = xbench.load_board(folder)
    for table in board.tables(board.tasks()[:1]):
        for column in table.columns:
            assert column.encoder in text


def test_a_picture_is_taken_away(desk: Sight) -> None:
    desk.go("overview")
    desk.page.get_by_role("button", name="Download picture").first.click()
    for format, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with desk.page.expect_download(timeout=WAIT) as coming:
            desk.page.get_by_role("button", name=format, exact=True).first.click()
        assert Path(coming.value.path()).read_bytes().startswith(begins)


def test_compare_says_what_the_gate_says(desk: Sight, folder: Path) -> None:
    board = xbench.load_board(folder)
    task = board.tasks()[0]
    first, second = sorted({column.encoder for table in board.tables((task,)) for column in table.columns})[:2]
    desk.go("compare", {"a": first, "b": second, "task": task})
    verdict = judge(*(side([folder], name, tasks=[task]) for name in (first, second)), Settings(tasks=(task,)))
    said = " ".join(desk.page.locator('[data-testid="stMain"]').inner_text().split())
    assert line(verdict) in said
    assert f"xbench check --candidate {first} --baseline {second}" in said
