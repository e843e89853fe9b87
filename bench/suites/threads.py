"""Training on several cores: one network on all of them, and two trainings at once."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import machine, peers, trainers
from bench.harness import Case, Contestant, Options
from bench.problems import Problem
from bench.suites.train import PROBLEMS

ALONE = PROBLEMS[:6]
AT_ONCE = [Problem(16, 64, 2, 64, 64), Problem(64, 256, 3, 256, 16)]
TRAINERS = {"fastgrad": ("fastgrad", trainers.fastgrad_fit), "PyTorch": ("PyTorch", trainers.torch_eager)}


def on_threads(library: str, trainer: trainers.Trainer, p: Problem, threads: int) -> Callable[[], Contestant]:
    """As `trainers.contestant`, on this many threads of the library's own."""

    def build() -> Contestant:
        module, training = peers.load(library), trainer(p)

        def train(epochs: int) -> None:
            before = module.get_num_threads()
            module.set_num_threads(threads)
            try:
                training.train(epochs)
            finally:
                module.set_num_threads(before)

        return Contestant(lambda: train(1), p.steps, lambda: training.checked(p), run_many=train)

    return build


def alone_case(p: Problem, options: Options) -> Case:
    builders = {}
    for name, (library, trainer) in TRAINERS.items():
        builders[name] = on_threads(library, trainer, p, options.threads)
        if options.threads > 1:
            builders[f"{name}, 1 thread"] = on_threads(library, trainer, p, 1)
    builders["JAX scan"] = trainers.contestant(trainers.jax_scan, p)
    return Case(
        "threads",
        f"{p.name}, on {options.threads} thread{'s' * (options.threads > 1)}",
        builders,
        p.check,
        limits={"FMA peak": machine.fma_peak(p.dtype, options.threads)},
        work=p.flops,
    )


def _pair(p: Problem, train: Callable[[int], Any], checked: Callable[[], Any]) -> Contestant:
    return Contestant(lambda: train(1), units=2 * p.steps, result=checked, run_many=train)


def in_turn(trainer: trainers.Trainer, p: Problem) -> Callable[[], Contestant]:
    def build() -> Contestant:
        pair = [trainer(p), trainer(p)]
        return _pair(p, lambda epochs: [t.train(epochs) for t in pair], lambda: [t.checked(p) for t in pair])

    return build


def in_threads(trainer: trainers.Trainer, p: Problem) -> Callable[[], Contestant]:
    def build() -> Contestant:
        pair, pool = [trainer(p), trainer(p)], ThreadPoolExecutor(2)
        return _pair(
            p,
            lambda epochs: list(pool.map(lambda t: t.train(epochs), pair)),
            lambda: list(pool.map(lambda t: t.checked(p), pair)),
        )

    return build


def _work(name: str, p: Problem, pipe: Any) -> None:
    """A process of its own: trains as many epochs as it is told, 0 for the check."""
    try:
        training = TRAINERS[name][1](p)
        while True:
            epochs = pipe.recv()
            pipe.send(training.train(epochs) if epochs else training.checked(p))
    except EOFError:
        pass
    except Exception as error:
        pipe.send(error)


def in_processes(name: str, p: Problem) -> Callable[[], Contestant]:
    def build() -> Contestant:
        context = multiprocessing.get_context("spawn")
        pipes = []
        for _ in range(2):
            ours, theirs = context.Pipe()
            context.Process(target=_work, args=(name, p, theirs), daemon=True).start()
            theirs.close()
            pipes.append(ours)

        def ask(epochs: int) -> list[Any]:
            for pipe in pipes:
                pipe.send(epochs)
            answers = [pipe.recv() for pipe in pipes]
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            return answers

        return _pair(p, ask, lambda: ask(0))

    return build


def at_once_case(p: Problem) -> Case:
    builders = {}
    for name, (_, trainer) in TRAINERS.items():
        builders[name] = in_threads(trainer, p)
        builders[f"{name}, one after the other"] = in_turn(trainer, p)
    builders["fastgrad, two processes"] = in_processes("fastgrad", p)

    def check(found: list[list[float]]) -> str | None:
        return next((wrong for losses in found if (wrong := p.check(losses)) is not None), None)

    return Case("threads", f"{p.name}, two at once in two Python threads", builders, check, work=p.flops)


def cases(options: Options) -> Iterator[Case]:
    for problem in ALONE:
        yield alone_case(problem, options)
    for problem in AT_ONCE:
        yield at_once_case(problem)
