"""Linear layers in bf16 on a CPU for scoring: bias and GELU are taken inside the product, before it is rounded.

torch's own layer first writes the bias into every row of what it is going to give, and adds the product to that. The
numbers are the same, bit for bit: both have oneDNN sum in float32 and round once. With GELU (Hendrycks and Gimpel 2016)
they are rounded once where a layer and an activation round twice.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias
from weakref import ReferenceType, ref

import torch
from torch import nn
from torch.nn import functional
from transformers.activations import GELUActivation

from xbench.forwards import is_plain, replaced

Rounded: TypeAlias = dict[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Weight and bias of a layer -> the same in bf16."""


class Input:
    """The last input of a layer that was rounded to bf16. Queries, keys and values have the same one."""

    def __init__(self) -> None:
        self._last: tuple[ReferenceType[torch.Tensor], int, torch.Tensor] | None = None

    def rounded(self, states: torch.Tensor) -> torch.Tensor:
        """The input of a layer in bf16."""
        if states.dtype == torch.bfloat16 or states.is_inference():  # which does not tell when it was changed
            return states.bfloat16()
        last = self._last
        if last is None or last[0]() is not states or last[1] != states._version:
            self._last = last = ref(states), states._version, states.bfloat16()
        return last[2]

    def clear(self) -> None:
        """Let go of it."""
        self._last = None


@contextmanager
def quick_products(model: nn.Module, rounded: Rounded | None = None) -> Iterator[None]:
    """Have a model's linear layers, where they run on a CPU under bf16 autocast without gradients, compute so.

    Everywhere else, and where torch has no such product, they do as they always do. Weights are rounded when they are
    first read and must not change inside the block, no more than inside one of autocast; nothing is held after it but
    `rounded`, by whoever gave it, for other models of the same weights.
    Layers without a bias, of a class of their own, or whose weights processes share out, stay. GELU joins its layer
    where a module is the two and nothing else.
    """
    modules = list(model.modules()) if _has_product() else []
    alone = [(module, module, "none") for module in modules if isinstance(module, nn.Linear) and _is_plain(module)]
    both = [(module, layer, "gelu") for module in modules if (layer := _before_gelu(module)) is not None]
    weights, last = {} if rounded is None else rounded, Input()
    forwards = {
        module: partial(_forward, layer, weights, last, module.forward, inside)
        for module, layer, inside in (*alone, *both)
    }
    try:
        with replaced(forwards):
            yield
    finally:
        last.clear()
        if rounded is None:
            weights.clear()


def _is_plain(module: nn.Module) -> bool:
    if not is_plain(module, nn.Linear):
        return False
    weights = (module.weight, module.bias)
    plain = all(type(weight) is nn.Parameter and weight.device.type == "cpu" for weight in weights)
    return plain and all(weight.dtype == torch.float32 for weight in weights)


def _before_gelu(module: nn.Module) -> nn.Linear | None:
    """The layer of a module that is one with GELU after it: its children are the two, and it gives what they give."""
    children = list(module.children())
    if len(children) != 2 or "forward" in vars(module) or any(_is_heard(child) for child in children):
        return None
    layer, gelu = children
    exact = (type(gelu) is GELUActivation and gelu.act is functional.gelu) or (
        type(gelu) is nn.GELU and gelu.approximate == "none"
    )
    if not exact or not _is_plain(layer) or isinstance(module, nn.ModuleList | nn.ModuleDict):
        return None
    states = torch.linspace(-1, 1, 2 * layer.in_features).view(1, 2, -1)  # type: ignore[arg-type, operator]
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            same = torch.equal(module(states), gelu(layer(states)))
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return None
    return layer if same else None  # type: ignore[return-value]


def _is_heard(module: nn.Module) -> bool:
    """Whether someone listens to what goes through it."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _forward(
    layer: nn.Linear, rounded: Rounded, last: Input, own: Callable[[torch.Tensor], torch.Tensor], inside: str,
    input: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    known = input.device.type == "cpu" and input.dtype in (torch.float32, torch.bfloat16) and input.numel() > 0
    known = known and input.is_contiguous()  # torch's layer rounds twice where it is not
    if torch.is_grad_enabled() or not known or not _in_bf16() or torch.compiler.is_compiling():
        return own(input)
    if (own_weights := (layer.weight, layer.bias)) not in rounded:
        rounded[own_weights] = (layer.weight.bfloat16().contiguous(), layer.bias.bfloat16().contiguous())
    return _product(last.rounded(input), *rounded[own_weights], inside)


def _in_bf16() -> bool:
    return torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16


def _product(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, inside: str = "none") -> torch.Tensor:
    """(…, inputs), (outputs, inputs), (outputs,) -> (…, outputs). What torch.compile takes on a CPU; not public.

    Without a check it reads the bias as if its numbers stood next to each other.
    """
    given: Any = torch.ops.mkldnn._linear_pointwise(input, weight, bias, inside, [], "none")
    return given  # type: ignore[no-any-return]


def _has_product() -> bool:
    """Whether this build of torch has the product, on this processor, and it gives what a layer gives."""
    rows, bias = torch.arange(64, dtype=torch.bfloat16).view(2, 32), torch.tensor([3.0, 4.0], dtype=torch.bfloat16)
    try:
        same = torch.equal(_product(rows, rows, bias), functional.linear(rows, rows, bias))
        gelu = functional.gelu(functional.linear(rows, rows, bias))
        return same and torch.allclose(_product(rows, rows, bias, "gelu"), gelu, rtol=1e-2)
    except (AttributeError, RuntimeError, TypeError):
        return False
