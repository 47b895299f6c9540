"""Results as mteb 2 writes them, `results/<model>/<revision>/experiments/<recipe>/<task>.json`, with the model's card.

Fields: `mteb.results.TaskResult` and `mteb.models.model_meta.ModelMeta` of mteb 2.26. Only what mteb itself measures is
written under mteb's names: bitext retrieval of a checkpoint as it is. mteb's classification of frozen vectors is
another protocol than fine-tuning, so a fine-tuned encoder has no place there.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from xbench import languages
from xbench.export.results import Result, Transfer
from xbench.record import parts

TASKS = {"mteb/tatoeba-bitext-mining": "Tatoeba"}
"""Data set -> mteb's name of the task on it, where both ask the same."""

MAIN = "retrieval_weighted_f1_to_source"
METRICS = {MAIN: "f1", "retrieval_to_source": "accuracy"}
"""Our metric -> mteb's name of it."""

_SCRIPTS = {"Kore": "Hang"}
"""Scripts that mteb names otherwise."""


def files(transfers: Sequence[Transfer]) -> tuple[dict[str, str], list[str]]:
    """File name -> text, and why the others have no place in mteb."""
    made: dict[str, str] = {}
    notes: list[str] = []
    for one in transfers:
        if why := _refusal(one):
            notes.append(f"{' · '.join(one.place)}: refused: {why}")
            continue
        known = {result.data.repo: result.data.revision for result in one.results if result.data}
        ((repo, revision),) = known.items()
        _, encoder, recipe = one.place
        model = one.hub.replace("/", "__") if one.hub else f"xbench__{encoder}"
        folder = f"results/{model}/{_revision(one)}/experiments/{recipe}"
        made[f"{folder}/{TASKS[repo]}.json"] = _text(_task(one, TASKS[repo], revision))
        made[f"{folder}/model_meta.json"] = _text(_meta(one, encoder))
    return made, notes


def _refusal(one: Transfer) -> str:
    """Why a column has no place in mteb; empty where it has one."""
    if one.fine_tuned:
        return "it was fine-tuned; mteb scores vectors of a checkpoint as it is, and numbers of both are not comparable"
    used = {(result.data.repo, result.data.revision) if result.data else ("", "") for result in one.results}
    if {repo for repo, _ in used} - TASKS.keys():
        return f"mteb has no task on these rows; it has one on {', '.join(TASKS)}"
    if len(used) > 1:
        return "its languages were scored on several revisions of the data set, and the format has one"
    there: dict[str, set[str]] = {}
    for result in one.results:
        there.setdefault(result.language, set()).add(result.metric)
    if lacking := [language for language, metrics in there.items() if not metrics >= METRICS.keys()]:
        return f"mteb ranks by {MAIN} and reports {', '.join(METRICS)}, which is not recorded in {', '.join(lacking)}"
    return ""


def _task(one: Transfer, name: str, revision: str) -> dict[str, Any]:
    scores: dict[str, list[dict[str, Any]]] = {}
    by_language: dict[str, dict[str, Result]] = {}
    for result in one.results:
        by_language.setdefault(result.language, {})[result.metric] = result
    for found in by_language.values():
        main = found[MAIN]
        config = main.data.config if main.data else ""
        scores.setdefault(one.column.split, []).append(
            {
                **{theirs: found[ours].cell.value for ours, theirs in METRICS.items()},
                "main_score": main.cell.value,
                "hf_subset": config,
                "languages": [_code(piece) for piece in config.split("-")],
            }
        )
    return {
        "dataset_revision": revision,
        "task_name": name,
        "mteb_version": None,
        "scores": scores,
        "evaluation_time": one.score_seconds,
        "kg_co2_emissions": None,
        "date": one.date.timestamp() if one.date else None,
    }


def _meta(one: Transfer, encoder: str) -> Mapping[str, Any]:
    """What a reader must know of the model; what is not known is null, as mteb has it."""
    unknown = (
        "loader", "release_date", "languages", "memory_usage_mb", "max_tokens", "embed_dim", "license", "open_weights",
        "public_training_code", "public_training_data", "use_instructions", "training_datasets",
    )  # fmt: skip
    return {
        "name": one.hub or f"xbench/{encoder}",
        "revision": _revision(one),
        "n_parameters": one.first.cost.parameters,
        "framework": [],
        "similarity_fn_name": "cosine",
        **dict.fromkeys(unknown),
        "experiment_kwargs": {
            "setting": one.setting,
            "recipe": one.column.recipe,
            "vectors": parts(one.column.signature).get("vectors", "not recorded"),
            "signature": one.column.signature,
            "weights_sha256": one.first.provenance.weights,
        },
    }


def _revision(one: Transfer) -> str:
    return one.first.provenance.checkpoint_revision if one.hub else "no_revision_available"


def _code(code: str) -> str:
    """A language as mteb has it: the set's own three letters, and the script where it is known."""
    script = languages.language(code).script
    return f"{code}-{_SCRIPTS.get(script, script)}" if script else code


def _text(tree: Mapping[str, Any]) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
