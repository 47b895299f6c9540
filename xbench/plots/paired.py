"""Two scores for each language: source and target, two encoders, or the difference of two."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from xbench.board import Board, Cell, Column, Table
from xbench.errors import BadOption
from xbench.influence import Cells
from xbench.plots.look import GREY, OKABE_ITO, SHAPES, Look, blocks, finished, lines, room
from xbench.plots.words import between, exactly, intervals, labels, named, plain, points, scope, unlike_settings
from xbench.significance import holm, paired_test
from xbench.uncertainty import Estimate, difference

ROW = 10.0
LEVEL = 0.05
LEAST = 80.0
"""Points of a scale that can be read."""

Row = dict[str, str | float | bool]


def dumbbell(table: Table, look: Look | None = None) -> Any:
    """Per language the score beside the source's for one encoder, or beside the other's for two, with intervals.

    Raises BadOption unless there are one or two columns, and scores to pair.
    """
    look = look or Look()
    exactly(table, "dumbbell", 1, 2)
    two = len(table.columns) == 2
    pairs = _of_two(table) if two else _of_source(table)
    if not pairs:
        raise BadOption(
            f"{table.task} has nothing to pair: " + ("no language has both scores" if two else "no target beside a source")
        )
    order = sorted(pairs, key=lambda one: -pairs[one][-1].value)
    called = named(order, look.names)
    sides = labels(table) if two else ("source: " + named([table.columns[0].source], look.names).popitem()[1], "target")
    rows = [_side(called[one], side, cell) for one in order for side, cell in zip(sides, pairs[one], strict=True)]
    domain = _ends([float(row[end]) for row in rows for end in ("low", "high")], floor=0.0, ceiling=100.0)
    down = [called[one] for one in order]
    names = room(down, 0.4 * look.points)
    parts = blocks(down, look.points, names + LEAST + 10)
    wide = (look.points - 14 * len(parts)) / len(parts) - names
    shown = [_bells(rows, part, sides, domain, names, wide, plain(table.metric)) for part in parts]
    own = " and ".join(labels(table))
    title = f"{plain(table.task)}: {'two encoders' if two else own + ', source and targets'}"
    left_out = len({language for column in table.columns for language in column.cells}) - len(order) - (not two)
    sentences = [
        scope(table), intervals(cell.seeds for both in pairs.values() for cell in both),
        unlike_settings(*table.columns) if two else "", f"{left_out} languages without both are left out." if left_out else "",
        "" if two or table.parallel else "Languages have test items of their own: differences are not transfer alone.",
    ]  # fmt: skip
    wide_gap = max(order, key=lambda one: abs(pairs[one][0].value - pairs[one][-1].value))
    a, b = pairs[wide_gap]
    description = (
        f"Dumbbell chart of {plain(table.task)}: {plain(table.metric)} in percent of {own} in {len(order)} languages, "
        f"{sides[0]} beside {sides[1]}, with 95 % intervals. Farthest apart: {called[wide_gap]}, {100 * a.value:.1f} and "
        f"{100 * b.value:.1f}."
    )
    return finished(alt.hconcat(*shown), look, title, sentences, description)


def _of_two(table: Table) -> dict[str, tuple[Cell, ...]]:
    both = [one for one in table.languages if all(one in column.cells for column in table.columns)]
    return {one: tuple(column.cells[one] for column in table.columns) for one in both}


def _of_source(table: Table) -> dict[str, tuple[Cell, ...]]:
    (column,) = table.columns
    source = column.cells.get(column.source)
    targets = [one for one in table.languages if one in column.cells and one != column.source]
    return {one: (source, column.cells[one]) for one in targets} if source else {}


def _side(language: str, side: str, cell: Cell) -> Row:
    return {
        "language": language, "side": side, "value": points(cell.value), "low": points(cell.low),
        "high": points(cell.high), "shown": f"{100 * cell.value:.1f} [{100 * cell.low:.1f}, {100 * cell.high:.1f}]",
    }  # fmt: skip


def _bells(
    rows: Sequence[Row], part: Sequence[str], sides: Sequence[str], domain: list[float], names: float, wide: float,
    metric: str,
) -> alt.LayerChart:  # fmt: skip
    mine = [row for row in rows if row["language"] in set(part)]
    base = alt.Chart(alt.Data(values=mine)).encode(y=lines(part, names))
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    color = alt.Color(
        "side:N", scale=alt.Scale(domain=list(sides), range=[OKABE_ITO[1], OKABE_ITO[0]]), title=None,
        legend=alt.Legend(orient="bottom", columns=1 if sum(map(len, sides)) > 50 else 2, offset=4),
    )  # fmt: skip
    shape = alt.Shape("side:N", scale=alt.Scale(domain=list(sides), range=list(SHAPES[:2])), title=None)
    tips = [alt.Tooltip("language:N"), alt.Tooltip("side:N"), alt.Tooltip("shown:N", title="percent [95 %]")]
    return alt.layer(
        base.mark_rule(strokeWidth=3, color="#d0d0d0").encode(
            x=alt.X("min(value):Q", scale=scale, title=f"{metric}, percent", axis=alt.Axis(tickCount=max(3, int(wide / 45)))),
            x2="max(value):Q",
        ),
        base.mark_rule(strokeWidth=1).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", color=color),
        base.mark_point(size=24, filled=True, opacity=1).encode(
            x=alt.X("value:Q", scale=scale), color=color, shape=shape, tooltip=tips
        ),
    ).properties(width=wide, height=ROW * len(part))  # fmt: skip


def forest(board: Board, table: Table, look: Look | None = None) -> Any:
    """Differences of two encoders by language, paired by item, with 95 % intervals; the mean of targets above them.

    Filled marks are beyond doubt after Holm's correction for the number of languages.

    Raises:
        BadOption: not two columns, no language that both have, or no counts at hand to pair.
        ScoringError: the two were not scored on the same items.
    """
    look = look or Look()
    exactly(table, "forest", 2)
    first, second = table.columns
    both = [one for one in table.languages if one in first.cells and one in second.cells]
    if not both:
        raise BadOption(f"{' and '.join(labels(table))} share no language in {table.task}")
    cells = [_counted(board, column, label, table) for column, label in zip(table.columns, labels(table), strict=True)]
    found = {one: difference(*cells, {one: 1.0}) for one in both}
    order = sorted(both, key=lambda one: -found[one].value)
    called = named(order, look.names)
    sure = dict(zip(order, holm([paired_test(found[one]).two_sided for one in order]), strict=True))
    rows = [_difference(called[one], found[one], beyond=sure[one] < LEVEL) for one in order]
    targets = [one for one in both if one not in (first.source, second.source)]
    down, whole = [called[one] for one in order], f"mean of {len(targets)} targets"
    if len(targets) > 1:
        mean = difference(*cells, dict.fromkeys(targets, 1 / len(targets)), paired=table.parallel)
        rows.append(_difference(whole, mean, beyond=paired_test(mean).two_sided < LEVEL))
        down = [whole, *down]
    own = labels(table)
    sentences = _of_forest(own, first, second, table, found, len(table.languages) - len(both))
    counts = [sum(sure[one] < LEVEL and (found[one].value > 0) == better for one in order) for better in (True, False)]
    description = (
        f"Forest plot of {plain(table.task)}: difference in {plain(table.metric)}, {own[0]} less {own[1]}, in points, for "
        f"{len(order)} languages with 95 % intervals. Beyond doubt {own[0]} is better in {counts[0]} and worse in "
        f"{counts[1]}; from {100 * found[order[0]].value:+.1f} ({called[order[0]]}) to "
        f"{100 * found[order[-1]].value:+.1f} ({called[order[-1]]})."
    )
    title = f"{plain(table.task)}: {own[0]} less {own[1]}"
    return finished(_trees(rows, down, look, plain(table.metric)), look, title, sentences, description)


def _counted(board: Board, column: Column, label: str, table: Table) -> Cells:
    cells = board.cells(column, table.metric)
    if cells is None:
        raise BadOption(
            f"the counts of {label} in {table.task} are not at hand, or its seeds had different items; a paired "
            f"difference needs the files beside the records, and runs whose seeds scored the same items."
        )
    return cells


def _of_forest(
    own: Sequence[str], first: Column, second: Column, table: Table, found: dict[str, Estimate], lost: int
) -> list[str]:
    seeds = {one.seeds for one in found.values()}
    n = between(one.n for one in found.values())
    what = "over examples, given these seeds" if seeds == {1} else "over examples and seeds"
    return [
        f"Points; right of 0: {own[0]} is better. Same items paired, n = {n} a language; "
        f"{between(cell.seeds for column in (first, second) for cell in column.cells.values())} seeds.",
        f"Bars: 95 % interval {what}, each language by itself.",
        "Filled: beyond doubt (5 %) by Holm over the languages.",
        unlike_settings(first, second),
        f"{lost} languages that one of them lacks are left out." if lost else "",
    ]  # fmt: skip


def _difference(language: str, one: Estimate, *, beyond: bool) -> Row:
    low, value, high = (points(part) for part in (one.low, one.value, one.high))
    side = "open" if not beyond else "better" if value > 0 else "worse"
    shown = f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
    return {"language": language, "value": value, "low": low, "high": high, "side": side, "shown": shown}


def _trees(rows: Sequence[Row], down: Sequence[str], look: Look, metric: str) -> alt.HConcatChart:
    names = room(down, 0.45 * look.points)
    ends = [float(row[end]) for row in rows for end in ("low", "high")]
    domain = _ends([*ends, 0.0], floor=-100.0, ceiling=100.0)
    parts = blocks(down, look.points, names + LEAST + 10)
    wide = (look.points - 14 * len(parts)) / len(parts) - names
    return alt.hconcat(*(_tree(rows, part, domain, names, wide, metric) for part in parts))


def _tree(
    rows: Sequence[Row], part: Sequence[str], domain: list[float], names: float, wide: float, metric: str
) -> alt.LayerChart:
    mine = [row for row in rows if row["language"] in set(part)]
    base = alt.Chart(alt.Data(values=mine)).encode(y=lines(part, names))
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    sides = ["better", "open", "worse"]
    ink = [OKABE_ITO[0], "#555555", OKABE_ITO[1]]
    color = alt.Color("side:N", scale=alt.Scale(domain=sides, range=ink), legend=None)
    fill = alt.Fill("side:N", scale=alt.Scale(domain=sides, range=[ink[0], "#ffffff", ink[2]]), legend=None)
    shape = alt.Shape(
        "side:N", scale=alt.Scale(domain=sides, range=["triangle-right", "circle", "square"]), legend=None
    )
    title = f"difference in {metric}, points"
    axis = alt.Axis(tickCount=max(3, int(wide / 45)))
    tips = [alt.Tooltip("language:N"), alt.Tooltip("shown:N", title="points [95 %]")]
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=GREY, strokeDash=[3, 2])
    return alt.layer(
        zero.encode(x=alt.X("zero:Q", scale=scale)),
        base.mark_rule(strokeWidth=1).encode(x=alt.X("low:Q", scale=scale, title=title, axis=axis), x2="high:Q", color=color),
        base.mark_point(size=24, opacity=1, strokeWidth=1).encode(
            x=alt.X("value:Q", scale=scale), color=color, fill=fill, shape=shape, tooltip=tips
        ),
    ).properties(width=wide, height=ROW * len(part))  # fmt: skip


def _ends(values: Sequence[float], *, floor: float, ceiling: float) -> list[float]:
    """Ends of a scale a little outside of all values, within what there can be."""
    least, most = min(values), max(values)
    aside = max(0.04 * (most - least), 0.5)
    return [round(max(least - aside, floor), 2), round(min(most + aside, ceiling), 2)]
