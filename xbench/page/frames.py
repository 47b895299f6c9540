"""Tables of the board as data frames: numbers in percent or points, so that they sort. Nothing is computed here."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from xbench.board import Board
from xbench.board.table import Column
from xbench.disparity import Measure
from xbench.export.doubts import Doubt
from xbench.export.figures import facts, place, seeds_of
from xbench.export.view import Entry, Fact, OverTasks, Shown, group_mean, grouped, mean_of
from xbench.languages import language
from xbench.page.words import plain
from xbench.plots.words import labels, unlike

Row = dict[str, object]

OVER_TASKS = ("target mean", "mean: low-resource", "gap", "mean difference", "worst language", "lowest fifth")

ENDS = ("value", "from", "to")

RANKING = {
    "mean": "mean over all targets, without the source", "low-resource": "mean over targets of resource class 0 to 2",
    "gap": "source less the mean of targets, in points", "spread": "mean absolute difference of two targets, in points",
    "worst": "score of the lowest target",
}  # fmt: skip
"""Columns of the ranking in percent or points -> what they say."""


def percent(value: float | None) -> float | None:
    """0.6241 -> 62.41; rounded so far that the sixth digit is no noise of the machine."""
    return None if value is None else round(100 * value, 6)


def ranking(board: Board, one: Shown) -> pd.DataFrame:
    """One row for each encoder, best first; what it lacks is empty."""
    shared, targets = one.table.shared, one.table.languages
    rows = []
    for entry in one.entries:
        column, rank = entry.column, entry.column.rank
        worst = entry.measures.get("worst language")
        row: Row = {"rank": place(rank), "tier": rank.tier if rank else None}
        if len(one.groups) > 1:
            row["group"] = entry.group or "–"
        row |= {"encoder": column.encoder, "flags": ", ".join(flags(one, entry))}
        row |= {"mean": percent(column.mean(targets))} | _ends("mean", mean_of(one, entry, "target mean"))
        if shared and shared != targets:
            row["mean of shared"] = percent(column.mean(shared))
        if one.cut:
            row["mean of the shown"] = percent(column.mean(one.languages))
        row |= _whole("low-resource", mean_of(one, entry, "mean: low-resource"))
        row |= {
            "gap": _value(entry.measures.get("gap")), "spread": _value(entry.measures.get("mean difference")),
            "worst": _value(worst), "scored": f"{len(column.cells)}/{len(targets)}", "seeds": seeds_of(column),
            "worst language": called(worst.languages[0]) if worst else "",
            "parameters": parameters(board, column), "recipe-source": f"{column.recipe}-{column.source}",
        }  # fmt: skip
        rows.append(row)
    frame = pd.DataFrame(rows)
    for name in ("tier", "parameters"):
        frame[name] = frame[name].astype("Int64")
    numbers = [name for name in frame.columns if name.startswith(("mean", "low-resource")) or name in RANKING]
    frame[numbers] = frame[numbers].astype("float64")
    return _filled(frame if frame["flags"].any() else frame.drop(columns="flags"))


def means(one: Shown) -> pd.DataFrame:
    """Means of targets and of low-resource languages with their intervals, one row for each encoder."""
    rows: list[Row] = [
        {"encoder": label}
        | _whole("mean", mean_of(one, entry, "target mean"))
        | _whole("low-resource", mean_of(one, entry, "mean: low-resource"))
        for label, entry in zip(own_labels(one), one.entries, strict=True)
    ]
    frame = pd.DataFrame(rows)
    return _filled(frame.astype(dict.fromkeys(frame.columns[1:], "float64")))


def flags(one: Shown, entry: Entry) -> list[str]:
    """What must be known of a row before its numbers are believed."""
    column = entry.column
    cells = column.cells.values()
    return [
        *([f"collapsed {len(column.collapsed)}/{column.seeds}"] if column.collapsed else []),
        *(["incomplete"] if column.mean(one.table.languages) is None else []),
        *([] if column.zero_shot else [f"not zero-shot ({column.rule})"]),
        *(["single seed"] if any(cell.seeds == 1 for cell in cells) else []),
        *(["other test rows"] if column.other_rows else []),
    ]


def parameters(board: Board, column: Column) -> int | None:
    """Parameters of the encoder with its head, as its first run counted them; None where none did."""
    if not column.runs:
        return None
    told = board.runs["parameters"].iloc[column.runs[0]]
    return int(told) if pd.notna(told) and told > 0 else None


def by_language(one: Shown, *, gap: bool = False) -> pd.DataFrame:
    """Languages down, encoders across: scores, or with `gap` what is lost from the encoder's source, in points."""
    rows = []
    for code in one.languages:
        told = facts(code)
        row: list[object] = [
            language(code).name,
            code,
            told["script"] or "",
            told["family"] or "",
            told["resource_class"],
        ]
        for entry in one.entries:
            cell, source = entry.column.cells.get(code), entry.column.cells.get(entry.column.source)
            value = None if cell is None else cell.value
            if gap and value is not None:
                value = None if source is None else source.value - value
            row.append(percent(value))
        rows.append(row)
    heads = unlike(["language", "code", "script", "family", "class", *own_labels(one)])
    frame = pd.DataFrame(rows, columns=list(heads))
    frame[heads[4]] = frame[heads[4]].astype("Int64")
    frame[list(heads[5:])] = frame[list(heads[5:])].astype("float64")
    return frame


