"""Layers as modules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastgrad import random
from fastgrad._native import core
from fastgrad.nn import functional
from fastgrad.nn.activations import ACTIVATIONS
from fastgrad.nn.module import Module, as_input
from fastgrad.nn.parameter import Parameter

__all__ = [
    "MLP",
    "Dropout",
    "Flatten",
    "Linear",
    "Sequential",
]


class Linear(Module):
    """An affine map, ``x @ weight.T + bias``.

    Weight and bias begin uniform on (-1/sqrt(in), 1/sqrt(in)), as PyTorch's do.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of one sample before and after.
    bias : bool
        Whether something is added.
    dtype : numpy.dtype
        float32 or float64.

    Attributes
    ----------
    weight : Parameter
        (out_features, in_features), a transposed view of memory in (in, out) order.
    bias : Parameter or None
        (out_features,)

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.nn.Linear(3, 2)(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, dtype: Any = "float32"
    ) -> None:
        self.in_features = _size("in_features", in_features)
        self.out_features = _size("out_features", out_features)
        bound = 1.0 / math.sqrt(in_features)
        storage = random.uniform((in_features, out_features), -bound, bound, dtype=dtype)  # (in, out)
        self.weight = Parameter(storage.T)
        self.bias = Parameter(random.uniform((out_features,), -bound, bound, dtype=dtype)) if bias else None

    def forward(self, input: Any) -> core.Tensor:
        """Map (..., in) to (..., out)."""
        return functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class Sequential(Module):
    """Modules one after the other; indexable, iterable.

    Parameters
    ----------
    *modules : Module
        The first one gets the input.

    Examples
    --------
    >>> import fastgrad as fg
    >>> model = fg.nn.Sequential(fg.nn.Linear(4, 8), fg.nn.ReLU(), fg.nn.Linear(8, 1))
    >>> len(model), model[-1].out_features
    (3, 1)
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"argument {i} must be a Module, got {type(module).__name__}")
            setattr(self, str(i), module)

    def forward(self, input: Any) -> Any:
        """Run all modules."""
        for module in self.children():
            input = module(input)
        return input

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        modules = list(self.children())
        return Sequential(*modules[index]) if isinstance(index, slice) else modules[index]


class Flatten(Module):
    """Make one axis of all axes but the first: (n, d1, d2, ...) becomes (n, d1 * d2 * ...).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.Flatten()(fg.random.uniform((5, 2, 3))).shape
    (5, 6)
    """

    def forward(self, input: Any) -> core.Tensor:
        """Reshape."""
        x = as_input(input, None)
        if x.ndim == 0:
            raise ValueError("Flatten: input must have at least one axis, got shape ()")
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class Dropout(Module):
    """While training, set each number to 0 with probability p and divide the others by 1 - p.

    Each call draws anew, of the generator of `fastgrad.manual_seed`; so does each replay of a recorded call.

    Parameters
    ----------
    p : float
        From 0 to 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.Dropout(0.5).eval()(fg.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p must be from 0 to 1, got {p}")
        self.p = p

    def forward(self, input: Any) -> core.Tensor:
        """Drop numbers, when training."""
        x = as_input(input, None)
        if not self.training or self.p == 0.0:
            return x
        if self.p == 1.0:
            return x * 0.0
        return x * random.bernoulli(x.shape, 1.0 - self.p) * (1.0 / (1.0 - self.p))

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}"


class MLP(Sequential):
    """A network of linear layers with an activation between them: a multilayer perceptron.

    Parameters
    ----------
    in_features : int
        Size of a sample.
    hidden : int or sequence of int
        Sizes of the hidden layers; an empty sequence leaves one linear layer.
    out_features : int
        Size of an output.
    activation : {"relu", "tanh", "sigmoid", "softplus", "gelu", "silu", "elu", "leaky_relu"}
        What follows each hidden layer.
    dropout : float
        Probability of a `Dropout` after each activation.

    Raises
    ------
    ValueError
        When the activation is unknown or a size negative.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.MLP(4, [8], 1, activation="tanh")
    MLP(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): Tanh()
      (2): Linear(in_features=8, out_features=1, bias=True)
    )
    """

    def __init__(
        self,
        in_features: int,
        hidden: int | Sequence[int],
        out_features: int,
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        widths = [hidden] if isinstance(hidden, (int, np.integer)) else list(hidden)
        layers: list[Module] = []
        for width in widths:
            layers += [Linear(in_features, _size("hidden", width)), ACTIVATIONS[activation]()]
            if dropout:
                layers.append(Dropout(dropout))
            in_features = width
        super().__init__(*layers, Linear(in_features, out_features))


def _size(name: str, value: Any) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)
