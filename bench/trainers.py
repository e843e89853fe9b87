"""How each library trains a `Problem`, in its best mode."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import machine, peers
from bench.harness import AbsentError, Contestant, WrongError
from bench.problems import MOMENTUM, Problem


@dataclass
class Training:
    """A network in training; each call goes on where the last one ended."""

    in_order: Callable[[np.ndarray], Any]  # one epoch in this order; returns the epoch's mean loss
    train: Callable[[int], Any]  # this many epochs, each in a fresh order
    verify: Callable[[], None] = lambda: None  # raises WrongError, for what given orders do not show

    def checked(self, p: Problem) -> list[Any]:
        """The losses in the orders that are checked."""
        self.verify()
        return [self.in_order(order) for order in p.orders]


Trainer = Callable[[Problem], Training]


def from_epochs(epoch: Callable[[np.ndarray | None], Any]) -> Training:
    """Training whose epochs are called one by one; without an order they shuffle."""

    def train(epochs: int) -> None:
        for _ in range(epochs):
            epoch(None)

    return Training(epoch, train)


def contestant(trainer: Trainer, p: Problem) -> Callable[[], Contestant]:
    """Trains without end, timed by the step in whole epochs; checked in the given orders before."""

    def build() -> Contestant:
        training = trainer(p)
        return Contestant(
            lambda: training.train(1),
            units=p.steps,
            result=lambda: training.checked(p),
            run_many=training.train,
        )

    return build


# --- fastgrad


def fastgrad_model(p: Problem) -> Any:
    fg = peers.load("fastgrad")
    model = fg.nn.MLP(p.inputs, [p.width] * p.hidden, p.outputs, activation=p.activation).to(p.dtype)
    # torch's layout: weight (out, in), then bias, layer by layer
    values = [part.T if part.ndim == 2 else part for pair in p.weights for part in pair]
    model.load_state_dict(dict(zip(model.state_dict(), values, strict=True)))
    return model


def fastgrad_optimizer(p: Problem, model: Any) -> Any:
    optim = peers.load("fastgrad").optim
    if p.optimizer == "adam":
        return optim.Adam(model.parameters(), lr=p.rate)
    return optim.SGD(model.parameters(), lr=p.rate, momentum=MOMENTUM if p.optimizer == "momentum" else 0.0)


def _targets(p: Problem) -> np.ndarray:
    return p.y[:, None] if p.loss == "mse" else p.y


def fastgrad_fit(p: Problem) -> Training:
    """`fit`: as many epochs as asked for in one call, which records first."""
    fg = peers.load("fastgrad")
    model = fastgrad_model(p)
    optimizer = fastgrad_optimizer(p, model)
    targets = _targets(p)
    common = {"loss": p.loss, "batch_size": p.batch, "progress": False}

    def in_order(order: np.ndarray) -> float:
        history = fg.fit(
            model, p.X[order], targets[order], optimizer=optimizer, epochs=1, shuffle=False, **common
        )
        return float(history.history["loss"][0])

    def train(epochs: int) -> None:
        fg.fit(model, p.X, targets, optimizer=optimizer, epochs=epochs, **common)

    def verify() -> None:
        """Two shuffled epochs are those of `train_step` over a DataLoader of the same seed."""
        fitted, stepped = fastgrad_model(p), fastgrad_model(p)
        made = fastgrad_optimizer(p, fitted)
        history = fg.fit(fitted, p.X, targets, optimizer=made, epochs=2, seed=7, **common)
        step = fg.train_step(stepped, p.loss, fastgrad_optimizer(p, stepped))
        loader = fg.data.DataLoader((p.X, targets), batch_size=p.batch, shuffle=True, seed=7)
        losses = [sum(step(x, y) for x, y in loader) / p.steps for _ in range(2)]
        if not np.allclose(losses, history.history["loss"], rtol=1e-12, atol=0):
            raise WrongError(f"fit had losses {history.history['loss']}, train_step {losses}")

    return Training(in_order, train, verify)


def fastgrad_steps(p: Problem) -> Training:
    """`train_step` in a Python loop over a DataLoader."""
    fg = peers.load("fastgrad")
    model = fastgrad_model(p)
    return _fastgrad_loop(p, fg.train_step(model, p.loss, fastgrad_optimizer(p, model)), float)


def fastgrad_eager(p: Problem) -> Training:
    """The loop as it is written without `train_step`."""
    fg = peers.load("fastgrad")
    model = fastgrad_model(p)
    optimizer = fastgrad_optimizer(p, model)
    loss_of = {"mse": fg.nn.functional.mse_loss, "cross_entropy": fg.nn.functional.cross_entropy}[p.loss]

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return _fastgrad_loop(p, step, lambda loss: loss.item())


def _fastgrad_loop(p: Problem, step: Callable[..., Any], number: Callable[[Any], float]) -> Training:
    fg = peers.load("fastgrad")
    targets = _targets(p)
    loader = fg.data.DataLoader((p.X, targets), batch_size=p.batch, shuffle=True)

    def epoch(order: np.ndarray | None) -> float:
        if order is None:
            losses = [step(x, y) for x, y in loader]
        else:
            losses = [step(fg.tensor(p.X[i]), fg.tensor(targets[i])) for i in order.reshape(-1, p.batch)]
        return sum(number(loss) for loss in losses) / p.steps

    return from_epochs(epoch)


# --- peers


def native(p: Problem) -> Training:
    """The loop written by hand in C++."""
    library = machine.native("mlp_loop.cpp")
    if (p.outputs, p.activation, p.loss, p.optimizer, p.dtype) != (1, "relu", "mse", "adam", "float32"):
        raise AbsentError("the hand-written loop is made for ReLU, MSE, Adam, float32 alone")
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    library.mlp_create.restype = pointer
    library.mlp_create.argtypes = [integer] * 5 + [pointer] * 3 + [ctypes.c_float]
    library.mlp_epoch.restype, library.mlp_epoch.argtypes = ctypes.c_double, [pointer, pointer]
    flat = np.concatenate([part.ravel() for pair in p.weights for part in pair])
    data = [a.ctypes.data for a in (p.X, p.y, flat)]
    net = library.mlp_create(p.inputs, p.width, p.hidden, p.batch, len(p.X), *data, p.rate)
    if net is None:
        raise AbsentError("the hand-written loop is not made for this shape")
    return from_epochs(
        lambda order: float(library.mlp_epoch(net, None if order is None else order.ctypes.data))
    )


def torch_eager(p: Problem) -> Training:
    return _torch(p, compiled=False)


def torch_compiled(p: Problem) -> Training:
    return _torch(p, compiled=True)


def _torch(p: Problem, *, compiled: bool) -> Training:
    t = peers.load("PyTorch")
    activation = {"relu": t.nn.ReLU, "tanh": t.nn.Tanh, "gelu": t.nn.GELU}[p.activation]
    layers: list[Any] = []
    for w, b in p.weights:
        layer = t.nn.Linear(*w.shape, dtype=getattr(t, p.dtype))
        layer.weight.data, layer.bias.data = t.tensor(w.T.copy()), t.tensor(b)
        layers += [layer, activation()]
    model = t.nn.Sequential(*layers[:-1])
    if p.optimizer == "adam":
        optimizer = t.optim.Adam(model.parameters(), lr=p.rate, fused=True)
    else:
        momentum = MOMENTUM if p.optimizer == "momentum" else 0.0
        optimizer = t.optim.SGD(model.parameters(), lr=p.rate, momentum=momentum, fused=True)
    X, y = t.tensor(p.X), t.tensor(_targets(p))
    function = {"mse": t.nn.functional.mse_loss, "cross_entropy": t.nn.functional.cross_entropy}[p.loss]

    def loss_of(x: Any, y: Any) -> Any:
        return function(model(x), y)

    if compiled:
        loss_of = t.compile(loss_of)

    def epoch(order: np.ndarray | None) -> float:
        index = t.randperm(len(X)) if order is None else t.from_numpy(order)
        # One gather an epoch and slices of it: faster than a DataLoader or a gather a batch.
        shuffled, targets = X[index], y[index]
        total = t.zeros((), dtype=X.dtype)
        for start in range(0, len(X), p.batch):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(shuffled[start : start + p.batch], targets[start : start + p.batch])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total) / p.steps

    return from_epochs(epoch)


def jax_step(p: Problem) -> tuple[Any, Callable[..., Any]]:
    """The first state, and ``step(state, batch, rate) -> (state, loss)``, nothing of it jitted yet."""
    j = peers.load("JAX")
    jnp, tree = j.numpy, j.tree_util
    activation = {
        "relu": lambda x: jnp.maximum(x, 0),
        "tanh": jnp.tanh,
        "gelu": lambda x: j.nn.gelu(x, approximate=False),
    }[p.activation]

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        for w, b in params[:-1]:
            x = activation(x @ w + b)
        w, b = params[-1]
        out = x @ w + b
        if p.loss == "mse":
            return ((out[:, 0] - y) ** 2).mean()
        picked = jnp.take_along_axis(out, y[:, None], axis=1)[:, 0]
        return (j.nn.logsumexp(out, axis=1) - picked).mean()

    def adam(params: Any, grads: Any, memory: Any, rate: Any) -> Any:
        mean, square, count = memory
        count = count + 1
        mean = tree.tree_map(lambda m, g: 0.9 * m + 0.1 * g, mean, grads)
        square = tree.tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, square, grads)
        rate, root = rate / (1 - 0.9**count), 1 / jnp.sqrt(1 - 0.999**count)
        update = lambda q, m, v: q - rate * m / (jnp.sqrt(v) * root + 1e-8)
        return tree.tree_map(update, params, mean, square), (mean, square, count)

    def momentum(params: Any, grads: Any, memory: Any, rate: Any) -> Any:
        memory = tree.tree_map(lambda m, g: MOMENTUM * m + g, memory, grads)
        return tree.tree_map(lambda q, m: q - rate * m, params, memory), memory

    def sgd(params: Any, grads: Any, memory: Any, rate: Any) -> Any:
        return tree.tree_map(lambda q, g: q - rate * g, params, grads), memory

    def zeros() -> Any:
        return [(jnp.zeros(w.shape, w.dtype), jnp.zeros(b.shape, b.dtype)) for w, b in p.weights]

    update, memory = {
        "adam": (adam, lambda: (zeros(), zeros(), jnp.zeros((), p.dtype))),
        "momentum": (momentum, zeros),
        "sgd": (sgd, lambda: ()),
    }[p.optimizer]

    def step(state: Any, batch: Any, rate: Any) -> Any:
        params, memory = state
        loss, grads = j.value_and_grad(loss_of)(params, *batch)
        return update(params, grads, memory, rate), loss

    return ([(jnp.asarray(w), jnp.asarray(b)) for w, b in p.weights], memory()), step


def jax_batches(p: Problem) -> Callable[..., Any]:
    """``(order, X, y)`` to the epoch's batches."""
    return lambda order, X, y: (X[order].reshape(p.steps, p.batch, -1), y[order].reshape(p.steps, p.batch))


