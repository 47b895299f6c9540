"""Every language's score, in groups that a fact of the languages makes: script, family, place, resources."""

from collections.abc import Sequence

import altair as alt

from xbench.board import Table
from xbench.board.spread import by_fact
from xbench.errors import BadOption
from xbench.plots.look import SMALL, Chart, Layers, Look, data, ends, finished, room, told_apart
from xbench.plots.words import labels, named, plain, points, scope

FACTS = ("script", "family", "resource_class", "macro_area")
"""What languages may be grouped by."""

MOST = 8
"""Encoders that strips can tell apart."""

Row = dict[str, str | float]


def strips(table: Table, look: Look | None = None, *, by: str = "script") -> Chart:
    """Every target's score, grouped by a fact of the language: one of FACTS. A bar stands at each group's mean.

    Raises BadOption for another fact, for no score at all, and for more encoders than can be told apart.
    """
    look = look or Look()
    if by not in FACTS:
        raise BadOption(f"languages are grouped by {', '.join(FACTS)}, not by {by!r}")
    if len(table.columns) > MOST:
        raise BadOption(f"strips tell {MOST} encoders apart, not {len(table.columns)}; choose with --encoder")
    own = labels(table)
    targets = _targets(table)
    rows = _rows(table, targets, look, by)
    if not rows:
        raise BadOption(f"{table.task} has no score of a target to show")
    down = _ordered(rows, by)
    missing = len(targets) * len(own) - len(rows)
    fact = by.replace("_", " ")
    sentences = [
        f"{own[0]}." if len(own) == 1 else "", scope(table), "In brackets: languages. Bar: mean of a group.",
        "Resource class of Joshi et al. 2020, 0 (left behind) to 5." if by == "resource_class" else "",
        f"{missing} missing scores are left out." if missing else "",
    ]  # fmt: skip
    lowest = min(rows, key=_value)
    description = (
        f"Strip plot of {plain(table.task)}: {plain(table.metric)} in percent of {len(targets)} targets in {len(down)} "
        f"groups by {fact}, for {', '.join(own)}. Lowest: {lowest['language']} ({lowest['group']}, "
        f"{lowest['encoder']}), {_value(lowest):.1f}."
    )
    title = f"{plain(table.task)}: {plain(table.metric)} of the targets by {fact}"
    return finished(_stripes(rows, down, own, look, plain(table.metric)), look, title, sentences, description)


def _targets(table: Table) -> list[str]:
    sources = {column.source for column in table.columns}
    return [one for one in table.languages if one not in sources]


def _value(row: Row) -> float:
    return float(row["value"])


def _rows(table: Table, targets: Sequence[str], look: Look, by: str) -> list[Row]:
    """A row for each score of a target; the lowest of a group of one encoder's has its name beside it."""
    called = named(targets, look.names)
    grouped = dict(by_fact(targets, by))
    unknown = tuple(one for one in targets if not any(one in members for members in grouped.values()))
    grouped |= {"unknown": unknown} if unknown else {}
    group_of = {one: f"{plain(name)} ({len(members)})" for name, members in grouped.items() for one in members}
    rows: list[Row] = [
        {
            "group": group_of[one], "encoder": label, "place": place, "language": called[one],
            "value": points(column.cells[one].value), "named": "", "several": False,
        }
        for place, (column, label) in enumerate(zip(table.columns, labels(table), strict=True))
        for one in targets if one in column.cells
    ]  # fmt: skip
    for group in {row["group"] for row in rows}:
        mine = [row for row in rows if row["group"] == group]
        for row in mine:
            row["several"] = len({one["language"] for one in mine}) > 1
        if len(table.columns) == 1:
            lowest = min(mine, key=_value)
            lowest["named"] = lowest["language"]
    return rows


def _ordered(rows: Sequence[Row], by: str) -> list[str]:
    """Groups from the best to the lowest mean, resource classes by their number; unknown last."""
    values: dict[str, list[float]] = {}
    for row in rows:
        values.setdefault(str(row["group"]), []).append(_value(row))

    def key(group: str) -> tuple[bool, float | str]:
        mean = -sum(values[group]) / len(values[group])
        return (group.startswith("unknown ("), group if by == "resource_class" else mean)

    return sorted(values, key=key)


def _stripes(rows: Sequence[Row], down: Sequence[str], own: Sequence[str], look: Look, metric: str) -> Layers:
    names = room(down, 0.66 * look.points)
    wide = look.points - names - 6
    size = max(22.0, 9.0 * len(own))
    domain = ends([_value(row) for row in rows])
    color, shape = told_apart(own, look, legend=len(own) > 1)
    base = alt.Chart(data(rows)).encode(
        y=alt.Y(
            "group:N", title=None, scale=alt.Scale(domain=list(down), paddingInner=0.25),
            axis=alt.Axis(
                minExtent=names, maxExtent=names, labelLimit=names, labelPadding=4, ticks=False, domain=False,
                labelOverlap=False, grid=True,
            ),
        ),
    )  # fmt: skip
    x = alt.X(
        "value:Q", title=f"{metric}, percent", axis=alt.Axis(tickCount=max(4, int(wide / 50))),
        scale=alt.Scale(domain=domain, nice=False, zero=False),
    )  # fmt: skip
    tips = [alt.Tooltip("language:N"), alt.Tooltip("encoder:N"), alt.Tooltip("value:Q", format=".1f", title="percent")]
    # A row for each encoder by layers: Vega-Lite would sort an offset by an expression that holds the names.
    step = 0.75 * size / len(own)
    layers = []
    for place in range(len(own)):
        mine = base.transform_filter(f"datum.place === {place}")
        aside = round((place - (len(own) - 1) / 2) * step, 2)
        points_of = mine.mark_point(size=22, strokeWidth=1.1, opacity=0.85, yOffset=aside)
        bar = mine.transform_filter("datum.several").mark_tick(
            thickness=2, color="#000000", size=min(14, step), yOffset=aside
        )
        layers += [points_of.encode(x=x, color=color, shape=shape, tooltip=tips), bar.encode(x=alt.X("mean(value):Q"))]
    return alt.layer(*layers, *_names(base, x, sum(domain) / 2)).properties(width=wide, height=size * len(down))


def _names(base: alt.Chart, x: alt.X, middle: float) -> list[alt.Chart]:
    """Names above their marks, set towards the middle, so that none is cut at an edge."""
    left, right = (base.transform_filter(f"datum.value {side} {middle:.4f}") for side in ("<", ">="))
    texts = [
        left.mark_text(dy=-8, dx=-4, align="left", fontSize=SMALL - 1, color="#333333"),
        right.mark_text(dy=-8, dx=4, align="right", fontSize=SMALL - 1, color="#333333"),
    ]
    return [text.encode(x=x, text="named:N") for text in texts]
