"""A board as text: tidy CSV, JSON with all that is known, Markdown and LaTeX for people.

Names in records are anybody's; each format escapes them in its own way (`xbench.export.escaping`). Values are 0..1 in
CSV and JSON, percent in Markdown and LaTeX.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from math import isfinite
from typing import Any

import pandas as pd

from xbench.board import COLUMNS, Board, Cell
from xbench.disparity import Measure
from xbench.export.escaping import for_csv, for_json, for_latex, for_markdown, label_of
from xbench.export.figures import Figure, Grid, Row, facts, one_line
from xbench.export.grid import grids, over_tasks
from xbench.export.remarks import of_board, remarks
from xbench.export.view import Entry, Shown, View, shown, summary

SCHEMA = "xbench.board/1"

OF_LANGUAGE = ("language_name", "script", "family", "resource_class", "macro_area")
OF_RANK = ("rank", "rank_low", "rank_high", "tier")
"""Place by the mean of targets, and the first and last place that remain open, on the whole board; empty where the
metric does not rank, or the encoder has no rank."""

ACROSS = 5
"""Encoders beside each other on a page of paper."""

EVERYTHING = View()


def csv(board: Board, view: View = EVERYTHING) -> str:
    """One row for each score: `Board.frame`, then facts of the language, then the rank of the encoder."""
    several = shown(board, view)
    frame = board.frame()
    frame = frame[_wanted(frame, several)] if view != EVERYTHING else frame
    codes = frame["language"].astype(str)
    of_language = {code: facts(code) for code in codes.unique()}
    for name in OF_LANGUAGE:
        frame = frame.assign(**{name: codes.map({code: known[name] for code, known in of_language.items()})})
    frame["resource_class"] = frame["resource_class"].astype("Int64")
    ranks = {
        (run, one.table.metric): (rank.place, rank.best, rank.worst, rank.tier)
        for one in several
        for entry in one.entries
        if (rank := entry.column.rank)
        for run in entry.column.runs
    }
    found = [ranks.get(key) for key in zip(frame["run"].tolist(), frame["metric"].astype(str), strict=True)]
    for at, name in enumerate(OF_RANK):
        frame[name] = pd.array([None if one is None else one[at] for one in found], dtype="Int64")
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]) and frame[name].dtype != bool:
            texts = frame[name].astype(object)
            frame[name] = texts.map({text: for_csv(str(text)) for text in texts.unique()})
    return str(frame[[*COLUMNS, *OF_LANGUAGE, *OF_RANK]].to_csv(index=False, lineterminator="\n"))


def _wanted(frame: pd.DataFrame, several: Sequence[Shown]) -> "pd.Series[bool]":
    """Rows of the runs and languages that are shown, of every metric."""
    wanted = pd.Series(False, index=frame.index)
    for one in several:
        runs = [run for entry in one.entries for run in entry.column.runs]
        wanted |= frame["run"].isin(runs) & frame["language"].astype(str).isin(one.languages)
    return wanted


def as_json(board: Board, view: View = EVERYTHING) -> str:
    """Everything that is shown, schema `xbench.board/1`; what is not known, or no number, is null."""
    several = shown(board, view)
    tree = {
        "schema": SCHEMA,
        "tables": [_table(one) for one in several],
        "over_tasks": [
            {"encoder": row.encoder, "recipe": row.recipe, "source": row.source, "tasks": row.tasks}
            | {"groups": row.groups, "measures": _measures(row.measures)}
            for row in summary(board, several)
        ],
        "rejects": [asdict(reject) for reject in board.rejects],
        "notes": list(board.notes),
    }
    text = json.dumps(_finite(tree), indent=1, ensure_ascii=False, allow_nan=False)
    return for_json(text) + "\n"


def _table(one: Shown) -> dict[str, Any]:
    table, shared = one.table, one.table.shared
    return {
        "task": table.task, "metric": table.metric, "chance": table.chance, "parallel": table.parallel,
        "languages": [{"code": code, **facts(code)} for code in one.languages],
        "asked": list(table.languages), "shared": list(shared),
        "columns": [_column(one, entry, shared) for entry in one.entries],
        "may_not_be_compared": {letter: list(differs) for letter, differs in one.groups.items() if differs},
        "missing": dict(table.missing),
        "remarks": [remark.text for remark in remarks(one)],
    }  # fmt: skip


def _column(one: Shown, entry: Entry, shared: Sequence[str]) -> dict[str, Any]:
    column = entry.column
    return {
        "encoder": column.encoder, "recipe": column.recipe, "source": column.source, "split": column.split,
        "signature": column.signature, "rule": column.rule, "zero_shot": column.zero_shot, "group": entry.group,
        "rank": None if column.rank is None else asdict(column.rank),
        "runs": len(column.runs), "collapsed": list(column.collapsed),
        "mean": column.mean(one.table.languages), "mean_with_source": column.mean_with_source(one.table.languages),
        "mean_of_shared": column.mean(shared), "mean_of_the_shown": column.mean(one.languages),
        "cells": {code: _cell(column.cells[code]) for code in one.languages if code in column.cells},
        "missing": {code: why for code, why in entry.missing.items() if code in one.languages},
        "measures": _measures(entry.measures),
    }  # fmt: skip


def _cell(cell: Cell) -> dict[str, Any]:
    """A cell without what each seed scored: the CSV has that."""
    return {name: value for name, value in asdict(cell).items() if name not in ("item_error", "of_seeds", "scores")}


def _measures(measures: Mapping[str, Measure]) -> list[dict[str, Any]]:
    return [asdict(one) for one in measures.values()]


def _finite(tree: Any) -> Any:
    """The tree with null for what is no number."""
    if isinstance(tree, float):
        return tree if isfinite(tree) else None
    if isinstance(tree, Mapping):
        return {str(key): _finite(value) for key, value in tree.items()}
    return [_finite(value) for value in tree] if isinstance(tree, list | tuple) else tree


def markdown(board: Board, view: View = EVERYTHING) -> str:
    """The ranking and the languages of every table, and what must be known beside them."""
    several = shown(board, view)
    pieces = []
    for one in several:
        pieces += [_markdown(grid) for grid in grids(board, one, view)]
        if not one.entries:
            pieces.append(f"### {for_markdown(f'{one.table.task} · {one.table.metric}')}\n")
        pieces.append("".join(f"- {for_markdown(remark.text)}\n" for remark in remarks(one)))
    if means := over_tasks(board, several):
        pieces.append(_markdown(means))
    pieces.append("".join(f"- {for_markdown(remark.text)}\n" for remark in of_board(board)))
    return "\n".join(piece for piece in pieces if piece)


def _markdown(grid: Grid) -> str:
    heads = [*grid.keys, *map(one_line, grid.heads)]
    lines = [f"### {for_markdown(grid.title)}\n", f"| {' | '.join(map(for_markdown, heads))} |"]
    lines.append(f"|{'|'.join([' --- '] * len(grid.keys) + [' ---: '] * len(grid.heads))}|")
    for row in (row for section in grid.sections for row in section):
        lines.append(f"| {' | '.join([*map(for_markdown, row.keys), *map(_bold_markdown, row.figures)])} |")
    return "\n".join(lines) + "\n"


def _bold_markdown(figure: Figure) -> str:
    return (
        f"**{for_markdown(figure.value)}** {for_markdown(figure.around)}".rstrip()
        if figure.mark == "best"
        else (for_markdown(str(figure)))
    )


def latex(board: Board, view: View = EVERYTHING) -> str:
    r"""The ranking and the languages of every table for a paper: booktabs, nothing else; `\label{tab:xnli-ranking}`."""
    several = shown(board, view)
    pieces = [r"% \usepackage{booktabs}; intervals are of 95 %" + "\n"]
    for one in several:
        notes = "".join(f"% {for_latex(remark.text)}\n" for remark in remarks(one))
        for grid in grids(board, one, view):
            pieces += [_latex(part, f"{label_of(one.table.task, grid.name)}{suffix}") for part, suffix in _parts(grid)]
        pieces.append(notes)
    if means := over_tasks(board, several):
        pieces.append(_latex(means, "over-tasks"))
    pieces.append("".join(f"% {for_latex(remark.text)}\n" for remark in of_board(board)))
    return "\n".join(piece for piece in pieces if piece)


def _parts(grid: Grid) -> list[tuple[Grid, str]]:
    """The grid, with at most ACROSS encoders beside each other, and what is added to the label of each part."""
    if grid.name in {"ranking", "tasks"} or len(grid.heads) <= ACROSS:
        return [(grid, "")]
    found = []
    for number, begin in enumerate(range(0, len(grid.heads), ACROSS), start=1):
        sections = tuple(
            tuple(replace(row, figures=row.figures[begin : begin + ACROSS]) for row in section)
            for section in grid.sections
        )
        found.append((replace(grid, heads=grid.heads[begin : begin + ACROSS], sections=sections), f"-{number}"))
    return found


def _latex(grid: Grid, label: str) -> str:
    heads = [for_latex(key) for key in grid.keys]
    heads += [for_latex(one_line(lines)) for lines in grid.heads]
    body = "\\midrule\n".join("".join(_latex_row(row) for row in section) for section in grid.sections)
    return (
        "\\begin{table}\n\\centering\n"
        f"\\caption{{{for_latex(grid.title)}}}\n\\label{{tab:{label}}}\n"
        f"\\begin{{tabular}}{{{'l' * len(grid.keys)}{'r' * len(grid.heads)}}}\n\\toprule\n"
        f"{' & '.join(heads)} \\\\\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def _latex_row(row: Row) -> str:
    return f"{' & '.join([*map(for_latex, row.keys), *map(_latex_figure, row.figures)])} \\\\\n"


def _latex_figure(figure: Figure) -> str:
    value = re.sub(r"^-(?=\d)", "$-$", for_latex(figure.value))
    value = f"\\textbf{{{value}}}" if figure.mark == "best" else value
    return f"{value} {{\\scriptsize {for_latex(figure.around)}}}" if figure.around else value


WRITERS: Mapping[str, Callable[[Board, View], str]] = {
    "json": as_json, "csv": csv, "markdown": markdown, "latex": latex,
}  # fmt: skip
"""Format -> what writes a board in it."""
