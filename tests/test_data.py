"""Rows: read right, and refused with one clear message where they cannot be trusted."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Features, List, Value
from support_data import NLI, nli_rows, nli_types, small_task, write_mirror

from xbench import data
from xbench.errors import (
    BadFile,
    BrokenPlugin,
    DataError,
    LacksLanguage,
    LacksSplit,
    NoGold,
    NoSuchData,
    UnknownLabel,
    WrongColumns,
)
from xbench.task import Bitext, Choice, Pair, Source, Span, Tagged

TAGS = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER", "I-PER"]))})


def read_tagged(row: Any) -> Tagged:
    return Tagged(tuple(row["tokens"]), tuple(row["ner_tags"]))


def read_span(row: Any) -> Span:
    return Span(row["question"], row["context"], tuple(row["answers"]["text"]), tuple(row["answers"]["answer_start"]))


def span_row(context: str = "The cat sat.", text: str = "cat", start: int = 4, name: str = "a") -> dict[str, Any]:
    return {"id": name, "question": "Who?", "context": context, "answers": {"text": [text], "answer_start": [start]}}


def tags_task(**others: Any) -> Any:
    return small_task(read_tagged, kind="tags", labels=("O", "B-PER", "I-PER"), **others)


def get(task: Any, root: Path, language: str = "en", split: str = "test", **others: Any) -> data.Rows:
    return data.rows(task, task.data, language, split, data=root, **others)


# --- what is read ---------------------------------------------------------------------------------------------------


def test_rows_come_in_order_with_labels_by_name(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    got = get(small_task(), tmp_path)
    assert got.ids == ("0", "1", "2", "3", "4")
    assert [example.label for example in got.examples] == [
        "entailment",
        "neutral",
        "contradiction",
        "entailment",
        "neutral",
    ]
    assert got.examples[1] == Pair("p1", "h1", "neutral")
    assert (got.used.repo, got.used.config, got.used.split, got.used.rows) == ("own/set", "en", "test", 5)
    assert (got.used.empty, got.used.duplicates, got.used.revision) == (0, 0, "unrecorded")


def test_label_order_of_the_source_does_not_matter(tmp_path: Path) -> None:
    """The Hub orders XNLI's labels entailment, neutral, contradiction; XTREME's files by the alphabet."""
    write_mirror(tmp_path / "hub", "own/set", {"en": {"test": nli_rows(3)}}, nli_types())
    alphabet = [{**row, "label": number} for row, number in zip(nli_rows(3), (1, 2, 0), strict=True)]
    write_mirror(tmp_path / "xtreme", "own/set", {"en": {"test": alphabet}}, nli_types(sorted(NLI)))
    one, other = get(small_task(), tmp_path / "hub"), get(small_task(), tmp_path / "xtreme")
    assert one.examples == other.examples
    assert one.used.fingerprint == other.used.fingerprint


def test_labels_inside_lists_come_by_name(tmp_path: Path) -> None:
    write_mirror(
        tmp_path, "own/set", {"en": {"test": [{"tokens": ["Anna", "Bell", "ran"], "ner_tags": [1, 2, 0]}]}}, TAGS
    )
    assert get(tags_task(), tmp_path).examples == (Tagged(("Anna", "Bell", "ran"), ("B-PER", "I-PER", "O")),)


def test_types_that_only_the_readme_tells_are_used(tmp_path: Path) -> None:
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(3)}})
    readme = folder / "README.md"
    types = (
        "dataset_info:\n- config_name: en\n  features:\n  - name: premise\n    dtype: string\n  - name: hypothesis\n"
    )
    types += "    dtype: string\n  - name: label\n    dtype:\n      class_label:\n        names:\n"
    types += "".join(f"          '{number}': {name}\n" for number, name in enumerate(NLI))
    readme.write_text(readme.read_text().replace("configs:", types + "configs:", 1))
    assert [example.label for example in get(small_task(), tmp_path).examples] == list(NLI)


def test_each_row_is_told_its_language_unless_it_tells_itself(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"all": {"test": [{"de": "Hund", "sw": "mbwa", "en": "dog"}]}})
    write_mirror(tmp_path, "own/telling", {"all": {"test": [{"language": "xx", "de": "Hund"}]}})
    task = small_task(
        lambda row: Bitext(row[row["language"]], row["en"]),
        kind="retrieval",
        labels=(),
        source=Source("own/set", config="all"),
    )
    assert get(task, tmp_path, "sw").examples == (Bitext("mbwa", "dog"),)
    telling = replace(
        task, data=Source("own/telling", config="all"), read=lambda row: Bitext(row["language"], row["de"])
    )
    assert get(telling, tmp_path, "de").examples == (Bitext("xx", "Hund"),)


def test_codes_and_configs_of_the_set(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"nli.German": {"test": nli_rows(2)}}, nli_types())
    task = small_task(source=Source("own/set", config="nli.{language}", codes={"de": "German"}))
    assert get(task, tmp_path, "de").used.config == "nli.German"


def test_limit_takes_the_first_rows(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(70)}}, nli_types())
    assert get(small_task(), tmp_path, limit=4).ids == ("0", "1", "2", "3")
    assert len(get(small_task(), tmp_path, limit=100).ids) == 70


def test_keep_tells_languages_of_one_configuration_apart(tmp_path: Path) -> None:
    rows = [{**row, "lang": "en" if i % 2 else "de"} for i, row in enumerate(nli_rows(9))]
    types = Features({**nli_types(), "lang": Value("string")})
    write_mirror(tmp_path, "own/set", {"all": {"test": rows}}, types)
    task = small_task(source=Source("own/set", config="all", keep=lambda row, language: row["lang"] == language))
    assert get(task, tmp_path, "en").ids == ("1", "3", "5", "7")
    assert get(task, tmp_path, "en", limit=2).ids == ("1", "3")
    assert data.scored_split(task, "de", data=tmp_path) == "test"
    for act in (get, lambda *asked: data.scored_split(task, "sw", data=tmp_path)):
        with pytest.raises(LacksLanguage, match="no row is of sw"):
            act(task, tmp_path, "sw")


def test_several_files_make_one_split_in_order(tmp_path: Path) -> None:
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(3)}}, nli_types())
    more = write_mirror(tmp_path / "x", "own/set", {"en": {"test": nli_rows(6)[3:]}}, nli_types())
    (folder / "en" / "test-00000-of-00001.parquet").rename(folder / "en" / "test-00000-of-00002.parquet")
    (more / "en" / "test-00000-of-00001.parquet").rename(folder / "en" / "test-00001-of-00002.parquet")
    assert [example.first for example in get(small_task(), tmp_path).examples] == [f"p{i}" for i in range(6)]


def test_a_repository_without_a_telling_readme_is_read_by_its_folders(tmp_path: Path) -> None:
    """So the Hub lays out its own conversion of repositories that hold a loading script."""
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(3)}}, nli_types(), readme=False)
    assert dict(data.available(Source("own/set"), data=tmp_path)) == {"en": ("test",)}
    (folder / "en" / "test").mkdir()
    (folder / "en" / "test-00000-of-00001.parquet").rename(folder / "en" / "test" / "0000.parquet")
    assert dict(data.available(Source("own/set"), data=tmp_path)) == {"en": ("test",)}
    assert len(get(small_task(), tmp_path).ids) == 3


@pytest.mark.parametrize(
    ("files", "layout"),
    [
        (("en/test/0000.parquet", "en/test/0001.parquet", "de/test/0000.parquet"), {"en": ("test",), "de": ("test",)}),
        (("data/en/train.tsv", "data/en/dev.tsv"), {"en": ("train", "dev")}),
        (("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"), {"default": ("train", "test")}),
        (("train.jsonl", "test.jsonl", "notes.txt"), {"default": ("train", "test")}),
    ],
)
def test_layouts_that_are_told_by_names(
    tmp_path: Path, files: tuple[str, ...], layout: dict[str, tuple[str, ...]]
) -> None:
    for name in files:
        (tmp_path / "own" / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / "set" / name).write_text("")
    found = data.available(Source("own/set"), data=tmp_path)
    assert {config: set(splits) for config, splits in found.items()} == {c: set(splits) for c, splits in layout.items()}
    (tmp_path / "own" / "set" / "set.py").write_text("")
    with pytest.raises(NoSuchData, match="no data files that"):
        data.available(Source("own/set"), data=tmp_path)


@pytest.mark.parametrize(
    "paths", ['"en/test-*"', "\n    - en/test-00000-of-00001.parquet", '"./en/*.parquet"', '"**/test-*"']
)
def test_patterns_of_a_readme(tmp_path: Path, paths: str) -> None:
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    (folder / "README.md").write_text(
        f"---\nconfigs:\n- config_name: one\n  data_files:\n  - split: test\n    path: {paths}\n---\n"
    )
    assert dict(data.available(Source("own/set"), data=tmp_path)) == {"one": ("test",)}
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: one\n  data_files: {paths}\n---\n")
    assert dict(data.available(Source("own/set"), data=tmp_path)) == {"one": ("train",)}


def test_a_readme_that_names_a_folder_or_nothing_sensible(tmp_path: Path) -> None:
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(5), "train": nli_rows(5)}}, nli_types())
    readme = folder / "README.md"
    readme.write_text("---\nconfigs:\n- config_name: one\n  data_dir: ./en\n---\n")
    assert dict(data.available(Source("own/set"), data=tmp_path)) == {"one": ("test", "train")}
    assert get(small_task(source=Source("own/set", config="one")), tmp_path).used.rows == 5
    readme.write_text("---\nconfigs: [en, de]\n---\n")
    with pytest.raises(NoSuchData, match=r"`configs` of .*README\.md cannot be understood"):
        data.available(Source("own/set"), data=tmp_path)
    readme.write_text("---\nlicense: mit\nconfigs:\n---\n")
    assert dict(data.available(Source("own/set"), data=tmp_path)) == {"en": ("test", "train")}


def test_quotation_marks_and_na_of_tab_separated_files_are_text(tmp_path: Path) -> None:
    """With quoting, XTREME's readers lost 199 rows of XNLI."""
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(1)}}, nli_types())
    lines = [
        "premise\thypothesis\tlabel",
        'He said "no\tNA\tneutral',
        'and then "yes\tnull\tentailment',
        "a\tb\tcontradiction",
    ]
    (folder / "en" / "test.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "en" / "test-00000-of-00001.parquet").unlink()
    readme = folder / "README.md"
    readme.write_text(readme.read_text().replace("test-*.parquet", "test.tsv"))
    got = get(small_task(), tmp_path).examples
    assert got[0] == Pair('He said "no', "NA", "neutral")
    assert len(got) == 3


# --- what is counted ------------------------------------------------------------------------------------------------


def test_empty_and_null_texts_are_kept_and_counted(tmp_path: Path) -> None:
    rows = nli_rows(4)
    rows[1]["premise"], rows[2]["hypothesis"] = " ", None
    write_mirror(tmp_path, "own/set", {"en": {"test": rows}}, nli_types())
    got = get(small_task(), tmp_path)
    assert (got.used.rows, got.used.empty) == (4, 2)
    assert got.examples[2] == Pair("p2", "", "contradiction")


def test_duplicate_ids_are_kept_apart_and_counted(tmp_path: Path) -> None:
    """XTREME shortens TyDiQA's ids so that 3,696 questions share 89."""
    rows = [{**row, "id": name} for row, name in zip(nli_rows(5), ("a", "b", "a", "a#2", "a"), strict=True)]
    write_mirror(tmp_path, "own/set", {"en": {"test": rows}}, Features({"id": Value("string"), **nli_types()}))
    got = get(small_task(id="id"), tmp_path)
    assert got.ids == ("a", "b", "a#2", "a#2#2", "a#3")
    assert got.used.duplicates == 3


def test_the_fingerprint_is_of_what_is_read(tmp_path: Path) -> None:
    write_mirror(tmp_path / "a", "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    write_mirror(
        tmp_path / "b", "own/set", {"en": {"test": [*nli_rows(4), nli_rows(5)[4] | {"premise": "?"}]}}, nli_types()
    )
    first = get(small_task(), tmp_path / "a").used.fingerprint
    assert first == get(small_task(), tmp_path / "a").used.fingerprint
    assert len(first) == 64
    assert first != get(small_task(), tmp_path / "b").used.fingerprint
    assert first != get(small_task(), tmp_path / "a", limit=4).used.fingerprint


def test_a_file_that_was_replaced_by_one_as_old_and_as_long_is_read_anew(tmp_path: Path) -> None:
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    file = folder / "en" / "test-00000-of-00001.parquet"
    before, when = get(small_task(), tmp_path), file.stat()
    write_mirror(
        tmp_path,
        "own/set",
        {"en": {"test": [row | {"premise": row["premise"].upper()} for row in nli_rows(5)]}},
        nli_types(),
    )
    os.utime(file, ns=(when.st_atime_ns, when.st_mtime_ns))
    assert file.stat().st_size == when.st_size
    after = get(small_task(), tmp_path)
    assert [example.first for example in after.examples] == ["P0", "P1", "P2", "P3", "P4"]
    assert before.used.fingerprint != after.used.fingerprint


def test_nothing_is_written_into_the_mirror(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    get(small_task(), tmp_path)
    data.available(Source("own/set"), data=tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


# --- what is refused ------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoSuchData, match=r"no folder .*nowhere"):
        get(small_task(), tmp_path / "nowhere")
    made_here = small_task(source=Source("own/set", made="making:made"))
    (tmp_path / "file").touch()
    for named in ("nowhere", "file"):
        with pytest.raises(NoSuchData, match=rf"no folder .*{named}: name one that holds"):
            get(made_here, tmp_path / named)


def test_a_mirror_without_the_repository_says_what_it_has(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/sets", {"en": {"test": nli_rows(5)}}, nli_types())
    with pytest.raises(NoSuchData, match=r"lacks own/set; did you mean own/sets\?.*xbench mirror"):
        get(small_task(), tmp_path)


def test_a_language_and_a_split_that_are_not_there_say_which_are(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"validation": nli_rows(5)}, "de": {"test": nli_rows(5)}}, nli_types())
    with pytest.raises(LacksLanguage, match=r"no sw .*languages en, de"):
        get(small_task(), tmp_path, "sw")
    with pytest.raises(LacksSplit, match=r"no split test of en. It has: validation"):
        get(small_task(), tmp_path, "en")


def test_a_configuration_whose_files_were_not_downloaded_is_a_lacking_language(tmp_path: Path) -> None:
    """A partial download keeps the README, which lists everything."""
    folder = write_mirror(tmp_path, "own/set", {"de": {"test": nli_rows(5)}, "en": {"test": nli_rows(5)}}, nli_types())
    (folder / "de" / "test-00000-of-00001.parquet").unlink()
    assert len(get(small_task(), tmp_path, "en").ids) == 5
    with pytest.raises(LacksLanguage, match="languages en"):
        get(small_task(), tmp_path, "de")


def test_the_split_that_is_scored(tmp_path: Path) -> None:
    both = {"validation": nli_rows(5), "test": nli_rows(5)}
    write_mirror(
        tmp_path, "own/set", {"en": both, "de": {"validation": nli_rows(5)}, "sw": {"train": nli_rows(5)}}, nli_types()
    )
    assert data.scored_split(small_task(), "en", data=tmp_path) == "test"
    assert data.scored_split(small_task(), "de", data=tmp_path) == "validation"
    with pytest.raises(LacksSplit, match=r"no split test or validation of sw. It has: train"):
        data.scored_split(small_task(), "sw", data=tmp_path)
    with pytest.raises(LacksLanguage):
        data.scored_split(small_task(), "fr", data=tmp_path)


def test_columns_that_the_task_does_not_know(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": [{"text1": "a", "text2": "b", "gold": "neutral"}]}})
    with pytest.raises(WrongColumns, match=r"row 0: .*KeyError: 'premise'.*text1, text2, gold"):
        get(small_task(), tmp_path)


@pytest.mark.parametrize(
    ("kind", "example", "problem"),
    [
        ("pairs", Tagged(("a",), ("O",)), "gave Tagged and not Pair"),
        ("pairs", Pair(3, None, "neutral"), "wrong type"),  # type: ignore[arg-type]
        ("pairs", None, "gave NoneType"),
        ("tags", Tagged(("a", "b"), ("O",)), "2 words and 1 tags"),
        ("tags", Tagged(["a"], ["O"]), "wrong type"),  # type: ignore[arg-type]
        ("spans", Span("q", "c", ("c",), ()), "1 answers and 0 starts"),
        ("choices", Choice("p", ("a", "b"), "0"), "wrong type"),  # type: ignore[arg-type]
        ("retrieval", Bitext("a", None), "has no translation"),
        ("retrieval", Bitext(None, None), "wrong type"),
        ("mining", Bitext(None, None), "wrong type"),
        ("mining", Bitext("a", 3), "wrong type"),  # type: ignore[arg-type]
        ("mining", Bitext("a", " "), "a sentence is blank"),
    ],
)
def test_examples_of_the_wrong_shape(tmp_path: Path, kind: str, example: Any, problem: str) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(2)}}, nli_types())
    with pytest.raises(WrongColumns, match=problem):
        get(small_task(lambda row: example, kind=kind), tmp_path)


