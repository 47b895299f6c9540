"""The verb `plot`."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xbench.board import Board, Table, load_board
from xbench.cli.words import codes
from xbench.errors import BadOption, UnknownName, Unwritable
from xbench.examples import appear

if TYPE_CHECKING:
    from xbench.plots import Chart, Look

Kind = Literal["heatmap", "dumbbell", "scatter", "strips", "forest"]
Fact = Literal["script", "family", "resource_class", "macro_area"]
Names = Literal["english", "autonym", "code"]
FORMATS = (".svg", ".png", ".pdf")


def plot(
    kind: Annotated[Kind, typer.Argument(help="What is drawn.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where it goes: a .svg, .png or .pdf.")],
    board: Annotated[
        list[Path] | None, typer.Option("--board", help="Folder of records; give it again to read several.")
    ] = None,
    task: Annotated[str, typer.Option("--task", help="The task; needed where the board has several.")] = "",
    metric: Annotated[str, typer.Option("--metric", help="The metric; needed where the task has several.")] = "",
    encoder: Annotated[
        list[str] | None, typer.Option("--encoder", help="Only these encoders, in this order; ranks stay as they are.")
    ] = None,
    names: Annotated[Names, typer.Option("--names", help="How languages are called.")] = "english",
    width: Annotated[float, typer.Option("--width", help="Inches: 3.3 for a column of a paper, 7 for a page.")] = 7.0,
    gap: Annotated[bool, typer.Option("--gap", help="heatmap: what is lost from the source.")] = False,
    by: Annotated[Fact, typer.Option("--by", help="strips: what languages are grouped by.")] = "script",
    group: Annotated[
        str, typer.Option("--group", help="scatter: low-resource, other script, other family or unseen.")
    ] = "low-resource",
    font_dir: Annotated[
        Path | None, typer.Option("--font-dir", metavar="DIR", help="Fonts for a .png or .pdf, as autonyms need them.")
    ] = None,
) -> None:
    """Draw one task of a board as a picture for a paper, and print its alternative text.

    heatmap shows languages by encoders; dumbbell an encoder's source and targets, or two encoders; scatter the mean of
    a group of languages against the mean of all; strips the languages of each script, family, class or part of the
    world; forest the paired differences of two encoders.

    \b
    Examples:
      xbench plot heatmap --task xnli --out xnli.pdf
      xbench plot heatmap --task xnli --gap --width 3.3 --out gap.svg
      xbench plot dumbbell --task xnli --encoder xlmr-base --out xlmr.png
      xbench plot forest --task xnli --encoder xlmr-base,mbert --out difference.svg
    """
    _sense(out, names, font_dir)
    _installed()
    from xbench import plots

    found = load_board(*(board or [Path("leaderboards/local")]))
    table = plots.chosen(_table(found, task, metric), codes(encoder))
    look = plots.Look(width=width, names=names)
    chart = _chart(kind, found, table, look, gap=gap, by=by, group=group)
    _write(out, plots.drawn(chart, out.suffix.lower().removeprefix("."), font_dir))
    typer.echo(f"{out}: {chart.description}")


def _sense(out: Path, names: Names, font_dir: Path | None) -> None:
    """Raise BadOption for a format that is not there, and for names that a picture would show as boxes."""
    if out.suffix.lower() not in FORMATS:
        raise BadOption(f"--out {out} must end in {', '.join(FORMATS)}: the ending says how it is written")
    svg = out.suffix.lower() == ".svg"
    if names == "autonym" and not svg and font_dir is None:
        raise BadOption(
            "autonyms in a .png or .pdf need fonts that cover their scripts: give --font-dir, or write an .svg, whose "
            "text the viewer draws, or take --names english"
        )
    if font_dir is not None and svg:
        raise BadOption("--font-dir is for a .png or .pdf; an .svg keeps text as text, and the viewer has the fonts")


def _write(out: Path, picture: bytes) -> None:
    """Write the picture, or leave an equal one as it is. Raises Unwritable, also where other content stands there."""
    try:
        if not out.is_symlink() and not out.exists():
            appear(out, picture)
        elif out.is_symlink() or not out.is_file() or out.read_bytes() != picture:
            raise Unwritable(
                f"{out} stands there already with other content, and nothing is overwritten. "
                "Give another --out, or remove it."
            )
    except OSError as cause:
        raise Unwritable(f"{out} cannot be written: {cause.strerror}") from cause


def _installed() -> None:
    """Raise BadOption where what drawing needs is not installed."""
    packages = {"altair": "altair", "vl_convert": "vl-convert-python"}
    if lacking := [name for module, name in packages.items() if find_spec(module) is None]:
        raise BadOption(f'this needs {" and ".join(lacking)}: pip install "xbench[plot]" brings them')


def _table(board: Board, task: str, metric: str) -> Table:
    """The one table that is meant. Raises BadOption where several are, UnknownName for one that is not there."""
    there = board.tasks()
    if task and task not in there:
        raise UnknownName("task on this board:", task, there)
    if not task and len(there) != 1:
        raise BadOption(f"a picture shows one task; give --task. There are: {', '.join(sorted(there)) or 'none'}.")
    tables = board.tables((task or there[0],))
    own = {table.metric: table for table in tables}
    if metric and metric not in own:
        raise UnknownName(f"metric that ranks {tables[0].task}:", metric, own)
    if not metric and len(own) > 1:
        raise BadOption(f"{tables[0].task} is ranked by several metrics; give --metric: {', '.join(sorted(own))}")
    return own[metric] if metric else tables[0]


def _chart(kind: Kind, board: Board, table: Table, look: "Look", *, gap: bool, by: Fact, group: str) -> "Chart":
    """The chart that is asked for. Raises BadOption for an option of another kind."""
    from xbench import plots

    given = {
        "--gap": ("heatmap", gap),
        "--by": ("strips", by != "script"),
        "--group": ("scatter", group != "low-resource"),
    }
    for option, (owner, set_) in given.items():
        if set_ and owner != kind:
            raise BadOption(f"{option} belongs to {owner}, not to {kind}")
    if kind == "heatmap":
        return plots.heatmap(table, look, gap=gap)
    if kind == "dumbbell":
        return plots.dumbbell(table, look)
    if kind == "scatter":
        return plots.scatter(board, table, look, group=group)
    if kind == "strips":
        return plots.strips(table, look, by=by)
    return plots.forest(board, table, look)
