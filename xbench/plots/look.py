"""How every chart looks: sizes in points (1/72 inch), colours, shapes, and how text is fitted."""

import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import altair as alt

from xbench.errors import BadOption
from xbench.plots.words import Names

Layers = alt.LayerChart | alt.FacetChart
Chart = Layers | alt.HConcatChart

NAMES = get_args(Names)

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Colours that people with colour blindness tell apart (Okabe and Ito 2008, Color Universal Design), yellow last."""

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
"""One fewer than the colours, so that 56 encoders have a pair of their own."""

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
GREY = "#8a8a8a"
PALE = "#e4e4e4"
SMALL = 7.0
TITLE = 9.0
EDGE = 4.0
"""Room around the whole, in points."""
INCH = 72.0
APART = 10.0
"""Room between blocks."""
LEAST_SCALE = 76.0
"""Width of a scale that can be read."""
MOST_ROWS = 46
"""Rows above each other that a page holds at their usual height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a reader may choose for any chart."""

    width: float = 7.0
    """Of the whole picture, in inches: 3.3 for a column of a paper, 7 for a page."""
    names: Names = "english"
    """How languages are called."""

    def __post_init__(self) -> None:
        """Raise BadOption for a width that nothing can be read at."""
        if not 2.5 <= self.width <= 40:
            raise BadOption(f"a chart is 2.5 to 40 inches wide, not {self.width:g}; a column of a paper has 3.3")

    @property
    def points(self) -> float:
        """The width within the edges."""
        return self.width * INCH - 2 * EDGE


def extent(text: str, size: float = SMALL) -> float:
    """About how many points a text takes: rather too many than too few."""
    ems = 0.0
    for sign in text:
        if unicodedata.combining(sign):
            continue
        if unicodedata.east_asian_width(sign) in "WF":
            ems += 1.0
        elif sign in "iljtfrI.,:;'|!()[] ":
            ems += 0.34
        else:
            ems += 0.9 if sign in "mwMW@%—" else 0.7 if sign.isupper() else 0.58
    return ems * size


def room(texts: Sequence[str], most: float) -> float:
    """Room for the longest of some labels beside an axis, and at most `most`."""
    return min(max(map(extent, texts), default=0.0) + 6, most)


def wrapped(text: str, width: float, size: float = SMALL) -> list[str]:
    """Lines of a text that fit into a width."""
    return textwrap.wrap(text, max(20, int(width / (0.53 * size))))


def blocks(rows: Sequence[str], width: float, least: float) -> list[list[str]]:
    """Rows in blocks that stand side by side: few rows in each, as long as a block has `least` points."""
    number = max(1, min(-(-len(rows) // MOST_ROWS), int((width + APART) // (least + APART))))
    size = -(-len(rows) // number)
    return [list(rows[begin : begin + size]) for begin in range(0, len(rows), size)] or [[]]


def height(rows: Sequence[str], usual: float) -> float:
    """Height of one row: where many rows stand above each other, less, so that 100 of them fit on a page."""
    return usual if len(rows) <= MOST_ROWS else max(5.8, usual * MOST_ROWS / len(rows))


def shares(number: int, width: float) -> float:
    """Width of one of several blocks that stand side by side."""
    return (width - APART * (number - 1)) / number - 2


def lines(rows: Sequence[str], room_for_names: float, row: float) -> alt.Y:
    """Languages down, with an axis of a fixed width, so that the whole is as wide as was asked for."""
    return alt.Y(
        "language:N", title=None, scale=alt.Scale(domain=list(rows)),
        axis=alt.Axis(
            minExtent=room_for_names, maxExtent=room_for_names, labelLimit=room_for_names, labelPadding=4, ticks=False,
            domain=False, labelOverlap=False, labelFontSize=min(SMALL, row - 0.4),
        ),
    )  # fmt: skip


def colours(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Colours and shapes of some names, in their order."""
    return (
        [OKABE_ITO[place % len(OKABE_ITO)] for place in range(len(names))],
        [SHAPES[place % len(SHAPES)] for place in range(len(names))],
    )


def told_apart(names: Sequence[str], look: Look, *, legend: bool) -> tuple[alt.Color, alt.Shape]:
    """A colour and a shape for each encoder, and a legend that names them."""
    inks, forms = colours(names)
    longest = max(map(extent, names)) + 20
    drawn = alt.Legend(orient="bottom", title=None, offset=4, columns=max(1, int(look.points / longest)))
    return (
        alt.Color("encoder:N", scale=alt.Scale(domain=list(names), range=inks), legend=drawn if legend else None),
        alt.Shape("encoder:N", scale=alt.Scale(domain=list(names), range=forms), legend=drawn if legend else None),
    )


def ends(values: Sequence[float], floor: float = 0.0, ceiling: float = 100.0) -> list[float]:
    """Ends of a scale a little outside of all values, within what there can be."""
    aside = max(0.05 * (max(values) - min(values)), 0.5)
    return [round(max(min(values) - aside, floor), 2), round(min(max(values) + aside, ceiling), 2)]


def data(rows: Sequence[Mapping[str, object]]) -> alt.InlineData:
    """Rows as a chart's data: names stand here, and nowhere else in a spec but as text."""
    return alt.InlineData(values=[dict(row) for row in rows])


def finished(chart: Chart, look: Look, title: str, sentences: Sequence[str], description: str) -> Chart:
    """The chart with its heading, its alternative text and the style of all."""
    under = wrapped(" ".join(one for one in sentences if one), look.points)
    styled: Chart = (
        chart.properties(
            title=alt.TitleParams(
                wrapped(title, look.points, TITLE), subtitle=under, anchor="start", frame="bounds", offset=8,
                fontSize=TITLE, subtitleFontSize=SMALL, subtitleColor="#333333", subtitlePadding=3,
            ),
            description=description,
            padding=EDGE,
        )
        .configure(font=FONT, background="white")
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=SMALL, titleFontSize=SMALL, titleFontWeight="normal", labelColor="#111111",
            gridColor="#e8e8e8", domainColor=GREY, tickColor=GREY, tickSize=3, titlePadding=4, translate=0,
        )
        .configure_legend(
            labelFontSize=SMALL, titleFontSize=SMALL, titleFontWeight="normal", labelLimit=0, symbolSize=34,
        )
        .configure_concat(spacing=APART)
    )  # fmt: skip
    return styled
