"""A model card's `model-index`: one result for each language, every metric that was recorded.

Fields: https://github.com/huggingface/hub-docs/blob/main/modelcard.md, through `huggingface_hub.ModelCardData`.
"""

from collections.abc import Sequence

from huggingface_hub import EvalResult, ModelCardData

from xbench import languages
from xbench.export.escaping import plain
from xbench.export.results import Result, Transfer, commit, on_hub

TASK_TYPES = {
    "pairs": "text-classification", "tags": "token-classification", "spans": "question-answering",
    "choices": "multiple-choice", "retrieval": "sentence-similarity", "mining": "sentence-similarity",
}  # fmt: skip
"""Kind -> the Hub's own name of such tasks; `other` where there is none, or the kind is not known."""


def files(transfers: Sequence[Transfer]) -> tuple[dict[str, str], list[str]]:
    """File name -> text: metadata of a model card, as YAML."""
    return {"/".join((*one.place, "model-index.yaml")): _card(one).to_yaml() + "\n" for one in transfers}, []


def _card(one: Transfer) -> ModelCardData:
    origin = one.first.provenance
    read = [origin.train] if origin.train and on_hub(origin.train) else []
    spoken = [languages.language(language) for language in one.column.cells]
    return ModelCardData(
        model_name=one.name,
        base_model=one.hub or None,
        base_model_relation="finetune" if one.hub and one.fine_tuned else None,
        datasets=[used.repo for used in read] or None,
        language=list(dict.fromkeys(known.code for known in spoken if known.iso639_3)) or None,
        metrics=list(dict.fromkeys(result.metric for result in one.results)),
        tags=["cross-lingual-transfer", "xbench"],
        eval_results=[_result(one, result) for result in one.results],
    )


def _result(one: Transfer, result: Result) -> EvalResult:
    data, cell, column = result.data, result.cell, one.column
    told = {
        "low": cell.low,
        "high": cell.high,
        "level": 0.95,
        "standard_error": result.standard_error,
        "lower_is_better": result.lower_is_better,
        "seeds": list(one.seeds),
        "n": cell.n,
        "language": result.language,
        "rules": result.rules,
        "recipe": column.recipe,
        "source": column.source,
        "signature": column.signature,
        "date": one.date.isoformat() if one.date else None,
    }
    return EvalResult(
        task_type=TASK_TYPES.get(one.kind, "other"), task_name=one.setting,
        dataset_type=data.repo if data else one.task, dataset_name=plain(f"{one.task} ({result.language})"),
        dataset_config=data.config if data else result.language, dataset_split=column.split,
        dataset_revision=commit(data), metric_type=result.metric, metric_value=cell.value,
        metric_name=plain(f"{result.title} ({result.language})"), metric_args=told,
    )  # fmt: skip
