"""What a board must not take for more than it is: other checkpoints, parts of runs, seeds that move languages together."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_board import board, scored
from test_slices import table as gaps_of
from test_store import counts, record

import xbench
from xbench import examples, store
from xbench.board.doubt import doubt_of_mean
from xbench.board.ranking import ranked
from xbench.board.slices import FACTS
from xbench.board.table import Column, Table, columns_of
from xbench.errors import BadRecord, ScoringError
from xbench.export.remarks import of_board, remarks
from xbench.export.view import View, shown
from xbench.influence import influence
from xbench.metrics import close, total
from xbench.metrics.named import metric
from xbench.record import Record

TARGETS = tuple(f"q{first}{last}" for first in "abcd" for last in "abcde")


def of_weights(made: Record, weights: str) -> Record:
    return replace(made, provenance=replace(made.provenance, weights=weights))


def test_two_checkpoints_under_one_name_are_two_columns_and_a_note_says_so(tmp_path: Path) -> None:
    one, other = scored({}, en=0.9, de=0.6), of_weights(scored({"seed": 1}, en=0.5, de=0.4), "w2")
    found = board(tmp_path, one, other)
    (table,) = found.tables()
    assert [(column.weights, column.cells["de"].value, column.seeds) for column in table.columns] == [
        ("w", 0.6, 1),
        ("w2", 0.4, 1),
    ]
    assert found.notes == ("mbert on xnli: records of 2 checkpoints under one name; each has a column of its own",)
    assert found.notes[0] in {remark.text for remark in of_board(found)}


def test_the_same_seed_of_another_checkpoint_is_no_second_copy(tmp_path: Path) -> None:
    for name, weights in (("here", "w"), ("there", "w2")):
        store.write_once(tmp_path / name, of_weights(scored({}, en=0.9, de=0.6), weights), counts())
    (table,) = xbench.load_board(tmp_path / "here", tmp_path / "there").tables()
    assert [column.weights for column in table.columns] == ["w", "w2"]


def simulated(encoders: int, seeds: int, generator: np.random.Generator) -> tuple[Column, ...]:
    """Equal encoders: every language 0.6, seeds that move all languages by 2 points (SD), 1000 items a language."""
    shape = (encoders, seeds, len(TARGETS))
    moved = 0.02 * generator.standard_normal(shape[:2])[..., None]
    items = np.sqrt(0.6 * 0.4 / 1000) * generator.standard_normal((encoders, 1, len(TARGETS)))
    values = 0.6 + moved + items + np.zeros(shape)
    encoder, seed, language = (axis.ravel() for axis in np.indices(shape))
    half_width = 1.959963984540054 * np.sqrt(0.6 * 0.4 / 1000)
    frame = pd.DataFrame({
        "encoder": encoder, "recipe": "r", "source": "en", "split": "test", "signature": "s", "rule": "last",
        "weights": "w", "seed": seed, "language": np.array(TARGETS, object)[language], "run": encoder * seeds + seed,
        "n": 1000, "value": values.ravel(), "low": values.ravel() - half_width, "high": values.ravel() + half_width,
        "fertility": np.nan, "fingerprint": "",
    })  # fmt: skip
    return columns_of(frame)


def test_two_equal_encoders_differ_beyond_doubt_as_often_as_promised() -> None:
    # Binomial(600, 0.05) lies within 15 and 46 but for one in 1000; t by Satterthwaite is itself an approximation.
    columns = simulated(1200, 5, np.random.default_rng(5))
    false = 0
    for pair in zip(columns[::2], columns[1::2], strict=True):
        table = Table(task="t", metric="accuracy", languages=("en", *TARGETS), columns=pair, missing={})
        false += any(column.rank and column.rank.worst == 1 for column in ranked(table, lambda _: None).columns)
    assert 15 <= false <= 46


def test_the_doubt_of_a_mean_is_that_of_the_seeds_own_means_and_of_the_items() -> None:
    (column,) = simulated(1, 5, np.random.default_rng(6))
    doubt = doubt_of_mean(column, TARGETS, paired=False)
    means = np.array([column.cells[one].scores for one in TARGETS]).mean(axis=0)
    item = 0.6 * 0.4 / 1000
    assert (doubt.over_seeds, doubt.seeds) == (pytest.approx(means.var(ddof=1) / 5), 5)
    assert doubt.over_items == pytest.approx(item / len(TARGETS))
    assert doubt_of_mean(column, TARGETS, paired=True).over_items == pytest.approx(item)
    alone = replace(doubt, over_items=0.0)
    assert alone.half_width == pytest.approx(2.7764451 * np.sqrt(alone.over_seeds))  # printed tables: t, 4 degrees
    cells = {**column.cells, "qaa": replace(column.cells["qaa"], of_seeds=(7,), scores=(0.6,), seeds=1)}
    apart = doubt_of_mean(replace(column, cells=cells), TARGETS, paired=False)
    assert apart.over_seeds == 0
    assert apart.over_items > doubt.over_seeds + doubt.over_items


def test_a_part_without_the_source_is_judged_with_its_run(tmp_path: Path) -> None:
    learned = replace(scored({}, en=0.9, de=0.6), chance=1 / 3, parallel=True)
    hard = replace(scored({}, sw=0.34), chance=1 / 3, parallel=True)
    (table,) = board(tmp_path / "one", learned, hard).tables()
    assert table.columns[0].collapsed == ()
    lost = replace(scored({"seed": 1}, en=0.34, de=0.5), chance=1 / 3, parallel=True)
    more = replace(scored({"seed": 1}, sw=0.5), chance=1 / 3, parallel=True)
    found = board(tmp_path / "two", learned, hard, lost, more)
    (column,) = found.tables()[0].columns
    assert (column.collapsed, column.seeds, column.runs) == ((1,), 2, (0, 1, 2, 3))
    assert any("1 of 2 runs collapsed (50 %" in remark.text for remark in remarks(shown(found, View())[0]))


@pytest.mark.parametrize("order", [1, -1])
def test_a_board_joins_an_empty_one_and_one_without_scores(tmp_path: Path, order: int) -> None:
    for name in ("full", "empty", "missing"):
        (tmp_path / name).mkdir()
    store.write_once(tmp_path / "full", scored({}, en=0.9, de=0.6), counts())
    store.write_once(tmp_path / "missing", record(replace(record().run, seed=1), scores=()), counts())
    for beside in ("empty", "missing"):
        both = xbench.load_board(*[tmp_path / "full", tmp_path / beside][::order])
        (table,) = both.tables()
        assert table.columns[0].cells["de"].value == 0.6
        assert both.frame()["value"].dtype == np.float64
    assert xbench.load_board(tmp_path / "empty", tmp_path / "missing").frame().empty


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("id", None, "missing"), ("language", None, "missing"), ("accuracy.n", 1e300, "beyond"), ("accuracy.n", np.nan, "not finite")],
)  # fmt: skip
def test_counts_that_are_none_are_refused(tmp_path: Path, column: str, value: object, said: str) -> None:
    path = store.write_once(tmp_path, record(), counts())
    parquet = path.with_suffix(".parquet")
    told = pq.read_table(parquet).to_pydict()
    told[column][1] = value
    types = {name: pa.float64() if "." in name else pa.string() for name in told}
    pq.write_table(pa.table({name: pa.array(of, types[name]) for name, of in told.items()}), parquet)
    read = store.read(path)
    assert read.examples is not None
    sealed = replace(read, examples=replace(read.examples, sha256=hashlib.sha256(parquet.read_bytes()).hexdigest()))
    with pytest.raises(BadRecord, match=said):
        examples.read_counts(path, sealed)


def test_sums_that_overflow_are_scoring_errors() -> None:
    rows = np.full((4, 2), 1e308)
    accuracy = metric("accuracy")
    for fails in (lambda: total(rows), lambda: close(accuracy, rows), lambda: influence(rows, accuracy.close)):
        with pytest.raises(ScoringError, match="cannot be summed"):
            fails()

    def overflows(_: object) -> np.ndarray:
        raise OverflowError("math range error")

    with pytest.raises(ScoringError, match="math range error"):
        influence(np.ones((4, 2)), overflows)


@settings(deadline=None)
@given(st.floats(-5, 0))
def test_a_fertility_that_is_none_is_skipped(fertility: float) -> None:
    table = gaps_of({"a": {"de": 0.1, "fr": 0.2}}, {"de": fertility, "fr": 2.0})
    fact = FACTS["fertility"](table.columns[0])
    assert (fact("de"), fact("fr")) == (None, 1.0)


def test_where_lower_is_better_nothing_is_ranked_or_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = board(tmp_path, scored({}, en=0.9, de=0.8), scored({"encoder": "xlmr"}, en=0.5, de=0.2))
    assert all(column.rank for column in found.tables()[0].columns)
    lower = replace(metric("accuracy"), better="lower")
    monkeypatch.setattr(xbench.board, "installed", lambda _: lower)
    (table,) = found.tables()
    assert [column.rank for column in table.columns] == [None, None]
    assert [found.measures(table, column) for column in table.columns] == [(), ()]
    assert any("lower accuracy is better" in one.text for one in remarks(shown(found, View())[0]))
