"""Languages down, encoders across, the score in the cell."""

from collections.abc import Sequence

import altair as alt

from xbench.board import Table
from xbench.errors import BadOption
from xbench.plots.look import (
    GREY,
    PALE,
    SMALL,
    Chart,
    Layers,
    Look,
    blocks,
    data,
    extent,
    finished,
    height,
    lines,
    room,
    shares,
)  # fmt: skip
from xbench.plots.words import labels, named, plain, points, scope

ROW = 11.0
NARROWEST = 16.0
"""Points of a cell that a number like 78.3 still fits in."""
DARK = 0.435
"""Up to this share of viridis white has more contrast than black; the better of the two has 4.6 or more everywhere."""
STRONG = (0.11, 0.9375)
"""Outside of these shares of blue-orange, likewise: its blue end is darker than its orange end."""

INKS = ("#000000", "#ffffff", GREY)

Row = dict[str, str | float | bool | None]


def heatmap(table: Table, look: Look | None = None, *, gap: bool = False) -> Chart:
    """Scores of every language and encoder, or with `gap` what a language loses to the encoder's source.

    Languages stand by their mean, encoders by the mean of their targets; a source is outlined.
    Raises BadOption where nothing is there to show, or more encoders than the width has room for.
    """
    look = look or Look()
    rows, order, across = _rows(table, look, gap=gap)
    names = room(order, 0.66 * look.points)
    least = names + NARROWEST * len(across) + 10
    if least > look.points:
        most = int((look.points - names - 10) // NARROWEST)
        raise BadOption(
            f"{len(across)} encoders do not fit into {look.width:g} inches, {max(most, 0)} do; choose with --encoder, "
            f"or give a greater --width"
        )
    parts = blocks(order, look.points, least + 10)
    wide = shares(len(parts), look.points) - names
    shown = [_block(rows, part, across, names, wide, _colour(rows, wide, gap=gap)) for part in parts]
    values = [row for row in rows if row["value"] is not None]
    said = "Gap to the source" if gap else table.metric
    title = f"{plain(table.task)}: {plain(table.metric)}, {'gap to the source' if gap else 'by language and encoder'}"
    missing = len(rows) - len(values)
    sentences = [
        "Points lost from the source to the language; negative: better than the source." if gap else "", scope(table),
        "Outlined: the source.", f"Hatched (///): no score, {missing} of {len(rows)} cells." if missing else "",
    ]  # fmt: skip
    if gap and not table.parallel:
        sentences.append("Languages have test items of their own: differences are not transfer alone.")
    return finished(alt.hconcat(*shown), look, title, sentences, _described(plain(said), values, order, across, table))


def _rows(table: Table, look: Look, *, gap: bool) -> tuple[list[Row], list[str], list[str]]:
    """A row for each cell, with the labels of languages and of columns in their order."""
    own = dict(zip(range(len(table.columns)), labels(table), strict=True))
    targets = {place: column.mean(table.languages) for place, column in enumerate(table.columns)}
    means = {place: -1.0 if mean is None else mean for place, mean in targets.items()}
    across = sorted(own, key=lambda place: (not table.columns[place].zero_shot, -means[place]))
    value: dict[tuple[str, int], float | None] = {}
    for place, column in enumerate(table.columns):
        source = column.cells.get(column.source)
        for language in table.languages:
            cell = column.cells.get(language)
            base = (source.value - cell.value if source else None) if cell and gap else cell.value if cell else None
            value[language, place] = base
    if all(one is None for one in value.values()):
        raise BadOption(f"{table.task} has no {'gap: its sources have no scores' if gap else 'score'} to show")

    def first(language: str) -> float:
        there = [one for place in own if (one := value[language, place]) is not None]
        best = sum(there) / len(there) if there else (1e9 if gap else -1e9)
        return best if gap else -best

    sources = {column.source for column in table.columns}
    down = sorted(table.languages, key=lambda one: (one not in sources, first(one)))
    called = named(down, look.names)
    found = [
        _row(called[one], own[at], value[one, at], table.columns[at].source == one) for one in down for at in across
    ]
    _ink(found, gap=gap)
    return found, [called[one] for one in down], [own[place] for place in across]


def _row(language: str, encoder: str, value: float | None, is_source: bool) -> Row:
    shown = "///" if value is None else f"{100 * value:.1f}".replace("-0.0", "0.0").replace("-", "−")
    number = None if value is None else points(value)
    return {"language": language, "encoder": encoder, "value": number, "shown": shown, "source": is_source}


def _ends(rows: Sequence[Row], *, gap: bool) -> tuple[float, float]:
    """The least and the greatest value of the colour scale, in percent."""
    values = [float(row["value"]) for row in rows if row["value"] is not None]
    least, most = min(values), max(values)
    if gap:
        most = max(abs(least), abs(most), 1.0)
        return -most, most
    return (least, most) if most - least >= 1 else (least - 0.5, most + 0.5)


def _ink(rows: Sequence[Row], *, gap: bool) -> None:
    """Give every row the colour in which its number is read best."""
    least, most = _ends(rows, gap=gap)
    for row in rows:
        value = row["value"]
        if value is None:
            row["ink"] = GREY
        else:
            share = (float(value) - least) / (most - least)
            row["ink"] = "#000000" if (STRONG[0] <= share <= STRONG[1] if gap else share >= DARK) else "#ffffff"


def _colour(rows: Sequence[Row], wide: float, *, gap: bool) -> alt.Color:
    return alt.Color(
        "value:Q", title="points" if gap else "percent",
        scale=alt.Scale(scheme="blueorange" if gap else "viridis", domain=list(_ends(rows, gap=gap))),
        legend=alt.Legend(
            orient="bottom", direction="horizontal", gradientLength=min(110, max(30, wide - 48)),
            gradientThickness=7, titleOrient="left",
            titlePadding=6, offset=6,
        ),
    )  # fmt: skip


def _block(
    rows: Sequence[Row], part: Sequence[str], across: Sequence[str], names: float, wide: float, colour: alt.Color
) -> Layers:
    """Some of the languages, and all encoders."""
    mine = [one for one in rows if one["language"] in set(part)]
    row = height(part, ROW)
    narrow = max(map(extent, across)) > wide / len(across) - 4
    x = alt.X(
        "encoder:N", title=None, scale=alt.Scale(domain=list(across)),
        axis=alt.Axis(
            orient="top", labelAngle=-90 if narrow else 0, ticks=False, domain=False, labelLimit=0, labelOverlap=False,
        ),
    )  # fmt: skip
    base = alt.Chart(data(mine)).encode(x=x, y=lines(part, names, row))
    tips = [alt.Tooltip("language:N"), alt.Tooltip("encoder:N"), alt.Tooltip("shown:N", title="percent")]
    there, absent = (base.transform_filter(f"{test}isValid(datum.value)") for test in ("", "!"))
    size = min(SMALL, wide / len(across) / 2.75, row - 0.4)
    outline = base.transform_filter("datum.source").mark_rect(fill=None, stroke="#000000", strokeWidth=1)
    numbers = [
        base.transform_filter(f"datum.ink === '{ink}'").mark_text(fontSize=size, color=ink).encode(text="shown:N")
        for ink in INKS
    ]
    return alt.layer(
        absent.mark_rect(fill=PALE, stroke="#ffffff", strokeWidth=0.5),
        there.mark_rect(stroke="#ffffff", strokeWidth=0.5).encode(color=colour, tooltip=tips),
        outline,
        *numbers,
    ).properties(width=wide, height=row * len(part))


def _described(said: str, values: Sequence[Row], order: Sequence[str], across: Sequence[str], table: Table) -> str:
    least = min(values, key=lambda row: float(row["value"] or 0))
    most = max(values, key=lambda row: float(row["value"] or 0))
    return (
        f"Heatmap of {plain(table.task)}: {said} in percent of {len(order)} languages (down) and {len(across)} "
        f"encoders (across). Least {least['shown']} ({least['language']}, {least['encoder']}), greatest "
        f"{most['shown']} ({most['language']}, {most['encoder']})."
    )
