"""One fine-tuning, several rules of selection: what is chosen, what is recorded, and what can never be zero-shot."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import toy
import toys
import xbench
from xbench import examples, store
from xbench.cli import app
from xbench.errors import BadRecord
from xbench.record import Chosen, Record
from xbench.runner import Outcome
from xbench.runner.choosing import check_honest

Checkpoint = Callable[[str], Path]
FEATURES, ROW = toy.DATASETS["pairs"]
ROWS = 40


def english(split: str, *, flipped: bool) -> list[dict[str, object]]:
    """English rows; flipped ones have the other label, so that their accuracy is one less that of the others."""
    rows = [ROW("en", random.Random(f"{split}{i}")) | {"id": f"{split}-{i}"} for i in range(ROWS)]
    return [row | {"label": 1 - row["label"]} if flipped else row for row in rows]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`de` is English with the labels exchanged: what is best for one is worst for the other. `xx` has no dev split."""
    root = toy.write_mirror(tmp_path_factory.mktemp("mirror"))
    for language in ("en", "de"):
        for split in ("validation", "test"):
            rows = english(split, flipped=language == "de")
            toy.write_split(root / "toy/pairs", language, split, rows, FEATURES | {"id": toy.TEXT})
    return root


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    return partial(toys.book, tmp_path_factory.mktemp("books"))


@pytest.fixture(scope="module")
def call(checkpoint: Checkpoint, mirror: Path) -> Callable[..., Outcome]:
    def run(board: Path, recipe: Path, task: str = "pairs", **options: object) -> Outcome:
        wanted = {"recipe": str(recipe), "data": mirror, "board": board} | options
        return xbench.run(str(checkpoint("bert")), str(toy.TASKS.get(task, task)), **wanted)

    return run


@pytest.fixture(scope="module")
def together(
    call: Callable[..., Outcome], book: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, tuple[Path, Record]]]:
    """All rules from one fine-tuning: the board, and rule -> its record."""
    board, watch = tmp_path_factory.mktemp("board"), toys.Counting()
    outcome = call(board, book("dev", "source-dev"), also_select=["last", "oracle"], watch=watch)
    assert not outcome.failed
    assert watch.fine_tunings == 1
    return board, {record.selection.rule: (path, record) for path, record in outcome.ran}


def accuracies(path: Path, record: Record) -> dict[str, np.ndarray]:
    """Language -> right or wrong for each test row, from the counts file."""
    counts = examples.read_counts(path, record)
    right = counts.rows[:, counts.columns.index("accuracy.correct")]
    languages = np.array(counts.languages)
    return {language: right[languages == language] for language in dict.fromkeys(counts.languages)}


def test_the_rules_have_records_of_their_own(together) -> None:
    _, records = together
    assert {rule: record.run.recipe for rule, (_, record) in records.items()} == {
        "source-dev": "dev", "last": "dev-last", "oracle": "dev-oracle",
    }  # fmt: skip
    assert len({record.signature for _, record in records.values()}) == 3
    for rule, (path, record) in records.items():
        assert store.read(path) == record
        assert f"|selection:{rule}|" in record.signature
        assert record.provenance.recipe["selection"] == rule
        assert record.selection.zero_shot == (rule != "oracle")
        assert record.cost.shared


def test_oracle_takes_the_best_of_each_languages_own_dev_split(together) -> None:
    _, records = together
    history = records["source-dev"][1].selection.history
    chosen = records["oracle"][1].selection.by_language
    assert [step for step, _ in history] == [4, 8, 12, 16, 20]
    assert records["last"][1].selection.history == ()
    scores = [score for _, score in history]
    assert len(set(scores)) > 1
    # The source is chosen for by its own dev split. German accuracy is one less English accuracy at every step.
    for language, of_language in (("en", scores), ("de", [1 - score for score in scores])):
        best = max(of_language)
        assert chosen[language].score == pytest.approx(best, abs=1e-12)
        assert chosen[language].checkpoint == history[int(np.argmax(np.round(of_language, 9)))][0]
        assert chosen[language].split == f"{language}/validation"
        at = dict(zip([step for step, _ in history], of_language, strict=True))
        assert chosen[language].score >= at[records["source-dev"][1].selection.checkpoint] - 1e-12
    assert chosen["de"].checkpoint != chosen["en"].checkpoint
    assert records["oracle"][1].selection.split == "target dev"


