"""The frame of the benchmarks: both sides run, on the same rows, and say what they are. No test looks at time."""

import math
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import cpu, gpu, growth, ours, parity, peers
from benchmarks.apart import apart
from benchmarks.shapes import SHAPES, VOCABULARY, Work, again, opened, work
from benchmarks.turns import Loop, Ratio, close, in_turn, saved_bytes, state_bytes, stepping
from xbench import fit
from xbench.kinds import Batch
from xbench.kinds.pairs import Pairs

NOWHERE = Path("there-is-no-mirror-here")


@pytest.fixture(scope="module")
def some() -> Work:
    return work("pairs", vocabulary=SHAPES["tiny"].vocabulary, rows=96)


@pytest.fixture(scope="module")
def questions() -> Work:
    return work("spans", vocabulary=SHAPES["tiny"].vocabulary, rows=24)


def losses(work: Work, way: peers.Way) -> tuple[list[float], list[torch.Tensor]]:
    """What the Trainer's model gave and read in two steps."""
    encoder = opened("tiny", work)
    given: list[float] = []
    read: list[torch.Tensor] = []

    def note(_: object, __: object, more: dict[str, torch.Tensor], out: Any) -> None:
        given.append(out.loss.item())
        read.append(more["input_ids"])

    encoder.model.register_forward_hook(note, with_kwargs=True)
    loop = peers.training(encoder, work, way, turn=1)
    for _ in range(2):
        loop.turn()
    loop.close()
    return given, read


def test_rows_that_are_made_have_the_lengths_that_are_told() -> None:
    made = work("pairs", hub=NOWHERE, rows=4_000)
    lengths = [len(feature.ids) for feature in made.train]
    assert 41 < sum(lengths) / len(lengths) < 43
    assert min(lengths) >= 8
    assert max(lengths) <= made.setting.recipe.length
    assert "42" in made.said
    assert made.setting.tokenizer.vocab_size == VOCABULARY
    tokens = {int(token) for feature in made.train for token in feature.ids}
    assert len(tokens) > 10_000, "few rows of the vocabulary occur"
    assert max(tokens) > 0.99 * VOCABULARY, "they do not lie all over it"
    assert not tokens & {1, 3, VOCABULARY - 1}, "padding, unknown or mask"


def test_shapes_are_xlm_rs() -> None:
    for name, weights in (("base", 278_045_955), ("large", 559_893_507)):
        with torch.device("meta"):
            encoder = opened(name, work("pairs", vocabulary=SHAPES["tiny"].vocabulary, rows=2))
        assert encoder.parameters == weights
        assert type(encoder.model).__name__ == "XLMRobertaForSequenceClassification"


def test_equal_seeds_give_equal_weights(some: Work) -> None:
    one, other, copied = opened("tiny", some), opened("tiny", some), again(opened("tiny", some))
    for encoder in (other, copied):
        pairs = zip(one.model.parameters(), encoder.model.parameters(), strict=True)
        assert all(torch.equal(left, right) for left, right in pairs)
    assert copied.model is not one.model


