"""vmap: every op beside a loop over the examples, nests and axes, other transforms around it and inside."""

from __future__ import annotations

import itertools
import re
import zlib

import numpy as np
import pytest

import fastgrad as fg
import op_table
from checking import counted, same_bits
from fastgrad._native import core
from op_table import CASE_NAMES, CASES

BATCH = 3

# Products sum in an order that depends on how many columns there are. The rest has the bits of single calls.
CLOSE = {
    "matmul",
    "matvec",
    "multi_dot",
    "dot",
    "vdot",
    "inner",
    "tensordot",
    "einsum",
    "cross",
    "trapezoid",
    "average",
    "norm",
}


def examples(row, count, dtype="d"):
    """Arrays for so many examples: a list for each argument."""
    out = []
    for place, arg in enumerate(row.args):
        shape = tuple(4 if size == op_table.N else size for size in arg.shape)
        drawn = []
        for example in range(count):
            rng = np.random.default_rng([zlib.crc32(row.name.encode()), place, example])
            numbers = arg.draw(rng, shape)
            drawn.append(numbers if numbers.dtype.kind in "bi" else op_table.as_dtype(numbers, dtype))
        out.append(drawn)
    return out


def subsets(count):
    return [s for n in range(1, count + 1) for s in itertools.combinations(range(count), n)]


def stacked(drawn, batched, count):
    """The arguments of a call: of batched ones all examples, of the others the first."""
    return [
        (np.stack(d[:count]) if count else np.zeros((0, *d[0].shape), d[0].dtype)) if i in batched else d[0]
        for i, d in enumerate(drawn)
    ]


def of_example(drawn, batched, k):
    return [d[k if i in batched else 0] for i, d in enumerate(drawn)]


def axes_of(drawn, batched):
    return tuple(0 if i in batched else None for i in range(len(drawn)))


@pytest.mark.parametrize("dtype", ["d", "f"])
@pytest.mark.parametrize(("row", "call"), CASES, ids=CASE_NAMES)
def test_every_op_gives_what_a_loop_gives(row, call, dtype):
    if dtype not in row.dtypes:
        dtype = row.dtypes[-1]
    drawn = examples(row, BATCH, dtype)

    def f(*args):
        return call(row.function, *args)

    for batched in subsets(len(drawn)):
        mapped = fg.vmap(f, axes_of(drawn, batched))
        loop = [np.asarray(f(*map(fg.tensor, of_example(drawn, batched, k))).numpy()) for k in range(BATCH)]
        for count in (BATCH, 1, 0):
            got = mapped(*stacked(drawn, batched, count))
            assert isinstance(got, np.ndarray)
            assert got.dtype == loop[0].dtype
            assert got.shape == (count, *loop[0].shape)
            want = np.stack(loop[:count]) if count else np.zeros((0, *loop[0].shape), loop[0].dtype)
            if row.name in CLOSE or row.host:
                np.testing.assert_allclose(got, want, 1e-12 if got.dtype == np.float64 else 2e-5, 1e-6)
            else:
                np.testing.assert_array_equal(got, want)


DIFFERENTIABLE = [(row, call) for row, call in CASES if row.gradient]
DIFFERENTIABLE_NAMES = [name for name, (row, _) in zip(CASE_NAMES, CASES, strict=True) if row.gradient]


