"""Two encoders side by side, by the gate's own functions: `candidate` is the first, `baseline` the second."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import streamlit as st

from xbench.board import Column, Table
from xbench.export.figures import points
from xbench.gate.judging import judge
from xbench.gate.settings import Settings
from xbench.gate.side import side
from xbench.gate.verdict import Cell, Verdict
from xbench.languages import language
from xbench.page.frames import called, percent
from xbench.report import as_json, compared, markdown

SIGNS = {0: "✓", 1: "✗", 2: "!", 3: "?"}
"""Exit code -> a sign that tells it without colour."""

CELLS_HELP = {
    "difference": "first less second, in points", "from": "lower end of the 95 % interval of the difference",
    "to": "upper end of the 95 % interval of the difference", "p": "two-sided, against no difference",
    "p (Holm)": "adjusted for all cells that are compared here", "n": "test examples",
    "seeds": "of the first and of the second",
}  # fmt: skip

CHANCES = {name: st.column_config.NumberColumn(format="%.2g", help=CELLS_HELP[name]) for name in ("p", "p (Holm)")}

GUARDS_HELP = {
    "change": "from second to first, mean over tasks, in points; below 0 the first is worse, for the gap too",
    "lower": "the guard passes where this lies above minus the margin",
    "upper": "a regression where this lies below 0",
    "margin": "how much worse is still accepted, in points",
    "could see": "smallest loss that would be called a regression in 80 of 100 releases, in points",
    "seeds needed": "seeds of each encoder that would decide, if value and variances stayed",
}  # fmt: skip


def judged(
    first: str, second: str, folders: Sequence[str], *, tasks: Sequence[str], recipe: str = "", source: str = ""
) -> Verdict:
    """The gate's verdict by its usual settings. Raises XbenchError where a side cannot be had."""
    boards = [Path(folder) for folder in folders]
    ours, theirs = (side(boards, name, recipe=recipe, source=source, tasks=tasks) for name in (first, second))
    return judge(ours, theirs, Settings(tasks=tuple(tasks)), today=datetime.now(UTC).date())


def files(verdict: Verdict, command: str) -> dict[str, tuple[str, str]]:
    """Name of a file -> its type, and what it holds."""
    return {
        "verdict.md": ("text/markdown", markdown(verdict, command)),
        "verdict.json": ("application/json", as_json(verdict, command)),
        "comparison.md": ("text/markdown", compared.markdown(verdict)),
        "comparison.json": ("application/json", compared.as_json(verdict)),
    }


def sides(table: Table, first: str, second: str, *, recipe: str = "", source: str = "") -> tuple[Column, ...]:
    """The columns of both, that of the most runs where an encoder has several; fewer than two where one has none."""
    found = []
    for name in (first, second):
        own = [
            one
            for one in table.columns
            if one.encoder == name and recipe in ("", one.recipe) and source in ("", one.source)
        ]
        found += sorted(own, key=lambda one: -len(one.runs))[:1]
    return tuple(found)


def said(verdict: Verdict, cell: Cell) -> str:
    """Who is better, or that nobody is beyond doubt."""
    if not compared.sure(cell):
        return "no difference beyond doubt"
    return f"{(verdict.candidate if cell.difference > 0 else verdict.baseline).encoder} is better"


def cells(verdict: Verdict) -> pd.DataFrame:
    """Every cell that was compared, in percent and points."""
    rows = [
        {
            "language": language(one.language).name, "code": one.language, "task": one.task,
            "first": percent(one.candidate), "second": percent(one.baseline), "difference": percent(one.difference),
            "from": percent(one.low), "to": percent(one.high), "p": one.p_two_sided,
            "p (Holm)": one.p_two_sided_adjusted, "who": said(verdict, one), "n": one.n,
            "seeds": f"{one.seeds[0]} / {one.seeds[1]}",
        }
        for one in verdict.cells
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    return frame.drop(columns="task") if len({one.task for one in verdict.cells}) == 1 else frame


def guards(verdict: Verdict) -> pd.DataFrame:
    """Every guard of the gate, in points."""
    rows = [
        {
            "guard": one.name, "outcome": one.outcome, "change": percent(one.value), "lower": percent(one.low),
            "upper": percent(one.high), "margin": percent(one.margin), "could see": percent(one.detectable),
            "seeds": "–" if one.seeds == (0, 0) else f"{one.seeds[0]} / {one.seeds[1]}",
            "seeds needed": one.seeds_needed,
        }
        for one in verdict.guards
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"could see": "float64", "seeds needed": "Int64"})


def mismatches(verdict: Verdict) -> pd.DataFrame:
    """Why cells may not be compared: what differs, with both values."""
    return pd.DataFrame(
        [
            {"task": one.task, "language": called(one.language) if one.language else "all", "what differs": one.what}
            | {"first": one.candidate, "second": one.baseline}
            for one in verdict.mismatches
        ]
    )


def lost(verdict: Verdict) -> pd.DataFrame:
    """What the second has and the first lacks."""
    return pd.DataFrame([{"task": one.task, "language": called(one.language), "why": one.why} for one in verdict.lost])


def tally(verdict: Verdict) -> str:
    """How many cells each of them is better in, in one sentence."""
    better, worse = (
        sum(compared.sure(one) and (one.difference > 0) is up for one in verdict.cells) for up in (True, False)
    )
    ties = len(verdict.cells) - better - worse
    return (
        f"Of {len(verdict.cells)} cells {verdict.candidate.encoder} is better in {better}, "
        f"{verdict.baseline.encoder} in {worse}, and in {ties} there is no difference beyond doubt "
        f"(two-sided, Holm over these cells, {points(compared.DOUBT).removesuffix('.0')} %)."
    )
