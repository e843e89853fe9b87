"""A whole training step: shuffle, gather, forward, loss, backward, update; timed in whole epochs."""

from collections.abc import Callable, Iterator

from bench import machine, trainers
from bench.harness import Case, Contestant, Options
from bench.problems import Problem

# The first six are the shapes of the goals: in, width, hidden layers, batch, steps in an epoch.
PROBLEMS = [
    Problem(8, 16, 1, 16, 256),
    Problem(8, 32, 2, 32, 128),
    Problem(16, 64, 2, 64, 64),
    Problem(32, 128, 2, 128, 32),
    Problem(64, 256, 3, 256, 16),
    Problem(64, 512, 3, 1024, 8),
    Problem(13, 50, 2, 100, 50),
    Problem(64, 128, 1, 64, 64, outputs=10, loss="cross_entropy"),
    Problem(16, 64, 2, 64, 64, optimizer="momentum"),
    Problem(16, 64, 2, 64, 64, activation="tanh"),
    Problem(16, 64, 2, 64, 64, activation="gelu"),
    Problem(16, 64, 2, 64, 64, dtype="float64"),
    Problem(64, 256, 3, 256, 16, dtype="float64"),
]
SHORT = Problem(16, 64, 2, 64, 64)
SHORT_EPOCHS = 32  # about 50 ms


def case(p: Problem, options: Options) -> Case:
    entries = {**trainers.FASTGRAD, **trainers.PEERS}
    if options.torch_compile:
        entries["torch.compile"] = trainers.torch_compiled
    return Case(
        "train",
        p.name,
        {name: trainers.contestant(trainer, p) for name, trainer in entries.items()},
        p.check,
        limits={"FMA peak": machine.fma_peak(p.dtype, options.threads)},
        work=p.flops,
    )


def first_case(p: Problem, epochs: int) -> Case:
    """Trainings from new weights, with everything that a first call pays: recording, tracing, compiling."""

    def fresh(trainer: trainers.Trainer) -> Callable[[], Contestant]:
        def build() -> Contestant:
            first = trainer(p)
            return Contestant(
                lambda: trainer(p).train(epochs), units=p.steps * epochs, result=lambda: first.checked(p)
            )

        return build

    def ten_times() -> Contestant:
        training = trainers.fastgrad_fit(p)
        longer = 10 * epochs  # long enough for its own recording not to count
        return Contestant(
            lambda: training.train(longer), units=p.steps * longer, result=lambda: training.checked(p)
        )

    builders = {
        "fastgrad": fresh(trainers.fastgrad_fit),
        "fastgrad, 10 times as long": ten_times,
        **{name: fresh(trainers.PEERS[name]) for name in ("PyTorch", "JAX scan", "scikit-learn")},
    }
    return Case("train", f"{p.name}: a new model for {epochs} epochs, by the step", builders, p.check)


def cases(options: Options) -> Iterator[Case]:
    for problem in PROBLEMS:
        yield case(problem, options)
    yield first_case(SHORT, SHORT_EPOCHS)
