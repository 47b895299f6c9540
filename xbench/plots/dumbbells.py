"""Two scores for each language: the source's beside its own, or those of two encoders."""

from collections.abc import Mapping, Sequence

import altair as alt

from xbench.board import Cell, Table
from xbench.errors import BadOption
from xbench.plots.look import (
    LEAST_SCALE,
    OKABE_ITO,
    SHAPES,
    Chart,
    Layers,
    Look,
    blocks,
    data,
    ends,
    extent,
    finished,
    height,
    lines,
    room,
    shares,
)  # fmt: skip
from xbench.plots.words import exactly, intervals, labels, named, plain, points, scope, unlike_settings

ROW = 10.0

Row = dict[str, str | float]
Pairs = Mapping[str, tuple[Cell, Cell]]


def dumbbell(table: Table, look: Look | None = None) -> Chart:
    """Per language the score beside the source's for one encoder, or beside the other's for two, with intervals.

    Raises BadOption unless there are one or two columns, and scores to pair.
    """
    look = look or Look()
    exactly(table, "dumbbell", 1, 2)
    two = len(table.columns) == 2
    pairs = _of_two(table) if two else _of_source(table)
    if not pairs:
        why = "no language has both scores" if two else "there is no score of the source, or none of a target"
        raise BadOption(f"{table.task} has nothing to pair: {why}")
    order = sorted(pairs, key=lambda one: -pairs[one][1].value)
    called = named(order, look.names)
    source = named([table.columns[0].source], look.names).popitem()[1]
    own = labels(table)
    sides = own if two else (f"source: {source}", "target")
    rows = [_side(called[one], side, cell) for one in order for side, cell in zip(sides, pairs[one], strict=True)]
    apart = max(order, key=lambda one: abs(pairs[one][0].value - pairs[one][1].value))
    description = (
        f"Dumbbell chart of {plain(table.task)}: {plain(table.metric)} in percent of {' and '.join(own)} in "
        f"{len(order)} languages, {sides[0]} beside {sides[1]}, with 95 % intervals. Farthest apart: {called[apart]}, "
        f"{100 * pairs[apart][0].value:.1f} and {100 * pairs[apart][1].value:.1f}."
    )
    title = f"{plain(table.task)}: {f'{own[0]} and {own[1]}' if two else f'{own[0]}, source and targets'}"
    bells = _blocks(rows, [called[one] for one in order], sides, look, plain(table.metric))
    return finished(bells, look, title, _told(table, pairs), description)


def _told(table: Table, pairs: Pairs) -> list[str]:
    two = len(table.columns) == 2
    targets = [one for one in table.languages if two or one != table.columns[0].source]
    lost = len(targets) - len(pairs)
    return [
        scope(table),
        intervals(cell.seeds for both in pairs.values() for cell in both),
        unlike_settings(*table.columns) if two else "",
        "" if two or table.parallel else "Languages have test items of their own: differences are not transfer alone.",
        f"Left out: {lost} languages without both scores." if lost else "",
    ]


def _of_two(table: Table) -> dict[str, tuple[Cell, Cell]]:
    first, second = (column.cells for column in table.columns)
    return {one: (first[one], second[one]) for one in table.languages if one in first and one in second}


def _of_source(table: Table) -> dict[str, tuple[Cell, Cell]]:
    (column,) = table.columns
    source = column.cells.get(column.source)
    targets = [one for one in table.languages if one in column.cells and one != column.source]
    return {one: (source, column.cells[one]) for one in targets} if source else {}


def _side(language: str, side: str, cell: Cell) -> Row:
    return {
        "language": language, "side": side, "value": points(cell.value), "low": points(cell.low),
        "high": points(cell.high), "shown": f"{100 * cell.value:.1f} [{100 * cell.low:.1f}, {100 * cell.high:.1f}]",
    }  # fmt: skip


def _blocks(
    rows: Sequence[Row], down: Sequence[str], sides: Sequence[str], look: Look, metric: str
) -> alt.HConcatChart:
    names = room(down, 0.66 * look.points)
    domain = ends([float(row[end]) for row in rows for end in ("low", "high")])
    parts = blocks(down, look.points, names + LEAST_SCALE)
    wide = shares(len(parts), look.points - 4) - names
    columns = 2 if sum(map(extent, sides)) + 50 < look.points - names else 1
    return alt.hconcat(*(_bells(rows, part, sides, domain, names, wide, metric, columns) for part in parts))


def _bells(
    rows: Sequence[Row], part: Sequence[str], sides: Sequence[str], domain: list[float], names: float, wide: float,
    metric: str, columns: int,
) -> Layers:  # fmt: skip
    row = height(part, ROW)
    base = alt.Chart(data([one for one in rows if one["language"] in set(part)])).encode(y=lines(part, names, row))
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    axis = alt.Axis(tickCount=max(3, int(wide / 45)))
    color = alt.Color(
        "side:N", scale=alt.Scale(domain=list(sides), range=[OKABE_ITO[1], OKABE_ITO[0]]), title=None,
        legend=alt.Legend(orient="bottom", columns=columns, offset=4),
    )  # fmt: skip
    shape = alt.Shape("side:N", scale=alt.Scale(domain=list(sides), range=list(SHAPES[:2])), title=None)
    tips = [alt.Tooltip("language:N"), alt.Tooltip("side:N"), alt.Tooltip("shown:N", title="percent [95 %]")]
    return alt.layer(
        base.mark_rule(strokeWidth=3, color="#d0d0d0").encode(
            x=alt.X("min(value):Q", scale=scale, title=f"{metric}, percent", axis=axis), x2="max(value):Q"
        ),
        base.mark_rule(strokeWidth=1).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", color=color),
        base.mark_point(size=24, filled=True, opacity=1).encode(
            x=alt.X("value:Q", scale=scale), color=color, shape=shape, tooltip=tips
        ),
    ).properties(width=wide, height=row * len(part))