def measures(one: Shown) -> pd.DataFrame:
    """Every measure of every encoder that is shown, a row for each."""
    rows = []
    for label, entry in zip(own_labels(one), one.entries, strict=True):
        for measure in entry.measures.values():
            who = called(measure.languages[0]) if measure.name == "worst language" else str(len(measure.languages))
            row: Row = {"encoder": label, "measure": measure.name, "value": percent(measure.value)}
            row |= {"from": percent(measure.low), "to": percent(measure.high), "languages": who}
            rows.append(row | {"seeds": measure.seeds, "caveat": measure.caveat})
    return _told(pd.DataFrame(rows, columns=["encoder", "measure", *ENDS, "languages", "seeds", "caveat"]))


def groups(board: Board, one: Shown, fact: Fact) -> pd.DataFrame:
    """Means of the targets that share a fact, a row for each group and encoder."""
    rows = []
    for value, members in grouped(one, fact):
        for label, entry in zip(own_labels(one), one.entries, strict=True):
            found = group_mean(board, one, entry, members)
            row: Row = {fact.replace("_", " "): value, "languages": len(members), "encoder": label}
            rows.append(row | {"mean": _value(found)} | _ends("mean", found))
    columns = [fact.replace("_", " "), "languages", "encoder", "mean", "mean from", "mean to"]
    frame = pd.DataFrame(rows, columns=columns)
    return _filled(frame.astype({"mean": "float64", "mean from": "float64", "mean to": "float64"}))


def over_tasks(rows: Sequence[OverTasks], tables: int) -> pd.DataFrame:
    """Means over all tasks, one row for each encoder."""
    made = []
    for one in rows:
        row: Row = {
            "encoder": one.encoder,
            "recipe-source": f"{one.recipe}-{one.source}",
            "tasks": f"{one.tasks}/{tables}",
        }
        for name in OVER_TASKS:
            found = one.measures.get(name)
            short = name.removeprefix("mean: ").replace("target mean", "mean").replace("mean difference", "spread")
            row |= _whole(short, found) if name in OVER_TASKS[:2] else {short: _value(found)}
        made.append(row)
    frame = pd.DataFrame(made)
    numbers = [name for name in frame.columns if name not in ("encoder", "recipe-source", "tasks")]
    return _filled(frame.astype(dict.fromkeys(numbers, "float64")))


def measures_over_tasks(rows: Sequence[OverTasks]) -> pd.DataFrame:
    """Every measure that all tasks have, meant over them, a row for each encoder and measure."""
    made = [
        {"encoder": one.encoder, "recipe-source": f"{one.recipe}-{one.source}", "measure": found.name}
        | {"value": percent(found.value), "from": percent(found.low), "to": percent(found.high)}
        | {"seeds": found.seeds, "caveat": found.caveat}
        for one in rows
        for found in one.measures.values()
    ]
    return _told(pd.DataFrame(made, columns=["encoder", "recipe-source", "measure", *ENDS, "seeds", "caveat"]))


def doubts(several: Sequence[Doubt], told: str = "", *, count: str = "", of: str = "") -> pd.DataFrame:
    """Doubts as rows; columns that none of them fills are left out. `told` heads what is said, `count` the numbers."""
    rows = []
    for one in several:
        row: Row = {"task": one.task, "encoder": one.encoder, "recipe-source": one.recipe}
        row["language"] = called(one.language) if one.language else ""
        row |= ({told: one.told} if told else {}) | ({count: one.count} if count else {}) | ({of: one.of} if of else {})
        rows.append(row)
    frame = pd.DataFrame(rows)
    kept = [name for name in frame.columns if frame[name].astype(bool).any()]
    return frame[kept]


def failures(several: Sequence[Doubt]) -> pd.DataFrame:
    """Collapsed runs of each encoder: how many of how many, and the share in percent."""
    frame = doubts(several, "which", count="collapsed", of="runs")
    if not frame.empty:
        frame["failure rate"] = (100 * frame["collapsed"] / frame["runs"]).astype("float64")
    return frame


def rejects(board: Board) -> pd.DataFrame:
    """Files that were refused, and why."""
    return pd.DataFrame([{"file": one.file, "why": one.why} for one in board.rejects])


def notes(board: Board) -> pd.DataFrame:
    """Runs that stand on the boards twice."""
    return pd.DataFrame([{"note": note} for note in board.notes])


def own_labels(one: Shown) -> tuple[str, ...]:
    """One label for each encoder that is shown, no two alike."""
    return labels(replace(one.table, columns=tuple(entry.column for entry in one.entries)))


def called(code: str) -> str:
    """A language by name and code."""
    name = language(code).name
    return plain(code if name == code else f"{name} ({code})")


def _filled(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without ends of intervals that nobody knows: where counts are not at hand."""
    ends = [name for name in frame.columns if str(name).endswith((" from", " to"))]
    return frame.drop(columns=[name for name in ends if frame[name].isna().all()])


def _told(frame: pd.DataFrame) -> pd.DataFrame:
    """Measures, with the column of caveats only where there is one."""
    whole = frame.astype(dict.fromkeys(ENDS, "float64"))
    return whole if whole["caveat"].any() else whole.drop(columns="caveat")


def _value(found: Measure | None) -> float | None:
    return None if found is None else percent(found.value)


def _ends(name: str, found: Measure | None) -> Row:
    low, high = (None, None) if found is None else (found.low, found.high)
    return {f"{name} from": percent(low), f"{name} to": percent(high)}


def _whole(name: str, found: Measure | None) -> Row:
    return {name: _value(found)} | _ends(name, found)
