"""A board's files: where a run's record lies, written once, read with suspicion.

    <board>/<task>/<encoder>/<recipe>-<source>-s<seed>.json      the record
    <board>/<task>/<encoder>/<recipe>-<source>-s<seed>.parquet   its per-example counts and predictions

A record is never overwritten. A run that is asked for further languages later leaves a second record beside the first
(`….part2.json`), whose languages are other ones.
"""

import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator

from xbench import examples, strict
from xbench.errors import AlreadyRecorded, BadRecord, Unwritable
from xbench.examples import appear
from xbench.record import SCHEMA, Counts, ExamplesFile, Record, Run

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LARGEST = 16 * 2**20
"""Bytes of the largest record that is read."""


def _schema(part: Any, *, whole: bool) -> Any:
    """What pydantic checks of a record, less NaN and infinities; `whole` also demands what has a default."""
    if isinstance(part, list):
        return [_schema(one, whole=whole) for one in part]
    if not isinstance(part, dict):
        return part
    if whole and part.get("type") == "default":
        return _schema(part["schema"], whole=whole)
    made = {key: _schema(one, whole=whole) for key, one in part.items()}
    return made | {"allow_inf_nan": False} if part.get("type") == "float" else made


_whole, _record = (SchemaValidator(_schema(TypeAdapter(Record).core_schema, whole=whole)) for whole in (True, False))


@dataclass(frozen=True, slots=True)
class Reject:
    """A file on a board that is not shown as a record, and why."""

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """What was found on a board."""

    records: tuple[tuple[Path, Record], ...]
    rejects: tuple[Reject, ...]


def path_of(board: Path, run: Run, part: int = 1) -> Path:
    """Where the record of a run lies."""
    name = f"{_safe(run.recipe)}-{_safe(run.source)}-s{run.seed}" + (f".part{part}" if part > 1 else "")
    return board / _safe(run.task) / _safe(run.encoder) / f"{name}.json"


def find(board: Path, run: Run) -> tuple[tuple[Path, Record], ...]:
    """The records of a run, in the order of their parts; empty where it never ran. Raises BadRecord, with a way out."""
    found = []
    part = 1
    while (path := path_of(board, run, part)).exists():
        try:
            record = read(path)
        except BadRecord as fault:
            way_out = f"move it away and the same command makes it anew; `xbench verify --board {board}` lists all"
            raise BadRecord(f"{fault}: {way_out}") from fault
        if record.run != run:
            raise BadRecord(f"{path} is of {record.run}, and {run} would lie there too; take another --board for it")
        found.append((path, record))
        part += 1
    return tuple(found)


def writable(board: Path) -> None:
    """Make the board's folder and see whether files can be made in it. Raises Unwritable."""
    try:
        board.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=board, prefix=".xbench-"):
            pass
    except OSError as cause:
        raise Unwritable(
            f"cannot write to the board {board}: {cause.strerror or cause}. Choose another with --board DIR."
        ) from cause


def write_once(board: Path, record: Record, counts: Counts, predictions: Sequence[object] = ()) -> Path:
    """Write a record, its counts and, where given, its predictions; the record appears last and whole, or not at all.

    `predictions` has one for each row of the counts: text, numbers, dataclasses, sequences of them, or None.

    Raises AlreadyRecorded where a language of it has been recorded meanwhile, BadRecord where its numbers could not be
    read back, Unwritable.
    """
    folder = path_of(board, record.run).parent
    _check_numbers(folder, record)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            written = find(board, record.run)
            theirs = {score.language for _, other in written for score in other.scores}
            if twice := sorted(theirs & {score.language for score in record.scores}):
                said = f"{record.run} was recorded by somebody else meanwhile, in {', '.join(twice)}"
                raise AlreadyRecorded(f"{said}; the same command goes on from there")
            path = path_of(board, record.run, len(written) + 1)
            parquet = path.with_suffix(".parquet")
            digest = examples.write(parquet, counts, predictions)
            whole = replace(record, examples=ExamplesFile(file=parquet.name, sha256=digest))
            appear(path, to_json(whole).encode())
    except OSError as cause:
        raise Unwritable(f"cannot write to {folder}: {cause.strerror or cause}") from cause
    return path


