"""The verbs around a run: `mirror` and `doctor`."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from xbench import arrays, catalogue
from xbench.cache import cache_dir
from xbench.cli.words import codes, languages_of
from xbench.errors import BadOption, UnknownName
from xbench.mirror import Piece, pieces
from xbench.mirror import mirror as fetch
from xbench.task import Task

NEEDED = ("torch", "transformers", "tokenizers", "datasets", "huggingface-hub", "pandas", "pyarrow", "numpy")


def mirror(
    to: Annotated[Path, typer.Option(help="Folder of the mirror; repositories land in DIR/owner/name.")],
    suite: Annotated[str, typer.Option(help="Fetch what the tasks of this suite read.")] = "",
    task: Annotated[list[str] | None, typer.Option(help="Fetch what this task reads. May be given again.")] = None,
    languages: Annotated[str, typer.Option(help="Only these targets, and the source: de,sw or all.")] = "all",
) -> None:
    """Download data sets from the Hub into a mirror, to run later without a network.

    A mirror that is there already is completed; nothing in it is fetched twice.

    \b
    Examples:
      xbench mirror --suite classification --to ~/mirror
      xbench run --encoder xlmr-base --task xnli --data ~/mirror
    """
    opened = catalogue.suites.open(suite).tasks if suite else codes(task)
    if not opened or (suite and task):
        raise BadOption("name what to fetch with --suite or with --task, one of the two")
    wanted = _pieces([catalogue.tasks.open(name) for name in opened], languages_of(languages))
    report = fetch(wanted, to, progress=lambda line: print(line, file=sys.stderr))
    table = Table("repository", "commit", "files", "MiB", box=SIMPLE)
    for repo in report.repositories:
        table.add_row(repo.repo, repo.commit, str(repo.files), f"{repo.bytes / 2**20:.1f}")
    console = Console()
    console.print(table)
    for cell in report.missing:
        console.print(f"missing {cell.language}/{cell.split}: {cell.why}", markup=False)
    if not report.repositories:
        console.print("Nothing to fetch: the data of these tasks are made by this machine itself.")


def _pieces(tasks: Sequence[Task], wanted: tuple[str, ...]) -> list[Piece]:
    """What the tasks need in these languages, all for none. Raises UnknownName for one that no task has."""
    meant = {task.name: catalogue.targets(task, wanted) for task in tasks}
    for code in wanted:
        if all(code in strange for _, strange in meant.values()):
            known = {target for task in tasks for target in task.targets}
            raise UnknownName(f"language of {', '.join(meant)}:", code, known)
    return [piece for task in tasks if meant[task.name][0] for piece in pieces(task, meant[task.name][0])]


def doctor() -> None:
    """Say what this installation can do: versions, device, caches, plugins, and what is wrong with them.

    \b
    Example:
      xbench doctor
    """
    table = Table("what", "found", show_header=False, box=SIMPLE)
    table.add_row("xbench", version("xbench"))
    table.add_row("Python", f"{platform.python_version()} on {platform.platform()}")
    for package in NEEDED:
        table.add_row(package, _version(package))
    table.add_row("device", _device())
    table.add_row("cache of xbench", str(cache_dir()))
    table.add_row("token ids in it", _token_ids())
    table.add_row("cache of the Hub", os.environ.get("HF_HOME", str(Path.home() / ".cache" / "huggingface")))
    table.add_row(
        "Hub", "offline (HF_HUB_OFFLINE)" if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0") else "online"
    )
    doors = (catalogue.tasks, catalogue.suites, catalogue.encoders, catalogue.recipes, catalogue.metrics)
    for door in doors if find_spec("torch") is None else (*doors, catalogue.kinds):
        values, faults = catalogue.opened(door)
        table.add_row(f"{door.what}s", "\n".join([f"{len(values)} usable", *faults.values()]))
    Console().print(table)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return 'missing; `pip install "xbench[run]"` brings what fine-tuning needs'


def _token_ids() -> str:
    """Where token ids are kept, how many times texts were tokenized for them, and how much room they take."""
    try:
        limit = arrays.room()
    except BadOption as wrong:
        return str(wrong)
    kept = arrays.entries()
    size = sum(entry.size for entry in kept) / 2**20
    return f"{arrays.place()}: {len(kept)} tokenizations, {size:,.1f} of {limit / 2**20:,.0f} MiB"


def _device() -> str:
    """What torch would compute on; found by another process, so that this one need not load it."""
    if find_spec("torch") is None:
        return "none: torch is not installed"
    asked = (
        "import torch; print('CUDA: ' + torch.cuda.get_device_name() if torch.cuda.is_available() "
        "else f'CPU with {torch.get_num_threads()} threads')"
    )
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or f"torch does not load: {answer.stderr.strip().splitlines()[-1:]}"
