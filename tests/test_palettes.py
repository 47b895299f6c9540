"""Colours of the charts, as people see them who see fewer colours."""

import itertools
import re

import numpy as np
import pytest
import vl_convert
from answered import many
from numpy.typing import NDArray

from xbench import plots
from xbench.plots.look import OKABE_ITO, SHAPES

COLOUR = re.compile(r'fill="rgb\((\d+), ?(\d+), ?(\d+)\)"')

Colour = NDArray[np.float64]

BLIND = {
    "none": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""Machado, Oliveira and Fernandes 2009, table 1, severity 1.0: what is left of linear red, green and blue."""

TOLD_APART = 10.0
"""CIE76 distance: some four times what is just noticed (2.3, Mahy et al. 1994)."""


def linear(code: str) -> Colour:
    """`#rrggbb` -> linear red, green, blue in 0..1 (IEC 61966-2-1)."""
    parts = np.array([int(code[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(colour: Colour) -> Colour:
    """Linear sRGB -> CIE L*a*b* under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratios = to_xyz @ np.clip(colour, 0, 1) / (0.95047, 1.0, 1.08883)
    x, y, z = np.where(ratios > (6 / 29) ** 3, np.cbrt(ratios), ratios / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def luminance(code: str) -> float:
    return float(np.dot((0.2126, 0.7152, 0.0722), linear(code)))


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, 1.4.3."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def distance(one: str, other: str, seen: Colour) -> float:
    return float(np.linalg.norm(lab(seen @ linear(one)) - lab(seen @ linear(other))))


def scheme(name: str, steps: int = 41) -> list[str]:
    """The colours of a scheme of Vega, from its least to its greatest value, as Vega itself draws them."""
    chart = {
        "data": {"values": [{"at": at} for at in range(steps)]},
        "mark": "rect",
        "encoding": {
            "x": {"field": "at", "type": "ordinal"},
            "color": {"field": "at", "type": "quantitative", "scale": {"scheme": name}, "legend": None},
        },
    }
    svg = vl_convert.vegalite_to_svg(chart)
    found = COLOUR.findall(svg)
    return [f"#{int(red):02x}{int(green):02x}{int(blue):02x}" for red, green, blue in found[:steps]]


def test_lab_of_known_colours() -> None:
    """Reference values: Lindbloom's calculator for sRGB and D65."""
    assert lab(linear("#ffffff")) == pytest.approx((100, 0, 0), abs=0.05)
    assert lab(linear("#ff0000")) == pytest.approx((53.24, 80.09, 67.20), abs=0.05)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("sight", BLIND)
def test_colours_of_encoders_are_told_apart(sight: str) -> None:
    worst = min(distance(one, other, BLIND[sight]) for one, other in itertools.combinations(OKABE_ITO, 2))
    assert worst >= TOLD_APART


def test_neighbours_differ_in_shape_too() -> None:
    pairs = [(OKABE_ITO[place % len(OKABE_ITO)], SHAPES[place % len(SHAPES)]) for place in range(56)]
    assert len(set(pairs)) == 56


@pytest.mark.parametrize("sight", BLIND)
def test_a_greater_score_is_lighter_for_everybody(sight: str) -> None:
    # Luminance, not L*: at the yellow end the simulation leaves what a screen can show.
    light = [np.dot((0.2126, 0.7152, 0.0722), BLIND[sight] @ linear(code)) for code in scheme("viridis")]
    assert len(light) == 41
    assert np.all(np.diff(light) > 0)


@pytest.mark.parametrize("sight", BLIND)
def test_differences_have_two_sides_that_are_told_apart(sight: str) -> None:
    codes = scheme("blueorange")
    light = np.array([lab(BLIND[sight] @ linear(code))[0] for code in codes])
    middle = len(codes) // 2
    # Lightest in the middle, darker towards both ends by about as much.
    assert abs(int(light.argmax()) - middle) <= 1
    assert np.all(np.diff(light[: middle - 1]) > 0)
    assert np.all(np.diff(light[middle + 1 :]) < 0)
    for step in range(4, middle + 1, 4):
        assert distance(codes[middle - step], codes[middle + step], BLIND[sight]) >= TOLD_APART


@pytest.mark.parametrize("gap", [False, True])
def test_numbers_in_cells_are_read(tmp_path_factory: pytest.TempPathFactory, gap: bool) -> None:
    board = many(tmp_path_factory.mktemp("cells"), ("mbert", "xlmr-base", "labse"), seeds=1, items=100)
    chart = plots.heatmap(board.tables()[0], plots.Look(), gap=gap).to_dict()
    rows = [row for several in chart["datasets"].values() for row in several if row.get("value") is not None]
    values = [row["value"] for row in rows]
    least, most = min(values), max(values)
    if gap:
        least, most = -max(map(abs, (least, most))), max(map(abs, (least, most)))
    codes = scheme("blueorange" if gap else "viridis", 201)
    assert len(rows) == 45
    for row in rows:
        behind = codes[round(200 * (row["value"] - least) / (most - least))]
        assert contrast(row["ink"], behind) >= 4.5, row
