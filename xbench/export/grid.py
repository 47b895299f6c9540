"""A board's tables as grids: the ranking, the languages, every measure, the means over tasks."""

from collections.abc import Callable, Iterable, Sequence

from xbench.board import Board, Cell, Column
from xbench.export.figures import (
    NOTHING,
    SHARES,
    Figure,
    Grid,
    Mark,
    Row,
    figure,
    interval,
    label,
    percent,
    place,
    points,
    seeds_of,
    symmetric,
)
from xbench.export.view import Entry, Shown, View, group_mean, grouped, summary

COLLAPSED = "‡"
"""Stands after the name of an encoder of which some runs never left chance."""

OVER_TASKS = {
    "mean: low-resource": ("low-", "resource"), "gap": ("gap",), "worst language": ("worst", "language"),
    "lowest fifth": ("lowest", "fifth"), "mean difference": ("mean", "diff."),
}  # fmt: skip
"""Measures whose means over tasks are shown -> their headings."""


def grids(board: Board, one: Shown, view: View) -> tuple[Grid, ...]:
    """The grids of one table: the ranking, the languages, and in detail every measure."""
    if not one.entries:
        return ()
    found = (ranking(one), by_language(board, one, view))
    return (*found, disparity(one)) if view.details else found


def ranking(one: Shown) -> Grid:
    """One row for each encoder, most of all its rank and its means."""
    table, entries, shared = one.table, one.entries, one.table.shared
    signed = symmetric(m for e in entries if (m := e.measures.get("target mean")))
    columns: dict[tuple[str, ...], Callable[[Entry], Figure]] = {}
    if len(one.groups) > 1:
        columns["group",] = lambda e: Figure(e.group or NOTHING)
    columns["tier",] = lambda e: Figure(str(e.column.rank.tier) if e.column.rank else NOTHING)
    if len({_recipe(e.column) for e in entries}) > 1:
        columns["recipe-source",] = lambda e: Figure(_recipe(e.column))
    columns["seeds",] = lambda e: Figure(seeds_of(e.column))
    columns["mean of", "targets"] = lambda e: _mean(e, table.languages, signed)
    if shared and shared != table.languages:
        targets = [language for language in shared if language != one.one_source]
        columns["mean of", f"{len(targets)} shared"] = lambda e: percent(e.column.mean(shared))
    if one.cut:
        columns["mean of", "the shown"] = lambda e: percent(e.column.mean(one.languages))
    columns["low-", "resource"] = lambda e: _measure(e, "mean: low-resource")
    columns["gap",] = lambda e: _measure(e, "gap")
    columns["worst", "language"] = _worst
    columns["mean", "diff."] = lambda e: _measure(e, "mean difference")
    columns["scored",] = lambda e: Figure(f"{len(e.column.cells)}/{len(table.languages)}")
    sections: dict[str, list[Row]] = {}
    for entry in entries:
        keys = (place(entry.column.rank), _name(entry))
        sections.setdefault(entry.group, []).append(Row(keys, tuple(make(entry) for make in columns.values())))
    return Grid(
        name="ranking", title=title(one), keys=("rank", "encoder"), heads=tuple(columns),
        sections=tuple(map(tuple, sections.values())),
    )  # fmt: skip


def by_language(board: Board, one: Shown, view: View) -> Grid:
    """Languages down, encoders across."""
    cells = [cell for entry in one.entries for cell in entry.column.cells.values()]
    signed = symmetric(cells)
    leader = _leader(one)
    rows = {language: _language_row(one, language, signed, leader, view.details) for language in one.languages}
    sections = [_mean_rows(one, view.details)]
    if view.by:
        sections.append([rows[language] for language in one.languages if language == one.one_source])
        for value, members in grouped(one, view.by):
            head = _group_row(board, one, f"{value} ({len(members)})", members, signed, view)
            sections.append([head, *(rows[language] for language in members)])
    else:
        sections.append(list(rows.values()))
    heads = _headings(one)
    return Grid(
        name="languages", title=f"{title(one)} · by {view.by.replace('_', ' ') or 'language'}", keys=("language",),
        heads=(("n",), *heads) if view.details else heads,
        sections=tuple(tuple(section) for section in sections if section),
    )  # fmt: skip


def disparity(one: Shown) -> Grid:
    """Measures down, encoders across."""
    names = dict.fromkeys(name for entry in one.entries for name in entry.measures)
    rows = [Row((name,), tuple(_measure(entry, name, ends=True) for entry in one.entries)) for name in names]
    heads = _headings(one)
    return Grid(
        name="disparity", title=f"{title(one)} · disparity", keys=("measure",), heads=heads, sections=(tuple(rows),)
    )


def over_tasks(board: Board, several: Sequence[Shown]) -> Grid | None:
    """Means over tasks, one row for each encoder; None for fewer than two tables."""
    rows = summary(board, several)
    if not rows:
        return None
    grouped_apart = any(len(one.groups) > 1 for one in several)
    signed = symmetric(m for row in rows if (m := row.measures.get("target mean")))
    heads: list[tuple[str, ...]] = [("tasks",), *([("group",)] if grouped_apart else []), ("mean of", "targets")]
    made = []
    for row in rows:
        figures = [Figure(f"{row.tasks}/{len(several)}"), *([Figure(row.groups or NOTHING)] if grouped_apart else [])]
        figures.append(figure(row.measures.get("target mean"), signed))
        means = [row.measures.get(name) for name in OVER_TASKS]
        figures += [percent(found.value if found else None) for found in means]
        made.append(Row((row.encoder, f"{row.recipe}-{row.source}"), tuple(figures)))
    names = ", ".join(one.table.task for one in several)
    return Grid(
        name="tasks", title=f"mean over {len(several)} tasks · percent · {names}", keys=("encoder", "recipe-source"),
        heads=(*heads, *OVER_TASKS.values()), sections=(tuple(made),),
    )  # fmt: skip


