"""Where the files of a data set lie: in a mirror, in a folder made on this machine, or on the Hub.

Whatever the place, its files are laid out as in a Hub repository and are read from a local folder: a mirror's own, or
the snapshot that huggingface_hub keeps in its cache. So there is one way to read, and what a mirror cannot answer the
Hub cannot answer either.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from xbench.cache import folder_made_by
from xbench.data.quiet import quiet
from xbench.errors import NoSuchData, near
from xbench.task import Source

Layout: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Configuration -> split -> its files, relative to the repository."""

README = "README.md"
NOTES = Path(".cache", "huggingface", "download")
"""Where huggingface_hub keeps what it knows of the files in a folder it downloaded into."""
CONVERTED = "refs/convert/parquet"
"""Branch in which the Hub keeps its own parquet copy of every public data set: `<config>/<split>/0000.parquet`. It is
what can be read of a repository that holds a loading script instead of data files."""
FORMATS = {"parquet": "parquet", "csv": "csv", "tsv": "csv", "json": "json", "jsonl": "json", "arrow": "arrow"}
"""Ending of a file -> the builder of `datasets` that reads it."""


@dataclass(frozen=True, slots=True)
class Place:
    """One data set repository, wherever it lies."""

    repo: str
    folder: Path
    """Root of the mirror's copy, or of the snapshot in the Hub's cache."""
    revision: str
    """Commit of the Hub; `made` for what this machine wrote; empty for a mirror, whose files each tell their own."""
    files: tuple[str, ...]
    """Everything the repository holds, relative to its root; on the Hub most of it is not downloaded yet."""
    hub: bool = False
    unreachable: str = ""
    """Why the Hub itself could not be asked; `files` is then only what its cache holds."""
    layout: Layout = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.repo} on the Hub" if self.hub else f"{self.repo} in {self.folder.parent.parent}"


def place(source: Source, data: Path | None) -> Place:
    """Find a source's repository: in the mirror `data` where one is given, else where the source says it comes from."""
    if data is not None and not data.is_dir():  # told even where nothing of it is needed: it was named for a reason
        raise NoSuchData(f"no folder {data}: name one that holds data sets as <owner>/<name>/, as on the Hub")
    if source.made and (data is None or not (data / source.repo).is_dir()):
        return _local(source.repo, folder_made_by(source.made), "made")
    if data is not None:
        return _local(source.repo, data, "")
    return on_hub(source.repo, source.revision)


def fetch(where: Place, files: tuple[str, ...]) -> tuple[Path, ...]:
    """Paths of a repository's files on this machine, downloaded into the Hub's cache where they are not there yet."""
    if where.hub and any(not (where.folder / name).is_file() for name in files):
        download(where.repo, where.revision, files)
    return tuple(where.folder / name for name in files)


def commit(where: Place, files: tuple[str, ...]) -> str:
    """The commit that files come from; a mirror tells it where huggingface_hub downloaded it, else `unrecorded`."""
    if where.revision:
        return where.revision
    told = {downloaded(where.folder, name) for name in files}
    return "unrecorded" if not told or "" in told else "+".join(sorted(told))


def downloaded(folder: Path, name: str) -> str:
    """The commit that huggingface_hub noted when it downloaded a file into a folder; empty where it did not."""
    note = folder / NOTES / f"{name}.metadata"
    if not note.is_file():
        return ""
    lines = note.read_text(encoding="utf-8").split()
    changed = (folder / name).stat().st_mtime if (folder / name).is_file() else 0.0
    # The note ends with the time of the download; a file that is younger by more than a second was changed since.
    return lines[0] if len(lines) == 3 and changed <= float(lines[2]) + 1 else ""


