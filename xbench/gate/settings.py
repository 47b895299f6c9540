"""What a release is judged by, as a TOML file says it. Differences stand here in points, as people write them."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from xbench import languages
from xbench.errors import BadOption, Faults, NoSuchFile, UnknownName, near
from xbench.gate.verdict import Waiver

MEAN, SOURCE, GAP, LOW_RESOURCE = "mean", "source", "gap", "low-resource"
TARGET_MEAN = "target mean"
"""What the guard is called whose margin is that of `mean`."""

MARGINS = {MEAN: 1.0, SOURCE: 2.0, LOW_RESOURCE: 2.0, GAP: 2.0}
"""Points that are accepted where nobody says otherwise."""

GROUP_MARGIN = 2.0
"""Points that are accepted of a group that somebody declares without saying how many."""

Points = Annotated[float, Field(ge=0, le=100)]
Chance = Annotated[float, Field(gt=0, lt=0.5)]
Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """A part of the settings: no key but those that are known, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Waived(Strict):
    """A loss that somebody answers for, until a day."""

    task: Text
    language: Text
    reason: Text
    owner: Text
    expires: date
    """The last day that it holds."""

    def plain(self) -> Waiver:
        """As a verdict holds it."""
        return Waiver(
            task=self.task, language=self.language, reason=self.reason, owner=self.owner,
            expires=self.expires.isoformat(),
        )  # fmt: skip


class Settings(Strict):
    """What a release is judged by."""

    seeds_required: Annotated[int, Field(ge=2, le=1000)] = 5
    """Seeds of each encoder without which nothing passes: 5 for a release, 3 for a look."""
    alpha: Chance = 0.05
    """Share of releases without any change that may be called a regression, all guards and cells together."""
    harm_share: Annotated[float, Field(gt=0, lt=1)] = 0.7
    """What the harm screen has of alpha; the guards share the rest evenly. Means over languages and tasks are known so
    well that they can do with little."""
    passing: Chance = 0.05
    """Chance that a guard passes a release that is worse by its margin."""
    harm_margin: Points = 1.0
    """A cell is harmed only where it is worse by more."""
    margins: dict[str, Points] = Field(default_factory=dict)
    """mean, source, gap, low-resource or the name of a group -> how much worse is still accepted."""
    resource_class: Annotated[int, Field(ge=0, le=5)] = 2
    """Languages of this resource class (Joshi et al. 2020) and below are low-resource."""
    groups: dict[str, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Name -> languages whose mean is guarded too; `low-resource` replaces the one that resource classes make."""
    tasks: tuple[Text, ...] = ()
    """Only these are judged; empty = every task that the baseline has."""
    waivers: tuple[Waived, ...] = ()

    @field_validator("groups")
    @classmethod
    def _named(cls, groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if taken := sorted({MEAN, TARGET_MEAN, SOURCE, GAP} & groups.keys()):
            raise ValueError(f"a group cannot be named {', '.join(taken)}: guards have these names")
        return groups

    def judges(self, task: str) -> bool:
        """Whether this task is judged."""
        return not self.tasks or task in self.tasks

    def margin(self, guard: str) -> float:
        """How much worse is accepted of a guard, 0..1."""
        return self.margins.get(guard, MARGINS.get(guard, GROUP_MARGIN)) / 100

    def group(self, name: str, codes: Sequence[str]) -> tuple[str, ...]:
        """The languages of a group among a task's codes, in their order."""
        if name in self.groups:
            wanted = {code for one in self.groups[name] for code in languages.match(one, codes)}
            return tuple(code for code in codes if code in wanted)
        known = {code: languages.language(code).resource_class for code in codes}
        return tuple(code for code, it in known.items() if it is not None and it <= self.resource_class)

    def group_names(self) -> tuple[str, ...]:
        """low-resource first, then those that were declared, by name."""
        return (LOW_RESOURCE, *sorted(self.groups.keys() - {LOW_RESOURCE}))


def settings(file: Path | None, **changes: object) -> Settings:
    """The settings of a file, or those that hold without one; options of a command change single ones of them.

    `margins` among the changes is added to the file's, guard by guard. None and empty values change nothing.

    Raises NoSuchFile; BadOption, saying all that is wrong: not TOML, an unknown key, a value out of range.
    """
    told = _read(file) if file else {}
    for name, value in changes.items():
        if value is not None and value not in ((), {}):
            old = told.get(name)
            told[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, Mapping) else value
    where = str(file) if file else "the options"
    try:
        found = Settings.model_validate(told)
    except ValidationError as cause:
        raise BadOption(f"{where}: {'; '.join(map(_said, cause.errors()))}") from cause
    known = {*MARGINS, *found.groups}
    if strange := sorted(found.margins.keys() - known):
        raise BadOption(f"{where}: margins: no guard or group is named {strange[0]!r}{near(strange[0], known)}")
    return found


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise NoSuchFile(file) from cause
    except OSError as cause:
        raise BadOption(f"the settings {file} cannot be read: {cause.strerror or cause}. Name a TOML file.") from cause
    except UnicodeDecodeError as cause:
        raise BadOption(f"the settings {file} cannot be read: they are not UTF-8 text. Name a TOML file.") from cause
    except tomllib.TOMLDecodeError as cause:
        raise BadOption(f"{file} is not TOML: {cause}") from cause


def _said(fault: Mapping[str, object]) -> str:
    """One fault that pydantic found, in words."""
    steps = fault["loc"] if isinstance(fault["loc"], tuple) else ()
    where = ".".join(map(str, steps))
    if fault["type"] == "extra_forbidden" and steps:
        model = Waived if steps[0] == "waivers" else Settings
        return f"unknown key {where!r}{near(str(steps[-1]), model.model_fields)}"
    return f"{where}: {str(fault['msg']).removeprefix('Value error, ')}"


def check_names(given: Settings, known: Mapping[str, Iterable[str]], today: date) -> None:
    """See that the settings speak of what there is: `known` is task -> languages, of both sides together.

    Raises UnknownName or BadOption for an unknown task or language and for an expired waiver; one that says all.
    """
    every = sorted({language for of_task in known.values() for language in of_task})
    faults = Faults()
    for task in given.tasks:
        with faults:
            _known("task (--task, or `tasks` in the settings)", task, known)
    for name, members in sorted(given.groups.items()):
        for one in members:
            with faults:
                if not languages.match(one, every):
                    raise UnknownName(f"language in the group {name!r}:", one, every)
    for waiver in given.waivers:
        with faults:
            _known("task in a waiver", waiver.task, known)
            _known(f"language of {waiver.task} in a waiver", waiver.language, list(known[waiver.task]))
        with faults:
            if waiver.expires < today:
                raise BadOption(
                    f"the waiver of {waiver.owner} for {waiver.language} in {waiver.task} expired on {waiver.expires}: "
                    "mend the loss, or let somebody answer for it anew"
                )
    faults.raise_any()


def _known(what: str, name: str, names: Iterable[str]) -> None:
    if name not in (there := list(names)):
        raise UnknownName(f"{what}:", name, there)