@pytest.mark.parametrize("way", [peers.RUN_XNLI, peers.DYNAMIC, peers.GROUPED, peers.XTREME], ids=lambda way: way.name)
def test_a_peer_takes_steps(some: Work, way: peers.Way) -> None:
    given, read = losses(some, way)
    assert len(given) == 2 * way.accumulated
    assert all(math.isfinite(loss) for loss in given)
    assert all(len(ids) == 32 // way.accumulated for ids in read)
    wide = {ids.shape[1] for ids in read}
    assert wide == {128} if way.padded else max(wide) < 128


def test_a_peer_answers_questions_in_windows_of_384(questions: Work) -> None:
    given, read = losses(questions, peers.RUN_XNLI)
    assert all(math.isfinite(loss) for loss in given)
    assert {tuple(ids.shape) for ids in read} == {(12, 384)}


def test_both_sides_read_the_same_rows(some: Work) -> None:
    _, theirs = losses(some, peers.RUN_XNLI)
    mine: list[torch.Tensor] = []

    class Watched(Pairs):
        def loss(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
            mine.append(batch.ids)
            return super().loss(scores, batch)

    loop = ours.training(opened("tiny", some), replace(some, kind=Watched()), precision="fp32", turn=1)
    for _ in range(2):
        loop.turn()
    loop.close()
    for left, right in zip(mine[-2:], theirs, strict=True):
        assert torch.equal(left, right[:, : left.shape[1]])
        assert (right[:, left.shape[1] :] == 1).all()


def test_both_sides_give_the_same_scores(some: Work) -> None:
    encoder, rows = opened("tiny", some), some.of_each(8)
    mine = ours.scoring(encoder, some, rows, precision="fp32")()
    theirs = peers.scoring(encoder, some, peers.RUN_XNLI, rows)()
    torch.testing.assert_close(
        torch.tensor(theirs), torch.stack([torch.from_numpy(row) for row in mine]), atol=1e-5, rtol=0
    )


def test_the_gpu_benchmark_runs_its_eager_paths_and_says_what_it_left_out() -> None:
    told = gpu.report(gpu.TINY)
    for words in ("run_xnli", "best, grouped by length", "XTREME's script", "layout: packed", "were not run"):
        assert words in told
    assert "nan" not in told


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_gpu_benchmark_says_that_there_is_no_gpu() -> None:
    told = gpu.report()
    assert "not run" in told
    assert "\n" not in told


def test_the_floor_counts_what_a_step_must_do(some: Work) -> None:
    base = work("pairs", vocabulary=SHAPES["tiny"].vocabulary, rows=2_000)
    products, moved = gpu.floor("base", base, state=8 * 112_000_000)
    assert 0.8e-3 < products < 1.0e-3, "0.9 ms of matrix products for 32 rows of 42 tokens"
    assert 0.6e-3 < moved < 0.8e-3, "112 million weights of 28 bytes at 4.3 TB/s"


def test_packed_and_padded_agree(some: Work, questions: Work) -> None:
    for one in (some, questions):
        scores, slopes = parity.apart("tiny", one, 12)
        assert scores < 1e-5
        assert slopes < 1e-6


def test_what_autograd_keeps_is_counted_once(some: Work) -> None:
    layer = torch.nn.Linear(4, 8, bias=False)
    put_in = torch.ones(2, 4, requires_grad=True)
    # The product keeps its input, 32 bytes, and the weight, which does not count; the square keeps its own, 64.
    assert saved_bytes(layer, lambda: layer(put_in).square().sum()) == 2 * 4 * 4 + 2 * 8 * 4
    share = parity.activations("tiny", some, 16)["fp32"]
    assert 0.1 < share < 0.8


def test_state_of_an_optimizer_is_counted() -> None:
    weight = torch.nn.Parameter(torch.zeros(10))
    optimizer = torch.optim.AdamW([weight])
    with stepping() as seen:
        for _ in range(2):
            weight.grad = torch.ones(10)
            optimizer.step()
    assert seen == [optimizer]
    assert state_bytes(optimizer) == 2 * 10 * 4 + 4


def test_loops_take_turns_and_end() -> None:
    said: list[str] = []

    def body(name: str, pause: object) -> None:
        try:
            for number in range(10):
                said.append(f"{name}{number}")
                pause()  # type: ignore[operator]
        finally:
            said.append(f"{name} over")

    loops = {name: Loop(lambda pause, name=name: body(name, pause)) for name in "ab"}
    took = in_turn({name: loop.turn for name, loop in loops.items()}, rounds=2)
    close(loops.values())
    assert said == ["a0", "b0", "a1", "b1", "a2", "b2", "b over", "a over"], "what began last ends first"
    assert [len(seconds) for seconds in took.values()] == [2, 2]


def test_what_torch_keeps_for_a_thread_stays_with_each_loop() -> None:
    seen: list[tuple[str, bool]] = []

    def without(pause: Callable[[], None]) -> None:
        with torch.no_grad():
            for _ in range(3):
                pause()
                seen.append(("without", torch.is_grad_enabled()))

    def plain(pause: Callable[[], None]) -> None:
        for _ in range(3):
            pause()
            seen.append(("plain", torch.is_grad_enabled()))

    loops = [Loop(without), Loop(plain)]
    for _ in range(2):
        for loop in loops:
            loop.turn()
            assert torch.is_grad_enabled()
    close(loops)
    assert seen == [("without", False), ("plain", True)]
    assert torch.is_grad_enabled()


def test_sides_leave_the_loop_of_fine_tuning_as_it_was(some: Work) -> None:
    looked = fit.LOOK
    loops = [ours.training(opened("tiny", some), some, precision=one, turn=1) for one in ("fp32", "bf16")]
    for loop in loops:
        loop.turn()
    close(loops)
    assert looked == fit.LOOK


def test_sides_take_turns_in_processes_of_their_own(some: Work) -> None:
    took, kept = cpu.fine_tuned("tiny", some, ("fp32",), turn=1, rounds=2, warm=1)
    assert {side: len(seconds) for side, seconds in took.items()} == {"peer": 2, "fp32": 2}
    assert 0 < kept["fp32"] < kept["peer"]
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("side", ["peer", "fp32", "bf16 whole"])
def test_a_side_scores_and_tells_its_seconds(side: str, some: Work) -> None:
    assert cpu._scoring("tiny", some, side, some.of_each(8))() > 0


def test_a_side_keeps_what_it_was_made_of_and_says_when_it_fails() -> None:
    with apart({"one": (list, ([3, 1, 2],)), "other": (dict, ())}) as sides:
        assert sides["one"].do(list.sort) is None
        assert sides["one"].do(list.pop) == 3
        assert sides["one"].do(len) == 2
        with pytest.raises(RuntimeError, match="a side ended by itself, with status 1"):
            sides["other"].do(dict.popitem)
        assert sides["one"].do(len) == 2


def test_a_loop_that_fails_or_ends_says_so() -> None:
    def fails(_: object) -> None:
        raise ValueError("out of order")

    failed = Loop(fails)
    with pytest.raises(ValueError, match="out of order"):
        failed.turn()
    failed.close()
    with pytest.raises(RuntimeError, match="more steps"):
        Loop(lambda _: None).turn()


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert str(Ratio.of([2, 9, 6], [1, 3, 1])) == "3.00× (2.00–6.00)"


def test_a_missed_goal_is_told() -> None:
    line = cpu.Line("scoring", "4 × 256", "3×", "2.90×", "2.80–3.10", False)
    assert "**missed**" in str(line)


def test_growth_draws_and_judges() -> None:
    found = [
        point | {"speed": 1000.0 + place, "GiB": 1.0, "seconds": 0.5} for place, point in enumerate(growth.points())
    ]
    assert growth.picture(found).startswith(b"<svg")
    assert "times as long a language" in growth.verdict(found)
    assert growth.table([one for one in found if one["axis"] == "languages"], "languages", "scoring").count(
        "\n"
    ) == 3 + len(growth.LANGUAGES)
