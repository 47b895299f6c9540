"""A verdict as JSON, schema `xbench.verdict/1`: everything, for programs. Values are 0..1, not points."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any

from xbench.gate.verdict import Verdict
from xbench.report.sections import word

SCHEMA = "xbench.verdict/1"

_STEERING = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]|##(?=\\[)"
)
"""Characters that steer a terminal or the direction of writing; and what the runner of GitHub Actions takes for the
beginning of a command."""


def as_json(verdict: Verdict, command: str = "") -> str:
    """The fields of `xbench.gate.verdict.Verdict`, and `schema`, `verdict` (a word) and `command`.

    What is not known, or no number, is null. `harmed` and `improved` name cells; their figures stand in `cells`.
    """
    fields = asdict(verdict)
    fields["harmed"] = [_name(cell) for cell in fields["harmed"]]
    fields["improved"] = [_name(asdict(cell)) for cell in verdict.improved]
    return dumped({"schema": SCHEMA, "verdict": word(verdict), "command": command} | fields)


def _name(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {"task": cell["task"], "language": cell["language"]}


def dumped(tree: Mapping[str, Any]) -> str:
    """A tree as JSON with escapes in place of characters that a reader would not see."""
    text = json.dumps(_finite(tree), indent=1, ensure_ascii=False, allow_nan=False)
    return _STEERING.sub(lambda found: "".join(f"\\u{ord(sign):04x}" for sign in found.group()), text) + "\n"


def _finite(tree: Any) -> Any:
    """The tree with null for what is no number, and text for what JSON has no form for."""
    if isinstance(tree, float):
        return tree if isfinite(tree) else None
    if isinstance(tree, Mapping):
        return {str(key): _finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple | set | frozenset):
        return [_finite(value) for value in (sorted(tree) if isinstance(tree, set | frozenset) else tree)]
    return tree if isinstance(tree, str | int | None) else str(tree)
