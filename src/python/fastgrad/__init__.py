"""fastgrad: derivatives and training of small and medium models on a CPU.

`tensor` and `.backward()` in PyTorch's style, `grad`, `hessian` and `compile` in JAX's, `nn` models with
`optim` optimizers, `minimize` for descent on any function, `viz` to see it.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from fastgrad import autograd, data, nn, numpy, optim, random, viz
from fastgrad._array_protocol import install as _install_array_protocol
from fastgrad._core import GradientError, RecordingError, Tensor
from fastgrad._grad_mode import no_grad
from fastgrad._version import __version__
from fastgrad.autodiff import elementwise_grad, grad, hessian, hvp, jacobian, stop_gradient, value_and_grad
from fastgrad.compilation import compile
from fastgrad.config import get_num_threads, set_num_threads, show_config, threads
from fastgrad.descent import learning_rate_bounds, minimize
from fastgrad.gradient_check import check_grads
from fastgrad.predict import predict
from fastgrad.random import manual_seed
from fastgrad.tensors import asarray, tensor

if _TYPE_CHECKING:
    from fastgrad.numpy import *  # noqa: F403
    from fastgrad.training import EpochInfo, FitResult, History, TrainStep, fit, fit_many, train_step

_install_array_protocol()

# The operations, as fg.sin, fg.where, ...: every public function of fastgrad.numpy.
_operations = {
    name: value for name, value in vars(numpy).items() if not name.startswith("_") and callable(value)
}
globals().update({name: value for name, value in _operations.items() if name not in globals()})

# The modules of training are loaded when they are used: a process that only differentiates starts sooner.
_OF_TRAINING = ("EpochInfo", "FitResult", "History", "TrainStep", "fit", "fit_many", "train_step")


def __getattr__(name: str) -> object:
    if name not in _OF_TRAINING:
        raise AttributeError(f"module 'fastgrad' has no attribute {name!r}")
    from fastgrad import training

    globals()[name] = value = getattr(training, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_OF_TRAINING})


__all__ = [  # noqa: PLE0604 - the operations are listed by the compiled core
    *sorted(_operations),
    "EpochInfo",
    "FitResult",
    "GradientError",
    "History",
    "RecordingError",
    "Tensor",
    "TrainStep",
    "__version__",
    "asarray",
    "autograd",
    "check_grads",
    "compile",
    "data",
    "elementwise_grad",
    "fit",
    "fit_many",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "learning_rate_bounds",
    "manual_seed",
    "minimize",
    "nn",
    "no_grad",
    "numpy",
    "optim",
    "predict",
    "random",
    "set_num_threads",
    "show_config",
    "stop_gradient",
    "tensor",
    "threads",
    "train_step",
    "value_and_grad",
    "viz",
]
