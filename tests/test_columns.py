"""Many batches cut at once are those that each would be alone."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from xbench.columns import Columns
from xbench.errors import EncoderError
from xbench.kinds import IGNORE, Batch, Feature
from xbench.pack import pad
from xbench.stepping.items import Items

CPU = torch.device("cpu")
TARGETS = ("none", "one", "two", "each")


def feature(length: int, example: int, *, typed: bool, target: str, number: int) -> Feature:
    ids = np.arange(100 * number, 100 * number + length, dtype=np.int32)
    targets: dict[str, Any] = {
        "none": None, "one": np.array(number), "two": np.array([number, -number]), "each": -np.arange(length),
    }  # fmt: skip
    return Feature(ids, ids % 3 if typed else None, example, targets[target])


def plainly(features: list[Feature], pad_id: int, width: int) -> dict[str, Any]:
    """What a batch holds, put together row by row."""
    longest = width or max(len(one.ids) for one in features)

    def padded(rows: Any, rest: int) -> list[list[int]]:
        return [[*row.tolist(), *[rest] * (longest - len(row))] for row in rows]

    ids, known = [one.ids for one in features], list(dict.fromkeys(one.example for one in features))
    targets: Any = None if features[0].target is None else [one.target for one in features]
    if targets is not None:
        each = all(target.shape == row.shape for target, row in zip(targets, ids, strict=True))
        targets = padded(targets, IGNORE) if each else [target.tolist() for target in targets]
    return {
        "ids": padded(ids, pad_id),
        "mask": padded([np.ones(len(row), int) for row in ids], 0),
        "types": None if features[0].types is None else padded([one.types for one in features], 0),
        "targets": targets,
        "examples": [known.index(one.example) for one in features],
    }


def held(batch: Any) -> dict[str, Any]:
    return {
        one.name: value.tolist() if isinstance(value := getattr(batch, one.name), torch.Tensor) else value
        for one in fields(batch)
        if not one.name.startswith("_") and one.name != "packing"
    }


@given(
    lengths=some.lists(some.integers(1, 9), min_size=1, max_size=12),
    sizes=some.lists(some.integers(1, 5), min_size=1, max_size=6),
    typed=some.booleans(), target=some.sampled_from(TARGETS), width=some.sampled_from((0, 11)),
    fill=some.sampled_from((0, 8)), own=some.integers(1, 3), seed=some.integers(0, 99),
)  # fmt: skip
def test_batches_cut_at_once(
    lengths: list[int], sizes: list[int], typed: bool, target: str, width: int, fill: int, own: int, seed: int
) -> None:
    drawn = np.random.default_rng(seed)
    if target in ("two", "each"):
        lengths = [length + 2 for length in lengths]  # a pair and the labels of two tokens look alike
    features = [
        feature(length, number // own, typed=typed, target=target, number=number)
        for number, length in enumerate(lengths)
    ]  # fmt: skip
    rows = [drawn.permutation(len(features))[:size] for size in sizes]
    batches = Columns.of(features).batches(rows, pad_id=7, device=CPU, packing=True, width=width, fill=fill)
    for places, batch in zip(rows, batches, strict=True):
        chosen = [features[place] for place in places]
        assert held(batch) == plainly(chosen, 7, width)
        alone = pad(chosen, pad_id=7, packing=True, width=width, fill=fill)
        assert held(batch) == held(alone)
        assert held(batch.packing) == held(alone.packing)
        check_packing(batch, [len(one.ids) for one in chosen], width, fill)


def check_packing(batch: Batch, lengths: list[int], width_asked: int, fill: int) -> None:
    """The row holds every sequence whole, the longest first, and then filler."""
    packing = batch.packing
    assert packing is not None
    width, tokens = batch.ids.shape[1], sum(lengths)
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    filler = -tokens % fill if fill else 0
    places = [place * width + token for place in order for token in range(lengths[place])]
    assert packing.places.tolist() == places + [batch.ids.numel()] * filler
    begins = np.cumsum([0, *(lengths[place] for place in order)]).tolist()
    assert packing.starts.tolist() == begins + [tokens + filler] * bool(fill)
    assert packing.starts.dtype == torch.int32
    assert list(packing.lengths) == [lengths[place] for place in order]
    assert packing.runs == tuple((lengths.count(length), length) for length in sorted(set(lengths), reverse=True))
    assert packing.longest == max(width_asked or max(lengths), fill)
    assert packing.filled == bool(fill)


def test_labels_of_single_tokens_are_rows() -> None:
    """As many targets as features either way: labels of one token each keep their own axis."""
    for target, shape in (("each", (3, 1)), ("one", (3,))):
        features = [feature(1, number, typed=False, target=target, number=number) for number in range(3)]
        batch = pad(features, pad_id=0)
        assert batch.targets is not None
        assert batch.targets.shape == shape


def test_items_of_a_grouped_kind_are_all_features_of_an_example() -> None:
    features = [
        feature(2, example, typed=False, target="one", number=n) for n, example in enumerate((4, 4, 7, 9, 9, 9))
    ]
    alone, grouped = (Items.of(features, grouped=grouped) for grouped in (False, True))
    assert (len(alone), len(grouped)) == (6, 3)
    assert alone.features(np.array([5, 0])).tolist() == [5, 0]
    assert grouped.features(np.array([2, 0])).tolist() == [3, 4, 5, 0, 1]


@pytest.mark.parametrize("grouped", [False, True])
def test_tokens_of_batches_are_counted(grouped: bool) -> None:
    drawn = np.random.default_rng(0)
    features = [
        feature(int(length), number // 3, typed=False, target="one", number=number)
        for number, length in enumerate(drawn.integers(1, 9, 40))
    ]  # fmt: skip
    items, taken = Items.of(features, grouped=grouped), 0
    for number, (batch, _) in zip(range(1, 30), items.batches(4, seed=3), strict=False):
        taken += sum(len(features[place].ids) for place in items.features(batch))
        assert items.tokens(4, 3, number) == taken


def test_a_sequence_of_no_token_is_an_error() -> None:
    features = [feature(length, 0, typed=False, target="one", number=0) for length in (2, 0, 3)]
    with pytest.raises(EncoderError, match="of 1 of 3 sequences the tokenizer makes no token at all"):
        Columns.of(features)
