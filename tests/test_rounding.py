"""Products with the bias inside give a linear layer's own numbers, and only where they may run."""

import gc
import weakref
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModel, PreTrainedModel

from tiny import build
from xbench import rounding
from xbench.rounding import quick_products

needs_product = pytest.mark.skipif(not rounding._has_product(), reason="this torch or processor has no such product")


class Products(TorchDispatchMode):
    """Counts the products that add the bias inside."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.counted += "_linear_pointwise" in str(function)
        return function(*args, **(kwargs or {}))


def _layers() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(40, 96), nn.Tanh(), nn.Linear(96, 40), nn.LayerNorm(40), nn.Linear(40, 7))


def _counted(model: nn.Module, states: torch.Tensor) -> tuple[torch.Tensor, int]:
    with quick_products(model), Products() as products:
        return model(states), products.counted


@needs_product
@pytest.mark.parametrize("shape", [(1, 40), (1, 33, 40), (3, 5, 40), (2, 0, 40), (40,)])
def test_the_same_numbers(shape: tuple[int, ...]) -> None:
    model, states = _layers(), torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 3
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        own = model(states)
        given, counted = _counted(model, states)
    assert counted == (3 if states.numel() else 0)
    assert given.dtype == own.dtype == torch.bfloat16
    assert torch.equal(given, own)


@needs_product
def test_rows_that_do_not_stand_next_to_each_other() -> None:
    model, states = _layers(), torch.randn(40, 6, 3).transpose(0, 2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(_counted(model, states)[0], model(states))


class Roundings(TorchDispatchMode):
    """Counts how often a matrix of float32 becomes one of bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        given = function(*args, **(kwargs or {}))
        self.counted += "_to_copy" in str(function) and given.dtype == torch.bfloat16 and given.ndim == 3
        return given


