"""A chart for paper -> the same chart for a screen: everything a little larger, nothing laid out anew."""

from typing import Any

LENGTHS = frozenset((
    "width", "height", "fontSize", "labelFontSize", "titleFontSize", "subtitleFontSize", "minExtent", "maxExtent",
    "labelLimit", "labelPadding", "titlePadding", "subtitlePadding", "offset", "dx", "dy", "xOffset", "yOffset",
    "strokeWidth", "thickness", "tickSize", "padding", "spacing", "continuousWidth", "continuousHeight",
))  # fmt: skip
"""Members of a Vega-Lite spec that are lengths in pixels."""

AREAS = frozenset(("symbolSize",))

ROUND = frozenset(("point", "circle", "square"))
"""Marks whose size is an area; that of a tick is its length, and a text has none."""

DATA = frozenset(("data", "datasets", "transform", "domain", "range", "text", "title"))
"""Members that hold no lengths, or may hold anybody's names; of a title only its own sizes are looked at."""


def enlarged(spec: dict[str, Any], factor: float) -> dict[str, Any]:
    """A copy of a spec with all lengths times `factor`; sizes of points are areas and grow by its square."""
    grown = {key: _member(key, value, spec, factor) for key, value in spec.items()}
    return grown | _whole(grown) if "config" in grown else grown


def _whole(grown: dict[str, Any]) -> dict[str, Any]:
    """What Streamlit needs of a chart that is laid out already.

    It squeezes title, axes and legend into the height of the marks unless told not to, and it writes into the padding,
    which it expects side by side.
    """
    edge = grown.get("padding", 0)
    sides = edge if isinstance(edge, dict) else dict.fromkeys(("left", "right", "top", "bottom"), edge)
    return {"autosize": {"type": "pad", "contains": "content"}, "padding": sides}


def _member(key: str, value: Any, within: dict[str, Any], factor: float) -> Any:
    if key == "title" and isinstance(value, dict):
        return {name: _number(name, part, factor) for name, part in value.items()}
    if key in DATA:
        return value
    if key == "scale" and isinstance(value, dict):
        return value  # shares of a step, and values of the data
    if key == "strokeDash":
        return [factor * part for part in value]
    if key == "size" and isinstance(value, int | float):
        return value * (factor**2 if within.get("type") in ROUND else factor)
    if isinstance(value, dict):
        return enlarged(value, factor)
    if isinstance(value, list):
        return [enlarged(part, factor) if isinstance(part, dict) else part for part in value]
    return _number(key, value, factor)


def _number(key: str, value: Any, factor: float) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return value * factor if key in LENGTHS else value * factor**2 if key in AREAS else value
