"""What papers print: the committed files, their reader, and our distance from them."""

import io
import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from test_board import board, scored
from test_store import RUN, record
from typer.testing import CliRunner

import xbench
from xbench import catalogue, languages, store
from xbench.cli import app
from xbench.cli.literature import draw_published, published_of, without_runs
from xbench.errors import BadOption, BadRecord, StoreError, UnknownName
from xbench.published import FOLDER, Published, beside, in_metric, load_published, read, reproduction
from xbench.record import Counts, Score

SHIPPED = Path(__file__).resolve().parents[1] / FOLDER
FILES = sorted(SHIPPED.glob("*.json"))
RESULTS = load_published(SHIPPED)
PAPER = "arXiv:1911.02116"
OURS = {
    ("XNLI", "accuracy"): ("xnli", "accuracy"), ("PAWS-X", "accuracy"): ("pawsx", "accuracy"),
    ("MLQA", "f1"): ("mlqa", "mlqa_f1"), ("MLQA", "em"): ("mlqa", "mlqa_em"),
    ("XQuAD", "f1"): ("xquad", "squad_f1"), ("XQuAD", "em"): ("xquad", "squad_em"),
    ("PAN-X", "f1"): ("wikiann", "span_f1"), ("UDPOS", "accuracy"): ("udpos", "token_accuracy"),
    ("TyDiQA-GoldP", "f1"): ("tydiqa", "squad_f1"),
    ("Tatoeba-112", "accuracy"): ("tatoeba", "retrieval_to_source"),
    ("Tatoeba-112", "f1"): ("tatoeba", "retrieval_weighted_f1_to_source"),
}  # fmt: skip


def one(encoder: str, task: str = "xnli", metric: str = "accuracy", source: str = "") -> Published:
    """The one result of a registered encoder whose source says this."""
    (found,) = (
        result
        for result in RESULTS
        if (result.registered, result.task, result.metric) == (encoder, task, metric) and source in result.source
    )
    return found


def test_there_is_a_file_for_each_task_and_each_names_its_own() -> None:
    assert len(RESULTS) == 76
    assert sum(len(result.values) for result in RESULTS) == 2712
    assert {file.stem for file in FILES} == {
        "mlqa", "pawsx", "tatoeba", "tydiqa", "udpos", "wikiann", "xnli", "xquad",
    }  # fmt: skip
    for file in FILES:
        assert {result.task for result in read(file)} == {file.stem}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_languages_are_those_of_the_task_or_named_as_beyond_it(file: Path) -> None:
    task = catalogue.tasks.open(file.stem)
    seen = set()
    for result in read(file):
        assert result.metric in task.metrics
        assert result.trained_on in (task.source, "")
        seen |= set(result.values)
    assert sorted(seen - set(task.targets)) == json.loads(file.read_text(encoding="utf-8"))["beyond"]
    for code in seen:
        assert languages.language(code).family, code


def test_registered_names_exist_and_stand_for_one_printed_encoder() -> None:
    names = {(result.registered, result.encoder) for result in RESULTS if result.registered}
    assert {name for name, _ in names} <= set(catalogue.encoders.names())
    assert len(names) == len({name for name, _ in names}) == 8


def test_printed_averages_are_the_means_of_the_printed_values_but_for_the_misprint() -> None:
    checked, off = 0, []
    for result in RESULTS:
        assert bool(result.averaged) == (result.average is not None)
        if result.average is not None:
            mean = np.mean([result.values[language] for language in result.averaged])
            checked += 1
            if abs(mean - result.average) > 0.0006:
                off.append(result)
    assert checked == 76 - 1 - 16  # LASER's authors and mteb print none
    assert off == [result for result in RESULTS if result.misprinted] == [off[0]]
    (wrong,) = off
    assert (wrong.encoder, wrong.task, wrong.values["hi"]) == ("XLM-R base", "xquad", pytest.approx(0.577))
    mended = np.mean(list((wrong.values | {"hi": 0.677}).values()))
    assert mended == pytest.approx(wrong.average, abs=0.0006)