def test_the_regret_is_what_the_two_counts_files_say(together) -> None:
    _, records = together
    oracle, zero_shot = (accuracies(*records[rule]) for rule in ("oracle", "source-dev"))
    chosen = records["oracle"][1].selection.by_language
    assert list(chosen) == list(oracle) == ["en", "de"]
    for language, one in chosen.items():
        difference = oracle[language] - zero_shot[language]
        assert one.regret == pytest.approx(difference.mean(), abs=1e-12)
        assert one.low <= one.regret <= one.high
        error = 1.96 * difference.std() / np.sqrt(len(difference))
        assert (one.low, one.high) == pytest.approx((one.regret - error, one.regret + error), abs=0.06)
    assert (chosen["en"].regret, chosen["en"].low, chosen["en"].high) == (0, 0, 0)
    assert chosen["de"].regret > 0


def test_a_language_without_a_dev_split_is_missing_from_oracle_only(together) -> None:
    _, records = together
    ((cell),) = records["oracle"][1].missing
    assert (cell.language, cell.split) == ("xx", "test")
    assert "no split validation of xx" in cell.why
    assert "xx" in {score.language for score in records["last"][1].scores}


def test_each_rule_gives_the_bytes_that_it_gives_alone(together, call, book, tmp_path: Path) -> None:
    _, records = together
    for rule in ("source-dev", "last", "oracle"):
        ((path, record),) = call(tmp_path / rule, book(f"only-{rule}", rule)).ran
        assert path.with_suffix(".parquet").read_bytes() == records[rule][0].with_suffix(".parquet").read_bytes()
        assert record.selection.by_language == records[rule][1].selection.by_language


def test_what_is_finished_is_not_run_again_and_oracle_alone_is_fine_tuned_once_more(
    together, call, book, tmp_path: Path
) -> None:
    _, records = together
    recipe = book("dev", "source-dev")
    assert len(call(tmp_path, recipe).ran) == 1
    again = call(tmp_path, recipe, also_select=["oracle"])
    ((path, record),) = again.ran
    assert [one.run.recipe for _, one in again.finished] == ["dev"]
    assert any("dev-oracle-en-s0 is not on the board" in note and "once more" in note for note in again.notes)
    assert record.selection.by_language == records["oracle"][1].selection.by_language
    assert sorted(one.name for one in path.parent.glob("*.json")) == ["dev-en-s0.json", "dev-oracle-en-s0.json"]
    whole = call(tmp_path, recipe, also_select="oracle")
    assert (len(whole.ran), len(whole.finished), whole.notes) == (0, 2, ())


def test_regret_is_against_last_where_nothing_else_is_zero_shot(call, book, tmp_path: Path) -> None:
    outcome = call(tmp_path, book("ends", "last"), also_select="oracle", languages="de")
    records = {record.selection.rule: (path, record) for path, record in outcome.ran}
    oracle, last = (accuracies(*records[rule])["de"] for rule in ("oracle", "last"))
    assert records["oracle"][1].selection.by_language["de"].regret == pytest.approx((oracle - last).mean(), abs=1e-12)
    # The same from the oracle's own fine-tuning alone, when the other is on the board already.
    records["oracle"][0].unlink()
    ((_, again),) = call(tmp_path, book("ends", "last"), also_select="oracle", languages="de").ran
    assert again.selection.by_language == records["oracle"][1].selection.by_language


def test_regret_is_known_where_the_zero_shot_record_stands_in_parts(together, call, book, tmp_path: Path) -> None:
    _, records = together
    call(tmp_path, book("dev", "source-dev"), languages="de")
    outcome = call(tmp_path, book("dev", "source-dev"), also_select="oracle")
    found = {record.selection.rule: record for _, record in outcome.ran}
    assert {score.language for score in found["source-dev"].scores} == {"en", "xx"}
    assert found["oracle"].selection.by_language == records["oracle"][1].selection.by_language


def test_the_bill_of_a_zero_shot_record_leaves_the_oracles_judges_out(together) -> None:
    _, records = together
    seconds = {rule: record.cost.train_seconds for rule, (_, record) in records.items()}
    # Differences of what one fine-tuning took, not of three: no machine can turn them round.
    assert 0 < seconds["last"] < seconds["source-dev"] < seconds["oracle"]


# What cannot be selected


