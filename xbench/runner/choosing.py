"""Which checkpoint of one fine-tuning is scored in which language, and what is said of the choice.

Every rule of selection has its judges: source-dev the source's dev split, oracle the own dev split of each language,
last none. One fine-tuning serves all rules, and what is learned does not depend on which of them are asked for. Where
nothing is trained, oracle chooses a threshold instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from xbench import catalogue
from xbench.errors import BadRecord
from xbench.metrics import Metric, ratio, rows_of
from xbench.recipe import Selection
from xbench.record import ZERO_SHOT, Chosen, Counts, Record, Selected
from xbench.resample import interval, resampled
from xbench.runner.bench import Bench
from xbench.runner.gold import Gold
from xbench.runner.plan import Job
from xbench.runner.scoring import Scored, dev_score, score
from xbench.runner.stream import read
from xbench.runner.watch import Watch
from xbench.selection import SOURCE_DEV, Judge, Jury

DRAWS = 1000
"""Test sets that are drawn for the interval of a regret."""

ORDER: tuple[Selection, ...] = ("none", "last", "source-dev", "oracle")
"""Rules that choose nothing are scored first, while the last weights are in the model; oracle last, when it is known
what it is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One scoring of a job after fine-tuning."""

    job: Job
    recorded: bool = True
    """Whether it becomes a record; if not, only what oracle gains over it is wanted."""

    @property
    def choice(self) -> tuple[str, str]:
        """Task and rule of selection."""
        return self.job.task.name, self.job.recipe.selection


@dataclass(frozen=True, slots=True)
class Regret:
    """What zero-shot selection loses in a language, in score, and the ends of its 95 % interval."""

    value: float
    low: float | None
    high: float | None
    """None where the metric has no counts to resample."""


def turns(group: Sequence[Job], gold: Gold) -> list[Turn]:
    """The jobs of a fine-tuning in the order of their scoring, and the zero-shot scorings that oracle needs besides."""
    found = [Turn(job=job) for job in group]
    for job in group:
        wanted = gold.test(job)[0].keys()
        if job.recipe.selection == "oracle" and job.kind.trained and wanted:
            there = [turn.job for turn in found if turn.choice == compared_with(job)]
            if not any(wanted <= gold.test(other)[0].keys() for other in there):
                rule = compared_with(job)[1]
                beside = replace(job, languages=tuple(wanted), recipe=replace(job.recipe, selection=rule))
                found.append(Turn(job=beside, recorded=False))
    return sorted(found, key=lambda turn: ORDER.index(turn.job.recipe.selection))


def compared_with(job: Job) -> tuple[str, Selection]:
    """Task and rule of the zero-shot scores that an oracle job is compared with: source-dev's, else those of last.

    Where nothing is trained, they are those of the recipe's own threshold.
    """
    if job.tuned:
        return job.task.name, "none"
    asked = job.rules if {"source-dev", "last"} & set(job.rules) else ("source-dev",) if job.task.training.dev else ()
    return job.task.name, "source-dev" if "source-dev" in asked else "last"


def judges_of(group: Iterable[Turn], bench: Bench, gold: Gold) -> dict[str, Judge]:
    """Everybody whose score is wanted on the way. Raises DataError."""
    jobs = [turn.job for turn in group]
    kept = {_judge(job, language) for job in jobs for language in gold.test(job)[0]}
    found: dict[str, Judge] = {}
    for job in jobs:
        lower = catalogue.metrics_of(job.task)[0].better == "lower"
        for name, language in asked(job, gold).items():
            dev = gold.dev(job) if name == SOURCE_DEV else gold.own_dev(job, language)
            found[name] = Judge(score=dev_score(job, bench, dev, language), keep=name in kept, lower=lower)
    return found


def asked(job: Job, gold: Gold) -> dict[str, str]:
    """Judges that a job needs -> the language whose dev split each scores."""
    found = {SOURCE_DEV: job.run.source} if job.recipe.watches_dev else {}
    if job.recipe.selection == "oracle" and job.kind.trained:
        found |= {_judge(job, language): language for language in gold.test(job)[0]}
    return found


def _judge(job: Job, language: str) -> str:
    """Who chooses the checkpoint of a language; nobody is the empty name."""
    if job.recipe.selection == "oracle":
        of_source = language == job.run.source and job.task.training.dev
        return SOURCE_DEV if of_source else f"{job.task.name} {language}"
    return SOURCE_DEV if job.recipe.selection == "source-dev" else ""


def scored(job: Job, bench: Bench, jury: Jury, gold: Gold, watch: Watch) -> Scored:
    """Score every language of a job with the weights, or the threshold, that its rule chose for it."""
    rows, _ = gold.test(job)
    if job.tuned and rows:
        return _tuned(job, bench, gold, watch)
    verdicts = {language: jury.verdicts.get(_judge(job, language)) for language in rows}
    steps = {language: verdict.step if verdict else 0 for language, verdict in verdicts.items()}
    parts = []
    for step in sorted(set(steps.values())) or [0]:
        if step:
            jury.put(step, bench.opened.model)
        parts.append(score(job, bench, {code: found for code, found in rows.items() if steps[code] == step}, watch))
    return parts[0] if len(parts) == 1 else _joined(parts, tuple(rows))


def _tuned(job: Job, bench: Bench, gold: Gold, watch: Watch) -> Scored:
    """Score every language of a job under the threshold that does best on its own dev rows. Raises DataError."""
    rows, _ = gold.test(job)
    began, tokens = perf_counter(), 0
    devs = {language: gold.own_dev(job, language) for language in rows}
    chosen: dict[str, Chosen] = {}
    thresholds: dict[str, float] = {}
    every = bench.under(0.0)
    for text, scores in read(every, devs, watch, f"the dev rows of {job.run}"):
        dev = devs[text.language]
        candidates = every.decode(scores, text.features, dev.examples)
        threshold, best = job.kind.tune(candidates, dev.examples)
        split = f"{text.language}/{dev.used.split}"
        chosen[text.language] = Chosen(split=split, checkpoint=0, score=best, threshold=threshold)
        thresholds[text.language] = threshold
        tokens += text.tokens
    found = score(job, bench, rows, watch, thresholds)
    return replace(found, chosen=chosen, tokens=tokens + found.tokens, seconds=perf_counter() - began)


def _joined(parts: Sequence[Scored], languages: tuple[str, ...]) -> Scored:
    """Scorings of different languages as one, the languages in this order."""
    place = {language: number for number, language in enumerate(languages)}
    codes = [language for part in parts for language in part.counts.languages]
    order = sorted(range(len(codes)), key=lambda row: place[codes[row]])
    ids = [name for part in parts for name in part.counts.ids]
    predictions = [prediction for part in parts for prediction in part.predictions]
    counts = Counts(
        ids=tuple(ids[row] for row in order),
        languages=tuple(codes[row] for row in order),
        columns=parts[0].counts.columns,
        rows=np.concatenate([part.counts.rows for part in parts])[order],
    )
    tokenizer = {language: figures for part in parts for language, figures in part.tokenizer.items()}
    return Scored(
        scores=tuple(sorted((one for part in parts for one in part.scores), key=lambda one: place[one.language])),
        counts=counts,
        predictions=tuple(predictions[row] for row in order),
        missing=tuple(sorted((cell for part in parts for cell in part.missing), key=lambda cell: place[cell.language])),
        unanswered={code: number for part in parts for code, number in part.unanswered.items()},
        constant=tuple(code for part in parts for code in part.constant),
        tokenizer={language: tokenizer[language] for language in languages},
        tokens=sum(part.tokens for part in parts),
        seconds=sum(part.seconds for part in parts),
    )


def regrets(job: Job, chosen: Scored, zero_shot: Scored, jury: Jury, steps: int) -> dict[str, Regret]:
    """Language -> score of the chosen checkpoint less that of the zero-shot one, on the same test rows.

    `steps` were taken. Where both are one checkpoint, or one threshold, the regret is 0 without doubt.
    """
    beside = jury.verdicts[SOURCE_DEV].step if compared_with(job)[1] == "source-dev" else steps

    def the_same(language: str) -> bool:
        if job.tuned:
            return chosen.chosen[language].threshold == job.recipe.threshold
        return jury.verdicts[_judge(job, language)].step == beside

    metric = catalogue.metrics_of(job.task)[0]
    ours, theirs = (
        {one.language: one.value for one in scored.scores if one.metric == metric.name}
        for scored in (chosen, zero_shot)
    )
    return {
        language: Regret(0.0, 0.0, 0.0)
        if the_same(language)
        else _regret(metric, ours[language] - theirs[language], chosen.counts, zero_shot.counts, language)
        for language in ours
        if language in theirs
    }


def _regret(metric: Metric, value: float, chosen: Counts, zero_shot: Counts, language: str) -> Regret:
    """Percentile interval of a paired difference: both systems are summed over the same drawn examples (Efron 1979).

    Where no draw differs from the others, as when both systems answer all alike, that is no certainty: the interval is
    then as wide on both sides as the share of examples that may differ is high (Wilson's upper end).
    """
    if not metric.columns:
        return Regret(value, None, None)
    pair = np.hstack([rows_of(chosen, metric, language), rows_of(zero_shot, metric, language)])
    if len(pair) < 2:
        return Regret(value, -1.0, 1.0)
    sums, width = resampled(pair, seed=0, draws=DRAWS), len(metric.columns)
    low, high = np.quantile(metric.close(sums[:, :width]) - metric.close(sums[:, width:]), [0.025, 0.975])
    if low == high:
        differ = (pair[:, :width] != pair[:, width:]).any(axis=1)
        reach = interval(np.column_stack([differ, np.ones(len(pair))]).astype(np.float64), ratio)[1]
        low, high = max(low - reach, -1.0), min(high + reach, 1.0)
    return Regret(value, float(min(low, value)), float(max(high, value)))


def selected(job: Job, scored: Scored, jury: Jury, steps: int, regrets: Mapping[str, Regret]) -> Selected:
    """What the record says of the choice. `steps` were taken; 0 where nothing was trained."""
    rule = job.recipe.selection if job.kind.trained or job.tuned else "none"
    source = jury.verdicts.get(SOURCE_DEV) if job.recipe.watches_dev else None
    history = source.history if source else ()
    if rule == "oracle":
        found = scored.chosen if job.tuned else {code: _chosen(job, code, jury) for code in scored.tokenizer}
        by_language = {
            code: replace(one, regret=lost.value, low=lost.low, high=lost.high) if (lost := regrets.get(code)) else one
            for code, one in found.items()
        }
        return Selected(
            rule=rule, split="target dev", checkpoint=0, score=None, history=history, by_language=by_language
        )
    at = source.step if source and rule == "source-dev" else steps
    return Selected(
        rule=rule,
        split=f"{job.run.source}/{job.task.training.dev}" if source else "",
        checkpoint=at,
        score=dict(history).get(at),
        history=history,
    )


def _chosen(job: Job, language: str, jury: Jury) -> Chosen:
    verdict, own = jury.verdicts[_judge(job, language)], job.own_dev(language)
    return Chosen(split=f"{language}/{own.dev if own else ''}", checkpoint=verdict.step, score=verdict.score or 0.0)


def check_honest(record: Record) -> None:
    """Refuse a record that calls itself zero-shot though target labels chose. Raises BadRecord."""
    rule, said = record.selection.rule, record.provenance.recipe.get("selection")
    if record.selection.by_language and rule in ZERO_SHOT:
        raise BadRecord(
            f"{record.run} chose by the labels of {', '.join(record.selection.by_language)}, and cannot be recorded as "
            f"{rule}: that would be zero-shot"
        )
    untrained = rule == "none" and not record.cost.train_tokens
    if rule != said and not untrained:
        raise BadRecord(f"{record.run} was selected by {rule}, but its recipe says {said}")
