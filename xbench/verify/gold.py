"""The strongest check: gold and predictions -> counts -> scores, once more."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xbench import data, examples
from xbench.data import Rows
from xbench.errors import XbenchError
from xbench.metrics import Metric, checked, count, rows_of
from xbench.record import Counts, Score
from xbench.resample import interval_of_draws
from xbench.task import Label, Mined, Option, Retrieved, Task
from xbench.verify.counts import ends, notes
from xbench.verify.fault import Entry, Faults

ROUNDED = 1e-6
"""How far counts may move where they depend on probabilities: those are written with six digits."""


def check(entry: Entry, counts: Counts, task: Task, known: Mapping[str, Metric], mirror: Path | None) -> Faults:
    """The rows that were scored are those of the data; counting their predictions gives the counts."""
    try:
        stored = examples.read_predictions(entry.path, entry.record)
    except XbenchError as fault:
        yield entry.fault("predictions", str(fault))
        return
    if not stored:
        yield entry.fault("predictions", "no predictions were written, so nothing can be counted again")
    limit = entry.record.provenance.recipe.get("limit_test", 0)
    first = max(limit, 0) if isinstance(limit, int) else 0
    for language, used in entry.record.provenance.test.items():
        try:
            rows = data.rows(task, task.data, language, used.split, data=mirror, limit=first)
        except XbenchError as fault:
            yield entry.fault("gold", f"the rows of {language} cannot be read: {fault}")
            continue
        own = [place for place, code in enumerate(counts.languages) if code == language]
        faults = [*_same_rows(entry, rows, [counts.ids[place] for place in own], language)]
        yield from faults
        if stored and not faults:
            codes = (language,) * len(own)
            part = Counts(ids=rows.ids, languages=codes, columns=counts.columns, rows=counts.rows[own])
            yield from _recount(entry, rows, [stored[place] for place in own], part, known)


def _same_rows(entry: Entry, rows: Rows, ids: Sequence[str], language: str) -> Faults:
    used = entry.record.provenance.test[language]
    yield from entry.differs("gold", f"number of rows of {language}", used.rows, rows.used.rows)
    yield from entry.differs("gold", f"fingerprint of the rows of {language}", used.fingerprint, rows.used.fingerprint)
    if tuple(ids) != rows.ids:
        pairs = zip(ids, rows.ids, strict=False)
        first = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(ids), len(rows.ids)))
        yield entry.fault("gold", f"ids of {language} differ from those of the data from row {first} on")


def _recount(entry: Entry, rows: Rows, stored: Sequence[Any], counts: Counts, known: Mapping[str, Metric]) -> Faults:
    """Every metric, on the gold and the predictions of one language."""
    language = counts.languages[0]
    try:
        answers = [restored(answer) for answer in stored]
    except (TypeError, ValueError) as cause:
        yield entry.fault("predictions", f"a prediction for {language} is none that a kind of task gives: {cause}")
        return
    yield from _thresholds(entry, language, [answer for answer in answers if isinstance(answer, Mined)])
    slack = ROUNDED if any(isinstance(answer, (Label, Option)) for answer in answers) else 0.0
    for metric in known.values():
        of = f"{metric.name} in {language}"
        try:
            if metric.columns:
                again = count(rows.examples, answers, counts.languages, rows.ids, [metric])
                same = np.isclose(rows_of(counts, metric), again.rows, rtol=0, atol=slack)
                apart = np.flatnonzero(~np.asarray(same).all(axis=1))
                if len(apart):
                    first = int(apart[0])
                    yield entry.fault(
                        "recount", f"{of}: {len(apart)} of {len(same)} rows, the first is {rows.ids[first]!r}",
                        rows_of(counts, metric)[first].tolist(), again.rows[first].tolist(),
                    )  # fmt: skip
            for score in entry.record.scores:
                if metric.whole and (score.language, score.metric) == (language, metric.name):
                    yield from _whole(entry, metric, score, rows, answers)
        except Exception as cause:  # noqa: BLE001 a metric may make anything of an untrusted prediction
            yield entry.fault("recount", f"{of} cannot be counted: {type(cause).__name__}: {cause}")


def _thresholds(entry: Entry, language: str, answers: Sequence[Mined]) -> Faults:
    """Pairs are proposed from the threshold on that the record tells, and from no other."""
    chosen = entry.record.selection.by_language.get(language)
    least = entry.record.provenance.recipe.get("threshold", 0.0) if chosen is None else chosen.threshold
    if not isinstance(least, (int, float)):
        return  # what is amiss with it is told elsewhere
    odd = [one.item for one in answers if one.score and (one.source >= 0) != (one.score >= least)]
    if odd:
        yield entry.fault(
            "predictions",
            f"{len(odd)} pairs in {language}, first that of row {odd[0]}, by another threshold than {least}",
        )


def _whole(entry: Entry, metric: Metric, score: Score, rows: Rows, answers: Sequence[Any]) -> Faults:
    """A score that no counts add up to, and its interval, from the predictions themselves."""

    def again(places: NDArray[np.intp]) -> float:
        gold = [rows.examples[place] for place in places]
        told = metric.whole([answers[place] for place in places], gold, score.language) if metric.whole else 0.0
        return checked(metric, told)

    value = again(np.arange(len(answers)))
    if abs(score.value - value) > ROUNDED:
        yield entry.fault("score", f"{metric.name} in {score.language}", repr(score.value), repr(value))
    elif score.value == value and not notes(entry):
        low, high = interval_of_draws(again, len(answers))
        yield from ends(entry, score, min(low, value), max(high, value))


def restored(stored: Any) -> Any:
    """A prediction as metrics know it, from the plain JSON value that stands beside a record."""
    if isinstance(stored, list):
        return tuple(restored(one) for one in stored)
    if not isinstance(stored, dict):
        return stored
    if stored.keys() == {"value", "probability"}:
        probability = float("nan") if stored["probability"] is None else stored["probability"]
        kind = Label if isinstance(stored["value"], str) else Option
        return kind(stored["value"], probability)
    if stored.keys() == {field.name for field in fields(Mined)}:
        return Mined(**stored)
    known = {field.name for field in fields(Retrieved)}
    return Retrieved(**stored) if {"item", "to_source", "from_source"} <= stored.keys() <= known else stored
