"""The tasks that come with xbench: sane values, and every configuration of the mirror of real data reads."""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support_data import REAL, needs_real

from xbench import data
from xbench.data.check import SHAPES
from xbench.errors import BadOption, LacksLanguage, LacksSplit
from xbench.task import Choice, Pair, Source, Span, Tagged, Task
from xbench_tasks import masakhaner, mlqa, pawsx, sib200, tatoeba, tydiqa, udpos, wikiann, xcopa, xnli, xquad

MODULES = (xnli, pawsx, wikiann, udpos, masakhaner, xquad, mlqa, tydiqa, sib200, tatoeba, xcopa)
TASKS = [module.task for module in MODULES]
HERE = Path(__file__).parent
LANGUAGES = {
    "xnli": 15, "pawsx": 7, "wikiann": 40, "udpos": 33, "masakhaner": 20, "xquad": 12, "mlqa": 7, "tydiqa": 9,
    "sib200": 205, "tatoeba": 112, "xcopa": 11,
}  # fmt: skip
METRICS = {
    "xnli": ("accuracy", "macro_f1", "ece"), "pawsx": ("accuracy", "macro_f1", "ece"),
    "sib200": ("accuracy", "macro_f1", "ece"), "xcopa": ("accuracy", "ece"),
    "wikiann": ("span_f1", "span_f1_strict"), "masakhaner": ("span_f1", "span_f1_strict"),
    "udpos": ("token_accuracy", "span_f1_xtreme"),
    "xquad": ("squad_f1", "squad_em", "words_f1", "words_em"),
    "tydiqa": ("squad_f1", "squad_em", "words_f1", "words_em"),
    "mlqa": ("mlqa_f1", "mlqa_em", "mlqa_f1_fixed_arabic", "mlqa_em_fixed_arabic", "words_f1", "words_em"),
    "tatoeba": (
        "retrieval_to_source", "retrieval_from_source", "retrieval_to_source@100", "retrieval_weighted_f1_to_source",
        "retrieved_chrf",
    ),
}  # fmt: skip


