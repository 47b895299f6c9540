"""A candidate against a baseline: read, see what may be compared, compare, and say what follows."""

from collections.abc import Sequence, Sized
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from statistics import median

from xbench.errors import BadOption, Faults
from xbench.gate import comparable
from xbench.gate.compare import Pair, cells, guard_parts, pair
from xbench.gate.guards import Part, guarded
from xbench.gate.screen import differences, screened
from xbench.gate.settings import GAP, MEAN, SOURCE, TARGET_MEAN, Settings, check_names
from xbench.gate.side import Side
from xbench.gate.verdict import Cell, Code, Guard, Levels, Lost, Mismatch, Verdict

MARGIN_OF = {TARGET_MEAN: MEAN, "source": SOURCE, "gap": GAP}
"""Guard -> what its margin is called in the settings; a group's guard has the group's name."""


def judge(candidate: Side, baseline: Side, settings: Settings | None = None, *, today: date | None = None) -> Verdict:
    """Compare and decide. The same sides, settings and day give the same verdict, to the byte.

    Raises:
        UnknownName: the settings name a task, language or group that is not there.
        BadOption: a waiver expired, or matches no loss.
    """
    given = settings or Settings()
    check_names(given, _known(candidate, baseline), today or datetime.now(UTC).date())
    ours, theirs = _only(candidate, given), _only(baseline, given)
    pairs, mismatches, faults = _pairs(ours, theirs)
    faults = [*dict.fromkeys((*candidate.faults, *baseline.faults, *faults))]
    parts = guard_parts(pairs, given)
    levels = levels_of(given, len(parts))
    guards = [
        guarded(name, of_task, margin=given.margin(MARGIN_OF.get(name, name)), levels=levels)
        for name, of_task in parts.items()
    ]
    waived = {(one.task, one.language) for one in given.waivers}
    compared = _compared(pairs, given, levels, waived)
    lost = [replace(one, waived=(one.task, one.language) in waived) for one in comparable.lost(ours, theirs)]
    _check_waivers(given, compared, lost)
    harmed = sorted(
        (one for one in compared if one.harmed and not one.waived),
        key=lambda one: (one.difference, one.task, one.language),
    )
    seeds = _seeds(pairs)
    code = decided(
        faults=bool(faults), guards=guards, harmed=bool(harmed), lost=any(not one.waived for one in lost),
        comparable=not mismatches and bool(pairs), enough=seeds == (0, 0) or min(seeds) >= given.seeds_required,
    )  # fmt: skip
    found = Verdict(
        code=code, line="", guards=tuple(guards), cells=tuple(compared), harmed=tuple(harmed), lost=tuple(lost),
        mismatches=tuple(mismatches), waivers=tuple(one.plain() for one in given.waivers if given.judges(one.task)),
        detectable=_detectable(compared), seeds=seeds, seeds_required=given.seeds_required,
        harm_margin=given.harm_margin / 100, levels=levels, candidate=ours.origin(), baseline=theirs.origin(),
        faults=tuple(faults), notes=tuple(_notes(ours, theirs, parts, given)), settings=given.model_dump(mode="json"),
        xbench=version("xbench"),
    )  # fmt: skip
    return replace(found, line=line(found))


def levels_of(settings: Settings, guards: int) -> Levels:
    """How alpha is shared out: Holm over cells in one part, Bonferroni over the guards in the other.

    Whatever the dependence of all these, a release without any change is then called a regression with a chance of
    alpha at most.
    """
    harm = settings.alpha * settings.harm_share
    return Levels(
        gate=settings.alpha, harm=harm, regression=(settings.alpha - harm) / max(guards, 1), passing=settings.passing
    )


def decided(*, faults: bool, guards: Sequence[Guard], harmed: bool, lost: bool, comparable: bool, enough: bool) -> Code:
    """The exit code: 2 beats 1 beats 3.

    Args:
        faults: whether a file could not be read.
        guards: all of them.
        harmed: whether a cell is harmed that nobody waived.
        lost: whether a cell is lost that nobody waived.
        comparable: whether everything could be compared, and there was something.
        enough: whether there were seeds enough to pass anything.
    """
    outcomes = {guard.outcome for guard in guards}
    if faults:
        return 2
    if harmed or lost or "REGRESSION" in outcomes:
        return 1
    return 0 if comparable and enough and outcomes == {"PASS"} else 3


