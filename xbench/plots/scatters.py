"""The mean of a group of languages against the mean of all: who is good on average, and who for those behind."""

from collections.abc import Sequence

import altair as alt

from xbench.board import Board, Table
from xbench.disparity import Measure
from xbench.errors import BadOption
from xbench.plots.look import GREY, SMALL, Chart, Layers, Look, data, ends, extent, finished, told_apart
from xbench.plots.words import intervals, labels, named, plain, points, scope

Row = dict[str, str | float | None]


def scatter(board: Board, table: Table, look: Look | None = None, *, group: str = "low-resource") -> Chart:
    """The mean of a group of languages against the mean of all targets, one mark for each encoder.

    `group` is one that the board declares (`xbench.board.spread.groups`): low-resource, other script, other family,
    unseen. Raises BadOption where no encoder has both means.
    """
    look = look or Look()
    pairs = _means(board, table, group)
    lost = len(table.columns) - len(pairs)
    rows = [_mark(label, *both) for label, both in pairs.items()]
    bars = any(row["x_low"] is not None for row in rows)
    members = {one for _, mean in pairs.values() for one in mean.languages}
    within = ", ".join(sorted(named(members, look.names).values()))
    sentences = [
        scope(table), intervals({x.seeds for x, _ in pairs.values()}) if bars else "",
        "Dashed: the group does as well as the mean.",
        f"{group}: {within}." if len(within) < 160 else f"{group}: {len(members)} languages.",
        f"Left out: {lost} without both means (incomplete, or nothing is known)." if lost else "",
    ]  # fmt: skip
    title = f"{plain(table.task)}: mean of {group} languages against the mean of targets"
    best = max(pairs, key=lambda label: pairs[label][1].value)
    description = (
        f"Scatter plot of {plain(table.task)}: mean {plain(table.metric)} of {group} languages against the mean of all "
        f"targets, in percent, for {len(rows)} encoders. Best for the group: {best}, "
        f"{100 * pairs[best][1].value:.1f} beside {100 * pairs[best][0].value:.1f} over all targets."
    )
    return finished(_marks(rows, group, look), look, title, sentences, description)


def _means(board: Board, table: Table, group: str) -> dict[str, tuple[Measure, Measure]]:
    """Label -> mean of targets and mean of the group. Raises BadOption where no column has both."""
    pairs: dict[str, tuple[Measure, Measure]] = {}
    there: dict[str, None] = {}
    for column, label in zip(table.columns, labels(table), strict=True):
        found = {one.name: one for one in board.measures(table, column)}
        there |= dict.fromkeys(name.removeprefix("mean: ") for name in found if name.startswith("mean: "))
        if "target mean" in found and f"mean: {group}" in found:
            pairs[label] = (found["target mean"], found[f"mean: {group}"])
    if not pairs:
        raise BadOption(
            f"no encoder in {table.task} has a mean of the group {group!r}: it needs every language of the task scored "
            f"and targets both in the group and outside. Groups that have one: {', '.join(there) or 'none'}."
        )
    return pairs


def _mark(label: str, x: Measure, y: Measure) -> Row:
    row: Row = {"encoder": label}
    for name, one in (("x", x), ("y", y)):
        row[name] = points(one.value)
        row[f"{name}_low"] = None if one.low is None else points(one.low)
        row[f"{name}_high"] = None if one.high is None else points(one.high)
    return row


def _ends(rows: Sequence[Row], name: str) -> list[float]:
    """Ends of a scale that holds the values and their bars."""
    return ends(
        [float(value) for row in rows for end in ("", "_low", "_high") if (value := row[name + end]) is not None]
    )


def _beside(rows: Sequence[Row], x: list[float], y: list[float], wide: float, high: float) -> list[Row]:
    """A place for each label right or left of its mark; none at all where one would cover another mark or label."""
    across = [(float(row["x"] or 0) - x[0]) / (x[1] - x[0]) * wide for row in rows]
    up = [(float(row["y"] or 0) - y[0]) / (y[1] - y[0]) * high for row in rows]
    taken = [(at - 4, at + 4, level) for at, level in zip(across, up, strict=True)]
    found: list[Row] = []
    for row, at, level in zip(rows, across, up, strict=True):
        length = extent(str(row["encoder"]))
        free = [
            (begin, level + step) for step in (7, -7, 9, -9, 0) for begin in (at + 6, at - 6 - length)
            if begin >= 0 and begin + length <= wide and 4 <= level + step <= high - 4
            and not any(
                abs(level + step - other) < 8 and begin < end and start < begin + length for start, end, other in taken
            )
        ]  # fmt: skip
        if not free:
            return []
        begin, height = free[0]
        taken.append((begin, begin + length, height))
        place = {"x": x[0] + begin / wide * (x[1] - x[0]), "y": y[0] + height / high * (y[1] - y[0])}
        found.append({"encoder": row["encoder"]} | {name: round(value, 4) for name, value in place.items()})
    return found


def _marks(rows: Sequence[Row], group: str, look: Look) -> Layers:
    x, y = _ends(rows, "x"), _ends(rows, "y")
    wide = look.points - 42
    high = min(wide * 0.8, 260.0)
    across, up = (alt.Scale(domain=domain, nice=False, zero=False) for domain in (x, y))
    beside = _beside(rows, x, y, wide, high)
    color, shape = told_apart([str(row["encoder"]) for row in rows], look, legend=not beside)
    base = alt.Chart(data(rows)).encode(
        x=alt.X("x:Q", scale=across, title="mean of targets, percent", axis=alt.Axis(tickCount=max(4, int(wide / 50)))),
        y=alt.Y(
            "y:Q", scale=up, title=f"mean of {group} languages, percent",
            axis=alt.Axis(minExtent=30, maxExtent=30, tickCount=6),
        ),
        color=color,
    )  # fmt: skip
    bars = base.transform_filter("isValid(datum.x_low)").mark_rule(strokeWidth=1)
    return alt.layer(
        _same(x, y),
        bars.encode(x="x_low:Q", x2="x_high:Q"),
        bars.encode(y="y_low:Q", y2="y_high:Q"),
        base.mark_point(size=40, filled=True, opacity=1).encode(shape=shape, tooltip=_tips()),
        alt.Chart(data(beside))
        .mark_text(align="left", fontSize=SMALL, color="#111111")
        .encode(x="x:Q", y="y:Q", text="encoder:N"),
    ).properties(width=wide, height=high)


def _same(x: list[float], y: list[float]) -> alt.Chart:
    """The line on which the group does as well as the mean, as far as the scales show it."""
    corners = [max(x[0], y[0]), min(x[1], y[1])]
    line = [{"x": end, "y": end} for end in corners] if corners[0] < corners[1] else []
    drawn: alt.Chart = alt.Chart(data(line)).mark_line(color=GREY, strokeDash=[3, 2], strokeWidth=1)
    return drawn.encode(x="x:Q", y="y:Q")


def _tips() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("encoder:N"), alt.Tooltip("x:Q", title="mean of targets", format=".1f"),
        alt.Tooltip("y:Q", title="mean of group", format=".1f"),
    ]  # fmt: skip
