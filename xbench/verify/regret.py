"""What an oracle record says of its zero-shot counterpart, where both lie on the boards."""

from collections.abc import Sequence

from xbench.record import Record, headline
from xbench.verify.fault import Entry, Faults

CLOSE = 1e-12
"""How far a regret may lie from the difference of the two scores."""


def check(entries: Sequence[Entry]) -> Faults:
    """Each regret is the oracle's score less the zero-shot one of the same fine-tuning, in that language."""
    for entry in entries:
        if entry.record.selection.by_language:
            others = [other.record for other in entries if _same_training(entry.record, other.record)]
            yield from _regrets(entry, others)


def _regrets(entry: Entry, others: Sequence[Record]) -> Faults:
    ours = _headlines(entry.record)
    for language, chosen in entry.record.selection.by_language.items():
        theirs = [scores[language] for scores in map(_headlines, others) if language in scores]
        if chosen.regret is None or language not in ours or not theirs:
            continue
        # It is compared with one zero-shot rule; two may lie here, and the record does not say which it was.
        possible = [ours[language] - score for score in theirs]
        if all(abs(chosen.regret - one) > CLOSE for one in possible):
            yield entry.fault("regret", f"regret in {language}", repr(chosen.regret), " or ".join(map(repr, possible)))


def _headlines(record: Record) -> dict[str, float]:
    metric = headline(record)
    return {score.language: score.value for score in record.scores if score.metric == metric}


def _same_training(oracle: Record, other: Record) -> bool:
    """Whether a zero-shot record comes from a fine-tuning that does just what that of the oracle does."""
    return other.selection.zero_shot and _trained(oracle) == _trained(other)


def _trained(record: Record) -> tuple[object, ...]:
    run, provenance = record.run, record.provenance
    numbers = {name: value for name, value in provenance.recipe.items() if name != "selection"}
    return run.task, run.encoder, run.source, run.seed, provenance.weights, provenance.train, numbers