def _local(repo: str, root: Path, revision: str) -> Place:
    """A repository in a mirror."""
    folder = root / repo
    if not folder.is_dir():
        there = (f"{entry.parent.name}/{entry.name}" for entry in sorted(root.glob("*/*")) if entry.is_dir())
        raise NoSuchData(f"the mirror {root} lacks {repo}{near(repo, there)} `xbench mirror` can add it.")
    files = _files(folder)
    if not files:
        raise NoSuchData(f"{folder} is empty; `xbench mirror` can fill it")
    layout = _layout(folder, _stamp(folder), files)
    if not layout:
        raise NoSuchData(f"{folder} has no data files that its {README} or its folders assign to splits")
    return Place(repo, folder, revision, files, layout=layout)


@lru_cache(maxsize=256)
def on_hub(repo: str, revision: str, endpoint: str | None = None) -> Place:
    """A repository on the Hub. Asked once a process, so that every language comes from the same commit."""
    found = _hub_at(repo, revision, endpoint)
    if not found.layout and not revision:
        # The newest files are a loading script, which nothing runs any more: take the Hub's own conversion.
        found = _hub_at(repo, CONVERTED, endpoint)
    if not found.layout:
        if found.unreachable:
            raise NoSuchData(f"{found} could not be reached ({found.unreachable}), and its cache holds no rows of it")
        raise NoSuchData(
            f"{found} at {revision or CONVERTED} has no data files that its {README} or its folders assign to splits: "
            f"name a revision that has them, such as {CONVERTED!r}"
        )
    return found


def _hub_at(repo: str, revision: str, endpoint: str | None) -> Place:
    folder = download(repo, revision, (README,), endpoint=endpoint)
    files, why = _files(folder), ""
    try:
        from huggingface_hub import HfApi

        listed = HfApi(endpoint=endpoint).list_repo_files(repo, repo_type="dataset", revision=folder.name)
        files = tuple(sorted(listed))
    except Exception as error:  # noqa: BLE001 - whatever stood between us and the Hub, its cache may hold what is needed
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
    layout = _layout(folder, _stamp(folder), files)
    return Place(repo, folder, folder.name, files, hub=True, unreachable=why, layout=layout)


def download(
    repo: str, revision: str, names: Iterable[str], *, endpoint: str | None = None, to: Path | None = None
) -> Path:
    """Download files of one commit into the folder `to`, or into the Hub's cache; gives the folder they stand in.

    In the cache, that folder is named after the commit.
    """
    from huggingface_hub import snapshot_download, utils

    try:
        with quiet(utils):
            return Path(
                snapshot_download(
                    repo,
                    repo_type="dataset",
                    revision=revision or None,
                    allow_patterns=list(names),
                    local_dir=to,
                    endpoint=endpoint,
                )
            )
    except Exception as error:
        if to is not None and isinstance(error, PermissionError):
            raise  # the folder's fault, and not the Hub's
        raise NoSuchData(_why_not(repo, revision, error)) from error


def _why_not(repo: str, revision: str, error: Exception) -> str:
    """What a failed download means, and what to do."""
    from huggingface_hub import errors

    mirror = "give a mirror with --data DIR (`xbench mirror` writes one where the Hub can be reached)"
    if isinstance(error, errors.GatedRepoError):
        return (
            f"the data set {repo} is gated: accept its terms at https://huggingface.co/datasets/{repo}, log in with "
            f"`hf auth login`, or {mirror}"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the Hub has no data set {repo}, or it is private: check the name, log in, or {mirror}"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"the data set {repo} has no revision {revision!r} on the Hub"
    cause = f"{type(error).__name__}: {error}".partition("\n")[0]
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return f"the data set {repo} is not in the Hub's cache and HF_HUB_OFFLINE forbids to download it: {mirror}"
    return f"the data set {repo} cannot be had from the Hub ({cause}): check the network, or {mirror}"


def _files(folder: Path) -> tuple[str, ...]:
    """Files under a folder, without what tools keep in hidden folders."""
    names = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple(name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts))


def _stamp(folder: Path) -> tuple[int, int]:
    """Changes when the README does: the layout is kept by it."""
    readme = folder / README
    return (readme.stat().st_mtime_ns, readme.stat().st_size) if readme.is_file() else (0, 0)


