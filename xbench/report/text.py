"""A verdict as plain text, for a terminal and for the log of a build."""

from collections.abc import Sequence
from textwrap import wrap

from rich.cells import cell_len

from xbench.export.escaping import plain
from xbench.gate.verdict import Verdict
from xbench.report.sections import Section, clipped, headline, origins, sections

WIDTH = 100
LONGEST = 300
"""Characters of one text that are shown; JSON has all of them."""


def text(verdict: Verdict, command: str = "") -> str:
    """The report in lines; tables are as wide as they must be. Lists of everything are left to the other formats."""
    blocks = [shielded(headline(verdict))]
    blocks += [drawn(section) for section in sections(verdict) if not section.long]
    pairs = [(name, shielded(said)) for name, said in origins(verdict, command) if said]
    blocks.append("\n".join(aligned(pairs, names=2)))
    return "\n\n".join(blocks) + "\n"


def drawn(section: Section) -> str:
    """One section: its title, its sentence, its table or list."""
    lines = [shielded(section.title)]
    lines += wrap(shielded(section.said, longest=20 * LONGEST), WIDTH, initial_indent="  ", subsequent_indent="  ")
    if section.heads:
        rows = [tuple(map(shielded, row)) for row in (section.heads, *section.rows)]
        lines += [f"  {line}" for line in aligned(rows, names=section.names)]
    else:
        lines += [f"  - {shielded(cell)}" for row in section.rows for cell in row]
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]], names: int) -> list[str]:
    """Rows in columns: the first `names` to the left, figures to the right."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for at, (cell, width) in enumerate(zip(row, widths, strict=True)):
            blank = " " * (width - cell_len(cell))
            cells.append(cell + blank if at < names else blank + cell)
        lines.append("  ".join(cells).rstrip())
    return lines


def shielded(said: str, longest: int = LONGEST) -> str:
    """Text in one line that steers no terminal, and that the runner of GitHub Actions takes for no command.

    The runner reads `::name::` at the beginning of a line of a log, and `##[name]` anywhere in it.
    """
    return clipped(plain(said), longest).replace("::", ": :").replace("##[", "## [")