@pytest.mark.parametrize(("row", "call"), DIFFERENTIABLE, ids=DIFFERENTIABLE_NAMES)
def test_gradients_of_and_in_a_vmapped_op(row, call):
    drawn = examples(row, BATCH)
    floats = [i for i, d in enumerate(drawn) if d[0].dtype.kind == "f"]

    def loss(*args):
        value = call(row.function, *args)
        weights = op_table.seed_like(np.zeros(value.shape))
        return (value * weights).sum()

    def second(*args):
        return sum(fg.sin(g).sum() for g in fg.grad(loss, floats)(*args))

    for batched in subsets(len(drawn)):
        axes = axes_of(drawn, batched)
        args = stacked(drawn, batched, BATCH)
        single = [of_example(drawn, batched, k) for k in range(BATCH)]

        # The gradient of each example.
        got = fg.vmap(fg.grad(loss, floats), axes)(*args)
        loop = [fg.grad(loss, floats)(*arguments) for arguments in single]
        for i in range(len(floats)):
            want = np.stack([flows[i] for flows in loop])
            np.testing.assert_allclose(got[i], want, 1e-9, 1e-9)

        # The gradient of the whole batch, and of a function of each example's gradient.
        for inner in (loss, second):
            whole = fg.grad(lambda *a, inner=inner, axes=axes: fg.vmap(inner, axes)(*a).sum(), floats)(*args)
            loop = [fg.grad(inner, floats)(*arguments) for arguments in single]
            for i, place in enumerate(floats):
                want = np.stack([flows[i] for flows in loop])
                if place not in batched:
                    want = want.sum(0)
                np.testing.assert_allclose(whole[i], want, 1e-8, 1e-8)


# --- axes and nests


def test_axes_in_and_out():
    x = np.arange(24.0).reshape(2, 3, 4)
    for axis in range(-3, 3):
        for out in range(-2, 2):
            got = fg.vmap(lambda x: x.sum(1), axis, out)(x)
            np.testing.assert_array_equal(got, np.moveaxis(np.moveaxis(x, axis, 0).sum(2), 0, out))


def test_nests_in_and_out():
    rng = np.random.default_rng(0)
    batch = {"a": rng.normal(size=(5, 2)), "b": [rng.normal(size=(2, 5)), rng.normal(size=2)]}

    def f(scale, nest):
        a, (b, c) = nest["a"], nest["b"]
        return {"sum": a + b * scale, "parts": (c, a @ b), "none": None}

    got = fg.vmap(f, (None, {"a": 0, "b": [1, None]}), {"sum": 1, "parts": (None, 0), "none": 3})(2.0, batch)
    a, (b, c) = batch["a"], batch["b"]
    np.testing.assert_array_equal(got["sum"], (a + b.T * 2.0).T)
    np.testing.assert_array_equal(got["parts"][0], c)
    np.testing.assert_allclose(got["parts"][1], (a * b.T).sum(1), 1e-14)
    assert got["none"] is None


def test_a_prefix_of_a_nest_holds_for_all_below_it():
    pair = (np.arange(6.0).reshape(2, 3), {"x": np.arange(4.0).reshape(2, 2)})
    got = fg.vmap(lambda pair, y: pair[0].sum() + pair[1]["x"].sum() + y, (0, None))(pair, np.float64(1.0))
    np.testing.assert_array_equal(got, [3 + 1 + 1, 12 + 5 + 1])


def test_keyword_arguments_are_batched_along_the_first_axis():
    got = fg.vmap(lambda x, *, y: x + y, in_axes=1)(np.ones((2, 3)), y=np.arange(3.0))
    np.testing.assert_array_equal(got, np.arange(3.0)[:, None] + np.ones((3, 2)))


def test_what_all_examples_share_is_repeated_or_left():
    x = np.arange(3.0)
    assert fg.vmap(lambda x: np.ones(2))(x).shape == (3, 2)
    assert fg.vmap(lambda x: 1.5, out_axes=None)(x) == 1.5
    np.testing.assert_array_equal(fg.vmap(lambda x: (x, 2.0))(x)[1], [2.0, 2.0, 2.0])


def test_static_arguments_reach_the_function_as_they_are():
    got = fg.vmap(lambda x, n, name: x**n if name == "power" else x, (0, None, None))(
        np.arange(3.0), 3, "power"
    )
    np.testing.assert_array_equal(got, [0.0, 1.0, 8.0])


def test_arrays_in_arrays_out_and_tensors_in_tensors_out():
    x = np.arange(3.0)
    w = fg.tensor(2.0, requires_grad=True)
    assert isinstance(fg.vmap(fg.sin)(x), np.ndarray)
    assert isinstance(fg.vmap(fg.sin)(fg.tensor(x)), fg.Tensor)
    out = fg.vmap(lambda x: x * w)(x)
    assert out.requires_grad
    out.sum().backward()
    assert w.grad.item() == 3.0
    with fg.no_grad():
        assert isinstance(fg.vmap(lambda x: x * w)(x), np.ndarray)


