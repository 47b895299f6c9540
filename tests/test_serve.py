"""The verb `serve`: what it refuses, what it listens on, and that it ends when it is told to."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from benchmarks.browsing import DIRECT, served
from xbench.cli import app, serving
from xbench.errors import BadOption, StoreError


def test_a_folder_that_is_not_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["serve", "--board", str(tmp_path), "--board", str(tmp_path / "absent")])
    assert isinstance(done.exception, StoreError)
    assert "absent" in str(done.exception)
    assert "xbench run --board" in str(done.exception)


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    done = CliRunner().invoke(app, ["serve", "--board", str(tmp_path), "--port", port])
    assert done.exit_code == 2
    assert "port" in done.output


def test_without_streamlit_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xbench.cli.serving.find_spec", lambda name: None if name == "streamlit" else 1)
    done = CliRunner().invoke(app, ["serve", "--board", str(tmp_path)])
    assert isinstance(done.exception, BadOption)
    assert 'pip install "xbench[page]"' in str(done.exception)


def test_a_port_that_is_taken_is_an_error_and_not_another_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-c", "from xbench.cli import main; main()", "serve", "--board", str(tmp_path), "--port", str(port)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 2
    assert str(port) in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_it_listens_on_this_machine_alone_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        where = urlsplit(server.url)
        assert where.hostname == "127.0.0.1"
        with DIRECT.open(server.url) as page:
            assert b"<title>" in page.read()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        with socket.socket() as door:
            assert door.connect_ex((where.hostname, where.port)) != 0


def test_it_ends_where_only_its_own_process_is_interrupted(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        where = urlsplit(server.url)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 0
        with socket.socket() as door:
            assert door.connect_ex((where.hostname, where.port)) != 0


def test_a_server_that_does_not_heed_the_signal_is_made_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        serving._end(server)
        assert server.wait(30) == -signal.SIGKILL


def test_the_page_runs_where_torch_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('torch is not here')")
    (tmp_path / "transformers.py").write_text("raise ImportError('transformers is not here')")
    (tmp_path / "board").mkdir()
    call = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"seen = AppTest.from_file({str(Path('app.py').resolve())!r}, default_timeout=120).run(); "
        "assert not seen.exception, seen.exception; "
        "assert [one.value for one in seen.title] == ['Overview']"
    )
    env = os.environ | {"PYTHONPATH": str(tmp_path), "XBENCH_BOARDS": str(tmp_path / "board")}
    done = subprocess.run(
        [sys.executable, "-c", call], env=env, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
