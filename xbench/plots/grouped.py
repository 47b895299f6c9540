"""Means of groups of languages, and the languages of each group."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from xbench.board import Board, Table
from xbench.board.spread import by_fact
from xbench.disparity import Measure
from xbench.errors import BadOption
from xbench.plots.look import GREY, SMALL, Look, colours, extent, finished, room
from xbench.plots.words import labels, named, plain, points, scope

FACTS: Mapping[str, str] = {
    "script": "script", "family": "family", "macro-area": "macro_area", "resource-class": "resource_class",
}  # fmt: skip
"""What languages may be grouped by -> the field of a language."""

MOST = 8
"""Encoders that strips can tell apart."""

Row = dict[str, str | float | None]


def scatter(board: Board, table: Table, look: Look | None = None, *, group: str = "low-resource") -> Any:
    """The mean of a group of languages against the mean of all targets, one mark for each encoder.

    `group` is one that the board declares (`xbench.board.spread.groups`): low-resource, other script, other family,
    unseen. Raises BadOption where no encoder has both means.
    """
    look = look or Look()
    pairs: dict[str, tuple[Measure, Measure]] = {}
    there: dict[str, None] = {}
    own = labels(table)
    for column, label in zip(table.columns, own, strict=True):
        found = {one.name: one for one in board.measures(table, column)}
        there |= dict.fromkeys(name.removeprefix("mean: ") for name in found if name.startswith("mean: "))
        if "target mean" in found and f"mean: {group}" in found:
            pairs[label] = (found["target mean"], found[f"mean: {group}"])
    if not pairs:
        raise BadOption(
            f"no encoder in {table.task} has a mean of the group {group!r}: it needs every language of the task scored, "
            f"and targets both in the group and outside. Groups that have one: {', '.join(there) or 'none'}."
        )
    rows = [_mark(label, *both) for label, both in pairs.items()]
    lost = len(own) - len(rows)
    seeds = {one.seeds for both in pairs.values() for one in both}
    bars = any(row["x_low"] is not None for row in rows)
    within = ", ".join(sorted({named([one], look.names)[one] for _, it in pairs.values() for one in it.languages}))
    sentences = [
        scope(table), "" if not bars else _bars(seeds), "Dashed: the group does as well as the mean.",
        f"{group}: {within}." if len(within) < 160 else f"{group}: {within.count(',') + 1} languages.",
        f"{lost} encoders without both means are left out: incomplete, or nothing is known." if lost else "",
    ]  # fmt: skip
    title = f"{plain(table.task)}: mean of {group} languages against the mean of targets"
    best = max(pairs, key=lambda label: pairs[label][1].value)
    description = (
        f"Scatter plot of {plain(table.task)}: mean {plain(table.metric)} of {group} languages against the mean of all "
        f"targets, in percent, for {len(rows)} encoders. Best for the group: {best}, "
        f"{100 * pairs[best][1].value:.1f} beside {100 * pairs[best][0].value:.1f} over all targets."
    )
    return finished(_marks(rows, group, look), look, title, sentences, description)


def _bars(seeds: set[int]) -> str:
    if seeds == {1}:
        return "Bars: 95 % interval over examples, given this seed."
    return f"Bars: 95 % interval over examples and seeds{' where there are several' if 1 in seeds else ''}."


def _mark(label: str, x: Measure, y: Measure) -> Row:
    row: Row = {"encoder": label}
    for name, one in (("x", x), ("y", y)):
        row[name] = points(one.value)
        row[f"{name}_low"] = None if one.low is None else points(one.low)
        row[f"{name}_high"] = None if one.high is None else points(one.high)
    return row


def _domain(rows: Sequence[Row], *names: str) -> list[float]:
    values = [float(value) for row in rows for name in names if (value := row[name]) is not None]
    aside = max(0.06 * (max(values) - min(values)), 0.5)
    return [round(max(min(values) - aside, 0.0), 2), round(min(max(values) + aside, 100.0), 2)]


def _beside(rows: Sequence[Row], x: list[float], y: list[float], wide: float, high: float) -> list[Row]:
    """A place for each label, right or left of its mark, pushed up or down until it covers no other mark or label."""
    taken: list[tuple[float, float, float]] = []
    across = {id(row): (float(row["x"] or 0) - x[0]) / (x[1] - x[0]) * wide for row in rows}
    up = {id(row): (float(row["y"] or 0) - y[0]) / (y[1] - y[0]) * high for row in rows}
    found: list[Row] = []
    for row in sorted(rows, key=lambda row: -up[id(row)]):
        label, at, level = str(row["encoder"]), across[id(row)], up[id(row)]
        length = extent(label)
        right = at + length + 7 <= wide or at < length + 7
        begin = at + 7 if right else at - 7 - length
        marks = [(across[id(one)] - 4, across[id(one)] + 4, up[id(one)]) for one in rows if one is not row]
        steps = sorted((step * 2.0 for step in range(-30, 31)), key=abs)
        free = [
            level + step for step in steps
            if 4 <= level + step <= high - 4
            and not any(abs(level + step - other) < 8 and begin < end and start < begin + length for start, end, other in taken + marks)
        ]  # fmt: skip
        height = free[0] if free else level
        taken.append((begin, begin + length, height))
        found.append({
            "encoder": label, "x": round(x[0] + begin / wide * (x[1] - x[0]), 4),
            "y": round(y[0] + height / high * (y[1] - y[0]), 4),
        })  # fmt: skip
    return found


def _marks(rows: Sequence[Row], group: str, look: Look) -> alt.LayerChart:
    x, y = _domain(rows, "x", "x_low", "x_high"), _domain(rows, "y", "y_low", "y_high")
    wide = look.points - 34 - 8
    high = min(wide * 0.8, 260.0)
    names = [str(row["encoder"]) for row in rows]
    inks, forms = colours(names)
    across = alt.Scale(domain=x, nice=False, zero=False)
    up = alt.Scale(domain=y, nice=False, zero=False)
    color = alt.Color("encoder:N", scale=alt.Scale(domain=names, range=inks), legend=None)
    shape = alt.Shape("encoder:N", scale=alt.Scale(domain=names, range=forms), legend=None)
    base = alt.Chart(alt.Data(values=list(rows))).encode(
        x=alt.X("x:Q", scale=across, title="mean of targets, percent", axis=alt.Axis(tickCount=max(4, int(wide / 50)))),
        y=alt.Y(
            "y:Q", scale=up, title=f"mean of {group} languages, percent",
            axis=alt.Axis(minExtent=30, maxExtent=30, tickCount=6),
        ),
        color=color,
    )  # fmt: skip
    tips = [
        alt.Tooltip("encoder:N"), alt.Tooltip("x:Q", title="mean of targets", format=".1f"),
        alt.Tooltip("y:Q", title="mean of group", format=".1f"),
    ]  # fmt: skip
    ends = [max(x[0], y[0]), min(x[1], y[1])]
    layers: list[alt.Chart] = []
    if ends[0] < ends[1]:
        same = alt.Chart(alt.Data(values=[{"x": end, "y": end} for end in ends]))
        layers.append(same.mark_line(color=GREY, strokeDash=[3, 2], strokeWidth=1).encode(x="x:Q", y="y:Q"))
    if any(row["x_low"] is not None for row in rows):
        layers.append(base.mark_rule(strokeWidth=1).encode(x="x_low:Q", x2="x_high:Q"))
        layers.append(base.mark_rule(strokeWidth=1).encode(y="y_low:Q", y2="y_high:Q"))
    layers.append(base.mark_point(size=40, filled=True, opacity=1).encode(shape=shape, tooltip=tips))
    text = alt.Chart(alt.Data(values=_beside(rows, x, y, wide, high)))
    layers.append(
        text.mark_text(align="left", fontSize=SMALL, color="#111111").encode(x="x:Q", y="y:Q", text="encoder:N")
    )
    return alt.layer(*layers).properties(width=wide, height=high)


def strips(table: Table, look: Look | None = None, *, by: str = "script") -> Any:
    """Every target's score, grouped by a fact of the language: one of FACTS. A bar stands at each group's mean.

    Raises BadOption for another fact, for no score at all, and for more encoders than can be told apart.
    """
    look = look or Look()
    if by not in FACTS:
        raise BadOption(f"languages are grouped by {', '.join(FACTS)}, not by {by!r}")
    if len(table.columns) > MOST:
        raise BadOption(f"strips tell {MOST} encoders apart, not {len(table.columns)}; choose with --encoder")
    own = labels(table)
    sources = {column.source for column in table.columns}
    targets = [one for one in table.languages if one not in sources]
    called = named(targets, look.names)
    grouped = dict(by_fact(targets, FACTS[by]))
    unknown = tuple(one for one in targets if not any(one in members for members in grouped.values()))
    grouped |= {"unknown": unknown} if unknown else {}
    group_of = {one: f"{plain(name)} ({len(members)})" for name, members in grouped.items() for one in members}
    rows: list[Row] = [
        {
            "group": group_of[one], "encoder": label, "language": called[one], "value": points(column.cells[one].value),
            "named": "",
        }
        for column, label in zip(table.columns, own, strict=True) for one in targets if one in column.cells
    ]  # fmt: skip
    if not rows:
        raise BadOption(f"{table.task} has no score of a target to show")
    down = _ordered(rows, by)
    if len(own) == 1:
        _name_lowest(rows)
    missing = len(targets) * len(own) - len(rows)
    title = f"{plain(table.task)}: {plain(table.metric)} of the targets by {by.replace('-', ' ')}"
    sentences = [
        ", ".join(own) + "." if len(own) == 1 else "", scope(table), "In brackets: languages. Bar: mean of the group.",
        "Resource class of Joshi et al. 2020, 0 (left behind) to 5." if by == "resource-class" else "",
        f"{missing} missing scores are left out." if missing else "",
    ]  # fmt: skip
    lowest = min(rows, key=lambda row: float(row["value"] or 0))
    description = (
        f"Strip plot of {plain(table.task)}: {plain(table.metric)} in percent of {len(targets)} targets in {len(down)} groups "
        f"by {by.replace('-', ' ')}, for {', '.join(own)}. Lowest: {lowest['language']} ({lowest['group']}, "
        f"{lowest['encoder']}), {float(lowest['value'] or 0):.1f}."
    )
    return finished(_stripes(rows, down, own, look, plain(table.metric)), look, title, sentences, description)


def _ordered(rows: Sequence[Row], by: str) -> list[str]:
    """Groups from the best to the lowest mean, resource classes by their number; unknown last."""
    values: dict[str, list[float]] = {}
    for row in rows:
        values.setdefault(str(row["group"]), []).append(float(row["value"] or 0))

    def key(group: str) -> tuple[bool, float | str]:
        mean = -sum(values[group]) / len(values[group])
        return (group.startswith("unknown ("), group if by == "resource-class" else mean)

    return sorted(values, key=key)


def _name_lowest(rows: Sequence[Row]) -> None:
    """Name the lowest language of every group of several."""
    for group in {row["group"] for row in rows}:
        mine = [row for row in rows if row["group"] == group]
        lowest = min(mine, key=lambda row: float(row["value"] or 0))
        lowest["named"] = lowest["language"]


def _stripes(rows: list[Row], down: Sequence[str], own: Sequence[str], look: Look, metric: str) -> alt.LayerChart:
    names = room(down, 0.4 * look.points)
    wide = look.points - names - 10
    inks, forms = colours(own)
    several = len(own) > 1
    size = max(22.0, 9.0 * len(own))
    longest = max(len(one) for one in own)
    legend = alt.Legend(
        orient="bottom", title=None, offset=4, columns=max(1, int(look.points / (longest * SMALL * 0.6 + 20)))
    )
    color = alt.Color(
        "encoder:N", scale=alt.Scale(domain=list(own), range=inks), legend=legend if several else None, title=None
    )
    shape = alt.Shape(
        "encoder:N", scale=alt.Scale(domain=list(own), range=forms), legend=legend if several else None, title=None
    )
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y(
            "group:N", title=None, scale=alt.Scale(domain=list(down), paddingInner=0.25),
            axis=alt.Axis(
                minExtent=names, maxExtent=names, labelLimit=names, labelPadding=4, ticks=False, domain=False,
                labelOverlap=False, grid=True,
            ),
        ),
        yOffset=alt.YOffset("encoder:N", scale=alt.Scale(domain=list(own))),
    )  # fmt: skip
    x = alt.X(
        "value:Q", title=f"{metric}, percent", axis=alt.Axis(tickCount=max(4, int(wide / 50))),
        scale=alt.Scale(domain=_domain(rows, "value"), nice=False, zero=False),
    )  # fmt: skip
    tips = [alt.Tooltip("language:N"), alt.Tooltip("encoder:N"), alt.Tooltip("value:Q", format=".1f", title="percent")]
    marks = base.mark_point(size=22, strokeWidth=1.1, opacity=0.85).encode(x=x, color=color, shape=shape, tooltip=tips)
    means = base.mark_tick(thickness=2, color="#000000", size=min(14.0, size / len(own))).encode(
        x=alt.X("mean(value):Q"), detail="encoder:N"
    )
    layers = [marks, means]
    if not several:
        layers.append(
            base.mark_text(dy=-8, fontSize=SMALL - 1, color="#333333").encode(x=x, text="named:N")
        )
    return alt.layer(*layers).properties(width=wide, height=size * len(down))
