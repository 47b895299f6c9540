"""A toy mirror in three languages, small enough to train on in seconds, and one task of each kind that reads it."""

import random
from pathlib import Path
from typing import Any

import datasets
from datasets import ClassLabel, Features, Sequence, Value

LANGUAGES = ("en", "de", "xx")
SIZES = {"train": 48, "validation": 16, "test": 16}
KINDS = ("pairs", "tags", "spans", "choices", "retrieval", "mining")
TASKS = {kind: Path(__file__).with_name(f"{kind}.py") for kind in KINDS}
RECIPE = Path(__file__).with_name("recipe.py")

WORDS = {
    "en": ("ball goal team", "vote law party", "the a old", "Anna Paris", "lives works sings"),
    "de": ("Ball Tor Mannschaft", "Wahl Gesetz Partei", "der ein alte", "Anna Paris", "lebt wirkt singt"),
    "xx": ("bul gol tim", "vot lex parti", "le un ol", "Ana Paris", "liv wok sing"),
}
TAGS = ("O", "B-PER", "B-LOC")


def write_mirror(to: Path) -> Path:
    """Write the data sets under `to/toy/` as a mirror of the Hub would hold them."""
    for dataset, (features, row) in DATASETS.items():
        for language in LANGUAGES:
            splits = SIZES if language == "en" else {"test": SIZES["test"]}
            for split, size in splits.items():
                rows = [row(language, random.Random(f"{split}{i}")) | {"id": f"{split}-{i}"} for i in range(size)]
                write_split(to / "toy" / dataset, language, split, rows, features | {"id": Value("string")})
    return to


def write_split(repo: Path, config: str, split: str, rows: list[dict[str, Any]], features: dict[str, Any]) -> Path:
    """Write one split as parquet, and list it in the repository's README."""
    path = repo / config / f"{split}-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_list(rows, features=Features(features)).to_parquet(path)
    lines = ["---", "configs:"]
    for folder in sorted(path for path in repo.iterdir() if path.is_dir()):
        lines += [f"- config_name: {folder.name}", "  data_files:"]
        for file in sorted(folder.glob("*.parquet")):
            lines += [
                f"  - split: {file.name.split('-')[0]}",
                f"    path: {folder.name}/{file.name.split('-')[0]}-*.parquet",
            ]
    (repo / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf-8")
    return path


def _some(language: str, group: int, rng: random.Random, n: int) -> list[str]:
    return [rng.choice(WORDS[language][group].split()) for _ in range(n)]


def _section(language: str, rng: random.Random) -> dict[str, Any]:
    label = rng.randrange(2)
    return {"text": " ".join(_some(language, 2, rng, 1) + _some(language, label, rng, 3)), "label": label}


def _sentence(language: str, rng: random.Random) -> dict[str, Any]:
    name, place = WORDS[language][3].split()
    tokens = [name, *_some(language, 4, rng, 1), *_some(language, 2, rng, 1), place]
    return {"tokens": tokens, "tags": [1, 0, 0, 2]}


def _question(language: str, rng: random.Random) -> dict[str, Any]:
    answer = rng.choice(WORDS[language][rng.randrange(2)].split())
    before = " ".join(_some(language, 2, rng, rng.randrange(1, 5)))
    context = f"{before} {answer} " + " ".join(_some(language, 4, rng, 3))
    return {
        "question": f"{_some(language, 4, rng, 1)[0]} ?",
        "context": context,
        "answers": {"text": [answer], "answer_start": [len(before) + 1]},
    }


def _option(language: str, rng: random.Random) -> dict[str, Any]:
    label, topic = rng.randrange(2), rng.randrange(2)
    options = [" ".join(_some(language, topic if i == label else 1 - topic, rng, 2)) for i in range(2)]
    return {
        "premise": " ".join(_some(language, topic, rng, 2)),
        "choice1": options[0],
        "choice2": options[1],
        "label": label,
    }


def _translation(language: str, rng: random.Random) -> dict[str, Any]:
    groups = [(rng.randrange(5), rng.randrange(2)) for _ in range(4)]
    foreign, source = (
        " ".join(WORDS[code][group].split()[word] for group, word in groups) for code in (language, "en")
    )
    return {"sentence1": foreign, "sentence2": source}


def _alone(language: str, rng: random.Random) -> dict[str, Any]:
    """Half of the sentences have a translation, a quarter are foreign ones without, a quarter source ones without."""
    row = _translation(language, rng)
    side = rng.choice(("", "", "sentence1", "sentence2"))
    return row | ({side: None} if side else {})


TEXT = Value("string")
DATASETS = {
    "pairs": ({"text": TEXT, "label": ClassLabel(names=["sport", "politics"])}, _section),
    "tags": ({"tokens": Sequence(TEXT), "tags": Sequence(ClassLabel(names=list(TAGS)))}, _sentence),
    "spans": (
        {
            "question": TEXT,
            "context": TEXT,
            "answers": {"text": Sequence(TEXT), "answer_start": Sequence(Value("int32"))},
        },
        _question,
    ),
    "choices": ({"premise": TEXT, "choice1": TEXT, "choice2": TEXT, "label": Value("int32")}, _option),
    "retrieval": ({"sentence1": TEXT, "sentence2": TEXT}, _translation),
    "mining": ({"sentence1": TEXT, "sentence2": TEXT}, _alone),
}