def test_a_dev_split_that_is_scored_in_place_of_the_test_split_does_not_choose(
    call, book, mirror: Path, tmp_path: Path
) -> None:
    partial = toy.write_mirror(tmp_path / "mirror")
    rows = english("validation", flipped=True)
    toy.write_split(partial / "toy/pairs", "de", "validation", rows, FEATURES | {"id": toy.TEXT})
    (partial / "toy/pairs/de/test-00000-of-00001.parquet").unlink()
    toy.write_split(partial / "toy/pairs", "de", "validation", rows, FEATURES | {"id": toy.TEXT})
    outcome = call(tmp_path / "board", book("ends", "last"), data=partial, also_select="oracle")
    records = {record.selection.rule: record for _, record in outcome.ran}
    assert ("de", "validation") in {(score.language, score.split) for score in records["last"].scores}
    assert list(records["oracle"].selection.by_language) == ["en"]
    assert {cell.language: cell.why for cell in records["oracle"].missing}["de"].startswith("this dev split chooses")


def test_what_looked_at_target_labels_cannot_be_recorded_as_zero_shot(together) -> None:
    _, records = together
    oracle, last = records["oracle"][1], records["last"][1]
    for rule in ("source-dev", "last", "none"):
        with pytest.raises(BadRecord, match="labels of en, de"):
            check_honest(replace(oracle, selection=replace(oracle.selection, rule=rule)))
    with pytest.raises(BadRecord, match="selected by last, but its recipe says oracle"):
        check_honest(replace(oracle, selection=replace(last.selection)))
    chosen = {"de": Chosen(split="de/validation", checkpoint=4, score=0.5)}
    with pytest.raises(BadRecord, match="zero-shot"):
        check_honest(replace(last, selection=replace(last.selection, by_language=chosen)))
    for _, record in records.values():
        check_honest(record)


def test_the_board_does_not_mix_oracle_with_others(together) -> None:
    board, _ = together
    (table,) = xbench.load_board(board).tables()
    assert sorted(column.recipe for column in table.columns) == ["dev", "dev-last", "dev-oracle"]
    assert [column.recipe for column in table.columns if not column.zero_shot] == ["dev-oracle"]
    assert table.shared == ("en", "de", "xx")  # though oracle lacks xx


# Patience


def test_patience_listens_to_the_source_whatever_is_selected(call, book, tmp_path: Path) -> None:
    options = {"steps": 60, "select_every": 2, "patience": 2}
    outcome = call(tmp_path, book("waits", "last", **options), also_select=["source-dev", "oracle"])
    records = {record.selection.rule: record for _, record in outcome.ran}
    source, last = records["source-dev"].selection, records["last"].selection
    assert last.history == source.history == records["oracle"].selection.history
    best = next(step for step, score in last.history if score == max(score for _, score in last.history))
    assert source.checkpoint == best
    assert last.checkpoint == last.history[-1][0] == best + 4 < 60
    assert (last.split, last.score) == ("en/validation", last.history[-1][1])
    assert records["last"].provenance.dev is not None


# The command


def test_the_command_shows_what_it_will_do_and_what_was_lost(
    checkpoint: Checkpoint, mirror: Path, book, tmp_path: Path
) -> None:
    line = [
        "run", "--encoder", f"small={checkpoint('bert')}", "--task", str(toy.TASKS["pairs"]), "--recipe",
        str(book("dev", "source-dev")), "--data", str(mirror), "--board", str(tmp_path), "--also-select", "last,oracle",
    ]  # fmt: skip
    cli = CliRunner(env={"COLUMNS": "200"})
    planned = json.loads(cli.invoke(app, [*line, "--dry-run", "--json"]).stdout)
    assert [job["run"]["recipe"] for job in planned["to_run"]] == ["dev", "dev-last", "dev-oracle"]
    assert all(len(job["shares_training_with"]) == 2 for job in planned["to_run"])
    assert "3 to run in 1 fine-tuning;" in cli.invoke(app, [*line, "--dry-run"]).stdout
    done = cli.invoke(app, line)
    assert done.exit_code == 0, done.output
    assert "regret of selection" in done.stdout
    assert "not zero-shot (oracle)" in done.stdout
    told = {item["selection"]["rule"]: item for item in json.loads(cli.invoke(app, [*line, "--json"]).stdout)["runs"]}
    regret = told["oracle"]["selection"]["by_language"]["de"]["regret"]
    assert f"{100 * regret:+.1f} [" in done.stdout
    assert "oracle" in str(cli.invoke(app, [*line[:-1], "orakel"]).exception)