def jax_scan(p: Problem) -> Training:
    """A whole epoch in one jitted scan, its state donated."""
    j = peers.load("JAX")
    state, step = jax_step(p)
    batches = jax_batches(p)

    def in_order(state: Any, order: Any, X: Any, y: Any) -> Any:
        state, losses = j.lax.scan(lambda s, b: step(s, b, p.rate), state, batches(order, X, y))
        return state, losses.mean()

    return jax_training(p, state, j.jit(in_order, donate_argnums=0), float)


def jax_training(
    p: Problem, state: Any, in_order: Callable[..., Any], number: Callable[[Any], Any]
) -> Training:
    """Epochs of ``in_order(state, order, X, y) -> (state, loss)``, jitted; shuffling is part of the jit."""
    j = peers.load("JAX")
    jnp = j.numpy
    X, y = jnp.asarray(p.X), jnp.asarray(p.y)

    def shuffled(state: Any, key: Any, X: Any, y: Any) -> Any:
        key, used = j.random.split(key)
        return *in_order(state, j.random.permutation(used, len(X)), X, y), key

    shuffled_epoch = j.jit(shuffled, donate_argnums=0)
    held = {"state": state, "key": j.random.key(0)}

    def epoch(order: np.ndarray | None) -> Any:
        if order is None:
            held["state"], loss, held["key"] = shuffled_epoch(held["state"], held["key"], X, y)
        else:
            held["state"], loss = in_order(held["state"], jnp.asarray(order), X, y)
        return number(loss)

    return from_epochs(epoch)


