"""The verb `serve`: the leaderboard in a browser."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from xbench.errors import BadOption, NoSuchData, StoreError

APP = Path(__file__).resolve().parents[1] / "page" / "app.py"
START = """
import altair, pandas, xbench.board, xbench.export.view, xbench.gate, xbench.plots
from streamlit.web.cli import main
main()
"""
"""Streamlit, with what the pages need imported before anybody looks: the first viewer waits a second less."""

PATIENCE = 5.0
"""Seconds that a server has to end before it is made to."""


def serve(
    board: Annotated[
        list[Path] | None,
        typer.Option(
            "--board",
            help="Folder of records; give it again to show several as one. leaderboards/local if not given, "
            "else leaderboards/mini.",
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A mirror (DIR/owner/name) whose texts are shown beside predictions.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 = any that is free.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 shows it to others too.")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser", help="Open it in a browser.")] = False,
) -> None:
    """Open the leaderboard page; Ctrl-C ends it.

    \b
    Examples:
      xbench serve
      xbench serve --board leaderboards/mini --board leaderboards/local --port 8600
      xbench serve --data MIRROR
    """
    if find_spec("streamlit") is None:
        raise BadOption('the page needs Streamlit: pip install "xbench[page]"')
    for folder in board or []:
        if not folder.is_dir():
            raise StoreError(f"no board at {folder}. `xbench run --board {folder} …` makes one.")
    if data is not None and not data.is_dir():
        raise NoSuchData(f"no folder {data}: name one that holds data sets as <owner>/<name>/, as on the Hub")
    options = {
        "server.port": port, "server.address": address, "server.headless": not browser,
        "browser.gatherUsageStats": False, "server.fileWatcherType": "none", "client.toolbarMode": "viewer",
        # What goes wrong is told in the terminal: a traceback is not for viewers.
        "client.showErrorDetails": "none",
    }  # fmt: skip
    told = [part for name, value in options.items() for part in (f"--{name}", str(value).lower())]
    chosen = {"XBENCH_BOARDS": os.pathsep.join(map(str, board))} if board else {}
    chosen |= {"XBENCH_DATA": str(data)} if data else {}
    # Texts come from the mirror or from the Hub's cache: a page that is looked at asks nobody for anything.
    chosen |= {"HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1")}
    command = [sys.executable, "-c", START, "run", str(APP), *told]
    if ended := _until_it_ends(command, os.environ | chosen):
        raise BadOption(f"Streamlit ended with {ended}; what it said stands above")


def _until_it_ends(command: list[str], env: dict[str, str]) -> int:
    """Run the server; gives its exit code, 0 where it was told to stop."""
    with subprocess.Popen(command, env=env) as server:
        # Whoever ends this process ends the server: without this, a service manager would leave it running, orphaned.
        before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        # A script's shell has what it puts into the background ignore this one; `kill -INT` means it all the same.
        ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            ended = server.wait()
        except KeyboardInterrupt:
            _end(server)
            return 0
        finally:
            signal.signal(signal.SIGTERM, before)
            signal.signal(signal.SIGINT, ignored)
    return 0 if ended == -signal.SIGTERM else ended


def _end(server: subprocess.Popen[bytes]) -> None:
    """Tell the server to end, and make it end where it does not.

    A terminal has told it already, `kill -INT` has not; to be told twice does it no harm.
    """
    for tell in (server.terminate, server.kill):
        tell()
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            server.wait(PATIENCE)
            return
