"""What holds between the files of a board: each lies where it should, and no cell is there twice."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from xbench import store
from xbench.record import Run
from xbench.verify.fault import Entry, Fault, Faults


def place(entry: Entry) -> Faults:
    """The record lies where its run says, as its first part or a later one; its counts have the same name."""
    part = 1
    while (there := store.path_of(entry.board, entry.record.run, part)) != entry.path and there.exists():
        part += 1
    if there != entry.path:
        known = store.path_of(entry.board, entry.record.run)
        yield entry.fault("place", f"it lies elsewhere than its run {entry.record.run} says", entry.path.name, known)
    named = entry.record.examples.file if entry.record.examples else ""
    yield from entry.differs("place", "its counts file has another name", named, entry.counts_path.name)


def twice(entries: Sequence[Entry]) -> Faults:
    """No two records, on whatever boards, score one run in one language."""
    first: dict[Run, dict[str, Path]] = defaultdict(dict)
    for entry in entries:
        theirs = first[entry.record.run]
        again = sorted({score.language for score in entry.record.scores} & theirs.keys())
        if again:
            where = ", ".join(sorted({str(theirs[language]) for language in again}))
            yield entry.fault("twice", f"{entry.record.run} is scored in {', '.join(again)} by {where} too")
        for score in entry.record.scores:
            theirs.setdefault(score.language, entry.path)


def strays(board: Path, entries: Sequence[Entry], refused: Sequence[str]) -> Faults:
    """No counts without a record, and no links: they are never followed, so what they lead to is on no table."""
    named = {entry.counts_path for entry in entries}
    for folder, folders, files in os.walk(board, followlinks=False):
        for name in sorted((*folders, *files)):
            path = Path(folder) / name
            if path.is_symlink() and str(path) not in refused and path not in named:
                yield Fault(file=str(path), code="link", what="it is a link; links are not followed")
            elif name.endswith(".parquet") and path not in named and str(path.with_suffix(".json")) not in refused:
                yield Fault(file=str(path), code="orphan", what="counts without a record beside them")