def title(one: Shown) -> str:
    """What a table is about: task, metric, and what all its columns have in common."""
    recipes = {_recipe(entry.column) for entry in one.entries}
    same = f" · {recipes.pop()}" if len(recipes) == 1 else ""
    return f"{one.table.task} · {one.table.metric} · percent{same}"


def _leader(one: Shown) -> int | None:
    """The place of the encoder that is alone in the first tier; None where several may be first, or not compared."""
    first = [place for place, e in enumerate(one.entries) if e.column.rank and e.column.rank.tier == 1]
    ranked = [column for column in one.table.columns if column.rank and column.rank.tier == 1]
    return first[0] if len(first) == len(ranked) == 1 and len(one.groups) == 1 else None


def _recipe(column: Column) -> str:
    return f"{column.recipe}-{column.source}"


def _name(entry: Entry) -> str:
    return entry.column.encoder + (f" {COLLAPSED}" if entry.column.collapsed else "")


def _headings(one: Shown) -> tuple[tuple[str, ...], ...]:
    """Lines over each encoder: what tells its column from the others."""
    several = len({_recipe(entry.column) for entry in one.entries}) > 1
    return tuple(
        (
            _name(entry),
            *([_recipe(entry.column)] if several else []),
            *([entry.column.split] if entry.column.split != "test" else []),
            *([] if entry.column.zero_shot else ["not zero-shot"]),
        )
        for entry in one.entries
    )


def _mean(entry: Entry, languages: Sequence[str], signed: bool) -> Figure:
    mean, rank = entry.column.mean(languages), entry.column.rank
    if mean is None:
        return Figure("incomplete")
    mark: Mark = "first" if rank and rank.tier == 1 else ""
    found = entry.measures.get("target mean")
    return Figure(points(mean), interval(mean, found.low, found.high, signed) if found else "", mark)


def _measure(entry: Entry, name: str, *, ends: bool = False) -> Figure:
    found = entry.measures.get(name)
    if found is None:
        return Figure(NOTHING)
    who = f" {found.languages[0]}" if name == "worst language" and found.languages else ""
    unit = " %" if name in SHARES and ends else ""
    around = interval(found.value, found.low, found.high, signed=False) if ends else ""
    return Figure(f"{points(found.value)}{unit}{who}", around)


def _worst(entry: Entry) -> Figure:
    found = _measure(entry, "worst language")
    return found if found.value == NOTHING else Figure(found.value, mark="worst")


def _language_row(one: Shown, language: str, signed: bool, leader: int | None, details: bool) -> Row:
    cells = [entry.column.cells.get(language) for entry in one.entries]
    most = max((column.cells[language].value for column in one.table.columns if language in column.cells), default=None)
    figures = []
    for at, (entry, cell) in enumerate(zip(one.entries, cells, strict=True)):
        worst = entry.measures.get("worst language")
        mark: Mark = "worst" if worst and worst.languages == (language,) else ""
        if at == leader and cell is not None and cell.value == most:
            mark = "best"
        figures.append(figure(cell, signed, mark))
    key = label(language) + (" (source)" if language == one.one_source else "")
    return Row((key,), (_examples(cells), *figures) if details else tuple(figures))


def _examples(cells: Iterable[Cell | None]) -> Figure:
    """Test examples of a language, of all seeds the same ones."""
    several = sorted({cell.n for cell in cells if cell is not None})
    return Figure("–".join(map(str, dict.fromkeys((several[0], several[-1])))) if several else NOTHING)


def _mean_rows(one: Shown, details: bool) -> list[Row]:
    """Averages: over all targets; where some lack one, over those that all have; where some are shown, over these."""
    wanted = [("mean of targets", one.table.languages)]
    if one.table.shared and one.table.shared != one.table.languages:
        count = sum(code != one.one_source for code in one.table.shared)
        wanted.append((f"mean of {count} shared", one.table.shared))
    if one.cut:
        wanted.append(("mean of the shown", one.languages))
    empty = (Figure(""),) if details else ()
    rows = []
    for name, languages in wanted:
        figures = [
            percent(mean) if (mean := e.column.mean(languages)) is not None else _lacks(e, one) for e in one.entries
        ]
        rows.append(Row((name,), (*empty, *figures), mean=True))
    return rows


def _lacks(entry: Entry, one: Shown) -> Figure:
    return Figure(f"{len(entry.column.cells)}/{len(one.table.languages)}")


def _group_row(board: Board, one: Shown, name: str, members: Sequence[str], signed: bool, view: View) -> Row:
    figures = [Figure("")] if view.details else []
    figures += [figure(group_mean(board, one, entry, members), signed) for entry in one.entries]
    return Row((name,), tuple(figures), mean=True)
