"""A board of 25,000 records: 1,000 encoders, 40 languages, 5 seeds, 5 tasks.

Records are simulated, and written as `xbench run` writes them (`store.to_json`), each with the scores, intervals,
tokenizer figures and data fingerprints of 40 languages; nothing beside them, as counts are not read on large boards.
Every figure is from a fresh process. The first look reads every record and keeps an index; the second takes the index.
`tables` are all cells with their intervals over seeds, and ranks: on the large board every pair of 1,000 encoders in
each task. Imports are told apart, as every command pays them. Times are seconds as a user waits, and in brackets those
of the processor, which differ where other programs run beside. The files are in the operating system's cache.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from xbench import store
from xbench.record import (
    Cost,
    DataUsed,
    ExamplesFile,
    Provenance,
    Record,
    Run,
    Score,
    Selected,
    TokenizerFigures,
    signature,
)  # fmt: skip

SIZES = ((30, 5), (200, 5), (1000, 5))
"""Encoders and tasks of the boards."""
LANGUAGES = (
    "en", "ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh", "af", "bn", "et", "eu",
    "fa", "fi", "he", "hu", "id", "it", "ja", "jv", "ka", "kk", "ko", "ml", "mr", "ms", "my", "nl", "pt", "ta", "te",
    "tl", "yo",
)  # fmt: skip
SEEDS = 5
ITEMS = 1000
GOAL = {"first look": 10.0, "second look": 1.0, "GiB": 2.0}

LOOK = """
import json, resource, sys
from time import perf_counter, process_time
marks = [(perf_counter(), process_time())]
def mark(made):
    marks.append((perf_counter(), process_time()))
    return made
