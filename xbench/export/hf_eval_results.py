"""The Hub's `.eval_results/*.yaml`: one entry for each language, in the metric that ranks.

Fields: https://huggingface.co/docs/hub/eval-results, through `huggingface_hub.EvalResultEntry`.
"""

from collections.abc import Sequence

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

from xbench.export.escaping import plain
from xbench.export.results import Result, Transfer, commit, on_hub


def files(transfers: Sequence[Transfer]) -> tuple[dict[str, str], list[str]]:
    """File name -> text, and notes on what the format cannot hold: rows that lie in no data set of the Hub."""
    made: dict[str, str] = {}
    notes: list[str] = []
    for one in transfers:
        ranking = [result for result in one.results if result.metric == one.metric]
        entries = [_entry(one, result) for result in ranking if on_hub(result.data)]
        if lacking := [result.language for result in ranking if not on_hub(result.data)]:
            notes.append(
                f"{' · '.join(one.place)}: without {', '.join(lacking)}, as their rows lie in no data set of the Hub, "
                "and the format points to one"
            )
        if entries:
            listed = eval_result_entries_to_yaml(entries)
            text = yaml.safe_dump(listed, sort_keys=False, allow_unicode=True)
            made["/".join((*one.place, ".eval_results", f"{one.place[0]}.yaml"))] = text
    return made, notes


def _entry(one: Transfer, result: Result) -> EvalResultEntry:
    data, cell = result.data, result.cell
    notes = "; ".join(
        (
            one.setting,
            f"scored in {result.language}",
            f"{result.metric} ({result.rules or result.title}), 0..1",
            f"95 % interval {cell.low:.4f} to {cell.high:.4f}",
            f"standard error {result.standard_error:.4f}",
            f"n {cell.n}",
            f"split {one.column.split}",
            one.column.signature,
        )
    )
    return EvalResultEntry(
        dataset_id=data.repo if data else "", task_id=data.config if data else "", value=cell.value,
        dataset_revision=commit(data), date=one.date.isoformat() if one.date else None, notes=plain(notes),
    )  # fmt: skip
