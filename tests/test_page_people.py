"""The pages Encoder, Language, Compare and Errors: what they show is what board, gate and files hold."""

import io
import shlex
import subprocess
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from datasets import ClassLabel, Value
from streamlit.testing.v1 import AppTest
from test_store import record
from typer.testing import CliRunner

import toy
import xbench
from xbench import catalogue, data, store
from xbench.cli import app
from xbench.gate.side import side
from xbench.metrics import close, count, rows_of
from xbench.metrics.named import installed
from xbench.page import commands, contest, exports, gold, items, tongues
from xbench.record import Counts, Missing, Record, Run, Score, TokenizerFigures, parts
from xbench.report import compared
from xbench.resample import interval
from xbench.task import Label, Retrieved, Tagged

VIEWS = Path(xbench.__file__).parent / "page" / "views"
TASK = catalogue.tasks.open("xnli")
LABELS = TASK.labels
N = 40
TEXTS = {"en": "a sentence", "ar": "جملة قصيرة", "sw": "sentensi <b>fupi</b> [x](http://e)", "zh": "短句"}
HOSTILE = "a[b](http://e)<i>\u202e*:red[x]*"


def write_mirror(folder: Path, languages: Sequence[str] = tuple(TEXTS)) -> Path:
    for code in languages:
        rows = [{"premise": f"{TEXTS[code]} {at}", "hypothesis": TEXTS[code], "label": at % 3} for at in range(N)]
        features = {"premise": Value("string"), "hypothesis": Value("string"), "label": ClassLabel(names=list(LABELS))}
        toy.write_split(folder / "facebook" / "xnli", code, "test", rows, features)
    return folder


def answered(
    mirror: Path,
    encoder: str,
    seed: int,
    wrong: Mapping[str, Sequence[int]],
    *,
    written: bool = True,
    **changes: object,
) -> tuple[Record, object, list[Label]]:
    """A record of a run that is right everywhere but in the items that are told, scored as the runner does."""
    rows = {code: data.rows(TASK, TASK.data, code, "test", data=mirror) for code in wrong}
    said = [
        Label(LABELS[(at + (at in wrong[code])) % 3], 0.75 - at / 100) for code in wrong for at in range(N)
    ]  # fmt: skip
    codes = [code for code in wrong for _ in range(N)]
    examples = [one for code in wrong for one in rows[code].examples]
    ids = [name for code in wrong for name in rows[code].ids]
    counts = count(examples, said, codes, ids, [installed("accuracy")])
    scores = []
    for code in wrong:
        own = rows_of(counts, installed("accuracy"), code)
        low, high = interval(own, installed("accuracy").close)
        value = close(installed("accuracy"), own)
        scores.append(Score(language=code, split="test", metric="accuracy", n=N, value=value, low=low, high=high))
    made = record(
        Run("xnli", encoder, "standard", "en", seed),
        signature="task:xnli|taskversion:1|metric:accuracy|source:en|selection:last|recipe:standard#1|train:t|xbench:0",
        scores=tuple(scores), missing=(), chance=1 / 3, parallel=True,
        tokenizer={"ar": TokenizerFigures(fertility=2.5, tokens_per_character=0.3, unknown=0.01, truncated=0.02)},
    )  # fmt: skip
    used = {code: rows[code].used for code in wrong}
    made = replace(made, provenance=replace(made.provenance, test=used, recipe={"limit_test": 0}), **changes)
    return made, counts, said if written else []


def wrong(code: str, often: int, seed: int) -> list[int]:
    """Items that are wrong: so many, other ones with each seed and in each language."""
    return sorted(np.random.default_rng([len(code), ord(code[0]), often, seed]).permutation(N)[:often].tolist())


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mirror(tmp_path_factory.mktemp("mirror"))