def test_a_few_known_answers() -> None:
    # arXiv:1911.02116 Table 1, github.com/microsoft/DeBERTa README, github.com/google-deepmind/xquad README.
    assert one("xlmr-large").average == pytest.approx(0.809)
    assert one("xlmr-base", "wikiann", "span_f1", "xlm-v").average == pytest.approx(0.626)
    assert one("mdeberta-v3").values["sw"] == pytest.approx(0.739)
    assert one("mbert", "xquad", "squad_em").values["ro"] == pytest.approx(0.599)


def test_every_value_is_the_one_that_was_read_at_its_source() -> None:
    original = SHIPPED.parents[2] / "shared" / "published" / "published.json"
    if not original.is_file():
        pytest.skip(f"no originals at {original}")
    rows = [row for row in json.loads(original.read_text(encoding="utf-8")) if (row["task"], row["metric"]) in OURS]
    for result in RESULTS:
        percent = {language: pytest.approx(100 * value, abs=1e-9) for language, value in result.values.items()}
        same = [
            row
            for row in rows
            if row["encoder"] == result.encoder
            and OURS[row["task"], row["metric"]] == (result.task, result.metric)
            and row["provenance"] == result.provenance
            and row["per_language"] == percent
        ]
        assert len(same) == 1, (result.encoder, result.task, result.metric)
        assert same[0].get("flag") in (None, "typo_in_source")
        assert (same[0].get("flag") is not None) == bool(result.misprinted)


def written(folder: Path, **changes: Any) -> Path:
    """A file with one result."""
    result: dict[str, Any] = {
        "encoder": "XLM-R base", "registered": "xlmr-base", "metric": "accuracy",
        "values": {"en": 85.8, "de": 78.7, "fr": 79.7}, "average": 81.4, "averaged": ["en", "de", "fr"],
        "trained_on": "en", "selection": "joint-dev", "protocol": "test split", "source": "a paper",
        "provenance": "primary",
    }  # fmt: skip
    file = folder / "xnli.json"
    tree = {"schema": "xbench.published/1", "task": "xnli", "beyond": [], "results": [result | changes]}
    file.write_text(json.dumps(tree), encoding="utf-8")
    return file


def test_values_are_percent_in_the_file_and_shares_in_memory(tmp_path: Path) -> None:
    (result,) = read(written(tmp_path, deviation={"de": 0.5}, deviation_of_average=0.2))
    assert result.values == {"en": 0.858, "de": pytest.approx(0.787), "fr": pytest.approx(0.797)}
    assert (result.average, result.deviation, result.deviation_of_average) == (
        pytest.approx(0.814), {"de": 0.005}, 0.002,
    )  # fmt: skip
    assert load_published(tmp_path) == (result,)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"values": {"en": 185.8}}, "185.8 is out of range"),
        ({"values": {"en": -1}}, "out of range"),
        ({"values": {"en": float("nan")}}, "NaN is not a number"),
        ({"values": {}, "averaged": []}, "no values"),
        ({"average": 101}, "out of range"),
        ({"values": {"en": "85.8"}}, "results.0.values.en"),
        ({"averaged": ["sw"]}, "no value in sw"),
        ({"misprinted": {"sw": "why"}}, "no value in sw"),
        ({"selection": "by luck"}, "results.0.selection"),
        ({"provenance": "hearsay"}, "results.0.provenance"),
        ({"seeds": 0}, "fewer seeds than one"),
        ({"valuse": {}}, "results.0.valuse"),
        ({"note": "left \u202e right"}, "cannot be printed"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRecord, match=said):
        read(written(tmp_path, **changes))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"task": "xnli"', '"task": "xnli", "task": "mlqa"', "stands twice"),
        ("xbench.published/1", "xbench.published/2", "has schema 'xbench.published/2'"),
        ("85.8", "1e999", "out of range"),
        ('"beyond": []', '"beyond": [', "not JSON"),
        ('{"schema"', "[" * 100_000 + '{"schema"', "not JSON"),
        ('"task": "xnli"', " " * 2**21 + '"task": "xnli"', "larger than"),
    ],
)  # fmt: skip
def test_a_text_that_cannot_be_trusted_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = written(tmp_path)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BadRecord, match=said):
        read(file)


