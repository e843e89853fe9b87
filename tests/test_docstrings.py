"""The public names: all there, all documented, their examples true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import fastgrad as fg

MODULES = ["fastgrad", *sorted(module.name for module in pkgutil.walk_packages(fg.__path__, "fastgrad."))]
MODULES.remove("fastgrad.__main__")
FUNCTIONS = [fg.autograd, fg.fft, fg.linalg, fg.nn.functional, fg.nn.init, fg.nn.utils, fg.random, fg.viz]
PUBLIC = [fg, fg.data, fg.nn, fg.optim, fg.optim.lr_scheduler, *FUNCTIONS]


def public_names(module):
    if hasattr(module, "__all__"):
        return module.__all__
    here = module.__name__
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == here]
    return [name for name in own if not name.startswith("_")]


CALLABLES = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in PUBLIC
    for name in public_names(module)
    if callable(getattr(module, name, None))
}


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_listed_names_exist(module):
    names = public_names(module)
    assert len(names) == len(set(names)) > 0
    assert [name for name in names if not hasattr(module, name)] == []


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    told = []
    for examples in doctest.DocTestFinder().find(importlib.import_module(name)):
        runner.run(examples, out=told.append)
    assert runner.failures == 0, "".join(told)


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_documented(name):
    value = CALLABLES[name]
    text = inspect.getdoc(value)
    if inspect.isbuiltin(value) or value in {fg.Tensor, fg.GradientError, fg.RecordingError}:
        assert re.search(r"[A-Za-z].*\.$", text, re.MULTILINE)  # a sentence: these are the compiled core's
    else:
        assert ">>> " in text, "an example is missing"
