"""Every hidden width: what a step costs must grow evenly, without a cliff between neighbours."""

from collections.abc import Iterator

from bench import trainers
from bench.harness import Case, Options, Row, Summary, Timing
from bench.problems import Problem

LARGEST = 300
BATCH, STEPS = 128, 32
TRAINERS = {"fastgrad": trainers.fastgrad_fit, "PyTorch": trainers.torch_eager}


def selection() -> list[int]:
    """Multiples of 16 with the widths beside them, and of 8 up to 64."""
    middles = {*range(16, LARGEST, 16), *range(8, 65, 8)}
    return sorted({1, 2, 4, LARGEST - 1, LARGEST} | {m + d for m in middles for d in (-1, 0, 1)})


def case(width: int) -> Case:
    p = Problem(16, width, 2, BATCH, STEPS)
    builders = {name: trainers.contestant(trainer, p) for name, trainer in TRAINERS.items()}
    return Case("widths", f"width {width}", builders, p.check, work=p.flops, x=width)


def steepest(rows: list[Row]) -> Iterator[Row]:
    """How much longer a width takes at most than the one below it, and than the one above it."""
    for name, direction in (("one wider", 1), ("one narrower", -1)):
        found = {}
        for contestant in dict.fromkeys(c for row in rows for c in row.contestants):
            times = {
                row.x: row.contestants[contestant].median
                for row in rows
                if row.suite == "widths"
                and row.x is not None
                and contestant in row.contestants
                and row.contestants[contestant].ok
            }
            ratios = {
                (width, width + direction): times[width + direction] / times[width]
                for width in times
                if width + direction in times
            }
            if ratios:
                pair = max(ratios, key=ratios.__getitem__)
                detail = f"from {pair[0]:.0f} to {pair[1]:.0f}"
                found[contestant] = Timing("ok", detail, [ratios[pair]])
        if found:
            yield Row("widths", f"largest step to {name}", found, unit="x")


def cases(options: Options) -> Iterator[Case | Summary]:
    for width in range(1, LARGEST + 1) if options.all_widths else selection():
        yield case(width)
    yield steepest
