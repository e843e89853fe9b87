"""A whole training step of an MLP: shuffle, gather, forward, loss, backward, Adam; timed in whole epochs."""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from bench import machine, peers
from bench.harness import AbsentError, Case, Contestant, Options

# in, width, hidden layers, batch, steps in an epoch
SHAPES = [
    (8, 16, 1, 16, 256),
    (8, 32, 2, 32, 128),
    (16, 64, 2, 64, 64),
    (32, 128, 2, 128, 32),
    (64, 256, 3, 256, 16),
    (64, 512, 3, 1024, 8),
]
RATE = 1e-3
CHECKED_EPOCHS = 2


@dataclass
class Problem:
    """One network, its data, its first weights, and the batch orders in which contestants are compared."""

    inputs: int
    width: int
    hidden: int
    batch: int
    steps: int
    X: np.ndarray = field(init=False)  # (steps * batch, inputs)
    y: np.ndarray = field(init=False)  # (steps * batch,)
    orders: list[np.ndarray] = field(init=False)  # a permutation for each checked epoch
    weights: list[tuple[np.ndarray, np.ndarray]] = field(init=False)  # [(in, out), (out,)] of each layer

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        n = self.steps * self.batch
        self.X = rng.standard_normal((n, self.inputs), dtype="float32")
        # The noise keeps the gradients alive through however many epochs a turn takes.
        self.y = (np.sin(self.X[:, 0]) + 0.1 * rng.standard_normal(n)).astype("float32")
        self.orders = [rng.permutation(n) for _ in range(CHECKED_EPOCHS)]
        sizes = [self.inputs, *[self.width] * self.hidden, 1]
        self.weights = [
            ((rng.standard_normal((a, b)) * np.sqrt(2 / a)).astype("float32"), np.zeros(b, "float32"))
            for a, b in pairwise(sizes)
        ]

    @property
    def flops(self) -> float:
        """Of one step: three products a layer, but no gradient of the inputs."""
        products = sum(w.size for w, _ in self.weights)
        return 2.0 * self.batch * (3 * products - self.weights[0][0].size)

    @cached_property
    def truth(self) -> list[float]:
        """The mean loss of each checked epoch, in float64."""
        parameters = [p.astype("float64") for pair in self.weights for p in pair]
        mean, square = ([np.zeros_like(p) for p in parameters] for _ in range(2))
        X, y, step, losses = self.X.astype("float64"), self.y.astype("float64"), 0, []
        for order in self.orders:
            total = 0.0
            for index in order.reshape(-1, self.batch):
                step += 1
                loss, grads = self._gradient(parameters, X[index], y[index])
                total += loss
                for p, m, v, g in zip(parameters, mean, square, grads, strict=True):
                    m[:] += 0.1 * (g - m)
                    v[:] += 0.001 * (g * g - v)
                    p[:] -= RATE * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
            losses.append(total / self.steps)
        return losses

    def _gradient(
        self, parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray
    ) -> tuple[float, list[np.ndarray]]:
        hidden = [x]
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            hidden.append(np.maximum(hidden[-1] @ w + b, 0))
        r = (hidden[-1] @ parameters[-2] + parameters[-1])[:, 0] - y
        delta = (2 / len(y)) * r[:, None]
        grads: list[np.ndarray] = []
        for h, w in zip(reversed(hidden), reversed(parameters[::2]), strict=True):
            grads = [h.T @ delta, delta.sum(axis=0), *grads]
            delta = (delta @ w.T) * (h > 0)
        return float(r @ r) / len(y), grads


# Trains one epoch, in the given order or in a fresh shuffled one, and returns the epoch's mean loss.
Epoch = Callable[[np.ndarray | None], float]


def native_epoch(p: Problem) -> Epoch:
    library = machine.native("mlp_loop.cpp")
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    library.mlp_create.restype = pointer
    library.mlp_create.argtypes = [integer] * 5 + [pointer] * 3 + [ctypes.c_float]
    library.mlp_epoch.restype, library.mlp_epoch.argtypes = ctypes.c_double, [pointer, pointer]
    flat = np.concatenate([part.ravel() for pair in p.weights for part in pair])
    data = [a.ctypes.data for a in (p.X, p.y, flat)]
    net = library.mlp_create(p.inputs, p.width, p.hidden, p.batch, len(p.X), *data, RATE)
    if net is None:
        raise AbsentError("the hand-written loop is not made for this shape")
    return lambda order: float(library.mlp_epoch(net, None if order is None else order.ctypes.data))


def fastgrad_epoch(p: Problem) -> Epoch:
    fg = peers.load("fastgrad")
    model = fg.nn.MLP(p.inputs, [p.width] * p.hidden, 1)
    # torch's layout: weight (out, in), then bias, layer by layer
    values = [part.T if part.ndim == 2 else part for pair in p.weights for part in pair]
    model.load_state_dict(dict(zip(model.state_dict(), values, strict=True)))
    optimizer = fg.optim.Adam(model.parameters(), lr=RATE)
    mse_loss = fg.nn.functional.mse_loss
    target = p.y[:, None]
    loader = fg.data.DataLoader(fg.data.TensorDataset(p.X, target), batch_size=p.batch, shuffle=True)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def epoch(order: np.ndarray | None) -> float:
        if order is None:
            losses = [step(x, y) for x, y in loader]
        else:
            losses = [step(fg.tensor(p.X[i]), fg.tensor(target[i])) for i in order.reshape(-1, p.batch)]
        return float(sum(loss.item() for loss in losses)) / p.steps

    return epoch


