"""Mining on the offline stand-in: NTREX, of which a mirror is made with dev and test rows and sentences without partner.

    python tests/offline/mining.py MIRROR TO      # MIRROR has xbench-offline/ntrex; TO gets xbench-offline/ntrex-mining
    xbench run --encoder ENCODER --task tests/offline/mining.py --data TO

The files of BUCC can be written the same way: one row for a pair, one for each sentence without a partner.
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from xbench.task import Bitext, Row, Source, Task

REPO = "xbench-offline/ntrex-mining"
SPLITS = ("validation", "test", "test")
"""Splits of the sentences in turn: a third is dev, the others are test."""
SIDES = ((True, True), (True, True), (True, False), (False, True))
"""Whether the foreign and the source sentence are kept, in turn: half are pairs, a quarter stand alone on each side."""


def keep(row: Row, language: str) -> bool:
    """Whether the row is of the language."""
    return bool(row["language"] == language)


def read(row: Row) -> Bitext:
    """A side without a sentence is null, which is read as an empty text."""
    return Bitext(row["sentence1"] or None, row["sentence2"] or None)


def write(mirror: Path, to: Path) -> Path:
    """Write the data set of every language; gives its folder. Splits and sides go by the number of the sentence."""
    folder = to / REPO
    rows: dict[str, list[dict[str, str | None]]] = {split: [] for split in SPLITS}
    texts = pq.read_table(mirror / "xbench-offline/ntrex/default").to_pydict()
    for language in (name for name in texts if name != "eng"):
        for number, (foreign, source) in enumerate(zip(texts[language], texts["eng"], strict=True)):
            with_foreign, with_source = SIDES[number // len(SPLITS) % len(SIDES)]
            rows[SPLITS[number % len(SPLITS)]].append(
                {
                    "language": language,
                    "id": f"{language}-{number}",
                    "sentence1": foreign if with_foreign else None,
                    "sentence2": source if with_source else None,
                }
            )
    (folder / "default").mkdir(parents=True)
    for split, found in rows.items():
        pq.write_table(pa.Table.from_pylist(found), folder / "default" / f"{split}-00000-of-00001.parquet")
    files = "".join(f"  - split: {split}\n    path: default/{split}-*.parquet\n" for split in rows)
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n")
    return folder


task = Task(
    name="mining-offline", kind="mining", title="Which sentences are translations of each other?", source="eng",
    targets=("spa", "arb", "deu", "fin", "fra", "hin", "jpn", "kor", "rus", "swa", "tam", "tha", "tur", "zho-CN"),
    data=Source(REPO, config="default", train="", keep=keep), read=read, id="id", metric="mining_f1", chance=0.0,
    parallel=False, licence="CC-BY-SA-4.0", cite="federmann-etal-2022-ntrex",
)  # fmt: skip

if __name__ == "__main__":
    print(write(*map(Path, sys.argv[1:3])))
