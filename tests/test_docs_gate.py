"""The page about the gate: its example, its settings and its workflow are run, or at least read."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from scipy.stats import t
from test_docs import ROOT, blocks

from xbench.cli import app, main
from xbench.gate.settings import settings

PAGE = ROOT / "docs" / "gate.md"


def sentences(guard: Mapping[str, Any], levels: Mapping[str, float]) -> list[str]:
    """How the bounds of a guard come about, worked with scipy's quantiles from what the verdict says of its error."""
    freedom, error = guard["degrees_of_freedom"], 100 * guard["standard_error"]
    value, margin = 100 * guard["value"], 100 * guard["margin"]
    low, high = t.ppf(1 - levels["passing"], freedom), t.ppf(1 - levels["regression"], freedom)
    return [
        f"- Its standard error is {error:.3f} points, with {freedom:.0f} degrees of freedom.",
        f"- Passing asks for {100 * (1 - levels['passing']):g} %: t = {low:.3f}, and {value:.2f} - {low:.3f} × {error:.3f} = "
        f"{value - low * error:.2f}. That is not above -{margin:.0f}: it does not pass.",
        f"- A regression asks for {100 * (1 - levels['regression']):g} %: t = {high:.3f}, and {value:.2f} + {high:.3f} × "
        f"{error:.3f} = {value + high * error:.2f}. That is below 0: it is a regression.",
    ]  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", list(words))
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), capsys.readouterr().out


def test_the_worked_example_gives_the_figures_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(PAGE, "python")
    exec(compile(code, str(PAGE), "exec"), {})
    (command,) = [block.split() for block in blocks(PAGE, "console") if "boards/new" in block]
    ended, said = run(monkeypatch, capsys, *command)
    assert ended == 1
    (shown,) = blocks(PAGE, "text")
    assert said[: said.index("\n\ncandidate")] + "\n" == shown
    tree = json.loads(run(monkeypatch, capsys, *command, "--format", "json")[1])
    (guard,) = [one for one in tree["guards"] if one["name"] == "low-resource"]
    page = PAGE.read_text(encoding="utf-8")
    for sentence in sentences(guard, tree["levels"]):
        assert sentence in page


def test_the_settings_on_the_page_are_read_and_wave_the_example_s_loss_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(PAGE, "python")
    exec(compile(code, str(PAGE), "exec"), {})
    (toml,) = blocks(PAGE, "toml")
    Path("gate.toml").write_text(toml, encoding="utf-8")
    assert settings(Path("gate.toml")).margin("nordic") == 0.015
    words = ("xbench", "check", "--candidate", "boards/new", "--baseline", "boards/old", "--config", "gate.toml")
    tree = json.loads(run(monkeypatch, capsys, *words, "--format", "json")[1])
    assert tree["harmed"] == []
    assert tree["waivers"][0]["language"] == "sw"
    # The guards still see it.
    assert tree["code"] == 1


def commands(text: str) -> list[list[str]]:
    """Calls of xbench in a script, words as they stand."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line[line.index("xbench ") :].split() for line in lines if "xbench check " in line or "xbench run " in line]


@pytest.mark.parametrize("file", ["action.yml", "docs/ci/github-workflow.yml", "docs/ci/gitlab.md"])
def test_what_is_there_to_be_copied_is_yaml_and_calls_options_that_exist(file: str) -> None:
    path = ROOT / file
    texts = blocks(path, "yaml") if path.suffix == ".md" else [path.read_text(encoding="utf-8")]
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    seen = 0
    for text in texts:
        tree = yaml.safe_load(text)
        assert isinstance(tree, dict)
        for words in (words for script in strings(tree) for words in commands(script)):
            options = {option for parameter in verbs[words[1]].params for option in parameter.opts}
            for word in words[2:]:
                if word.strip('"').startswith("--"):
                    assert word.strip('"').partition("=")[0] in options, f"{file}: {word}"
            seen += 1
    assert seen >= 1


def strings(tree: object) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    below = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [text for one in below for text in strings(one)]


def test_every_input_of_the_action_is_used_and_none_stands_in_a_script() -> None:
    tree = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    used = json.dumps(tree["runs"])
    for name in tree["inputs"]:
        assert f"inputs.{name}" in used, name
    scripts = [step["run"] for step in tree["runs"]["steps"] if "run" in step]
    # Nothing that a caller gives stands in a script itself.
    assert not [script for script in scripts if "${{" in script]
    assert len(scripts) == 2
