"""What of a board is shown: its tables ranked as a whole, then cut. Cutting changes no rank and no mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from xbench import languages as known
from xbench.board import EXACT, Board, Column, Table
from xbench.board.doubt import doubt_of_mean
from xbench.board.spread import over_all
from xbench.disparity import Measure
from xbench.errors import UnknownName, XbenchError
from xbench.uncertainty import contrast

Fact = Literal["", "script", "family", "resource_class", "macro_area"]

OF_CELLS = "counts are not at hand: intervals of means are made of the scores of seeds and the intervals of cells"
"""What is said where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is asked for; empty = everything."""

    tasks: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """In any spelling that `xbench.languages` reads."""
    by: Fact = ""
    """Languages are put in groups by this fact, and each group has its mean."""
    details: bool = False
    """Every measure, and the number of examples in each language."""
    first: int = 0
    """Encoders that are shown of a table, from the top; 0 = all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One column of a table as it is shown."""

    column: Column
    group: str
    """Letter of the columns that it may be compared with, A for the most; empty where it is not zero-shot."""
    measures: Mapping[str, Measure]
    """By name; none where the set is incomplete."""
    missing: Mapping[str, str]
    """Language -> why it has no score; languages that nobody asked this encoder for are not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One table as it is shown."""

    table: Table
    """The whole, with all its columns and languages."""
    entries: tuple[Entry, ...]
    """By group, then by mean; incomplete ones after complete ones, those that are not zero-shot last."""
    languages: tuple[str, ...]
    left_out: int = 0
    """Columns that were asked for, but are too many to be shown."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Letter of a group -> how it differs from group A, with both values."""
    letters: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    """`Column.comparable` -> letter of its group."""

    @property
    def cut(self) -> bool:
        """Whether only some of the languages are shown."""
        return self.languages != self.table.languages

    @property
    def one_source(self) -> str:
        """The source of all columns that are shown; empty where they have several."""
        sources = {entry.column.source for entry in self.entries}
        return sources.pop() if len(sources) == 1 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTasks:
    """One encoder over the tasks that are shown."""

    encoder: str
    recipe: str
    source: str
    tasks: int
    """In how many of them it has every language."""
    groups: str
    """Letters of its groups in these tasks, each once."""
    measures: Mapping[str, Measure]
    """Means over tasks by name; none where it is not whole in all of them."""


def shown(board: Board, view: View) -> tuple[Shown, ...]:
    """Every table that is asked for. Raises UnknownName where a task, an encoder or a language is on none of them."""
    _known("task", view.tasks, board.tasks())
    tables = board.tables(view.tasks)
    _known("encoder", view.encoders, dict.fromkeys(c.encoder for table in tables for c in table.columns))
    codes = tuple(dict.fromkeys(language for table in tables for language in table.languages))
    for code in view.languages:
        if not known.match(code, codes):
            raise UnknownName("language on this board:", code, codes)
    why = _reasons(board)
    return tuple(one for table in tables if (one := _cut(board, table, view, why)) is not None)


def narrowed(one: Shown, encoders: Sequence[str] = (), languages: Sequence[str] = ()) -> Shown:
    """Less of a table that is shown already: no rank, mean or measure changes.

    Names that it does not have are ignored; where it has none of them, all of it stays.
    """
    wanted = {match for code in languages for match in known.match(code, one.table.languages)}
    entries = tuple(entry for entry in one.entries if entry.column.encoder in set(encoders))
    kept = tuple(code for code in one.languages if code in wanted)
    return replace(one, entries=entries or one.entries, languages=kept or one.languages)


def group_mean(board: Board, one: Shown, entry: Entry, members: Sequence[str]) -> Measure | None:
    """The mean of some languages without the source, with its interval where counts are at hand.

    None where one of them has no score, or only the source is among them.
    """
    targets = tuple(language for language in members if language != entry.column.source)
    mean = entry.column.mean(targets)
    if mean is None:
        return None
    found = Measure(name="mean", value=mean, low=None, high=None, languages=targets)
    cells = board.cells(entry.column, one.table.metric) if len(board.runs) <= EXACT else None
    if cells is None:
        return found
    try:
        sure = contrast(cells, dict.fromkeys(targets, 1 / len(targets)), paired=one.table.paired)
    except XbenchError:  # the counts lack a language; the mean is known all the same
        return found
    return replace(found, low=mean + sure.low - sure.value, high=mean + sure.high - sure.value, seeds=sure.seeds)


def mean_of(one: Shown, entry: Entry, name: str) -> Measure | None:
    """A mean among an entry's measures; where counts do not tell its interval, the intervals of its cells do.

    Seeds are taken as the records tell them (`doubt_of_mean`), items as if nothing were shared; `caveat` says so.
    """
    found = entry.measures.get(name)
    if found is None or found.low is not None:
        return found
    half_width = doubt_of_mean(entry.column, found.languages, paired=one.table.paired).half_width
    return replace(
        found, low=max(found.value - half_width, 0.0), high=min(found.value + half_width, 1.0), caveat=OF_CELLS
    )


