"""The board's files: written once, read with suspicion."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbench import examples, store
from xbench.errors import AlreadyRecorded, BadRecord, Unwritable
from xbench.record import Cost, Counts, Missing, Provenance, Record, Run, Score, Selected, TokenizerFigures

RUN = Run("xnli", "mbert", "xtreme", "en", 0)


def counts(n: int = 4) -> Counts:
    return Counts(
        ids=tuple(map(str, range(n))), languages=("de",) * n, columns=("accuracy.correct", "accuracy.n"),
        rows=np.column_stack([np.arange(n) % 2, np.ones(n)]).astype(float),
    )  # fmt: skip


def record(run: Run = RUN, **changes: object) -> Record:
    made = Record(
        run=run, signature="task:xnli|metric:accuracy|xbench:0", selection=Selected(rule="last", split="", checkpoint=3, score=None),
        scores=(Score(language="de", split="test", metric="accuracy", n=4, value=0.5, low=0.25, high=0.75),),
        missing=(Missing(language="sw", split="test", why="not there"),),
        cost=Cost(train_seconds=1.5, score_seconds=0.5, train_tokens=10, score_tokens=5, peak_memory=1, parameters=2, device="cpu"),
        tokenizer={"de": TokenizerFigures(fertility=1.2, tokens_per_character=0.3, unknown=0.0, truncated=0.0)},
        provenance=Provenance(
            xbench="0", packages={"torch": "2"}, python="3.11", platform="here", device="cpu", precision="fp32", checkpoint="c",
            checkpoint_revision="", weights="w", tokenizer="t", architecture="bert", train=None, dev=None, test={}, recipe={"batch": 8},
            seeds={"head": 0}, git=None, command="xbench run", started="now", ended="then",
        ),
        examples=None,
    )  # fmt: skip
    return replace(made, **changes)


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    path = store.write_once(tmp_path, record(), counts())
    assert path == tmp_path / "xnli" / "mbert" / "xtreme-en-s0.json"
    read = store.read(path)
    assert replace(read, examples=None) == record()
    again = examples.read_counts(path, read)
    assert again.ids == counts().ids
    assert np.array_equal(again.rows, counts().rows)
    assert store.load(tmp_path).records == ((path, read),)


def test_a_second_record_of_a_run_stands_beside_the_first(tmp_path: Path) -> None:
    first = store.write_once(tmp_path, record(), counts())
    before = first.read_bytes()
    french = replace(record().scores[0], language="fr")
    second = store.write_once(tmp_path, record(scores=(french,)), counts())
    assert first.read_bytes() == before
    assert second.name == "xtreme-en-s0.part2.json"
    assert [path for path, _ in store.find(tmp_path, RUN)] == [first, second]


def test_a_language_is_recorded_once_whoever_comes_first(tmp_path: Path) -> None:
    first = store.write_once(tmp_path, record(), counts())
    before = {path: path.read_bytes() for path in first.parent.iterdir()}
    with pytest.raises(AlreadyRecorded, match=r"in de; the same command goes on from there$"):
        store.write_once(tmp_path, record(), counts(6))
    assert {path: path.read_bytes() for path in first.parent.iterdir()} == before


def test_numbers_that_could_not_be_read_back_are_not_written(tmp_path: Path) -> None:
    wrong = replace(record().scores[0], value=85.0, high=85.0)
    with pytest.raises(BadRecord, match="out of range"):
        store.write_once(tmp_path, record(scores=(wrong,)), counts())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_stopped_writer_leaves_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        store.write_once(tmp_path, record(), counts())
    assert not list(tmp_path.rglob("*.json"))
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".xbench-")]
    monkeypatch.undo()
    store.write_once(tmp_path, record(), counts())
    assert len(store.load(tmp_path).records) == 1


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_no_name_leaves_the_board_and_no_two_share_a_path(one: str, other: str) -> None:
    board = Path("/board")
    paths = [store.path_of(board, replace(RUN, encoder=name)) for name in (one, other)]
    for path in paths:
        assert path.parent.parent == board / "xnli"
        assert path.resolve().is_relative_to(board.resolve())
    assert (paths[0] == paths[1]) == (one == other)


def test_names_that_look_alike_have_paths_of_their_own_or_are_refused(tmp_path: Path) -> None:
    names = ("a/b", "a--b", "a/-b", "a-/b", "a---b")
    assert len({store.path_of(tmp_path, replace(RUN, encoder=name)) for name in names}) == len(names)
    assert store.path_of(tmp_path, replace(RUN, encoder="a/b")).parent.name == "a--b"
    store.write_once(tmp_path, record(replace(RUN, recipe="r-en", source="de")), counts())
    with pytest.raises(BadRecord, match="take another --board"):
        store.find(tmp_path, replace(RUN, recipe="r", source="en-de"))


def test_chance_and_fertility_are_looked_at(tmp_path: Path) -> None:
    below = {"de": replace(record().tokenizer["de"], fertility=-0.1)}
    for wrong in (record(chance=1.5), record(chance=-0.5), record(tokenizer=below)):
        with pytest.raises(BadRecord, match=r"chance is not in 0\.\.1, or a fertility"):
            store.write_once(tmp_path, wrong, counts())


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[:-40], "not JSON"),
        (lambda text: text.replace('"value": 0.5', '"value": NaN'), "NaN"),
        (lambda text: text.replace('"value": 0.5', '"value": 1.5'), "out of range"),
        (lambda text: text.replace('"value": 0.5', '"value": "0.5"'), "value"),
        (lambda text: text.replace('"seed": 0', '"seed": 0, "seed": 1'), "twice"),
        (lambda text: text.replace("xbench.record/1", "xbench.record/9"), "newer xbench"),
        (lambda text: "[" * 100_000, "not JSON"),
        (lambda text: "[]", "schema"),
    ],
)
def test_what_cannot_be_trusted_is_refused_and_kept_aside(tmp_path: Path, damage, said: str) -> None:
    good = store.write_once(tmp_path, record(), counts())
    bad = good.with_name("xtreme-en-s1.json")
    bad.write_text(damage(good.read_text()))
    with pytest.raises(BadRecord, match=said):
        store.read(bad)
    shelf = store.load(tmp_path)
    assert len(shelf.records) == 1
    assert [reject.file for reject in shelf.rejects] == ["xnli/mbert/xtreme-en-s1.json"]


def test_a_run_that_meets_a_damaged_record_is_told_what_to_do(tmp_path: Path) -> None:
    path = store.write_once(tmp_path, record(), counts())
    path.write_text(path.read_text()[:-40])
    with pytest.raises(BadRecord, match=r"cut off or damaged: move it away and the same .*`xbench verify --board \S+`"):
        store.find(tmp_path, RUN)
    path.rename(tmp_path / "aside")
    assert store.write_once(tmp_path, record(), counts()) == path


def test_links_and_giants_are_refused(tmp_path: Path) -> None:
    good = store.write_once(tmp_path, record(), counts())
    good.with_name("link.json").symlink_to(good)
    good.with_name("giant.json").write_bytes(b" " * (store.LARGEST + 1))
    whys = {Path(reject.file).name: reject.why for reject in store.load(tmp_path).rejects}
    assert "plain file" in whys["link.json"]
    assert "larger" in whys["giant.json"]


def test_a_counts_file_elsewhere_is_refused(tmp_path: Path) -> None:
    path = store.write_once(tmp_path, record(), counts())
    tree = json.loads(path.read_text())
    tree["examples"]["file"] = "../../elsewhere.parquet"
    path.write_text(json.dumps(tree))
    with pytest.raises(BadRecord, match="beside"):
        examples.read_counts(path, store.read(path))


def test_a_board_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match="--board"):
        store.writable(tmp_path / "file")
    with pytest.raises(Unwritable):
        store.writable(tmp_path / "file" / "below")