@pytest.fixture(scope="module")
def folder(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two encoders with three seeds, one of which has no Swahili; a third with one seed, without predictions."""
    board = tmp_path_factory.mktemp("board")
    lost = (Missing(language="sw", split="test", why="the set has no Swahili"),)
    for seed in range(3):
        good = {code: wrong(code, often, seed) for code, often in (("en", 4), ("ar", 8), ("sw", 14), ("zh", 9))}
        poor = {code: wrong(code, often, seed) for code, often in (("en", 5), ("ar", 30), ("zh", 10))}
        store.write_once(board, *answered(mirror, "xlmr-base", seed, good))
        store.write_once(board, *answered(mirror, HOSTILE, seed, poor, missing=lost))
    alone = {code: wrong(code, 12, 7) for code in ("en", "ar")}
    store.write_once(board, *answered(mirror, "mbert", 0, alone, written=False))
    return board


@pytest.fixture(autouse=True)
def _fresh(folder: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XBENCH_BOARDS", str(folder))
    monkeypatch.setenv("XBENCH_DATA", str(mirror))
    yield
    st.cache_data.clear()


def page(name: str, **asked: str) -> AppTest:
    at = AppTest.from_file(str(VIEWS / f"{name}.py"), default_timeout=60)
    at.query_params.update(asked)
    at.run()
    assert not at.exception, at.exception[0].stack_trace
    return at


def frame(at: AppTest, column: str, *more: str):
    """The table that has these columns."""
    return next(one.value for one in at.dataframe if {column, *more} <= set(one.value.columns))


def prose(at: AppTest) -> str:
    return " ".join(one.value for kind in (at.caption, at.text, at.info, at.warning, at.header) for one in kind)


def test_an_encoders_languages_are_the_boards(folder: Path) -> None:
    at = page("encoder", encoder="xlmr-base")
    (table,) = xbench.load_board(folder).tables()
    column = next(one for one in table.columns if one.encoder == "xlmr-base")
    shown = frame(at, "tokens / word").set_index("code")
    for code, cell in column.cells.items():
        told = shown.loc[code, ["score", "from", "to"]].tolist()
        assert told == pytest.approx([100 * cell.value, 100 * cell.low, 100 * cell.high])
        assert shown.loc[code, "seeds"] == 3
    gap = column.cells["en"].value - column.cells["ar"].value
    assert shown.loc["ar", "gap"] == pytest.approx(100 * gap)
    assert np.isnan(shown.loc["en", "gap"])
    assert shown.loc["ar", ["tokens / word", "unknown", "truncated"]].tolist() == pytest.approx([2.5, 1.0, 2.0])
    assert shown.loc["sw", ["seen", "script", "class"]].tolist() == ["yes", "Latn", 2]
    assert len(frame(at, "training, s")) == 3


def test_an_encoder_without_a_language_says_why_and_one_without_a_card_says_so() -> None:
    at = page("encoder", encoder=next(one for one in page("encoder").selectbox(key="encoder").options if "red" in one))
    shown = frame(at, "why missing").set_index("code")
    assert shown.loc["sw", "why missing"] == "the set has no Swahili"
    assert np.isnan(shown.loc["sw", "score"])
    facts = at.table[0].value["value"]
    assert "no card" in facts["licence, paper, languages seen"]
    assert "not listed" not in prose(at)
    assert not any(HOSTILE in one.value for one in [*at.markdown, *at.caption, *at.header])


def test_the_command_runs_the_same_runs_again(folder: Path) -> None:
    at = page("encoder", encoder="xlmr-base")
    (line,) = (one.value for one in at.code if one.value.startswith("xbench run --encoder"))
    words = shlex.split(line)
    told = "--encoder xlmr-base --task xnli --recipe standard --source en --seed 0 --seed 1 --seed 2"
    assert words == ["xbench", "run", *told.split()]
    planned = CliRunner().invoke(app, [*words[1:], "--help"])
    assert planned.exit_code == 0, planned.output


def test_a_limited_run_by_another_rule_is_asked_for_as_it_was() -> None:
    made = record(Run("xnli", "me/own", "standard-test100-oracle", "en", 4))
    origin = replace(made.provenance, recipe={"limit_test": 100, "limit_train": 0}, checkpoint="me/own")
    oracle = replace(made, selection=replace(made.selection, rule="oracle"), provenance=origin)
    told = "xbench run --encoder me/own --task xnli --recipe standard --source en --seed 4 --limit-test 100"
    assert commands.run_again([oracle]) == f"{told} --also-select oracle"
    renamed = replace(oracle, run=replace(made.run, encoder="x y", recipe="standard"))
    assert "--encoder 'x y=me/own'" in commands.run_again([renamed])
    here = replace(renamed, provenance=replace(origin, checkpoint="/home/somebody/x"))
    assert "'x y=FOLDER'" in commands.run_again([here])


@pytest.mark.parametrize("word", [HOSTILE, "$(touch x)", "a'b\n;c\\", "`x`", "-x", "=cmd", "\u2066", "نموذج", ""])
def test_a_word_is_itself_to_a_shell_and_hides_nothing_from_a_reader(word: str) -> None:
    line = commands.quoted(["printf", "%s.", word])
    assert not set(line) & set("\u202e\u2066\n")
    told = subprocess.run(["bash", "-c", line], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}).stdout
    assert told.decode() == f"{word}."


@pytest.mark.parametrize("format", list(exports.FORMATS))
def test_exports_are_archives_or_say_why_not(folder: Path, format: str) -> None:
    content, notes = exports.exported(xbench.load_board(folder), "xnli", "xlmr-base", format)
    if content:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert names
        assert not any(name.startswith("/") or ".." in name.split("/") for name in names)
    else:
        assert notes


def test_no_name_in_an_archive_climbs_out_of_it() -> None:
    names = zipfile.ZipFile(io.BytesIO(exports.zipped({"../../x/./y.json": "1", "/z": "2"}))).namelist()
    assert sorted(names) == ["x/y.json", "z"]


def test_a_languages_encoders_are_the_boards_best_first(folder: Path) -> None:
    at = page("language", language="Arabic (ar)")
    (table,) = xbench.load_board(folder).tables()
    shown = frame(at, "rank over all")
    cells = sorted((column.cells["ar"] for column in table.columns), key=lambda cell: -cell.value)
    assert shown["score"].tolist() == pytest.approx([100 * cell.value for cell in cells])
    assert shown["from"].tolist() == pytest.approx([100 * cell.low for cell in cells])
    assert shown["to"].tolist() == pytest.approx([100 * cell.high for cell in cells])
    assert "\u2068العربية\u2069" in at.header[0].value
    facts = at.table[0].value["value"]
    assert facts["direction"] == "right to left"
    assert "CLDR" in facts["speakers"]
    assert frame(at, "repeated ids")["data"].tolist() == ["facebook/xnli"]


def test_a_language_says_who_lacks_it_and_why() -> None:
    at = page("language", language="Swahili (sw)")
    ranked = frame(at, "rank over all").set_index("encoder")
    assert ranked["score"].notna().tolist() == [True, False, False]
    assert set(frame(at, "why")["why"]) == {"the set has no Swahili"}


def test_codes_of_one_language_stand_together_and_unknown_ones_for_themselves(tmp_path: Path) -> None:
    cell = record().scores[0]
    for task, code in (("xnli", "zh"), ("sib200", "zho_Hans"), ("pawsx", "qqq-\u202ex"), ("udpos", "sw")):
        made = record(
            Run(task, "mbert", "r", "en", 0), scores=(replace(cell, language=code),), missing=(),
            signature=f"task:{task}|metric:accuracy|xbench:0",
        )  # fmt: skip
        store.write_once(tmp_path, made, Counts(ids=(), languages=(), columns=(), rows=np.zeros((0, 0))))
    there = tongues.spellings(xbench.load_board(tmp_path))
    assert {code: tuple(sorted(own)) for code, own in there.items()} == {
        "zh-Hans": ("zh", "zho_Hans"),
        "qqq-\u202ex": ("qqq-\u202ex",),
        "sw": ("sw",),
    }


def test_an_unknown_code_is_a_page_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = replace(record().scores[0], language="qqq")
    store.write_once(tmp_path, record(scores=(odd,), missing=()), Counts(ids=(), languages=(), columns=(), rows=np.zeros((0, 0))))  # fmt: skip
    monkeypatch.setenv("XBENCH_BOARDS", str(tmp_path))
    at = page("language")
    assert at.header[0].value == "qqq"
    assert "stands for itself" in prose(at)
    assert frame(at, "rank over all")["score"].tolist() == [50.0]


def test_compare_shows_the_gates_verdict(folder: Path) -> None:
    names = page("compare").selectbox(key="a").options
    at = page("compare", a="xlmr-base", b=next(one for one in names if "red" in one))
    verdict = contest.judged("xlmr-base", HOSTILE, [str(folder)], tasks=("xnli",))
    assert verdict.line in [one.value for one in at.text]
    shown = frame(at, "p (Holm)").set_index("code")
    assert sorted(shown.index) == ["ar", "en", "zh"]
    for cell in verdict.cells:
        row = shown.loc[cell.language]
        told = [100 * cell.candidate, 100 * cell.baseline, 100 * cell.difference, 100 * cell.low, 100 * cell.high]
        assert row[["first", "second", "difference", "from", "to"]].tolist() == pytest.approx(told)
        assert row[["p", "p (Holm)"]].tolist() == [cell.p_two_sided, cell.p_two_sided_adjusted]
        assert (row["who"] == "xlmr-base is better") is (compared.sure(cell) and cell.difference > 0)
    assert shown.loc["ar", "who"] == "xlmr-base is better"
    assert shown.loc["en", "who"] == "no difference beyond doubt"
    assert frame(at, "outcome")["outcome"].tolist() == [guard.outcome for guard in verdict.guards]
    words = shlex.split(at.code[0].value.replace("$'", "'"))
    assert words[:4] == ["xbench", "check", "--candidate", "xlmr-base"]
    assert words[-4:] == ["--board", str(folder), "--task", "xnli"]


def test_the_check_line_of_compare_gives_the_same_verdict(folder: Path) -> None:
    line = commands.check_again("mbert", "xlmr-base", [str(folder)], tasks=("xnli",))
    verdict = contest.judged("mbert", "xlmr-base", [str(folder)], tasks=("xnli",))
    told = CliRunner().invoke(app, shlex.split(line)[1:])
    assert told.exit_code == verdict.code
    assert verdict.line in told.output.replace("\n", " ")


def test_an_encoder_is_not_compared_with_itself() -> None:
    at = page("compare", a="mbert", b="mbert")
    assert "same encoder" in at.info[0].value
    assert not at.dataframe


def test_what_may_not_be_compared_says_why(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, counts, said = answered(mirror, "one", 0, {"en": [1], "ar": [2]})
    other = replace(made, run=replace(made.run, encoder="two"), signature=made.signature.replace("train:t", "train:u"))
    store.write_once(tmp_path, made, counts, said)
    store.write_once(tmp_path, other, counts, said)
    monkeypatch.setenv("XBENCH_BOARDS", str(tmp_path))
    at = page("compare")
    assert frame(at, "what differs").to_numpy().tolist() == [["xnli", "all", "training data", "t", "u"]]
    assert "Not comparable" in at.header[0].value
    assert "Nothing of these two may be compared" in prose(at)


def test_several_recipes_leave_a_choice(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for recipe in ("a", "b"):
        for encoder in ("one", "two"):
            made, counts, said = answered(mirror, encoder, 0, {"en": [1], "ar": [2]})
            signature = made.signature.replace("standard", recipe)
            made = replace(made, run=replace(made.run, recipe=recipe), signature=signature)
            store.write_once(tmp_path, made, counts, said)
    monkeypatch.setenv("XBENCH_BOARDS", str(tmp_path))
    at = page("compare", recipe="b")
    assert at.selectbox(key="recipe").value == "b"
    assert len(frame(at, "p (Holm)")) == 2
    assert "--recipe b" in at.code[0].value
    assert len(page("encoder").selectbox(key="runs").options) == 2


def test_errors_tell_what_the_files_hold(folder: Path) -> None:
    at = page("errors", encoder="xlmr-base", seed="1", show=items.LOST, x="Arabic (ar)")
    item = at.selectbox(key="item").value
    lost = set(wrong("ar", 8, 1)) - set(wrong("en", 4, 1))
    assert set(map(int, at.selectbox(key="item").options)) == lost
    shown = frame(at, "gold").map(lambda text: text.strip("\u2068\u2069")).set_index("language")
    for code, name in (("en", "English (en)"), ("ar", "Arabic (ar)"), ("sw", "Swahili (sw)")):
        bad = int(item) in wrong(code, {"en": 4, "ar": 8, "sw": 14}[code], 1)
        assert shown.loc[name, "xlmr-base"] == ("✗ wrong" if bad else "✓ right")
        said = LABELS[(int(item) + bad) % 3]
        assert shown.loc[name, "xlmr-base said"] == f"{said} ({75 - int(item):.0f} %)"
        assert shown.loc[name, "gold"] == LABELS[int(item) % 3]
    assert f"{TEXTS['ar']} {item}" in shown.loc["Arabic (ar)", "text"]
    assert f"\u2068{TEXTS['ar']} {item}\u2069" in [one.value for one in at.text]


def test_two_encoders_side_by_side_and_where_they_differ() -> None:
    beside = next(one for one in page("errors").selectbox(key="encoder").options if "red" in one)
    at = page("errors", encoder="xlmr-base", beside=beside, seed="0", show=items.APART, x="Arabic (ar)")
    first, second = (set(wrong("ar", often, 0)) for often in (8, 30))
    assert set(map(int, at.selectbox(key="item").options)) == first ^ second
    assert len([name for name in frame(at, "gold").columns if name.endswith(" said")]) == 2
    at.selectbox(key="show").set_value(items.EVERYWHERE).run()
    assert not at.exception
    everywhere = set.intersection(
        *(set(wrong(code, often, 0)) for code, often in (("en", 4), ("ar", 8), ("sw", 14), ("zh", 9)))
    )
    assert bool(everywhere) is not any("No item" in one.value for one in at.info)


def test_records_without_predictions_say_so() -> None:
    at = page("errors", encoder="mbert")
    assert "written without predictions" in prose(at)
    shown = frame(at, "gold").map(lambda text: text.strip("\u2068\u2069"))
    assert {"✓ right", "✗ wrong"} == set(shown["mbert"]) & {"✓ right", "✗ wrong"}
    assert set(shown["mbert said"]) <= {"not written down", ""}


def test_without_data_only_ids_are_shown_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBENCH_DATA", "")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    st.cache_resource.clear()
    at = page("errors", encoder="xlmr-base")
    assert "only ids are shown" in prose(at)
    assert "--data DIR" in prose(at)
    assert not any(frame(at, "gold")["text"].str.strip("\u2068\u2069"))
    st.cache_resource.clear()


def test_texts_that_were_not_scored_are_not_shown(mirror: Path) -> None:
    used = data.rows(TASK, TASK.data, "ar", "test", data=mirror).used
    assert isinstance(gold.gold("xnli", "ar", used, 0), gold.Gold)
    assert "not those that were scored" in str(gold.gold("xnli", "ar", replace(used, fingerprint="0" * 64), 0))
    assert "no task is registered" in str(gold.gold("tests/toy.py", "ar", used, 0))
    assert "does not say" in str(gold.gold("xnli", "ar", None, 0))


def test_a_set_that_is_not_parallel_shows_one_language(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    store.write_once(tmp_path, *answered(mirror, "one", 0, {"en": [1, 5], "ar": [2]}, parallel=False))
    monkeypatch.setenv("XBENCH_BOARDS", str(tmp_path))
    at = page("errors", x="English (en)")
    assert at.selectbox(key="show").options == [items.WRONG, items.ALL]
    assert at.selectbox(key="item").options == ["1", "5"]
    assert len(frame(at, "gold")) == 1
    assert "not parallel" in prose(at)


def test_a_counts_file_that_was_changed_is_told(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.write_once(tmp_path, *answered(mirror, "one", 0, {"en": [1], "ar": [2]}))
    path.with_suffix(".parquet").write_bytes(b"else")
    monkeypatch.setenv("XBENCH_BOARDS", str(tmp_path))
    at = page("errors")
    assert "is not the file that was written" in prose(at)
    assert "can be looked at" in prose(at)


def test_nothing_to_find_and_nothing_found_is_right() -> None:
    # Columns: found and right, proposed, to be found.
    rows = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 2], [1, 2, 2], [2, 2, 2]], float)
    assert items.of_items(rows, installed("span_f1")).tolist() == [1, 0, 0, 0.5, 1]
    assert [items.sign(one) for one in (1.0, 0.0, 0.5, None)] == ["✓ right", "✗ wrong", "◐ 50 % right", "– not scored"]


def test_predictions_are_told_in_words() -> None:
    tagged = Tagged(("Ada", "sings"), ("B-PER", "O"))
    assert gold.label(tagged) == "Ada/B-PER"
    assert gold.said(["O", "O"], tagged, None) == "nothing"
    assert gold.said(["B-LOC", "O", "O"], tagged, None) == "B-LOC O O"
    found = Retrieved(item=0, to_source=7, from_source=0)
    assert gold.said({"item": found.item, "to_source": found.to_source, "from_source": 0}, None, None) == "sentence 7"
    assert gold.said({"value": "x", "probability": None}, None, None) == "x"
    assert gold.said({"odd": [1]}, None, None) == '{"odd": [1]}'
    assert gold.said(None, None, None) == "no prediction"


def test_one_encoder_alone_and_an_empty_board(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, empty = tmp_path / "alone", tmp_path / "empty"
    empty.mkdir()
    store.write_once(alone, *answered(mirror, HOSTILE, 0, {"en": [1], "ar": [2]}))
    for name in ("encoder", "language", "compare", "errors"):
        monkeypatch.setenv("XBENCH_BOARDS", str(empty))
        assert "No records here yet" in prose(page(name))
        monkeypatch.setenv("XBENCH_BOARDS", str(alone))
        at = page(name)
        assert "No records" not in prose(at)
        assert (name == "compare") is ("one only" in prose(at))


def test_serve_says_where_there_is_no_mirror(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["serve", "--board", str(tmp_path), "--data", str(tmp_path / "absent")])
    assert told.exit_code != 0
    assert "no folder" in str(told.exception)


def test_the_sides_of_a_picture_are_those_of_the_gate(folder: Path) -> None:
    (table,) = xbench.load_board(folder).tables()
    pair = contest.sides(table, "mbert", "xlmr-base")
    assert [column.encoder for column in pair] == ["mbert", "xlmr-base"]
    ours = side([folder], "xlmr-base").columns["xnli"]
    assert parts(pair[1].signature) == parts(ours.first.signature)
    assert contest.sides(table, "mbert", "absent") == pair[:1]


MARKUP = ("markdown", "caption", "header", "subheader", "title", "info", "warning", "error", "success")


def test_nothing_of_a_hostile_record_becomes_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for encoder in (HOSTILE, f"{HOSTILE} 2"):
        made = record(
            Run(HOSTILE, encoder, HOSTILE, HOSTILE, 0), parallel=True, chance=0.0,
            signature=f"task:{HOSTILE}|metric:accuracy|recipe:{encoder}|xbench:0",
            scores=tuple(replace(record().scores[0], language=code) for code in (HOSTILE, "=cmd|x", "ar")),
            missing=(Missing(language=f"{HOSTILE}3", split="test", why=HOSTILE),),
        )  # fmt: skip
        origin = replace(
            made.provenance, **dict.fromkeys(("checkpoint", "weights", "architecture", "command", "xbench"), HOSTILE)
        )
        ids = Counts(
            ids=(HOSTILE, "b", "c"), languages=(HOSTILE, "=cmd|x", "ar"), columns=("accuracy.correct", "accuracy.n"),
            rows=np.array([[1, 1], [0, 1], [0, 1]], float),
        )  # fmt: skip
        store.write_once(tmp_path, replace(made, provenance=origin), ids, [HOSTILE, [HOSTILE], {"x": HOSTILE}])
    monkeypatch.setenv("XBENCH_BOARDS", str(tmp_path))
    for name in ("encoder", "language", "compare", "errors"):
        at = page(name, show=items.ALL)
        for kind in MARKUP:
            told = [str(one.value) for one in getattr(at, kind)]
            assert not [one for one in told if "[b](" in one or "<i>" in one or ":red[" in one or "\u202e" in one], name
        assert not any("\u202e" in one.value for one in [*at.code, *at.text])
        for one in at.table:
            assert not one.value.map(lambda text: "[b](" in text or "<i>" in text).to_numpy().any()
        for one in at.dataframe:
            assert not one.value.map(lambda cell: isinstance(cell, str) and "\u202e" in cell).to_numpy().any()


def test_an_encoder_without_any_score_shows_its_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_once(tmp_path, record(scores=()), Counts(ids=(), languages=(), columns=(), rows=np.zeros((0, 0))))
    monkeypatch.setenv("XBENCH_BOARDS", str(tmp_path))
    assert "Swahili (sw): not there" in prose(page("encoder"))
    assert "No encoder has a score" in prose(page("language"))
    assert frame(page("language"), "why")["why"].tolist() == ["not there"]
    assert "No encoder has a score in this task" in prose(page("errors"))


@pytest.mark.parametrize("show", [items.LOST, items.WRONG, items.EVERYWHERE, items.ALL])
def test_filters_pick_by_the_counts(folder: Path, show: str) -> None:
    board = xbench.load_board(folder)
    (table,) = board.tables()
    column = next(one for one in table.columns if one.encoder == "xlmr-base")
    found = items.answers(board, column, 2, "accuracy")
    bad = {code: set(wrong(code, often, 2)) for code, often in (("en", 4), ("ar", 8), ("sw", 14), ("zh", 9))}
    targets = bad["ar"] | bad["sw"] | bad["zh"]
    expected = {
        items.LOST: targets - bad["en"], items.WRONG: targets, items.ALL: set(range(N)),
        items.EVERYWHERE: bad["en"] & bad["ar"] & bad["sw"] & bad["zh"],
    }[show]  # fmt: skip
    told = items.chosen([found], show, "")
    assert {int(item) for item, _ in told} == expected
    assert [often for _, often in told] == sorted(
        (sum(int(item) in one for one in bad.values()) for item, _ in told), reverse=True
    )
    assert all(often == sum(int(item) in one for one in bad.values()) for item, often in told)
