"""What many tests share: a toy mirror, tiny random checkpoints, the real data where they are at hand."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

import tiny
import toy
from xbench.cli import main

# Tests never judge time, and two runs of them try the same examples.
settings.register_profile("xbench", deadline=None, derandomize=True)
settings.load_profile("xbench")


@pytest.fixture(scope="session", autouse=True)
def _own_caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests out of the user's caches."""
    os.environ["XBENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def toy_mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror with a small data set of each kind in English, German and a language `xx`."""
    return toy.write_mirror(tmp_path_factory.mktemp("mirror"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that gives the folder of a tiny random checkpoint of an architecture."""
    made: dict[str, Path] = {}

    def of(architecture: str) -> Path:
        if architecture not in made:
            made[architecture] = tiny.build(architecture, tmp_path_factory.mktemp("tiny") / architecture)
        return made[architecture]

    return of


@pytest.fixture(scope="session")
def hub() -> Path:
    """The mirror of real data beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "hub"
    if not folder.is_dir():
        pytest.skip(f"no mirror of real data at {folder}")
    return folder


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs the command in this process and gives its exit code, its results and its messages."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["xbench", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run