def jax_steps(p: Problem) -> Training:
    """A jitted step in a Python loop, its state donated; an epoch's batches are gathered in one call."""
    j = peers.load("JAX")
    jnp = j.numpy
    X, y = jnp.asarray(p.X), jnp.asarray(p.y)
    state, step = jax_step(p)
    gather = jax_batches(p)

    def one(state: Any, total: Any, batches: Any, i: Any) -> Any:
        state, loss = step(state, (batches[0][i], batches[1][i]), p.rate)
        return state, total + loss

    @j.jit
    def shuffled(key: Any, X: Any, y: Any) -> Any:
        key, used = j.random.split(key)
        return key, gather(j.random.permutation(used, len(X)), X, y)

    jitted, in_order = j.jit(one, donate_argnums=(0, 1)), j.jit(gather)
    held = {"state": state, "key": j.random.key(0)}
    numbers = [jnp.asarray(i) for i in range(p.steps)]  # an int would be converted at each call

    def epoch(order: np.ndarray | None) -> float:
        if order is None:
            held["key"], batches = shuffled(held["key"], X, y)
        else:
            batches = in_order(jnp.asarray(order), X, y)
        state, total = held["state"], jnp.zeros((), p.dtype)
        for i in numbers:
            state, total = jitted(state, total, batches, i)
        held["state"] = state
        return float(total) / p.steps

    return from_epochs(epoch)


