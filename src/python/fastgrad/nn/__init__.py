"""Models: modules, layers, losses, and the functions and initial values they are made of."""

from fastgrad.nn import functional, init
from fastgrad.nn.layers import (
    MLP,
    CrossEntropyLoss,
    Dropout,
    Flatten,
    L1Loss,
    Linear,
    MSELoss,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
)
from fastgrad.nn.module import Module
from fastgrad.nn.parameter import Parameter

__all__ = [
    "MLP",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "L1Loss",
    "Linear",
    "MSELoss",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "functional",
    "init",
]