def to_json(record: Record) -> str:
    """A record as JSON, keys in the order of the fields, one line a field: readable, and stable byte for byte."""
    return json.dumps(asdict(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read(path: Path) -> Record:
    """Read one record. The file is untrusted: size and numbers are checked, nothing in it is executed.

    Raises BadRecord: not a plain file, too large, not JSON, doubled keys, NaN, another schema, values out of range.
    """
    try:
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode):
            raise BadRecord(f"{path} is not a plain file")
        if state.st_size > LARGEST:
            raise BadRecord(f"{path} is larger than {LARGEST // 2**20} MiB; a record is not")
        raw = path.read_bytes()
    except OSError as cause:
        raise BadRecord(f"{path} cannot be read: {cause.strerror or cause}") from cause
    record = _at_once(raw)
    if record is None:
        _suspect(path, raw)
        try:
            record = _record.validate_json(raw, strict=True)
        except ValidationError as cause:
            where = ".".join(map(str, (first := cause.errors()[0])["loc"]))
            raise BadRecord(f"{path}: {where}: {first['msg']} ({cause.error_count()} faults)") from cause
    _check_numbers(path, record)
    return record


def _at_once(raw: bytes) -> Record | None:
    """The record, where one look is enough: it has every member that a record has, each once, and no more."""
    try:
        record: Record = _whole.validate_json(raw, strict=True)
    except ValidationError:
        return None
    return record if record.schema == SCHEMA and _members(raw) == _expected(record) else None


def _suspect(path: Path, raw: bytes) -> None:
    """Look at a file closely, member by member. Raises BadRecord."""
    try:
        tree = strict.loads(raw)
    except (ValueError, RecursionError) as cause:
        raise BadRecord(f"{path} is not JSON that can be trusted: {cause}; it is cut off or damaged") from cause
    schema = tree.get("schema") if isinstance(tree, dict) else None
    if schema != SCHEMA:
        raise BadRecord(f"{path} has schema {schema!r}; this xbench reads {SCHEMA!r}. A newer xbench may read it.")


def _members(raw: bytes) -> int:
    """How many members the objects of a JSON text have, all together; more, or -1, where one look does not tell."""
    # A member has a colon right after a quote, or after white space, as no record of ours has.
    text = np.frombuffer(raw, np.uint8)
    before = text[np.flatnonzero(text == ord(":")) - 1]
    return -1 if (before <= ord(" ")).any() else int((before == ord('"')).sum())


def _finite(value: object) -> bool:
    """Whether there is no NaN and no infinity in a JSON value."""
    if isinstance(value, Mapping | list):
        return all(map(_finite, value.values() if isinstance(value, Mapping) else value))
    return not isinstance(value, float) or isfinite(value)


def _expected(record: Record) -> int:
    """How many members the objects of a record have when it is written."""
    used = [record.provenance.train, record.provenance.dev, *record.provenance.test.values()]
    single = (record, record.run, record.selection, record.cost, record.provenance, record.examples)
    several = (record.scores, record.missing, record.selection.by_language.values(), record.tokenizer.values(), used)
    keyed = (
        record.selection.by_language, record.tokenizer, record.provenance.packages, record.provenance.test,
        record.provenance.recipe, record.provenance.seeds, record.provenance.git or {}, record.provenance.how,
        record.metrics,
    )  # fmt: skip
    members = sum(len(fields(one)) for one in single if one)
    for group in several:
        there = [one for one in group if one]
        members += len(there) * len(fields(there[0])) if there else 0
    return members + sum(map(len, keyed))


def load(board: Path) -> Shelf:
    """Every record of a board, sorted by path, and every file that was refused. Links are not followed."""
    records: list[tuple[Path, Record]] = []
    rejects: list[Reject] = []
    for path in listing(board):
        try:
            records.append((path, read(path)))
        except BadRecord as fault:
            rejects.append(Reject(str(path.relative_to(board)), str(fault)))
    return Shelf(tuple(records), tuple(rejects))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes that write to this folder waiting, where the system can."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _safe(name: str) -> str:
    """A name as one path component; what a file system or a shell could misread is written otherwise.

    Names that cannot be told from it again carry a piece of a hash, so that two of them never share a path.
    """
    plain = re.sub(r"[^A-Za-z0-9._+=-]", "-", name.replace("/", "--")).lstrip(".") or "unnamed"
    return plain if plain.replace("--", "/") == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def listing(board: Path) -> list[Path]:
    """Every file of a board that may be a record, sorted. Links are not followed."""
    return [board / name for name, *_ in states(board)]


def states(board: Path) -> list[tuple[str, int, int]]:
    """Path below the board, bytes, and ns of the last change of every file that may be a record, sorted by path.

    Links are not followed. A folder that cannot be looked into is given too, as something that is no record.
    """
    root = str(board).rstrip(os.sep)
    found, ahead = list[tuple[str, int, int]](), [(root, True)]
    while ahead:
        path, folder = ahead.pop()
        try:
            if folder:
                below = sorted(os.scandir(path or os.sep), key=lambda entry: entry.name, reverse=True)
                ahead += [(one.path, one.is_dir(follow_symlinks=False)) for one in below]
            elif path.endswith(".json") and f"{os.sep}." not in path[path.rfind(os.sep) :]:
                state = os.lstat(path)
                found.append((path[len(root) + 1 :], state.st_size, state.st_mtime_ns))
        except FileNotFoundError:  # moved away while we looked
            continue
        except OSError:
            found.append((path[len(root) + 1 :], 0, 0))
    return found


def _check_numbers(path: Path, record: Record) -> None:
    if not _finite(record.provenance.recipe):
        raise BadRecord(f"{path}: the recipe holds NaN or an infinity")
    if not 0 <= (record.chance or 0) <= 1 or any(one.fertility < 0 for one in record.tokenizer.values()):
        raise BadRecord(f"{path}: chance is not in 0..1, or a fertility is less than 0")
    seen: set[tuple[str, str]] = set()
    for score in record.scores:
        if (cell := (score.language, score.metric)) in seen:
            raise BadRecord(f"{path}: two scores for {score.metric} in {score.language}")
        seen.add(cell)
        if not 0.0 <= score.low <= score.value <= score.high <= 1.0 or score.n < 0:
            raise BadRecord(
                f"{path}: {score.metric} in {score.language} is out of range: "
                f"{score.low} {score.value} {score.high} n={score.n}"
            )
