"""One side of a comparison: an encoder's records on some boards, one column of them for each task.

Records and counts are read here without the board's frames, because the gate runs in every CI job and must not take
longer to start than to judge. What can be read is read: a broken file is told as a fault, beside all others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from xbench import store
from xbench.errors import BadOption, BadRecord, StoreError, UnknownName
from xbench.gate.baseline import content_hash
from xbench.gate.verdict import Origin
from xbench.record import DataUsed, Record, Run, Score, headline, parts, training

VARIES = ("xbench", "vectors")
"""Parts of a signature that do not part columns: which xbench wrote it, and how an encoder pools its own vectors."""

Key = tuple[str, str, str, str, str]
"""What a column has in common: task, recipe, source, rule of selection, and its signature without `VARIES`."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One task as one encoder does it, by one recipe from one source: some seeds, each with one record or more."""

    task: str
    recipe: str
    source: str
    rule: str
    """How checkpoints were chosen."""
    files: tuple[tuple[int, Path, Record], ...]
    """(seed, file, record) by seed and file."""

    @property
    def first(self) -> Record:
        """The record that stands for what all of them have in common."""
        return self.files[0][2]

    @property
    def metric(self) -> str:
        """The metric that ranks the task."""
        return headline(self.first)

    @property
    def trained(self) -> bool:
        """Whether there was a fine-tuning; without one a seed changes nothing."""
        return self.rule != "none"

    @property
    def training(self) -> str:
        """What it was fine-tuned on and how; empty where it was not."""
        return training(self.first)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds, in their order."""
        return tuple(dict.fromkeys(seed for seed, _, _ in self.files))

    @cached_property
    def scores(self) -> Mapping[str, Mapping[int, Score]]:
        """Language -> seed -> score of the metric that ranks the task."""
        found: dict[str, dict[int, Score]] = {}
        for seed, _, record in self.files:
            for score in record.scores:
                if score.metric == self.metric:
                    found.setdefault(score.language, {})[seed] = score
        return found

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that every seed was scored in, sorted."""
        return tuple(sorted(one for one, by_seed in self.scores.items() if len(by_seed) == len(self.seeds)))

    @cached_property
    def used(self) -> Mapping[str, tuple[DataUsed, ...]]:
        """Language -> the rows that its records say they scored."""
        found: dict[str, list[DataUsed]] = {}
        for _, _, record in self.files:
            for language, data in record.provenance.test.items():
                found.setdefault(language, []).append(data)
        return {language: tuple(several) for language, several in found.items()}

    @property
    def missing(self) -> Mapping[str, str]:
        """Language -> why it is not there, where a record says so."""
        return {one.language: one.why for _, _, record in self.files for one in record.missing}


@dataclass(frozen=True, kw_only=True)
class Side:
    """An encoder's records on some boards."""

    encoder: str
    boards: tuple[Path, ...]
    columns: Mapping[str, Column]
    """Task -> its column."""
    known: Mapping[str, frozenset[str]]
    """Task -> languages, of all its records, those that were not asked for too."""
    hash: str
    """`baseline.content_hash` over its records on these boards."""
    faults: tuple[str, ...]
    """Files of this encoder that cannot be read or trusted."""
    notes: tuple[str, ...]

    def origin(self) -> Origin:
        """Where it comes from, as a verdict tells."""
        told = [record.provenance for one in self.columns.values() for _, _, record in one.files]
        return Origin(
            encoder=self.encoder,
            boards=tuple(map(str, self.boards)),
            hash=self.hash,
            seeds={task: one.seeds for task, one in sorted(self.columns.items())},
            signatures={task: one.first.signature for task, one in sorted(self.columns.items())},
            checkpoints=tuple(sorted({f"{one.checkpoint}@{one.weights[:16]}" for one in told})),
            xbench=tuple(sorted({one.xbench for one in told})),
        )


