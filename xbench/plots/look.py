"""How every chart looks: sizes in points (1/72 inch), colours, shapes, and how text is fitted."""

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import altair as alt

from xbench.errors import BadOption
from xbench.plots.words import Names

Chart = alt.LayerChart | alt.HConcatChart

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


def blocks(rows: Sequence[str], width: float, least: float, most: int = 46) -> list[list[str]]:
    """Rows in blocks that stand side by side: at most `most` rows in each, as long as a block has `least` points."""
    number = max(1, min(-(-len(rows) // most), int(width // least)))
    size = -(-len(rows) // number)
    return [list(rows[begin : begin + size]) for begin in range(0, len(rows), size)] or [[]]


def lines(rows: Sequence[str], room_for_names: float) -> alt.Y:
    """Languages down, with an axis of a fixed width, so that the whole is as wide as was asked for."""
    return alt.Y(
        "language:N", title=None, scale=alt.Scale(domain=list(rows)),
        axis=alt.Axis(
            minExtent=room_for_names, maxExtent=room_for_names, labelLimit=room_for_names, labelPadding=4, ticks=False,
            domain=False, labelOverlap=False,
        ),
    )  # fmt: skip


def colours(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Colours and shapes of some names, in their order."""
    return (
        [OKABE_ITO[place % len(OKABE_ITO)] for place in range(len(names))],
        [SHAPES[place % len(SHAPES)] for place in range(len(names))],
    )


def finished(chart: Chart, look: Look, title: str, sentences: Sequence[str], description: str) -> Any:
    """The chart with its heading, its alternative text and the style of all."""
    under = wrapped(" ".join(one for one in sentences if one), look.points)
    return (
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
            gridColor="#e8e8e8", domainColor=GREY, tickColor=GREY, tickSize=3, titlePadding=4,
        )
        .configure_legend(labelFontSize=SMALL, titleFontSize=SMALL, titleFontWeight="normal", labelLimit=0)
        .configure_concat(spacing=10)
    )  # fmt: skip
