"""What `--candidate` and `--baseline` mean: an encoder on a board, a board of its own, a pinned one."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from xbench import store
from xbench.errors import BadOption, BadRecord, UnknownName, XbenchError
from xbench.gate.baseline import check_pin, pinned
from xbench.gate.side import Side, side
from xbench.record import Run


def side_of(
    named: str, boards: Sequence[Path], *, recipe: str = "", source: str = "", tasks: Sequence[str] = ()
) -> Side:
    """The side that a text names: NAME on the boards, FOLDER, FOLDER:NAME, each with @HASH or without.

    A text that is both an encoder on the boards and a folder is the encoder; `./` before it makes it the folder.

    Raises BadOption, UnknownName or StoreError where it names nothing, too much, or not what was pinned.
    """
    name, pin = pinned(named)
    where, encoder = _meaning(name, boards)
    found = side(where, encoder, recipe=recipe, source=source, tasks=tasks)
    if pin:
        check_pin(name, pin, found.hash)
    return found


def different(candidate: Side, baseline: Side) -> None:
    """See that there are two things to compare: nothing is worse than itself. Raises BadOption."""
    if candidate.columns and candidate.hash == baseline.hash and not (candidate.faults or baseline.faults):
        raise BadOption(
            f"both sides are the same records of {candidate.encoder} ({candidate.hash[:16]}): that says nothing. "
            "Name another encoder, or a board folder with other runs of it: FOLDER:ENCODER."
        )


def _meaning(name: str, boards: Sequence[Path]) -> tuple[Sequence[Path], str]:
    """Folders and the encoder on them."""
    on_board = store.path_of(Path(), Run("", name, "", "", 0)).parent.name
    if any(folder.is_dir() for board in boards if board.is_dir() for folder in board.glob(f"*/{on_board}")):
        return boards, name
    if Path(name).is_dir():
        return [Path(name)], _only_encoder(Path(name))
    for at in reversed([at for at, sign in enumerate(name) if sign == ":"]):
        if at and name[at + 1 :] and Path(name[:at]).is_dir():
            return [Path(name[:at])], name[at + 1 :]
    raise _nothing(name, boards)


def _nothing(name: str, boards: Sequence[Path]) -> XbenchError:
    """What to say of a text that names neither an encoder on the boards nor a folder."""
    there = {encoder for board in boards if board.is_dir() for encoder in _encoders(board)}
    folder = Path(name.rpartition(":")[0] or name)
    beside = [str(one) for one in folder.parent.iterdir() if one.is_dir()] if folder.parent.is_dir() else []
    what = "encoder or board folder:" if len(folder.parts) > 1 else "encoder:"
    looked = [
        f"Looked on {board} (--board)"
        if board.is_dir()
        else f"There is no board at {board} (--board DIR names another)"
        for board in boards
    ]
    hint = f"{'; '.join(looked)}; nor is there a folder {folder}. Write NAME, FOLDER or FOLDER:NAME."
    if known := [*there, *get_close_matches(str(folder), beside)]:
        return UnknownName(what, name, known, hint)
    return BadOption(f"unknown {what} {name!r}. {hint}")


def _only_encoder(folder: Path) -> str:
    """The one encoder of a folder. Raises BadOption where there is none, or more than one."""
    found = _encoders(folder)
    if len(found) != 1:
        said = f"holds several encoders: {', '.join(found)}. Say which: {folder}:{found[0]}" if found else (
            f"holds no records. `xbench run --board {folder} …` writes some"
        )  # fmt: skip
        raise BadOption(f"the board {folder} {said}.")
    return found[0]


def _encoders(board: Path) -> list[str]:
    """Names of the encoders on a board, sorted; one record of each folder is read, any that can be."""
    names: dict[Path, str] = {}
    broken: set[Path] = set()
    for file in store.listing(board):
        if file.parent not in names:
            try:
                names[file.parent] = store.read(file).run.encoder
            except BadRecord:
                broken.add(file.parent)
    # Where no record of a folder can be read its own name must do: what is wrong with it is told later.
    return sorted({*names.values(), *(folder.name for folder in broken - names.keys())})