def test_results_are_the_callers_own():
    x = np.arange(6.0).reshape(2, 3)
    got = fg.vmap(lambda x: x)(x)
    got[:] = 0
    np.testing.assert_array_equal(x, np.arange(6.0).reshape(2, 3))
    c = np.ones(3)
    shared = fg.vmap(lambda x: c, out_axes=None)(x)
    shared[:] = 5
    np.testing.assert_array_equal(c, 1.0)


def test_one_shared_matrix_makes_one_product():
    w = np.ones((4, 5))
    for f in (lambda x: x @ w, lambda x: w.T @ x):
        program = core.record(lambda t, f=f: [fg.vmap(f)(t[0])], [np.ones((7, 4))])
        products = [line for line in program.text().splitlines() if "matmul" in line]
        assert len(products) == 1
        assert "(7, 5)" in products[0]


def test_a_row_of_a_batch_has_the_bits_of_the_row_alone():
    rng = np.random.default_rng(1)
    w, x = rng.normal(size=(33, 17)), rng.normal(size=(9, 33))
    f = lambda x: fg.softmax(fg.tanh(x @ w))
    got = fg.vmap(f)(x)
    for k in range(9):
        same_bits(np.ascontiguousarray(got[k]), f(fg.tensor(x[k])))


# --- random numbers


def test_each_example_draws_its_own():
    fg.manual_seed(3)
    got = fg.vmap(lambda x: x + fg.random.normal((2,)))(np.zeros(4))
    fg.manual_seed(3)
    np.testing.assert_array_equal(got, fg.random.normal((4, 2)).numpy())
    assert len(np.unique(got)) == 8
    nested = fg.vmap(fg.vmap(lambda x: x + fg.random.uniform()))(np.zeros((3, 5)))
    assert len(np.unique(nested)) == 15


def test_dropout_differs_between_examples():
    layer = fg.nn.Dropout(0.5)
    got = fg.vmap(layer)(np.ones((8, 64), np.float32))
    masks = {tuple(row) for row in np.asarray(got != 0).tolist()}
    assert len(masks) == 8


def test_a_compiled_vmapped_function_draws_anew():
    f = lambda x: x * fg.random.uniform((3,))
    compiled = fg.compile(fg.vmap(f))
    x = np.ones((4, 3))
    fg.manual_seed(11)
    eager = [fg.vmap(f)(x) for _ in range(3)]
    fg.manual_seed(11)
    for want in eager:
        np.testing.assert_array_equal(compiled(x), want)


# --- with other transforms


def loss(w, x, y):
    return ((fg.tanh(x @ w["a"] + w["b"]) @ w["c"] - y) ** 2).sum()


@pytest.fixture
def network():
    rng = np.random.default_rng(2)
    w = {"a": rng.normal(size=(3, 5)), "b": rng.normal(size=5), "c": rng.normal(size=(5, 1))}
    return w, rng.normal(size=(7, 3)), rng.normal(size=(7, 1))


def test_gradients_of_each_example(network):
    w, x, y = network
    got = fg.vmap(fg.grad(loss), (None, 0, 0))(w, x, y)
    for k in range(7):
        want = fg.grad(loss)(w, x[k], y[k])
        for name in w:
            np.testing.assert_allclose(got[name][k], want[name], 1e-12, 1e-14)