def sklearn(p: Problem) -> Training:
    peers.load("scikit-learn")
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if p.activation == "gelu":
        raise AbsentError("scikit-learn has no GELU")
    halved = p.loss == "mse"  # its squared loss, and so its gradients, of which Adam does not know the scale
    model = (MLPRegressor if p.loss == "mse" else MLPClassifier)(
        hidden_layer_sizes=[p.width] * p.hidden,
        activation=p.activation,
        solver="adam" if p.optimizer == "adam" else "sgd",
        momentum=MOMENTUM if p.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        alpha=0.0,
        batch_size=p.batch,
        learning_rate_init=p.rate * (2 if halved and p.optimizer != "adam" else 1),
        shuffle=False,
    )
    classes = {} if p.loss == "mse" else {"classes": np.arange(p.outputs)}
    # The first call makes the weights and the optimizer's state; both are then set back to everybody's start.
    model.partial_fit(p.X, p.y, **classes)
    for ours, theirs, pair in zip(model.coefs_, model.intercepts_, p.weights, strict=True):
        ours[:], theirs[:] = pair
    del model._optimizer

    def epoch(order: np.ndarray | None) -> float:
        model.shuffle = order is None
        if order is None:
            model.partial_fit(p.X, p.y)
        else:
            model.partial_fit(p.X[order], p.y[order])
        return float((2 if halved else 1) * model.loss_curve_[-1])

    return from_epochs(epoch)


FASTGRAD: dict[str, Trainer] = {
    "fastgrad": fastgrad_fit,
    "fastgrad train_step": fastgrad_steps,
    "fastgrad eager": fastgrad_eager,
}
PEERS: dict[str, Trainer] = {
    "C++ by hand (1 thread)": native,
    "PyTorch": torch_eager,
    "JAX scan": jax_scan,
    "JAX per step": jax_steps,
    "scikit-learn": sklearn,
}
