"""A chart -> the bytes of a picture, without a browser and without the network."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import vl_convert

from xbench.errors import BadOption

DOTS = 300
"""Of a PNG, per inch."""

FORMATS = ("svg", "png", "pdf")

_PART = re.compile(r'id="((?:gradient_|clip)\d+)"')
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
        "svg": lambda spec: _told(vl_convert.vegalite_to_svg(spec), str(spec.get("description", ""))).encode(),
        "png": lambda spec: vl_convert.vegalite_to_png(spec, scale=1, ppi=DOTS),
        "pdf": vl_convert.vegalite_to_pdf,
    }
    if format not in made:
        raise BadOption(f"a chart is written as {', '.join(FORMATS)}, not as {format!r}")
    return made[format](chart.to_dict())


def _told(svg: str, description: str) -> str:
    """An SVG with its alternative text, and its size in points: a bare number is a 96th of an inch to a viewer."""
    text = quoteattr(description)
    # Vega numbers its parts through the life of a process.
    for place, name in enumerate(dict.fromkeys(_PART.findall(svg))):
        svg = svg.replace(f'id="{name}"', f'id="part-{place}"').replace(f"(#{name})", f"(#part-{place})")
    root = _SIZE.match(svg)
    if root is None:
        return svg
    return f'{root[1]}role="img" aria-label={text} width="{root[2]}pt" height="{root[3]}pt"{svg[root.end() :]}'