def line(found: Verdict) -> str:
    """The verdict in one line: what decided, most important first."""
    lost = [one for one in found.lost if not one.waived]
    of = {outcome: [one.name for one in found.guards if one.outcome == outcome] for outcome in ("REGRESSION", "PASS")}
    said = []
    if found.faults:
        said.append(f"{_count(found.faults, 'file')} cannot be trusted")
    if found.harmed:
        told = [f"{one.language} in {one.task} ({100 * one.difference:+.1f})" for one in found.harmed[:3]]
        said.append(f"worse for {', '.join(told)}{_more(len(found.harmed) - 3)}")
    if of["REGRESSION"]:
        said.append(f"worse in {', '.join(of['REGRESSION'])}")
    if lost:
        told = [f"{one.language} of {one.task}" for one in lost[:3]]
        said.append(f"lost {', '.join(told)}{_more(len(lost) - 3)}")
    if found.mismatches:
        what = ", ".join(dict.fromkeys(one.what for one in found.mismatches))
        said.append(f"not comparable: {what}")
    if undecided := [one.name for one in found.guards if one.outcome == "INCONCLUSIVE"]:
        said.append(f"undecided in {', '.join(undecided)}")
    if found.seeds != (0, 0) and min(found.seeds) < found.seeds_required:
        said.append(f"{min(found.seeds)} seeds, and {found.seeds_required} are needed to pass")
    if not found.cells:
        said.append("nothing could be compared")
    languages, tasks = ({getattr(one, what) for one in found.cells} for what in ("language", "task"))
    scope = ", ".join((_count(found.cells, "cell"), _count(languages, "language"), _count(tasks, "task")))
    verdict = {0: "held", 1: "regression", 2: "unreadable input", 3: "no verdict"}[found.code]
    return f"{verdict}: {'; '.join(said) or 'every guard holds and no cell is harmed'} ({scope})"


def _detectable(compared: Sequence[Cell]) -> float | None:
    """Median over the cells that can say."""
    told = [one.detectable for one in compared if one.detectable is not None]
    return median(told) if told else None


def _count(several: Sized, what: str) -> str:
    return f"{len(several)} {what}{'' if len(several) == 1 else 's'}"


def _more(several: int) -> str:
    return f" and {several} more" if several > 0 else ""


def _known(*sides: Side) -> dict[str, set[str]]:
    """Task -> languages that any side has, judged or not."""
    found: dict[str, set[str]] = {}
    for side in sides:
        for task, languages in side.known.items():
            found.setdefault(task, set()).update(languages)
    return found


def _only(side: Side, given: Settings) -> Side:
    return replace(side, columns={task: one for task, one in side.columns.items() if given.judges(task)})


def _pairs(candidate: Side, baseline: Side) -> tuple[list[Pair], list[Mismatch], list[str]]:
    """Tasks that both have, as far as they can be compared; what stands against the rest; and what cannot be read."""
    pairs: list[Pair] = []
    mismatches: list[Mismatch] = []
    faults = Faults()
    for task, theirs in baseline.columns.items():
        if task in candidate.columns:
            with faults:
                made, wrong = pair(candidate.columns[task], theirs)
                pairs += [made] if made else []
                mismatches += wrong
    return pairs, mismatches, [str(fault) for fault in faults.found]


def _compared(pairs: Sequence[Pair], settings: Settings, levels: Levels, waived: set[tuple[str, str]]) -> list[Cell]:
    if not pairs:
        return []
    spreads = [one.spread({language: 1.0}) for one in pairs for language in one.languages]
    found = differences(spreads, [one.trained for one in pairs for _ in one.languages])
    screen = screened(found, level=levels.harm, margin=settings.harm_margin / 100)
    return cells(pairs, found, screen, waived)


def _seeds(pairs: Sequence[Pair]) -> tuple[int, int]:
    several = [(one.candidate.seeds, one.baseline.seeds) for one in pairs if one.trained]
    return (min(one[0] for one in several), min(one[1] for one in several)) if several else (0, 0)


def _check_waivers(settings: Settings, compared: Sequence[Cell], lost: Sequence[Lost]) -> None:
    """Raise BadOption for waivers of cells that are neither lost nor worse: they would hide the next loss."""
    worse = {(one.task, one.language) for one in compared if one.difference < 0}
    worse |= {(one.task, one.language) for one in lost}
    faults = Faults()
    for one in settings.waivers:
        with faults:
            if settings.judges(one.task) and (one.task, one.language) not in worse:
                raise BadOption(
                    f"the waiver of {one.owner} for {one.language} in {one.task} matches no loss; take it out, or it "
                    "would hide the next one"
                )
    faults.raise_any()


def _notes(candidate: Side, baseline: Side, parts: dict[str, dict[str, Part]], settings: Settings) -> list[str]:
    """What a reader should know, each once."""
    told = [*candidate.notes, *baseline.notes, *comparable.notes(candidate, baseline)]
    for name in ("source", *settings.group_names()):
        if name not in parts:
            told.append(f"no language of the guard {name!r} was compared, so it guards nothing")
        elif lacking := sorted(set(parts[TARGET_MEAN]) - set(parts[name])) if TARGET_MEAN in parts else []:
            told.append(f"the guard {name!r} has no language in {', '.join(lacking)}")
    return list(dict.fromkeys(told))
