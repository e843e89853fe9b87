"""Training natively: `fit`, the whole loop, and `train_step`, one step of a loop of one's own."""

from fastgrad.training.fitting import fit
from fastgrad.training.history import EpochInfo, History
from fastgrad.training.stepping import TrainStep, train_step

__all__ = ["EpochInfo", "History", "TrainStep", "fit", "train_step"]
