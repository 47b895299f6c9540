"""What has changed numbers of classification elsewhere, from the rows of a file to the score."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from golden_files import score
from support_data import NLI, nli_rows, nli_types, small_task, write_mirror

from once import open_once
from xbench import data
from xbench.errors import WrongColumns
from xbench.kinds import Feature
from xbench.kinds.pairs import kind
from xbench.metrics import classification
from xbench.task import Pair, Task
from xbench_tasks import pawsx, xnli

Checkpoint = Callable[[str], Path]


def read(task: Task, hub: Path, split: str) -> dict[str, data.Rows]:
    """One split of every language that the real mirror has."""
    have = data.available(task.data, data=hub)
    codes = [code for code in task.targets if split in have.get(task.data.config_of(code), ())]
    return {code: data.rows(task, task.data, code, split, data=hub) for code in codes}


def learned(features: Sequence[Feature], labels: int) -> list[np.ndarray]:
    """Scores of an encoder that learned these features by heart: it knows targets by number, and no names."""
    return [np.eye(labels, dtype=np.float32)[int(feature.target)] for feature in features if feature.target is not None]


def test_label_order_of_a_source_changes_neither_what_is_learned_nor_the_score(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    """The Hub and GLUE order XNLI's labels entailment, neutral, contradiction; XTREME's files by the alphabet."""
    _, setting = open_once(checkpoint("bert"), kind, NLI)
    task, found = small_task(), {}
    for order in (NLI, tuple(sorted(NLI))):
        rows = [row | {"label": order.index(NLI[row["label"]])} for row in nli_rows(30)]
        write_mirror(tmp_path / order[0], "own/set", {"en": {"test": rows}}, nli_types(order))
        found[order] = data.rows(task, task.data, "en", "test", data=tmp_path / order[0]).examples
    hub, xtreme = found.values()
    taught = kind.encode(hub, setting, training=True)
    assert [int(one.target) for one in taught] == [
        int(one.target) for one in kind.encode(xtreme, setting, training=True)
    ]
    answers = kind.decode(learned(taught, 3), taught, xtreme, setting)
    assert score(classification.accuracy, xtreme, answers, "en") == 1.0
    # Taken by number, the two orders agree on no label at all.
    by_number = [NLI[sorted(NLI).index(answer)] for answer in answers]
    assert score(classification.accuracy, xtreme, by_number, "en") == 0.0


def test_xnli_has_2490_dev_and_5010_test_rows_in_every_language(hub: Path) -> None:
    counted = {
        split: {code: rows.used.rows for code, rows in read(xnli.task, hub, split).items()}
        for split in ("validation", "test")
    }
    print(f"XNLI: {len(counted['test'])} languages")
    assert set(counted["validation"].values()) == {2490}
    assert set(counted["test"].values()) == {5010}
    assert counted["test"].keys() == counted["validation"].keys()
    assert len(counted["test"]) >= 10


def test_a_table_without_a_header_loses_no_row_and_names_no_column_after_one(tmp_path: Path) -> None:
    """XTREME's readers took the first row of such files for a header."""
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(1)}}, nli_types())
    (folder / "en" / "test.tsv").write_text("p0\th0\tneutral\np1\th1\tentailment\n", encoding="utf-8")
    (folder / "en" / "test-00000-of-00001.parquet").unlink()
    readme = folder / "README.md"
    plain = readme.read_text().replace("test-*.parquet", "test.tsv")
    readme.write_text(plain)
    task = small_task()
    with pytest.raises(WrongColumns, match=r"row 0: .*KeyError: 'premise'.* The columns are: p0, h0, neutral"):
        data.rows(task, task.data, "en", "test", data=tmp_path)
    told = "  column_names: [premise, hypothesis, label]\n  data_files:"
    readme.write_text(plain.replace("  data_files:", told, 1))
    got = data.rows(task, task.data, "en", "test", data=tmp_path)
    assert got.examples == (Pair("p0", "h0", "neutral"), Pair("p1", "h1", "entailment"))


def test_ns_and_empty_rows_of_pawsx_are_kept_and_scored(hub: Path) -> None:
    counted = {}
    for code, rows in read(pawsx.task, hub, "validation").items():
        answers = [example.label for example in rows.examples]  # type: ignore[union-attr]
        n = len(rows.examples)
        assert score(classification.accuracy, rows.examples, answers, code) == 1.0
        # Were they dropped, an encoder that fails on just those would be perfect.
        blank = [not (example.first.strip() and example.second.strip()) for example in rows.examples]  # type: ignore
        failing = [str(1 - int(answer)) if here else answer for here, answer in zip(blank, answers, strict=True)]
        assert score(classification.accuracy, rows.examples, failing, code) == pytest.approx(1 - sum(blank) / n)
        counted[code] = (n, sum(blank), rows.used.empty)
    assert counted == {
        "de": (2000, 68, 68), "en": (2000, 0, 0), "es": (2000, 38, 38), "fr": (2000, 8, 8), "zh": (2000, 16, 16),
    }  # fmt: skip


def test_gold_of_pawsx_is_each_languages_own(hub: Path) -> None:
    """Scored against another language's gold, perfect answers lose points."""
    rows = read(pawsx.task, hub, "validation")
    answers = [example.label for example in rows["zh"].examples]  # type: ignore[union-attr]
    assert rows["de"].ids == rows["zh"].ids
    lost = 2000 * (1 - score(classification.accuracy, rows["de"].examples, answers, "de"))
    print(f"PAWS-X dev: German and Chinese gold differ on {lost:.0f} of 2,000 rows")
    assert 0 < lost < 40


def test_a_label_that_the_task_does_not_name_is_never_taken_for_a_number(tmp_path: Path) -> None:
    """A file without the names of its labels holds numbers, whose order nobody knows."""
    write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(4)}})
    task = small_task()
    with pytest.raises(WrongColumns, match="a field of Pair has the wrong type"):
        data.rows(task, task.data, "en", "test", data=tmp_path)
