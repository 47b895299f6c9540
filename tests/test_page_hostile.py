"""Boards made by somebody who means harm, in a real browser: nothing runs, nothing is markup, everything refused is named."""

import csv
import io
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answered import answers, board_of
from browser import WAIT, Sight, needs_browser, picture, sight
from test_store import RUN

from benchmarks.browsing import DIRECT, Server, browsing, served
from xbench import store
from xbench.page.house import PAGES
from xbench.record import DataUsed, Missing

TRAP = "window.sprung=1"
NAMES = (
    f"zz<script>{TRAP}</script>",
    f"zz<img src=x onerror={TRAP}>",
    "[zz](https://zz.test/) ![zz](https://zz.test/x.png) <https://zz.test/> https://zz.test/ www.zz.test",
    f"[zz](javascript:{TRAP})",
    ":red[zz] :red-background[zz] :smile: :material/home: :rainbow[zz] :small[zz]",
    "**zz** _zz_ `zz` ~~zz~~ $zz$ $$zz$$",
    "# zz\n\n- zz\n\n> zz\n\n|zz|\n|-|\n|zz|",
    "zz\u202exe\u2066zz\u200f",
    "=cmd|'/C zz'!A0",
    "zz{{datum}}'\"+\\u0061]}\\",
)
"""Every one holds `zz` where markup would take it in."""

MARKUP = """() => {
  const main = document.querySelector('[data-testid="stApp"]')
  const own = one => one.closest('[data-testid="stCode"], [data-testid="stTopNavLink"]')
  const named = 'script, iframe, object, embed, strong, em, del, code, a, blockquote, li, .katex, td b, th b, '
    + 'span[style*="color"], span[style*="background"], .stMarkdownColoredText, .stMarkdownBadge, .stMarkdownSmall'
  return [
    ...[...main.querySelectorAll(named)].filter(one => one.textContent.includes('zz') && !own(one)),
    ...[...main.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(one => one.textContent.trim() === 'zz'),
    ...[...main.querySelectorAll('a')].filter(one => /zz|javascript:/.test(one.getAttribute('href') || '')),
    ...[...main.querySelectorAll('img, script, iframe')].filter(one => /zz|^x$/.test(one.getAttribute('src') || one.textContent)),
  ].map(one => one.outerHTML.slice(0, 200))
}"""


def written(folder: Path) -> Path:
    """Records whose every text is one of the names, and files that are no records."""
    runs = []
    for place, name in enumerate(NAMES):
        run = replace(RUN, encoder=name, recipe=name, task="xnli" if place % 2 else NAMES[0])
        made, counts = answers(run, {"en": 0.9 - place / 50, "de": 0.6, "sw": 0.5, name[:20]: 0.4})
        used = DataUsed(repo=name, revision=name, config=name, split="test", rows=200, fingerprint=name)
        provenance = replace(
            made.provenance, device=name, command=f"xbench run {name}", checkpoint=name, test=dict.fromkeys(("de", "sw"), used),
            packages={name: name}, recipe={name: name}, started=name, platform=name, architecture=name,
        )  # fmt: skip
        lost = (Missing(language=f"zz{place}", split="test", why=name),)
        told = {"accuracy": name}
        runs.append(
            (
                replace(made, missing=lost, provenance=provenance, metrics=told, parallel=bool(place % 3), chance=0.5),
                counts,
            )
        )
    board_of(folder, runs)
    endless = answers(replace(RUN, encoder="zz" * 1500, seed=7), {"en": 0.7, "de": 0.6})[0]
    (folder / "endless.json").write_text(store.to_json(endless))
    return folder


