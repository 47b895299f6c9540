"""Each outside format: our values to the last digit, read by the outside project's own library where it is installed."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import Literal

import pytest
import yaml
from huggingface_hub import ModelCard, metadata_save, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results
from pydantic import BaseModel, ConfigDict, Field
from test_export_results import (
    BASE,
    DATA,
    SEED_0,
    SEED_1,
    N,
    board,
    export,
    one_text,
    refused,
    retrieval,
    score,
    scored,
    texts,
    two_seeds,
)  # fmt: skip

import toy
import xbench
from xbench.export.results import FROM_INTERVAL
from xbench.record import Run
from xbench.uncertainty import over_seeds

VALUES = {language: (SEED_0[language] / N + SEED_1[language] / N) / 2 for language in SEED_0}
ENDED = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""When the last of the two runs ended."""


def errors(folder: Path) -> dict[str, float]:
    """Language -> standard error over both seeds and all examples."""
    loaded = xbench.load_board(folder)
    ((table,),) = (loaded.tables(),)
    cells = loaded.cells(table.columns[0], "accuracy")
    assert cells is not None
    return {language: over_seeds(rows).standard_error for language, rows in cells.influences.items()}


def says_how(text: str) -> None:
    """Whether a text says that an encoder was fine-tuned, by which recipe, on what and in which language."""
    for piece in (
        "xlmr-base, fine-tuned on xnli in en by recipe xtreme",
        "zero-shot",
        "not the bare checkpoint",
        "seeds 0, 1",
    ):
        assert piece in text


def test_hf_eval_results_are_read_by_huggingface_hub(tmp_path: Path) -> None:
    folder = two_seeds(tmp_path / "board")
    entries = parse_eval_result_entries(yaml.safe_load(one_text("hf-eval-results", folder)))
    assert {entry.task_id: entry.value for entry in entries} == VALUES
    for entry in entries:
        assert (entry.dataset_id, entry.dataset_revision) == ("facebook/xnli", DATA)
        assert datetime.fromisoformat(entry.date) == ENDED
        assert entry.source_url is None
        says_how(entry.notes)
        assert f"scored in {entry.task_id}; accuracy (exact match), 0..1" in entry.notes
        assert f"standard error {errors(folder)[entry.task_id]:.4f}" in entry.notes
        assert "n 50; split test; task:xnli|taskversion:1|" in entry.notes
    export("hf-eval-results", folder, "--out", tmp_path / "out")
    assert list(texts(tmp_path / "out")) == ["xnli/xlmr-base/xtreme-en/.eval_results/xnli.yaml"]


def test_hf_eval_results_point_to_no_data_that_is_not_on_the_hub(tmp_path: Path) -> None:
    made, counts = scored(Run("xnli", "xlmr-base", "xtreme", "en", 0), SEED_0)
    used = dict(made.provenance.test)
    used["de"] = replace(used["de"], revision="made")
    used["sw"] = replace(used["sw"], revision="unrecorded")
    called = export(
        "hf-eval-results",
        board(tmp_path / "board", (replace(made, provenance=replace(made.provenance, test=used)), counts)),
    )
    entries = parse_eval_result_entries(yaml.safe_load(called.stdout))
    assert [(entry.task_id, entry.dataset_revision) for entry in entries] == [("en", DATA), ("sw", None)]
    assert "without de, as their rows lie in no data set of the Hub" in called.stderr


def test_a_model_index_is_read_by_huggingface_hub_and_can_be_saved_in_a_card(tmp_path: Path) -> None:
    folder = two_seeds(tmp_path / "board")
    metadata = yaml.safe_load(one_text("model-index", folder))
    name, results = model_index_to_eval_results(metadata["model-index"])
    assert name == "xlmr-base, fine-tuned on xnli in en by recipe xtreme"
    assert {result.dataset_config: result.metric_value for result in results} == VALUES
    for result in results:
        says_how(result.task_name)
        assert (result.task_type, result.dataset_type, result.dataset_revision) == (
            "text-classification",
            "facebook/xnli",
            DATA,
        )
        assert (result.metric_type, result.dataset_split) == ("accuracy", "test")
        told = result.metric_args
        assert told["standard_error"] == errors(folder)[result.dataset_config]
        assert (told["seeds"], told["n"], told["recipe"], told["source"]) == ([0, 1], N, "xtreme", "en")
        assert told["signature"].startswith("task:xnli|")
    assert (metadata["base_model"], metadata["base_model_relation"]) == ("FacebookAI/xlm-roberta-base", "finetune")
    assert metadata["language"] == ["en", "de", "sw"]
    card = tmp_path / "README.md"
    metadata_save(card, metadata)
    again = ModelCard.load(card)
    assert {result.dataset_config: result.metric_value for result in again.data.eval_results} == VALUES
    assert again.data.model_name == name


