"""Records -> tables."""

from dataclasses import replace
from pathlib import Path

import pytest
from test_store import RUN, counts, record

import xbench
from xbench import store
from xbench.errors import StoreError
from xbench.record import DataUsed, Missing, Record, Score


def scored(run: dict[str, object], **values: float) -> Record:
    """A record with these scores, n = 100 and intervals of ± 0.05."""
    scores = tuple(
        Score(
            language=language, split="test", metric="accuracy", n=100, value=value, low=value - 0.05, high=value + 0.05
        )
        for language, value in values.items()
    )
    return record(replace(RUN, **run), scores=scores, missing=())


def board(tmp_path: Path, *records: Record) -> xbench.Board:
    for made in records:
        store.write_once(tmp_path, made, counts())
    return xbench.load_board(tmp_path)


def test_a_cell_is_the_mean_over_seeds(tmp_path: Path) -> None:
    (table,) = board(tmp_path, scored({}, en=0.8, de=0.6), scored({"seed": 1}, en=0.9, de=0.7)).tables()
    (column,) = table.columns
    assert column.cells["de"].value == pytest.approx(0.65)
    assert column.cells["de"].seeds == 2
    # Seeds 0.1 apart: their mean has a standard error of 0.05, and there is one degree of freedom.
    assert column.cells["de"].low < 0.65 - 2 * 0.05
    assert column.cells["de"].high > 0.65 + 2 * 0.05
    assert column.cells["de"].deviation == pytest.approx(0.1 / 2**0.5)


def test_the_mean_of_targets_leaves_the_source_out(tmp_path: Path) -> None:
    (table,) = board(tmp_path, scored({}, en=0.9, de=0.6, fr=0.8)).tables()
    assert table.columns[0].mean(table.languages) == pytest.approx(0.7)


def test_an_incomplete_set_has_no_mean_but_the_shared_languages_have(tmp_path: Path) -> None:
    (table,) = board(tmp_path, scored({}, en=0.9, de=0.6, fr=0.8), scored({"encoder": "xlmr"}, en=0.9, de=0.7)).tables()
    whole, part = table.columns
    assert whole.mean(table.languages) == pytest.approx(0.7)
    assert part.mean(table.languages) is None
    assert table.shared == ("en", "de")
    assert [column.mean(table.shared) for column in table.columns] == [pytest.approx(0.6), pytest.approx(0.7)]


def test_what_may_not_be_compared_is_not_in_one_column(tmp_path: Path) -> None:
    other = replace(scored({"seed": 1}, en=0.5), signature="task:xnli|metric:accuracy|recipe:other|xbench:0")
    (table,) = board(tmp_path, scored({}, en=0.9), other).tables()
    assert len(table.columns) == 2


def test_a_folder_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="xbench run --board"):
        xbench.load_board(tmp_path / "absent")


def test_a_record_without_a_score_is_shown_with_its_reasons(tmp_path: Path) -> None:
    lost = record(replace(RUN, task="udpos"), scores=(), signature="task:udpos|metric:token_accuracy|xbench:0")
    alone = board(tmp_path / "alone", lost)
    ((table,),) = (alone.tables(),)
    assert (table.task, table.columns, table.missing) == ("udpos", (), {"sw": "not there"})
    both = board(tmp_path / "both", lost, scored({}, en=0.9))
    assert [(table.task, len(table.columns)) for table in both.tables()] == [("udpos", 0), ("xnli", 1)]


def test_the_frame_has_a_row_for_each_score(tmp_path: Path) -> None:
    frame = board(tmp_path, scored({}, en=0.9, de=0.6), scored({"seed": 1}, en=0.9, de=0.6)).frame()
    assert len(frame) == 4
    assert frame["headline"].all()
    assert set(frame["seed"]) == {0, 1}


def at_chance(run: dict[str, object], **more: object) -> Record:
    made = scored(run, en=0.34, de=0.5)
    return replace(made, chance=1 / 3, parallel=True, **more)  # type: ignore[arg-type]


