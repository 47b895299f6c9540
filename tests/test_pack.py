"""Batches hold every token once, and nothing is learned from padding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xbench.kinds import IGNORE, Feature
from xbench.pack import by_length, fill_of, pad, tapered


def feature(length: int, example: int = 0, target: object = None, *, typed: bool = False) -> Feature:
    ids = np.arange(10, 10 + length, dtype=np.int32)
    types = np.ones(length, np.int32) if typed else None
    return Feature(ids, types, example, None if target is None else np.asarray(target, np.int64))


def test_pads_on_the_right_with_the_tokenizers_own_token() -> None:
    batch = pad([feature(2), feature(4)], pad_id=7)
    assert batch.ids.tolist() == [[10, 11, 7, 7], [10, 11, 12, 13]]
    assert batch.mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert batch.ids.dtype == batch.mask.dtype == torch.int64
    assert batch.types is None
    assert batch.targets is None
    assert set(batch.inputs()) == {"input_ids", "attention_mask"}


def test_token_types_go_along_where_there_are_some() -> None:
    batch = pad([feature(1, typed=True), feature(3, typed=True)], pad_id=0)
    assert batch.types is not None
    assert batch.types.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert "token_type_ids" in batch.inputs()


@pytest.mark.parametrize(
    ("lengths", "targets", "stacked"),
    [
        pytest.param((2, 3), (1, 0), [1, 0], id="one label"),
        pytest.param((2, 3), ((0, 1), (1, 2)), [[0, 1], [1, 2]], id="first and last token"),
        pytest.param((2, 3), ((4, 5), (6, 7, 8)), [[4, 5, IGNORE], [6, 7, 8]], id="one label a token"),
        pytest.param((2, 2), ((4, 5), (6, 7)), [[4, 5], [6, 7]], id="one label a token, two tokens"),
    ],
)
def test_targets(lengths: tuple[int, ...], targets: tuple[object, ...], stacked: object) -> None:
    batch = pad([feature(n, target=t) for n, t in zip(lengths, targets, strict=True)], pad_id=0)
    assert batch.targets is not None
    assert batch.targets.tolist() == stacked


def test_examples_are_numbered_from_zero_within_the_batch() -> None:
    batch = pad([feature(1, example) for example in (9, 9, 4, 4, 12)], pad_id=0)
    assert batch.examples.tolist() == [0, 0, 1, 1, 2]


def test_batches_by_length_hold_all_features_once_within_the_budget() -> None:
    rng = np.random.default_rng(0)
    features = [feature(int(n)) for n in rng.integers(1, 60, 200)]
    batches = list(by_length(features, 128))
    assert sorted(index for batch in batches for index in batch) == list(range(200))
    longest = [max(len(features[index].ids) for index in batch) for batch in batches]
    assert all(width * len(batch) <= 128 for width, batch in zip(longest, batches, strict=True))
    assert longest == sorted(longest, reverse=True)
    padded = sum(width * len(batch) for width, batch in zip(longest, batches, strict=True))
    assert padded < 1.1 * sum(len(feature.ids) for feature in features)


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12), lanes=st.integers(2, 4))
def test_the_last_batches_are_cut_finer_and_hold_the_same(sizes: list[int], lanes: int) -> None:
    ends = np.cumsum(sizes).tolist()
    batches = [list(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]
    cut = tapered(batches, lanes)
    assert sorted(index for batch in cut for index in batch) == list(range(ends[-1]))
    assert all(cut)
    whole = len(sizes) - 2 * lanes
    assert cut[: max(whole, 0)] == batches[: max(whole, 0)]
    if whole >= 0:
        assert max(map(len, cut[whole:])) <= 5
        assert max(map(len, cut[-lanes:])) <= 3


def test_a_feature_longer_than_the_budget_is_read_alone() -> None:
    assert list(by_length([feature(5), feature(300)], 128)) == [[1], [0]]
    assert list(by_length([], 128)) == []


def test_a_row_is_filled_up_with_tokens_that_belong_nowhere() -> None:
    features = [feature(5), feature(9), feature(5)]
    plain, filled = (pad(features, pad_id=0, packing=True, fill=fill).packing for fill in (0, 16))
    assert plain is not None
    assert filled is not None
    assert (len(plain.places), len(filled.places)) == (19, 32)
    assert torch.equal(plain.places, filled.places[:19])
    assert set(filled.places[19:].tolist()) == {3 * 9}, "the place behind the grid"
    assert filled.lengths == plain.lengths == (9, 5, 5)
    assert filled.starts.tolist() == [*plain.starts.tolist(), 32]
    assert (plain.filled, filled.filled) == (False, True)


def test_a_row_that_is_full_gets_no_filler() -> None:
    packing = pad([feature(8), feature(8)], pad_id=0, packing=True, fill=16).packing
    assert packing is not None
    assert len(packing.places) == 16
    assert packing.starts.tolist() == [0, 8, 16, 16]


def test_rows_are_filled_up_where_lengths_cost_time() -> None:
    assert fill_of(torch.device("cpu"), half=True) > 1
    assert fill_of(torch.device("cpu"), half=False) == fill_of(torch.device("cuda"), half=True) == 0