def side(
    boards: Sequence[Path], encoder: str, *, recipe: str = "", source: str = "", tasks: Sequence[str] = ()
) -> Side:
    """An encoder's records, one column for each task.

    Args:
        boards: folders of records; the first that holds a run counts.
        encoder: its name, as in the records.
        recipe: only runs by this recipe; needed where there are several.
        source: only runs from this source language; likewise.
        tasks: only these, where there are such; empty = all.

    Raises:
        StoreError: a folder is not there.
        UnknownName: no record of this encoder, or none by this recipe or from this source.
        BadOption: several columns of a task remain.
    """
    names: set[str] = set()
    kept: list[tuple[Path, Path, Record]] = []
    faults: list[str] = []
    notes: list[str] = []
    for board, file in _files(boards):
        try:
            record = store.read(file)
        except BadRecord as fault:
            own = store.path_of(board, Run("-", encoder, "-", "-", 0)).parent.name == file.parent.name
            (faults if own else notes).append(str(fault))
            continue
        names.add(record.run.encoder)
        if record.run.encoder == encoder:
            kept.append((board, file, record))
    if not kept and not faults:
        raise UnknownName(f"encoder on {', '.join(map(str, boards))}:", encoder, names)
    wanted = _meant(kept, recipe, source, tasks)
    columns, twice = _columns(wanted)
    return Side(
        encoder=encoder, boards=tuple(boards), columns=columns, faults=tuple(faults),
        known=_known([record for _, _, record in kept]),
        hash=content_hash((board, file) for board, file, _ in kept), notes=(*notes, *twice),
    )  # fmt: skip


def _known(records: Sequence[Record]) -> dict[str, frozenset[str]]:
    """Task -> languages that any of the records has scores of."""
    known: dict[str, set[str]] = {}
    for record in records:
        known.setdefault(record.run.task, set()).update(score.language for score in record.scores)
    return {task: frozenset(languages) for task, languages in sorted(known.items())}


def _files(boards: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    for board in boards:
        if not board.is_dir():
            raise StoreError(f"no board at {board}. `xbench run --board {board} …` makes one.")
        yield from ((board, file) for file in store.listing(board))


def _meant(
    kept: Sequence[tuple[Path, Path, Record]], recipe: str, source: str, tasks: Sequence[str]
) -> list[tuple[Path, Record]]:
    """Records by this recipe, from this source, of these tasks. Raises UnknownName for a recipe or source not there."""
    for what, asked, there in (
        ("recipe", recipe, {one.run.recipe for _, _, one in kept}),
        ("source", source, {one.run.source for _, _, one in kept}),
    ):
        if asked and kept and asked not in there:
            raise UnknownName(f"{what} of {kept[0][2].run.encoder}:", asked, there)
    return [
        (file, one)
        for _, file, one in kept
        if recipe in ("", one.run.recipe) and source in ("", one.run.source) and (not tasks or one.run.task in tasks)
    ]


def _columns(wanted: Sequence[tuple[Path, Record]]) -> tuple[dict[str, Column], list[str]]:
    """Task -> its one column; and notes of runs that stand there twice. Raises BadOption where a task has several."""
    found: dict[Key, list[tuple[int, Path, Record]]] = {}
    seen: dict[tuple[Key, int], set[str]] = {}
    notes: list[str] = []
    for file, record in wanted:
        told = parts(record.signature)
        same = "|".join(f"{key}:{value}" for key, value in told.items() if key not in VARIES)
        key = (record.run.task, record.run.recipe, record.run.source, record.selection.rule, same)
        before = seen.setdefault((key, record.run.seed), set())
        new = tuple(score for score in record.scores if score.language not in before)
        if len(new) < len(record.scores):
            notes.append(f"{file}: {record.run} stands on the boards already; the first counts")
        if new or not record.scores:
            found.setdefault(key, []).append((record.run.seed, file, replace(record, scores=new)))
        before.update(score.language for score in new)
    by_task: dict[str, list[Key]] = {}
    for key in found:
        by_task.setdefault(key[0], []).append(key)
    if several := {task: keys for task, keys in sorted(by_task.items()) if len(keys) > 1}:
        raise BadOption(_choices(several))
    columns = {
        task: Column(
            task=task, recipe=key[1], source=key[2], rule=key[3],
            files=tuple(sorted(found[key], key=lambda one: (one[0], str(one[1])))),
        )
        for task, (key,) in sorted(by_task.items())
    }  # fmt: skip
    return columns, notes


def _choices(several: Mapping[str, Sequence[Key]]) -> str:
    """What a task's columns differ in, and what to do."""
    lines = []
    for task, keys in several.items():
        told = [
            f"recipe {key[1]}, source {key[2]}, selection {key[3]}, {key[4].partition('|')[2].replace('|', ' ')}"
            for key in sorted(keys)
        ]
        lines.append(f"  {task}: " + "; or ".join(told))
    return (
        "an encoder has several columns of a task, and one must be meant. Name its recipe or its source, or take a "
        "board that holds one of them:\n" + "\n".join(lines)
    )
