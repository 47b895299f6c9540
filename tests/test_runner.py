"""From an order to records, by the public path, with tiny random encoders."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import tiny
import toy
import xbench
from xbench import examples, store
from xbench.errors import AlreadyRecorded, BadOption, UnknownName, XbenchError
from xbench.record import Run
from xbench.runner import Outcome

Checkpoint = Callable[[str], Path]


def run(checkpoint: Path, mirror: Path, board: Path, *kinds: str, **options: object) -> Outcome:
    tasks = [str(toy.TASKS[kind]) for kind in kinds]
    wanted = {"recipe": str(toy.RECIPE), "data": mirror, "board": board} | options
    return xbench.run(str(checkpoint), tasks, **wanted)


@pytest.mark.parametrize("architecture", list(tiny.ARCHITECTURES))
def test_every_architecture_runs_through_every_kind(
    architecture: str, checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    outcome = run(checkpoint(architecture), toy_mirror, tmp_path, *toy.TASKS)
    assert not outcome.failed
    assert {record.run.task for _, record in outcome.ran} == {f"toy-{kind}" for kind in toy.TASKS}
    for _, record in outcome.ran:
        assert {score.language for score in record.scores} == set(toy.LANGUAGES)
        assert all(score.n == toy.SIZES["test"] for score in record.scores)
        assert record.provenance.architecture == architecture


def test_equal_runs_give_equal_bytes_of_counts(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    hashes = []
    for board in ("first", "second"):
        outcome = run(checkpoint("xlm-roberta"), toy_mirror, tmp_path / board, "pairs", "tags", "spans")
        hashes.append([path.with_suffix(".parquet").read_bytes() for path, _ in outcome.ran])
        assert len(hashes[-1]) == 3
    assert hashes[0] == hashes[1]


def test_another_seed_gives_another_head(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    outcome = run(checkpoint("xlm-roberta"), toy_mirror, tmp_path, "pairs", seeds=3)
    assert [record.run.seed for _, record in outcome.ran] == [0, 1, 2]
    weights = {record.provenance.weights for _, record in outcome.ran}
    assert len(weights) == 1


def test_a_finished_run_is_not_run_again(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    first = run(checkpoint("bert"), toy_mirror, tmp_path, "pairs")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = run(checkpoint("bert"), toy_mirror, tmp_path, "pairs")
    assert len(first.ran) == 1
    assert not again.ran
    assert [record for _, record in again.finished] == [record for _, record in first.ran]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_further_languages_are_scored_beside_the_first(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    whole = run(checkpoint("bert"), toy_mirror, tmp_path / "whole", "pairs")
    run(checkpoint("bert"), toy_mirror, tmp_path / "parts", "pairs", languages="deu")
    rest = run(checkpoint("bert"), toy_mirror, tmp_path / "parts", "pairs")
    assert [score.language for _, record in rest.ran for score in record.scores] == ["en", "xx"]
    together = [score for _, record in (*rest.finished, *rest.ran) for score in record.scores]
    assert sorted(together, key=str) == sorted(whole.ran[0][1].scores, key=str)
    assert not run(checkpoint("bert"), toy_mirror, tmp_path / "parts", "pairs").ran


def test_a_language_that_the_data_lacks_is_missing_and_comes_when_its_rows_do(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    mirror = toy.write_mirror(tmp_path / "mirror")
    kept = (mirror / "toy/pairs/xx").rename(tmp_path / "kept")
    readme = (mirror / "toy/pairs/README.md").read_text()
    (mirror / "toy/pairs/README.md").write_text(readme.partition("- config_name: xx")[0] + "---\n")
    ((_, record),) = run(checkpoint("bert"), mirror, tmp_path / "board", "pairs").ran
    assert [(cell.language, cell.split) for cell in record.missing] == [("xx", "test")]
    assert "xx" in record.missing[0].why
    kept.rename(mirror / "toy/pairs/xx")
    (mirror / "toy/pairs/README.md").write_text(readme)
    ((_, record),) = run(checkpoint("bert"), mirror, tmp_path / "board", "pairs").ran
    assert [score.language for score in record.scores] == ["xx"]


def test_one_fine_tuning_serves_tasks_that_share_their_training(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared.py"
    shared.write_text(
        f"import sys; sys.path.insert(0, {str(toy.TASKS['pairs'].parents[1])!r})\n"
        "from dataclasses import replace\nfrom toy.pairs import task as first\n"
        "task = replace(first, name='toy-second', targets=('de',))\n"
    )
    own = tmp_path / "own.py"
    own.write_text(shared.read_text().replace("replace(first, name='toy-second', targets=('de',))", "first"))
    outcome = xbench.run(
        str(checkpoint("bert")),
        [str(own), str(shared)],
        recipe=str(toy.RECIPE),
        data=toy_mirror,
        board=tmp_path / "board",
    )
    (_, one), (_, other) = outcome.ran
    assert one.cost.shared
    assert one.cost.train_seconds == other.cost.train_seconds > 0
    in_german = [next(score for score in record.scores if score.language == "de") for record in (one, other)]
    assert in_german[0] == in_german[1]


def test_selection_on_the_source_dev_split_is_recorded(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    book = tmp_path / "dev.py"
    book.write_text(
        toy.RECIPE.read_text()
        .replace('selection="last"', 'selection="source-dev", select_every=2')
        .replace('"toy"', '"dev"')
    )
    ((_, record),) = run(checkpoint("bert"), toy_mirror, tmp_path / "board", "pairs", recipe=str(book)).ran
    assert record.selection.rule == "source-dev"
    assert record.selection.split == "en/validation"
    assert [step for step, _ in record.selection.history] == [2, 4, 6]
    best = max(score for _, score in record.selection.history)
    assert record.selection.score == best
    assert record.selection.checkpoint == next(step for step, score in record.selection.history if score == best)
    assert record.provenance.dev is not None
    assert record.provenance.dev.rows == toy.SIZES["validation"]


def test_where_only_the_dev_split_is_there_it_is_scored_under_its_name_but_never_if_it_chose(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    mirror = toy.write_mirror(tmp_path / "mirror")
    repo = mirror / "toy/pairs"
    (repo / "en/test-00000-of-00001.parquet").unlink()
    (repo / "de/test-00000-of-00001.parquet").rename(repo / "de/validation-00000-of-00001.parquet")
    text = (repo / "README.md").read_text()
    head, de, rest = text.partition("- config_name: de")
    rest = rest.replace("test", "validation", 2)
    head, en, tail = (head + de + rest).partition("- config_name: en")
    (repo / "README.md").write_text(head + en + tail.replace("  - split: test\n    path: en/test-*.parquet\n", "", 1))
    book = tmp_path / "dev.py"
    book.write_text(toy.RECIPE.read_text().replace('selection="last"', 'selection="source-dev"'))
    ((_, record),) = run(checkpoint("bert"), mirror, tmp_path / "board", "pairs", recipe=str(book)).ran
    assert {(score.language, score.split) for score in record.scores} == {("de", "validation"), ("xx", "test")}
    assert [cell.language for cell in record.missing] == ["en"]
    assert "chooses the checkpoint" in record.missing[0].why


def test_a_record_says_where_its_numbers_come_from(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    ((path, record),) = run(checkpoint("bert"), toy_mirror, tmp_path, "spans", limit_train=40).ran
    assert path == store.path_of(tmp_path, Run("toy-spans", "bert", "toy-train40", "en", 0))
    assert record.provenance.train is not None
    assert record.provenance.train.rows == 40
    assert record.provenance.packages["torch"]
    assert set(record.provenance.test) == set(record.tokenizer) == set(toy.LANGUAGES)
    assert record.cost.train_tokens > 0
    assert record.cost.parameters > 0
    assert record.cost.peak_memory > 2**20
    assert record.signature.startswith("task:toy-spans|")
    assert record.signature.endswith(f"|xbench:{xbench.__version__}")
    assert record.examples is not None
    table = pq.read_table(path.with_name(record.examples.file))
    assert table.num_rows == 3 * toy.SIZES["test"]
    assert table.column_names[:2] == ["language", "id"]
    assert json.loads(path.read_text())["schema"] == "xbench.record/1"
    counts = examples.read_counts(path, record)
    assert counts.rows.shape == (48, len(counts.columns))


def test_weights_that_took_over_a_name_are_refused(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    run(checkpoint("bert"), toy_mirror, tmp_path, "retrieval")
    with pytest.raises(AlreadyRecorded, match="NAME=CHECKPOINT"):
        xbench.run(
            f"bert={checkpoint('xlm-roberta')}",
            str(toy.TASKS["retrieval"]),
            recipe=str(toy.RECIPE),
            data=toy_mirror,
            board=tmp_path,
        )


def test_seeds_of_one_name_have_the_same_weights(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    run(checkpoint("bert"), toy_mirror, tmp_path, "pairs")
    options = {"recipe": str(toy.RECIPE), "data": toy_mirror, "board": tmp_path, "seeds": 1}
    with pytest.raises(AlreadyRecorded, match="other weights"):
        xbench.run(f"bert={checkpoint('xlm-roberta')}", str(toy.TASKS["pairs"]), **options)


def test_an_older_xbench_may_not_be_gone_on_with(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(checkpoint("bert"), toy_mirror, tmp_path, "pairs", languages="deu")
    monkeypatch.setattr(xbench, "__version__", "99.0")
    assert len(run(checkpoint("bert"), toy_mirror, tmp_path, "pairs", languages="deu").finished) == 1
    with pytest.raises(AlreadyRecorded, match=r"another xbench .* take another --board"):
        run(checkpoint("bert"), toy_mirror, tmp_path, "pairs")


@pytest.mark.parametrize("least", [1, 10**6])
def test_a_metric_by_its_path_is_ranked_by_its_name_and_a_missing_one_is_done(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path, least: int
) -> None:
    metric = tmp_path / "ours.py"
    metric.write_text(
        "from dataclasses import replace\nfrom xbench.catalogue import metrics\n"
        f"metric = replace(metrics.open('accuracy'), name='ours', least={least})\n"
    )
    task = tmp_path / "task.py"
    task.write_text(
        f"import sys; sys.path.insert(0, {str(toy.TASKS['pairs'].parents[1])!r})\n"
        "from dataclasses import replace\nfrom toy.pairs import task as first\n"
        f"task = replace(first, name='toy-ours', metric={str(metric)!r})\n"
    )
    options = {"recipe": str(toy.RECIPE), "data": toy_mirror, "board": tmp_path / "board"}
    ((_, record),) = xbench.run(str(checkpoint("bert")), str(task), **options).ran
    assert "|metric:ours|" in record.signature
    assert len(record.scores) == (3 if least == 1 else 0)
    assert not xbench.run(str(checkpoint("bert")), str(task), **options).ran
    assert least > 1 or len(xbench.load_board(tmp_path / "board").tables()) == 1


def test_a_recipe_that_changed_under_its_name_is_refused(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    run(checkpoint("bert"), toy_mirror, tmp_path / "board", "retrieval")
    book = tmp_path / "other.py"
    book.write_text(toy.RECIPE.read_text().replace('length=32, selection="none"', 'length=16, selection="none"'))
    with pytest.raises(AlreadyRecorded, match="another recipe"):
        run(checkpoint("bert"), toy_mirror, tmp_path / "board", "retrieval", recipe=str(book))


def test_everything_that_is_wrong_is_said_at_once(toy_mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(XbenchError) as caught:
        xbench.run(
            ["xlmr-bas", str(tmp_path / "nowhere"), str(tmp_path)], ["xnlo", "xnli", "xquad"], recipe="foo",
            data=toy_mirror, board=tmp_path,
        )  # fmt: skip
    said = str(caught.value)
    assert said.count("unknown recipe 'foo'") == 1
    assert "it lacks config.json" in said
    assert "did you mean" in said
    assert "xlmr-base" in said
    assert "nowhere" in said
    assert "xnli" in said


def test_a_language_that_no_task_knows_is_refused(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="'sw'"):
        run(checkpoint("bert"), toy_mirror, tmp_path, "pairs", languages="sw")


def test_bad_data_is_told_before_anything_is_trained(checkpoint: Checkpoint, tmp_path: Path) -> None:
    mirror = toy.write_mirror(tmp_path / "mirror")
    (mirror / "toy/pairs/xx/test-00000-of-00001.parquet").write_bytes(b"PAR1 not really")
    outcome = run(checkpoint("bert"), mirror, tmp_path / "board", "pairs", "retrieval")
    assert [failed.run.task for failed in outcome.failed] == ["toy-pairs"]
    assert [record.run.task for _, record in outcome.ran] == ["toy-retrieval"]
    assert not list((tmp_path / "board" / "toy-pairs").rglob("*.json"))


def test_the_counts_file_must_be_the_one_that_was_written(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    ((path, record),) = run(checkpoint("bert"), toy_mirror, tmp_path, "retrieval").ran
    assert record.examples is not None
    with path.with_name(record.examples.file).open("ab") as file:
        file.write(b" ")
    with pytest.raises(store.BadRecord, match="hash"):
        examples.read_counts(path, record)


def test_a_source_that_cannot_be_trained_on_is_refused(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadOption, match="trained on"):
        xbench.run(str(checkpoint("bert")), "xquad", source="de", data=toy_mirror, board=tmp_path)


def test_a_training_set_that_is_not_there_fails_the_run(
    checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path
) -> None:
    outcome = run(checkpoint("bert"), toy_mirror, tmp_path, "pairs", source="xx")
    assert not outcome.ran
    assert "train" in outcome.failed[0].why


def test_records_survive_writing_and_reading(checkpoint: Checkpoint, toy_mirror: Path, tmp_path: Path) -> None:
    ((path, record),) = run(checkpoint("bert"), toy_mirror, tmp_path, "retrieval").ran
    assert store.read(path) == record
    assert store.to_json(record) == path.read_text()
