"""Learning rates that change from step to step, with PyTorch's names, arguments and values."""

from fastgrad.optim.lr_scheduler.base import LRScheduler
from fastgrad.optim.lr_scheduler.decays import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    StepLR,
)
from fastgrad.optim.lr_scheduler.one_cycle import OneCycleLR
from fastgrad.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "StepLR",
]