def offline() -> Iterator[tuple[str, Task]]:
    """The task files for the offline stand-ins, opened as `--task FILE` opens them."""
    for file in sorted((HERE / "offline").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"offline_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield file.stem, module.task


OFFLINE = dict(offline())


def there(source: Source) -> dict[str, tuple[str, ...]]:
    """What the real mirror has of a source; nothing where the mirror, or the repository, is not there."""
    return dict(data.available(source, data=REAL)) if (REAL / source.repo).is_dir() else {}


def cases() -> list[tuple[Task, Source, str, str]]:
    """Every language and split that a task may read and the real mirror has."""
    found = []
    for task in [*TASKS, *OFFLINE.values()]:
        configs = there(task.data)
        for language in dict.fromkeys((task.source, *task.targets)):
            for split in configs.get(task.data.config_of(language), ()):
                if split in {task.data.train, task.data.dev, task.data.test} and task.data.keep is None:
                    found.append((task, task.data, language, split))
    return found


@lru_cache(maxsize=8)
def rows(name: str, language: str, split: str) -> data.Rows:
    task = next(task for task in TASKS if task.name == name)
    return data.rows(task, task.data, language, split, data=REAL)


# --- values -----------------------------------------------------------------------------------------------------------


def test_eleven_tasks_with_names_of_their_own() -> None:
    assert {task.name for task in TASKS} == set(LANGUAGES)
    assert [module.__name__.rpartition(".")[2] for module in MODULES] == [task.name for task in TASKS]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_is_a_sane_value(task: Task) -> None:
    assert len(task.targets) == len(set(task.targets)) == LANGUAGES[task.name]
    assert task.kind in SHAPES
    assert task.metrics == METRICS[task.name]
    assert len(task.labels) == len(set(task.labels))
    assert bool(task.labels) == (task.kind in {"pairs", "tags"})
    assert 0.0 <= task.chance <= 0.5
    assert task.licence
    assert task.cite
    assert task.title
    assert task.data.repo.count("/") == 1
    assert task.data.test, "something is scored"
    if task.kind != "retrieval":
        assert task.training.train, "something is trained on"
    if task.train_data is None and task.source not in task.targets:
        assert task.name == "tatoeba"
    assert not set(task.data.codes) - {*task.targets, task.source}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_task_says_what_it_asks(module: object) -> None:
    title, empty, *text = (module.__doc__ or "").splitlines()
    assert ": " in title
    assert title.endswith(".")
    assert empty == ""
    assert len(" ".join(text)) > 150


def test_xquad_and_mlqa_share_their_training_set() -> None:
    """So that one fine-tuning serves both; and XQuAD comes from SQuAD's dev split, which may choose nothing."""
    assert xquad.task.training == mlqa.task.training
    assert xquad.task.training.dev == ""
    assert xquad.task.training.config_of("en") == "plain_text"


def test_what_is_scored_never_chooses() -> None:
    for task in (xquad.task, tydiqa.task):
        assert task.training.dev == ""
        assert task.data.test == "validation"
        assert task.data.dev == ""


def test_names_of_the_sets_own_configurations() -> None:
    assert udpos.task.data.config_of("el") == "udpos.Greek"
    assert mlqa.task.data.config_of("vi") == "mlqa.vi.vi"
    assert xquad.task.data.config_of("ro") == "xquad.ro"
    assert tatoeba.task.data.config_of("cmn") == "cmn-eng"
    assert "eng" not in tatoeba.task.targets
    assert {"zho_Hans", "zho_Hant", "nqo_Nkoo", "eng_Latn"} <= set(sib200.task.targets)


def test_offline_tasks_are_the_registered_ones_on_other_data() -> None:
    # Mining has no registered task: no data set on the Hub is known to hold whole corpora.
    assert set(OFFLINE) == {"mining", "pawsx", "tatoeba", "wikiann", "xnli", "xquad"}
    by_name = {task.name: task for task in TASKS}
    for name, task in OFFLINE.items():
        if name == "mining":
            continue
        origin = by_name[name]
        assert task.name == f"{name}-offline"
        assert task.targets == origin.targets
        assert (task.kind, task.metrics, task.labels, task.id) == (
            origin.kind,
            origin.metrics,
            origin.labels,
            origin.id,
        )
        assert task.data.repo.startswith("xbench-offline/")


# --- how a row is read --------------------------------------------------------------------------------------------------


def test_pawsx_reads_ns_as_an_empty_text() -> None:
    assert pawsx.read({"sentence1": "NS", "sentence2": "Ein Satz.", "label": "0"}) == Pair("", "Ein Satz.", "0")
    assert pawsx.read({"sentence1": "NSA", "sentence2": "NS ", "label": "1"}) == Pair("NSA", "NS ", "1")


def test_tydiqa_tells_languages_by_the_beginning_of_the_id() -> None:
    assert tydiqa.keep({"id": "indonesian-12-0"}, "id")
    assert not tydiqa.keep({"id": "english-12-0"}, "id")
    assert not tydiqa.keep({"id": "englishman-1"}, "en")


def test_xcopa_and_copa_are_read_alike() -> None:
    row = {"premise": "It rained.", "choice1": "a", "choice2": "b", "question": "effect", "label": 1}
    wanted = Choice("It rained. What happened as a result?", ("a", "b"), 1)
    assert xcopa.read(row) == wanted
    assert xcopa.read_copa({**row, "label": "choice2"}) == wanted
    assert xcopa.read_copa({**row, "label": ""}).label == -1


# --- the mirror of real data --------------------------------------------------------------------------------------------


@needs_real
@pytest.mark.parametrize("task", [*TASKS, *OFFLINE.values()], ids=lambda task: task.name)
def test_every_configuration_of_the_real_mirror_reads(task: Task) -> None:
    mine = [case for case in cases() if case[0] is task]
    assert mine or task.data.keep, f"the mirror has nothing of {task.name}"
    for _, source, language, split in mine:
        got = data.rows(task, source, language, split, data=REAL)
        files = sorted((REAL / source.repo / source.config_of(language)).glob(f"{split}-*.parquet"))
        assert got.used.rows == sum(pq.ParquetFile(file).metadata.num_rows for file in files)
        assert len(set(got.ids)) == len(got.ids) == len(got.examples)
        assert got.used.duplicates == 0 or task.id


@needs_real
def test_how_many_configurations_were_read() -> None:
    """The mirror grows at times and must not shrink unseen."""
    assert len(cases()) >= 200


@needs_real
def test_xnli_has_all_its_rows() -> None:
    """Readers that quote, or that take the first row for a header, lose some."""
    for language in ("en", "de", "sw", "zh"):
        assert rows("xnli", language, "test").used.rows == 5010
        assert rows("xnli", language, "validation").used.rows == 2490


@needs_real
def test_pawsx_counts_its_empty_rows() -> None:
    counted = {
        language: rows("pawsx", language, "validation").used.empty for language in ("de", "en", "es", "fr", "zh")
    }
    assert counted == {"de": 68, "en": 0, "es": 38, "fr": 8, "zh": 16}


@needs_real
def test_parallel_tasks_have_the_same_ids_in_every_language() -> None:
    for name, split, languages in (
        ("pawsx", "validation", ("de", "en", "zh")),
        ("xquad", "validation", ("ar", "en", "zh")),
        ("sib200", "test", ("eng_Latn", "swh_Latn", "quy_Latn")),
        ("xcopa", "test", ("et", "qu", "zh")),
    ):
        assert len({rows(name, language, split).ids for language in languages}) == 1, name


@needs_real
def test_mlqa_shares_questions_and_no_language_has_all() -> None:
    of = {language: rows("mlqa", language, "validation").ids for language in ("de", "en", "es")}
    every = set().union(*of.values())
    assert all(len(set(ids)) < len(every) for language, ids in of.items() if language != "en")
    assert len(set(of["de"]) & set(of["es"])) > 100
    assert set(of["de"]) | set(of["es"]) <= set(of["en"])
    assert (mlqa.task.parallel, mlqa.task.shares_items) == (False, True)


def test_items_are_shared_by_id_where_not_all_languages_have_all() -> None:
    for wrong in ({"parallel": True}, {"id": ""}):
        with pytest.raises(BadOption, match="`shares_items` is for sets that are not parallel, whose items have ids"):
            replace(mlqa.task, **wrong)


@needs_real
def test_gold_of_pawsx_is_per_language() -> None:
    labels = [
        [example.label for example in rows("pawsx", language, "validation").examples] for language in ("de", "zh")
    ]  # type: ignore[union-attr]
    assert labels[0] != labels[1]


@needs_real
def test_words_of_wikiann_are_split_at_the_first_colon_only() -> None:
    """Rahimi's files spell `en:word`; a word with colons of its own stays whole, and no word keeps the language."""
    for language, whole in (("en", "3:05"), ("de", "11:8-Erfolg"), ("tr", "4:52"), ("zh", ":")):
        words = [word for example in rows("wikiann", language, "validation").examples for word in example.words]  # type: ignore[union-attr]
        assert whole in words
        assert sum(word.startswith(f"{language}:") for word in words) == 0


@needs_real
def test_stray_inside_tags_of_wikiann_are_kept() -> None:
    """PAN-X zh has I- tags that follow no B-; whoever scores them says how, but reading must not mend them."""
    stray = 0
    for example in rows("wikiann", "zh", "validation").examples:
        assert isinstance(example, Tagged)
        before = ("O", *example.tags)
        stray += sum(tag[0] == "I" and last[1:] != tag[1:] for last, tag in zip(before, example.tags, strict=False))
    assert stray > 0


@needs_real
def test_answers_stand_where_their_offsets_say() -> None:
    for name, language in (("xquad", "ar"), ("xquad", "zh"), ("mlqa", "de")):
        for example in rows(name, language, "validation").examples:
            assert isinstance(example, Span)
            for answer, start in zip(example.answers, example.starts, strict=True):
                assert example.context[start : start + len(answer)] == answer


@needs_real
def test_tydiqa_keeps_languages_and_ids_apart() -> None:
    english = data.rows(tydiqa.task, tydiqa.task.data, "en", "train", data=REAL)
    swahili = data.rows(tydiqa.task, tydiqa.task.data, "sw", "train", data=REAL)
    assert (english.used.rows, swahili.used.rows) == (3696, 2755)
    assert not set(english.ids) & set(swahili.ids)
    with pytest.raises(LacksLanguage):
        data.rows(tydiqa.task, tydiqa.task.data, "te", "train", data=REAL)
    with pytest.raises(LacksSplit):
        data.scored_split(tydiqa.task, "sw", data=REAL)


@needs_real
def test_ids_that_were_shortened_are_kept_apart() -> None:
    """XTREME's copy shortens TyDiQA's ids so that 3,696 questions share 89."""
    short = replace(tydiqa.task, id="short")
    source = replace(
        short.data, keep=lambda row, language: row.update(short=row["id"][:9]) or tydiqa.keep(row, language)
    )  # type: ignore[attr-defined]
    got = data.rows(replace(short, data=source), source, "en", "train", data=REAL)
    assert len(set(got.ids)) == 3696
    assert got.used.duplicates == 3696 - len({name.partition("#")[0] for name in got.ids})


@needs_real
def test_a_language_that_the_real_mirror_lacks() -> None:
    with pytest.raises(LacksLanguage, match=r"no th .* languages ar, de, en"):
        data.scored_split(xnli.task, "th", data=REAL)
    assert data.scored_split(xnli.task, "sw", data=REAL) == "test"
    assert data.scored_split(udpos.task, "de", data=REAL) == "validation"


@needs_real
def test_sets_of_tatoeba_differ_in_size() -> None:
    """So accuracies of two languages are not comparable without a fixed pool."""
    sizes = {language: rows("tatoeba", language, "test").used.rows for language in ("jav", "tel", "tam", "swh", "deu")}
    assert sizes == {"jav": 205, "tel": 234, "tam": 307, "swh": 390, "deu": 1000}


@needs_real
def test_retrieval_offline_finds_the_column_of_each_language() -> None:
    task = OFFLINE["tatoeba"]
    have = []
    for language in task.targets:
        try:
            have.append((language, data.rows(task, task.data, language, "test", data=REAL).used.rows))
        except LacksLanguage:
            continue
    assert len(have) == 14
    assert {n for _, n in have} == {1997}
    assert {"cmn", "swh", "ara", "deu"} <= {language for language, _ in have}
