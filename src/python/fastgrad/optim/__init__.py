"""Optimizers with PyTorch's names, arguments and formulas; each step is one native call."""

from fastgrad.optim import lr_scheduler
from fastgrad.optim.adagrad import Adadelta, Adagrad
from fastgrad.optim.adam import Adam, AdamW
from fastgrad.optim.lion import Lion
from fastgrad.optim.nadam import NAdam
from fastgrad.optim.optimizer import Optimizer
from fastgrad.optim.rmsprop import RMSprop
from fastgrad.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "lr_scheduler",
]
