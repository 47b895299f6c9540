"""What is known of one encoder, as frames: where it comes from, its languages, what it cost, what goes with its gap."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from xbench import catalogue
from xbench.board import Board, Column
from xbench.board.slices import slices
from xbench.board.spread import seen_by
from xbench.encoder import Encoder
from xbench.errors import XbenchError
from xbench.export.figures import facts
from xbench.export.view import Entry, Shown
from xbench.languages import language, same
from xbench.page.frames import called, percent
from xbench.record import Record, TokenizerFigures

SEEN = {True: "yes", False: "no", None: "not told"}
"""Whether a card lists a language among those of pre-training -> as a table says it."""

LANGUAGES_HELP = {
    "gap": "score in the source less this one, in points",
    "from": "lower end of the 95 % interval", "to": "upper end of the 95 % interval",
    "n": "test examples", "class": "0 left behind to 5 winner (Joshi et al. 2020)",
    "seen": "whether the encoder's card lists the language among those of its pre-training",
    "tokens / word": "of the encoder's tokenizer, over the scored rows",
    "unknown": "tokens that are the unknown token, percent",
    "truncated": "examples of which some tokens were never read, percent",
}  # fmt: skip


def registered(name: str) -> Encoder | None:
    """The card of an encoder that is registered under this name; a name in a record opens nothing else."""
    if name not in catalogue.encoders.names():
        return None
    try:
        return catalogue.encoders.open(name)
    except XbenchError:
        return None


def card(name: str, records: Sequence[Record]) -> dict[str, str]:
    """Facts of an encoder: those of its records first, then those of its card."""
    origins = [record.provenance for record in records]
    known = registered(name)
    pairs = {
        "checkpoint": _each(one.checkpoint for one in origins),
        "revision": _each(one.checkpoint_revision for one in origins),
        "architecture": _each(one.architecture for one in origins),
        "parameters, with the head": _each(f"{one.cost.parameters:,}" for one in records if one.cost.parameters > 0),
        "hash of the weights": _each(_short(one.weights) for one in origins),
        "hash of the tokenizer": _each(_short(one.tokenizer) for one in origins),
        "precision": _each(one.precision for one in origins),
        "xbench": _each(one.xbench for one in origins),
    }
    if known:
        pairs |= {
            "family": known.family, "licence": known.licence or "not stated by its publisher", "paper": known.paper,
            "note": known.note,
            "languages seen in pre-training": str(len(known.seen)) if known.seen else "not listed",
        }  # fmt: skip
    else:
        pairs["licence, paper, languages seen"] = "no card: no encoder is registered here under this name"
    return {fact: value for fact, value in pairs.items() if value}


def hashes(records: Sequence[Record]) -> tuple[str, ...]:
    """Hashes of weights and tokenizers in full, each once."""
    told = [f"{what} {one}" for record in records for what, one in _hashes(record)]
    return tuple(dict.fromkeys(told))


def _hashes(record: Record) -> tuple[tuple[str, str], ...]:
    return ("weights", record.provenance.weights), ("tokenizer", record.provenance.tokenizer)


def _short(hash: str) -> str:
    return f"{hash[:16]}…" if len(hash) > 16 else hash


def _each(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))


def seen(encoder: str, code: str) -> bool | None:
    """Whether an encoder's card lists a language; None where no card lists any."""
    listed = seen_by(encoder)
    return any(same(code, one) for one in listed) if listed else None


