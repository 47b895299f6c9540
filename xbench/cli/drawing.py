"""A board on a terminal: tables in blocks of columns as wide as it is, and what must be known beside them.

Colours are of Okabe and Ito's set, which colour-blind people tell apart, and never the only sign of anything; rich
leaves them out where NO_COLOR is set or nobody looks at a terminal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from unicodedata import bidirectional

import typer
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Drawn
from rich.text import Text

from xbench.board import Board
from xbench.cli.literature import draw_published, without_runs
from xbench.export.escaping import plain
from xbench.export.figures import Figure, Grid, Row
from xbench.export.grid import grids, over_tasks
from xbench.export.remarks import Remark, of_board, remarks
from xbench.export.view import Shown, View, shown
from xbench.published import Published

STYLES = {"": "", "first": "bold #56B4E9", "best": "bold #56B4E9", "worst": "#E69F00"}

FIRST = 25
"""Rows of a ranking that a reader looks through."""
ACROSS = 10
"""Encoders of which the languages are drawn."""

KEY = 34
HEAD = 18
"""Cells of a terminal that a name takes at most before it is folded: at the left of a row, over a column."""
GAP = 2


def draw(
    board: Board, tasks: tuple[str, ...] = (), published: tuple[Published, ...] = (), *, view: View | None = None
) -> None:
    """Draw a board on standard output, below each table what was published, and say what was refused.

    `tasks` may name some that only the literature has; what else is shown of the board's own tables says `view`.
    """
    console = Console(highlight=False)
    own = tuple(task for task in tasks if task in board.tasks())
    view = replace(view or View(), tasks=own, first=FIRST)
    several = shown(board, view) if own or not tasks else ()
    for one in several:
        _draw_table(console, board, one, view)
        if published:
            seen = replace(one.table, languages=one.languages, columns=tuple(entry.column for entry in one.entries))
            draw_published(console, board, seen, published)
    for table in without_runs(board, tasks, published):
        draw_published(console, board, table, published)
    if means := over_tasks(board, several):
        _draw_grid(console, replace(means, sections=tuple(rows[:FIRST] for rows in means.sections)))
        if (total := sum(map(len, means.sections))) > FIRST:
            _say(console, Remark(f"The first {FIRST} of {total}; --encoder names others, --format json writes all."))
        console.print()
    for remark in of_board(board):
        _say(console, remark)


def tell(board: Board) -> None:
    """Write to stderr what `draw` says of the whole board, where what is written has no place for it.

    Counts that cannot be used are known only once tables were made.
    """
    for remark in of_board(board):
        typer.echo(f"note: {shielded(remark.text)}", err=True)


def _draw_table(console: Console, board: Board, one: Shown, view: View) -> None:
    if not one.entries:
        console.print(Text(plain(f"{one.table.task} · {one.table.metric}"), style="bold"))
    for grid in grids(board, one, view):
        _draw_grid(console, grid if grid.name == "ranking" else _narrowed(grid, view))
    if len(one.entries) > ACROSS:
        _say(console, Remark(f"Languages: the first {ACROSS} encoders; --encoder names others."))
    for remark in remarks(one):
        _say(console, remark)
    console.print()


def _narrowed(grid: Grid, view: View) -> Grid:
    """The grid with the first encoders only."""
    columns = ACROSS + (1 if view.details and grid.name == "languages" else 0)
    sections = tuple(tuple(replace(row, figures=row.figures[:columns]) for row in section) for section in grid.sections)
    return replace(grid, heads=grid.heads[:columns], sections=sections)


def _say(console: Console, remark: Remark) -> None:
    console.print(Text(shielded(remark.text), style="#E69F00" if remark.warns else "dim"))


def _draw_grid(console: Console, grid: Grid) -> None:
    for number, places in enumerate(_blocks(grid, console.width)):
        title = f"{grid.title.partition(' · ')[0]} (further columns)" if number else grid.title
        console.print(Text(shielded(title), style="bold"))
        console.print(_drawn(grid, places, console.width))


def _blocks(grid: Grid, width: int) -> Iterator[Sequence[int]]:
    """Places of the columns that fit beside each other; one at least, and never a number cut in two."""
    keys = sum(_key_width(grid, at, width) + GAP for at in range(len(grid.keys)))
    block: list[int] = []
    used = keys
    for at in range(len(grid.heads)):
        needed = _column_width(grid, at) + GAP
        if block and used + needed - GAP > width:
            yield block
            block, used = [], keys
        block.append(at)
        used += needed
    if block or not grid.heads:
        yield block


def _rows(grid: Grid) -> Iterator[Row]:
    return (row for section in grid.sections for row in section)


def _key_width(grid: Grid, at: int, width: int) -> int:
    """Cells of a key column: as its longest name, but no more than a third of the terminal or KEY."""
    names = [shielded(row.keys[at]) for row in _rows(grid)]
    longest = max((cell_len(text) for text in (grid.keys[at], *names)), default=1)
    return max(cell_len(grid.keys[at]), min(longest, KEY, max(8, width // 3)))


def _column_width(grid: Grid, at: int) -> int:
    """Cells of a column: as its widest figure; its heading is folded where it is longer than that and HEAD."""
    figures = max((cell_len(shielded(str(row.figures[at]))) for row in _rows(grid)), default=1)
    return max(figures, min(HEAD, max(cell_len(shielded(line)) for line in grid.heads[at])))


def _drawn(grid: Grid, places: Sequence[int], width: int) -> Drawn:
    drawn = Drawn(box=SIMPLE_HEAD, pad_edge=False, padding=(0, GAP - 1, 0, 0), show_edge=False, header_style="bold")
    for at, key in enumerate(grid.keys):
        drawn.add_column(Text(key), overflow="fold", width=_key_width(grid, at, width))
    for at in places:
        head = Text("\n".join(map(shielded, grid.heads[at])))
        drawn.add_column(head, justify="right", overflow="fold", width=_column_width(grid, at), vertical="bottom")
    for section in grid.sections:
        for row in section:
            names = [Text(shielded(key)) for key in row.keys]
            figures = [_text(row.figures[at]) for at in places]
            drawn.add_row(*names, *figures, style="bold" if row.mean else "")
        drawn.add_section()
    return drawn


def _text(figure: Figure) -> Text:
    found = Text(shielded(figure.value), style=STYLES[figure.mark])
    return found.append(f" {figure.around}", style="dim") if figure.around else found


def shielded(text: str) -> str:
    """Text that steers no terminal; a mark after right-to-left words keeps them from drawing numbers to their side."""
    found: list[str] = []
    turned = False
    for sign in plain(text):
        kind = bidirectional(sign)
        if turned and kind not in {"R", "AL", "NSM", "WS"}:
            found.append("\u200e")
            turned = False
        turned = turned or kind in {"R", "AL"}
        found.append(sign)
    return "".join(found) + ("\u200e" if turned else "")
