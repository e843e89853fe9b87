"""fastgrad: derivatives and training of small and medium models on a CPU.

`tensor` and `.backward()` in PyTorch's style, `grad`, `hessian` and `compile` in JAX's, `nn` models with
`optim` optimizers, `minimize` for descent on any function, `viz` to see it.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

from fastgrad import linalg, numpy
from fastgrad._array_protocol import install as _install_array_protocol
from fastgrad._core import GradientError, RecordingError, Tensor
from fastgrad._grad_mode import no_grad
from fastgrad._methods import install as _install_methods
from fastgrad._version import __version__
from fastgrad.tensors import asarray, tensor

if _TYPE_CHECKING:
    from fastgrad import autograd, data, fft, nn, optim, random, viz
    from fastgrad.autodiff import (
        elementwise_grad,
        grad,
        hessian,
        jacfwd,
        jacobian,
        jacrev,
        stop_gradient,
        value_and_grad,
    )
    from fastgrad.batching import vmap
    from fastgrad.compilation import compile
    from fastgrad.config import get_num_threads, set_num_threads, show_config, threads
    from fastgrad.curvature import learning_rate_bounds
    from fastgrad.custom_rules import custom_jvp, custom_vjp
    from fastgrad.descent import minimize
    from fastgrad.gradient_check import check_grads
    from fastgrad.implicit import custom_fixed_point, custom_root
    from fastgrad.loops import cond, scan, while_loop
    from fastgrad.numpy import *  # noqa: F403
    from fastgrad.prediction import predict
    from fastgrad.products import hvp, jvp, make_hvp, vjp
    from fastgrad.random import manual_seed
    from fastgrad.rematerialization import remat
    from fastgrad.training import EpochInfo, FitResult, History, TrainStep, fit, fit_many, train_step

_install_array_protocol()
_install_methods()

# The operations, as fg.sin, fg.where, ...: every public function of fastgrad.numpy.
_operations = {
    name: value
    for name, value in vars(numpy).items()
    if not name.startswith("_") and callable(value)
    if not isinstance(value, type)
}
globals().update({name: value for name, value in _operations.items() if name not in globals()})

# Everything else is loaded when it is used: a process pays at its start for what it needs.
_LOADED_ON_USE = {
    "autodiff": (
        "elementwise_grad",
        "grad",
        "hessian",
        "jacfwd",
        "jacobian",
        "jacrev",
        "stop_gradient",
        "value_and_grad",
    ),
    "batching": ("vmap",),
    "compilation": ("compile",),
    "config": ("get_num_threads", "set_num_threads", "show_config", "threads"),
    "curvature": ("learning_rate_bounds",),
    "custom_rules": ("custom_jvp", "custom_vjp"),
    "descent": ("minimize",),
    "gradient_check": ("check_grads",),
    "implicit": ("custom_fixed_point", "custom_root"),
    "loops": ("cond", "scan", "while_loop"),
    "prediction": ("predict",),
    "products": ("hvp", "jvp", "make_hvp", "vjp"),
    "random": ("manual_seed",),
    "rematerialization": ("remat",),
    "training": ("EpochInfo", "FitResult", "History", "TrainStep", "fit", "fit_many", "train_step"),
}
_SUBMODULES = ("autograd", "data", "fft", "nn", "optim", "random", "viz")
_HOME = {name: module for module, names in _LOADED_ON_USE.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return _import_module(f"fastgrad.{name}")
    if name in numpy._HOME:
        globals()[name] = value = getattr(numpy, name)
        return value
    if name not in _HOME:
        raise AttributeError(f"module 'fastgrad' has no attribute {name!r}")
    globals()[name] = value = getattr(_import_module(f"fastgrad.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_HOME, *numpy._HOME})


__all__ = [  # noqa: PLE0604 - the operations are listed by the compiled core
    *sorted({*_operations, *numpy._HOME} - {"asarray"}),
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
    "custom_fixed_point",
    "custom_jvp",
    "custom_root",
    "custom_vjp",
    "cond",
    "data",
    "elementwise_grad",
    "fft",
    "fit",
    "fit_many",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "learning_rate_bounds",
    "linalg",
    "make_hvp",
    "manual_seed",
    "minimize",
    "nn",
    "no_grad",
    "numpy",
    "optim",
    "predict",
    "random",
    "remat",
    "scan",
    "set_num_threads",
    "show_config",
    "stop_gradient",
    "tensor",
    "threads",
    "train_step",
    "value_and_grad",
    "viz",
    "vjp",
    "vmap",
    "while_loop",
]
