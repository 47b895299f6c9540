"""Every verb of the command, and where it lies: its module is imported when it is asked for, and not before.

pandas alone takes longer to import than most verbs take to run.
"""

from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from xbench.errors import near

VERBS = {
    "run": ("running", "run"),
    "board": ("boards", "board"),
    "serve": ("serving", "serve"),
    "compare": ("gating", "compare"),
    "check": ("gating", "check"),
    "verify": ("checking", "verify"),
    "export": ("exporting", "export"),
    "plot": ("plotting", "plot"),
    "slices": ("slicing", "slices"),
    "tasks": ("listing", "tasks"),
    "encoders": ("listing", "encoders"),
    "suites": ("listing", "suites"),
    "recipes": ("listing", "recipes"),
    "languages": ("listing", "languages"),
    "pretrain": ("pretraining", "pretrain"),
    "mirror": ("tools", "mirror"),
    "doctor": ("tools", "doctor"),
}
"""Verb -> its module in this package, and its function there; in the order of `--help`."""

SETTINGS = {"help_option_names": ["-h", "--help"]}


class Verbs(TyperGroup):
    """The verbs as a group of commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all verbs, in their order."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One verb, or None where there is none of this name."""
        return _verb(cmd_name) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that the arguments begin with; a usage error that says what is near where there is none."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            ctx.fail(f"there is no verb {args[0]!r}{near(args[0], VERBS)}")
        return super().resolve_command(ctx, args)


@cache
def _verb(name: str) -> Any:
    module, function = VERBS[name]
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, context_settings=SETTINGS)(getattr(import_module(f"xbench.cli.{module}"), function))
    return typer.main.get_command(alone)
