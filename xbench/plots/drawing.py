"""A chart -> the bytes of a picture, without a browser and without the network."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vl_convert

from xbench.errors import BadOption

DOTS = 300
"""Of a PNG, per inch."""

FORMATS = ("svg", "png", "pdf")

_SIZE = re.compile(r'(<svg [^>]*?)width="([\d.]+)" height="([\d.]+)"')


def drawn(chart: Any, format: str, fonts: Path | None = None) -> bytes:
    """The picture of a chart: svg keeps text as text; png has 300 dots per inch; the same chart gives the same bytes.

    Args:
        chart: what one of the functions of this package gave.
        format: one of FORMATS.
        fonts: a folder of font files to take beside the built-in ones and those of the system.

    Raises:
        BadOption: an unknown format, or a folder that is not there.
    """
    if fonts is not None:
        if not fonts.is_dir():
            raise BadOption(f"--font-dir {fonts} is no folder; give one that holds .ttf or .otf files")
        vl_convert.register_font_directory(str(fonts))
    made: dict[str, Callable[[dict[str, Any]], bytes]] = {
        "svg": lambda spec: _in_points(vl_convert.vegalite_to_svg(spec)).encode(),
        "png": lambda spec: vl_convert.vegalite_to_png(spec, scale=1, ppi=DOTS),
        "pdf": lambda spec: vl_convert.vegalite_to_pdf(spec),
    }
    if format not in made:
        raise BadOption(f"a chart is written as {', '.join(FORMATS)}, not as {format!r}")
    return made[format](chart.to_dict())


def _in_points(svg: str) -> str:
    """An SVG whose size is told in points: a bare number is a 96th of an inch to a viewer, and text would be small."""
    return _SIZE.sub(r'\1width="\2pt" height="\3pt"', svg, count=1)
