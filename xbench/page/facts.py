"""What records say of a task, as data frames: the rows that were scored, and how tokenizers treat each language."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import pandas as pd

from xbench.errors import BadRecord
from xbench.export.view import Entry, Shown
from xbench.page import boards
from xbench.page.frames import called, own_labels, percent
from xbench.record import DataUsed, Record

Told = TypeVar("Told")

MOST = 40
"""Encoders whose records are opened for one page; more are chosen with the filter."""


def rules(one: Shown) -> Mapping[str, str]:
    """Metric -> its rules, as the first record that tells says."""
    for entry in one.entries[:MOST]:
        for record in _records(entry):
            if record.metrics:
                return record.metrics
    return {}


def signature(one: Shown) -> str:
    """All that must be equal for two numbers to be compared, as the first encoder's runs have it."""
    return one.entries[0].column.signature if one.entries else ""


def data(one: Shown) -> pd.DataFrame:
    """The test rows of each language: where from, how many, and their fingerprint; a row for each that differs."""
    found: dict[tuple[str, DataUsed], list[str]] = {}
    for label, entry in zip(own_labels(one)[:MOST], one.entries, strict=False):
        for language, used in _first_told(entry, lambda record: record.provenance.test):
            found.setdefault((language, used), []).append(label)
    several = {language for language, _ in found if sum(other == language for other, _ in found) > 1}
    rows = [
        {
            "language": called(language), "n": used.rows, "split": used.split, "config": used.config,
            "data set": used.repo, "revision": used.revision, "fingerprint": used.fingerprint[:16],
            "empty": used.empty, "duplicates": used.duplicates,
            "encoders": ", ".join(labels) if language in several else "all",
        }
        for (language, used), labels in found.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def tokenizers(one: Shown) -> pd.DataFrame:
    """How each encoder's tokenizer treats each language, over the scored rows."""
    rows = []
    for label, entry in zip(own_labels(one)[:MOST], one.entries, strict=False):
        for language, figures in _first_told(entry, lambda record: record.tokenizer):
            row: dict[str, object] = {"encoder": label, "language": called(language)}
            row |= {
                "tokens per word": round(figures.fertility, 4),
                "tokens per character": round(figures.tokens_per_character, 4),
                "unknown tokens %": percent(figures.unknown), "truncated examples %": percent(figures.truncated),
                "unread words": figures.unread,
            }  # fmt: skip
            rows.append(row)
    return pd.DataFrame(rows)


def _first_told(entry: Entry, told: Callable[[Record], Mapping[str, Told]]) -> Iterator[tuple[str, Told]]:
    """Each language once, from the first of an encoder's records that tells of it."""
    seen: set[str] = set()
    for record in _records(entry):
        for language, value in told(record).items():
            if language not in seen:
                seen.add(language)
                yield language, value


def _records(entry: Entry) -> Iterator[Record]:
    """An encoder's records until every language that it has was in one of them: seeds repeat what is asked here."""
    left = set(entry.column.cells)
    for run in entry.column.runs:
        try:
            record = boards.record(run)
        except BadRecord:  # changed since the board was read; the next look refuses it
            continue
        yield record
        left -= {score.language for score in record.scores}
        if not left:
            return
