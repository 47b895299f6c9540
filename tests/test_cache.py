"""What is made on this machine: by functions of others, and in a cache that need not be writable."""

import errno
import sys
from pathlib import Path

import pytest

from xbench.cache import folder_made_by, made_once
from xbench.errors import BrokenPlugin, NoSuchData, Unwritable

MAKERS = """
from pathlib import Path
from xbench.errors import NoSuchData

here = Path(__file__).parent
number = 7

def path():
    return here

def text():
    return str(here)

def wrong():
    return 7

def absent():
    return here / "absent"

def fails():
    raise ZeroDivisionError("by nothing")

def unreachable():
    raise TimeoutError("no answer")

def says():
    raise NoSuchData("own words")
"""


@pytest.fixture(autouse=True)
def _makers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache_makers.py").write_text(MAKERS)
    (tmp_path / "cache_broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cache_makers", raising=False)


@pytest.mark.parametrize("maker", ["path", "text"])
def test_the_folder_that_a_function_gives(maker: str, tmp_path: Path) -> None:
    assert folder_made_by(f"cache_makers:{maker}") == tmp_path


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("nowhere_at_all:make", "cannot be had: ModuleNotFoundError: .*nowhere_at_all"),
        ("cache_makers:none", "cannot be had: AttributeError: .*none"),
        ("cache_makers", "cannot be had: AttributeError"),
        (":make", "cannot be had: ValueError"),
        ("cache_broken:make", "cannot be had: ZeroDivisionError"),
        ("cache_makers:number", "failed: TypeError: 'int' object is not callable"),
        ("cache_makers:fails", "failed: ZeroDivisionError: by nothing"),
        ("cache_makers:unreachable", "failed: TimeoutError: no answer"),
        ("cache_makers:wrong", "gave 7, not a folder"),
        ("cache_makers:absent", "gave .*absent'.*, not a folder"),
    ],
)
def test_a_maker_that_is_no_use_is_named(made: str, said: str) -> None:
    with pytest.raises(BrokenPlugin, match=f"^the maker '{made}' {said}"):
        folder_made_by(made)


def test_what_a_maker_says_itself_passes_through() -> None:
    with pytest.raises(NoSuchData, match=r"^own words$"):
        folder_made_by("cache_makers:says")


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for cache in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("XBENCH_CACHE", str(cache))
        with pytest.raises(Unwritable, match=rf"^thing cannot be kept in the cache {cache}: .*XBENCH_CACHE"):
            made_once("thing", {}, lambda folder: None)


def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBENCH_CACHE", str(tmp_path / "cache"))

    def fill(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(Unwritable, match=r"cache: .*No space left on device.*XBENCH_CACHE"):
        made_once("thing", {}, fill)
    assert list((tmp_path / "cache").iterdir()) == []
