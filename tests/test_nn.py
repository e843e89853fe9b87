"""Modules, layers, first values and predict, against NumPy and SciPy."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from scipy import special

import fastgrad as fg
from fastgrad import nn
from fastgrad.nn import functional as F
from fastgrad.nn.activations import ACTIVATIONS

rng = np.random.default_rng(3)


def numbers(t):
    return t.detach().numpy()


class Pair(nn.Module):
    """Two layers side by side, one of them used twice, and a buffer."""

    def __init__(self):
        self.first = nn.Linear(3, 2)
        self.second = nn.Linear(3, 2)
        self.again = self.first
        self.scale = nn.Parameter([2.0, 3.0], np.float32)
        self.register_buffer("shift", np.array([0.5, -0.5], np.float32))

    def forward(self, x):
        return (self.first(x) + self.second(x) * self.again(x)) * self.scale + self.shift


# --- parts


def test_linear_is_torch_layout_over_transposed_memory():
    layer = nn.Linear(4, 3)
    assert layer.weight.shape == (3, 4)
    assert layer.bias.shape == (3,)
    assert numbers(layer.weight).flags.f_contiguous
    assert not numbers(layer.weight).flags.c_contiguous
    assert layer.weight.dtype == np.float32
    x = rng.normal(size=(5, 4)).astype(np.float32)
    want = x.astype(float) @ numbers(layer.weight).T.astype(float) + numbers(layer.bias)
    np.testing.assert_allclose(numbers(layer(x)), want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numbers(layer(x[0])), want[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numbers(layer(x.reshape(5, 1, 4))), want[:, None], rtol=1e-5, atol=1e-6)


def test_linear_gradients_have_the_public_layout():
    layer = nn.Linear(4, 3).to(np.float64)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    F.mse_loss(layer(x), y).backward()
    residual = 2.0 * (x @ numbers(layer.weight).T + numbers(layer.bias) - y) / y.size
    np.testing.assert_allclose(layer.weight.grad.numpy(), residual.T @ x, rtol=1e-12)
    np.testing.assert_allclose(layer.bias.grad.numpy(), residual.sum(axis=0), rtol=1e-12)


def test_linear_without_bias_has_one_parameter():
    assert [name for name, _ in nn.Linear(2, 2, bias=False).named_parameters()] == ["weight"]


def test_first_values_are_uniform_within_torchs_bound_and_follow_the_seed():
    fg.manual_seed(7)
    layer = nn.Linear(400, 100)
    values = np.concatenate([numbers(layer.weight).ravel(), numbers(layer.bias)])
    bound = 1.0 / math.sqrt(400)
    assert np.abs(values).max() <= bound
    assert np.abs(values).max() > 0.99 * bound
    assert abs(values.std() - bound / math.sqrt(3.0)) < 0.01 * bound
    fg.manual_seed(7)
    again = nn.Linear(400, 100)
    np.testing.assert_array_equal(numbers(again.weight), numbers(layer.weight))
    assert not np.array_equal(numbers(nn.Linear(400, 100).weight), numbers(layer.weight))


def test_parts_are_found_by_name_and_shared_ones_once():
    model = Pair()
    assert [name for name, _ in model.named_parameters()] == [
        "scale",
        "first.weight",
        "first.bias",
        "second.weight",
        "second.bias",
    ]
    assert len(list(model.parameters())) == 5
    assert [name for name, _ in model.named_children()] == ["first", "second", "again"]
    assert [name for name, _ in model.named_modules()] == ["", "first", "second"]
    assert [name for name, _ in model.named_buffers()] == ["shift"]
    assert list(model.state_dict()) == [
        "scale",
        "first.weight",
        "first.bias",
        "second.weight",
        "second.bias",
        "again.weight",
        "again.bias",
        "shift",
    ]


def test_a_replaced_part_is_gone():
    model = Pair()
    model.second = nn.Linear(3, 2, bias=False)
    del model.scale
    assert [name for name, _ in model.named_parameters()] == ["first.weight", "first.bias", "second.weight"]


def test_a_parameter_is_not_overwritten_by_a_plain_tensor():
    model = Pair()
    before = model.scale
    with pytest.raises(TypeError, match=r"Pair\.scale is a Parameter"):
        model.scale = model.scale * 2.0
    assert model.scale is before


def test_train_and_eval_reach_all_parts():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.5)))
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model.train()
    assert all(module.training for module in model.modules())


def test_zero_grad_forgets():
    model = Pair()
    model(np.ones((2, 3))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_sequential_is_indexable_and_iterable():
    layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    model = nn.Sequential(*layers)
    assert len(model) == 3
    assert list(model) == layers
    assert model[0] is layers[0]
    assert model[-1] is layers[2]
    assert isinstance(model[:2], nn.Sequential)
    assert list(model[:2]) == layers[:2]


def test_repr_shows_the_tree():
    assert repr(nn.MLP(2, 3, 1, dropout=0.25)) == (
        "MLP(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): ReLU()\n"
        "  (2): Dropout(p=0.25)\n"
        "  (3): Linear(in_features=3, out_features=1, bias=True)\n"
        ")"
    )
    nested = repr(nn.Sequential(nn.Sequential(nn.Tanh())))
    assert nested == "Sequential(\n  (0): Sequential(\n    (0): Tanh()\n  )\n)"


# --- dtypes


def test_inputs_are_cast_to_the_parameters_dtype():
    model = nn.MLP(3, 4, 2)
    for x in (np.ones((2, 3)), np.ones((2, 3), np.float16), np.ones((2, 3), np.int32), [[1, 1, 1]] * 2):
        out = model(x)
        assert out.dtype == np.float32
        np.testing.assert_array_equal(numbers(out), numbers(model(np.ones((2, 3), np.float32))))
    assert model(fg.tensor(np.ones((2, 3)))).dtype == np.float32
    assert Pair()(np.ones((2, 3))).dtype == np.float32


def test_integers_reach_forward_as_they_are():
    class Lookup(nn.Module):
        def __init__(self):
            self.table = nn.Parameter(np.arange(6.0, dtype=np.float32).reshape(3, 2))

        def forward(self, index):
            return self.table[index]

    np.testing.assert_array_equal(numbers(Lookup()(np.array([2, 0]))), [[4.0, 5.0], [0.0, 1.0]])


def test_to_converts_all_and_keeps_shared_parts_shared():
    model = Pair()
    before = model.state_dict()
    assert model.to("float64") is model
    assert model.first is model.again
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}
    assert model.shift.dtype == np.float64
    assert all(p.is_leaf and p.requires_grad and isinstance(p, nn.Parameter) for p in model.parameters())
    assert numbers(model.first.weight).flags.f_contiguous
    for name, values in model.state_dict().items():
        np.testing.assert_array_equal(values, before[name].astype(np.float64))
    tied = nn.Module()
    tied.a = nn.Parameter(np.zeros(2, np.float32))
    tied.b = tied.a
    tied.to(np.float64)
    assert tied.a is tied.b
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        model.to(int)


def test_an_array_may_be_reused_between_forward_and_backward():
    model = nn.Linear(3, 1)
    x = np.ones((4, 3), np.float32)
    loss = model(x).sum()
    x[:] = 100.0
    loss.backward()
    np.testing.assert_array_equal(model.weight.grad.numpy(), np.full((1, 3), 4.0))


# --- state


def test_state_dict_is_a_copy_in_c_order():
    model = nn.Linear(3, 2)
    state = model.state_dict()
    assert state["weight"].flags.c_contiguous
    assert state["weight"].shape == (2, 3)
    state["weight"][:] = 0.0
    assert np.abs(numbers(model.weight)).max() > 0.0


def test_load_state_dict_writes_in_place():
    source, target = nn.MLP(3, [4], 2), nn.MLP(3, [4], 2)
    parameters = list(target.parameters())
    result = target.load_state_dict(source.state_dict())
    assert result == ([], [])
    assert all(a is b for a, b in zip(parameters, target.parameters(), strict=True))
    x = rng.normal(size=(5, 3))
    np.testing.assert_array_equal(numbers(target(x)), numbers(source(x)))
    assert numbers(target[0].weight).flags.f_contiguous
    wide = {name: values.astype(np.float64) for name, values in source.state_dict().items()}
    target.load_state_dict(wide)
    assert target[0].weight.dtype == np.float32


def test_load_state_dict_reports_everything_and_changes_nothing():
    model = nn.MLP(3, [4], 2)
    before = model.state_dict()
    state = {name: values + 1.0 for name, values in before.items()}
    state["0.weight"] = np.zeros((3, 4))
    state["2.bias"] = np.zeros(3)
    del state["2.weight"]
    state["9.bias"] = np.zeros(1)
    with pytest.raises(ValueError, match="does not fit MLP") as caught:
        model.load_state_dict(state)
    text = str(caught.value)
    assert "missing: 2.weight" in text
    assert "not in the model: 9.bias" in text
    assert "0.weight has shape (3, 4), expected (4, 3)" in text
    assert "2.bias has shape (3,), expected (2,)" in text
    with pytest.raises(TypeError, match=r"state_dict\['0.bias'\] has dtype complex128"):
        model.load_state_dict({**before, "0.bias": np.zeros(4, complex)})
    for name, values in model.state_dict().items():
        np.testing.assert_array_equal(values, before[name])


def test_load_state_dict_not_strict_says_what_it_passed_over():
    model = nn.Linear(3, 2)
    weight = numbers(model.weight).copy()
    result = model.load_state_dict({"bias": np.ones(2), "more": np.ones(1)}, strict=False)
    assert result.missing_keys == ["weight"]
    assert result.unexpected_keys == ["more"]
    np.testing.assert_array_equal(numbers(model.bias), [1.0, 1.0])
    np.testing.assert_array_equal(numbers(model.weight), weight)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_duplicate_is_equal_and_apart(duplicate):
    model = Pair()
    model.eval()
    model.second.weight.requires_grad = False
    twin = duplicate(model)
    x = rng.normal(size=(4, 3))
    np.testing.assert_array_equal(numbers(twin(x)), numbers(model(x)))
    assert twin.first is twin.again
    assert not twin.training
    assert isinstance(twin.scale, nn.Parameter)
    assert not twin.second.weight.requires_grad
    assert numbers(twin.first.weight).flags.f_contiguous
    twin.load_state_dict({name: np.zeros_like(v) for name, v in twin.state_dict().items()})
    assert np.abs(numbers(model.first.weight)).max() > 0.0


# --- layers


def test_mlp_is_linear_layers_with_activations_between():
    model = nn.MLP(3, [5, 4], 2, activation="tanh")
    assert [type(layer) for layer in model] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert [layer.weight.shape for layer in model if isinstance(layer, nn.Linear)] == [(5, 3), (4, 5), (2, 4)]
    x = rng.normal(size=(6, 3))
    h = x
    for layer in (model[0], model[2]):
        h = np.tanh(h @ numbers(layer.weight).T + numbers(layer.bias))
    want = h @ numbers(model[4].weight).T + numbers(model[4].bias)
    np.testing.assert_allclose(numbers(model(x)), want, rtol=1e-5, atol=1e-6)
    assert [type(layer) for layer in nn.MLP(3, 5, 1)] == [nn.Linear, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in nn.MLP(3, [], 1)] == [nn.Linear]


@pytest.mark.parametrize(
    ("module", "formula"),
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0.0)),
        (nn.Tanh(), np.tanh),
        (nn.Sigmoid(), special.expit),
        (nn.Softplus(), lambda x: np.logaddexp(0.0, x)),
        (nn.Softplus(beta=3.0), lambda x: np.logaddexp(0.0, 3.0 * x) / 3.0),
        (
            nn.Softplus(beta=2.0, threshold=1.0),
            lambda x: np.where(2 * x > 1, x, np.logaddexp(0.0, 2 * x) / 2),
        ),
        (nn.GELU(), lambda x: x * special.ndtr(x)),
        (nn.GELU("tanh"), lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
        (nn.SiLU(), lambda x: x * special.expit(x)),
        (nn.ELU(), lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
        (nn.ELU(alpha=0.3), lambda x: np.where(x > 0, x, 0.3 * np.expm1(np.minimum(x, 0)))),
        (nn.Hardtanh(), lambda x: np.clip(x, -1, 1)),
        (nn.Hardtanh(-0.5, 0.4), lambda x: np.clip(x, -0.5, 0.4)),
        (nn.ReLU6(), lambda x: np.clip(x, 0, 6)),
        (nn.Softsign(), lambda x: x / (1 + np.abs(x))),
        (nn.Mish(), lambda x: x * np.tanh(np.logaddexp(x, 0))),
        (nn.LogSigmoid(), lambda x: -np.logaddexp(0, -x)),
        (nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
        (nn.LeakyReLU(0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
    ],
)
def test_activations(module, formula):
    x = np.array([-800.0, -2.0, -0.0, 0.3, 0.9, 700.0])
    np.testing.assert_allclose(numbers(module(x)), formula(x), rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_models_take_activations_by_name(name):
    model = nn.MLP(3, [4], 2, activation=name)
    assert type(model[1]).__name__.lower() == name.replace("_", "")
    x = rng.normal(size=(5, 3))
    with fg.no_grad():
        want = model[2](model[1](model[0](x)))
        np.testing.assert_array_equal(fg.compile(model)(x), want.numpy())


def test_slopes_of_bounded_activations_are_pytorchs():
    slopes_of = {
        F.hardtanh: ([-2.0, -1.0, 0.0, 1.0, 2.0], [0.0, 0.0, 1.0, 0.0, 0.0]),
        F.relu6: ([-1.0, 0.0, 3.0, 6.0, 7.0], [0.0, 0.0, 1.0, 0.0, 0.0]),
        F.softsign: ([-1.0, 0.0, 3.0], [0.25, 1.0, 0.0625]),
        F.mish: ([0.0], [0.6]),
        F.logsigmoid: ([-800.0, 0.0, 800.0], [1.0, 0.5, 0.0]),
    }
    for f, (x, slopes) in slopes_of.items():
        np.testing.assert_allclose(fg.elementwise_grad(f)(np.array(x)), slopes, rtol=1e-15)
        fg.check_grads(f, (np.array([-0.7, 0.2, 0.8, 2.5]),), order=2)
    with pytest.raises(ValueError, match="min_val must be below max_val"):
        F.hardtanh(0.0, 1.0, 1.0)


def test_a_learned_slope_gets_its_gradient():
    x = np.array([-2.0, -1.0, 3.0])
    slope = fg.tensor(0.25, requires_grad=True)
    F.leaky_relu(x, slope).sum().backward()
    assert slope.grad.item() == -3.0
    alpha = fg.tensor(0.25, requires_grad=True)
    F.elu(x, alpha).sum().backward()
    assert alpha.grad.item() == pytest.approx(np.expm1(-2.0) + np.expm1(-1.0), rel=1e-15)


def test_flatten_keeps_the_first_axis():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(numbers(nn.Flatten()(x)), x.reshape(2, 12))
    assert nn.Flatten()(np.zeros((0, 3, 4))).shape == (0, 12)
    assert nn.Flatten()(np.zeros(5)).shape == (5, 1)


def test_dropout_drops_and_rescales_when_training_only():
    fg.manual_seed(0)
    x = np.ones((200, 200))
    layer = nn.Dropout(0.25)
    out = numbers(layer(x))
    assert set(np.unique(out)) == {0.0, 1.0 / 0.75}
    assert abs((out == 0.0).mean() - 0.25) < 0.01
    assert not np.array_equal(numbers(layer(x)), out)
    np.testing.assert_array_equal(numbers(layer.eval()(x)), x)
    np.testing.assert_array_equal(numbers(nn.Dropout(1.0)(x)), np.zeros_like(x))


# --- first values


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (lambda t: nn.init.uniform_(t, -3.0, 3.0), math.sqrt(3.0)),
        (lambda t: nn.init.normal_(t, 0.0, 0.5), 0.5),
        (nn.init.kaiming_uniform_, math.sqrt(2.0 / 200)),
        (lambda t: nn.init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"), math.sqrt(2.0 / 300)),
        (lambda t: nn.init.kaiming_uniform_(t, a=math.sqrt(5.0)), math.sqrt(1.0 / (3.0 * 200))),
        (nn.init.xavier_uniform_, math.sqrt(2.0 / 500)),
        (
            lambda t: nn.init.xavier_normal_(t, gain=nn.init.calculate_gain("tanh")),
            5.0 / 3.0 * math.sqrt(2.0 / 500),
        ),
    ],
)
def test_spread_of_first_values(fill, std):
    fg.manual_seed(1)
    weight = nn.Linear(200, 300).weight
    assert fill(weight) is weight
    values = numbers(weight)
    assert values.std() == pytest.approx(std, rel=0.02)
    assert abs(values.mean()) < 0.02 * std


def test_constants():
    layer = nn.Linear(2, 3)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    np.testing.assert_array_equal(numbers(layer([[2.0, 3.0]])), [[5.0, 5.0, 5.0]])


# --- predict


def test_predict_takes_any_number_of_rows_and_any_batch():
    model = nn.MLP(3, [8], 2)
    X = rng.normal(size=(23, 3))
    whole = fg.predict(model, X)
    assert isinstance(whole, np.ndarray)
    assert whole.shape == (23, 2)
    assert whole.dtype == np.float32
    for batch_size in (1, 7, 23, 100):
        np.testing.assert_array_equal(fg.predict(model, X, batch_size=batch_size), whole)
    assert fg.predict(model, X[:0]).shape == (0, 2)
    np.testing.assert_array_equal(fg.predict(model, fg.tensor(X[:1])), whole[:1])
    whole[:] = 0.0  # the caller's own


def test_predict_leaves_modes_as_they_were_and_records_nothing():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Dropout(0.5))
    model[2].eval()
    X = np.ones((4, 3))
    np.testing.assert_array_equal(fg.predict(model, X), fg.predict(model, X))
    assert [module.training for module in model.modules()] == [True, True, True, False]
    with pytest.raises(ValueError, match="input has shape"):
        fg.predict(model, np.ones((4, 5)))
    assert [module.training for module in model.modules()] == [True, True, True, False]
    assert model(X).requires_grad


# --- what is refused


def test_models_refuse():
    with pytest.raises(ValueError, match=r"relu, tanh, .*, logsigmoid, got 'swish'"):
        nn.MLP(2, 3, 1, activation="swish")
    with pytest.raises(ValueError, match="hidden must be at least 1, got 0"):
        nn.MLP(2, [3, 0], 1)
    with pytest.raises(ValueError, match="approximate must be none or tanh, got 'erf'"):
        nn.GELU("erf")([1.0])
    with pytest.raises(TypeError, match="in_features must be an int, got float"):
        nn.Linear(2.0, 1)
    with pytest.raises(TypeError, match="argument 1 must be a Module, got function"):
        nn.Sequential(nn.Linear(2, 2), numbers)
    with pytest.raises(ValueError, match=r"p must be from 0 to 1, got 1\.5"):
        nn.Dropout(1.5)
    with pytest.raises(ValueError, match=r"input has shape \(2, 4\), expected \(\.\.\., 3\)"):
        nn.Linear(3, 2)(np.ones((2, 4)))
    for array in (np.ones((2, 3), complex), np.array([["a", "b", "c"]]), np.array([[None] * 3])):
        with pytest.raises(TypeError):
            nn.Linear(3, 2)(array)
    with pytest.raises(NotImplementedError, match="Module must define forward"):
        nn.Module()(1.0)
    with pytest.raises(TypeError, match="mode must be a bool"):
        nn.ReLU().train("yes")
    with pytest.raises(TypeError, match=r"model must be a fastgrad\.nn\.Module, got function"):
        fg.predict(numbers, np.ones((2, 2)))
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        fg.predict(nn.Linear(2, 1), np.ones((2, 2)), batch_size=0)
    with pytest.raises(ValueError, match="X must have shape"):
        fg.predict(nn.Linear(2, 1), 3.0)
    with pytest.raises(KeyError, match="already has an attribute 'weight'"):
        nn.Linear(2, 1).register_buffer("weight", np.zeros(2))
    with pytest.raises(ValueError, match="nonlinearity must be one of"):
        nn.init.calculate_gain("swish")
    with pytest.raises(ValueError, match=r"shape \(out, in\).*got \(2,\)"):
        nn.init.kaiming_uniform_(nn.Linear(3, 2).bias)
    with pytest.raises(ValueError, match="fan_in or fan_out, got 'both'"):
        nn.init.kaiming_normal_(nn.Linear(3, 2).weight, mode="both")