def test_gradients_of_each_example_of_a_model(network):
    _, x, y = network
    model = fg.nn.Sequential(fg.nn.Linear(3, 4), fg.nn.Tanh(), fg.nn.Linear(4, 1)).to("float64")
    parameters = list(model.parameters())

    def of_one(x, y):
        return fg.autograd.grad(((model(x) - y) ** 2).sum(), parameters)

    got = fg.vmap(of_one)(x, y)
    for k in range(7):
        for flows, want in zip(got, of_one(fg.tensor(x[k]), fg.tensor(y[k])), strict=True):
            np.testing.assert_allclose(flows[k], want.numpy(), 1e-12, 1e-14)
    model.zero_grad()
    fg.vmap(lambda x, y: ((model(x) - y) ** 2).sum())(x, y).mean().backward()
    for flows, parameter in zip(got, parameters, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), flows.mean(0), 1e-12, 1e-14)


def test_compiled_and_eager_give_the_same_bits(network):
    w, x, y = network
    for f in (fg.vmap(loss, (None, 0, 0)), fg.vmap(fg.grad(loss), (None, 0, 0))):
        compiled = fg.compile(f)
        for _ in range(2):
            leaves = core.flatten(compiled(w, x, y))[0]
            for got, want in zip(leaves, core.flatten(f(w, x, y))[0], strict=True):
                same_bits(got, want)


def test_a_compiled_vmapped_gradient_runs_no_python(network):
    w, x, y = network
    calls = []

    def counted(*args):
        calls.append(1)
        return loss(*args)

    step = fg.compile(fg.vmap(fg.grad(counted), (None, 0, 0)))
    for _ in range(3):
        step(w, x, y)
    assert len(calls) == 1


def test_vmap_of_a_compiled_function(network):
    w, x, y = network
    compiled = fg.compile(fg.grad(loss))
    compiled(w, x[0], y[0])
    got = fg.vmap(compiled, (None, 0, 0))(w, x, y)
    want = fg.vmap(fg.grad(loss), (None, 0, 0))(w, x, y)
    for name in w:
        same_bits(got[name], want[name])


def test_vmap_in_vmap():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    # Closing over the outer example.
    got = fg.vmap(lambda row: fg.vmap(lambda other: (row * other).sum())(b))(a)
    np.testing.assert_allclose(got, a @ b.T, 1e-13)
    # Both ways of pairing.
    got = fg.vmap(fg.vmap(fg.inner, (None, 0)), (0, None))(a, b)
    np.testing.assert_allclose(got, a @ b.T, 1e-13)
    got = fg.vmap(fg.vmap(fg.inner, (None, 0), 0), (0, None), 1)(a, b)
    np.testing.assert_allclose(got, (a @ b.T).T, 1e-13)


def test_an_outer_variable_is_shared_by_the_examples():
    x = np.arange(4.0)
    got = fg.grad(lambda w: fg.vmap(lambda x: fg.sin(w * x))(x).sum())(0.5)
    np.testing.assert_allclose(got, (x * np.cos(0.5 * x)).sum(), 1e-13)
    compiled = fg.compile(lambda w: fg.vmap(lambda x: fg.sin(w * x))(x))
    np.testing.assert_array_equal(compiled(0.5), fg.vmap(lambda x: fg.sin(0.5 * x))(x))
    np.testing.assert_array_equal(compiled(0.25), fg.vmap(lambda x: fg.sin(0.25 * x))(x))


def quartic(x):
    return (x[0] ** 2 * x[1] ** 2 + fg.sin(x[0] * x[2]) + x[2] ** 3).sum()


def test_hessians_of_each_example():
    x = np.random.default_rng(5).normal(size=(4, 3))
    got = fg.vmap(fg.hessian(quartic))(x)
    for k in range(4):
        np.testing.assert_allclose(got[k], fg.hessian(quartic)(x[k]), 1e-12, 1e-13)


@pytest.mark.parametrize("transform", ["jvp", "vjp", "hvp", "jacobian", "jacfwd", "make_hvp"])
def test_products_of_each_example(transform):
    rng = np.random.default_rng(6)
    x, v = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    f = {
        "jvp": lambda x, v: fg.jvp(fg.sin, [x], [v])[1],
        "vjp": lambda x, v: fg.vjp(lambda x: fg.cumsum(x) * x[0], x)[1](v)[0],
        "hvp": lambda x, v: fg.hvp(quartic, x, v),
        "jacobian": lambda x, v: fg.jacobian(lambda x: x * v[0] + x[0])(x),
        "jacfwd": lambda x, v: fg.jacfwd(lambda x: x * v[0] + x[0])(x),
        "make_hvp": lambda x, v: fg.make_hvp(quartic)(x)(v),
    }[transform]
    got = fg.vmap(f)(x, v)
    assert isinstance(got, np.ndarray)
    np.testing.assert_allclose(got, np.stack([f(x[k], v[k]) for k in range(4)]), 1e-12, 1e-13)


