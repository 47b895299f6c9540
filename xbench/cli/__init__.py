"""The command `xbench`: one function a verb, no logic.

A verb's module is imported when it is asked for, and what needs torch inside the verbs that need it: `xbench tasks` or
`check` must start at once, and run where torch is not installed.
"""

import sys

import typer

from xbench import __version__
from xbench.cli.verbs import SETTINGS, Verbs
from xbench.errors import XbenchError

app = typer.Typer(
    name="xbench",
    cls=Verbs,
    help="Fine-tune a multilingual encoder on one language, score it in all the others, and see who is left behind.",
    epilog="Start with: xbench run --suite mini",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
    rich_markup_mode=None,
)


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
