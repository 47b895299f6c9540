"""One language over the whole board, as frames: what it is, who reaches how far in it, and where it is missing."""

from collections.abc import Sequence

import pandas as pd

from xbench.board import Board
from xbench.errors import BadRecord
from xbench.export.figures import place
from xbench.export.view import Shown
from xbench.languages import Language, language
from xbench.page import boards
from xbench.page.cards import SEEN, seen
from xbench.page.frames import flags, own_labels, percent

CLASSES = {
    0: "0, left behind", 1: "1, scraping by", 2: "2, hopeful", 3: "3, rising star", 4: "4, underdog", 5: "5, winner",
}  # fmt: skip
"""Resource classes as Joshi et al. 2020 name them."""

RANKED_HELP = {
    "from": "lower end of the 95 % interval", "to": "upper end of the 95 % interval", "n": "test examples",
    "gap": "score in the encoder's source less this one, in points",
    "rank over all": "places left open by the mean of all targets of the task, not of this language alone",
    "seen": "whether the encoder's card lists the language among those of its pre-training",
}  # fmt: skip


def spellings(board: Board) -> dict[str, tuple[str, ...]]:
    """Every language of the board by its own code -> the codes that the test sets have for it, by English name."""
    found: dict[str, dict[str, None]] = {}
    there = [*map(str, board.scores["language"].unique()), *map(str, board.missing["language"].unique())]
    for code in there:
        found.setdefault(language(code).code, {})[code] = None
    order = sorted(found, key=lambda code: (language(code).name.casefold(), code))
    return {code: tuple(found[code]) for code in order}


def facts(one: Language, codes: Sequence[str]) -> dict[str, str]:
    """What is known of a language."""
    pairs = {
        "own name": one.autonym, "codes on this board": ", ".join(codes),
        "ISO 639-3": one.iso639_3, "script": one.script,
        "direction": "right to left" if one.direction == "rtl" else "left to right" if one.script else "",
        "family": one.family, "macro-area": one.macro_area,
        "resource class": "" if one.resource_class is None else CLASSES[one.resource_class],
        "speakers": f"{one.speakers:,} ({one.speakers_source})" if one.speakers else "",
    }  # fmt: skip
    return {fact: value or "not known" for fact, value in pairs.items()}


def ranked(one: Shown, codes: Sequence[str]) -> pd.DataFrame:
    """Encoders of one task by their score in a language, the best first; those without a score last, with reasons."""
    rows = []
    for code in (code for code in one.table.languages if code in codes):
        for label, entry in zip(own_labels(one), one.entries, strict=True):
            column = entry.column
            cell, source = column.cells.get(code), column.cells.get(column.source)
            gap = source.value - cell.value if cell and source and code != column.source else None
            rows.append(
                {
                    "encoder": label, "score": percent(cell.value if cell else None),
                    "from": percent(cell.low if cell else None), "to": percent(cell.high if cell else None),
                    "gap": percent(gap), "n": cell.n if cell else None, "seeds": cell.seeds if cell else None,
                    "rank over all": place(column.rank), "seen": SEEN[seen(column.encoder, code)], "code": code,
                    "split": column.split if cell else "", "flags": ", ".join(flags(one, entry)),
                    "why missing": "" if cell else entry.missing.get(code) or "never asked for",
                }
            )  # fmt: skip
    if not rows:
        return pd.DataFrame()
    numbers = dict.fromkeys(("score", "from", "to", "gap"), "float64") | dict.fromkeys(("n", "seeds"), "Int64")
    frame = pd.DataFrame(rows).astype(numbers).sort_values("score", ascending=False, na_position="last", kind="stable")
    return frame.drop(columns=[name for name in ("flags", "why missing") if not frame[name].any()])


def sets(several: Sequence[Shown], codes: Sequence[str]) -> pd.DataFrame:
    """Test sets that have the language, and of which data, as the first record that scored it says."""
    rows = []
    for one in several:
        for code in codes:
            there = [entry.column for entry in one.entries if code in entry.column.cells]
            if not there:
                continue
            row: dict[str, object] = {"task": one.table.task, "code": code, "metric": one.table.metric}
            row |= {"examples": there[0].cells[code].n, "encoders": len({column.encoder for column in there})}
            rows.append(row | _data([run for column in there for run in column.runs], code))
    return pd.DataFrame(rows)


def _data(runs: Sequence[int], code: str) -> dict[str, object]:
    for run in runs:
        try:
            used = boards.record(run).provenance.test.get(code)
        except BadRecord:
            continue
        if used:
            return {
                "data": used.repo, "configuration": used.config, "split": used.split, "revision": used.revision,
                "empty texts": used.empty, "repeated ids": used.duplicates,
            }  # fmt: skip
    return {"data": "", "configuration": "", "split": "", "revision": "", "empty texts": None, "repeated ids": None}


def missing(board: Board, several: Sequence[Shown], codes: Sequence[str]) -> pd.DataFrame:
    """Where the language was asked for and is not, with reasons; and the tasks that nobody asked for it."""
    own = board.missing[board.missing["language"].isin(codes)]
    rows = [
        {
            "task": board.runs["task"].iloc[run], "encoder": board.runs["encoder"].iloc[run],
            "code": code, "metric": metric, "why": why,
        }
        for run, code, metric, why in zip(own["run"], own["language"], own["metric"], own["why"], strict=True)
    ]  # fmt: skip
    asked = {str(row["task"]) for row in rows}
    for one in several:
        if one.table.task not in asked and not set(codes) & set(one.table.languages):
            rows.append({"task": one.table.task, "encoder": "all", "code": "", "metric": "", "why": "never asked for"})
    frame = pd.DataFrame(rows, columns=["task", "encoder", "code", "metric", "why"]).drop_duplicates()
    return frame.drop(columns=[name for name in ("metric",) if not frame[name].any()])
