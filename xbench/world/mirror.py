"""The world as a mirror of the Hub: parquet files in dataset repositories, read like any other data."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from xbench.world import tables
from xbench.world.events import Nature
from xbench.world.grammar import tell, text
from xbench.world.languages import World
from xbench.world.lexicon import Speech, speeches
from xbench.world.texts import documents, translations

OWNER = "xbench-mini"
"""Owner of every repository of the world."""
TITLES = {
    "inference": "Does the hypothesis follow from the premise?",
    "paraphrase": "Do two sentences mean the same?",
    "tagging": "Persons, organisations and places.",
    "qa": "Questions about a passage of two events, in the columns of SQuAD.",
    "retrieval": "Sentences (sentence1) and their counterparts in the source language (sentence2).",
    "text": "Documents for pre-training.",
    "bitext": "Sentences of the source language with their translations, for pre-training.",
}
"""Repository -> what it holds."""

Progress: TypeAlias = Callable[[int, int, str], None]
"""Told: repositories done, repositories in all, the one that is written now."""
Files: TypeAlias = dict[tuple[str, str], list[tables.Row]]
"""(config, split) -> rows."""


def write_mirror(to: Path, *, world: World = World(), progress: Progress | None = None) -> Path:  # noqa: B008 frozen
    """Write every data set of the world under `to/xbench-mini/` and return `to`.

    Config = language code. Train and validation splits hold the source language only; test splits hold every language
    (retrieval: every one but the source), and row i is the same item in each. Equal worlds give equal bytes.
    """
    nature, spoken = Nature(world), speeches(world)
    features = {table.name: table.features for table in tables.TRAINED}
    features |= {
        "retrieval": tables.RETRIEVAL_FEATURES, "text": tables.TEXT_FEATURES, "bitext": tables.BITEXT_FEATURES
    }  # fmt: skip
    makers: dict[str, Callable[[], Files]] = {
        table.name: partial(_trained, table, world, nature, spoken) for table in tables.TRAINED
    }
    makers["retrieval"] = lambda: _retrieval(world, nature, spoken)
    makers["text"] = lambda: {
        (speech.language.code, "train"): [{"text": line} for line in documents(world, nature, speech)]
        for speech in spoken
    }
    makers["bitext"] = lambda: _bitext(world, nature, spoken)
    for done, (name, make) in enumerate(makers.items()):
        if progress is not None:
            progress(done, len(makers), name)
        _write_repository(to / OWNER / name, name, features[name], make())
    if progress is not None:
        progress(len(makers), len(makers), "done")
    return to


def _trained(table: tables.Table, world: World, nature: Nature, spoken: Sequence[Speech]) -> Files:
    """All splits of a table that is fine-tuned on."""
    source = spoken[0]
    files: Files = {}
    for split, count in (("train", world.train), ("validation", world.validation)):
        files[source.language.code, split] = [row(source) for row in table.items(world, nature, split, count)]
    items = list(table.items(world, nature, "test", world.test))
    for speech in spoken:
        files[speech.language.code, "test"] = [row(speech) for row in items]
    return files


def _retrieval(world: World, nature: Nature, spoken: Sequence[Speech]) -> Files:
    """Every language but the source against the source."""
    events, files = tables.retrieval(world, nature), Files()
    wanted = [text(tell(event, spoken[0])) for event in events]
    for speech in spoken[1:]:
        told = [text(tell(event, speech)) for event in events]
        files[speech.language.code, "test"] = [
            {"id": f"test-{number:05d}", "sentence1": foreign, "sentence2": source}
            for number, (foreign, source) in enumerate(zip(told, wanted, strict=True))
        ]
    return files


def _bitext(world: World, nature: Nature, spoken: Sequence[Speech]) -> Files:
    """Translation pairs of every language that has some."""
    return {
        (speech.language.code, "train"): [
            {"source": source, "target": target} for source, target in translations(world, nature, speech, spoken[0])
        ]
        for speech in spoken[1:]
        if speech.language.pairs
    }


def _write_repository(folder: Path, name: str, features: Mapping[str, object], files: Files) -> None:
    """Write one dataset repository: its card and a parquet file for each config and split."""
    schema = pa.schema(
        [(column, _arrow(feature)) for column, feature in features.items()],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    folder.mkdir(parents=True, exist_ok=True)
    for (config, split), rows in files.items():
        path = folder / config / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    (folder / "README.md").write_text(_card(name, files), encoding="utf-8")


def _arrow(feature: object) -> pa.DataType:
    """The Arrow type of a feature as `datasets` stores it."""
    if not isinstance(feature, Mapping):
        raise TypeError(f"a feature is a mapping, not {feature!r}")
    match feature.get("_type"):
        case "Value":
            return {"string": pa.string(), "int32": pa.int32()}[feature["dtype"]]
        case "ClassLabel":
            return pa.int64()
        case "List":
            return pa.list_(_arrow(feature["feature"]))
        case _:
            return pa.struct([(name, _arrow(inner)) for name, inner in feature.items()])


def _card(name: str, files: Iterable[tuple[str, str]]) -> str:
    """README.md of a repository: which file is which config and split, what it is, and under what licence."""
    splits: dict[str, list[str]] = {}
    for config, split in files:
        splits.setdefault(config, []).append(split)
    lines = ["---", "license: apache-2.0", "configs:"]
    for config, names in splits.items():
        lines += [f'- config_name: "{config}"', "  data_files:"]
        for split in names:
            lines += [f"  - split: {split}", f"    path: {config}/{split}-*.parquet"]
    said = "Synthetic: written by a seeded generator, about no real person, place or organisation. Licence: Apache-2.0."
    return "\n".join([*lines, "---", f"# {OWNER}/{name}", "", TITLES[name], "", said, ""])
