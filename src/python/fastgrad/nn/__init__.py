"""Models: modules, layers, losses, and the functions and initial values they are made of."""

from fastgrad.nn import functional, init, utils
from fastgrad.nn.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from fastgrad.nn.layers import (
    MLP,
    Dropout,
    Flatten,
    Linear,
    Sequential,
)
from fastgrad.nn.loss_modules import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    GaussianNLLLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    PinballLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
)
from fastgrad.nn.module import Module
from fastgrad.nn.parameter import Parameter

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "GaussianNLLLoss",
    "HuberLoss",
    "L1Loss",
    "LeakyReLU",
    "Linear",
    "MSELoss",
    "Module",
    "NLLLoss",
    "Parameter",
    "PinballLoss",
    "PoissonNLLLoss",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softplus",
    "Tanh",
    "functional",
    "init",
    "utils",
]
