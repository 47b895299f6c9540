"""The page about the gate: its example, its settings and its workflow are run, or at least read."""

import json
import os
import subprocess
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
from xbench.gate.rehearsal import Release, make
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
    group = typer.main.get_command(app)
    verbs = {name: group.get_command(None, name) for name in group.list_commands(None)}  # type: ignore[attr-defined]
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


def act(folder: Path, **given: str) -> tuple[int, dict[str, str], str]:
    """Run the action's last step as a runner does: exit code, outputs, log."""
    tree = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    step = tree["runs"]["steps"][-1]
    names = {variable: text.removeprefix("${{ inputs.").removesuffix(" }}") for variable, text in step["env"].items()}
    values = {name: given.get(name, tree["inputs"][name].get("default", "")) for name in names.values()}
    found = {"GITHUB_OUTPUT": str(folder / "outputs"), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    beside = Path(sys.executable).parent
    environment = os.environ | found | {variable: values[name] for variable, name in names.items()}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env=environment | {"PATH": f"{beside}:{os.environ['PATH']}"}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    outputs = dict(line.split("=", 1) for line in (folder / "outputs").read_text().splitlines())
    (folder / "outputs").unlink()
    return done.returncode, outputs, done.stdout


@pytest.mark.skipif(not Path(sys.executable).with_name("xbench").exists(), reason="the command is not installed here")
def test_the_action_s_step_ends_as_the_command_does(tmp_path: Path) -> None:
    make(tmp_path / "old", Release())
    make(tmp_path / "new", Release(seeds=range(5, 10), change={"sw": -0.08}))
    given = {"candidate": "new", "baseline": "old", "margins": "source=3\ngap=9\n", "seeds-required": "4"}
    ended, outputs, said = act(tmp_path, **given)
    assert (ended, outputs) == (1, {"exit-code": "1", "verdict": "REGRESSION"})
    assert "::error title=xbench check::exit 1" in said
    assert json.loads((tmp_path / "gate/gate.json").read_text())["settings"]["margins"] == {"source": 3.0, "gap": 9.0}
    assert (tmp_path / "summary.md").read_text() == (tmp_path / "gate/gate.md").read_text() + "\n"
    assert act(tmp_path, **given, **{"report-only": "true"})[:2] == (0, {"exit-code": "0", "verdict": "REGRESSION"})
    # A name is never part of the script; and an old report is no verdict on what could not be read.
    ended, outputs, _ = act(tmp_path, candidate='$(touch sprung)"; touch sprung', baseline="old")
    assert (ended, outputs) == (2, {"exit-code": "2"})
    assert not (tmp_path / "sprung").exists()


def test_every_input_of_the_action_is_used_and_none_stands_in_a_script() -> None:
    tree = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    used = json.dumps(tree["runs"])
    for name in tree["inputs"]:
        assert f"inputs.{name}" in used, name
    scripts = [step["run"] for step in tree["runs"]["steps"] if "run" in step]
    # Nothing that a caller gives stands in a script itself.
    assert not [script for script in scripts if "${{" in script]
    assert len(scripts) == 2