def test_words_and_tags_of_different_number(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": [{"tokens": ["a", "b"], "ner_tags": [0]}]}}, TAGS)
    with pytest.raises(WrongColumns, match=r"row 0: 2 words and 1 tags.*tokens, ner_tags"):
        get(tags_task(), tmp_path)


def test_labels_that_the_task_does_not_list(tmp_path: Path) -> None:
    rows = [{"premise": "a", "hypothesis": "b", "label": label} for label in ("neutral", "maybe", "entailment", "-")]
    write_mirror(tmp_path, "own/set", {"en": {"test": rows}})
    with pytest.raises(UnknownLabel, match=r"2 of 4 rows \(1, 3\) have gold .*: -, maybe\. .*entailment, neutral"):
        get(small_task(), tmp_path)
    write_mirror(tmp_path, "own/set", {"en": {"test": [{"tokens": ["a", "b"], "ner_tags": [0, 2]}]}}, TAGS)
    with pytest.raises(UnknownLabel, match="I-PER"):
        get(replace(tags_task(), labels=("O", "B-PER")), tmp_path)


def test_a_choice_that_is_not_there(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": [{"label": 0}, {"label": 2}]}})
    task = small_task(lambda row: Choice("p", ("a", "b"), row["label"]), kind="choices", labels=())
    with pytest.raises(UnknownLabel, match=r"1 of 2 rows \(1\) has gold"):
        get(task, tmp_path)


@pytest.mark.parametrize("missing", [-1, None])
def test_stripped_labels_are_refused(tmp_path: Path, missing: int | None) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": [row | {"label": missing} for row in nli_rows(8)]}}, nli_types())
    with pytest.raises(NoGold, match=r"8 of 8 rows \(0, 1, 2, 3, 4, …\) have no gold"):
        get(small_task(), tmp_path)
    assert len(get(small_task(), tmp_path, labels_needed=False).ids) == 8


def test_placeholder_labels_are_refused(tmp_path: Path) -> None:
    """XTREME fills the test labels that it may not publish with one and the same."""
    write_mirror(
        tmp_path, "own/set", {"en": {"test": nli_rows(50, label=0), "few": nli_rows(49, label=0)}}, nli_types()
    )
    with pytest.raises(NoGold, match=r"all 50 rows have the gold 'entailment'.*placeholder"):
        get(small_task(), tmp_path)
    with pytest.raises(NoGold, match="all 50 rows"):
        get(small_task(), tmp_path, limit=3)
    assert len(get(small_task(), tmp_path, split="few").ids) == 49


def test_a_split_that_is_sorted_by_label_is_no_placeholder(tmp_path: Path) -> None:
    rows = nli_rows(80, label=0) + nli_rows(3, label=1)
    write_mirror(tmp_path, "own/set", {"en": {"test": rows}}, nli_types())
    assert len(get(small_task(), tmp_path, limit=60).ids) == 60


def test_tags_that_are_all_o_are_refused(tmp_path: Path) -> None:
    rows = [{"tokens": ["Anna", "ran"], "ner_tags": [0, 0]}] * 60
    write_mirror(
        tmp_path, "own/set", {"en": {"test": rows, "some": [*rows, {"tokens": ["Anna"], "ner_tags": [1]}]}}, TAGS
    )
    with pytest.raises(NoGold, match="all 60 rows have the gold 'O'"):
        get(tags_task(), tmp_path)
    assert len(get(tags_task(), tmp_path, split="some").ids) == 61


@pytest.mark.parametrize("answers", [{"text": [""], "answer_start": [0]}, {"text": [], "answer_start": []}])
def test_empty_gold_answers_are_refused(tmp_path: Path, answers: dict[str, Any]) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": [span_row(), span_row() | {"answers": answers}]}})
    with pytest.raises(NoGold, match=r"1 of 2 rows \(1\) has no gold .*empty answer"):
        get(small_task(read_span, kind="spans", labels=()), tmp_path)


def test_answers_are_cut_from_the_context_by_their_offsets(tmp_path: Path) -> None:
    """Offsets of bytes, or of another version of the context, are set right; what stands nowhere is told by -1."""
    rows = [
        span_row(),
        span_row(context="Ünï the cat and a cat", start=10),
        span_row(context="a cat, a cat, a cat", start=15),
        span_row(context="A dog."),
    ]
    write_mirror(tmp_path, "own/set", {"en": {"test": rows}})
    got = get(small_task(read_span, kind="spans", labels=()), tmp_path).examples
    assert [example.starts for example in got] == [(4,), (8,), (16,), (-1,)]  # type: ignore[union-attr]
    for example in got[:3]:
        assert isinstance(example, Span)
        assert example.context[example.starts[0] :].startswith("cat")


@pytest.mark.parametrize("content", [b"PAR1 and nothing else", b"", b"version https://git-lfs.github.com/spec/v1"])
def test_a_corrupt_file(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    (folder / "en" / "test-00000-of-00001.parquet").write_bytes(content)
    with pytest.raises(BadFile, match=r"cannot be read .*test-00000-of-00001.parquet"):
        get(small_task(), tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_file_that_was_cut_short(tmp_path: Path) -> None:
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(500)}}, nli_types())
    file = folder / "en" / "test-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(BadFile):
        get(small_task(), tmp_path)


def test_a_readme_that_cannot_be_read(tmp_path: Path) -> None:
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    (folder / "README.md").write_text("---\nconfigs: [}\n---\n")
    with pytest.raises(DataError, match=r"README\.md cannot be read"):
        get(small_task(), tmp_path)


def test_a_split_without_rows(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": []}}, nli_types())
    with pytest.raises(LacksSplit, match="no rows"):
        get(small_task(), tmp_path)


# --- where rows come from -------------------------------------------------------------------------------------------


def test_data_that_this_machine_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "making.py").write_text(f"def made():\n    return {str(tmp_path / 'made')!r}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    write_mirror(tmp_path / "made", "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    task = small_task(source=Source("own/set", made="making:made"))
    assert data.rows(task, task.data, "en", "test").used.revision == "made"
    (tmp_path / "mirror").mkdir()
    assert get(task, tmp_path / "mirror").used.revision == "made", "a mirror that lacks the set does not hide it"
    write_mirror(tmp_path / "mirror", "own/set", {"en": {"test": nli_rows(3)}}, nli_types())
    assert get(task, tmp_path / "mirror").used.rows == 3
    broken = replace(task, data=Source("own/set", made="making:nothing"))
    with pytest.raises(BrokenPlugin, match="making:nothing"):
        data.rows(broken, broken.data, "en", "test")


def test_a_mirror_tells_the_commit_that_its_download_noted(tmp_path: Path) -> None:
    folder = write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    file = folder / "en" / "test-00000-of-00001.parquet"
    note = folder / ".cache" / "huggingface" / "download" / "en" / f"{file.name}.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{'c' * 40}\netag\n{file.stat().st_mtime}\n")
    assert get(small_task(), tmp_path).used.revision == "c" * 40
    note.write_text(f"{'c' * 40}\netag\n{file.stat().st_mtime - 60}\n")
    assert get(small_task(), tmp_path).used.revision == "unrecorded", "changed since the download"


def test_training_rows_are_read_as_the_task_says(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"de": {"test": nli_rows(5)}}, nli_types())
    write_mirror(tmp_path, "own/train", {"all": {"train": [{"a": "x", "b": "y", "gold": "neutral"}]}})
    task = small_task(
        train_data=Source("own/train", config="all"),
        train_read=lambda row: Pair(row["a"], row["b"], row["gold"]),
        id="label",
    )
    got = data.rows(task, task.training, "en", "train", data=tmp_path)
    assert (got.ids, got.examples) == (("0",), (Pair("x", "y", "neutral"),))
    assert data.rows(
        task, task.training, "en", "train", data=tmp_path, read=lambda row: Pair(row["b"], None, row["gold"])
    ).examples == (Pair("y", None, "neutral"),)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_without_the_hub_the_message_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "from xbench import data; from xbench.task import Source\n"
        "try:\n    data.available(Source('own/set'))\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    offline = run(code, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert "NoSuchData the data set own/set is not in the Hub's cache" in offline.stdout, offline.stderr
    assert "--data" in offline.stdout
    assert "xbench mirror" in offline.stdout
    cut = run(code, HF_HUB_OFFLINE="0", HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path))
    assert "NoSuchData the data set own/set cannot be had from the Hub" in cut.stdout, cut.stderr


def test_reading_rows_needs_no_torch(tmp_path: Path) -> None:
    write_mirror(tmp_path, "own/set", {"en": {"test": nli_rows(5)}}, nli_types())
    code = (
        "import sys\nfrom pathlib import Path\nfrom support_data import small_task\nfrom xbench import data\n"
        "assert 'datasets' not in sys.modules\n"
        f"task = small_task()\ndata.rows(task, task.data, 'en', 'test', data=Path({str(tmp_path)!r}))\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = run(code, PYTHONPATH=os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    assert done.stdout == "[]\n", done.stderr
    assert done.stderr == ""
