"""Dropout with fewer random bits is dropout: the same share, scale and gradient, and the same seed the same mask."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from xbench.dropout import dropout, quick_dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("probability", [0.05, 0.1, 0.3, 0.9])
def test_share_and_scale(probability: float, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    states = torch.ones(400, 1001, dtype=dtype)
    given = dropout(states, probability).double()
    numbers = given.numel()
    spread = math.sqrt(probability * (1 - probability) / numbers)
    assert abs(float((given == 0).double().mean()) - probability) < 5 * spread
    kept = given[given != 0]
    assert kept.unique().numel() == 1
    assert float(kept[0]) == pytest.approx(1 / (1 - probability), rel=5e-3 if dtype == torch.bfloat16 else 2e-4)


def test_neighbours_drop_independently() -> None:
    """Four numbers come out of one word of random bits."""
    torch.manual_seed(2)
    gone = (dropout(torch.ones(200_000, 4), 0.3) == 0).double()
    assert torch.allclose(gone.mean(0), torch.full((4,), 0.3, dtype=torch.float64), atol=0.006)
    assert float((gone.T.corrcoef() - torch.eye(4)).abs().max()) < 0.012


def test_the_gradient_goes_where_the_numbers_went() -> None:
    states = torch.randn(64, 33, requires_grad=True)
    given = dropout(states, 0.4)
    weights = torch.randn_like(given)
    (given * weights).sum().backward()
    assert states.grad is not None
    assert torch.equal(states.grad == 0, given == 0)
    assert torch.allclose(states.grad, weights * given.detach() / states.detach(), rtol=1e-5)


@settings(deadline=None, max_examples=50)
@given(shape=st.lists(st.integers(0, 7), min_size=0, max_size=4), seed=st.integers(0, 99))
def test_any_shape(shape: list[int], seed: int) -> None:
    states = torch.randn(shape) + 3
    torch.manual_seed(seed)
    once = dropout(states, 0.5)
    assert once.shape == states.shape
    assert bool(((once == 0) | torch.isclose(once, 2 * states)).all())
    torch.manual_seed(seed)
    assert torch.equal(once, dropout(states, 0.5))


def test_what_does_not_stand_in_a_row_of_its_own_drops_too() -> None:
    states = torch.ones(50, 60).T[::2]
    assert dropout(states, 0.5).shape == states.shape
    assert 0.4 < float((dropout(states, 0.5) == 0).float().mean()) < 0.6


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_all_or_nothing(probability: float) -> None:
    states = torch.randn(5, 6)
    assert torch.equal(dropout(states, probability), states * (1 - probability))


def test_layers_are_quick_inside_only_and_in_training_only() -> None:
    class Own(nn.Dropout):
        """Not torch's own, so it stays as it is."""

    model = nn.Sequential(nn.Dropout(0.5), Own(0.5), nn.Dropout(0.5, inplace=True))
    before = torch.get_rng_state()
    with quick_dropout(model):
        assert ["forward" in vars(layer) for layer in model] == [True, False, False]
        states = torch.ones(8, 8)
        assert torch.equal(model.eval()(states), states)
        assert torch.equal(torch.get_rng_state(), before)
        assert float((model.train()[0](states) == 0).float().mean()) > 0.1
    with pytest.raises(KeyError), quick_dropout(model):
        raise KeyError
    assert not any("forward" in vars(layer) for layer in model)