def test_a_run_that_never_left_chance_in_its_source_is_flagged_kept_and_counted(tmp_path: Path) -> None:
    learned = replace(scored({"seed": 1}, en=0.8, de=0.6), chance=1 / 3, parallel=True)
    (table,) = board(tmp_path, at_chance({}), learned).tables()
    (column,) = table.columns
    assert (table.chance, table.parallel) == (1 / 3, True)
    assert column.collapsed == (0,)
    assert column.cells["de"].seeds == 2
    assert column.cells["de"].value == pytest.approx(0.55)


def test_what_languages_share_is_as_the_records_say(tmp_path: Path) -> None:
    part = replace(scored({}, en=0.8, de=0.6), chance=0.0, parallel=False, shares_items=True)
    (table,) = board(tmp_path, part).tables()
    assert (table.parallel, table.shares_items, table.paired) == (False, True, True)


def test_one_answer_to_everything_is_a_collapse_too(tmp_path: Path) -> None:
    made = replace(scored({}, en=0.6, de=0.4), constant=("en", "de"), chance=1 / 3)
    (table,) = board(tmp_path, made).tables()
    assert table.columns[0].collapsed == (0,)


def test_a_name_in_a_record_opens_no_file(tmp_path: Path) -> None:
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    signature = f"task:{trap}|metric:{trap}|xbench:0"
    made = record(replace(RUN, task=str(trap)), signature=signature, missing=())
    made = replace(made, scores=tuple(replace(score, metric=str(trap)) for score in made.scores))
    again = replace(made, run=replace(made.run, seed=1))
    (table,) = board(tmp_path / "board", made, again).tables()
    assert table.columns[0].cells
    assert not (tmp_path / "sprung").exists()


def on_rows(run: dict[str, object], fingerprint: str) -> Record:
    """A record whose German test rows have this fingerprint."""
    made = scored(run, en=0.9, de=0.6)
    used = DataUsed(repo="r", revision="1", config="de", split="test", rows=100, fingerprint=fingerprint)
    return replace(made, provenance=replace(made.provenance, test={"de": used}))


def test_other_test_rows_are_told_and_not_ranked_with_the_rest(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    records = [on_rows({"encoder": name}, "2" * 64 if name == "c" else "1" * 64) for name in names]
    (table,) = board(tmp_path, *records).tables()
    assert [column.other_rows for column in table.columns] == ["", "", "de@22222222"]
    assert [column.rank and column.rank.among for column in table.columns] == [2, 2, None]


def test_where_half_has_other_rows_they_are_not_ranked_together_either(tmp_path: Path) -> None:
    records = [on_rows({"encoder": name}, digit * 64) for name, digit in (("a", "1"), ("b", "2"))]
    (table,) = board(tmp_path, *records).tables()
    assert [column.other_rows for column in table.columns] == ["", "de@22222222"]
    assert [column.rank for column in table.columns] == [None, None]


def test_a_seed_on_other_rows_is_in_no_mean_with_the_rest(tmp_path: Path) -> None:
    records = [on_rows({"seed": seed}, "2" * 64 if seed == 2 else "1" * 64) for seed in range(3)]
    (table,) = board(tmp_path, *records).tables()
    assert [(column.other_rows, column.cells["de"].seeds) for column in table.columns] == [("", 2), ("de@22222222", 1)]


def test_mixed_signatures_are_never_one_mean(tmp_path: Path) -> None:
    other = replace(scored({"seed": 1}, en=0.5, de=0.5), signature="task:xnli|metric:accuracy|recipe:other|xbench:0")
    (table,) = board(tmp_path, scored({}, en=0.9, de=0.7), other).tables()
    one, two = table.columns
    assert (one.cells["de"].value, two.cells["de"].value) == (0.7, 0.5)
    assert one.comparable != two.comparable
    assert "recipe:other" in two.comparable
    assert (one.rank, two.rank) == (None, None)


def test_a_metric_that_is_missing_makes_no_language_missing(tmp_path: Path) -> None:
    lost = (
        Missing(language="sw", split="test", why="no chrF there", metric="chrf"),
        Missing(language="ur", split="test", why="no such file"),
    )
    found = board(tmp_path, replace(scored({}, en=0.9, de=0.7), missing=lost))
    assert found.missing["metric"].tolist() == ["chrf", ""]
    (table,) = found.tables()
    assert table.languages == ("en", "de", "ur")
    assert table.missing == {"ur": "no such file"}
