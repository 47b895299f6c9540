"""The page as a viewer has it: a server of its own, headless Chromium, every page."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import WAIT, Sight, board_to_browse, needs_browser, picture, sight

import xbench
from benchmarks.browsing import Server, browsing, served
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
    assert desk.page.locator(f'input[value="{task}"]').count() or desk.page.get_by_text(task, exact=True).count()
    assert desk.page.locator('[data-testid="stMultiSelect"] [data-baseweb="tag"]').all_inner_texts() == [encoder]
    shown = [row for row in desk.cells() if row]
    assert shown
    assert all(encoder in row for row in shown)


def test_keys_alone_change_a_filter_and_the_address_with_it(desk: Sight, folder: Path) -> None:
    tasks = xbench.load_board(folder).tasks()
    desk.go("overview")
    page = desk.page
    for _ in range(30):
        page.keyboard.press("Tab")
        if "Task" in (page.evaluate("() => document.activeElement.getAttribute('aria-label')") or ""):
            break
    else:
        pytest.fail("the key Tab does not lead to the filter of tasks")
    page.keyboard.press("ArrowDown")
    page.keyboard.type(tasks[-1])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/*task={tasks[-1]}*", timeout=WAIT)
    desk.settle()
    page.wait_for_function(
        "task => document.querySelector('[data-testid=\"stDataFrame\"]').innerHTML.includes(task)", arg=tasks[-1], timeout=WAIT
    )
    # The same view again, from the address alone.
    page.reload()
    desk.settle()
    assert tasks[-1] in desk.tables()[0]


def numbers(seen: Sight, name: str) -> tuple[int, list[float]]:
    """Where a column of the first table stands on the screen, and its numbers."""
    heads = seen.page.evaluate(
        """() => [...document.querySelector('[data-testid="data-grid-canvas"]').querySelectorAll('thead th')].map(one => one.textContent)"""
    )
    place = heads.index(name)
    return place, [float(row[place]) for row in seen.cells() if row[place]]


def test_a_table_sorts_where_its_head_is_clicked(desk: Sight) -> None:
    desk.go("overview")
    box = desk.page.locator('[data-testid="data-grid-canvas"]').first.bounding_box()
    # The head of the pinned first column: its texts come out in the order of the alphabet.
    before = [row[0] for row in desk.cells()]
    assert len(before) > 1
    orders = []
    for _ in range(2):
        desk.page.mouse.click(box["x"] + 30, box["y"] + 17)
        desk.page.wait_for_timeout(400)
        orders.append([row[0] for row in desk.cells()])
    assert orders[0] == sorted(before, key=str.lower)
    assert orders[1] == orders[0][::-1]


def test_a_table_is_searched(desk: Sight) -> None:
    desk.go("overview")
    name = desk.cells()[-1][0]
    desk.page.locator('[data-testid="stDataFrame"]').first.hover()
    desk.page.get_by_role("button", name="Search").first.click()
    desk.page.keyboard.type(name)
    found = desk.page.locator('[data-testid="search-result-area"]').first
    desk.page.wait_for_function(
        "() => /^[1-9]/.test(document.querySelector('[data-testid=\"search-result-area\"]')?.textContent || '')", timeout=WAIT
    )
    assert "result" in found.inner_text()


def test_a_table_is_taken_away_as_csv(desk: Sight, folder: Path) -> None:
    desk.go("overview")
    desk.page.get_by_role("button", name="Download").first.click()
    with desk.page.expect_download(timeout=WAIT) as coming:
        desk.page.get_by_role("button", name="CSV", exact=True).first.click()
    file = coming.value
    rows = list(csv.DictReader(io.StringIO(Path(file.path()).read_text(encoding="utf-8"))))
    board = xbench.load_board(folder)
    (table,) = board.tables(board.tasks()[:1])
    assert file.suggested_filename.endswith(".csv")
    assert {row["encoder"] for row in rows} == {column.encoder for column in table.columns}
    for column in table.columns:
        mean = column.mean(table.languages)
        told = [row["mean"] for row in rows if row["encoder"] == column.encoder]
        assert str(None if mean is None else round(100 * mean, 6)) in [text or "None" for text in told] or float(
            told[0]
        ) == pytest.approx(100 * (mean or 0))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]


def test_compare_says_what_the_gate_says(desk: Sight, folder: Path) -> None:
    desk.go("compare")
    said = desk.page.locator('[data-testid="stMain"]').inner_text()
    assert re.search(r"held|regression|no verdict", said), said[:500]
    assert "xbench check" in said
