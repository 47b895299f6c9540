"""What xbench refuses to do.

XbenchError                       a user can cause it: the command ends with exit code 2 and this one message
├── BadOption                     an option, or two together, that make no sense
├── UnknownName                   no door knows this name; says what is near and what exists
│   └── NoSuchFile                a path that names no file; says which files stand there
├── NameClash                     two distributions claim one name
├── BrokenPlugin                  a door opens onto something that cannot be used
├── DataError                     rows cannot be had, or cannot be trusted
│   ├── NoSuchData                the repository or the mirror folder is not there
│   ├── LacksLanguage             the data set has no such language: becomes a Missing cell
│   ├── LacksSplit                the language has no such split: becomes a Missing cell
│   ├── WrongColumns              the rows do not look as the task says
│   ├── UnknownLabel              a gold label that the task does not list
│   ├── NoGold                    gold is absent, empty or a placeholder
│   └── BadFile                   a file of the data set cannot be read
├── EncoderError                  a checkpoint cannot be used
│   ├── NotACheckpoint            no folder, or a folder without a config
│   └── UnknownArchitecture       transformers, or this kind of task, does not know its architecture
├── ScoringError                  predictions cannot be scored (NaN, too many, wrong shape)
├── NotTogether                   processes that should do one piece of work cannot, or do not do the same
├── TrainingError
│   ├── DoesNotFit                the device's memory is too small for the batch
│   └── Diverged                  the loss is not a number any more
└── StoreError                    a board cannot be read or written
├── Unwritable                no right to write there, or not a folder
├── AlreadyRecorded           a record stands there already; records are never overwritten
└── BadRecord                 a file that is not a record, or not one that can be trusted
"""

import difflib
from collections.abc import Iterable
from pathlib import Path


class XbenchError(Exception):
    """Something a user can cause and mend. Its text is the whole message: what failed, what is near, what to do."""


class BadOption(XbenchError):
    """An option, or several together, that make no sense."""


class UnknownName(XbenchError):
    """No door knows this name."""

    def __init__(self, what: str, name: str, known: Iterable[str], hint: str = "") -> None:
        super().__init__(f"unknown {what} {name!r}{near(name, known)}{f' {hint}' if hint else ''}")


class NoSuchFile(UnknownName):
    """A path that was to name a file, and names none."""

    def __init__(self, path: Path) -> None:
        folder = path.absolute().parent
        if path.is_dir():
            said = f"{path} is a folder; name a file in it."
        elif not folder.is_dir():
            said = f"no file {path}: there is no folder {folder}."
        elif beside := [one.name for one in folder.glob(f"*{path.suffix}") if one.is_file()]:
            said = f"no file {path.name} in {folder}{near(path.name, beside, most=8)}"
        else:
            said = f"no file {path.name} in {folder}, nor any other {path.suffix or 'file'} there."
        XbenchError.__init__(self, said)


class NameClash(XbenchError):
    """Two installed distributions claim one name."""


class BrokenPlugin(XbenchError):
    """An installed plugin, or a file that was named, does not give what it promises."""


class DataError(XbenchError):
    """Rows cannot be had, or cannot be trusted."""


class NoSuchData(DataError):
    """The repository, or the folder of a mirror, is not there."""


class LacksLanguage(DataError):
    """The data set has no such language."""


class LacksSplit(DataError):
    """The data set has the language, but not this split of it."""


class WrongColumns(DataError):
    """The rows do not have the columns, or not the types, that the task reads."""


class UnknownLabel(DataError):
    """A gold label that the task does not list."""


class NoGold(DataError):
    """Gold is absent, empty or a placeholder: a score over it would mean nothing."""


class BadFile(DataError):
    """A file of the data set cannot be read."""


class EncoderError(XbenchError):
    """A checkpoint cannot be used."""


class NotACheckpoint(EncoderError):
    """No such folder or Hub repository, or one without a model configuration."""


class UnknownArchitecture(EncoderError):
    """transformers does not know the architecture, or has no head of the needed kind for it."""


class ScoringError(XbenchError):
    """Predictions that cannot be scored."""


class NotTogether(XbenchError):
    """Processes that should do one piece of work cannot, or do not do the same."""


class TrainingError(XbenchError):
    """Fine-tuning could not go on."""


class DoesNotFit(TrainingError):
    """The device's memory is too small for this batch; it is never made smaller in silence."""


class Diverged(TrainingError):
    """The loss is not a number any more."""


class StoreError(XbenchError):
    """A board cannot be read or written."""


class Unwritable(StoreError):
    """The board's folder cannot be made or written to."""


class AlreadyRecorded(StoreError):
    """A record stands there already; records are written once."""


class BadRecord(StoreError):
    """A file that is not a record, or not one that can be trusted."""


def near(name: str, known: Iterable[str], most: int = 40) -> str:
    """Say which known names are near to `name` and, where they are few, which exist."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    said = f"; did you mean {' or '.join(close)}?" if close else "."
    if not names:
        return said + " There are none."
    listed = ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")
    return f"{said} There are: {listed}."


class Faults:
    """Collects errors, so that when many things are wrong all are said at once.

    `with faults: …` keeps the XbenchError that ends its body; `raise_any` raises them as one.
    """

    def __init__(self) -> None:
        self.found: list[XbenchError] = []

    def __enter__(self) -> "Faults":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: object) -> bool:
        if isinstance(fault, XbenchError):
            self.found.append(fault)
            return True
        return False

    def raise_any(self) -> None:
        """Raise the one error that was found, or one that lists them all."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            said = "\n".join(f"  - {fault}" for fault in dict.fromkeys(map(str, self.found)))
            raise XbenchError(f"several things are wrong:\n{said}")
