"""What zero-shot selection lost, drawn on a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table as Drawn

from xbench.record import Chosen, Record


def draw_regrets(records: Iterable[Record]) -> None:
    """Draw, for each task that oracle was asked for, the regret in each language; nothing where there is none."""
    by_task: dict[str, list[Record]] = {}
    for record in records:
        if any(chosen.regret is not None for chosen in record.selection.by_language.values()):
            by_task.setdefault(record.run.task, []).append(record)
    console = Console()
    for task, several in by_task.items():
        console.print(_drawn(task, several))
        console.print(
            "What the checkpoint, or threshold, that a language's own dev split chooses scores above the zero-shot "
            "one, after\nthe same fine-tuning; in brackets the 95 % interval over examples, given this seed. "
            "No zero-shot result.\n",
            style="dim",
        )


def _drawn(task: str, records: list[Record]) -> Drawn:
    drawn = Drawn(title=f"{task} · regret of selection · points", title_justify="left", title_style="bold")
    drawn.add_column("language", no_wrap=True)
    for record in records:
        drawn.add_column(
            f"{record.run.encoder}\n{record.run.recipe}-{record.run.source}\nseed {record.run.seed}", justify="right"
        )
    for language in dict.fromkeys(code for record in records for code in record.selection.by_language):
        drawn.add_row(language, *(_cell(record.selection.by_language.get(language)) for record in records))
    return drawn


def _cell(chosen: Chosen | None) -> str:
    if chosen is None or chosen.regret is None:
        return "–"
    ends = "" if chosen.low is None or chosen.high is None else f" [{100 * chosen.low:+.1f}, {100 * chosen.high:+.1f}]"
    return f"{100 * chosen.regret:+.1f}{ends}"
