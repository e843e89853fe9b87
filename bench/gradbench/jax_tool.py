"""The JAX tool of a checkout of GradBench, for ``bench.gradbench.compare --jax``, on the same footing.

In float64 in all evals, where the suite asks for that in most, and timed until results are there: as it is,
the tool stops the clock when JAX has been asked, not when it has answered.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from gradbench import wrap

jax.config.update("jax_enable_x64", True)
repeat = wrap.multiple_runs


def repeat_waiting(**options: Any) -> Callable[[Callable[[Any], Any]], Any]:
    wrapped = repeat(**options)
    return lambda function: wrapped(lambda given: jax.block_until_ready(function(given)))


wrap.multiple_runs = repeat_waiting
tool = Path(wrap.__file__).with_name("tools") / "jax"
sys.path.insert(0, str(tool))
runpy.run_path(str(tool / "run.py"), run_name="__main__")
