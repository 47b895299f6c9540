"""Whether two columns may be compared at all, and which cells one of them lacks."""

from collections.abc import Iterator

from xbench.gate.side import VARIES, Column, Side
from xbench.gate.verdict import Lost, Mismatch
from xbench.record import parts

NAMES = {
    "taskversion": "task version", "metric": "metric", "source": "source", "selection": "selection",
    "recipe": "recipe", "train": "training data",
}  # fmt: skip
"""Part of a signature -> what it is called; a part that is not here is called by its key."""

UNTOLD = "not told"


def of_task(candidate: Column, baseline: Column) -> tuple[Mismatch, ...]:
    """What must be equal for a task as a whole, and is not."""
    ours, theirs = (parts(one.first.signature) for one in (candidate, baseline))
    told = [
        (NAMES.get(key, key), theirs.get(key, UNTOLD), ours.get(key, UNTOLD))
        for key in sorted({*ours, *theirs} - {"task", *VARIES})
    ]
    told.append(("selection", baseline.rule, candidate.rule))
    # A record of an earlier xbench does not tell its metrics' rules.
    if (rules := _rules(candidate)) and (others := _rules(baseline)):
        told.append(("rules of the metric", others, rules))
    differing = dict.fromkeys(one for one in told if one[1] != one[2])
    return tuple(
        Mismatch(task=baseline.task, language="", what=what, baseline=there, candidate=here)
        for what, there, here in differing
    )


def of_language(candidate: Column, baseline: Column, language: str) -> tuple[Mismatch, ...]:
    """What must be equal for a language that both have in all seeds, and is not: its split and its rows."""
    found = [
        Mismatch(task=baseline.task, language=language, what=what, baseline=there, candidate=here)
        for what, there, here in (
            ("split", _splits(baseline, language), _splits(candidate, language)),
            ("test data", _rows(baseline, language), _rows(candidate, language)),
        )
        if there != here
    ]
    return tuple(found)


def lost(candidate: Side, baseline: Side) -> Iterator[Lost]:
    """Cells that the baseline has in any seed, and the candidate not in all of its own."""
    for task, theirs in baseline.columns.items():
        ours = candidate.columns.get(task)
        for language in sorted(theirs.scores):
            if ours is None:
                why = "the candidate has no record of this task"
            elif language in ours.languages:
                continue
            else:
                some = len(ours.scores.get(language, ()))
                told = ours.missing.get(language, "no record of the candidate says anything of it")
                why = f"scored with {some} of {len(ours.seeds)} seeds only" if some else told
            yield Lost(task=task, language=language, why=why)


def notes(candidate: Side, baseline: Side) -> Iterator[str]:
    """What a reader should know and what changes nothing."""
    if (ours := candidate.origin().xbench) != (theirs := baseline.origin().xbench):
        yield f"the baseline was made by xbench {', '.join(theirs)}, the candidate by {', '.join(ours)}"
    for task, column in candidate.columns.items():
        known = baseline.columns.get(task)
        if more := [one for one in column.languages if known is None or one not in known.scores]:
            yield f"{task}: only the candidate has {', '.join(more)}, which nothing is compared with"


def _rules(column: Column) -> str:
    told = {record.metrics.get(column.metric, "") for _, _, record in column.files}
    return "; ".join(sorted(told - {""}))


def _splits(column: Column, language: str) -> str:
    return ", ".join(sorted({score.split for score in column.scores[language].values()}))


def _rows(column: Column, language: str) -> str:
    """Which rows were scored: more than one answer where the seeds differ."""
    told = {f"{one.fingerprint[:16]} ({one.rows} rows)" for one in column.used.get(language, ())}
    return ", ".join(sorted(told)) or UNTOLD