def torch_epoch(p: Problem, compiled: bool) -> Epoch:
    t = peers.load("PyTorch")
    layers: list[Any] = []
    for w, b in p.weights:
        layer = t.nn.Linear(*w.shape)
        layer.weight.data, layer.bias.data = t.tensor(w.T.copy()), t.tensor(b)
        layers += [layer, t.nn.ReLU()]
    model = t.nn.Sequential(*layers[:-1])
    optimizer = t.optim.Adam(model.parameters(), lr=RATE, fused=True)
    X, y = t.tensor(p.X), t.tensor(p.y)[:, None]

    def loss_of(x: Any, y: Any) -> Any:
        return t.nn.functional.mse_loss(model(x), y)

    if compiled:
        loss_of = t.compile(loss_of)

    def epoch(order: np.ndarray | None) -> float:
        index = t.randperm(len(X)) if order is None else t.from_numpy(order)
        # One gather an epoch and slices of it: faster than a DataLoader or a gather a batch.
        shuffled, targets = X[index], y[index]
        total = t.zeros(())
        for start in range(0, len(X), p.batch):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(shuffled[start : start + p.batch], targets[start : start + p.batch])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total) / p.steps

    return epoch


def jax_epoch(p: Problem) -> Epoch:
    j = peers.load("JAX")
    jnp, tree = j.numpy, j.tree_util
    X, y = jnp.asarray(p.X), jnp.asarray(p.y)

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        for w, b in params[:-1]:
            x = jnp.maximum(x @ w + b, 0)
        w, b = params[-1]
        return (((x @ w + b)[:, 0] - y) ** 2).mean()

    def step(carry: Any, batch: Any) -> Any:
        params, mean, square, count = carry
        loss, grads = j.value_and_grad(loss_of)(params, *batch)
        count = count + 1
        mean = tree.tree_map(lambda m, g: 0.9 * m + 0.1 * g, mean, grads)
        square = tree.tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, square, grads)
        rate, root = RATE / (1 - 0.9**count), 1 / jnp.sqrt(1 - 0.999**count)
        update = lambda q, m, v: q - rate * m / (jnp.sqrt(v) * root + 1e-8)
        return (tree.tree_map(update, params, mean, square), mean, square, count), loss

    def in_order(carry: Any, order: Any, X: Any, y: Any) -> Any:
        batches = X[order].reshape(p.steps, p.batch, -1), y[order].reshape(p.steps, p.batch)
        carry, losses = j.lax.scan(step, carry, batches)
        return carry, losses.mean()

    def shuffled(carry: Any, key: Any, X: Any, y: Any) -> Any:
        key, used = j.random.split(key)
        return *in_order(carry, j.random.permutation(used, len(X)), X, y), key

    ordered_epoch, shuffled_epoch = j.jit(in_order), j.jit(shuffled, donate_argnums=0)
    params = [(jnp.asarray(w), jnp.asarray(b)) for w, b in p.weights]
    zeros = tree.tree_map(jnp.zeros_like, params)
    state = {
        "carry": (params, zeros, tree.tree_map(jnp.copy, zeros), jnp.zeros((), "float32")),
        "key": j.random.key(0),
    }

    def epoch(order: np.ndarray | None) -> float:
        if order is None:
            state["carry"], loss, state["key"] = shuffled_epoch(state["carry"], state["key"], X, y)
        else:
            state["carry"], loss = ordered_epoch(state["carry"], jnp.asarray(order), X, y)
        return float(loss)

    return epoch


def sklearn_epoch(p: Problem) -> Epoch:
    peers.load("scikit-learn")
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=[p.width] * p.hidden,
        solver="adam",
        alpha=0.0,
        batch_size=p.batch,
        learning_rate_init=RATE,
        shuffle=False,
    )
    # The first call makes the weights and Adam's state; both are then set back to everybody's start.
    model.partial_fit(p.X, p.y)
    for ours, theirs, pair in zip(model.coefs_, model.intercepts_, p.weights, strict=True):
        ours[:], theirs[:] = pair
    del model._optimizer

    def epoch(order: np.ndarray | None) -> float:
        model.shuffle = order is None
        if order is None:
            model.partial_fit(p.X, p.y)
        else:
            model.partial_fit(p.X[order], p.y[order])
        return float(2 * model.loss_curve_[-1])  # its squared loss is halved

    return epoch


def case(p: Problem, options: Options) -> Case:
    def contestant(make: Callable[..., Epoch], *arguments: Any) -> Callable[[], Contestant]:
        def build() -> Contestant:
            epoch = make(p, *arguments)
            return Contestant(
                lambda: epoch(None), units=p.steps, result=lambda: [epoch(order) for order in p.orders]
            )

        return build

    def check(losses: list[float]) -> str | None:
        worst = max(abs(loss / want - 1) for loss, want in zip(losses, p.truth, strict=True))
        return None if worst < 1e-3 else f"losses {losses} differ from {p.truth}"

    builders = {
        "fastgrad": contestant(fastgrad_epoch),
        "C++ by hand (1 thread)": contestant(native_epoch),
        "PyTorch": contestant(torch_epoch, False),
        "JAX scan": contestant(jax_epoch),
        "scikit-learn": contestant(sklearn_epoch),
    }
    if options.torch_compile:
        builders["torch.compile"] = contestant(torch_epoch, True)
    return Case(
        "train",
        f"{p.inputs}, {p.width}, {p.hidden}, {p.batch}",
        builders,
        check,
        limits={"FMA peak": machine.fma_peak("float32", options.threads)},
        work=p.flops,
    )


def cases(options: Options) -> Iterator[Case]:
    for shape in SHAPES:
        yield case(Problem(*shape), options)
