"""What is documented is executed, or at least exists."""

import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import typer.main
from datasets import ClassLabel, Value

import toy
import xbench
from xbench import catalogue
from xbench.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    found: list[str] = []
    inside = None
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            found += ["\n".join(inside[1:]) + "\n"] if inside and inside[0] == language else []
            inside = [line.removeprefix("```")] if inside is None else None
        elif inside is not None:
            inside.append(line)
    return found


def commands() -> list[tuple[str, str]]:
    """Every `xbench …` line on every page."""
    found = []
    for page in PAGES:
        for block in blocks(page, "console"):
            lines = block.replace("\\\n", " ").splitlines()
            found += [
                (page.name, line.partition("#")[0].strip()) for line in lines if line.strip().startswith("xbench ")
            ]
    return found


def test_every_command_on_a_page_is_one_that_exists() -> None:
    group = typer.main.get_command(app)
    verbs = {name: group.get_command(None, name) for name in group.list_commands(None)}  # type: ignore[attr-defined]
    seen = 0
    for page, line in commands():
        _, verb, *words = shlex.split(line)
        assert verb in verbs, f"{page}: {line}"
        options = {option for parameter in verbs[verb].params for option in parameter.opts}
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0] in options, f"{page}: {line}"
        seen += 1
    assert seen >= 8


def test_the_tree_in_the_readme_is_the_tree_on_the_disk() -> None:
    (tree,) = blocks(ROOT / "README.md", "")
    named = {line.split()[0].rstrip("/") for line in tree.splitlines() if line.startswith("  ") and "----" not in line}
    there = {
        path.name for path in (ROOT / "xbench").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert named == there - {"__init__.py"}
    for line in tree.splitlines():
        if re.match(r"\w", line):
            assert (ROOT / line.split()[0]).is_dir(), line


def test_every_package_is_built_into_the_wheel() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "xbench").rglob("__init__.py")}
    assert set(built) == there | {"xbench_tasks"}
    assert len(there) > 8


def test_the_code_of_contributing_adds_a_task_an_encoder_and_a_metric(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    files = {}
    for block in blocks(ROOT / "CONTRIBUTING.md", "python"):
        name = block.splitlines()[0].removeprefix("# ")
        files[name] = tmp_path / name
        files[name].write_text(block)
    assert set(files) == {"headlines.py", "ours.py", "near_miss.py"}
    rows = {
        label: [{"headline": f"{word} {i}", "section": label} for i, word in enumerate(text.split() * 8)]
        for label, text in enumerate(toy.WORDS["en"][:2])
    }
    both = [row for pair in zip(rows[0], rows[1], strict=True) for row in pair]
    for language in ("en", "de", "sw"):
        for split in ("train", "validation", "test"):
            toy.write_split(
                tmp_path / "me/headlines", language, split, both,
                {"headline": Value("string"), "section": ClassLabel(names=["sport", "politics"])},
            )  # fmt: skip
    outcome = xbench.run(
        str(checkpoint("bert")),
        str(files["headlines.py"]),
        recipe=str(toy.RECIPE),
        data=tmp_path,
        board=tmp_path / "board",
    )
    ((_, record),) = outcome.ran
    assert [score.language for score in record.scores] == ["en", "de", "sw"]
    assert catalogue.encoder(str(files["ours.py"])).seen == ("en", "de", "sw")
    metric = catalogue.metrics.open(str(files["near_miss.py"]))
    gold = catalogue.tasks.open(str(files["headlines.py"])).read({"headline": "x", "section": "sport"})
    assert metric.count("sports", gold, "en") == (1.0, 1.0)
    assert metric.count(None, gold, "en") == (0.0, 1.0)


def test_what_the_package_exports_is_there() -> None:
    assert sorted(xbench.__all__) == ["Board", "__version__", "load_board", "run"]
    for name in xbench.__all__:
        assert getattr(xbench, name)
    with pytest.raises(AttributeError, match="has no attribute 'walk'"):
        xbench.walk  # noqa: B018


def test_files_and_functions_keep_to_their_budget() -> None:
    import ast

    seen = 0
    for path in [*(ROOT / "xbench").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                seen += 1
                assert (node.end_lineno or 0) - node.lineno + 1 <= 60, f"{path}: {node.name}"
    assert seen > 200