def test_links_and_folders_without_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "xnli.json").symlink_to(written(tmp_path / "real"))
    with pytest.raises(BadRecord, match="not a plain file"):
        load_published(tmp_path / "linked")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(StoreError, match="--published-from"):
            load_published(folder)


def test_the_gap_is_ours_less_printed_in_the_languages_that_both_have(tmp_path: Path) -> None:
    here = board(tmp_path / "board", scored({"encoder": "xlmr-base"}, en=0.86, sw=0.6, xx=0.5))
    (table,) = here.tables()
    gaps = reproduction(
        here, table, [one("xlmr-base", source=PAPER), one("xlmr-large"), one("xlm-15", "mlqa", "mlqa_f1")]
    )
    (gap,) = gaps
    assert gap.cells["sw"].value == pytest.approx(0.6 - 0.665)
    assert (gap.cells["sw"].low, gap.cells["sw"].high) == (pytest.approx(0.55 - 0.665), pytest.approx(0.65 - 0.665))
    assert list(gap.cells) == ["en", "sw"]
    assert gap.mean.value == pytest.approx((0.86 - 0.858 + 0.6 - 0.665) / 2)
    # No counts are at hand for these languages: the mean is as wide as if both always erred together.
    assert gap.mean.high - gap.mean.low == pytest.approx(0.1)
    assert any("selection: last checkpoint here, chosen on the dev splits of all" in why for why in gap.differences)
    assert any(why.startswith("recipe: xtreme here") for why in gap.differences)
    assert "seeds: 1 here, 5 there" in gap.differences
    assert "checkpoint: c here" in gap.differences


def counted(folder: Path, task: str, encoder: str, codes: tuple[str, ...]) -> xbench.Board:
    """A board with one run, three quarters of 200 items right in every language, and its counts."""
    right = np.tile(np.arange(200) % 4 > 0, len(codes))
    made = Counts(
        ids=tuple(map(str, range(200))) * len(codes), languages=tuple(np.repeat(codes, 200).tolist()),
        columns=("accuracy.correct", "accuracy.n"), rows=np.column_stack([right, np.ones(len(right))]).astype(float),
    )  # fmt: skip
    scores = tuple(
        Score(language=code, split="test", metric="accuracy", n=200, value=0.75, low=0.69, high=0.805) for code in codes
    )
    told = record(replace(RUN, encoder=encoder, task=task), scores=scores, missing=())
    store.write_once(folder, told, made)
    return xbench.load_board(folder)


def test_the_mean_s_interval_comes_from_the_counts_where_they_are_at_hand(tmp_path: Path) -> None:
    here = counted(tmp_path, "pawsx", "xlmr-base", ("de", "fr"))
    (table,) = here.tables()
    printed = replace(one("xlmr-large", "pawsx"), registered="xlmr-base")
    (gap,) = reproduction(here, table, [printed])
    assert gap.mean.value == pytest.approx(0.75 - (printed.values["de"] + printed.values["fr"]) / 2)
    # Both languages have the same items right, so their mean is known no better than one of them: Wilson, n = 200.
    half_width = (gap.mean.high - gap.mean.low) / 2
    assert half_width == pytest.approx(1.96 * (0.75 * 0.25 / 200) ** 0.5, rel=0.03)


