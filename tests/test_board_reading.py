"""Boards are read with suspicion, indexed, and joined."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_board import scored
from test_store import RUN, counts, record

import xbench
from xbench import store
from xbench.board import reading
from xbench.cache import cache_dir
from xbench.errors import BadRecord
from xbench.record import Record


def written(board: Path, *records: Record) -> Path:
    for made in records:
        store.write_once(board, made, counts())
    return board


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A board of three runs that is large enough for an index, in a cache of its own."""
    monkeypatch.setattr(reading, "MANY", 2)
    monkeypatch.setenv("XBENCH_CACHE", str(tmp_path / "cache"))
    runs = [scored({"seed": seed}, en=0.8 + seed / 100, de=0.6) for seed in range(3)]
    return written(tmp_path / "board", *runs)


def indexes() -> list[Path]:
    return sorted(path for path in cache_dir().glob("board-*") if path.is_dir())


def equal(one: xbench.Board, other: xbench.Board) -> None:
    for name in ("runs", "scores", "missing"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
    assert (one.rejects, one.notes) == (other.rejects, other.notes)


def test_the_second_look_opens_no_record_and_finds_the_same(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (many / "xnli" / "mbert" / "broken.json").write_text("{")
    first = xbench.load_board(many)

    def refuse(path: Path) -> Record:
        raise AssertionError(path)

    monkeypatch.setattr(store, "read", refuse)
    second = xbench.load_board(many)
    equal(first, second)
    assert [reject.file for reject in second.rejects] == [str(Path("xnli", "mbert", "broken.json"))]


def test_an_index_gives_what_a_board_without_one_gives(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xbench.load_board(many)
    indexed = xbench.load_board(many)
    monkeypatch.setattr(reading, "MANY", 1000)
    plain = xbench.load_board(many)
    equal(indexed, plain)
    assert indexed.tables() == plain.tables()


def _rewrite(many: Path) -> None:
    path = many / "xnli" / "mbert" / "xtreme-en-s0.json"
    path.write_text(path.read_text().replace('"value": 0.8,', '"value": 0.81,'))


def _remove(many: Path) -> None:
    (many / "xnli" / "mbert" / "xtreme-en-s0.json").unlink()


def _add(many: Path) -> None:
    written(many, scored({"seed": 7}, en=0.9, de=0.6))


@pytest.mark.parametrize(("change", "values"), [(_rewrite, [0.81, 0.81, 0.82]), (_remove, [0.81, 0.82]), (_add, [0.8, 0.81, 0.82, 0.9])])  # fmt: skip
def test_files_that_changed_came_or_went_are_noticed(
    many: Path, change: Callable[[Path], None], values: list[float]
) -> None:
    xbench.load_board(many)
    change(many)
    scores = xbench.load_board(many).scores
    assert scores.loc[scores["language"] == "en", "value"].tolist() == pytest.approx(values)
    assert len(indexes()) == 1


@pytest.mark.parametrize("name", ["runs", "scores", "missing", "rejects"])
@pytest.mark.parametrize("damage", ["cut", "emptied", "gone", "other"])
def test_a_damaged_index_is_made_anew(many: Path, name: str, damage: str) -> None:
    first = xbench.load_board(many)
    (folder,) = indexes()
    file = folder / name
    whole = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes({"cut": whole[: len(whole) // 2], "emptied": b"", "other": b"x" * len(whole)}[damage])
    equal(first, xbench.load_board(many))
    assert (folder / name).read_bytes() == whole


def test_without_a_cache_a_board_is_read_all_the_same(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (many.parent / "file").write_text("")
    monkeypatch.setenv("XBENCH_CACHE", str(many.parent / "file"))
    assert len(xbench.load_board(many).runs) == 3


def test_the_index_of_another_board_is_left_alone(many: Path) -> None:
    xbench.load_board(many)
    other = written(many.parent / "other", *(scored({"seed": seed}, en=0.5) for seed in range(2)))
    xbench.load_board(other)
    assert len(indexes()) == 2
    assert len(xbench.load_board(other, many).runs) == 5


def damaged(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("xbench.record/1", "xbench.record/2", "newer xbench"),
        ('"value": 0.5', '"value": NaN', "NaN"),
        ('"batch": 8', '"batch": NaN', "NaN"),
        ('"batch": 8', '"batch": [{"a": 1e999}]', "infinity"),
        ('"train_seconds": 1.5', '"train_seconds": 1e999', "train_seconds"),
        ('"seed": 0', '"seed": 0, "seed": 1', "twice"),
        ('"seed": 0', '"seed": 0, "seed" : 1', "twice"),
        ('"seed": 0', '"seed": 0, "se\\u0065d": 1', "twice"),
        ('"unanswered": {}', '"schema": "xbench.record/1"', "twice"),
        ('"head": 0', '"head": 0, "head": 0', "twice"),
        ('"seed": 0', '"seed": true', "seed"),
        ('"task": "xnli",', "", "run.task"),
    ],
)  # fmt: skip
def test_what_cannot_be_trusted_is_refused_with_a_reason(tmp_path: Path, old: str, new: str, said: str) -> None:
    good = written(tmp_path, record()) / "xnli" / "mbert" / "xtreme-en-s0.json"
    good.with_name("bad.json").write_text(damaged(good.read_text(), old, new))
    board = xbench.load_board(tmp_path)
    assert len(board.runs) == 1
    (reject,) = board.rejects
    assert reject.file == str(Path("xnli", "mbert", "bad.json"))
    assert said in reject.why
    assert str(tmp_path) not in reject.why


def places(tree: object) -> int:
    """How many numbers with a point there are in a JSON value."""
    if isinstance(tree, dict | list):
        return sum(map(places, tree.values() if isinstance(tree, dict) else tree))
    return isinstance(tree, float)


def test_no_number_of_a_record_may_be_nan(tmp_path: Path) -> None:
    good = written(tmp_path, record()) / "xnli" / "mbert" / "xtreme-en-s0.json"
    seen: list[str] = []

    def at(place: int) -> Callable[[str], float]:
        left = iter(range(10_000))

        def number(text: str) -> float:
            return float("nan") if next(left) == place else float(text)

        return number

    text = good.read_text()
    for place in range(places(json.loads(text))):
        tree = json.loads(text, parse_float=at(place))
        good.write_text(json.dumps(tree))
        with pytest.raises(BadRecord) as told:
            store.read(good)
        seen.append(str(told.value))
    assert len(seen) == 9


def test_a_member_that_this_version_does_not_know_is_no_fault(tmp_path: Path) -> None:
    path = written(tmp_path, record()) / "xnli" / "mbert" / "xtreme-en-s0.json"
    path.write_text(damaged(path.read_text(), '"seed": 0', '"seed": 0, "mood": "good"'))
    assert store.read(path).run == RUN


def test_a_record_without_the_members_that_came_later_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, record()) / "xnli" / "mbert" / "xtreme-en-s0.json"
    tree = json.loads(path.read_text())
    for late in ("chance", "parallel", "unanswered", "constant", "metrics", "shares_items"):
        del tree[late]
    path.write_text(json.dumps(tree))
    assert replace(store.read(path), examples=None) == record()


def test_links_and_giants_are_kept_aside(tmp_path: Path) -> None:
    good = written(tmp_path, record()) / "xnli" / "mbert" / "xtreme-en-s0.json"
    good.with_name("link.json").symlink_to(good)
    (tmp_path / "loop").symlink_to(tmp_path)
    with good.with_name("giant.json").open("wb") as file:
        file.truncate(store.LARGEST + 1)
    board = xbench.load_board(tmp_path)
    assert len(board.runs) == 1
    assert ["larger" in one.why or "plain file" in one.why for one in board.rejects] == [True, True]


def test_files_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b/x.json", "a-b/x.json", "a/x.json", "a/b.json", ".hidden/y.json", "a/.draft.json", "a/x.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = store.listing(tmp_path)
    assert found == sorted(found)
    assert len(found) == 5


@pytest.mark.parametrize(("value", "said"), [(0.6, "the same numbers"), (0.7, "other numbers; the first stand")])
def test_a_run_on_two_boards_counts_once(tmp_path: Path, value: float, said: str) -> None:
    here, there = (tmp_path / name for name in ("here", "there"))
    written(here, scored({}, de=0.6, en=0.9))
    written(there, scored({}, de=value, en=0.9), scored({"seed": 1}, de=0.6, en=0.9))
    board = xbench.load_board(here, there)
    (note,) = board.notes
    file = Path("xnli", "mbert", "xtreme-en-s0.json")
    assert note == f"twice: {file}: a run that stands on the boards already, with {said}"
    (column,) = board.tables()[0].columns
    assert column.cells["de"].seeds == 2
    assert column.cells["de"].value == pytest.approx(0.6)


def test_what_only_the_second_copy_of_a_run_has_is_kept(tmp_path: Path) -> None:
    here, there = (tmp_path / name for name in ("here", "there"))
    written(here, scored({}, de=0.6))
    written(there, scored({}, de=0.6, en=0.9))
    (column,) = xbench.load_board(here, there).tables()[0].columns
    assert {language: cell.seeds for language, cell in column.cells.items()} == {"de": 1, "en": 1}


def test_parts_of_a_run_join(tmp_path: Path) -> None:
    board = xbench.load_board(written(tmp_path, scored({}, en=0.9, de=0.6), scored({}, fr=0.8)))
    assert [Path(file).name for file in board.runs["file"]] == ["xtreme-en-s0.json", "xtreme-en-s0.part2.json"]
    (table,) = board.tables()
    (column,) = table.columns
    assert column.mean(table.languages) == pytest.approx(0.7)
    assert column.runs == (0, 1)
    assert not board.notes


def test_an_unknown_language_stands_for_itself(tmp_path: Path) -> None:
    board = xbench.load_board(written(tmp_path, scored({}, en=0.9, de=0.6, **{"qqq-Zzzz": 0.5})))
    (table,) = board.tables()
    assert table.languages == ("en", "de", "qqq-Zzzz")
    assert table.columns[0].mean(table.languages) == pytest.approx(0.55)
    assert {one.name for one in board.measures(table, table.columns[0])} >= {"gap", "worst language"}


def test_values_are_numbers_whatever_the_record_holds(tmp_path: Path) -> None:
    scores = xbench.load_board(written(tmp_path, record(scores=()), scored({"seed": 1}, en=0.95, de=0.05))).scores
    assert [scores[name].dtype for name in ("value", "low", "high", "fertility")] == [np.float64] * 4
    assert scores["fertility"].isna().tolist() == [True, False]


def test_boards_with_other_languages_and_metrics_join(tmp_path: Path) -> None:
    here = written(tmp_path / "here", scored({}, en=0.9, de=0.6))
    chrf = replace(scored({"task": "tatoeba"}, en=0.9, sw=0.5), signature="task:tatoeba|metric:chrf|xbench:0")
    there = written(tmp_path / "there", replace(chrf, scores=tuple(replace(one, metric="chrf") for one in chrf.scores)))
    tables = xbench.load_board(here, there).tables()
    assert [(table.task, table.metric, table.languages) for table in tables] == [
        ("xnli", "accuracy", ("en", "de")),
        ("tatoeba", "chrf", ("en", "sw")),
    ]


def test_two_who_look_first_at_once_both_see_the_board(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = reading._keep
    seen: list[xbench.Board] = []

    def while_another_looks(frames: reading.Frames, folder: Path) -> None:
        monkeypatch.setattr(reading, "_keep", keep)
        seen.append(xbench.load_board(many))
        keep(frames, folder)

    monkeypatch.setattr(reading, "_keep", while_another_looks)
    equal(xbench.load_board(many), seen[0])
    assert len(indexes()) == 1
    equal(xbench.load_board(many), seen[0])


def test_cells_nobody_looked_at_are_the_same_cells(tmp_path: Path) -> None:
    """Cells are made when they are looked at; a copy of them is a plain mapping."""
    (column,) = xbench.load_board(written(tmp_path, scored({}, en=0.9, de=0.6))).tables()[0].columns
    assert column.cells == dict(column.cells)
    assert column.cells == pickle.loads(pickle.dumps(column.cells))
    assert list(column.cells) == ["en", "de"]
    assert "fr" not in column.cells
    with pytest.raises(KeyError):
        column.cells["fr"]
    assert column.cells["de"].deviation is None
