"""Many small networks on the same data, each with its own learning rate; timed by the step of a model."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from bench import peers, trainers
from bench.harness import Case, Contestant, Options
from bench.problems import Problem

PROBLEM = Problem(16, 32, 2, 64, 64, optimizer="sgd", shuffled=False)
MODELS = 64
EPOCHS = 40  # of a call: what `fit_many` and `fit` record at its start is part of it


def case(p: Problem, models: int, epochs: int) -> Case:
    rates = [float(rate) for rate in np.geomspace(1e-4, 3e-2, models)]

    def fastgrad() -> Contestant:
        fg = peers.load("fastgrad")
        options = {"loss": p.loss, "batch_size": p.batch, "optimizer": "sgd", "progress": False}
        configs = [{"lr": rate, "seed": 0} for rate in rates]

        def run(epochs: int, shuffle: bool) -> list[list[float]]:
            found = fg.fit_many(
                lambda: trainers.fastgrad_model(p),
                p.X,
                p.y,
                configs,
                epochs=epochs,
                shuffle=shuffle,
                **options,
            )
            return [result.history.history["loss"] for result in found]

        return contestant(run)

    def loop_of_fit() -> Contestant:
        fg = peers.load("fastgrad")
        options = {"loss": p.loss, "batch_size": p.batch, "optimizer": "sgd", "progress": False, "seed": 0}

        def run(epochs: int, shuffle: bool) -> list[list[float]]:
            return [
                fg.fit(
                    trainers.fastgrad_model(p), p.X, p.y, lr=rate, epochs=epochs, shuffle=shuffle, **options
                ).history["loss"]
                for rate in rates
            ]

        return contestant(run)

    def contestant(run: Any) -> Contestant:
        return Contestant(
            lambda: run(epochs, True),
            units=models * p.steps * epochs,
            result=lambda: run(len(p.orders), False),
        )

    def jax() -> Contestant:
        """All models in one jitted epoch, sharing the batches: the others have the same ones by the seed."""
        j = peers.load("JAX")
        state, step = trainers.jax_step(p)
        states = j.tree_util.tree_map(lambda leaf: j.numpy.stack([leaf] * models), state)
        steps = j.vmap(step, in_axes=(0, None, 0))
        batches = trainers.jax_batches(p)
        learning_rates = j.numpy.asarray(rates, p.dtype)

        def in_order(states: Any, order: Any, X: Any, y: Any) -> Any:
            states, losses = j.lax.scan(
                lambda s, batch: steps(s, batch, learning_rates), states, batches(order, X, y)
            )
            return states, losses.mean(axis=0)

        training = trainers.jax_training(p, states, j.jit(in_order, donate_argnums=0), np.asarray)
        return Contestant(
            lambda: training.train(epochs),
            units=models * p.steps * epochs,
            result=lambda: np.transpose(training.checked(p)),
        )

    def check(found: Any) -> str | None:
        for rate, losses in zip(rates, found, strict=True):
            wrong = replace(p, rate=rate).check(losses)
            if wrong is not None:
                return f"with the rate {rate:.3g}: {wrong}"
        return None

    builders = {"fastgrad": fastgrad, "fastgrad, fit by fit": loop_of_fit, "JAX vmap + scan": jax}
    return Case("fleet", f"{models} models {p.name}", builders, check, work=p.flops)


def cases(_options: Options) -> Iterator[Case]:
    yield case(PROBLEM, MODELS, EPOCHS)