def test_a_checkpoint_counts_by_what_was_opened_whatever_it_was_called(tmp_path: Path) -> None:
    told = scored({"encoder": "FacebookAI/xlm-roberta-base"}, en=0.86)
    told = replace(told, provenance=replace(told.provenance, checkpoint="FacebookAI/xlm-roberta-base"))
    here = board(tmp_path, told, scored({"encoder": "another"}, en=0.86))
    (table,) = here.tables()
    (gap,) = reproduction(here, table, [replace(one("xlmr-base", source=PAPER), selection="last", seeds=None)])
    assert gap.column.encoder == "FacebookAI/xlm-roberta-base"
    assert not any(why.startswith(("checkpoint", "selection")) for why in gap.differences)


def test_a_file_cannot_have_a_path_opened_as_an_encoder(tmp_path: Path) -> None:
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n", encoding="utf-8")
    results = read(written(tmp_path, registered=str(trap)))
    here = board(tmp_path / "board", scored({"encoder": "xlmr-base"}, en=0.8))
    assert not reproduction(here, here.tables()[0], results)
    assert not (tmp_path / "sprung").exists()


def test_misprints_and_other_sources_are_no_reproduction(tmp_path: Path) -> None:
    (result,) = read(written(tmp_path, misprinted={"de": "a digit is wrong"}))
    here = board(tmp_path / "a", scored({"encoder": "xlmr-base"}, en=0.8, de=0.7))
    (gap,) = reproduction(here, here.tables()[0], [result])
    assert list(gap.cells) == ["en"]
    assert "de is left out: a digit is wrong" in gap.differences
    there = board(tmp_path / "b", scored({"encoder": "xlmr-base", "source": "de"}, en=0.8, de=0.7))
    assert not reproduction(there, there.tables()[0], [result])
    nobody = replace(result, registered="")
    assert not reproduction(here, here.tables()[0], [nobody])


def test_the_literature_is_in_no_table_and_changes_no_rank(tmp_path: Path) -> None:
    records = (scored({"encoder": "xlmr-base"}, en=0.86, sw=0.6), scored({"encoder": "mbert"}, en=0.8, sw=0.5))
    here = board(tmp_path, *records)
    (before,) = here.tables()
    reproduction(here, before, RESULTS)
    assert here.tables() == (before,)
    assert len(beside(before, RESULTS)) == 15
    assert len(before.columns) == 2


def test_other_metrics_have_a_table_of_their_own(tmp_path: Path) -> None:
    scores = tuple(
        Score(language="en", split="validation", metric=metric, n=100, value=value, low=value - 0.1, high=value + 0.1)
        for metric, value in (("squad_f1", 0.8), ("squad_em", 0.7))
    )
    told = record(
        replace(RUN, task="xquad", encoder="xlmr-base"),
        scores=scores,
        missing=(),
        signature="task:xquad|metric:squad_f1",
    )
    here = board(tmp_path, told)
    exact = in_metric(here, here.tables()[0], "squad_em")
    (gap,) = reproduction(here, exact, RESULTS)
    # github.com/stefan-it/xlm-v-experiments: 73.1, the mean of five seeds.
    assert gap.cells["en"].value == pytest.approx(0.7 - 0.731)
    assert gap.published.provenance == "reproduction"


def drawn(here: xbench.Board, published: tuple[Published, ...], wanted: tuple[str, ...] = (), width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO())
    for table in (*here.tables(wanted), *without_runs(here, wanted, published)):
        draw_published(console, here, table, published)
    return console.file.getvalue()


