"""`xbench mirror` and the Hub itself, against a small server on loopback that answers as the Hub does."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support_data import nli_rows, nli_types, small_task, write_mirror
from support_hub import commit, folder_of

from xbench.mirror import pieces
from xbench.task import Source

HERE = Path(__file__).parent
CONVERTED = "refs/convert/parquet"


@dataclass
class FakeHub:
    root: Path
    url: str
    log: Path
    home: Path

    def run(self, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python that imports xbench in a process of its own: huggingface_hub reads its settings once, at import."""
        paths = os.pathsep.join([str(HERE), *sys.path])
        settings = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": self.url, "HF_HOME": str(self.home), "PYTHONPATH": paths}
        settings |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        for name in ("HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_TOKEN"):
            settings[name] = ""
        clean = {key: value for key, value in {**os.environ, **settings, **environment}.items() if value}
        return subprocess.run(
            [sys.executable, "-c", PRELUDE + code], capture_output=True, text=True, check=False, env=clean
        )

    def says(self, code: str, **environment: str) -> Any:
        done = self.run(code, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout.splitlines()[-1])

    def requests(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


PRELUDE = """
import json
from dataclasses import asdict
from pathlib import Path
from support_data import small_task
from xbench import data
from xbench.errors import XbenchError
from xbench.mirror import mirror, pieces
from xbench.task import Source

def tell(value):
    print(json.dumps(value, default=str))

def rows(task, language='en', split='test', **others):
    got = data.rows(task, task.data, language, split, **others)
    return [got.used.revision, got.used.rows, got.used.fingerprint]

def refusal(act):
    try:
        act()
    except XbenchError as error:
        return [type(error).__name__, str(error)]
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    root = tmp_path_factory.mktemp("hub")
    splits = {"train": nli_rows(9), "validation": nli_rows(6), "test": nli_rows(12)}
    for revision, count in (("main", 12), ("v1", 7)):
        given = {language: {**splits, "test": nli_rows(count)} for language in ("en", "de", "fr")}
        move(write_mirror(root / "x", "own/set", given, nli_types()), folder_of(root, "own/set", revision))
    # A repository of the old kind: a loading script, and the Hub's own conversion of it on a branch.
    script, converted = folder_of(root, "own/script"), folder_of(root, "own/script", CONVERTED)
    script.mkdir(parents=True)
    (script / "script.py").write_text("raise SystemExit\n")
    (script / "README.md").write_text("---\nlicense: mit\n---\n")
    for language in ("en", "de"):
        folder = write_mirror(root / "x", "a/b", {language: {"test": nli_rows(5)}}, nli_types())
        (converted / language / "test").mkdir(parents=True)
        (folder / language / "test-00000-of-00001.parquet").rename(converted / language / "test" / "0000.parquet")
    move(
        write_mirror(root / "x", "own/gated", {"en": {"test": nli_rows(5)}}, nli_types()), folder_of(root, "own/gated")
    )
    log = root / "requests.log"
    server = subprocess.Popen(
        [sys.executable, str(HERE / "support_hub.py"), str(root), str(log), "own/gated"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    try:
        yield FakeHub(root, f"http://127.0.0.1:{port}", log, root / "home")
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.fixture
def fresh(hub: FakeHub, tmp_path: Path) -> FakeHub:
    """The server with an empty cache and an empty log."""
    hub.log.unlink(missing_ok=True)
    return FakeHub(hub.root, hub.url, hub.log, tmp_path / "home")


def move(folder: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, to)


def test_what_a_task_needs() -> None:
    task = small_task(targets=("en", "de"))
    assert [(piece.language, piece.splits) for piece in pieces(task)] == [
        ("en", ("train", "validation")),
        ("en", ("test",)),
        ("de", ("test",)),
    ]
    assert [piece.language for piece in pieces(task, ("de",), source="sw")] == ["sw", "de"]
    bare = small_task(targets=("en",), source=Source("own/set", train="", dev=""))
    assert [(piece.language, piece.splits) for piece in pieces(bare)] == [("en", ("test",))]


def test_rows_straight_from_the_hub(fresh: FakeHub) -> None:
    first = fresh.says("tell(rows(small_task(), 'de'))")
    assert first[:2] == [commit(folder_of(fresh.root, "own/set")), 12]
    asked = [line for line in fresh.requests() if "/resolve/" in line]
    assert any("de/test-" in line for line in asked)
    assert not any("train" in line or "/en/" in line for line in asked), (
        "only the split that was asked for is downloaded"
    )
    fresh.log.unlink()
    assert fresh.says("tell(rows(small_task(), 'de'))") == first
    assert not any("de/test-" in line for line in fresh.requests()), "what is cached is not downloaded again"
    fresh.log.unlink(missing_ok=True)
    assert fresh.says("tell(rows(small_task(), 'de'))", HF_HUB_OFFLINE="1") == first
    assert fresh.requests() == []
    lack = fresh.says("tell(refusal(lambda: rows(small_task(), 'fr')))", HF_HUB_OFFLINE="1")
    assert lack[0] == "NoSuchData"
    assert "could not be reached, and its cache lacks fr" in lack[1]


def test_rows_at_a_pinned_revision(fresh: FakeHub) -> None:
    sha = commit(folder_of(fresh.root, "own/set", "v1"))
    code = "at = lambda revision: rows(small_task(source=Source('own/set', revision=revision)))\n"
    tag, pinned, unknown = fresh.says(code + f"tell([at('v1'), at('{sha}'), refusal(lambda: at('v9'))])")
    assert tag == pinned
    assert tag[:2] == [sha, 7]
    assert unknown == ["NoSuchData", "the data set own/set has no revision 'v9' on the Hub"]


def test_what_the_hub_has(fresh: FakeHub) -> None:
    lacks = "refusal(lambda: rows(small_task(), 'sw')), refusal(lambda: rows(small_task(), 'en', 'dev'))"
    told, language, split = fresh.says(f"tell([dict(data.available(Source('own/set'))), {lacks}])")
    assert told == {language: ["train", "validation", "test"] for language in ("en", "de", "fr")}
    assert language[0] == "LacksLanguage"
    assert "languages en, de" in language[1]
    assert split[0] == "LacksSplit"


def test_a_repository_of_scripts_is_read_from_the_hubs_own_conversion(fresh: FakeHub) -> None:
    task = "small_task(source=Source('own/script', train='', dev=''))"
    straight = fresh.says(f"tell(rows({task}))")
    assert straight[:2] == [commit(folder_of(fresh.root, "own/script", CONVERTED)), 5]
    assert fresh.says(f"tell(rows({task}))", HF_HUB_OFFLINE="1") == straight
    to = fresh.home / "mirror"
    mirrored = fresh.says(f"mirror(pieces({task}, ('en',)), Path('{to}')); tell(rows({task}, data=Path('{to}')))")
    assert mirrored == straight
    pinned = "small_task(source=Source('own/script', revision='main'))"
    refused = fresh.says(f"tell(refusal(lambda: rows({pinned})))")
    assert refused[0] == "NoSuchData"
    assert CONVERTED in refused[1]


def test_repositories_that_cannot_be_had(fresh: FakeHub) -> None:
    missing = fresh.says("tell(refusal(lambda: rows(small_task(source=Source('own/nothing')))))")
    assert missing[0] == "NoSuchData"
    assert "the Hub has no data set own/nothing, or it is private" in missing[1]
    gated = fresh.says("tell(refusal(lambda: rows(small_task(source=Source('own/gated')))))")
    assert gated[0] == "NoSuchData"
    assert "own/gated is gated: accept its terms" in gated[1]


def test_a_mirror_holds_what_the_task_needs_and_is_read_like_the_hub(fresh: FakeHub) -> None:
    to = fresh.home / "mirror"
    code = f"task = small_task(); to = Path('{to}'); lines = []\n"
    report = fresh.says(
        code + "tell([asdict(mirror(pieces(task, ('en', 'de', 'sw')), to, progress=lines.append)), lines])"
    )
    done, lines = report
    (repository,) = done["repositories"]
    assert (repository["repo"], repository["commit"], repository["files"]) == (
        "own/set",
        commit(folder_of(fresh.root, "own/set")),
        5,
    )
    assert repository["bytes"] > 1000
    assert [(lack["language"], lack["split"]) for lack in done["missing"]] == [("sw", "test")]
    assert lines == [f"own/set at {repository['commit'][:12]}: 5 files"]
    there = sorted(path.relative_to(to).as_posix() for path in to.rglob("*.parquet"))
    assert there == [
        f"own/set/{name}-00000-of-00001.parquet" for name in ("de/test", "en/test", "en/train", "en/validation")
    ]
    straight = fresh.says("tell(rows(small_task(), 'de'))")
    assert fresh.says(code + "tell(rows(task, 'de', data=to))", HF_HUB_OFFLINE="1") == straight
    assert fresh.says(code + "tell(dict(data.available(task.data, data=to)))") == {
        "en": ["train", "validation", "test"],
        "de": ["test"],
    }


def test_a_second_mirror_downloads_nothing_and_mends_what_is_gone(fresh: FakeHub) -> None:
    to = fresh.home / "mirror"
    code = f"task = small_task(targets=('en', 'de')); to = Path('{to}'); tell(asdict(mirror(pieces(task), to)))"
    first = fresh.says(code)
    gone = to / "own/set/de/test-00000-of-00001.parquet"
    gone.unlink()
    fresh.log.unlink()
    assert fresh.says(code) == first
    assert gone.is_file()
    downloads = [line for line in fresh.requests() if line.startswith("GET") and line.endswith(".parquet")]
    assert len(downloads) == 1
    assert "de/test" in downloads[0]


def test_files_that_no_download_wrote_are_not_overwritten(fresh: FakeHub) -> None:
    to = fresh.home / "mirror"
    own = write_mirror(to, "own/set", {"de": {"test": nli_rows(2)}}, nli_types()) / "de" / "test-00000-of-00001.parquet"
    before = own.read_bytes()
    code = f"tell(refusal(lambda: mirror(pieces(small_task(targets=('en', 'de'))), Path('{to}'))))"
    refused = fresh.says(code)
    assert refused[0] == "Unwritable"
    assert "no download wrote" in refused[1]
    assert "de/test-00000-of-00001.parquet" in refused[1]
    assert own.read_bytes() == before


def test_files_that_the_repository_dropped_are_removed(fresh: FakeHub) -> None:
    """Else a split that was cut anew would be read twice."""
    to = fresh.home / "mirror"
    moving = folder_of(fresh.root, "own/moving")
    made = write_mirror(fresh.root / "x", "own/moving", {"en": {"test": nli_rows(4)}}, nli_types())
    move(made, moving)
    code = f"task = small_task(targets=('en',), source=Source('own/moving', train='', dev='')); to = Path('{to}')\n"
    code += "mirror(pieces(task), to); tell(rows(task, data=to))"
    assert fresh.says(code)[:2] == [commit(moving), 4]
    shutil.rmtree(moving)
    made = write_mirror(fresh.root / "x", "own/moving", {"en": {"test": nli_rows(6)}}, nli_types())
    (made / "en" / "test-00000-of-00001.parquet").rename(made / "en" / "test-0-of-1.parquet")
    move(made, moving)
    assert fresh.says(code)[:2] == [commit(moving), 6]


def test_a_hub_that_cannot_be_reached(fresh: FakeHub) -> None:
    to = fresh.home / "mirror"
    code = f"tell(refusal(lambda: mirror(pieces(small_task()), Path('{to}'))))"
    refused = fresh.says(code, HF_ENDPOINT="http://127.0.0.1:9")
    assert refused[0] == "NoSuchData"
    assert "cannot be had from the Hub" in refused[1]
    refused = fresh.says(code, HF_HUB_OFFLINE="1")
    assert refused[0] == "NoSuchData"
    assert "HF_HUB_OFFLINE" in refused[1]
    assert not to.exists()


def test_another_endpoint_and_two_revisions(fresh: FakeHub) -> None:
    to = fresh.home / "mirror"
    code = f"report = mirror(pieces(small_task(targets=('en',))), Path('{to}'), endpoint='{fresh.url}'); tell(asdict(report))"
    assert fresh.says(code, HF_ENDPOINT="http://127.0.0.1:9")["repositories"][0]["files"] == 4
    two = "[*pieces(small_task()), *pieces(small_task(source=Source('own/set', revision='v1')))]"
    refused = fresh.says(f"tell(refusal(lambda: mirror({two}, Path('{to}'))))")
    assert refused[0] == "BadOption"


def test_a_folder_that_cannot_be_written(fresh: FakeHub) -> None:
    blocked = fresh.home
    blocked.mkdir()
    (blocked / "file").write_text("not a folder")
    refused = fresh.says(f"tell(refusal(lambda: mirror(pieces(small_task()), Path('{blocked / 'file'}'))))")
    assert refused[0] == "Unwritable"
