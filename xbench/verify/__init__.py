"""Every score of a board, derived once more: from its counts, and where the gold is at hand from gold and predictions.

The files of a board are untrusted. They are read only, nothing in them is executed, and whatever goes wrong with one of
them is a fault that names it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xbench import catalogue, store
from xbench.errors import NoSuchData, StoreError, UnknownName, XbenchError
from xbench.task import Task
from xbench.verify import counts, gold, regret, said, shelf
from xbench.verify.fault import Entry, Fault

__all__ = ["Fault", "Report", "verify"]

Progress = Callable[[int, int, str], None]
"""Told: records done, records in all, the one that was last looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was looked at, and what does not hold."""

    records: int
    scores: int
    """Scores that were derived again, from counts or from predictions."""
    counts_files: int
    """Counts files that could be read."""
    gold: int
    """Records whose gold was read again and whose predictions were counted again."""
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    """What could not be derived, though nothing is wrong with it."""

    @property
    def holds(self) -> bool:
        """Whether everything does."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class _Seen:
    """What looking at one record gave."""

    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()
    scores: int = 0
    read: bool = False
    """Whether its counts could be read."""
    gold: bool = False


def verify(
    *boards: Path, data: Path | None = None, tasks: Sequence[str] = (), progress: Progress = lambda *_: None
) -> Report:
    """Derive every score of some boards again, and say what differs.

    Args:
        boards: Folders of records.
        data: Folder of a mirror. With it the gold of every record is read again, and its predictions are counted
            again; without, only for tasks whose rows this machine makes itself.
        tasks: Task files of records whose task is not installed.
        progress: Told how far it is.

    Raises:
        StoreError: a board is not there.
        NoSuchData: the mirror is not there.
        XbenchError: a task file cannot be used.
    """
    if absent := [str(board) for board in boards if not board.is_dir()]:
        raise StoreError(f"no board at {', '.join(absent)}. Name the folder that `xbench run --board DIR` wrote to.")
    if data is not None and not data.is_dir():
        raise NoSuchData(f"no folder {data}: name one that holds data sets as <owner>/<name>/, as on the Hub")
    given = {task.name: task for task in map(catalogue.tasks.open, tasks)}
    faults: list[Fault] = []
    entries: list[Entry] = []
    for board in boards:
        found = store.load(board)
        mine = [Entry(board, path, record) for path, record in found.records]
        refused = [str(board / reject.file) for reject in found.rejects]
        faults += [
            Fault(file=file, code="refused", what=reject.why)
            for file, reject in zip(refused, found.rejects, strict=True)
        ]
        faults += shelf.strays(board, mine, refused)
        entries += mine
    faults += shelf.twice(entries)
    seen = []
    for done, entry in enumerate(entries, 1):
        seen.append(_looked_at(entry, given, data))
        progress(done, len(entries), str(entry.record.run))
    return Report(
        records=len(entries),
        scores=sum(one.scores for one in seen),
        counts_files=sum(one.read for one in seen),
        gold=sum(one.gold for one in seen),
        faults=(*faults, *(fault for one in seen for fault in one.faults), *regret.check(entries)),
        notes=tuple(note for one in seen for note in one.notes),
    )


def _looked_at(entry: Entry, given: dict[str, Task], data: Path | None) -> _Seen:
    """Everything that can be asked of one record."""
    faults = [*shelf.place(entry), *said.signature(entry), *said.selection(entry), *said.cells(entry)]
    table = counts.read(entry)
    if isinstance(table, Fault):
        return _Seen((*faults, table))
    task, lacking = _task(entry, given, data)
    faults += lacking
    known, absent = counts.metrics(entry, task, table.columns)
    faults += [*absent, *counts.rules(entry, known), *counts.languages(entry, table)]
    faults += [*counts.table(entry, table, known), *counts.scores(entry, table, known)]
    again = task if task is not None and (data is not None or task.data.made) else None
    if again:
        faults += gold.check(entry, table, again, known, data)
    derived = [score for score in entry.record.scores if score.metric in known]
    wholes = [score for score in derived if not known[score.metric].columns]
    notes = () if again else tuple(
        f"{entry.path}: {score.metric} in {score.language} cannot be derived from counts; --data DIR derives it"
        for score in wholes
    )  # fmt: skip
    compared = len(derived) - (0 if again else len(wholes))
    return _Seen(tuple(faults), (*notes, *counts.notes(entry)), compared, read=True, gold=again is not None)


def _task(entry: Entry, given: dict[str, Task], data: Path | None) -> tuple[Task | None, list[Fault]]:
    """The task of a record; where it is needed to read gold and is not to be had, that is a fault."""
    name = entry.record.run.task
    if name in given:
        return given[name], []
    try:
        # A record is untrusted: a path in it must not make a file run.
        if name not in catalogue.tasks.names():
            raise UnknownName("task", name, catalogue.tasks.names())
        return catalogue.tasks.open(name), []
    except XbenchError as fault:
        told = f"the gold of {name!r} cannot be read again; name the task's file with --task: {fault}"
        return None, [entry.fault("task", told)] if data is not None else []
