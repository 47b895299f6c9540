"""What a reader must know beside the numbers: doubts, gaps, and what may not be compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xbench import examples
from xbench.board import Board
from xbench.errors import BadRecord
from xbench.export.grid import COLLAPSED
from xbench.export.view import Entry, Shown

NAMED = 8
"""Names in a list before the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence below a table."""

    text: str
    warns: bool = False
    """Whether it tells of something wrong or not comparable, rather than how to read the table."""


def remarks(one: Shown) -> tuple[Remark, ...]:
    """What is to be said of one table, how to read it first."""
    if not one.entries:
        return tuple(_missing(one))
    said = [*_reading(one), *_ranks(one), *_seeds(one), *_comparability(one), *_incomplete(one), *_missing(one)]
    for measure in dict.fromkeys(m.caveat for e in one.entries for name, m in e.measures.items() if name == "gap"):
        said += [Remark(f"gap: {measure}", warns=True)] if measure else []
    if one.left_out:
        total = one.left_out + len(one.entries)
        said.append(
            Remark(
                f"The first {len(one.entries)} of {total} encoders are shown; --encoder names others, --format csv "
                f"writes all."
            )
        )
    return tuple(said)


def of_board(board: Board) -> tuple[Remark, ...]:
    """What is to be said of the whole board: its notes, files that were refused, and counts that cannot be used.

    Of counts only those are told that were looked for already, as the board's tables do.
    """
    notes = [Remark(note, warns=True) for note in board.notes]
    refused = [Remark(f"refused {reject.file}: {reject.why}", warns=True) for reject in board.rejects]
    empty = [Remark("No records here yet.")] if board.runs.empty else []
    return (*empty, *notes, *refused, *_without_counts(board))


def _without_counts(board: Board) -> list[Remark]:
    """Counts that were looked for and cannot be used; one line for each reason."""
    reasons: dict[str, list[str]] = {}
    for run in board.without_counts():
        if why := _fault_of_counts(board, run):
            reasons.setdefault(why, []).append(str(board.runs["file"].iloc[run]))
    return [
        Remark(
            f"counts of {_some(files)} cannot be used ({why}): their encoders are ranked from the records; "
            "`xbench verify` tells more",
            warns=True,
        )
        for why, files in reasons.items()
    ]


def _fault_of_counts(board: Board, run: int) -> str:
    """Why the counts beside a record are not those that were written; empty where they are."""
    try:
        record = board.record(run)
    except BadRecord:
        return "the record was changed meanwhile"
    try:
        examples.written(board.file(run), record)
    except BadRecord as fault:
        if isinstance(cause := fault.__cause__, OSError):
            return "missing" if isinstance(cause, FileNotFoundError) else str(cause.strerror or cause)
        return str(fault).rpartition(": ")[2]
    return ""


def _reading(one: Shown) -> list[Remark]:
    single = [entry for entry in one.entries if any(cell.seeds == 1 for cell in entry.column.cells.values())]
    several = any(cell.seeds > 1 for e in one.entries for cell in e.column.cells.values())
    over = {
        "test examples, given this seed, where there is one seed": bool(single),
        "seeds and test examples where there are several": several,
    }
    told = ", and over ".join(text for text, there in over.items() if there)
    return [Remark(f"± and [ ]: 95 % interval over {told}.")]


def _ranks(one: Shown) -> list[Remark]:
    ranks = [entry.column.rank for entry in one.entries if entry.column.rank]
    if one.table.better != "higher":
        return [Remark(f"No ranks and no measures: lower {one.table.metric} is better.", warns=True)]
    if not ranks:
        return [Remark("No ranks: fewer than two complete zero-shot encoders that may be compared.")]
    text = "Rank: the places left open by differences in the mean of targets, "
    text += (
        "paired by test item, "
        if all(rank.paired for rank in ranks)
        else "by seeds and intervals of cells where counts are not compared item by item, "
    )
    text += f"Holm over all pairs, 5 %; among {max(rank.among for rank in ranks)} on the whole board"
    return [Remark(text + (", whatever is shown." if one.cut or _some_encoders(one) else "."))]


def _some_encoders(one: Shown) -> bool:
    return len(one.entries) < len(one.table.columns)


def _seeds(one: Shown) -> list[Remark]:
    said = []
    single = [e for e in one.entries if any(cell.seeds == 1 for cell in e.column.cells.values())]
    if single:
        who = "all" if len(single) == len(one.entries) else _some(_who(one, entry) for entry in single)
        said.append(
            Remark(f"One seed ({who}): with another one the numbers, and the ranks, may be others.", warns=True)
        )
    for entry in one.entries:
        if lost := entry.column.collapsed:
            runs = entry.column.seeds
            said.append(
                Remark(
                    f"{COLLAPSED} {_who(one, entry)}: {len(lost)} of {runs} runs collapsed "
                    f"({100 * len(lost) / runs:.0f} %; seeds {_some(map(str, lost))}): never left chance, or one "
                    f"answer to everything. They count in its numbers.",
                    warns=True,
                )
            )
    return said


def _comparability(one: Shown) -> list[Remark]:
    said = []
    for letter, differs in one.groups.items():
        members = [_who(one, entry) for entry in one.entries if entry.group == letter]
        if differs and members:
            text = f"may not be compared: {letter} ({_some(members)}) with A: {'; '.join(differs)}"
            said.append(Remark(text, warns=True))
    oracles = [entry for entry in one.entries if not entry.column.zero_shot]
    if oracles:
        who = _some(_who(one, entry) for entry in oracles)
        rules = _some(e.column.rule for e in oracles)
        said.append(Remark(f"not zero-shot ({rules}), never ranked: {who}", warns=True))
    return said


def _incomplete(one: Shown) -> list[Remark]:
    """Encoders that lack languages; the mean of those that all have stands in the table."""
    by_lack: dict[tuple[str, ...], list[Entry]] = {}
    for entry in one.entries:
        lacks = tuple(code for code in one.table.languages if code not in entry.column.cells)
        if lacks and entry.column.mean(one.table.languages) is None:
            by_lack.setdefault(lacks, []).append(entry)
    return [
        Remark(
            f"incomplete, so without mean and rank: {_some(_who(one, entry) for entry in entries)} "
            f"({len(one.table.languages) - len(lacks)}/{len(one.table.languages)}; lacks {_some(lacks)})",
            warns=True,
        )
        for lacks, entries in by_lack.items()
    ]


def _missing(one: Shown) -> list[Remark]:
    """Why languages have no score; one line for each reason."""
    reasons: dict[str, dict[str, None]] = {}
    told = [*one.table.missing.items(), *(item for entry in one.entries for item in entry.missing.items())]
    for language, why in told:
        reasons.setdefault(why.replace(repr(language), "…"), {})[language] = None
    return [Remark(f"missing {_some(codes)}: {why}", warns=True) for why, codes in reasons.items()]


def _who(one: Shown, entry: Entry) -> str:
    """The encoder, with its recipe where the table has it under several."""
    column = entry.column
    twice = sum(other.encoder == column.encoder for other in one.table.columns) > 1
    return f"{column.encoder} {column.recipe}-{column.source}" if twice else column.encoder


def _some(names: Iterable[str]) -> str:
    """Names, the first of them if there are many."""
    each: Sequence[str] = tuple(dict.fromkeys(names))
    rest = len(each) - NAMED
    return ", ".join(each[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