def test_the_guide_counts_what_is_there_and_its_file_can_be_read(tmp_path: Path) -> None:
    guide = (SHIPPED.parents[1] / "docs" / "published.md").read_text(encoding="utf-8")
    counted = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \|", guide, re.MULTILINE)
    there = [[result for result in RESULTS if result.task == file.stem] for file in FILES]
    assert sorted(counted) == [
        (several[0].task, str(len(several)), str(sum(len(one.values) for one in several))) for several in there
    ]
    (example,) = re.findall(r"^```json\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    (tmp_path / "xquad.json").write_text(example, encoding="utf-8")
    (result,) = load_published(tmp_path)
    assert result.metric in catalogue.tasks.open(result.task).metrics


def test_what_is_drawn_is_marked_and_says_its_source(tmp_path: Path) -> None:
    here = board(tmp_path, scored({"encoder": "xlmr-base"}, en=0.86, sw=0.6))
    text = drawn(here, RESULTS)
    assert "† xnli · accuracy · percent as printed" in text
    assert "† xnli · accuracy · reproduction gap" in text
    assert "-6.5 [-11.5, -1.5]" in text
    assert "arXiv:1911.02116 (ACL 2020), Table 1" in text
    assert "│ sw " in text
    assert "│ ur " not in text  # only languages of this board
    for line in drawn(here, RESULTS, width=60).splitlines():
        assert len(line) <= 60


def test_digits_are_drawn_as_printed_and_misprints_with_a_question_mark(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    text = drawn(xbench.load_board(tmp_path / "empty"), RESULTS, ("xquad", "udpos"), width=200)
    assert " 57.7? " in text
    assert " 80.90 (34) " in text
    assert " 83.5 " in text
    assert "needs 67.7" in text


def test_a_task_without_runs_has_its_literature_and_one_without_literature_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    nothing = xbench.load_board(tmp_path / "empty")
    assert [table.task for table in without_runs(nothing, ("tydiqa",), RESULTS)] == ["tydiqa"]
    assert len(without_runs(nothing, (), RESULTS)) == 8
    assert "56.4 (8)" in drawn(nothing, RESULTS, ("tydiqa",))
    here = board(tmp_path / "mini", scored({"task": "mini-inference"}, en=0.8))
    assert not without_runs(here, (), RESULTS)
    assert "No published results of mini-inference" in drawn(here, RESULTS)


def test_options_that_would_do_nothing_are_refused(tmp_path: Path) -> None:
    assert published_of(False, FOLDER, "csv") == ()
    assert published_of(True, SHIPPED, "table") == RESULTS
    with pytest.raises(BadOption, match="without --published"):
        published_of(False, tmp_path, "table")
    with pytest.raises(BadOption, match="does not go with --format csv"):
        published_of(True, FOLDER, "csv")


def test_every_value_of_two_digits_is_drawn_as_it_stands_in_the_file(tmp_path: Path) -> None:
    values = {f"x{n}": n / 100 for n in range(0, 10_001, 37)}
    (tmp_path / "empty").mkdir()
    text = drawn(xbench.load_board(tmp_path / "empty"), read(written(tmp_path, values=values, averaged=[])), ("xnli",))
    for code, value in values.items():
        assert any(line.split()[1::2] == [code, f"{value:.2f}"] for line in text.splitlines()), code


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["en", "de", "seeds"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from([field.name for field in fields(Published)]), value=JSON)
def test_whatever_stands_in_a_field_it_is_read_or_refused(tmp_path: Path, field: str, value: object) -> None:
    try:
        (result,) = read(written(tmp_path, **{field: value}))
    except BadRecord:
        return
    assert result.values
    assert all(0 <= share <= 1 for share in result.values.values())
    assert result.task == "xnli"


def test_the_command_shows_them_below_the_board(tmp_path: Path) -> None:
    counted(tmp_path, "xnli", "xlmr-base", ("en", "sw"))
    asked = ["board", "--board", str(tmp_path), "--published", "--published-from", str(SHIPPED)]
    shown = CliRunner().invoke(app, asked, catch_exceptions=False).stdout
    assert shown.index("xlmr-base") < shown.index("percent as printed") < shown.index("reproduction gap")
    literature = CliRunner().invoke(app, [*asked, "--task", "tydiqa"], catch_exceptions=False).stdout
    assert "† tydiqa · squad_f1 · percent as printed" in literature
    assert "xnli" not in literature
    cut = CliRunner().invoke(app, [*asked, "--languages", "swh"], catch_exceptions=False).stdout
    assert "│ sw " in cut
    assert "│ en " not in cut
    with pytest.raises(UnknownName, match="did you mean tydiqa"):
        CliRunner().invoke(app, [*asked, "--task", "tydi"], catch_exceptions=False)
