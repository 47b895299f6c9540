"""The command `xbench`: one function a verb, no logic.

Modules that need torch are imported inside the verbs that need them: `xbench tasks` or `board` must start at once, and
run where torch is not installed.
"""

import sys

import typer

from xbench import __version__
from xbench.cli import boards, checking, exporting, gating, listing, plotting, running, serving, slicing, tools
from xbench.errors import XbenchError

app = typer.Typer(
    name="xbench",
    help="Fine-tune a multilingual encoder on one language, score it in all the others, and see who is left behind.",
    epilog="Start with: xbench run --suite mini",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
app.command("run")(running.run)
app.command("board")(boards.board)
app.command("serve")(serving.serve)
app.command("export")(exporting.export)
app.command("plot")(plotting.plot)
app.command("slices")(slicing.slices)
app.command("verify")(checking.verify)
app.command("check")(gating.check)
app.command("compare")(gating.compare)
app.command("tasks")(listing.tasks)
app.command("encoders")(listing.encoders)
app.command("suites")(listing.suites)
app.command("recipes")(listing.recipes)
app.command("languages")(listing.languages)
app.command("pretrain")(running.pretrain)
app.command("mirror")(tools.mirror)
app.command("doctor")(tools.doctor)


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True)) -> None:
    """Fine-tune a multilingual encoder on one language, score it in all the others, and see who is left behind."""
    if show:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point of the command. Exits 0, or 2 with one message where a user can mend what is wrong."""
    try:
        app()
    except XbenchError as fault:
        print(f"xbench: {fault}", file=sys.stderr)
        raise SystemExit(2) from None