@pytest.mark.parametrize("transform", ["jvp", "grad"])
def test_a_value_from_around_is_differentiated_by_inside(transform):
    """The same bits compiled, and a result that is part of no graph."""
    directions, x = np.eye(3), np.arange(1.0, 4.0)

    def f(x):
        along = {
            "jvp": lambda d: fg.jvp(lambda x: fg.sin(x) * x[0], (x,), (d,))[1],
            "grad": lambda d: fg.grad(lambda x: (fg.sin(x) * x[0]) @ d)(x),
        }[transform]
        return fg.vmap(along)(directions)

    compiled, calls = counted(f)
    for _ in range(2):
        got = compiled(x)
        assert isinstance(got, np.ndarray)
        same_bits(got, f(x))
    assert len(calls) == 1
    matrix = np.diag(np.cos(x)) * x[0]
    matrix[:, 0] += np.sin(x)
    np.testing.assert_allclose(got, matrix.T if transform == "jvp" else matrix, 1e-12)


def test_third_derivatives_of_a_vmapped_function():
    x = np.random.default_rng(7).normal(size=4)
    f = lambda x: fg.sin(x) * fg.exp(0.3 * x)
    per_example = fg.vmap(fg.grad(fg.grad(fg.grad(f))))(x)
    of_vmap = fg.elementwise_grad(fg.elementwise_grad(fg.elementwise_grad(fg.vmap(f))))(x)
    mixed = fg.elementwise_grad(fg.vmap(fg.grad(fg.grad(f))))(x)
    z = 1j + 0.3
    want = (z**3 * np.exp(z * x)).imag
    for got in (per_example, of_vmap, mixed):
        np.testing.assert_allclose(got, want, 1e-12)


def test_stop_gradient_and_no_grad_inside():
    x = np.arange(1.0, 4.0)
    got = fg.grad(lambda x: fg.vmap(lambda x: x * fg.stop_gradient(x))(x).sum())(x)
    np.testing.assert_array_equal(got, x)

    def f(x):
        with fg.no_grad():
            y = x * x
        return x * y

    np.testing.assert_array_equal(fg.grad(lambda x: fg.vmap(f)(x).sum())(x), x * x)


# --- refusals


def test_values_cannot_be_read():
    for read in (lambda x: x if x > 0 else -x, float, lambda x: x.numpy()):
        with pytest.raises(fg.RecordingError):
            fg.vmap(read)(np.ones(3))


