"""OneCycleLR: the learning rate up and down once, and momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastgrad.optim.lr_scheduler.base import LRScheduler, checked_count
from fastgrad.optim.optimizer import Optimizer, checked_number

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """Up from ``max_lr / div_factor`` to `max_lr`, then down to far below where it began: one step a batch.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates to set.
    max_lr : float or sequence of float
        The highest, for all groups or each.
    total_steps : int, optional
        How many steps there are; or give `epochs` and `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
        Their product is `total_steps`.
    pct_start : float
        The part of the steps that goes up, from 0 to 1.
    anneal_strategy : {"cos", "linear"}
        Along half a wave of the cosine, or straight.
    cycle_momentum : bool
        Whether ``momentum``, or the first of ``betas``, goes the other way: from `max_momentum` to
        `base_momentum` and back.
    base_momentum, max_momentum : float
        As said.
    div_factor, final_div_factor : float
        It begins at ``max_lr / div_factor``, and ends at that divided by `final_div_factor`.
    three_phase : bool
        Whether to come down as fast as up, to where it began, before the last descent.

    Raises
    ------
    ValueError
        When an argument is out of range, or the optimizer has no momentum to cycle.

    Notes
    -----
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates",
    2017, as PyTorch has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> optimizer = fg.optim.SGD([fg.tensor(1.0, requires_grad=True)], lr=0.5, momentum=0.9)
    >>> schedule = fg.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10, pct_start=0.5)
    >>> rates = [optimizer.lr]
    >>> for _ in range(9):
    ...     schedule.step()
    ...     rates.append(optimizer.lr)
    >>> [round(rate, 3) for rate in rates]
    [0.04, 0.181, 0.52, 0.859, 1.0, 0.905, 0.655, 0.345, 0.095, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        super().__init__(optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("give total_steps, or both epochs and steps_per_epoch")
            total_steps = checked_count("epochs", epochs) * checked_count("steps_per_epoch", steps_per_epoch)
        if not 0.0 <= pct_start <= 1.0:
            raise ValueError(f"pct_start must be from 0 to 1, got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be cos or linear, got {anneal_strategy!r}")
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(f"{type(optimizer).__name__} has no momentum: set cycle_momentum=False")
        count = len(self.base_lrs)
        highest = list(max_lr) if isinstance(max_lr, Sequence) else [max_lr] * count
        if len(highest) != count:
            raise ValueError(f"max_lr has {len(highest)} numbers, expected {count}, one a parameter group")
        self.total_steps = checked_count("total_steps", total_steps)
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = bool(cycle_momentum)
        self.base_momentum = checked_number("base_momentum", base_momentum)
        self.max_momentum = checked_number("max_momentum", max_momentum)
        self.max_lrs = [checked_number(f"max_lr[{i}]", rate) for i, rate in enumerate(highest)]
        self.base_lrs = [rate / checked_number("div_factor", div_factor) for rate in self.max_lrs]
        self.final_div_factor = checked_number("final_div_factor", final_div_factor)
        up = float(pct_start) * self.total_steps
        # Numbers of steps at which a phase ends, fractions among them.
        self.ends = [up - 1.0, 2.0 * up - 2.0] if three_phase else [up - 1.0]
        self.ends.append(self.total_steps - 1.0)
        self._apply()

    def step(self) -> None:
        """Go on by one step.

        Raises
        ------
        ValueError
            After `total_steps` of them, the first one counted.
        """
        if self.last_epoch + 1 > self.total_steps:
            raise ValueError(f"the cycle has {self.total_steps} steps, and they have all been taken")
        super().step()

    def _apply(self) -> None:
        super()._apply()
        if not self.cycle_momentum:
            return
        momentum = self._between(
            [self.max_momentum, self.base_momentum, self.max_momentum, self.max_momentum]
        )
        for group in self.optimizer.param_groups:
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def _rates(self) -> list[float]:
        rates = []
        for first, highest in zip(self.base_lrs, self.max_lrs, strict=True):
            least = first / self.final_div_factor
            corners = [first, highest, first, least] if len(self.ends) == 3 else [first, highest, least]
            rates.append(self._between(corners))
        return rates

    def _between(self, corners: list[float]) -> float:
        """Return where the number of steps stands on the way from corner to corner."""
        starts = [0.0, *self.ends]
        phase = next((i for i, end in enumerate(self.ends) if self.last_epoch <= end), len(self.ends) - 1)
        length = self.ends[phase] - starts[phase]
        done = min((self.last_epoch - starts[phase]) / length, 1.0) if length else 1.0
        start, end = corners[phase], corners[phase + 1]
        if self.anneal_strategy == "linear":
            return start + (end - start) * done
        return end + 0.5 * (start - end) * (1.0 + math.cos(math.pi * done))
