"""A mixture of Gaussians with a Wishart prior: the logarithm of the posterior, and its gradient."""

import math
from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.protocol import Function


def log_sum_exp(x: Any) -> Any:
    """Along the last axis."""
    largest = fg.stop_gradient(fg.max(x, axis=-1, keepdims=True))  # taken off and added again
    return largest[..., 0] + fg.log(fg.sum(fg.exp(x - largest), axis=-1))


def log_posterior(parameters: Any, x: Any, gamma: Any, m: int) -> Any:
    """Of a mixture of k normal distributions, given x (n, d).

    Its weights are exp(alpha) (k,), but for a factor, its means mu (k, d). Inverse square roots of its
    covariances have the logarithms of their diagonals in q (k, d), and what is below those, by columns, in l.
    """
    alpha, mu, q, lower = (parameters[name] for name in ("alpha", "mu", "q", "l"))
    (n, d), k = x.shape, alpha.shape[0]
    columns, rows = np.triu_indices(d, 1)  # of the lower triangle, column by column
    place = np.full((d, d), d * (d + 1) // 2)  # of each entry among those of q, l and a zero
    place[np.arange(d), np.arange(d)] = np.arange(d)
    place[rows, columns] = d + np.arange(d * (d - 1) // 2)
    scale = fg.exp(q)
    entries = fg.concatenate([scale, lower, np.zeros((k, 1))], axis=1)
    roots = fg.take(entries, place, axis=1)  # (k, d, d), lower triangular

    # |Q (x - mu)|^2, with one product of matrices for all components.
    moved = x @ roots.reshape(k * d, d).T  # (n, k d)
    y = moved.reshape(n, k, d) - fg.sum(roots * mu[:, None, :], axis=2)
    log_weights = alpha + fg.sum(q, axis=1)
    inner = log_weights - 0.5 * fg.sum(y**2, axis=2)  # (n, k)
    likelihood = fg.sum(log_sum_exp(inner)) - n * log_sum_exp(alpha) - 0.5 * n * d * math.log(2.0 * math.pi)

    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi) + sum(
        math.lgamma(0.5 * (freedom - j)) for j in range(d)
    )
    normal = k * (freedom * d * fg.log(gamma / math.sqrt(2.0)) - log_gamma)
    squares = fg.sum(scale**2) + fg.sum(lower**2)
    return likelihood + normal - (0.5 * gamma**2 * squares - m * fg.sum(q))


def prepare(given: Any) -> tuple[Any, ...]:
    d, k = int(given["d"]), int(given["k"])
    parameters = {
        "alpha": np.array(given["alpha"], float),
        "mu": np.array(given["mu"], float),
        "q": np.array(given["q"], float),
        "l": np.array(given["l"], float).reshape(k, d * (d - 1) // 2),
    }
    return parameters, np.array(given["x"], float), float(given["gamma"]), int(given["m"])


def finish(gradient: Any) -> Any:
    return {name: part.tolist() for name, part in gradient.items()}


FUNCTIONS = {
    "objective": Function(fg.compile(log_posterior), prepare, float),
    "jacobian": Function(fg.compile(fg.grad(log_posterior)), prepare, finish),
}