@needs_product
def test_an_input_that_several_layers_have_is_rounded_once_and_anew_when_it_changes() -> None:
    model, states = nn.ModuleList([nn.Linear(40, 9) for _ in range(3)]), torch.randn(1, 6, 40)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), quick_products(model):
        with Roundings() as roundings:
            first = [layer(states) for layer in model]
        assert roundings.counted == 1
        states.mul_(3)
        with Roundings() as roundings:
            again = [layer(states) for layer in model]
        assert roundings.counted == 1
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert all(torch.equal(layer(states), one) for layer, one in zip(model, again, strict=True))
    assert not any(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@needs_product
def test_inputs_that_do_not_tell_when_they_change() -> None:
    model = _layers()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        states = torch.randn(1, 6, 40)
        own = model(states)
        with quick_products(model):
            assert torch.equal(model(states), own)


@needs_product
def test_weights_that_do_not_stand_next_to_each_other() -> None:
    model, states = nn.Sequential(nn.Linear(40, 96)), torch.randn(5, 40)
    model[0].weight = nn.Parameter(torch.randn(40, 96).T)
    model[0].bias = nn.Parameter(torch.randn(96, 2)[:, 1])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        given, counted = _counted(model, states)
        assert counted == 1
        assert torch.equal(given, model(states))


@needs_product
def test_an_encoder_comes_no_less_close_to_float32(tmp_path: Path) -> None:
    encoder: PreTrainedModel = AutoModel.from_pretrained(build("xlm-roberta", tmp_path)).eval()
    ids = torch.arange(10, 50).view(2, 20)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        own = encoder(ids).last_hidden_state
        with quick_products(encoder), Products() as products:
            given = encoder(ids).last_hidden_state
    blocks = len(encoder.encoder.layer)
    assert products.counted == 6 * blocks
    with torch.no_grad():
        exact = encoder(ids).last_hidden_state
    assert not torch.equal(given, own)
    assert float((given - exact).abs().mean()) <= 1.05 * float((own - exact).abs().mean())


@needs_product
def test_gelu_inside_is_rounded_once() -> None:
    torch.manual_seed(4)
    pair, states = nn.Sequential(nn.Linear(64, 128), nn.GELU()), torch.randn(50, 64)
    rounded = [numbers.detach().bfloat16().float() for numbers in (states, pair[0].weight, pair[0].bias)]
    exact = nn.functional.gelu(nn.functional.linear(*rounded))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        own = pair(states)
        given, counted = _counted(pair, states)
    assert counted == 1
    assert torch.allclose(given.float(), exact, rtol=2**-8, atol=1e-6)
    assert not torch.allclose(own.float(), exact, rtol=2**-8, atol=1e-6)


class Gated(nn.Module):
    """A layer and GELU, and something between them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.gelu = nn.Linear(40, 40), nn.GELU()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        gated: torch.Tensor = self.gelu(self.layer(states)) * states
        return gated


@pytest.mark.parametrize("module", [Gated(), nn.Sequential(nn.Linear(40, 40), nn.GELU("tanh")), nn.Linear(40, 40)])
def test_what_is_not_a_layer_and_gelu_is_not_taken_for_it(module: nn.Module) -> None:
    assert rounding._before_gelu(module) is None


@pytest.mark.parametrize("half", [False, True])
def test_float32_and_gradients_are_left_alone(half: bool) -> None:
    model, states = _layers(), torch.randn(4, 40)
    # Without gradients in float32, with them in bf16.
    with torch.set_grad_enabled(half), torch.autocast("cpu", torch.bfloat16, enabled=half):
        own = model(states)
        given, counted = _counted(model, states)
    assert counted == 0
    assert torch.equal(given, own)
    assert given.requires_grad == half


@pytest.mark.parametrize("dtype", [torch.float16, None])
def test_another_precision_is_left_alone(dtype: torch.dtype | None) -> None:
    model, states = _layers(), torch.randn(4, 40)
    inner = torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), inner:
        own = model(states)
        given, counted = _counted(model, states)
    assert counted == 0
    assert torch.equal(given, own)


def test_layers_that_are_not_plain_stay() -> None:
    class Own(nn.Linear):
        """Not torch's own."""

    parts = (Own(4, 4), nn.Linear(4, 4, bias=False), nn.Linear(4, 4).double(), nn.Linear(4, 4, device="meta"))
    model = nn.Sequential(*parts)
    with quick_products(model):
        assert not any("forward" in vars(layer) for layer in model)


def _missing() -> torch.Tensor:
    raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_linear_pointwise'")


def _unable() -> torch.Tensor:
    raise RuntimeError("mkldnn bf16 path needs the cpu support avx_ne_convert or avx512bw, avx512vl and avx512dq")


@pytest.mark.parametrize("fails", [_missing, _unable, lambda: torch.zeros(2, 2)])
def test_without_the_product_nothing_changes(
    fails: Callable[[], torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounding, "_product", lambda *given: fails())
    model = _layers()
    with quick_products(model):
        assert not any("forward" in vars(layer) for layer in model)


@needs_product
def test_layers_are_as_they_were_afterwards() -> None:
    model = _layers()
    states = torch.randn(2, 40)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), quick_products(model):
        assert ["forward" in vars(layer) for layer in model] == [True, False, True, False, True]
        before = model(states)
    assert not any("forward" in vars(layer) for layer in model)
    with pytest.raises(KeyError), quick_products(model):
        raise KeyError
    assert not any("forward" in vars(layer) for layer in model)
    with torch.no_grad():
        model[4].weight.mul_(2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), quick_products(model):
        assert not torch.equal(model(states), before)


@needs_product
def test_nothing_is_held_afterwards() -> None:
    model, states = _layers(), torch.randn(2, 40)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), quick_products(model):
        model(states)
        weights, last = model[0].forward.args[1:3]
        held = [weakref.ref(one) for one in (weights[model[0].weight, model[0].bias][0], last.rounded(states))]
        assert all(one() is not None for one in held)
    del weights, last
    gc.collect()
    assert all(one() is None for one in held)


@needs_product
def test_weights_are_rounded_once_for_all_models_that_have_them() -> None:
    model, states, rounded = _layers(), torch.randn(2, 40), {}
    twin = deepcopy(model, {id(weight): weight for weight in model.parameters()})
    found, held = [], []
    for one in (model, twin):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), quick_products(one, rounded):
            found.append(one(states))
            held.append([weight.data_ptr() for weight, _ in rounded.values()])
    assert torch.equal(*found)
    assert held[0] == held[1]
    assert held[0]
