"""Training natively: `fit`, the whole loop; `fit_many`; `train_step`, one step of a loop of one's own."""

from fastgrad.training.fitting import fit
from fastgrad.training.history import EpochInfo, History
from fastgrad.training.many import FitResult, fit_many
from fastgrad.training.stepping import TrainStep, train_step

__all__ = ["EpochInfo", "FitResult", "History", "TrainStep", "fit", "fit_many", "train_step"]
