"""Differences of two encoders, language by language, paired by item."""

from collections.abc import Mapping, Sequence

import altair as alt

from xbench.board import Board, Column, Table
from xbench.errors import BadOption
from xbench.influence import Cells
from xbench.plots.look import (
    GREY,
    LEAST_SCALE,
    OKABE_ITO,
    Chart,
    Layers,
    Look,
    blocks,
    data,
    ends,
    finished,
    height,
    lines,
    room,
    shares,
)  # fmt: skip
from xbench.plots.words import between, exactly, labels, named, plain, points, seeds_of, unlike_settings
from xbench.significance import holm, paired_test
from xbench.uncertainty import Estimate, difference

ROW = 10.0
LEVEL = 0.05

Row = dict[str, str | float]


def forest(board: Board, table: Table, look: Look | None = None) -> Chart:
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
    ours, theirs = (_counted(board, column, table) for column in table.columns)
    found = {one: difference(ours, theirs, {one: 1.0}) for one in both}
    order = sorted(both, key=lambda one: -found[one].value)
    called = named(order, look.names)
    sure = dict(zip(order, holm([paired_test(found[one]).two_sided for one in order]), strict=True))
    rows = [_difference(called[one], found[one], beyond=sure[one] < LEVEL) for one in order]
    targets = [one for one in both if one not in (first.source, second.source)]
    if len(targets) > 1:
        mean = difference(ours, theirs, dict.fromkeys(targets, 1 / len(targets)), paired=table.paired)
        whole = _difference(f"mean of {len(targets)} targets", mean, beyond=paired_test(mean).two_sided < LEVEL)
        rows.insert(0, whole)
    own = labels(table)
    description = (
        f"Forest plot of {plain(table.task)}: difference in {plain(table.metric)}, {own[0]} less {own[1]}, in points, "
        f"for {len(order)} languages with 95 % intervals. {_tally(rows[-len(order) :], own[0])}"
    )
    sentences = _told(table, found, len(table.languages) - len(both))
    title = f"{plain(table.task)}: {own[0]} less {own[1]}"
    return finished(_trees(rows, look, plain(table.metric)), look, title, sentences, description)


def _tally(rows: Sequence[Row], name: str) -> str:
    sides = [row["side"] for row in rows]
    return (
        f"Beyond doubt {name} is better in {sides.count('better')} and worse in {sides.count('worse')}. Best for it: "
        f"{rows[0]['language']}, {rows[0]['shown']}; worst: {rows[-1]['language']}, {rows[-1]['shown']}."
    )


def _counted(board: Board, column: Column, table: Table) -> Cells:
    cells = board.cells(column, table.metric)
    if cells is None:
        label = labels(table)[table.columns.index(column)]
        raise BadOption(
            f"the counts of {label} in {table.task} are not at hand, or its seeds had different items; a paired "
            f"difference needs the files beside the records, and runs whose seeds scored the same items."
        )
    return cells


def _told(table: Table, found: Mapping[str, Estimate], lost: int) -> list[str]:
    what = (
        "over examples, given these seeds"
        if {one.seeds for one in found.values()} == {1}
        else "over examples and seeds"
    )
    return [
        f"Points; right of 0: {labels(table)[0]} is better. Paired by item, "
        f"n = {between(one.n for one in found.values())} a language; {seeds_of(table)}.",
        f"Bars: 95\u00a0% interval {what}, each language by itself.",
        "Filled: beyond doubt (5\u00a0%) by Holm over the languages.",
        unlike_settings(*table.columns),
        f"Left out: {lost} languages that one of them lacks." if lost else "",
    ]


def _difference(language: str, one: Estimate, *, beyond: bool) -> Row:
    low, value, high = (points(part) for part in (one.low, one.value, one.high))
    side = "open" if not beyond else "better" if value > 0 else "worse"
    shown = f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
    return {"language": language, "value": value, "low": low, "high": high, "side": side, "shown": shown}


def _trees(rows: Sequence[Row], look: Look, metric: str) -> alt.HConcatChart:
    down = [str(row["language"]) for row in rows]
    names = room(down, 0.66 * look.points)
    domain = ends([0.0, *(float(row[end]) for row in rows for end in ("low", "high"))], floor=-100.0)
    parts = blocks(down, look.points, names + LEAST_SCALE)
    wide = shares(len(parts), look.points - 4) - names
    return alt.hconcat(*(_tree(rows, part, domain, names, wide, metric) for part in parts))


def _tree(
    rows: Sequence[Row], part: Sequence[str], domain: list[float], names: float, wide: float, metric: str
) -> Layers:
    row = height(part, ROW)
    base = alt.Chart(data([one for one in rows if one["language"] in set(part)])).encode(y=lines(part, names, row))
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    sides = ["better", "open", "worse"]
    inks = [OKABE_ITO[0], "#555555", OKABE_ITO[1]]
    color = alt.Color("side:N", scale=alt.Scale(domain=sides, range=inks), legend=None)
    fill = alt.Fill("side:N", scale=alt.Scale(domain=sides, range=[inks[0], "#ffffff", inks[2]]), legend=None)
    forms = alt.Scale(domain=sides, range=["triangle-right", "circle", "square"])
    x = alt.X(
        "low:Q", scale=scale, title=f"difference in {metric}, points", axis=alt.Axis(tickCount=max(3, int(wide / 45)))
    )
    tips = [alt.Tooltip("language:N"), alt.Tooltip("shown:N", title="points [95 %]")]
    zero = alt.Chart(data([{"zero": 0}])).mark_rule(color=GREY, strokeDash=[3, 2])
    return alt.layer(
        zero.encode(x=alt.X("zero:Q", scale=scale)),
        base.mark_rule(strokeWidth=1).encode(x=x, x2="high:Q", color=color),
        base.mark_point(size=24, opacity=1, strokeWidth=1).encode(
            x=alt.X("value:Q", scale=scale), color=color, fill=fill, tooltip=tips,
            shape=alt.Shape("side:N", scale=forms, legend=None),
        ),
    ).properties(width=wide, height=row * len(part))  # fmt: skip