@lru_cache(maxsize=256)
def _layout(folder: Path, stamp: tuple[int, int], files: tuple[str, ...]) -> Layout:
    """Which files are which split, as the README says, else as the folders are named. Kept: a README can be long."""
    configs: dict[str, Mapping[str, tuple[str, ...]]] = {}
    try:
        for entry in card(folder, stamp).get("configs") or ():
            configs[str(entry.get("config_name", "default"))] = _assigned(entry, files)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NoSuchData(f"the `configs` of {folder / README} cannot be understood: {error}") from error
    # A configuration none of whose files is there is one that a partial mirror left out.
    return {name: splits for name, splits in configs.items() if splits} if configs else _by_folder(files)


def _assigned(entry: Mapping[str, Any], files: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Split -> files of one configuration of a README: by patterns, or by a folder whose files name the splits."""
    from datasets.data_files import sanitize_patterns

    if "data_dir" in entry and "data_files" not in entry:
        root = str(entry["data_dir"]).strip("./") + "/"
        inner = _by_folder(tuple(name.removeprefix(root) for name in files if name.startswith(root)))
        return {split: tuple(root + name for name in names) for split, names in inner.get("default", {}).items()}
    patterns = sanitize_patterns(entry.get("data_files", {}))
    splits = {str(split): _matching(files, wanted) for split, wanted in patterns.items()}
    return {split: found for split, found in splits.items() if found}


@lru_cache(maxsize=256)
def card(folder: Path, stamp: tuple[int, int]) -> dict[str, Any]:
    """The metadata at the top of a repository's README. Kept: the parser is slow, and some are thousands of lines."""
    from huggingface_hub.repocard import metadata_load

    try:
        return dict((stamp != (0, 0) and metadata_load(folder / README)) or {})
    except Exception as error:
        raise NoSuchData(f"the metadata at the top of {folder / README} cannot be read: {error}") from error


def options(where: Place, config: str) -> dict[str, Any]:
    """What the README adds for the reader of a configuration's files, such as the separator of a table."""
    known = {"config_name", "data_files", "data_dir", "default", "version", "description", "drop_labels"}
    for entry in card(where.folder, _stamp(where.folder)).get("configs") or ():
        if entry.get("config_name", "default") == config:
            return {key: value for key, value in entry.items() if key not in known}
    return {}


def features(where: Place, config: str) -> Any:
    """The columns' types as the README tells them, or None; files mostly carry their own."""
    from datasets import DatasetInfo

    told = card(where.folder, _stamp(where.folder)).get("dataset_info") or ()
    for info in [told] if isinstance(told, dict) else told:
        if info.get("config_name", "default") == config and info.get("features"):
            return DatasetInfo._from_yaml_dict({"features": info["features"]}).features
    return None


def _matching(files: tuple[str, ...], patterns: list[str]) -> tuple[str, ...]:
    """Files that match a README's patterns, in the order of the patterns."""
    plain = [str(pattern).removeprefix("./").replace("**/", "*") for pattern in patterns]
    found = (name for pattern in plain for name in files if fnmatchcase(name, pattern) and _readable(name))
    return tuple(dict.fromkeys(found))


def _by_folder(files: tuple[str, ...]) -> Layout:
    """Layout of a repository whose README assigns nothing: `<config>/<split>/0000.parquet` or `<config>/<split>-….csv`.

    A folder `data` at the top is no configuration, and files beside the README are the configuration `default`. Data
    files of a loading script are laid out as only the script knows, so they are not taken for anything.
    """
    if any(name.endswith(".py") and "/" not in name for name in files):
        return {}
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name in filter(_readable, files):
        *folders, file = name.removeprefix("data/").split("/")
        split = file.partition(".")[0].partition("-")[0]
        if split.isdigit() and folders:
            split = folders.pop()
        splits = found.setdefault("/".join(folders) or "default", {})
        splits[split] = (*splits.get(split, ()), name)
    return found


def _readable(name: str) -> bool:
    return name.rpartition(".")[2] in FORMATS
