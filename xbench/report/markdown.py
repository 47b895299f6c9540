"""A verdict as Markdown, for a comment on a pull request or the summary of a job: never too long to be posted."""

import re
from collections.abc import Sequence

from xbench.export.escaping import for_markdown, plain
from xbench.gate.verdict import Verdict
from xbench.report.sections import Section, clipped, headline, origins, sections

LIMIT = 64_999
"""Characters; a comment on GitHub may have 65,536."""
LONGEST = 200
"""Characters of a name or a reason that are shown; JSON has all of them."""
SENTENCE = 1_000
"""Characters of a sentence, before it is escaped."""


def markdown(verdict: Verdict, command: str = "") -> str:
    """The report; where it would be longer than LIMIT, the longest tables lose their last rows, and say how many."""
    return fitted(headline(verdict), sections(verdict), _origin(verdict, command))


def fitted(title: str, parts: Sequence[Section], tail: str = "") -> str:
    """Title, parts and tail in at most LIMIT characters, rows of the longest tables left out."""
    head = f"### {_cell(title, SENTENCE)}\n"
    rendered = [[_row(part, row) for row in part.rows] for part in parts]
    blocks = [_block(part, rows) for part, rows in zip(parts, rendered, strict=True)]
    lengths = [sum(map(len, rows)) for rows in rendered]
    # What stands between blocks, and the line about blocks that are left out, fit into the reserve.
    room = LIMIT - len(head) - len(tail) - 200
    size = sum(map(len, blocks)) + len(blocks)
    while size > room and any(lengths):
        longest = lengths.index(max(lengths))
        # A fifth less at a time: the loop ends after some dozens of rounds, and little more is cut than must be.
        rows = rendered[longest]
        del rows[len(rows) - max(1, len(rows) // 5) :]
        size -= len(blocks[longest])
        blocks[longest], lengths[longest] = _block(parts[longest], rows), sum(map(len, rows))
        size += len(blocks[longest])
    kept = len(blocks)
    while size > room:
        kept -= 1
        size -= len(blocks[kept]) + 1
    rest = f"… and {len(blocks) - kept} more parts, left out here.\n" if kept < len(blocks) else ""
    return "\n".join(filter(None, [head, *blocks[:kept], rest, tail]))


def _block(part: Section, rows: Sequence[str]) -> str:
    left_out = len(part.rows) - len(rows)
    lines = [_cell(part.said, SENTENCE) + "\n"] if part.said else []
    lines += [_heads(part)] if part.heads and rows else []
    lines += rows
    if left_out:
        lines.append(f"\n… and {left_out} more, left out here." if rows else f"{left_out} rows, left out here.")
    body = "\n".join(lines).rstrip("\n") + "\n"
    if part.long:
        return f"<details><summary>{_cell(part.title)}</summary>\n\n{body}\n</details>\n"
    return f"**{_cell(part.title)}**\n\n{body}"


def _heads(part: Section) -> str:
    rules = [" --- "] * part.names + [" ---: "] * (len(part.heads) - part.names)
    return f"| {' | '.join(map(_cell, part.heads))} |\n|{'|'.join(rules)}|"


def _row(part: Section, row: Sequence[str]) -> str:
    if part.heads:
        return f"| {' | '.join(_cell(cell) for cell in row)} |"
    return "\n".join(f"- {_cell(cell)}" for cell in row)


def _cell(said: str, most: int = LONGEST) -> str:
    return for_markdown(clipped(plain(said), most))


def _origin(verdict: Verdict, command: str) -> str:
    """What was compared and how to do it again, as a block of code: nothing in it is markup."""
    lines = [f"{name}: {clipped(plain(said), SENTENCE)}" for name, said in origins(verdict, command) if said]
    body = "\n".join(lines)
    fence = "`" * (1 + max([2, *map(len, re.findall("`+", body))]))
    return f"<details><summary>What was compared</summary>\n\n{fence}text\n{body}\n{fence}\n\n</details>\n"
