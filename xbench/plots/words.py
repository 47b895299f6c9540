"""What a chart says in words: labels of columns and languages, headings, and what its intervals mean."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from xbench.board import Column, Table
from xbench.errors import BadOption, UnknownName
from xbench.export import escaping
from xbench.languages import language
from xbench.record import parts

Names = Literal["english", "autonym", "code"]

LONGEST = 36
"""Characters of a label; longer ones lose their middle."""
LONGEST_LANGUAGE = 48
"""Characters of the name of a language: no name that comes with xbench is longer."""


def plain(text: str, longest: int = LONGEST) -> str:
    """A name as it may be drawn: on one line, nothing that steers how it is written, its middle left out if long."""
    seen = escaping.plain(text).strip() or "?"
    half = (longest - 1) // 2
    return seen if len(seen) <= longest else f"{seen[:half]}…{seen[-half:]}"


def labels(table: Table) -> tuple[str, ...]:
    """One label for each column, no two alike: the encoder, and as much more as it takes to tell columns apart."""
    further: list[Callable[[Column], str]] = [
        lambda one: one.recipe, lambda one: one.source, lambda one: one.split, lambda one: one.rule,
    ]  # fmt: skip
    said = [[one.encoder] for one in table.columns]
    for fact in further:
        whole = [" · ".join(words) for words in said]
        for words, label, column in zip(said, whole, table.columns, strict=True):
            twins = [one for one, other in zip(table.columns, whole, strict=True) if other == label]
            if len({fact(one) for one in twins}) > 1:
                words.append(fact(column))
    return unlike([plain(" · ".join(words)) for words in said])


def unlike(names: Sequence[str]) -> tuple[str, ...]:
    """The names, numbered from the second on where one comes again."""
    found: list[str] = []
    for name in names:
        label, number = name, 1
        while label in found:
            number += 1
            label = f"{name} #{number}"
        found.append(label)
    return tuple(found)


def named(codes: Iterable[str], names: Names) -> dict[str, str]:
    """Code -> what the chart calls the language, no two alike; without an autonym it is the English name."""
    codes = list(codes)
    if names == "code":
        return dict(zip(codes, unlike([plain(one) for one in codes]), strict=True))
    known = {one: language(one) for one in codes}
    first = {
        one: (it.autonym if names == "autonym" else "") or plain(it.name, LONGEST_LANGUAGE) for one, it in known.items()
    }
    taken = list(first.values())
    told = [name if taken.count(name) == 1 else f"{name} ({plain(one)})" for one, name in first.items()]
    return dict(zip(codes, unlike(told), strict=True))


def chosen(table: Table, encoders: Sequence[str]) -> Table:
    """The table with only these columns, in this order, by encoder or by label; all of them where none is named.

    Ranks stay those of the whole board. Raises UnknownName for one that the table does not have.
    """
    if not encoders:
        return table
    own = labels(table)
    columns: list[Column] = []
    for wanted in encoders:
        exact = [one for one, label in zip(table.columns, own, strict=True) if label == wanted]
        found = exact or [one for one in table.columns if one.encoder == wanted]
        if not found:
            raise UnknownName(f"encoder in {table.task}:", wanted, own)
        columns += [one for one in found if one not in columns]
    return replace(table, columns=tuple(columns))


def exactly(table: Table, kind: str, *numbers: int) -> None:
    """Raise BadOption unless the table has one of these numbers of columns."""
    if len(table.columns) in numbers:
        return
    own = ", ".join(labels(table)[:20]) or "none"
    raise BadOption(
        f"a {kind} shows {' or '.join(map(str, numbers))} encoders, and {table.task} has {len(table.columns)} to show: "
        f"{own}. Choose with --encoder, by name or by these labels."
    )


def scope(table: Table) -> str:
    """Split, n and seeds of what is shown, as one sentence."""
    cells = [cell for column in table.columns for cell in column.cells.values()]
    splits = "/".join(sorted({plain(column.split) for column in table.columns}))
    n = between(cell.n for cell in cells)
    return f"Percent; {splits} split; n = {n} a language; {seeds_of(table)}."


def seeds_of(table: Table) -> str:
    """How many seeds stand behind the cells that are shown."""
    seeds = between(cell.seeds for column in table.columns for cell in column.cells.values())
    return f"{seeds} seed{'' if seeds == '1' else 's'}"


def between(numbers: Iterable[int]) -> str:
    """`5`, or the least and the greatest."""
    found = sorted(set(numbers)) or [0]
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,}–{found[-1]:,}"


def intervals(seeds: Iterable[int]) -> str:
    """What bars of cells with these numbers of seeds mean, as one sentence."""
    found = set(seeds)
    if found == {1}:
        return "Bars: 95\u00a0% interval over examples, given this seed."
    where = " where there are several" if 1 in found else ""
    return f"Bars: 95\u00a0% interval over examples and seeds{where}."


def unlike_settings(first: Column, second: Column) -> str:
    """Which parts of their settings two columns do not share, as one sentence; empty where they may be compared."""
    if first.comparable == second.comparable:
        return ""
    one, other = parts(first.signature), parts(second.signature)
    names = [name for name in {**one, **other} if name != "vectors" and one.get(name) != other.get(name)]
    names += [name for name in ("split", "other_rows") if getattr(first, name) != getattr(second, name)]
    return f"Not run alike: they differ in {', '.join(plain(name).replace('_', ' ') for name in names)}."


def points(value: float) -> float:
    """A share in percent, rounded so that the same board gives the same bytes on any machine."""
    return round(100 * value, 6)
