"""Attention in groups is attention: sequence by sequence, forwards, backwards, with windows and with dropout."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from xbench.grouped import Groups, grouped_attention, near

HEADS, WIDTH = 2, 3
LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=9).map(lambda lengths: sorted(lengths, reverse=True))


def drawn(lengths: list[int], dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    torch.manual_seed(sum(lengths))
    return [torch.randn(sum(lengths), HEADS, WIDTH, dtype=dtype, requires_grad=True) for _ in range(3)]


def one_by_one(rows: list[torch.Tensor], lengths: list[int], scale: float, window: int | None) -> torch.Tensor:
    """torch's own attention, a sequence at a time."""
    given = []
    for states in zip(*(row.split(lengths) for row in rows), strict=True):
        seen = None if window is None else near(len(states[0]), window)
        query, key, value = (part.transpose(0, 1) for part in states)
        given.append(scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=scale).transpose(0, 1))
    return torch.cat(given)


@settings(deadline=None, max_examples=40)
@given(lengths=LENGTHS, window=st.sampled_from([None, 1, 2, 4]), scale=st.sampled_from([1.0, 0.3]))
def test_it_is_torchs_attention_of_each_sequence(lengths: list[int], window: int | None, scale: float) -> None:
    rows = drawn(lengths)
    ours = grouped_attention(rows, Groups.of(lengths, HEADS, torch.float64), scale, 0.0, window)
    theirs = one_by_one(rows, lengths, scale, window)
    torch.testing.assert_close(ours, theirs)
    towards = torch.randn_like(ours)
    for one, other in zip(*(torch.autograd.grad(found, rows, towards) for found in (ours, theirs)), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("window", [None, 3])
def test_gradients_with_dropout_are_those_of_small_differences(window: int | None) -> None:
    lengths = [6, 5, 5, 2, 1]
    groups = Groups.of(lengths, HEADS, torch.float64)

    def found(*rows: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(4)  # the same mask each time
        return grouped_attention(rows, groups, 0.7, 0.4, window)

    assert torch.autograd.gradcheck(found, drawn(lengths))


def test_dropout_leaves_the_mean() -> None:
    lengths = [7, 4, 4]
    groups, rows = Groups.of(lengths, HEADS, torch.float64), drawn(lengths)
    many = torch.stack([grouped_attention(rows, groups, 1.0, 0.3, None).detach() for _ in range(2000)])
    plain = grouped_attention(rows, groups, 1.0, 0.0, None).detach()
    assert float(((many.mean(0) - plain) / (many.std(0) / 2000**0.5 + 1e-9)).abs().max()) < 5
    assert float(many.std(0).mean()) > 0.1


def test_bf16_is_the_same_but_for_rounding() -> None:
    lengths = [40, 31, 12, 12, 3]
    rows = drawn(lengths)
    exact = grouped_attention(rows, Groups.of(lengths, HEADS, torch.float64), 1.0, 0.0, None)
    halves = [row.detach().bfloat16() for row in rows]
    groups = Groups.of(lengths, HEADS, torch.bfloat16)
    rounded = grouped_attention(halves, groups, 1.0, 0.0, None)
    assert rounded.dtype == torch.bfloat16
    assert float(((rounded - exact).norm() / exact.norm()).detach()) < 0.01


def test_autocast_changes_nothing() -> None:
    lengths = [9, 4, 4]
    rows, groups = drawn(lengths, torch.float32), Groups.of(lengths, HEADS, torch.float32)
    plain = grouped_attention(rows, groups, 1.0, 0.0, None)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(plain, grouped_attention(rows, groups, 1.0, 0.0, None))


def test_in_bf16_groups_have_few_lengths() -> None:
    lengths = [37, 35, 22, 21, 13, 11, 6, 5]
    assert [longest for _, longest in Groups.of(lengths, HEADS, torch.bfloat16).shapes] == [40, 24, 16, 8]
    assert [longest for _, longest in Groups.of(lengths, HEADS, torch.float32).shapes] == [37, 22, 13, 6]


def test_there_is_little_padding() -> None:
    lengths = [90, 60, 55, 50, 45, 40, 38, 36, 30, 25, 22, 20, 18, 15, 12, 8]
    groups = Groups.of(lengths, HEADS, torch.float32)
    assert len(groups.shapes) == 4
    assert len(groups.slots) < 1.35 * HEADS * sum(lengths)
    assert groups.weights < 0.4 * HEADS * len(lengths) * max(lengths) ** 2