def bombs(folder: Path) -> dict[str, str]:
    """Files that must be refused -> what is said of each."""
    whole = store.to_json(answers(replace(RUN, encoder="whole"), {"en": 0.8, "de": 0.6})[0])
    (folder / "outside.txt").write_text(whole)
    files = {
        "deep.json": ("[" * 2_500_000 + "]" * 2_500_000, "not JSON"),
        "wide.json": (json.dumps([0] * 2_000_000), "schema"),
        "long.json": (whole.replace('"seed": 0', f'"seed": {"9" * 5_000_000}'), "not JSON"),
        "large.json": (" " * (store.LARGEST + 1), "larger than"),
        "doubled.json": (whole.replace('"seed": 0', '"seed": 0, "seed": 0'), "twice"),
        "newer.json": (whole.replace("xbench.record/1", "xbench.record/9"), "newer"),
        "nan.json": (whole.replace('"value": 0.8', '"value": NaN', 1), "NaN"),
        "zz<b>x<b>[zz](javascript:1).json": ("{", "not JSON"),
        "binary.json": ("\x00\x01\udcff", "not JSON"),
    }
    for name, (text, _) in files.items():
        (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    (folder / "folder.json").mkdir()
    (folder / "link.json").symlink_to(folder / "outside.txt")
    (folder / "away").symlink_to("/")
    os.mkfifo(folder / "pipe.json")
    return {name: told for name, (_, told) in files.items()} | {"link.json": "plain file", "pipe.json": "plain file"}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, refused: dict[str, str]) -> Iterator[Sight]:
    needs_browser()
    folder = written(tmp_path_factory.mktemp("hostile"))
    refused.update(bombs(folder))
    for parquet in list(folder.rglob("*.parquet"))[:3]:
        parquet.chmod(0o644)
        parquet.write_bytes(b"PAR1 no more of it")
    with served(folder) as server, browsing() as browser:
        yield sight(browser, server)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_takes_a_name_for_markup(seen: Sight, name: str) -> None:
    seen.faults.clear()
    chosen = NAMES[list(PAGES).index(name)]
    for choices in ({}, {"task": NAMES[0], "encoder": chosen, "encoders": chosen, "language": chosen[:20]}):
        seen.go(name, choices)
        assert seen.page.locator("h1").first.inner_text() == PAGES[name]
        assert seen.page.evaluate(MARKUP) == []
    picture(seen, f"hostile-{name}")
    text = seen.page.locator('[data-testid="stMain"]').inner_text()
    assert "😄" not in text
    assert not set(text) & set("\u202a\u202b\u202d\u202e\u2066\u2067")
    assert seen.page.locator('[data-testid="stException"]').count() == 0
    assert seen.page.evaluate("() => window.sprung") is None
    assert seen.faults == []
    assert seen.strangers == []


def test_every_file_that_was_refused_is_named_with_its_reason(seen: Sight, refused: dict[str, str]) -> None:
    seen.go("quality")
    told = {}
    for place in range(len(seen.tables())):
        heads = seen.heads(place)
        if "file" in heads:
            told = {row[heads.index("file")]: " ".join(row) for row in seen.cells(place)}
    for name, why in refused.items():
        (line,) = [line for file, line in told.items() if file.endswith(name)]
        assert why in line
    assert not any("folder.json" in file or "away" in file for file in told)


@pytest.mark.parametrize("how", ["ours", "Streamlit's own"])
def test_no_cell_of_a_file_is_a_formula(seen: Sight, how: str) -> None:
    seen.go("overview", {"task": NAMES[0]})
    page = seen.page
    # Without this, Chromium would ask a person where to.
    page.evaluate("() => { window.showSaveFilePicker = undefined }")
    page.locator('[data-testid="stDataFrame"]').first.hover()
    if how == "ours":
        page.locator('[data-testid="stPopover"] button').first.click()
        button = page.get_by_role("button", name="CSV", exact=True).first
    else:
        button = page.get_by_role("button", name="Download as CSV").first
    with page.expect_download(timeout=WAIT) as coming:
        button.click()
    rows = list(csv.reader(io.StringIO(Path(coming.value.path()).read_text(encoding="utf-8-sig"))))
    assert any("cmd" in cell for row in rows for cell in row)
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "@", "\t"))]


def test_the_server_has_stayed_up(seen: Sight) -> None:
    server: Server = seen.server
    with DIRECT.open(f"{server.url}/_stcore/health", timeout=30) as answer:
        assert answer.status == 200
    assert server.process.poll() is None
    assert "Traceback" not in server.said()


def test_no_address_leads_out_of_the_page(seen: Sight, tmp_path: Path) -> None:
    """Neither `..` nor a choice in the address reads a file."""
    page: Any = seen.page
    for path in ("static/../../../../etc/passwd", "app/static/%2e%2e/%2e%2e/etc/passwd", "media/..%2f..%2fetc/passwd"):
        got = page.request.get(f"{seen.server.url}/{path}")
        assert "root:" not in got.text()
    for choices in (
        {"task": "../../../../etc/passwd"},
        {"encoder": "/etc/passwd"},
        {"language": "../" * 9 + "etc/passwd"},
    ):
        seen.go("encoder", choices)
        assert "root:" not in seen.page.content()
