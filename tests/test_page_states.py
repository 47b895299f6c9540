"""Every page in every state that a board can be in: it draws, says so, and never fails."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from answered import FIFTEEN, answers, board_of, many
from streamlit.testing.v1 import AppTest
from test_store import RUN

from benchmarks.board import write
from xbench.page.boards import VARIABLE
from xbench.page.house import PAGES, VIEWS

APP = VIEWS.parent / "app.py"
ODD = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[go](javascript:alert(1))", "![x](http://x.test/x.png)",
    ":red[x] :smile: $x$ **x** `x`", "a\u202eb", "=cmd()|", "{{datum}}'\"+1", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629", "x" * 150,
)  # fmt: skip


def empty(folder: Path) -> None:
    folder.mkdir()


def single(folder: Path) -> None:
    many(folder, ["mbert"], seeds=1)


def lacking(folder: Path) -> None:
    """One encoder without its source, one without a language, one without a score."""
    for encoder, codes in {"mbert": FIFTEEN[1:], "xlmr": FIFTEEN[:-2], "none": ()}.items():
        shares = dict.fromkeys(codes, 0.6)
        made, counts = answers(
            replace(RUN, encoder=encoder),
            shares or {"en": 0.6},
            missing=[code for code in FIFTEEN if code not in codes],
        )
        board_of(folder, [(replace(made, scores=made.scores if codes else ()), counts)])


def malformed(folder: Path) -> None:
    many(folder, ["mbert", "xlmr"])
    (folder / "half.json").write_text('{"schema": ')
    (folder / "newer.json").write_text(json.dumps({"schema": "xbench.record/99"}))


def odd_names(folder: Path) -> None:
    runs = [answers(replace(RUN, encoder=name, recipe=name), {"en": 0.8, "de": 0.6, "sw": 0.5}) for name in ODD]
    runs += [answers(replace(RUN, task=name, encoder="mbert"), {"en": 0.8, "de": 0.6}) for name in ODD]
    board_of(folder, runs)


def right_to_left(folder: Path) -> None:
    many(folder, ["mbert", "xlmr"], ("ar", "he", "ur", "fa", "yi", "dv"))


def unknown_codes(folder: Path) -> None:
    many(folder, ["mbert", "xlmr"], ("qq1", "zz", "<b>x</b>", "tlh", "=1+1"))


def forty_thousand(folder: Path) -> None:
    write(folder, encoders=50, tasks=4)


STATES = (empty, single, lacking, malformed, odd_names, right_to_left, unknown_codes, forty_thousand)


@pytest.fixture(scope="module", params=STATES, ids=lambda make: make.__name__)
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("states") / request.param.__name__
    make: Callable[[Path], None] = request.param
    make(folder)
    return folder


def opened(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(VARIABLE, str(folder))
    seen = AppTest.from_file(APP, default_timeout=120)
    seen.switch_page(str(VIEWS / f"{name}.py"))
    return seen.run()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_stands_in_every_state(state: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = opened(state, name, monkeypatch)
    assert not seen.exception, seen.exception
    assert [one.value for one in seen.title] == [PAGES[name]]
    said = [one.value for kind in (seen.info, seen.error, seen.caption, seen.markdown, seen.code) for one in kind]
    assert said or len(seen.dataframe)
    if name == "quality" and state.name == "malformed":
        shown = " ".join(frame.value.to_string() for frame in seen.dataframe)
        assert "half.json" in shown
        assert "newer.json" in shown
    if name == "overview" and state.name == "empty":
        assert "xbench run" in " ".join(said)


@pytest.mark.parametrize("name", PAGES)
def test_a_board_that_is_not_there_is_said_on_every_page(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = opened(tmp_path / "absent", name, monkeypatch)
    assert not seen.exception
    assert [one.value for one in seen.error] == ["The board cannot be read."]
    assert "absent" in seen.text[0].value
