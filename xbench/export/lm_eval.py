"""Results as lm-evaluation-harness writes them: one `results_<time>.json` for each fine-tuned encoder and task.

Fields: `lm_eval.result_schema.EvalResults` of lm_eval 0.4.13. Its own tasks prompt a language model; ours fine-tune an
encoder, so that every task carries `xbench_` before its name and the file says how the numbers came about.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from xbench.export.escaping import for_json, plain
from xbench.export.every_eval_ever import identity
from xbench.export.results import Result, Transfer
from xbench.record import parts

NAMES = {"accuracy": "acc"}
"""Our metric -> the harness's name of it; others keep ours."""


def files(transfers: Sequence[Transfer]) -> tuple[dict[str, str], list[str]]:
    """File name -> text."""
    made = {}
    for one in transfers:
        time = f"_{one.date.strftime('%Y-%m-%dT%H-%M-%S.%f')}" if one.date else ""
        text = for_json(json.dumps(_tree(one), indent=2, ensure_ascii=False, allow_nan=False)) + "\n"
        made["/".join((*one.place, f"results{time}.json"))] = text
    return made, []


def _tree(one: Transfer) -> dict[str, Any]:
    by_task: dict[str, list[Result]] = {}
    for result in one.results:
        by_task.setdefault(f"xbench_{one.task}_{result.language}", []).append(result)
    origin = one.first.provenance
    version = parts(one.column.signature).get("taskversion")
    return {
        "results": {task: _scores(task, results) for task, results in by_task.items()},
        "group_subtasks": {f"xbench_{one.task}": list(by_task)},
        "configs": {task: _task(one, task, results) for task, results in by_task.items()},
        "versions": dict.fromkeys(by_task, version),
        "n-shot": dict.fromkeys(by_task, 0),
        "higher_is_better": {
            task: {_name(result): not result.lower_is_better for result in results} for task, results in by_task.items()
        },
        "n-samples": {task: _samples(results) for task, results in by_task.items()},
        "config": _config(one),
        "git_hash": (origin.git or {}).get("commit"),
        "date": one.date.timestamp() if one.date else None,
        "transformers_version": origin.packages.get("transformers"),
        "xbench_version": origin.xbench,
        "model_source": "xbench",
        "model_name": identity(one),
        "model_name_sanitized": identity(one).replace("/", "__"),
        "task_hashes": {task: results[0].data.fingerprint for task, results in by_task.items() if results[0].data},
        "total_evaluation_time_seconds": str(one.score_seconds),
    }


def _name(result: Result) -> str:
    return NAMES.get(result.metric, result.metric)


def _scores(task: str, results: Sequence[Result]) -> dict[str, Any]:
    scores: dict[str, Any] = {"name": task, "alias": plain(task), "sample_len": results[0].cell.n}
    for result in results:
        scores[f"{_name(result)},none"] = result.cell.value
        scores[f"{_name(result)}_stderr,none"] = result.standard_error
    return scores


def _samples(results: Sequence[Result]) -> dict[str, int]:
    data, scored = results[0].data, results[0].cell.n
    return {"original": data.rows if data else scored, "effective": scored}


def _task(one: Transfer, task: str, results: Sequence[Result]) -> Mapping[str, Any]:
    data = results[0].data
    return {
        "task": task,
        "dataset_path": data.repo if data else None,
        "dataset_name": data.config if data else None,
        "dataset_kwargs": {"revision": data.revision} if data else None,
        "test_split": one.column.split,
        "num_fewshot": 0,
        "metric_list": [
            {"metric": _name(result), "higher_is_better": not result.lower_is_better} for result in results
        ],
        "metadata": {
            "setting": one.setting,
            "recipe": one.column.recipe,
            "source": one.column.source,
            "selection": one.column.rule,
            "seeds": list(one.seeds),
            "signature": one.column.signature,
            "rules": {_name(result): result.rules for result in results},
            "intervals_95": {_name(result): [result.cell.low, result.cell.high] for result in results},
            "stderr_method": {_name(result): result.method for result in results},
        },
    }


def _config(one: Transfer) -> Mapping[str, Any]:
    """The model and how it ran. The checkpoint is `pretrained` only where it was taken as it is."""
    origin, column = one.first.provenance, one.column
    checkpoint = {
        "base" if one.fine_tuned else "pretrained": one.hub or column.encoder,
        "revision": origin.checkpoint_revision or None,
    }
    trained = {"fine_tuned_on": f"{one.task} in {column.source}"} if one.fine_tuned else {}
    return {
        "model": "xbench",
        "model_args": {**checkpoint, **trained, "recipe": column.recipe, "source": column.source},
        "setting": one.setting,
        "recipe_numbers": dict(origin.recipe),
        "model_num_parameters": one.first.cost.parameters,
        "model_dtype": origin.precision,
        "model_revision": origin.checkpoint_revision or None,
        "model_sha": origin.weights,
        "batch_size": None,
        "batch_sizes": [],
        "device": origin.device,
        "use_cache": None,
        "limit": origin.recipe.get("limit_test") or None,
        "bootstrap_iters": 0,
        "gen_kwargs": None,
        "random_seed": one.seeds[0],
        "seeds": list(one.seeds),
    }
