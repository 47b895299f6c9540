"""The verb export: what is chosen, where it is written, and what is refused."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from test_store import record
from typer.testing import CliRunner, Result

from xbench import store
from xbench.cli import app
from xbench.errors import BadOption, UnknownName, Unwritable
from xbench.record import Counts, DataUsed, Missing, Record, Run, Score, Selected

FORMATS = ("every-eval-ever", "hf-eval-results", "model-index", "mteb", "lm-eval", "csv", "latex")
BASE = "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"
DATA = "b8dd5d7af51114dbda02c0e3f6133f332186418e"
SEED_0 = {"en": 45, "de": 36, "sw": 20}
"""Right answers of 50 in each language."""
SEED_1 = {"en": 43, "de": 40, "sw": 22}
N = 50


def scored(run: Run, right: Mapping[str, int], **changes: object) -> tuple[Record, Counts]:
    """A record of an encoder of the Hub on XNLI, and its counts: the first answers are right, 50 in each language."""
    made = record(run)
    signature = (
        f"task:{run.task}|taskversion:1|metric:accuracy|source:en|selection:source-dev|recipe:{run.recipe}#0|xbench:0"
    )
    used = {
        language: DataUsed(
            repo="facebook/xnli", revision=DATA, config=language, split="test", rows=N, fingerprint=f"{language}-rows"
        )
        for language in right
    }
    train = DataUsed(repo="facebook/xnli", revision=DATA, config="en", split="train", rows=9, fingerprint="t")
    made = replace(
        made, signature=signature, selection=Selected(rule="source-dev", split="en/validation", checkpoint=3, score=0.9),
        scores=tuple(score(language, "accuracy", hits / N) for language, hits in right.items()), missing=(),
        metrics={"accuracy": "exact match"}, chance=1 / 3, parallel=True,
        provenance=replace(
            made.provenance, checkpoint="FacebookAI/xlm-roberta-base", checkpoint_revision=BASE, train=train, test=used,
            ended=f"2026-03-0{run.seed + 1}T10:00:00+00:00", packages={"transformers": "5.0"},
        ),
    )  # fmt: skip
    return replace(made, **changes), _counts(right)


def score(language: str, metric: str, value: float, n: int = N) -> Score:
    return Score(
        language=language, split="test", metric=metric, n=n, value=value, low=max(value - 0.1, 0.0), high=min(value + 0.1, 1.0)
    )  # fmt: skip


def _counts(right: Mapping[str, int]) -> Counts:
    hits = [float(i < number) for number in right.values() for i in range(N)]
    return Counts(
        ids=tuple(str(i) for _ in right for i in range(N)), languages=tuple(code for code in right for _ in range(N)),
        columns=("accuracy.correct", "accuracy.n"), rows=np.column_stack([hits, np.ones(len(hits))]),
    )  # fmt: skip


def retrieval(**changes: object) -> tuple[Record, Counts]:
    """A record of the same checkpoint on Tatoeba, with nothing trained."""
    made, counts = scored(Run("tatoeba", "xlmr-base", "standard", "eng", 0), {"fra": 40, "kor": 30})
    metrics = ("retrieval_to_source", "retrieval_from_source", "retrieval_weighted_f1_to_source")
    used = {
        language: DataUsed(
            repo="mteb/tatoeba-bitext-mining", revision="69e8f12da6e31d59addadda9a9c8a2e601a0e282", config=f"{language}-eng",
            split="test", rows=1000, fingerprint=f"{language}-rows",
        )
        for language in ("fra", "kor")
    }  # fmt: skip
    made = replace(
        made, signature="task:tatoeba|taskversion:1|metric:retrieval_to_source|source:eng|selection:none|vectors:last+mean|xbench:0",
        selection=Selected(rule="none", split="", checkpoint=0, score=None), metrics={}, parallel=False, chance=0.001,
        scores=tuple(
            score(language, metric, at + 0.01 * i, 1000)
            for language, at in (("fra", 0.7), ("kor", 0.5))
            for i, metric in enumerate(metrics)
        ),
        provenance=replace(made.provenance, train=None, test=used),
    )  # fmt: skip
    return replace(made, **changes), counts


def board(folder: Path, *made: tuple[Record, Counts]) -> Path:
    for one, counts in made:
        store.write_once(folder, one, counts)
    return folder


def two_seeds(folder: Path, encoder: str = "xlmr-base") -> Path:
    """Two seeds of one encoder on XNLI."""
    return board(
        folder, *(scored(Run("xnli", encoder, "xtreme", "en", i), at) for i, at in enumerate((SEED_0, SEED_1)))
    )


def export(to: str, folder: Path, *words: object) -> Result:
    called = CliRunner().invoke(app, ["export", "--to", to, "--board", str(folder), *map(str, words)])
    if called.exception and not isinstance(called.exception, SystemExit):
        raise called.exception
    assert called.exit_code == 0, called.stderr
    return called


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()
    }


def one_text(to: str, folder: Path, *words: object) -> str:
    """What goes to the output where the format makes one file."""
    return export(to, folder, *words).stdout


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """XNLI with two seeds and Tatoeba."""
    return board(two_seeds(tmp_path / "board"), retrieval())


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_board_gives_the_same_bytes_and_a_second_call_changes_nothing(
    both: Path, tmp_path: Path, to: str
) -> None:
    export(to, both, "--out", tmp_path / "one")
    export(to, both, "--out", tmp_path / "two")
    first = texts(tmp_path / "one")
    assert first
    assert first == texts(tmp_path / "two")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")}
    export(to, both, "--out", tmp_path / "one")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")} == before


@pytest.mark.parametrize("to", FORMATS)
def test_a_file_with_other_content_is_never_overwritten(both: Path, tmp_path: Path, to: str) -> None:
    out = tmp_path / "out"
    export(to, both, "--out", out)
    wanted = texts(out)
    changed = out / min(wanted)
    changed.write_text("mine\n")
    lost = [out / name for name in wanted if out / name != changed]
    for path in lost:
        path.unlink()
    with pytest.raises(Unwritable, match="other content"):
        export(to, both, "--out", out)
    assert changed.read_text() == "mine\n"
    assert not any(path.exists() for path in lost), "all are written or none"


def test_one_file_goes_to_the_output_or_to_the_file_that_is_named(tmp_path: Path) -> None:
    folder = two_seeds(tmp_path / "board")
    for to, suffix in (("lm-eval", "json"), ("model-index", "yaml"), ("csv", "csv"), ("latex", "tex")):
        text = one_text(to, folder)
        named = tmp_path / "new" / f"x.{suffix}"
        assert export(to, folder, "--out", named).stdout == f"{named}\n"
        assert named.read_text("utf-8") == text


def test_several_files_need_a_folder(both: Path) -> None:
    with pytest.raises(BadOption, match="makes 2 files; give a folder"):
        export("lm-eval", both)
    with pytest.raises(BadOption, match=r"makes 2 files, and .*x\.json names one"):
        export("lm-eval", both, "--out", both.parent / "x.json")
    assert not (both.parent / "x.json").exists()


def test_a_task_or_an_encoder_can_be_chosen_and_an_unknown_one_is_named(both: Path, tmp_path: Path) -> None:
    two_seeds(both, "mbert")
    export("model-index", both, "--task", "xnli", "--encoder", "mbert", "--out", tmp_path / "out")
    assert list(texts(tmp_path / "out")) == ["xnli/mbert/xtreme-en/model-index.yaml"]
    for to in FORMATS:
        with pytest.raises(UnknownName, match="xnli"):
            export(to, both, "--task", "xnlj")
        with pytest.raises(UnknownName, match="mbert"):
            export(to, both, "--encoder", "mbertt")


def test_what_read_target_labels_is_left_out_and_an_incomplete_column_is_not(tmp_path: Path) -> None:
    folder = two_seeds(tmp_path / "board")
    chosen = Selected(rule="oracle", split="", checkpoint=3, score=None)
    board(
        folder, scored(Run("xnli", "xlmr-base", "xtreme-oracle", "en", 0), SEED_0, selection=chosen),
        scored(Run("xnli", "mbert", "xtreme", "en", 0), {"en": 40, "de": 30}, missing=(Missing(language="sw", split="test", why="no"),)),
    )  # fmt: skip
    called = export("lm-eval", folder, "--out", tmp_path / "out")
    assert sorted(Path(name).parent.as_posix() for name in texts(tmp_path / "out")) == [
        "xnli/mbert/xtreme-en",
        "xnli/xlmr-base/xtreme-en",
    ]
    assert "xtreme-oracle-en: left out, as oracle read labels" in called.stderr
    assert "mbert · xtreme-en: incomplete, without sw" in called.stderr


def test_columns_of_the_same_names_do_not_share_a_file(tmp_path: Path) -> None:
    other, counts = scored(Run("xnli", "xlmr-base", "xtreme", "en", 1), SEED_1)
    changed = replace(other, signature=other.signature.replace("taskversion:1", "taskversion:2"))
    folder = board(tmp_path / "board", scored(Run("xnli", "xlmr-base", "xtreme", "en", 0), SEED_0), (changed, counts))
    for to in ("every-eval-ever", "hf-eval-results", "model-index", "lm-eval"):
        export(to, folder, "--out", tmp_path / to)
        assert len(texts(tmp_path / to)) == 2, to


HOSTILE = "../../x: [&a]\n- 'y' \"z\" \u202e#%s\t=1+1"


@pytest.mark.parametrize("to", ["every-eval-ever", "hf-eval-results", "model-index", "lm-eval"])
def test_hostile_names_stay_in_the_folder_and_are_text(tmp_path: Path, to: str) -> None:
    run = Run(HOSTILE, HOSTILE, HOSTILE, "en", 0)
    folder = board(tmp_path / "board", scored(run, {"en": 40, "de": 30}))
    export(to, folder, "--out", tmp_path / "deep" / "out")
    ((name, text),) = texts(tmp_path / "deep" / "out").items()
    assert len(texts(tmp_path / "deep")) == 1
    assert all(piece.isascii() and " " not in piece for piece in name.split("/"))
    tree = yaml.safe_load(text) if name.endswith(".yaml") else json.loads(text)
    told = json.dumps(tree, ensure_ascii=False)
    assert "x: [&a] - 'y'" in told
    assert "0.8" in told
    assert "\\u202e" not in json.dumps(
        written_for_people(tree, {"setting", "notes", "alias", *({"name"} if to != "lm-eval" else ())})
    )


def written_for_people(tree: object, keys: set[str]) -> list[str]:
    """Texts under these keys. They alone are cleaned; what identifies stays as it is, escaped."""
    if isinstance(tree, dict):
        own = [value for key, value in tree.items() if key in keys and isinstance(value, str)]
        return [*own, *(text for value in tree.values() for text in written_for_people(value, keys))]
    return [text for value in tree for text in written_for_people(value, keys)] if isinstance(tree, list) else []


def test_a_folder_that_cannot_be_made_is_one_message_and_exit_2(tmp_path: Path) -> None:
    folder = two_seeds(tmp_path / "board")
    (tmp_path / "file").write_text("x")
    command = Path(sys.executable).with_name("xbench")
    words = ["export", "--to", "mteb", "--board", str(folder)]
    done = subprocess.run([command, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "refused: it was fine-tuned" in done.stderr
    assert "nothing on this board can be exported as mteb" in done.stderr
    with pytest.raises(Unwritable, match="cannot write to"):
        export("csv", folder, "--out", tmp_path / "file" / "below")


def refused(records: Sequence[tuple[Record, Counts]], folder: Path) -> str:
    """Why mteb has no place for what is on such a board."""
    called = CliRunner().invoke(app, ["export", "--to", "mteb", "--board", str(board(folder, *records))])
    assert isinstance(called.exception, BadOption)
    return called.stderr
