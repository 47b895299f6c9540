"""A server of the page as people start it, and a headless browser: for tests and for the benchmark."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import ProxyHandler, build_opener

COMMAND = (sys.executable, "-c", "from xbench.cli import main; main()", "serve", "--port", "0")
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 90.0
"""Seconds in which a server must have come up: only a machine that stands still needs more."""
DIRECT = build_opener(ProxyHandler({}))


class NotServed(Exception):
    """The server ended, or kept still."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers."""

    url: str
    """Without a slash at its end."""
    log: Path
    process: subprocess.Popen[bytes]

    def said(self) -> str:
        """Its output so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def served(*boards: Path, **env: str) -> Iterator[Server]:
    """`xbench serve` on a free port of this machine alone; ended at the end. Raises NotServed."""
    named = [word for board in boards for word in ("--board", str(board))]
    with tempfile.TemporaryDirectory(prefix="xbench-page-") as folder, (Path(folder) / "log").open("wb") as sink:
        process = subprocess.Popen(
            [*COMMAND, *named], stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=os.environ | env
        )
        try:
            yield _answering(process, Path(sink.name))
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answering(process: subprocess.Popen[bytes], log: Path) -> Server:
    until = monotonic() + PATIENCE
    while monotonic() < until and process.poll() is None:
        if told := re.search(r"URL: (http://\S+?)/?\s", log.read_text(encoding="utf-8", errors="replace")):
            url = told[1]
            try:
                with DIRECT.open(f"{url}/_stcore/health", timeout=5) as answer:
                    if answer.status == 200:
                        return Server(url, log, process)
            except OSError:
                pass
        sleep(0.1)
    raise NotServed(f"no server of the page ({process.poll()=}): {log.read_text(encoding='utf-8', errors='replace')}")


def chromium() -> str:
    """Path of a Chromium, empty where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), "")


@contextmanager
def browsing() -> Iterator[Any]:
    """A headless Chromium, as Playwright's Browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def address(server: Server, page: str = "", choices: Mapping[str, str] | None = None) -> str:
    """Where a page stands, with these filters."""
    from urllib.parse import urlencode

    asked = f"?{urlencode(choices)}" if choices else ""
    return f"{server.url}/{page}{asked}"
