"""Data sets from the Hub into a folder that is read where no Hub can be reached: `<owner>/<name>/`, as on the Hub."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from xbench.data.place import NOTES, README, Place, download, downloaded, on_hub
from xbench.errors import BadOption, NoSuchData, Unwritable
from xbench.record import Missing
from xbench.task import Source, Task


@dataclass(frozen=True, slots=True)
class Piece:
    """Splits of one language that a mirror is to hold."""

    source: Source
    language: str
    """In the task's codes."""
    splits: tuple[str, ...]
    """The data set's own names of them."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """One repository as it stands in the mirror."""

    repo: str
    commit: str
    files: int
    """Files that were asked for, whether they came now or stood there already."""
    bytes: int


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """What a mirror holds now."""

    to: Path
    repositories: tuple[Mirrored, ...]
    missing: tuple[Missing, ...]
    """What was asked for and the Hub does not have."""


def pieces(task: Task, languages: Iterable[str] = (), source: str = "") -> tuple[Piece, ...]:
    """What one task needs: train and dev of its source language, and test of every target, or of some."""
    train = Piece(task.training, source or task.source, _named(task.training.train, task.training.dev))
    test = _named(task.data.test or task.data.dev)
    scored = [Piece(task.data, language, test) for language in languages or task.targets]
    return tuple(piece for piece in (train, *scored) if piece.splits)


def mirror(
    wanted: Iterable[Piece],
    to: Path,
    *,
    endpoint: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> MirrorReport:
    """Download what is wanted into the folder `to`; what stands there already is not downloaded again.

    Args:
        wanted: What to hold; data that this machine makes by itself is passed over.
        to: Folder of the mirror.
        endpoint: Address of the Hub; None = huggingface_hub's own setting.
        progress: Told a line before each repository.

    Raises:
        NoSuchData: The Hub, or a repository, cannot be had.
        Unwritable: The folder cannot be written to, or holds files that no download wrote.
    """
    asked: dict[str, list[Piece]] = {}
    for piece in wanted:
        if not piece.source.made:
            asked.setdefault(piece.source.repo, []).append(piece)
    done: list[Mirrored] = []
    missing: list[Missing] = []
    for repo, parts in asked.items():
        revisions = sorted({part.source.revision for part in parts})
        if len(revisions) > 1:
            raise BadOption(f"{repo} is wanted at the revisions {' and '.join(revisions)}; a mirror holds one of them")
        where = on_hub(repo, revisions[0], endpoint)
        if where.unreachable:
            raise NoSuchData(f"{repo} cannot be mirrored: the Hub cannot be reached ({where.unreachable})")
        files, lacking = _chosen(where, parts)
        missing += lacking
        progress(f"{repo} at {where.revision[:12]}: {len(files)} files")
        done.append(_fill(where, files, to / repo, endpoint))
    return MirrorReport(to, tuple(done), tuple(missing))


def _named(*splits: str) -> tuple[str, ...]:
    return tuple(split for split in splits if split)


def _chosen(where: Place, parts: list[Piece]) -> tuple[tuple[str, ...], list[Missing]]:
    """The files of the wanted splits, with the README that assigns them; and what the repository lacks."""
    files: dict[str, None] = dict.fromkeys(name for name in (README,) if name in where.files)
    lacking: dict[Missing, None] = {}
    for part in parts:
        config = part.source.config_of(part.language)
        splits = where.layout.get(config, {})
        for split in part.splits:
            files.update(dict.fromkeys(splits.get(split, ())))
            if split not in splits:
                lacking[Missing(language=part.language, split=split, why=f"{where} has no {config}/{split}")] = None
    return tuple(files), list(lacking)


def _fill(where: Place, files: tuple[str, ...], folder: Path, endpoint: str | None) -> Mirrored:
    """Bring one repository's folder up to the commit."""
    foreign = [name for name in files if (folder / name).exists() and not downloaded(folder, name)]
    if foreign:
        raise Unwritable(
            f"{folder} holds files that no download wrote, or that were changed since: {', '.join(foreign[:5])}"
            f"{', …' if len(foreign) > 5 else ''}. Move them away, or name another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _drop_old(where, folder)
        download(where.repo, where.revision, files, endpoint=endpoint, to=folder)
    except OSError as error:
        raise Unwritable(f"{folder} cannot be written to: {error}") from error
    size = sum((folder / name).stat().st_size for name in files)
    return Mirrored(where.repo, where.revision, len(files), size)


def _drop_old(where: Place, folder: Path) -> None:
    """Remove what an earlier download wrote and the repository no longer holds.

    A split that was cut into other files would else be read twice: its pattern matches the old files and the new.
    """
    notes = folder / NOTES
    for note in sorted(notes.rglob("*.metadata")):
        name = note.relative_to(notes).as_posix().removesuffix(".metadata")
        if name not in where.files and downloaded(folder, name):
            (folder / name).unlink(missing_ok=True)
            note.unlink()