def test_a_value_does_not_leave_by_a_closure():
    kept = []
    fg.vmap(lambda x: kept.append(x) or x)(np.ones(3))
    with pytest.raises(fg.RecordingError, match="has ended"):
        kept[0] + 1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fg.vmap(3), TypeError, "f must be a function, got int"),
        (lambda: fg.vmap(fg.sin, "0"), TypeError, "in_axes must be an int, None, or a nest of them, got '0'"),
        (lambda: fg.vmap(fg.sin, True), TypeError, "in_axes must be an int, None"),
        (lambda: fg.vmap(fg.sin, {"x": 0}), TypeError, "in_axes must be .* a tuple or list"),
        (lambda: fg.vmap(fg.sin, 0, 1.5), TypeError, "out_axes must be an int, None"),
        (lambda: fg.vmap(fg.sin, 2)(np.ones((2, 3))), ValueError,
         r"axis 2 is out of range for argument 0 of shape \(2, 3\)"),
        (lambda: fg.vmap(fg.sin)(np.float64(1.0)), ValueError, "axis 0 is out of range for argument 0"),
        (lambda: fg.vmap(fg.sin, 0, 2)(np.ones((2, 3))), ValueError, "axis 2 of out_axes is out of range"),
        (lambda: fg.vmap(fg.add)(np.ones(3), np.ones(4)), ValueError, "3 in argument 0, 4 in argument 1"),
        (lambda: fg.vmap(lambda n: n["a"])({"a": np.ones(2), "b": [np.ones(5)]}), ValueError,
         r"2 in argument 0\['a'\], 5 in argument 0\['b'\]\[0\]"),
        (lambda: fg.vmap(lambda x, y: x)(np.ones(2), y=np.ones(3)), ValueError, "3 in argument 'y'"),
        (lambda: fg.vmap(fg.sin, None)(np.ones(3)), ValueError, "nothing that sin was called with"),
        (lambda: fg.vmap(lambda: 1.0)(), ValueError, "nothing .* is batched"),
        (lambda: fg.vmap(fg.add, (0,))(np.ones(3), 1.0), ValueError, "in_axes has 1 item, but add was"),
        (lambda: fg.vmap(lambda x: x, ([0, 0],))([np.ones(2)]), TypeError,
         r"in_axes\[0\] has 2 items, but argument 0 has 1"),
        (lambda: fg.vmap(lambda x: x, ({"a": 0},))({"b": np.ones(2)}), TypeError, "has keys"),
        (lambda: fg.vmap(lambda x: x, ((0, 0),))(np.ones(2)), TypeError, "argument 0 is no nest"),
        (lambda: fg.vmap(lambda x: x)("text"), TypeError, "argument 0 of the vmapped <lambda> is a str"),
        (lambda: fg.vmap(lambda x: "text")(np.ones(2)), TypeError, "returned a str"),
        (lambda: fg.vmap(fg.sin, 0, None)(np.ones(2)), ValueError, "result of sin differs between examples"),
        (lambda: fg.vmap(lambda x: (x, x), 0, (0, 0, 0))(np.ones(2)), TypeError,
         "out_axes has 3 items, but result has 2"),
    ],
)  # fmt: skip
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_error_inside_leaves_nothing_behind():
    def fails(x):
        raise KeyError("inside")

    with pytest.raises(KeyError):
        fg.vmap(fails)(np.ones(3))
    with pytest.raises(ValueError, match="do not fit"):
        fg.vmap(lambda x: x @ np.ones((4, 2)))(np.ones((3, 5)))
    with pytest.raises(IndexError, match="out of range"):
        fg.vmap(lambda x, i: x[i])(np.ones((2, 3)), np.array([0, 7]))
    np.testing.assert_array_equal(fg.vmap(fg.negative)(np.ones(2)), [-1.0, -1.0])


def test_the_page_on_transforms_runs(source_tree):
    page = (source_tree / "docs" / "transforms.md").read_text(encoding="utf-8")
    names = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), names)
    assert names["per_example"](names["w"], names["x"], names["y"])["a"].shape == (100, 3, 8)
    assert [g.shape for g in names["each"]] == [(100, 16, 3), (100, 16), (100, 1, 16), (100, 1)]


# --- against JAX


def test_against_jax(network):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    w, x, y = network

    def jax_loss(w, x, y):
        return ((jnp.tanh(x @ w["a"] + w["b"]) @ w["c"] - y) ** 2).sum()

    for axes in ((None, 0, 0), ({"a": None, "b": None, "c": None}, 0, 0)):
        got = fg.vmap(fg.grad(loss), axes)(w, x, y)
        want = jax.vmap(jax.grad(jax_loss), axes)(w, x, y)
        for name in w:
            np.testing.assert_allclose(got[name], want[name], 1e-11, 1e-13)
    got = fg.vmap(fg.hessian(loss, 1), (None, 0, 0), 2)(w, x, y)
    np.testing.assert_allclose(
        got, jax.vmap(jax.hessian(jax_loss, 1), (None, 0, 0), 2)(w, x, y), 1e-11, 1e-13
    )
