"""A verdict of the gate, written for the outside: one file for each format, pure functions from a Verdict to text.

Names in records are anybody's; each format escapes them in its own way. Nothing here reads a clock or a folder: the
same verdict gives the same bytes.
"""

from collections.abc import Callable, Mapping

from xbench.gate.verdict import Verdict
from xbench.report.as_json import as_json
from xbench.report.github import annotations
from xbench.report.junit import junit
from xbench.report.markdown import markdown
from xbench.report.text import text

__all__ = ["WRITERS", "annotations", "as_json", "junit", "markdown", "text"]

WRITERS: Mapping[str, Callable[[Verdict, str], str]] = {
    "text": text, "json": as_json, "md": markdown, "junit": junit, "github": annotations,
}  # fmt: skip
"""Format -> what writes a verdict in it; the second argument is the command that judged, to be repeated."""