def summary(board: Board, several: Sequence[Shown]) -> tuple[OverTasks, ...]:
    """Means over all these tables of every encoder, recipe and source that stands in one of them; none for one table.

    There are none for one that lacks a table, or stands in a table twice: under two signatures.
    """
    if len(several) < 2:
        return ()
    keys = dict.fromkeys(_key(entry.column) for one in several for entry in one.entries if entry.column.zero_shot)
    rows = []
    for key in keys:
        own = [[entry for entry in _all(board, one, key) if entry.measures] for one in several]
        once = [entries[0] for entries in own if len(entries) == 1]
        of_tasks = [tuple(entry.measures.values()) for entry in once]
        trainings = [board.training(entry.column) for entry in once]
        means = over_all(of_tasks, trainings) if len(once) == len(several) else ()
        groups = dict.fromkeys(entry.group for entry in once)
        rows.append(
            OverTasks(
                encoder=key[0], recipe=key[1], source=key[2], tasks=len(once), groups="/".join(groups),
                measures={measure.name: measure for measure in means},
            )
        )  # fmt: skip
    return tuple(sorted(rows, key=lambda row: -row.measures["target mean"].value if row.measures else 1.0))


def _all(board: Board, one: Shown, key: tuple[str, str, str]) -> list[Entry]:
    """The zero-shot columns of a table under this key, shown or not."""
    there = [entry for entry in one.entries if entry.column.zero_shot and _key(entry.column) == key]
    drawn = {id(entry.column) for entry in there}
    rest = [column for column in one.table.columns if column.zero_shot and _key(column) == key]
    for column in rest:
        if id(column) not in drawn:
            measures = {measure.name: measure for measure in board.measures(one.table, column)}
            there.append(Entry(column=column, group=one.letters[column.comparable], measures=measures, missing={}))
    return there


def _key(column: Column) -> tuple[str, str, str]:
    return column.encoder, column.recipe, column.source


def differences(one: Column, other: Column) -> tuple[str, ...]:
    """Why two columns may not be compared: what differs, with both values."""
    first, second = (_parts(column) for column in (one, other))
    return tuple(
        f"{key}: {first.get(key) or 'none'} / {second.get(key) or 'none'}"
        for key in dict.fromkeys((*first, *second))
        if first.get(key) != second.get(key)
    )


def grouped(one: Shown, fact: Fact) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The targets that are shown by the value of a fact; those of which it is not known come last, under `unknown`."""
    found: dict[str, list[str]] = {}
    for language in one.languages:
        if language != one.one_source:
            value = getattr(known.language(language), fact)
            found.setdefault("unknown" if value in ("", None) else str(value), []).append(language)
    ordered = sorted(found.items(), key=lambda item: (item[0] == "unknown", item[0]))
    return tuple((value, tuple(members)) for value, members in ordered)


def _known(what: str, wanted: Iterable[str], there: Iterable[str]) -> None:
    names = tuple(there)
    for name in wanted:
        if name not in names:
            raise UnknownName(f"{what} on this board:", name, names)


def _reasons(board: Board) -> Mapping[int, Mapping[str, str]]:
    """Run -> language -> why it is missing."""
    found: dict[int, dict[str, str]] = {}
    lost = board.missing
    for run, language, why in zip(lost["run"].tolist(), lost["language"], lost["why"], strict=True):
        found.setdefault(run, {})[str(language)] = str(why)
    return found


def _cut(board: Board, table: Table, view: View, why: Mapping[int, Mapping[str, str]]) -> Shown | None:
    """What is shown of a table; None where nothing of it was asked for."""
    wanted = {match for code in view.languages for match in known.match(code, table.languages)}
    languages = tuple(one for one in table.languages if one in wanted) if view.languages else table.languages
    groups = _groups(table)
    oracles = sorted((column for column in table.columns if not column.zero_shot), key=lambda one: _order(table, one))
    ordered = [(letter, column) for letter, members in groups.items() for column in members]
    ordered += [("", column) for column in oracles]
    asked = [pair for pair in ordered if not view.encoders or pair[1].encoder in view.encoders]
    if (view.languages and not languages) or (view.encoders and not asked):
        return None
    taken = asked[: view.first] if view.first else asked
    heads = {letter: members[0] for letter, members in groups.items()}
    return Shown(
        table=table,
        entries=tuple(
            Entry(
                column=column, group=letter, missing=_missing(column, why),
                measures={one.name: one for one in board.measures(table, column, gini=view.details)},
            )
            for letter, column in taken
        ),
        languages=languages,
        left_out=len(asked) - len(taken),
        groups={letter: differences(heads["A"], head) for letter, head in heads.items()},
        letters={head.comparable: letter for letter, head in heads.items()},
    )  # fmt: skip


def _groups(table: Table) -> dict[str, tuple[Column, ...]]:
    """Letter -> zero-shot columns that may be compared with each other, the most first."""
    found: dict[tuple[str, ...], list[Column]] = {}
    for column in table.columns:
        if column.zero_shot:
            found.setdefault(column.comparable, []).append(column)
    by_size = sorted(found.values(), key=len, reverse=True)
    return {
        _letters(place): tuple(sorted(members, key=lambda one: _order(table, one)))
        for place, members in enumerate(by_size)
    }


def _order(table: Table, column: Column) -> tuple[float, int, str, str]:
    mean = column.mean(table.languages)
    return (1.0 if mean is None else -mean, -len(column.cells), column.encoder, column.recipe)


def _letters(place: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    text = ""
    while place >= 0:
        place, letter = divmod(place, 26)
        text = chr(ord("A") + letter) + text
        place -= 1
    return text


def _missing(column: Column, why: Mapping[int, Mapping[str, str]]) -> dict[str, str]:
    reasons = {language: text for run in column.runs for language, text in why.get(run, {}).items()}
    return {language: text for language, text in reasons.items() if language not in column.cells}


def _parts(column: Column) -> dict[str, str]:
    split, rows, *rest = column.comparable
    told = dict(part.partition(":")[::2] for part in rest)
    return {"split": split, "other test rows in": rows} | told
