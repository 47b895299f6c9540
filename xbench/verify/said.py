"""What a record says of itself, held against what else it says."""

from typing import get_args

from xbench.errors import BadOption, XbenchError
from xbench.metrics.named import installed
from xbench.recipe import Recipe, Selection
from xbench.record import ZERO_SHOT, Record, headline, parts
from xbench.verify.fault import Entry, Faults


def signature(entry: Entry) -> Faults:
    """The parts of the signature are those of run, selection and provenance."""
    record, run = entry.record, entry.record.run
    said = parts(record.signature)
    name, _, digest = said.get("recipe", "").rpartition("#")
    train = record.provenance.train
    expected = {
        "task": run.task,
        "source": run.source,
        "selection": record.provenance.recipe.get("selection"),
        "train": train.fingerprint[:16] if train else "none",
        "xbench": record.provenance.xbench,
    }
    for key, value in expected.items():
        yield from entry.differs("signature", f"part {key}", said.get(key), str(value).replace("|", "/"))
    yield from entry.differs("signature", "name of the recipe", name, run.recipe.replace("|", "/"))
    try:
        recipe = Recipe(name=run.recipe, **record.provenance.recipe)  # type: ignore[arg-type]
    except (TypeError, BadOption) as cause:
        yield entry.fault("signature", f"the numbers of its recipe are none that this version knows: {cause}")
    else:
        yield from entry.differs("signature", "digest of the recipe", digest, recipe.digest())
    if not headline(record) or (record.scores and headline(record) not in record.metrics):
        told = ", ".join(record.metrics) or "no metrics"
        yield entry.fault("signature", f"it ranks by {headline(record)!r}, but {told} were counted")


def selection(entry: Entry) -> Faults:
    """The rule of selection, what it read, and what it chose agree."""
    record = entry.record
    chosen, provenance = record.selection, record.provenance
    if chosen.rule not in get_args(Selection):
        yield entry.fault("selection", f"no rule has the name {chosen.rule!r}")
    if not provenance.test:
        return  # nothing to score, so nothing was trained
    # Where nothing is trained, a language's own dev split may still choose its threshold.
    tuned = bool(chosen.by_language) and all(one.threshold is not None for one in chosen.by_language.values())
    if chosen.rule != "none" or record.cost.train_tokens:
        yield from entry.differs("selection", "rule", chosen.rule, provenance.recipe.get("selection"))
    if record.cost.train_tokens or (chosen.rule != "none" and not tuned):
        if provenance.train is None:
            yield entry.fault("selection", f"{chosen.rule} was fine-tuned, but which rows it read is not recorded")
    elif provenance.train or chosen.checkpoint:
        yield entry.fault("selection", "nothing was trained, but training rows or steps are recorded")
    if chosen.by_language and chosen.rule in ZERO_SHOT:
        looked = ", ".join(chosen.by_language)
        yield entry.fault("zero-shot", f"labels of {looked} chose its checkpoints, which {chosen.rule} never reads")
    if chosen.rule == "oracle":
        read = sorted(provenance.test)
        yield from entry.differs("selection", "languages that chose", sorted(chosen.by_language), read)
    if chosen.rule == "source-dev":
        yield from _source_dev(entry)


def _source_dev(entry: Entry) -> Faults:
    """The checkpoint that was scored is one that the dev split of the source scored, and nothing else chose it."""
    chosen, dev = entry.record.selection, entry.record.provenance.dev
    if dev is None:
        yield entry.fault("selection", "the source's dev split chose, but which rows it has is not recorded")
    else:
        source = entry.record.run.source
        yield from entry.differs("selection", "split that chose", chosen.split, f"{source}/{dev.split}")
    try:
        lower = installed(headline(entry.record)).better == "lower"
    except XbenchError:
        return  # that the metric is not known here is told elsewhere
    best = (min if lower else max)((score for _, score in chosen.history), default=None)
    first = next((one for one in chosen.history if one[1] == best), None)
    yield from entry.differs("selection", "step and score that chose", (chosen.checkpoint, chosen.score), first)


def cells(entry: Entry) -> Faults:
    """Every language that was read has a score of each metric, or says why not; n and split are those of its rows."""
    record = entry.record
    used = record.provenance.test
    languages = {score.language for score in record.scores} | used.keys()
    for score in record.scores:
        if score.language in used:
            of = f"{score.metric} in {score.language}"
            yield from entry.differs("n", f"n of {of}", score.n, used[score.language].rows)
            yield from entry.differs("split", f"split of {of}", score.split, used[score.language].split)
            if score.metric not in record.metrics:
                yield entry.fault("cells", f"the rules of {of} are not recorded")
        else:
            yield entry.fault("cells", f"which rows were scored in {score.language} is not recorded")
    for language in sorted(languages):
        yield from _cells_of(entry, language)


def _cells_of(entry: Entry, language: str) -> Faults:
    record = entry.record
    lacking = record.metrics.keys() - _metrics_in(record, language)
    reasons = [cell.why for cell in record.missing if cell.language == language]
    for metric in sorted(lacking):
        if not any(why.startswith(f"{metric} ") for why in reasons):
            yield entry.fault("cells", f"neither a score nor a reason for {metric} in {language}")
    if len(reasons) > len(lacking):
        yield entry.fault("cells", f"{language} has all its scores, and is said to be missing: {reasons[0]}")


def _metrics_in(record: Record, language: str) -> set[str]:
    return {score.metric for score in record.scores if score.language == language}
