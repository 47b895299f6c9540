"""From two boards to a verdict: exit codes, coverage, comparability, waivers, settings, pins."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from test_store import record

from xbench import store
from xbench.errors import BadOption
from xbench.gate import items
from xbench.gate.baseline import check_pin, content_hash, pinned
from xbench.gate.judging import judge
from xbench.gate.settings import Settings
from xbench.gate.side import side
from xbench.gate.verdict import Verdict
from xbench.influence import cells_of, influence
from xbench.metrics.metric import f1, ratio
from xbench.metrics.named import installed
from xbench.record import Counts, DataUsed, Missing, Record, Run, Score, signature

DAY = date(2026, 1, 1)
TASKS = {"xnli": ("en", "de", "sw", "ur"), "pawsx": ("en", "de", "zh", "ko")}
N = 400
SIGNED: dict[str, object] = {
    "taskversion": 1, "metric": "accuracy", "source": "en", "selection": "last", "recipe": "xtreme#1", "train": "t", "xbench": "0.1.0",
}  # fmt: skip


def write(
    board: Path, encoder: str, *, loss: Mapping[tuple[str, str], float] | None = None, seeds: Sequence[int] = range(5),
    without: Sequence[tuple[str, str]] = (), rows: str = "rows", ids: str = "", tasks: Sequence[str] = tuple(TASKS),
    order: Callable[[int], Sequence[int]] = range, change: Callable[[Record], Record] = lambda one: one, **signed: object,
) -> Path:  # fmt: skip
    """Records of an encoder with 75 % right, less what it loses; seeds and items differ a little, by a seeded draw."""
    for task in tasks:
        hard = np.random.default_rng(len(task)).random(N)
        for seed in seeds:
            some = np.random.default_rng([seed, sum(map(ord, encoder + task))])
            names = [one for one in TASKS[task] if (task, one) not in without]
            right = {}
            for one in names:
                share = 0.75 - (loss or {}).get((task, one), 0.0) + 0.004 * some.standard_normal()
                right[one] = (0.9 * hard + 0.1 * some.random(N) < share).astype(float)[list(order(N))]
            counts = Counts(
                ids=tuple(f"{ids}{item}" for _ in names for item in order(N)),
                languages=tuple(one for one in names for _ in range(N)), columns=("accuracy.correct", "accuracy.n"),
                rows=np.column_stack([np.concatenate(list(right.values())), np.ones(N * len(names))]),
            )  # fmt: skip
            shares = {one: float(answers.mean()) for one, answers in right.items()}
            used = {
                one: DataUsed(repo="r", revision="1", config=one, split="test", rows=N, fingerprint=f"{rows} {one}")
                for one in names
            }
            made = record(
                Run(task, encoder, "xtreme", "en", seed), signature=signature({"task": task} | SIGNED | signed),
                scores=tuple(
                    Score(language=one, split="test", metric="accuracy", n=N, value=v, low=v, high=v) for one, v in shares.items()
                ),
                missing=tuple(Missing(language=one, split="test", why="not asked for") for _, one in without), parallel=True,
            )  # fmt: skip
            store.write_once(board, change(replace(made, provenance=replace(made.provenance, test=used))), counts)
    return board


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("old"), "base")


def judged(old: Path, new: Path, given: Settings | None = None, encoder: str = "next") -> Verdict:
    return judge(side([new], encoder), side([old], "base"), given, today=DAY)


def test_no_change_holds(old: Path, tmp_path: Path) -> None:
    found = judged(old, write(tmp_path, "next"))
    assert (found.code, found.harmed, found.lost, found.mismatches, found.faults) == (0, (), (), (), ())
    assert [guard.name for guard in found.guards] == ["target mean", "source", "low-resource", "gap"]
    assert {guard.outcome for guard in found.guards} == {"PASS"}
    assert found.guards[2].languages == {"xnli": ("sw",)}
    assert len(found.cells) == 8
    assert found.seeds == (5, 5)
    assert "8 cells" in found.line
    assert found.detectable is not None


def test_a_language_that_is_worse_is_named(old: Path, tmp_path: Path) -> None:
    found = judged(old, write(tmp_path, "next", loss={("xnli", "ur"): 0.15}))
    assert found.code == 1
    assert [(cell.task, cell.language) for cell in found.harmed] == [("xnli", "ur")]
    assert "ur in xnli" in found.line
    (cell,) = found.harmed
    assert cell.difference == pytest.approx(cell.candidate - cell.baseline)
    assert cell.low < cell.difference < cell.high < 0


def test_a_worse_source_is_a_regression_though_the_gap_closes(old: Path, tmp_path: Path) -> None:
    found = judged(old, write(tmp_path, "next", loss={(task, "en"): 0.1 for task in TASKS}))
    outcome = {guard.name: guard.outcome for guard in found.guards}
    assert (found.code, outcome["source"], outcome["gap"]) == (1, "REGRESSION", "PASS")


def test_a_lost_cell_is_a_regression_and_says_why(old: Path, tmp_path: Path) -> None:
    found = judged(old, write(tmp_path, "next", without=[("xnli", "sw")]))
    assert found.code == 1
    assert [(one.task, one.language, one.why) for one in found.lost] == [("xnli", "sw", "not asked for")]
    half = write(tmp_path / "half", "next", seeds=range(4))
    write(half, "next", seeds=[4], without=[("xnli", "sw")])
    assert [one.why for one in judged(old, half).lost] == ["scored with 4 of 5 seeds only"]
    alone = judged(old, write(tmp_path / "alone", "next", tasks=["xnli"]))
    assert [(one.task, one.language) for one in alone.lost] == [("pawsx", one) for one in sorted(TASKS["pawsx"])]


def test_too_few_seeds_pass_nothing(old: Path, tmp_path: Path) -> None:
    three = write(tmp_path / "three", "next", seeds=range(3))
    assert judged(old, three).code == 3
    assert "5 are needed" in judged(old, three).line
    assert (
        judged(
            old, three, Settings(seeds_required=3, margins={"mean": 3, "source": 4, "gap": 4, "low-resource": 9})
        ).code
        == 0
    )
    one = judged(old, write(tmp_path / "one", "next", seeds=[0]), Settings(seeds_required=2))
    assert one.code == 3
    assert {guard.outcome for guard in one.guards} == {"INCONCLUSIVE"}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rows": "others"}, {"test data"}),
        ({"ids": "other-"}, {"example ids"}),
        ({"taskversion": 2}, {"task version"}),
        ({"recipe": "xtreme#2"}, {"recipe"}),
        ({"source": "de", "selection": "source-dev"}, {"source", "selection"}),
        ({"train": "u"}, {"training data"}),
        ({"change": lambda one: replace(one, selection=replace(one.selection, rule="oracle"))}, {"selection"}),
        ({"change": lambda one: replace(one, scores=tuple(replace(s, split="dev") for s in one.scores))}, {"split"}),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_listed(
    old: Path, tmp_path: Path, changes: dict[str, object], what: set[str]
) -> None:
    found = judged(old, write(tmp_path, "next", **changes))  # type: ignore[arg-type]
    assert found.code == 3
    assert {one.what for one in found.mismatches} == what
    assert found.cells == ()
    assert "not comparable" in found.line


def test_rules_of_the_metric_count_where_both_tell_them(old: Path, tmp_path: Path) -> None:
    def told(rules: str) -> Callable[[Record], Record]:
        return lambda one: replace(one, metrics={"accuracy": rules})

    new = write(tmp_path / "new", "next", change=told("labels by name"))
    assert judged(old, new).code == 0
    other = write(tmp_path / "other", "base", change=told("labels by number"))
    assert {one.what for one in judged(other, new).mismatches} == {"rules of the metric"}


def test_another_xbench_is_a_note(old: Path, tmp_path: Path) -> None:
    def newer(one: Record) -> Record:
        return replace(one, provenance=replace(one.provenance, xbench="9"))

    found = judged(old, write(tmp_path, "next", change=newer, xbench="9"))
    assert found.code == 0
    assert any("xbench 0, the candidate by 9" in note for note in found.notes)


def test_what_cannot_be_read_beats_a_regression(old: Path, tmp_path: Path) -> None:
    new = write(tmp_path, "next", loss={("xnli", "ur"): 0.15})
    broken = store.path_of(new, Run("pawsx", "next", "xtreme", "en", 4))
    broken.write_bytes(broken.read_bytes()[:500])
    found = judged(old, new)
    assert found.code == 2
    assert str(broken) in found.faults[0]
    assert found.harmed


def test_counts_that_were_changed_are_a_fault(old: Path, tmp_path: Path) -> None:
    new = write(tmp_path, "next")
    counts = store.path_of(new, Run("pawsx", "next", "xtreme", "en", 4)).with_suffix(".parquet")
    counts.write_bytes(counts.read_bytes() + b" ")
    found = judged(old, new)
    assert found.code == 2
    assert "hash differs" in found.faults[0]


def test_a_broken_file_of_somebody_else_is_a_note(old: Path, tmp_path: Path) -> None:
    new = write(tmp_path, "next")
    (new / "xnli" / "stranger").mkdir()
    (new / "xnli" / "stranger" / "xtreme-en-s0.json").write_text("{")
    found = judged(old, new)
    assert found.code == 0
    assert any("stranger" in note for note in found.notes)


def test_one_column_must_be_meant(tmp_path: Path) -> None:
    write(tmp_path, "next", tasks=["xnli"])
    write(tmp_path, "next", tasks=["xnli"], seeds=[7], recipe="xtreme#2")
    with pytest.raises(BadOption, match=r"several columns(?s:.*)xtreme#1(?s:.*)xtreme#2"):
        side([tmp_path], "next")


def test_a_run_on_two_boards_counts_once(old: Path, tmp_path: Path) -> None:
    again = write(tmp_path, "base", seeds=[4, 5])
    found = side([old, again], "base")
    assert found.columns["xnli"].seeds == (0, 1, 2, 3, 4, 5)
    assert any("counts" in note for note in found.notes)


def test_a_pin_holds_wherever_the_board_lies(old: Path, tmp_path: Path) -> None:
    here, there = write(tmp_path / "here", "next"), write(tmp_path / "there", "next")
    write(there, "stranger", seeds=[0])
    first, second = side([here], "next"), side([there], "next")
    assert first.hash == second.hash
    check_pin("next", first.hash[:12], second.hash)
    write(there, "next", seeds=[5])
    with pytest.raises(BadOption, match=first.hash[:12]):
        check_pin("next", first.hash[:12], side([there], "next").hash)
    assert content_hash([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing


def test_what_is_a_pin() -> None:
    assert pinned("xlmr@0123456789abcdef") == ("xlmr", "0123456789abcdef")
    assert pinned("baselines/v1@0123ABCD") == ("baselines/v1", "0123abcd")
    for name in ("xlmr", "xlmr@main", "xlmr@0123", "@0123456789abcdef"):
        assert pinned(name) == (name, "")


def test_the_same_input_gives_the_same_verdict_and_order_does_not_matter(old: Path, tmp_path: Path) -> None:
    new = write(tmp_path / "new", "next", loss={("xnli", "ur"): 0.03})
    assert repr(judged(old, new)) == repr(judged(old, new))
    turned = judged(
        old,
        write(
            tmp_path / "turned",
            "next",
            loss={("xnli", "ur"): 0.03},
            seeds=[3, 1, 4, 0, 2],
            order=lambda n: range(n - 1, -1, -1),
        ),
    )
    plain = judged(old, new)
    assert turned.code == plain.code
    for one, other in zip(turned.cells, plain.cells, strict=True):
        assert (one.difference, one.p, one.standard_error) == pytest.approx(
            (other.difference, other.p, other.standard_error)
        )


def test_swapped_sides_have_opposite_differences(old: Path, tmp_path: Path) -> None:
    new = write(tmp_path, "next", loss={("xnli", "ur"): 0.03})
    there, back = judged(old, new), judge(side([old], "base"), side([new], "next"), today=DAY)
    assert [-cell.difference for cell in there.cells] == pytest.approx([cell.difference for cell in back.cells])
    assert [-guard.value for guard in there.guards] == pytest.approx([guard.value for guard in back.guards])


def test_every_fact_of_a_verdict_is_plain(old: Path, tmp_path: Path) -> None:
    from dataclasses import asdict

    found = judged(old, write(tmp_path, "next"))
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["settings"]["alpha"] == 0.05


def test_influences_are_those_of_the_board(old: Path) -> None:
    from xbench import examples

    column = side([old], "base").columns["xnli"]
    ours, wrong = items.cells(column, column.languages)
    tables = [examples.read_counts(path, one) for _, path, one in column.files]
    theirs = cells_of(tables, installed("accuracy"))
    assert not wrong
    assert ours is not None
    assert ours.ids == {one: theirs.ids[one] for one in ours.ids}
    for one in column.languages:
        assert ours.influences[one] == pytest.approx(theirs.influences[one], abs=1e-9)


@pytest.mark.parametrize("close", [ratio, f1])
def test_influences_by_formula_are_those_by_differences(close: Callable[..., np.ndarray]) -> None:
    some = np.random.default_rng(5)
    columns = 2 if close is ratio else 3
    rows = some.poisson(2.0, (300, columns)).astype(float)
    rows[:, 0] = np.minimum(rows[:, 0], rows[:, 1:].min(axis=1))
    metric = replace(installed("accuracy" if close is ratio else "span_f1"), close=close)
    assert items.influences_of(rows, metric) == pytest.approx(influence(rows, close), abs=1e-9)
    nothing = np.zeros_like(rows)
    assert items.influences_of(nothing, metric) == pytest.approx(influence(nothing, close))
