"""Pages in a real browser, and a board that has something to show on each of them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from answered import FIFTEEN, answers, board_of
from test_store import RUN

from benchmarks.browsing import Server, address, chromium
from xbench.page.house import PAGES

SHIPPED = Path(__file__).resolve().parents[1] / "leaderboards" / "mini"
PICTURES = "XBENCH_SCREENSHOTS"
"""Environment variable: a folder for a picture of every page, for people to look at."""

WIDTHS = {"desk": 1280, "phone": 390}
PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
QUIET = '[data-testid="stApp"][data-test-script-state="notRunning"]'
GRID = '[data-testid="data-grid-canvas"]'
ITS_OWN = re.compile(r"/_stcore/(health|host-config)$")
"""Streamlit looks for its server at each part of the address in turn, and most are not it."""
WAIT = 60_000
"""Milliseconds: only a machine that stands still needs more."""


def needs_browser() -> None:
    """Skip where there is nothing to look with."""
    if find_spec("playwright") is None:
        pytest.skip('no Playwright: pip install "xbench[test]"')
    if not chromium():
        pytest.skip("no Chromium: apt-get install chromium")


def board_to_browse(folder: Path) -> Path:
    """The board that ships, where it is there; else three encoders on two tasks, one of them on fewer languages."""
    if SHIPPED.is_dir():
        return SHIPPED
    runs = []
    for task, shift in (("pawsx", 0.0), ("xnli", -0.08)):
        for place, encoder in enumerate(("infoxlm-base", "mbert", "xlmr-base")):
            for seed in range(2):
                run = replace(RUN, task=task, encoder=encoder, seed=seed)
                codes = FIFTEEN[:-1] if (encoder, task) == ("mbert", "xnli") else FIFTEEN
                ease = {code: 0.92 + shift - 0.05 * place - 0.4 * i / 15 for i, code in enumerate(codes)}
                fertility = {code: 1.2 + i / 20 for i, code in enumerate(codes)}
                lacks = FIFTEEN[len(codes) :]
                made, counts = answers(run, ease, items=80, fertility=fertility, missing=lacks)
                runs.append((replace(made, parallel=True, chance=1 / 3), counts))
    board_of(folder, runs)
    return folder


@dataclass(slots=True)
class Sight:
    """A page that is open, and what went wrong on it."""

    page: Any
    """Playwright's."""
    server: Server
    faults: list[str] = field(default_factory=list)
    """What the console called an error, and what no script caught."""
    strangers: list[str] = field(default_factory=list)
    """Addresses outside of this machine that were asked for."""

    def go(self, name: str, choices: Mapping[str, str] | None = None) -> None:
        """Open a page of ours and wait until it stands still."""
        # The first page stands at the address of the whole.
        self.page.goto(address(self.server, "" if name == next(iter(PAGES)) else name, choices), timeout=WAIT)
        self.settle()

    def settle(self) -> None:
        """Wait until no script runs and no part waits for its turn."""
        self.page.wait_for_selector(f"{QUIET} h1", timeout=WAIT)
        self.page.wait_for_function(
            f"() => document.querySelector('{QUIET}') && !document.querySelector('[data-testid=\"stSkeleton\"]')"
            " && !document.querySelector('[data-stale=\"true\"]')", timeout=WAIT,
        )  # fmt: skip

    def tables(self) -> list[str]:
        """What the tables are called, in their order."""
        names: list[str] = self.page.evaluate(
            f"() => [...document.querySelectorAll('{GRID}')].map(one => one.closest('[aria-label]')?.ariaLabel || '')"
        )
        return names

    def shows(self, text: str) -> bool:
        """Whether the first table comes to be called so; the address changes before the page does."""
        for _ in range(WAIT // 100):
            self.settle()
            if any(text in name for name in self.tables()[:1]):
                return True
            self.page.wait_for_timeout(100)
        return False

    def heads(self, place: int = 0) -> list[str]:
        """The names of a table's columns, as a screen reader gets them."""
        return self._texts(place, "thead tr", "th")[0]

    def cells(self, place: int = 0) -> list[list[str]]:
        """The rows of a table that are in sight, as a screen reader gets them."""
        return self._texts(place, "tbody tr", "td")

    def _texts(self, place: int, row: str, cell: str) -> list[list[str]]:
        # What a screen reader gets is drawn a moment after what eyes get.
        self.page.wait_for_function(
            f"([place, row]) => document.querySelectorAll('{GRID}')[place]?.querySelector(row)",
            arg=[place, row],
            timeout=WAIT,
        )
        found: list[list[str]] = self.page.evaluate(
            f"""([place, row, cell]) => [...document.querySelectorAll('{GRID}')[place].querySelectorAll(row)]
            .map(one => [...one.querySelectorAll(cell)].map(part => part.textContent))""",
            [place, row, cell],
        )
        return found


def sight(browser: Any, server: Server, device: str = "desk") -> Sight:
    """A new viewer, who has seen nothing of the page before."""
    width = WIDTHS[device]
    more = {"user_agent": PHONE, "is_mobile": True, "has_touch": True} if device == "phone" else {}
    context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True, **more)
    seen = Sight(context.new_page(), server)
    seen.page.on("console", lambda said: seen.faults.append(said.text) if _fault(said) else None)
    seen.page.on("response", lambda got: seen.faults.append(f"{got.status} {got.url}") if _refusal(got) else None)
    seen.page.on("pageerror", lambda fault: seen.faults.append(str(fault)))
    seen.page.on("request", lambda asked: seen.strangers.append(asked.url) if _strange(asked.url, server) else None)
    return seen


def _fault(said: Any) -> bool:
    return said.type == "error" and not said.text.startswith("Failed to load resource")


def _refusal(got: Any) -> bool:
    return got.status >= 400 and not ITS_OWN.search(got.url)


def _strange(url: str, server: Server) -> bool:
    return not url.startswith((server.url, "data:", "blob:"))


def picture(seen: Sight, name: str) -> None:
    """Keep a picture of the whole page where somebody wants one."""
    if folder := os.environ.get(PICTURES):
        Path(folder).mkdir(parents=True, exist_ok=True)
        # What scrolls is a part of Streamlit's page, not the page: it must be as high as what is in it.
        high = seen.page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
        before = seen.page.viewport_size
        seen.page.set_viewport_size({"width": before["width"], "height": min(high + 20, 6000)})
        seen.page.wait_for_timeout(800)
        seen.page.screenshot(path=Path(folder) / f"{name}.png")
        seen.page.set_viewport_size(before)
