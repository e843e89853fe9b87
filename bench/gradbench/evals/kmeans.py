"""k-means: the cost of centroids, and the step that Newton's method with a diagonal Hessian takes."""

from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.protocol import Function


def cost(centroids: Any, points: Any) -> Any:
    """The sum of squared distances of points (n, d) to the nearest of the centroids (k, d)."""
    # Which is nearest does not change with small changes: only the distance to that one has a derivative.
    nearest = fg.argmin(0.5 * fg.sum(centroids**2, axis=1) - points @ centroids.T, axis=1)  # (n,)
    return fg.sum((centroids[nearest] - points) ** 2)


def direction(centroids: Any, points: Any) -> Any:
    """The gradient over the diagonal of the Hessian, which is the Hessian times ones: it has nothing else."""
    gradient, diagonal = fg.jvp(lambda c: fg.grad(cost)(c, points), (centroids,), (np.ones(centroids.shape),))
    return gradient / diagonal


def prepare(given: Any) -> tuple[Any, ...]:
    return np.array(given["centroids"], float), np.array(given["points"], float)


FUNCTIONS = {
    "cost": Function(fg.compile(cost), prepare, float),
    "dir": Function(fg.compile(direction), prepare, np.ndarray.tolist),
}