def languages_of(one: Shown, entry: Entry, tokenizer: Mapping[str, TokenizerFigures]) -> pd.DataFrame:
    """One encoder's languages in one task, a row for each; what it lacks is empty, and says why."""
    column = entry.column
    source = column.cells.get(column.source)
    rows = []
    for code in one.languages:
        told, cell, figures = facts(code), column.cells.get(code), tokenizer.get(code)
        gap = None if cell is None or source is None or code == column.source else source.value - cell.value
        rows.append(
            {
                "language": language(code).name, "code": code, "score": percent(cell.value if cell else None),
                "from": percent(cell.low if cell else None), "to": percent(cell.high if cell else None),
                "n": cell.n if cell else None, "seeds": cell.seeds if cell else None, "gap": percent(gap),
                "seen": SEEN[seen(column.encoder, code)], "script": told["script"], "family": told["family"],
                "class": told["resource_class"], "tokens / word": figures.fertility if figures else None,
                "unknown": percent(figures.unknown if figures else None),
                "truncated": percent(figures.truncated if figures else None),
                "why missing": "" if cell else _why(one, entry, code),
            }
        )  # fmt: skip
    frame = pd.DataFrame(rows)
    numbers = ["score", "from", "to", "gap", "tokens / word", "unknown", "truncated"]
    frame = frame.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(("n", "seeds", "class"), "Int64"))
    return frame if frame["why missing"].any() else frame.drop(columns="why missing")


def _why(one: Shown, entry: Entry, code: str) -> str:
    return entry.missing.get(code) or one.table.missing.get(code) or "never asked for"


def tokenizer_of(records: Sequence[Record]) -> dict[str, TokenizerFigures]:
    """Language -> figures of the tokenizer, of the first record that has some."""
    return {code: one for record in reversed(records) for code, one in record.tokenizer.items()}


def costs(records: Sequence[Record]) -> pd.DataFrame:
    """What each run took, as its record says."""
    rows = [
        {
            "task": one.run.task, "recipe-source": f"{one.run.recipe}-{one.run.source}", "seed": one.run.seed,
            "training, s": one.cost.train_seconds, "scoring, s": one.cost.score_seconds,
            "tokens trained": one.cost.train_tokens, "tokens scored": one.cost.score_tokens,
            "peak memory, MiB": one.cost.peak_memory / 2**20, "energy, kJ": one.cost.energy and one.cost.energy / 1000,
            "device": one.cost.device, "precision": one.provenance.precision,
            "shared": "yes" if one.cost.shared else "no",
        }
        for one in records
    ]  # fmt: skip
    frame = pd.DataFrame(rows).astype({"energy, kJ": "float64"})
    return frame if frame["energy, kJ"].notna().any() else frame.drop(columns="energy, kJ")


def pretraining(one: Shown, entry: Entry) -> pd.DataFrame:
    """Targets by whether the encoder's card lists them: score and gap of each, those unseen first."""
    column = entry.column
    source = column.cells.get(column.source)
    rows = [
        {"seen": SEEN[seen(column.encoder, code)], "language": called(code), "score": percent(column.cells[code].value)}
        | {"gap": percent(source.value - column.cells[code].value) if source else None}
        for code in one.languages
        if code in column.cells and code != column.source
    ]
    frame = pd.DataFrame(rows, columns=["seen", "language", "score", "gap"])
    return frame.astype({"score": "float64", "gap": "float64"}).sort_values(["seen", "gap"], ascending=[True, False])


def slopes(one: Shown, column: Column) -> pd.DataFrame:
    """What goes with the gap of this encoder, a row for each slice; those that cannot be told say why."""
    rows = []
    for found in slices(replace(one.table, columns=(column,))):
        slope = found.slope
        rows.append(
            {
                "slice": found.name, "unit": found.unit, "others held equal": "yes" if found.together else "no",
                "points": percent(slope.value if slope else None), "from": percent(slope.low if slope else None),
                "to": percent(slope.high if slope else None), "targets": found.languages,
                "R²": None if found.r_squared is None or slope is None else f"{found.r_squared:.2f}",
                "remark": found.why or "; ".join(found.caveats),
            }
        )  # fmt: skip
    columns = ["slice", "unit", "others held equal", "points", "from", "to", "targets", "R²", "remark"]
    return pd.DataFrame(rows, columns=columns).astype({"points": "float64", "from": "float64", "to": "float64"})


def runs_of(board: Board, encoder: str) -> tuple[int, ...]:
    """Numbers of all runs of an encoder, by task, recipe, source and seed."""
    own = board.runs[board.runs["encoder"] == encoder].sort_values(["task", "recipe", "source", "seed"], kind="stable")
    return tuple(map(int, own["run"]))