from xbench import load_board
mark(None)
board = mark(load_board(sys.argv[1]))
tables = mark(board.tables())
frame = mark(board.frame())
took = {
    name: [after - before for before, after in zip(marks[place], marks[place + 1])]
    for place, name in enumerate(("imports", "load", "tables", "frame"))
}
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20 / (1024 if sys.platform == "darwin" else 1)
ranks = sum(column.rank is not None for table in tables for column in table.columns)
print(json.dumps({**took, "GiB": most, "records": len(board.runs), "scores": len(frame), "ranks": ranks}))
"""
COMMAND = "from xbench.cli import main; main()"


def report() -> str:
    """Write boards, look at each twice, and say whether the largest keeps to the goal."""
    lines = [
        "| records | look | imports | load | tables and ranks | `frame()` | `xbench board --task` | memory, GiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for encoders, tasks in SIZES:
        with tempfile.TemporaryDirectory(prefix="xbench-board-") as folder:
            size = write(Path(folder) / "board", encoders, tasks)
            first, second = (look(Path(folder)) for _ in range(2))
            command = shown(Path(folder))
            for name, found, whole in (("first", first, ""), ("second", second, f"{command:.1f}")):
                times = " | ".join(
                    f"{wall:.2f} ({own:.2f})" for wall, own in map(found.get, ("imports", "load", "tables", "frame"))
                )
                lines.append(f"| {found['records']:,} | {name} | {times} | {whole} | {found['GiB']:.2f} |")
    return "\n".join((*lines, "", _verdict(first, second, size)))


def write(board: Path, encoders: int, tasks: int) -> int:
    """Write a board; gives its bytes."""
    size = 0
    for record in records(encoders, tasks):
        path = store.path_of(board, record.run)
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_bytes(store.to_json(record).encode())
    return size


def records(encoders: int, tasks: int) -> Iterator[Record]:
    """Simulated records: encoders differ, languages differ, seeds and test items move every score."""
    some = np.random.default_rng(0)
    of_language = some.uniform(0.0, 0.25, len(LANGUAGES))
    of_encoder = some.normal(0.65, 0.06, encoders)
    for task in range(tasks):
        used = {language: _used(f"task{task}", language) for language in LANGUAGES}
        for encoder in range(encoders):
            for seed in range(SEEDS):
                values = of_encoder[encoder] - of_language + some.normal(0, 0.01) + some.normal(0, 0.012, len(used))
                yield _record(Run(f"task{task}", f"lab/encoder-{encoder}", "xtreme", "en", seed), values, used)


def _used(task: str, language: str) -> DataUsed:
    return DataUsed(
        repo=f"lab/{task}", revision="b8dd5d7af51114dbda02c0e3f6133f332186418e", config=language, split="test",
        rows=ITEMS, fingerprint=hashlib.sha256(f"{task} {language}".encode()).hexdigest(),
    )  # fmt: skip


def _record(run: Run, values: np.typing.NDArray[np.float64], used: dict[str, DataUsed]) -> Record:
    shares = np.clip(np.round(values * ITEMS) / ITEMS, 0.05, 0.95)
    half_widths = 1.96 * np.sqrt(shares * (1 - shares) / ITEMS)
    named = {
        "task": run.task, "taskversion": "1", "metric": "accuracy", "source": run.source, "selection": "source-dev",
        "recipe": f"{run.recipe}#297855c35abd", "train": "562f8c8a83dbea98", "xbench": "0.1.0",
    }  # fmt: skip
    return Record(
        run=run, signature=signature(named),
        selection=Selected(
            rule="source-dev", split="en/validation", checkpoint=2000, score=0.8,
            history=tuple((100 * step, 0.75 + step / 400) for step in range(1, 21)),
        ),
        scores=tuple(
            Score(language=language, split="test", metric="accuracy", n=ITEMS, value=value, low=value - half,
                  high=value + half)
            for language, value, half in zip(LANGUAGES, shares.tolist(), half_widths.tolist(), strict=True)
        ),
        missing=(),
        cost=Cost(train_seconds=812.5, score_seconds=41.25, train_tokens=31415926, score_tokens=2718281,
                  peak_memory=3 * 2**30, parameters=278043648, device="cuda"),
        tokenizer={language: TokenizerFigures(fertility=1.25 + place / 40, tokens_per_character=0.25, unknown=0.0,
                                              truncated=0.001) for place, language in enumerate(LANGUAGES)},
        provenance=_provenance(run, used), examples=ExamplesFile(file="x.parquet", sha256="d" * 64), chance=1 / 3,
        parallel=True, metrics={"accuracy": "share of examples whose label is the gold label"},
    )  # fmt: skip


def _provenance(run: Run, used: dict[str, DataUsed]) -> Provenance:
    return Provenance(
        xbench="0.1.0",
        packages={"torch": "2.13.0", "transformers": "5.23.0", "tokenizers": "0.22.1", "numpy": "2.3.4"},
        python="3.11.2", platform="Linux-x86_64", device="cuda", precision="bf16", checkpoint=run.encoder,
        checkpoint_revision="a" * 40, weights="b" * 64, tokenizer="c" * 64, architecture="XLMRobertaModel",
        train=used["en"], dev=used["en"], test=used,
        recipe={"epochs": 5.0, "batch": 32, "rate": 2e-5, "warmup": 0, "decay": 0.0, "clip": 1.0, "length": 128},
        seeds={"head": run.seed, "order": run.seed, "dropout": run.seed}, git=None,
        command=f"xbench run --encoder {run.encoder} --task {run.task} --seed {run.seed}",
        started="2026-01-01T00:00:00Z", ended="2026-01-01T00:14:14Z",
    )  # fmt: skip


def look(folder: Path) -> dict[str, Any]:
    """Load, tables and frame of a board in a fresh process."""
    made = subprocess.run(
        [sys.executable, "-c", LOOK, str(folder / "board")], env=_surroundings(folder), check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def shown(folder: Path) -> float:
    """Seconds of `xbench board --task` from start to end, imports and drawing and all, with the index there."""
    call = [sys.executable, "-c", COMMAND, "board", "--board", str(folder / "board"), "--task", "task0"]
    began = perf_counter()
    subprocess.run(call, env=_surroundings(folder), check=True, capture_output=True)
    return perf_counter() - began


def _surroundings(folder: Path) -> dict[str, str]:
    return {**os.environ, "XBENCH_CACHE": str(folder / "cache"), "COLUMNS": "120"}


def _verdict(first: dict[str, Any], second: dict[str, Any], size: int) -> str:
    """What the largest board took, against what it may take."""
    (once, own), (again, own_again) = (
        [sum(parts) for parts in zip(found["load"], found["tables"], strict=True)] for found in (first, second)
    )
    took = {"first look": once, "second look": again, "GiB": first["GiB"]}
    late = [f"{name} {took[name]:.1f} of {goal:g}" for name, goal in GOAL.items() if took[name] > goal]
    return (
        f"**{first['records']:,} records ({size / 2**30:.2f} GiB, {first['scores']:,} scores, {first['ranks']:,} "
        f"ranks): {once:.1f} s the first time ({own:.1f} s of the processor), {again:.2f} s the second "
        f"({own_again:.2f} s), {first['GiB']:.2f} GiB.** The goal is {GOAL['first look']:g} s, "
        f"{GOAL['second look']:g} s and {GOAL['GiB']:g} GiB: {'not held: ' + ', '.join(late) if late else 'held'}."
    )
