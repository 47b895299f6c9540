"""What is kept is read as it was written, or made anew; what does not fit goes, the longest unread first."""

import errno
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xbench import arrays
from xbench.arrays import Arrays, kept

GIB = 2**30


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Maker:
    """Makes the same arrays each time, and counts how often."""

    def __init__(self, size: int = 1_000) -> None:
        self.size = size
        self.made = 0

    def __call__(self) -> Arrays:
        self.made += 1
        return {"ids": np.arange(self.size, dtype=np.int32), "stops": np.array([3, self.size])}


def holds(found: Arrays, size: int = 1_000) -> bool:
    return (
        list(found) == ["ids", "stops"]
        and found["ids"].dtype == np.int32
        and found["ids"].tolist() == list(range(size))
        and found["stops"].tolist() == [3, size]
    )


def keep(name: str, size: int = 1_000, limit: int = GIB) -> Path:
    """Keep arrays under a key, and give the folder."""
    kept({"name": name}, Maker(size), limit)
    (found,) = [entry.folder for entry in arrays.entries() if f'"{name}"' in (entry.folder / "check.json").read_text()]
    return found


def test_made_once(cache: Path) -> None:
    maker = Maker()
    for _ in range(3):
        found = kept({"name": "a"}, maker, GIB)
        assert holds(found)
        assert found["ids"].flags.writeable
    assert maker.made == 1
    assert holds(kept({"name": "b"}, maker, GIB))
    assert maker.made == 2
    assert len(list((cache / "tokens").iterdir())) == 4  # two folders and their keys


def spoil(file: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes(change((folder / file).read_bytes())) and None


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


DAMAGE = {
    "truncated": spoil("ids.npy", lambda raw: raw[:-8]),
    "zeros": spoil("ids.npy", lambda raw: raw[:128] + bytes(len(raw) - 128)),
    "one bit": spoil("ids.npy", lambda raw: raw[:500] + bytes([raw[500] ^ 1]) + raw[501:]),
    "header": spoil("stops.npy", lambda raw: raw.replace(b"(2,)", b"(9,)")),
    "pickle": spoil("stops.npy", lambda raw: b"\x80\x04N."),
    "no bytes": spoil("stops.npy", lambda raw: b""),
    "absent": lambda folder: (folder / "ids.npy").unlink(),
    "nothing there": empty,
    "no json": spoil("check.json", lambda raw: raw[:-5]),
    "other json": spoil("check.json", lambda raw: b"[1]"),
    "other sums": spoil("check.json", lambda raw: b'{"sha256": 3, "key": {}}'),
    "other key": spoil("check.json", lambda raw: raw.replace(b'"a"', b'"b"')),  # two keys with one short hash
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_made_anew(damage: str, cache: Path) -> None:
    maker = Maker()
    kept({"name": "a"}, maker, GIB)
    DAMAGE[damage](arrays.entries()[0].folder)
    assert holds(kept({"name": "a"}, maker, GIB))
    assert maker.made == 2
    assert holds(kept({"name": "a"}, maker, GIB))
    assert maker.made == 2
    assert len(list((cache / "tokens").iterdir())) == 2


def test_damaged_files_that_cannot_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker()
    kept({"name": "a"}, maker, GIB)
    DAMAGE["truncated"](arrays.entries()[0].folder)
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    for made in (2, 3):
        assert holds(kept({"name": "a"}, maker, GIB))
        assert maker.made == made


def refuse(*args: object, **more: object) -> None:
    raise PermissionError(errno.EACCES, "no right to write")


def test_a_cache_that_cannot_be_written_to_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XBENCH_CACHE", str(tmp_path / "file"))
    maker = Maker()
    with caplog.at_level(logging.WARNING):
        for made in (1, 2):
            assert holds(kept({"name": "a"}, maker, GIB))
            assert maker.made == made
    (said,) = caplog.messages
    assert f"cannot be kept in the cache {tmp_path / 'file'}" in said
    assert "tokenized again" in said
    assert arrays.entries() == []


def test_a_disk_that_fills_up(cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fill(*args: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", fill)
    maker = Maker()
    assert holds(kept({"name": "a"}, maker, GIB))
    assert maker.made == 1  # what was made is used, though it cannot be kept
    assert "No space left" in caplog.text
    assert list((cache / "tokens").iterdir()) == []


def test_a_cache_that_can_only_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    kept({"name": "a"}, Maker(), GIB)
    for name in ("os.utime", "os.mkdir", "os.rename"):
        monkeypatch.setattr(name, refuse)
    maker = Maker()
    assert holds(kept({"name": "a"}, maker, GIB))
    assert maker.made == 0


def test_what_make_raises_passes_through(cache: Path) -> None:
    def fail() -> Arrays:
        raise ZeroDivisionError("by nothing")

    def unread() -> Arrays:
        raise FileNotFoundError("own file")

    with pytest.raises(ZeroDivisionError, match="by nothing"):
        kept({}, fail, GIB)
    with pytest.raises(FileNotFoundError, match="own file"):
        kept({}, unread, GIB)
    assert list((cache / "tokens").iterdir()) == []


def test_two_at_once(cache: Path) -> None:
    both = threading.Barrier(2, timeout=30)
    found: list[Arrays] = []

    def make() -> Arrays:
        both.wait()  # neither has written yet
        return Maker()()

    threads = [threading.Thread(target=lambda: found.append(kept({"name": "a"}, make, GIB))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [holds(one) for one in found] == [True, True]
    assert len(list((cache / "tokens").iterdir())) == 2


# The bound


def test_what_was_read_longest_ago_goes_first() -> None:
    oldest, second, third = (keep(name) for name in ("first", "second", "third"))
    for number, folder in enumerate((oldest, second, third)):
        os.utime(folder, (number, number))
    size = {entry.folder: entry.size for entry in arrays.entries()}
    assert size[oldest] > 4_000
    maker = Maker()
    assert holds(kept({"name": "first"}, maker, GIB))  # read: it is not the oldest any more
    assert maker.made == 0
    fourth = keep("fourth", limit=sum(size.values()))
    assert {entry.folder for entry in arrays.entries()} == {oldest, third, fourth}
    assert not second.with_name(f"{second.name}.json").exists()


def test_what_is_too_large_by_itself_takes_no_others_along() -> None:
    small = keep("small")
    maker = Maker(50_000)
    for made in (1, 2):
        assert holds(kept({"name": "large"}, maker, 100_000), 50_000)
        assert maker.made == made
        assert [entry.folder for entry in arrays.entries()] == [small]


def test_what_dead_processes_left_is_cleared_away(cache: Path) -> None:
    keep("a")
    old, new = cache / "tokens" / ".ids-1-x", cache / "tokens" / ".gone-y"
    for folder in (old, new):
        folder.mkdir()
        (folder / "half").touch()
    os.utime(old, (time.time() - 2 * arrays.ABANDONED,) * 2)
    arrays.prune(GIB)
    assert not old.exists()
    assert new.exists()
    assert len(arrays.entries()) == 1


def test_the_key_lies_beside_it_to_be_read(cache: Path) -> None:
    folder = keep("a")
    assert json.loads(folder.with_name(f"{folder.name}.json").read_text()) == {"name": "a"}
