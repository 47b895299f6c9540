"""What a release is judged by: files, options, waivers, groups; and names that are not there."""

import tomllib
from pathlib import Path

import pytest
from test_gate_judging import judged, old, write

from xbench import languages
from xbench.board import spread
from xbench.errors import BadOption, NoSuchFile, StoreError, UnknownName, XbenchError
from xbench.gate.settings import Settings, settings
from xbench.gate.side import side

__all__ = ["old"]


def waiver(language: str, expires: str = "2026-06-30", task: str = "xnli") -> dict[str, object]:
    return {"task": task, "language": language, "reason": "known", "owner": "ada", "expires": expires}


def test_a_waiver_lets_a_loss_pass(old: Path, tmp_path: Path) -> None:
    wide = {"mean": 9, "source": 9, "gap": 9, "low-resource": 30}
    new = write(tmp_path, "next", loss={("xnli", "ur"): 0.15}, without=[("xnli", "sw")])
    assert judged(old, new, Settings(margins=wide)).code == 1
    given = Settings(margins=wide, waivers=[waiver("ur"), waiver("sw")])  # type: ignore[arg-type]
    found = judged(old, new, given)
    assert found.code == 0
    assert [one.waived for one in found.lost] == [True]
    assert [(cell.language, cell.waived) for cell in found.cells if cell.harmed] == [("ur", True)]
    assert found.harmed == ()
    assert [one.owner for one in found.waivers] == ["ada", "ada"]


@pytest.mark.parametrize(
    ("waived", "said"),
    [
        (waiver("ur", "2025-12-31"), "expired on 2025-12-31"),
        (waiver("xx"), "language of xnli in a waiver: 'xx'"),
        (waiver("ur", task="xnly"), "did you mean xnli"),
        (waiver("de"), "matches no loss"),
    ],
)
def test_a_waiver_that_does_not_hold_is_an_error(
    old: Path, tmp_path: Path, waived: dict[str, object], said: str
) -> None:
    new = write(tmp_path, "next", loss={("xnli", "ur"): 0.15, ("xnli", "de"): -0.1})
    with pytest.raises(XbenchError, match=said):
        judged(old, new, Settings(waivers=[waived]))  # type: ignore[arg-type]


def test_a_waiver_holds_on_its_last_day(old: Path, tmp_path: Path) -> None:
    new = write(tmp_path, "next", loss={("xnli", "ur"): 0.15})
    assert judged(old, new, Settings(waivers=[waiver("ur", "2026-01-01")])).waivers  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds = 5", "unknown key 'seeds'"),
        ("alpha = 2", "alpha"),
        ("seeds_required = 1", "seeds_required"),
        ("[margins]\nmeen = 1", "'meen'; did you mean mean"),
        ("[groups]\ngap = ['de']", "guards have these names"),
        ("[groups]\n'target mean' = ['de']", "guards have these names"),
        ("[groups]\nnordic = []", "groups.nordic"),
        ("[[waivers]]\ntask = 'xnli'\nlanguage = 'ur'\nreason = ''\nowner = 'a'\nexpires = 2026-01-01", "reason"),
        ("[[waivers]]\ntusk = 'xnli'", "did you mean task"),
        ("= 1", "is not TOML"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "gate.toml").write_text(text)
    with pytest.raises(BadOption, match=said):
        settings(tmp_path / "gate.toml")


def test_settings_of_a_file_and_of_options(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(
        "seeds_required = 3\n[margins]\nmean = 0.5\nsource = 4\n[groups]\nsouth = ['sw']"
    )
    given = settings(tmp_path / "gate.toml", margins={"source": 3.0}, tasks=("xnli",), alpha=None)
    assert (given.seeds_required, given.alpha, given.tasks) == (3, 0.05, ("xnli",))
    assert [given.margin(name) for name in ("mean", "source", "gap", "low-resource", "south")] == pytest.approx(
        [0.005, 0.03, 0.02, 0.02, 0.02]
    )
    assert given.group_names() == ("low-resource", "south")


def test_settings_that_cannot_be_read_say_so_in_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match=r"no file nogate\.toml in .*, nor any other \.toml there\.$"):
        settings(tmp_path / "nogate.toml")
    (tmp_path / "gate.toml").write_bytes(b"\xff")
    with pytest.raises(NoSuchFile, match=r"did you mean gate\.toml\?"):
        settings(tmp_path / "nogate.toml")
    with pytest.raises(BadOption, match="cannot be read: they are not UTF-8"):
        settings(tmp_path / "gate.toml")
    with pytest.raises(BadOption, match=r"cannot be read: Is a directory\."):
        settings(tmp_path)


def test_the_page_shows_every_key_with_its_default() -> None:
    page = Path(__file__).resolve().parents[1] / "docs" / "gate.md"
    block = page.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    told = tomllib.loads(block)
    assert told.keys() == Settings.model_fields.keys()
    for name in ("seeds_required", "alpha", "harm_share", "passing", "harm_margin", "resource_class"):
        assert told[name] == getattr(Settings(), name), name


def test_names_that_are_not_there(old: Path, tmp_path: Path) -> None:
    new = write(tmp_path, "next")
    with pytest.raises(UnknownName, match="language in the group 'south': 'xx'"):
        judged(old, new, Settings(groups={"south": ("xx",)}))
    with pytest.raises(UnknownName, match="did you mean xnli"):
        judged(old, new, Settings(tasks=("xnly",)))
    with pytest.raises(UnknownName, match="did you mean next"):
        side([new], "nex")
    with pytest.raises(UnknownName, match="recipe of next"):
        side([new], "next", recipe="xlmr")
    with pytest.raises(StoreError, match="no board"):
        side([tmp_path / "absent"], "next")


def test_groups_are_guarded(old: Path, tmp_path: Path) -> None:
    given = Settings(groups={"germanic": ("deu",), "low-resource": ("ur", "ko")}, tasks=("xnli",))
    found = judged(old, write(tmp_path, "next"), given)
    assert {guard.name: dict(guard.languages) for guard in found.guards if guard.name in given.groups} == {
        "germanic": {"xnli": ("de",)}, "low-resource": {"xnli": ("ur",)},
    }  # fmt: skip
    assert {cell.task for cell in found.cells} == {"xnli"}


def test_low_resource_is_what_the_board_calls_so() -> None:
    codes = [one.code for one in languages.known()]
    expected = spread.groups(codes, "en")["low-resource"]
    assert set(Settings().group("low-resource", codes)) == set(expected)
    assert len(expected) > 20
