"""The verb `export`."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from xbench.board import Board, load_board
from xbench.cli.folders import folders
from xbench.cli.words import codes
from xbench.errors import BadOption, Unwritable
from xbench.examples import appear

Format = Literal["every-eval-ever", "hf-eval-results", "model-index", "mteb", "lm-eval", "csv", "latex"]

OF_FILES = (".json", ".yaml", ".yml", ".csv", ".tex", ".md", ".txt")
"""Endings by which `--out` names a file; with others it names a folder."""
CHOOSE = "by --task and --encoder"


def export(
    to: Annotated[Format, typer.Option("--to", help="The outside format.")],
    board: Annotated[
        list[Path] | None, typer.Option("--board", help="Folder of records; give it again to read several.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="Only these tasks.")] = None,
    encoder: Annotated[list[str] | None, typer.Option("--encoder", help="Only these encoders.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR|FILE", help="Where it is written; without it one file goes to the output."),
    ] = None,
) -> None:
    """Write the zero-shot scores of a board in the format of another project.

    \b
    Examples:
      xbench export --to every-eval-ever --board leaderboards/local --out eee
      xbench export --to hf-eval-results --task xnli --encoder xlmr-base
      xbench export --to latex --task xnli --out xnli.tex
    """
    files, notes = _made(to, load_board(*folders(board)), codes(task), codes(encoder))
    for note in dict.fromkeys(notes):
        typer.echo(f"note: {note}", err=True)
    if not files:
        raise BadOption(f"nothing on this board can be exported as {to}{'; the notes above say why' if notes else ''}")
    if out is None:
        if len(files) > 1:
            raise BadOption(f"this makes {len(files)} files; give a folder with --out DIR, or choose {CHOOSE}")
        typer.echo(next(iter(files.values())), nl=False)
        return
    for path in write(_places(files, out)):
        typer.echo(path)


def _made(
    to: Format, board: Board, tasks: Sequence[str], encoders: Sequence[str]
) -> tuple[Mapping[str, str], Sequence[str]]:
    """File name -> text, and what a reader should know of what is not in them."""
    from xbench.export.escaping import plain
    from xbench.export.remarks import of_board

    if to in ("csv", "latex"):
        from xbench.export import tables
        from xbench.export.view import View

        view = View(tasks=tuple(tasks), encoders=tuple(encoders))
        name, text = ("board.csv", tables.csv(board, view)) if to == "csv" else ("board.tex", tables.latex(board, view))
        notes = tuple(plain(remark.text) for remark in of_board(board))
        return {name: text if text.endswith("\n") else f"{text}\n"}, notes
    from xbench.export.results import gathered

    transfers, notes = gathered(board, tasks, encoders)
    files, own = _exporter(to)(transfers)
    return files, (*notes, *own, *(plain(remark.text) for remark in of_board(board)))


def _exporter(to: str) -> Callable[..., tuple[dict[str, str], list[str]]]:
    """The function that writes a format. Opened when it is asked for: some need a library that takes a while."""
    from xbench.export import every_eval_ever, hf_eval_results, lm_eval, model_index, mteb

    return {
        "every-eval-ever": every_eval_ever.files, "hf-eval-results": hf_eval_results.files, "lm-eval": lm_eval.files,
        "model-index": model_index.files, "mteb": mteb.files,
    }[to]  # fmt: skip


def _places(files: Mapping[str, str], out: Path) -> dict[Path, str]:
    """Where each file goes: to FILE, where `out` ends as files do and is no folder; else below the folder.

    Raises BadOption where several files were to become one.
    """
    if out.suffix not in OF_FILES or out.is_dir():
        return {out / name: text for name, text in files.items()}
    if len(files) > 1:
        raise BadOption(f"this makes {len(files)} files, and {out} names one; give a folder, or choose {CHOOSE}")
    ((_, text),) = files.items()
    return {out: text}


def write(files: Mapping[Path, str]) -> tuple[Path, ...]:
    """Write all files, or none where one would change what is there. Equal ones stay as they are.

    Raises Unwritable.
    """
    taken = []
    try:
        for path, text in files.items():
            if path.is_symlink() or (path.exists() and (not path.is_file() or path.read_bytes() != text.encode())):
                taken.append(path)
        if taken:
            raise Unwritable(
                f"{', '.join(map(str, taken[:3]))}{f' and {len(taken) - 3} more' if len(taken) > 3 else ''}: stands "
                "there already with other content, and nothing is overwritten. Give another --out, or remove it."
            )
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                appear(path, text.encode())
    except OSError as cause:
        where = os.fspath(cause.filename) if cause.filename else "--out"
        raise Unwritable(f"cannot write to {where}: {cause.strerror or cause}. Give another --out.") from cause
    return tuple(files)
