"""What holds for every board, and what is wrong with some: each through the command that people use."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_cli_board import board
from test_export_tables import put, signature, small

from xbench.record import Run

LANGUAGES = ("en", "de", "sw", "zh")
CELLS = st.fixed_dictionaries({code: st.integers(0, 200).map(lambda k: k / 200) for code in LANGUAGES})
FEW = settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
"""A board is a folder of files, so that many of them take long."""


@contextmanager
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp())
    try:
        yield made
    finally:
        shutil.rmtree(made)


def run(encoder: str, seed: int = 0) -> Run:
    return Run("made-pairs", encoder, "xtreme", "en", seed)


def columns(there: Path, *words: str) -> dict[str, dict]:
    """Encoder -> its column, as `xbench board --format json` says."""
    (table,) = json.loads(board(there, "--format", "json", *words))["tables"]
    return {one["encoder"]: one for one in table["columns"]}


@FEW
@given(CELLS, CELLS, CELLS)
def test_swapping_two_encoders_swaps_their_ranks(one: dict, other: dict, third: dict) -> None:
    found = []
    for first, second in ((one, other), (other, one)):
        with folder() as there:
            for encoder, values in (("a", first), ("b", second), ("c", third)):
                put(there, run(encoder), values)
            found.append(columns(there))
    before, after = found
    assert [before[name]["rank"] for name in "abc"] == [after[name]["rank"] for name in "bac"]
    assert [before[name]["mean"] for name in "abc"] == pytest.approx([after[name]["mean"] for name in "bac"])


@FEW
@given(CELLS, CELLS, st.sampled_from(LANGUAGES[1:]))
def test_dropping_a_language_makes_its_average_incomplete_not_different(one: dict, other: dict, lost: str) -> None:
    with folder() as there:
        put(there, run("a"), one)
        put(there, run("b"), other)
        whole = columns(there)
    with folder() as there:
        put(there, run("a"), {code: value for code, value in one.items() if code != lost})
        put(there, run("b"), other)
        part = columns(there)
        assert f"3/4; lacks {lost}" in board(there, columns=160)
    assert part["a"]["mean"] is None
    assert part["a"]["rank"] is None
    assert part["a"]["measures"] == []
    # The languages may come in another order, so that sums are rounded otherwise.
    assert part["b"]["mean"] == pytest.approx(whole["b"]["mean"])
    values = [{one["name"]: one["value"] for one in each["b"]["measures"]} for each in (part, whole)]
    assert values[0] == pytest.approx(values[1])
    left = [code for code in LANGUAGES[1:] if code != lost]
    assert part["a"]["mean_of_shared"] == pytest.approx(sum(one[code] for code in left) / 2)


@FEW
@given(
    st.lists(CELLS, min_size=2, max_size=4),
    st.sets(st.integers(0, 1), min_size=1),
    st.sets(st.sampled_from(LANGUAGES), min_size=1),
)
def test_filtering_never_ranks_again(cells: list[dict], kept: set[int], languages: set[str]) -> None:
    with folder() as there:
        for place, values in enumerate(cells):
            put(there, run(f"e{place}"), values)
        whole = columns(there)
        part = columns(there, "--encoder", ",".join(f"e{i}" for i in kept), "--languages", ",".join(languages))
    assert set(part) == {f"e{i}" for i in kept}
    for encoder, column in part.items():
        for told in ("rank", "mean", "measures"):
            assert column[told] == whole[encoder][told]
        assert set(column["cells"]) == languages
        assert all(column["cells"][code] == whole[encoder]["cells"][code] for code in languages)


@FEW
@given(CELLS, CELLS)
def test_more_seeds_do_not_make_more_examples(one: dict, other: dict) -> None:
    with folder() as there:
        put(there, run("a"), one)
        before = columns(there)["a"]["cells"]
        put(there, run("a", seed=1), other)
        after = columns(there)["a"]["cells"]
    assert [cell["n"] for cell in after.values()] == [cell["n"] for cell in before.values()] == [200] * 4
    assert {cell["seeds"] for cell in after.values()} == {2}


def pair(there: Path) -> Path:
    """A board of one good record, and the path of a second one that a test may damage."""
    put(there, run("good"), {"en": 0.9, "de": 0.7})
    put(there, run("other"), {"en": 0.8, "de": 0.6})
    return there / "made-pairs" / "other" / "xtreme-en-s0.json"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"value": 0.6', '"value": NaN', "NaN"),
        ("xbench.record/1", "xbench.record/2", "newer xbench"),
        ('"value": 0.6', '"value": 60.0', "out of range"),
        ('"scores"', '"skores"', "scores: Field required"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_and_shown(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = pair(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    drawn = board(tmp_path, columns=300)
    assert "refused made-pairs/other/xtreme-en-s0.json" in drawn
    assert said in drawn
    assert "90.0" in drawn
    for format in ("markdown", "latex"):
        assert "refused made-pairs/other/xtreme-en-s0.json" in board(tmp_path, "--format", format).replace("\\_", "_")
    tree = json.loads(board(tmp_path, "--format", "json"))
    assert [reject["file"] for reject in tree["rejects"]] == ["made-pairs/other/xtreme-en-s0.json"]
    assert list(columns(tmp_path)) == ["good"]
    assert ",other," not in board(tmp_path, "--format", "csv")


def test_an_unknown_language_stands_for_itself(tmp_path: Path) -> None:
    put(tmp_path, run("a"), {"en": 0.9, "klingonish": 0.5})
    assert re.search(r"klingonish +50\.0", board(tmp_path))
    tree = json.loads(board(tmp_path, "--format", "json"))
    of_language = {one["code"]: one for one in tree["tables"][0]["languages"]}["klingonish"]
    assert of_language["language_name"] == "klingonish"
    assert of_language["script"] == of_language["family"] == ""
    assert of_language["resource_class"] is None


def test_a_record_that_stands_there_twice_counts_once_and_is_told(tmp_path: Path) -> None:
    put(tmp_path / "a", run("one"), {"en": 0.9, "de": 0.7})
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    put(tmp_path / "c", run("one"), {"en": 0.9, "de": 0.1})
    both = board(tmp_path / "a", "--board", str(tmp_path / "b"), columns=200)
    assert "a run that stands on the boards already, with the same numbers" in both
    third = board(tmp_path / "a", "--board", str(tmp_path / "c"), columns=200)
    assert "with other numbers; the first stand" in third
    for other in ("b", "c"):
        cell = columns(tmp_path / "a", "--board", str(tmp_path / other))["one"]["cells"]["de"]
        assert (cell["value"], cell["seeds"]) == (0.7, 1)


def test_mixed_signatures_stand_apart_and_are_not_ranked_together(tmp_path: Path) -> None:
    for encoder in ("a", "b"):
        put(tmp_path, run(encoder), {"en": 0.9, "de": 0.7})
    for encoder in ("c", "d"):
        put(tmp_path, run(encoder), {"en": 0.9, "de": 0.8}, signature=signature("made-pairs", train="other"))
    drawn = board(tmp_path, columns=160)
    assert "may not be compared: B (c, d) with A: train: none / other" in drawn
    found = columns(tmp_path)
    assert {name: (one["group"], one["rank"]["among"]) for name, one in found.items()} == {
        "a": ("A", 2), "b": ("A", 2), "c": ("B", 2), "d": ("B", 2),
    }  # fmt: skip
    # One encoder under two signatures is two columns, never one of two seeds.
    put(tmp_path / "two", run("a"), {"en": 0.9, "de": 0.7})
    put(tmp_path / "two", run("a", seed=1), {"en": 0.9, "de": 0.8}, signature=signature("made-pairs", train="other"))
    (table,) = json.loads(board(tmp_path / "two", "--format", "json"))["tables"]
    assert [cell["seeds"] for one in table["columns"] for cell in one["cells"].values()] == [1, 1, 1, 1]


def test_no_filter_loses_what_was_refused(tmp_path: Path) -> None:
    small(tmp_path)
    (tmp_path / "made-pairs" / "broken").mkdir()
    (tmp_path / "made-pairs" / "broken" / "x.json").write_text("{")
    assert "refused made-pairs/broken/x.json" in board(tmp_path, "--encoder", "partial", columns=160)
