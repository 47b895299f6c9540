"""Commands that give a number or a verdict again, quoted for a shell. Names in records are anybody's."""

import re
import shlex
from collections.abc import Sequence

from xbench import catalogue
from xbench.export.escaping import plain
from xbench.record import Record

FOLDER = "FOLDER"
"""Stands in a command for a checkpoint's folder, whose place on another machine nobody here knows."""

RULES = ("source-dev", "last", "oracle")
"""Rules of selection that may be recorded beside the recipe's own; the recipe's name then ends with theirs."""


def quoted(words: Sequence[str]) -> str:
    """Words as one line for bash or zsh: what a reader would not see of a word is written as an escape."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if plain(word) == word:
        return shlex.quote(word)
    signs = [sign if plain(sign) == sign and sign not in "\\'" else _escaped(sign) for sign in word]
    return f"$'{''.join(signs)}'"


def _escaped(sign: str) -> str:
    return f"\\{sign}" if sign in "\\'" else f"\\U{ord(sign):08x}"


def shown(command: str) -> str:
    """A command as a record tells it, what a reader would not see of it written as an escape."""
    return "".join(sign if plain(sign) == sign else _escaped(sign) for sign in command)


def run_again(records: Sequence[Record]) -> str:
    """The command that runs these records' runs, of one encoder on one task, again."""
    first = records[0]
    run, recipe = first.run, first.provenance.recipe
    name, options = run.recipe, []
    if (rule := first.selection.rule) in RULES and name.endswith(f"-{rule}"):
        name, options = name.removesuffix(f"-{rule}"), ["--also-select", rule]
    for option, field in (("--limit-test", "limit_test"), ("--limit-train", "limit_train")):
        mark = f"-{field.removeprefix('limit_')}{recipe.get(field, 0)}"
        if name.endswith(mark) and mark != f"-{field.removeprefix('limit_')}0":
            name, options = name.removesuffix(mark), [option, str(recipe[field]), *options]
    words = ["xbench", "run", "--encoder", meant(first), "--task", run.task, "--recipe", name, "--source", run.source]
    for seed in dict.fromkeys(record.run.seed for record in records):
        words += ["--seed", str(seed)]
    return quoted([*words, *options])


def meant(record: Record) -> str:
    """What `--encoder` must name to mean a record's encoder: its name where it is registered, or NAME=CHECKPOINT."""
    name, checkpoint = record.run.encoder, record.provenance.checkpoint
    if name in catalogue.encoders.names():
        return name
    on_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", checkpoint, re.ASCII)
    if on_hub and name == checkpoint:
        return name
    return f"{name}={checkpoint if on_hub else FOLDER}"


def check_again(
    candidate: str, baseline: str, boards: Sequence[str], *, tasks: Sequence[str], recipe: str = "", source: str = ""
) -> str:
    """The command that judges one encoder against another on these boards."""
    words = ["xbench", "check", "--candidate", candidate, "--baseline", baseline]
    for option, values in (("--board", boards), ("--task", tasks), ("--recipe", [recipe]), ("--source", [source])):
        for value in filter(None, values):
            words += [option, value]
    return quoted(words)