def test_several_metrics_stand_in_one_result_of_a_model_index(tmp_path: Path) -> None:
    metadata = yaml.safe_load(one_text("model-index", board(tmp_path, retrieval())))
    first, second = metadata["model-index"][0]["results"]
    assert [metric["type"] for metric in first["metrics"]] == [
        "retrieval_to_source", "retrieval_from_source", "retrieval_weighted_f1_to_source",
    ]  # fmt: skip
    assert [metric["value"] for metric in second["metrics"]] == [0.5, 0.51, 0.52]
    assert (first["task"]["type"], first["dataset"]["config"]) == ("sentence-similarity", "fra-eng")
    assert "base_model_relation" not in metadata


class Strict(BaseModel):
    """Fields of eval.schema.json 0.3.0 as it documents them; nothing beside them."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Metric(Strict):
    evaluation_description: str
    metric_id: str
    metric_name: str
    metric_unit: Literal["proportion"]
    lower_is_better: bool
    score_type: Literal["continuous"]
    min_score: int
    max_score: int
    additional_details: dict[str, str]


class Error(Strict):
    value: float
    method: str


class Interval(Strict):
    lower: float
    upper: float
    confidence_level: float = Field(ge=0, le=1)
    method: str


class Uncertainty(Strict):
    standard_error: Error
    confidence_interval: Interval
    num_samples: int


class Details(Strict):
    score: float = Field(ge=0, le=1)
    details: dict[str, str]
    uncertainty: Uncertainty


class HubData(Strict):
    dataset_name: str
    source_type: Literal["hf_dataset"]
    hf_repo: str
    hf_split: str
    samples_number: int
    additional_details: dict[str, str]


class OtherData(Strict):
    dataset_name: str
    source_type: Literal["other"]
    additional_details: dict[str, str]


class One(Strict):
    evaluation_result_id: str
    evaluation_name: str
    source_data: HubData | OtherData
    evaluation_timestamp: str
    metric_config: Metric
    score_details: Details


class Origin(Strict):
    source_name: str
    source_type: Literal["documentation", "evaluation_run"]
    source_organization_name: str
    evaluator_relationship: Literal["first_party", "third_party", "collaborative", "other"]
    additional_details: dict[str, str]


class Library(Strict):
    name: Literal["xbench"]
    version: str
    additional_details: dict[str, str]


class Engine(Strict):
    name: str
    version: str


class Model(Strict):
    name: str
    id: str = Field(pattern=r"^[\w.+=-]+/[\w.+=-]+$")
    inference_engine: Engine
    additional_details: dict[str, str]


class Log(Strict):
    schema_version: Literal["0.3.0"]
    evaluation_id: str
    evaluation_timestamp: str
    retrieved_timestamp: str = Field(pattern=r"^\d+$")
    source_metadata: Origin
    eval_library: Library
    model_info: Model
    evaluation_results: list[One] = Field(min_length=1)


def test_every_eval_ever_has_the_documented_fields_and_our_values(tmp_path: Path) -> None:
    folder = two_seeds(tmp_path / "board")
    log = Log.model_validate_json(one_text("every-eval-ever", folder))
    assert {
        one.source_data.additional_details["config"]: one.score_details.score for one in log.evaluation_results
    } == VALUES
    for one in log.evaluation_results:
        language = one.source_data.additional_details["language"]
        told = one.score_details.uncertainty
        assert told.standard_error.value == errors(folder)[language]
        assert told.confidence_interval.lower < VALUES[language] < told.confidence_interval.upper
        assert one.source_data.hf_repo == "facebook/xnli"
        assert one.source_data.additional_details["revision"] == DATA
    assert log.retrieved_timestamp == str(int(ENDED.timestamp()))
    says_how(log.model_info.additional_details["setting"])
    assert log.model_info.id == "xbench/xlmr-base--xtreme-en--xnli"
    details = log.model_info.additional_details
    assert (details["base_model"], details["base_model_revision"]) == ("FacebookAI/xlm-roberta-base", BASE)
    assert (details["deployment_type"], details["model_availability"]) == ("self_deployed", "unknown")
    assert details["fine_tuned_on"] == f"facebook/xnli, en, train, revision {DATA}"


def test_a_checkpoint_as_it_is_keeps_its_name(tmp_path: Path) -> None:
    log = Log.model_validate_json(one_text("every-eval-ever", board(tmp_path, retrieval())))
    assert log.model_info.id == "FacebookAI/xlm-roberta-base"
    assert log.model_info.additional_details["fine_tuned_on"] == "nothing"
    assert log.model_info.additional_details["model_availability"] == "open_weights"


@pytest.mark.parametrize("name", ["xlmr-base", "../a b\nc.", "CON", "data", "x" * 90])
def test_every_eval_ever_is_valid_by_its_own_rules(tmp_path: Path, name: str) -> None:
    core = pytest.importorskip("every_eval_ever.validator.validation_core")
    made, counts = scored(Run(name, name, name, "en", 0), SEED_0)
    folder = board(tmp_path / "board", (made, counts), retrieval())
    out = tmp_path / "out"
    export("every-eval-ever", folder, "--out", out)
    assert len(texts(out)) == 2
    for file in texts(out):
        report = core.validate_aggregate(out / file, repo_path=file, run_semantic_checks=True)
        assert (report.valid, report.errors, report.warnings) == (True, [], [])


def test_lm_eval_results_have_the_documented_fields_and_our_values(tmp_path: Path) -> None:
    folder = two_seeds(tmp_path / "board")
    tree = json.loads(one_text("lm-eval", folder))
    tasks = [f"xbench_xnli_{language}" for language in SEED_0]
    for key in ("results", "configs", "versions", "n-shot", "higher_is_better", "n-samples"):
        assert list(tree[key]) == tasks, key
    for language, task in zip(SEED_0, tasks, strict=True):
        assert tree["results"][task] == {
            "name": task, "alias": task, "sample_len": N, "acc,none": VALUES[language], "acc_stderr,none": errors(folder)[language],
        }  # fmt: skip
        config = tree["configs"][task]
        assert (config["dataset_path"], config["dataset_name"], config["num_fewshot"]) == ("facebook/xnli", language, 0)
        says_how(config["metadata"]["setting"])
        assert tree["higher_is_better"][task] == {"acc": True}
        assert tree["n-samples"][task] == {"original": N, "effective": N}
        assert (tree["versions"][task], tree["n-shot"][task]) == ("1", 0)
    says_how(tree["config"]["setting"])
    assert tree["config"]["model_args"] == {
        "base": "FacebookAI/xlm-roberta-base", "revision": BASE, "fine_tuned_on": "xnli in en", "recipe": "xtreme", "source": "en",
    }  # fmt: skip
    assert tree["date"] == ENDED.timestamp()
    assert tree["model_name"] == "xbench/xlmr-base--xtreme-en--xnli"
    export("lm-eval", folder, "--out", tmp_path / "out")
    (name,) = texts(tmp_path / "out")
    assert re.fullmatch(r"results_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{6}\.json", Path(name).name)


def test_a_real_run_from_a_folder_is_exported_without_its_path(
    checkpoint: Callable[[str], Path], toy_mirror: Path, tmp_path: Path
) -> None:
    folder, tasks = tmp_path / "board", [str(toy.TASKS["pairs"]), str(toy.TASKS["retrieval"])]
    where = checkpoint("bert")
    outcome = xbench.run(str(where), tasks, recipe=str(toy.RECIPE), data=toy_mirror, board=folder)
    scores = {
        (record.run.task, score.language, score.metric): score.value
        for _, record in outcome.ran
        for score in record.scores
    }
    assert len(scores) > 6
    export("lm-eval", folder, "--out", tmp_path / "out")
    seen = 0
    for text in texts(tmp_path / "out").values():
        tree = json.loads(text)
        for (task, language, metric), value in scores.items():
            if (told := tree["results"].get(f"xbench_{task}_{language}")) is not None:
                assert told[f"{'acc' if metric == 'accuracy' else metric},none"] == value
                seen += 1
        trained = tree["config"]["model_args"].get("fine_tuned_on")
        assert trained == ("toy-pairs in en" if "xbench_toy-pairs_en" in tree["results"] else None)
    assert seen == len(scores)
    for to in ("every-eval-ever", "hf-eval-results", "model-index", "lm-eval"):
        export(to, folder, "--out", tmp_path / to)
        assert texts(tmp_path / to)
        assert not any(str(where) in text for text in texts(tmp_path / to).values()), to


def test_a_record_that_tells_little_is_exported_as_far_as_it_goes(tmp_path: Path) -> None:
    made, counts = scored(Run("xnli", "xlmr-base", "xtreme", "en", 0), SEED_0)
    first = replace(made, provenance=replace(made.provenance, test={}, train=None, ended="then", packages={}))
    second = replace(made, scores=(score("fr", "accuracy", 0.5),))
    folder = board(tmp_path / "board", (first, counts), (second, replace(counts, columns=("other.correct", "other.n"))))
    log = json.loads(one_text("every-eval-ever", folder))
    found = {one["evaluation_name"]: one for one in log["evaluation_results"]}
    assert list(found) == [f"xbench/xnli/{language}" for language in ("en", "de", "sw", "fr")]
    assert found["xbench/xnli/de"]["source_data"] == {
        "dataset_name": "xnli", "source_type": "hf_dataset", "hf_repo": "facebook/xnli", "hf_split": "test", "samples_number": N,
        "additional_details": found["xbench/xnli/de"]["source_data"]["additional_details"],
    }  # fmt: skip
    for one in found.values():
        told = one["score_details"]["uncertainty"]
        width = told["confidence_interval"]["upper"] - told["confidence_interval"]["lower"]
        assert told["standard_error"] == {
            "value": pytest.approx(width / 2 / 1.959964, rel=1e-6),
            "method": FROM_INTERVAL,
        }
    alone = json.loads(one_text("every-eval-ever", board(tmp_path / "alone", (first, counts))))
    assert (alone["retrieved_timestamp"], "evaluation_timestamp" in alone) == ("unknown", False)
    assert alone["evaluation_results"][0]["source_data"]["source_type"] == "other"
    assert json.loads(one_text("lm-eval", tmp_path / "alone"))["date"] is None
    assert (
        yaml.safe_load(one_text("model-index", tmp_path / "alone"))["model-index"][0]["results"][0]["dataset"]["type"]
        == "xnli"
    )


def test_the_standard_error_of_one_seed_is_that_of_a_mean(tmp_path: Path) -> None:
    """By hand: the variance of 50 ones and zeros with n - 1, over n."""
    tree = json.loads(one_text("lm-eval", board(tmp_path, scored(Run("xnli", "xlmr-base", "xtreme", "en", 0), SEED_0))))
    for language, right in SEED_0.items():
        share = right / N
        told = tree["results"][f"xbench_xnli_{language}"]
        assert told["acc_stderr,none"] == pytest.approx(sqrt(share * (1 - share) / (N - 1)), rel=1e-12)
        assert told["acc,none"] == share


def test_lm_eval_says_what_was_not_fine_tuned_and_which_metrics_fall(tmp_path: Path) -> None:
    tree = json.loads(one_text("lm-eval", board(tmp_path, retrieval())))
    assert tree["config"]["model_args"]["pretrained"] == "FacebookAI/xlm-roberta-base"
    made, counts = scored(Run("xnli", "xlmr-base", "xtreme", "en", 0), SEED_0)
    worse = tuple(replace(one, metric="ece") for one in made.scores)
    strange = tuple(replace(one, metric="nobody_knows") for one in made.scores)
    called = export(
        "lm-eval", board(tmp_path / "ece", (replace(made, scores=(*made.scores, *worse, *strange)), counts))
    )
    assert json.loads(called.stdout)["higher_is_better"]["xbench_xnli_de"] == {"acc": True, "ece": False}
    assert "metric nobody_knows: left out" in called.stderr


def test_mteb_reads_what_is_written_for_it(tmp_path: Path) -> None:
    export("mteb", board(tmp_path / "board", retrieval()), "--out", tmp_path)
    folder = tmp_path / "results" / "FacebookAI__xlm-roberta-base" / BASE / "experiments" / "standard-eng"
    tree = json.loads((folder / "Tatoeba.json").read_text())
    assert tree["scores"]["test"] == [
        {
            "f1": 0.72,
            "accuracy": 0.7,
            "main_score": 0.72,
            "hf_subset": "fra-eng",
            "languages": ["fra-Latn", "eng-Latn"],
        },
        {
            "f1": 0.52,
            "accuracy": 0.5,
            "main_score": 0.52,
            "hf_subset": "kor-eng",
            "languages": ["kor-Hang", "eng-Latn"],
        },
    ]
    assert (tree["task_name"], tree["mteb_version"], tree["evaluation_time"]) == ("Tatoeba", None, 0.5)
    assert tree["dataset_revision"] == "69e8f12da6e31d59addadda9a9c8a2e601a0e282"
    meta = json.loads((folder / "model_meta.json").read_text())
    assert (meta["name"], meta["revision"]) == ("FacebookAI/xlm-roberta-base", BASE)
    assert meta["experiment_kwargs"]["vectors"] == "last+mean"
    assert "not fine-tuned, recipe standard" in meta["experiment_kwargs"]["setting"]


def test_mteb_itself_reads_and_ranks_it(tmp_path: Path) -> None:
    mteb = pytest.importorskip("mteb")
    export("mteb", board(tmp_path / "board", retrieval()), "--out", tmp_path)
    cache = mteb.cache.ResultCache(tmp_path)
    (found,) = cache.load_results(tasks=["Tatoeba"], load_experiments="match_name", include_remote=False).model_results
    (task,) = found.task_results
    assert task.get_score() == pytest.approx((0.72 + 0.52) / 2)
    assert task.get_score(languages=["kor-Hang"]) == 0.52
    known = task.task.metadata
    assert known.revision == task.dataset_revision
    assert known.main_score == "f1"
    for one in task.scores["test"]:
        assert known.hf_subsets_to_langscripts[one["hf_subset"]] == one["languages"]


def test_mteb_refuses_what_it_does_not_measure_and_says_why(tmp_path: Path) -> None:
    fine_tuned = scored(Run("xnli", "xlmr-base", "xtreme", "en", 0), SEED_0)
    assert "it was fine-tuned; mteb scores vectors of a checkpoint as it is" in refused([fine_tuned], tmp_path / "a")
    made, counts = retrieval()
    used = {code: replace(one, repo="ours/bitext") for code, one in made.provenance.test.items()}
    elsewhere = replace(made, provenance=replace(made.provenance, test=used))
    assert "mteb has no task on these rows" in refused([(elsewhere, counts)], tmp_path / "b")
    few = replace(made, scores=tuple(one for one in made.scores if "weighted" not in one.metric))
    assert "not recorded in fra, kor" in refused([(few, counts)], tmp_path / "c")
    used = {code: replace(one, revision=code) for code, one in made.provenance.test.items()}
    mixed = replace(made, provenance=replace(made.provenance, test=used))
    assert "several revisions" in refused([(mixed, counts)], tmp_path / "d")


@pytest.mark.parametrize("name", ["lm-eval", "every-eval-ever"])
def test_names_in_json_steer_no_terminal(tmp_path: Path, name: str) -> None:
    run = Run("xnli", "xlmr-base", "x\u202e\x9b\u2066", "en", 0)
    text = one_text(name, board(tmp_path / "board", scored(run, SEED_0)))
    assert not set("\u202e\x9b\u2066") & set(text)
    assert "x\u202e\x9b\u2066" in json.dumps(json.loads(text), ensure_ascii=False)
