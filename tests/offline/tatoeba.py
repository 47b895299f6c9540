"""Translation retrieval on the offline stand-in: NTREX, whose one configuration has a column for each language."""

from dataclasses import replace

from xbench.task import Bitext, Row, Source
from xbench_tasks import tatoeba

COLUMNS = {"ara": "arb", "cmn": "zho-CN", "swh": "swa"}
"""Tatoeba's code -> NTREX's, where they differ."""


def keep(row: Row, language: str) -> bool:
    """Whether the row has the language."""
    return COLUMNS.get(language, language) in row


def read(row: Row) -> Bitext:
    """The sentence of the language that is asked for, and the English one."""
    return Bitext(row[COLUMNS.get(row["language"], row["language"])], row["eng"])


task = replace(
    tatoeba.task,
    name="tatoeba-offline",
    data=Source("xbench-offline/ntrex", config="default", train="", dev="", keep=keep),
    read=read,
    parallel=True,
    licence="CC-BY-SA-4.0",
    cite="federmann-etal-2022-ntrex",
)
