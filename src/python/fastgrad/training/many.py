"""fit_many: many models on the same data at once, each in a thread of its own."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fastgrad import random
from fastgrad._native import core
from fastgrad.config import get_num_threads
from fastgrad.data import DataLoader, Subset, TensorDataset
from fastgrad.nn.module import Module
from fastgrad.optim.optimizer import Optimizer
from fastgrad.training.inputs import as_tensor
from fastgrad.training.loop import Fit, Options
from fastgrad.training.optimizers import named_optimizer
from fastgrad.training.progress import Progress

if TYPE_CHECKING:
    from fastgrad.training.history import History

__all__ = ["FitResult", "fit_many"]

_OPTIONS = {field.name for field in dataclasses.fields(Options)}
# One bar shows all members.
_SHARED = {"progress"}


@dataclasses.dataclass(frozen=True)
class FitResult:
    """One member of `fit_many`.

    Attributes
    ----------
    model : Module
        Trained.
    history : History
        As `fit` returns it.
    config : dict
        What was given for it, with its ``"seed"``.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> X = np.linspace(-1.0, 1.0, 32)[:, None]
    >>> (result,) = fg.fit_many(lambda: fg.nn.Linear(1, 1), X, X, [{"lr": 0.1, "seed": 1}], epochs=2)
    >>> result.config, result.history.epochs
    ({'lr': 0.1, 'seed': 1}, 2)
    """

    model: Module
    history: History
    config: dict[str, Any]


def fit_many(
    make_model: Callable[[], Module],
    X: Any,
    y: Any = None,
    configs: Iterable[Mapping[str, Any]] = (),
    **keywords: Any,
) -> list[FitResult]:
    """Train many models on the same data, several at a time.

    Each member gives the same bits as a fit on its own:
    ``manual_seed(seed); model = make_model(); fit(model, X, y, seed=seed, ...)``.

    Parameters
    ----------
    make_model : callable
        Returns a new model; called once for each config, with the global generator at its seed.
    X, y
        As for `fit`. All members read the same arrays.
    configs : iterable of dict
        One for each member: keywords of `fit` that are its own, such as ``"lr"``, ``"seed"`` (drawn by
        default) or ``"batch_size"``; anything else is a hyper-parameter of the optimizer, such as
        ``"weight_decay"``.
    **keywords
        Of `fit`, for all members. Callbacks are called in the thread of their member; ``progress`` shows one
        bar.

    Returns
    -------
    list of FitResult
        In the order of the configs, each with ``model``, ``history`` and ``config``.

    Raises
    ------
    TypeError, ValueError
        When an argument does not fit, before anything is trained. What a callback raises ends all members.

    Warns
    -----
    RuntimeWarning
        When members diverged; their ``history.stopped`` is ``"diverged"``. The others go on.

    Notes
    -----
    As many members run at once as `get_num_threads` says, at most one for each CPU.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = X @ [1.0, -1.0]
    >>> configs = [{"lr": lr, "seed": 0} for lr in (1e-4, 1e-1)]
    >>> slow, good = fg.fit_many(lambda: fg.nn.Linear(2, 1), X, y, configs, optimizer="sgd")
    >>> good.history.history["loss"][-1] < 1e-3 < slow.history.history["loss"][-1]
    True
    """
    given: Any = make_model
    if not callable(given) or isinstance(given, Module):
        raise TypeError(f"make_model must be a function that returns a model, got {type(given).__name__}")
    listed = _checked_configs(configs)
    unknown = sorted(set(keywords) - _OPTIONS)
    if unknown:
        raise TypeError(f"fit_many() got an unexpected keyword argument {unknown[0]!r}")
    progress = Progress(keywords.pop("progress", "auto"))
    made = [_options(config, keywords) for config in listed]
    models = [_seeded(make_model, config["seed"]) for config in listed]
    X, y = _converted(X, y, models)
    cancel = core.train.Cancel()
    with contextlib.ExitStack() as stack:
        fits = []
        for i, (model, options) in enumerate(zip(models, made, strict=True)):
            try:
                member = stack.enter_context(Fit(model, X, y, options))
            except (TypeError, ValueError, RuntimeError) as error:
                _tell(error, f"in configs[{i}]")
                raise
            member.cancel = cancel
            fits.append(member)
        progress.start(len(fits), "model")
        try:
            histories = _run(fits, cancel, progress)
        finally:
            progress.close()
    diverged = [i for i, history in enumerate(histories) if history.stopped == "diverged"]
    if diverged:
        warnings.warn(
            f"{len(diverged)} of {len(histories)} members diverged, the first of them that of "
            f"configs[{diverged[0]}]: {histories[diverged[0]].message}",
            RuntimeWarning,
            stacklevel=2,
        )
    return [FitResult(*parts) for parts in zip(models, histories, listed, strict=True)]


def _checked_configs(configs: Any) -> list[dict[str, Any]]:
    if isinstance(configs, Mapping):
        raise TypeError("configs must be an iterable of dicts, one for each model, got a single dict")
    listed = []
    for i, config in enumerate(configs):
        if not isinstance(config, Mapping):
            raise TypeError(f"configs[{i}] must be a dict, got {type(config).__name__}")
        if _SHARED & set(config):
            raise ValueError(f"configs[{i}] cannot have 'progress' of its own: give it to fit_many")
        seed = config.get("seed")
        drawn = random.draw_seed() if seed is None else random.checked_seed(seed, f"configs[{i}]['seed']")
        listed.append({**config, "seed": drawn})
    if not listed:
        raise ValueError("configs is empty: there is nothing to train")
    return listed


def _options(config: Mapping[str, Any], keywords: Mapping[str, Any]) -> Options:
    """The options of one member; what `fit` has no keyword for goes to its optimizer."""
    given = {**keywords, **{name: value for name, value in config.items() if name in _OPTIONS}}
    hyper = {name: value for name, value in config.items() if name not in _OPTIONS}
    optimizer = given.get("optimizer")
    if isinstance(optimizer, Optimizer):
        raise ValueError("optimizer must be a name or a function, for each member needs one of its own")
    if hyper:
        make: Any = (
            named_optimizer(optimizer) if optimizer is None or isinstance(optimizer, str) else optimizer
        )
        if not callable(make):
            raise TypeError(f"optimizer must be a name or a function, got {type(optimizer).__name__}")
        given["optimizer"] = lambda params: make(params, **hyper)
    return Options(**{**given, "progress": False})


def _seeded(make_model: Callable[[], Module], seed: int) -> Module:
    """A model as it is after manual_seed(seed); the generator goes on from where it was."""
    before = random.get_state()
    try:
        random.manual_seed(seed)
        return make_model()
    finally:
        random.set_state(before)


def _converted(X: Any, y: Any, models: list[Module]) -> tuple[Any, Any]:
    """The arrays as tensors, of the dtype that all models have: converted once, not by each member."""
    dtypes = {model._dtype() for model in models if hasattr(model, "_dtype")}
    if len(dtypes) != 1 or isinstance(X, (TensorDataset, Subset, DataLoader)):
        return X, y
    (dtype,) = dtypes
    out = []
    for name, value in (("X", X), ("y", y)):
        tensor = None if value is None else as_tensor(value, name)
        if tensor is not None and dtype is not None and tensor.dtype.kind == "f":
            tensor = tensor.astype(dtype)
        out.append(tensor)
    return out[0], out[1]


def _run(fits: list[Fit], cancel: core.train.Cancel, progress: Progress) -> list[History]:
    workers = max(1, min(len(fits), get_num_threads(), os.cpu_count() or 1))
    with concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="fit_many") as pool:
        futures = [pool.submit(member.run) for member in fits]
        try:
            pending = set(futures)
            while pending:
                # A timeout, for a plain wait does not notice Ctrl-C on every platform.
                done, pending = concurrent.futures.wait(pending, 0.1, concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    future.result()
                    progress.update({})
        except BaseException:
            cancel.request()  # the others stop at a completed step
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _tell(error: BaseException, note: str) -> None:
    """Add a note; before Python 3.11, where there are none, to the message."""
    if hasattr(error, "add_note"):
        error.add_note(note)
    else:
        error.args = (f"{error} ({note})",)
