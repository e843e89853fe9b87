"""Activations as modules, and their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastgrad._native import core
from fastgrad.nn import functional
from fastgrad.nn.module import Module

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
]


class ReLU(Module):
    """max(x, 0).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.ReLU()([-1.0, 2.0])
    tensor([0., 2.])
    """

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.relu(input)


class Tanh(Module):
    """The hyperbolic tangent.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.Tanh()([0.0, 20.0])
    tensor([0., 1.])
    """

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.tanh(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.Sigmoid()([-1000.0, 0.0])
    tensor([0. , 0.5])
    """

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.sigmoid(input)


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta; see `functional.softplus`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.Softplus()([-1000.0, 1000.0])
    tensor([   0., 1000.])
    """

    def __init__(self, beta: float = 1.0, threshold: float | None = None) -> None:
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"beta={self.beta}, threshold={self.threshold}"


class GELU(Module):
    """x times the probability of being below x under the standard normal distribution; see `functional.gelu`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.GELU()([-1000.0, 0.0, 1000.0])
    tensor([  -0.,    0., 1000.])
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """Return the argument."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x * sigmoid(x), also called swish.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.SiLU()([-1000.0, 0.0, 1000.0])
    tensor([  -0.,    0., 1000.])
    """

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.silu(input)


class ELU(Module):
    """x where it is above 0, else alpha * (exp(x) - 1); its derivative at 0 is alpha.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.ELU(alpha=0.5)([-1000.0, 2.0])
    tensor([-0.5,  2. ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.elu(input, self.alpha)

    def extra_repr(self) -> str:
        """Return the argument."""
        return f"alpha={self.alpha}"


class LeakyReLU(Module):
    """x where it is above 0, else negative_slope * x; its derivative at 0 is negative_slope.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.LeakyReLU(0.5)([-4.0, 2.0])
    tensor([-2.,  2.])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        """Return the argument."""
        return f"negative_slope={self.negative_slope}"


class Hardtanh(Module):
    """x held between two numbers; its derivative there is 0; see `functional.hardtanh`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.Hardtanh()([-4.0, 0.5, 4.0])
    tensor([-1. ,  0.5,  1. ])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.hardtanh(input, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"min_val={self.min_val}, max_val={self.max_val}"


class ReLU6(Module):
    """x held between 0 and 6; its derivative there is 0.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.ReLU6()([-1.0, 2.0, 8.0])
    tensor([0., 2., 6.])
    """

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.relu6(input)


class Softsign(Module):
    """x / (1 + abs(x)).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.Softsign()([-1.0, 3.0])
    tensor([-0.5 ,  0.75])
    """

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.softsign(input)


class Mish(Module):
    """x * tanh(softplus(x)); see `functional.mish`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.Mish()([0.0, 1000.0])
    tensor([   0., 1000.])
    """

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.mish(input)


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x))), without overflow.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.LogSigmoid()([-1000.0, 1000.0])
    tensor([-1000.,    -0.])
    """

    def forward(self, input: Any) -> core.Tensor:
        """Apply it, elementwise."""
        return functional.logsigmoid(input)


# By the names that models take.
ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "relu": ReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "softplus": Softplus,
    "gelu": GELU,
    "silu": SiLU,
    "elu": ELU,
    "leaky_relu": LeakyReLU,
    "hardtanh": Hardtanh,
    "relu6": ReLU6,
    "softsign": Softsign,
    "mish": Mish,
    "logsigmoid": LogSigmoid,
}
