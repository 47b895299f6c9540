"""A board of 25,000 records: 1,000 encoders, 40 languages, 5 seeds, 5 tasks.

Records are simulated, and written as `xbench run` writes them (`store.to_json`), each with the scores, intervals,
tokenizer figures and data fingerprints of 40 languages; nothing beside them, as counts are not read on large boards.
Every figure is from a fresh process. The first look reads every record and keeps an index; the second takes the index.
`tables` are all cells with their intervals over seeds, and ranks: on the large board every pair of 1,000 encoders in
each task. Imports are told apart, as every command pays them. Records are in the page cache of the operating system.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from xbench import store
from xbench.record import (
    Cost, DataUsed, ExamplesFile, Provenance, Record, Run, Score, Selected, TokenizerFigures, signature,
)  # fmt: skip

SIZES = ((30, 5), (200, 5), (1000, 5))
"""Encoders and tasks of the boards."""
LANGUAGES = tuple(
    "en ar bg de el es fr hi ru sw th tr ur vi zh af bn et eu fa fi he hu id it ja jv ka kk ko ml mr ms my nl pt ta te "
    "tl yo".split()
)
SEEDS = 5
ITEMS = 1000
GOAL = {"first look": 10.0, "second look": 1.0, "GiB": 2.0}

LOOK = """
import json, resource, sys
from time import perf_counter
began = perf_counter()
import xbench, pandas
from xbench import load_board
imported = perf_counter()
board = load_board(sys.argv[1])
loaded = perf_counter()
tables = board.tables()
ranked = perf_counter()
frame = board.frame()
framed = perf_counter()
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20 / (1024 if sys.platform == "darwin" else 1)
ranks = sum(column.rank is not None for table in tables for column in table.columns)
print(json.dumps({
    "imports": imported - began, "load": loaded - imported, "tables": ranked - loaded, "frame": framed - ranked,
    "GiB": most, "records": len(board.runs), "scores": len(frame), "ranks": ranks,
}))
"""


def report() -> str:
    """Write boards, look at each twice, and say whether the largest keeps to the goal."""
    lines = [
        "| records | look | imports, s | load, s | tables and ranks, s | `frame()`, s | `xbench board --task`, s | "
        "memory, GiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    verdict = ""
    for encoders, tasks in SIZES:
        with tempfile.TemporaryDirectory(prefix="xbench-board-") as folder:
            size = write(Path(folder) / "board", encoders, tasks)
            first, second = (look(Path(folder)) for _ in range(2))
            command = shown(Path(folder))
            for name, found, whole in (("first", first, ""), ("second", second, f"{command:.2f}")):
                lines.append(
                    f"| {found['records']:,.0f} | {name} | {found['imports']:.2f} | {found['load']:.2f} | "
                    f"{found['tables']:.2f} | {found['frame']:.2f} | {whole} | {found['GiB']:.2f} |"
                )
        verdict = _verdict(first, second, size)
    return "\n".join((*lines, "", verdict))


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


def look(folder: Path) -> dict[str, float]:
    """Load, tables and frame of a board in a fresh process."""
    made = subprocess.run(
        [sys.executable, "-c", LOOK, str(folder / "board")], env=_surroundings(folder), check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(made.stdout)
    return found


def shown(folder: Path) -> float:
    """Seconds of `xbench board --task` from start to end, imports and drawing and all, with the index there."""
    from time import perf_counter

    call = [sys.executable, "-m", "xbench.cli", "board", "--board", str(folder / "board"), "--task", "task0"]
    began = perf_counter()
    subprocess.run(call, env=_surroundings(folder), check=True, capture_output=True)
    return perf_counter() - began


def _surroundings(folder: Path) -> dict[str, str]:
    return {**os.environ, "XBENCH_CACHE": str(folder / "cache"), "COLUMNS": "120"}


def _verdict(first: dict[str, float], second: dict[str, float], size: int) -> str:
    """What the largest board took, against what it may take."""
    took = {
        "first look": first["load"] + first["tables"],
        "second look": second["load"] + second["tables"],
        "GiB": first["GiB"],
    }
    held = all(took[name] <= goal for name, goal in GOAL.items())
    return (
        f"**{first['records']:,.0f} records ({size / 2**30:.2f} GiB, {first['scores']:,.0f} scores, "
        f"{first['ranks']:,.0f} ranks): {took['first look']:.1f} s the first time, {took['second look']:.2f} s the "
        f"second, {took['GiB']:.2f} GiB** (goal: {GOAL['first look']:.0f} s, {GOAL['second look']:.0f} s, "
        f"{GOAL['GiB']:.0f} GiB: {'held' if held else 'not held'})."
    )
