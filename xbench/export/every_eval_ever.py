"""Every Eval Ever, the EvalEval Coalition's shared schema: one file for each fine-tuned encoder and task.

Fields: `eval.schema.json`, version 0.3.0, of the package `every-eval-ever` 0.3.0 (https://github.com/evaleval/every_eval_ever).
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from xbench.export.escaping import for_json
from xbench.export.results import FROM_COUNTS, Result, Transfer, on_hub

SCHEMA = "0.3.0"

LONGEST = 180
"""Characters of a name before it is cut: file systems take 255 bytes."""

COMMON = {"accuracy"}
"""Metrics whose name means the same everywhere; others carry ours."""


def files(transfers: Sequence[Transfer]) -> tuple[dict[str, str], list[str]]:
    """File name, as in the coalition's datastore -> text."""
    made = {}
    for one in transfers:
        tree = _tree(one)
        owner, model = tree["model_info"]["id"].split("/")
        text = for_json(json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"
        # The datastore wants random-looking names; one of a hash is the same for the same board.
        name = uuid.UUID(bytes=sha256(text.encode()).digest()[:16], version=4)
        made[f"data/{_collection(one)}/{owner}/{model}/{name}.json"] = text
    return made, []


def identity(one: Transfer) -> str:
    """`owner/name`: the Hub's for a checkpoint that was taken as it is, a name of its own for what was fine-tuned."""
    if one.hub and not one.fine_tuned:
        return one.hub
    task, encoder, recipe = one.place
    name = f"{encoder}--{recipe}--{task}".rstrip(".")
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{sha256(name.encode()).hexdigest()[:8]}"
    return f"xbench/{name}"


def _collection(one: Transfer) -> str:
    return f"xbench_{one.place[0]}".rstrip(".")


def _tree(one: Transfer) -> dict[str, Any]:
    date, origin = one.date, one.first.provenance
    retrieved = str(int(date.timestamp())) if date else "unknown"
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{_collection(one)}/{identity(one)}/{retrieved}",
        **({"evaluation_timestamp": date.isoformat()} if date else {}),
        "retrieved_timestamp": retrieved,
        "source_metadata": {
            "source_name": "xbench",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
            "additional_details": {"setting": one.setting},
        },
        "eval_library": {
            "name": "xbench",
            "version": origin.xbench,
            "additional_details": dict(origin.packages),
        },
        "model_info": _model(one),
        "evaluation_results": [_result(one, result) for result in one.results],
    }


def _model(one: Transfer) -> dict[str, Any]:
    column, origin = one.column, one.first.provenance
    train = origin.train
    details = {
        "deployment_type": "self_deployed",
        "model_availability": "open_weights" if one.hub and not one.fine_tuned else "unknown",
        "setting": one.setting,
        "encoder": column.encoder,
        "base_model": one.hub or "not on the Hub",
        "base_model_revision": origin.checkpoint_revision or "none",
        "base_model_weights_sha256": origin.weights,
        "fine_tuned_on": _rows(train.repo, train.config, train.split, train.revision) if train else "not recorded",
        "source_language": column.source,
        "recipe": column.recipe,
        "recipe_numbers": json.dumps(dict(origin.recipe), ensure_ascii=False, sort_keys=True),
        "selection": column.rule,
        "seeds": ", ".join(map(str, one.seeds)),
        "parameters": str(one.first.cost.parameters),
        "precision": origin.precision,
        "device": origin.device,
    }
    if not one.fine_tuned:
        details["fine_tuned_on"] = "nothing"
    return {
        "name": one.name,
        "id": identity(one),
        "inference_engine": {"name": "transformers", "version": origin.packages.get("transformers", "unknown")},
        "additional_details": details,
    }


def _result(one: Transfer, result: Result) -> dict[str, Any]:
    cell = result.cell
    return {
        "evaluation_result_id": f"{one.task}/{result.language}/{result.metric}",
        "evaluation_name": f"xbench/{one.task}/{result.language}",
        "source_data": _source(one, result),
        **({"evaluation_timestamp": one.date.isoformat()} if one.date else {}),
        "metric_config": {
            "evaluation_description": f"{one.setting}; scored in {result.language}",
            "metric_id": result.metric if result.metric in COMMON else f"xbench.{result.metric}",
            "metric_name": result.title,
            "metric_unit": "proportion",
            "lower_is_better": result.lower_is_better,
            "score_type": "continuous",
            "min_score": 0,
            "max_score": 1,
            "additional_details": {"rules": result.rules, "signature": one.column.signature},
        },
        "score_details": {
            "score": cell.value,
            "details": {"seeds": ", ".join(map(str, one.seeds)), "examples": str(cell.n), "language": result.language},
            "uncertainty": {
                "standard_error": {"value": result.standard_error, "method": result.method},
                "confidence_interval": {
                    "lower": cell.low, "upper": cell.high, "confidence_level": 0.95,
                    "method": FROM_COUNTS if result.method == FROM_COUNTS else "as the records say",
                },
                "num_samples": cell.n,
            },
        },
    }  # fmt: skip


def _source(one: Transfer, result: Result) -> Mapping[str, Any]:
    used = result.data
    if used is None:
        return {"dataset_name": one.task, "source_type": "other", "additional_details": {"language": result.language}}
    details = {
        "repository": used.repo, "revision": used.revision, "config": used.config, "split": used.split,
        "fingerprint_sha256": used.fingerprint, "language": result.language,
    }  # fmt: skip
    if not on_hub(used):
        return {"dataset_name": one.task, "source_type": "other", "additional_details": details}
    return {
        "dataset_name": one.task, "source_type": "hf_dataset", "hf_repo": used.repo, "hf_split": used.split,
        "samples_number": used.rows, "additional_details": details,
    }  # fmt: skip


def _rows(repo: str, config: str, split: str, revision: str) -> str:
    return f"{repo}, {config}, {split}, revision {revision}"
