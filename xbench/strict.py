"""JSON that has one meaning only, for files that anybody may have written."""

import json
from typing import Any


def loads(raw: bytes) -> Any:
    """Read JSON in which no key stands twice in one object and every number is one that JSON knows.

    Raises ValueError for anything else, RecursionError where it is nested too deep.
    """
    return json.loads(raw, object_pairs_hook=_no_doubles, parse_constant=_no_constant)


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return tree


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that JSON knows")
