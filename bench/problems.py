"""What is trained in the suites: a small network as data, and its losses in float64 NumPy as the truth."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

Array = np.ndarray

_erf = np.vectorize(math.erf, otypes=["float64"])


def _gelu_slope(z: Array) -> Array:
    return 0.5 * (1 + _erf(z / math.sqrt(2))) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


# Of the numbers before the activation: its value, and its slope.
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: z > 0),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "gelu": (lambda z: 0.5 * z * (1 + _erf(z / math.sqrt(2))), _gelu_slope),
}

MOMENTUM = 0.9


@dataclass(frozen=True)
class Problem:
    """One network, its data, its first weights, and the batch orders in which contestants are compared."""

    inputs: int
    width: int
    hidden: int
    batch: int
    steps: int  # in an epoch
    outputs: int = 1
    activation: str = "relu"
    loss: str = "mse"  # or "cross_entropy"
    optimizer: str = "adam"  # or "sgd" (plain) or "momentum"
    rate: float = 1e-3
    dtype: str = "float32"
    shuffled: bool = True  # whether the orders that are checked are shuffled
    X: Array = field(init=False, repr=False)  # (steps * batch, inputs)
    y: Array = field(init=False, repr=False)  # (steps * batch,): numbers, or classes
    orders: list[Array] = field(init=False, repr=False)  # a permutation for each checked epoch
    weights: list[tuple[Array, Array]] = field(init=False, repr=False)  # [(in, out), (out,)] of each layer

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        n = self.steps * self.batch
        X = rng.standard_normal((n, self.inputs), dtype="float32").astype(self.dtype)
        # The noise keeps the gradients alive through however many epochs a turn takes.
        if self.loss == "mse":
            y = (np.sin(X[:, 0]) + 0.1 * rng.standard_normal(n)).astype(self.dtype)
        else:
            # Each sample twice, and half the classes drawn at random: they cannot be learned by heart.
            X[n // 2 :] = X[: n - n // 2]
            y = np.argmax(X @ rng.standard_normal((self.inputs, self.outputs)), axis=1)
            y = np.where(rng.random(n) < 0.5, rng.integers(0, self.outputs, n), y)
        orders = [rng.permutation(n) if self.shuffled else np.arange(n) for _ in range(2)]
        sizes = [self.inputs, *[self.width] * self.hidden, self.outputs]
        weights = [
            ((rng.standard_normal((a, b)) * np.sqrt(2 / a)).astype(self.dtype), np.zeros(b, self.dtype))
            for a, b in pairwise(sizes)
        ]
        for name, value in {"X": X, "y": y, "orders": orders, "weights": weights}.items():
            object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        """Inputs, width, hidden layers and batch; then what is not as usual."""
        usual = {"outputs": 1, "activation": "relu", "loss": "mse", "optimizer": "adam", "dtype": "float32"}
        values = {name: getattr(self, name) for name in usual}
        parts = [self.inputs, self.width, self.hidden, self.batch]
        parts += [
            f"{value} outputs" if name == "outputs" else str(value).replace("_", " ")
            for name, value in values.items()
            if value != usual[name]
        ]
        return ", ".join(map(str, parts))

    @property
    def flops(self) -> float:
        """Of one step: three products a layer, but no gradient of the inputs."""
        products = sum(w.size for w, _ in self.weights)
        return 2.0 * self.batch * (3 * products - self.weights[0][0].size)

    @cached_property
    def truth(self) -> list[float]:
        """The mean loss of each checked epoch, in float64."""
        parameters = [p.astype("float64") for pair in self.weights for p in pair]
        memory = [[np.zeros_like(p) for p in parameters] for _ in range(2)]
        X, y, step, losses = self.X.astype("float64"), self.y, 0, []
        for order in self.orders:
            total = 0.0
            for index in order.reshape(-1, self.batch):
                step += 1
                loss, grads = self._gradient(parameters, X[index], y[index])
                total += loss
                for p, m, v, g in zip(parameters, *memory, grads, strict=True):
                    p[:] -= self.rate * self._direction(m, v, g, step)
            losses.append(total / self.steps)
        return losses

    def check(self, losses: Sequence[float]) -> str | None:
        """Whether these are the losses of the checked epochs."""
        # scikit-learn's Adam adds its epsilon in another place than the others' do, which is 1e-5 here.
        tolerance = 1e-3 if self.dtype == "float32" else 1e-4
        worst = max(abs(loss / want - 1) for loss, want in zip(losses, self.truth, strict=True))
        return None if worst < tolerance else f"losses {list(losses)} differ from {self.truth}"

    def _direction(self, m: Array, v: Array, g: Array, step: int) -> Array:
        if self.optimizer == "adam":
            m[:] += 0.1 * (g - m)
            v[:] += 0.001 * (g * g - v)
            return (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        m[:] = (MOMENTUM if self.optimizer == "momentum" else 0) * m + g
        return m

    def _gradient(self, parameters: list[Array], x: Array, y: Array) -> tuple[float, list[Array]]:
        act, slope = ACTIVATIONS[self.activation]
        hidden, before = [x], []
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            before.append(hidden[-1] @ w + b)
            hidden.append(act(before[-1]))
        loss, delta = self._loss(hidden[-1] @ parameters[-2] + parameters[-1], y)
        grads: list[Array] = []
        for layer in reversed(range(len(hidden))):
            grads = [hidden[layer].T @ delta, delta.sum(axis=0), *grads]
            if layer:
                delta = (delta @ parameters[2 * layer].T) * slope(before[layer - 1])
        return loss, grads

    def _loss(self, output: Array, y: Array) -> tuple[float, Array]:
        """The mean loss, and its gradient with respect to the outputs."""
        n = len(y)
        if self.loss == "mse":
            r = output[:, 0] - y
            return float(r @ r) / n, (2 / n) * r[:, None]
        shifted = output - output.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        picked = np.arange(n), y
        delta = np.exp(logs)
        delta[picked] -= 1
        return -float(logs[picked].mean()), delta / n
