"""The texts of single items, from a mirror or from what the Hub's cache holds; never from the network."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import streamlit as st

from xbench import catalogue, data
from xbench.errors import XbenchError
from xbench.record import DataUsed
from xbench.task import Bitext, Choice, Pair, Span, Tagged, Task

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a page that is looked at asks nobody for anything

VARIABLE = "XBENCH_DATA"
"""Environment variable that names the mirror; `xbench serve --data` sets it."""

OWN = "xbench.world:"
"""Makers of rows that the page may run: they take some seconds, and need nothing but what is installed with it."""

LONGEST = 20_000
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Gold:
    """Rows of one language of a task, as they were scored."""

    rows: data.Rows

    @cached_property
    def by_id(self) -> Mapping[str, Any]:
        """Id -> example."""
        return dict(zip(self.rows.ids, self.rows.examples, strict=True))


def gold(task: str, language: str, used: DataUsed | None, limit: int) -> Gold | str:
    """The rows that were scored; or why they are not at hand."""
    if used is None:
        return "the record does not say which rows were scored"
    found = _rows(task, language, used.split, limit, os.environ.get(VARIABLE, ""))
    if isinstance(found, Gold) and found.rows.used.fingerprint != used.fingerprint:
        return f"the rows at hand are not those that were scored, which have the hash {used.fingerprint[:16]}"
    return found


@st.cache_resource(max_entries=256, ttl=3600, show_spinner="Reading the data")
def _rows(task: str, language: str, split: str, limit: int, mirror: str) -> Gold | str:
    if task not in catalogue.tasks.names():  # a name in a record opens nothing else
        return "no task is registered here under this name"
    try:
        known = catalogue.tasks.open(task)
        folder = Path(mirror) if mirror and (Path(mirror) / known.data.repo).is_dir() else None
        if folder is None and (why := _barred(known)):
            return why
        return Gold(data.rows(known, known.data, language, split, data=folder, limit=limit))
    except XbenchError as fault:
        return str(fault)


def _barred(task: Task) -> str:
    """Why the rows of a task are not fetched; empty where they may be looked for."""
    if task.data.made:
        return "" if task.data.made.startswith(OWN) else f"its rows are made by {task.data.made}; name a mirror"
    from huggingface_hub import is_offline_mode

    return "" if is_offline_mode() else "the page asks no network: set HF_HUB_OFFLINE=1, or name a mirror"


def texts(example: Any) -> dict[str, str]:
    """The texts of an example, each under what it is."""
    if isinstance(example, Pair):
        both = {"first": example.first, "second": example.second or ""}
        return both if example.second is not None else {"text": example.first}
    if isinstance(example, Tagged):
        return {"words": " ".join(example.words)}
    if isinstance(example, Span):
        return {"question": example.question, "context": example.context}
    if isinstance(example, Choice):
        options = {f"option {place}": option for place, option in enumerate(example.options, 1)}
        return {"premise": example.premise} | options
    if isinstance(example, Bitext):
        return {"sentence": example.foreign or "", "in the source language": example.source or ""}
    return {"example": _json(asdict(example) if is_dataclass(example) and not isinstance(example, type) else example)}


def label(example: Any) -> str:
    """The gold of an example."""
    if isinstance(example, Pair):
        return example.label
    if isinstance(example, Tagged):
        return _tags(example.tags, example)
    if isinstance(example, Span):
        return " | ".join(dict.fromkeys(example.answers))
    if isinstance(example, Choice):
        return _option(example.label, example)
    if isinstance(example, Bitext):
        return example.source or "no translation here"
    return ""


def said(prediction: Any, example: Any, whole: Gold | None) -> str:
    """A prediction in words; places of sentences are looked up where the rows are at hand."""
    if prediction is None:
        return "no prediction"
    if isinstance(prediction, dict) and prediction.keys() == {"value", "probability"}:
        sure, value = prediction["probability"], prediction["value"]
        named = _option(value, example) if isinstance(example, Choice) else str(value)
        return f"{named} ({100 * sure:.0f} %)" if isinstance(sure, float | int) else named
    if isinstance(prediction, list) and all(isinstance(one, str) for one in prediction):
        return _tags(prediction, example)
    if isinstance(prediction, dict) and isinstance(place := prediction.get("to_source", prediction.get("source")), int):
        return _sentence(place, whole)
    return prediction if isinstance(prediction, str) else _json(prediction)


def _option(value: Any, example: Choice) -> str:
    if isinstance(value, int) and 0 <= value < len(example.options):
        return f"{value + 1}: {example.options[value]}"
    return str(value)


def _tags(tags: Any, example: Any) -> str:
    """Tags with their words; those of words outside of all spans are left out where there are spans."""
    words = example.words if isinstance(example, Tagged) and len(example.words) == len(tags) else ()
    if not words:
        return " ".join(tags)
    told = [f"{word}/{tag}" for word, tag in zip(words, tags, strict=True) if tag != "O"]
    return " ".join(told) or "nothing"


def _sentence(place: int, whole: Gold | None) -> str:
    if place < 0:
        return "none"
    if whole and place < len(whole.rows.examples):
        found = whole.rows.examples[place]
        if isinstance(found, Bitext) and found.source:
            return found.source
    return f"sentence {place}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:LONGEST]
