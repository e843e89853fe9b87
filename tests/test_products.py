"""vjp, jvp, jacfwd and make_hvp: against differences, each other, and JAX where it is installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg

rng = np.random.default_rng(3)
A = rng.normal(size=(3, 4))


def mixed(x, p):
    """A nest in, a nest out."""
    y = fg.tanh(A @ x) * p["scale"]
    return {"y": y, "pair": (fg.sum(y**2), fg.exp(p["shift"]) * x)}


X = rng.normal(size=4)
P = {"scale": np.array(1.5), "shift": rng.normal(size=4)}
DX = rng.normal(size=4)
DP = {"scale": np.array(0.3), "shift": rng.normal(size=4)}


def leaves(value):
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return [np.asarray(value)]


def inner(a, b):
    return sum(float(np.sum(x * y)) for x, y in zip(leaves(a), leaves(b), strict=True))


def moved(x, direction, by):
    if isinstance(x, dict):
        return {key: moved(x[key], direction[key], by) for key in x}
    return x + by * direction


def test_jvp_is_the_derivative_in_a_direction():
    value, tangent = fg.jvp(mixed, (X, P), (DX, DP))
    h = 1e-6
    ahead = mixed(fg.tensor(moved(X, DX, h)), moved(P, DP, h))
    behind = mixed(fg.tensor(moved(X, DX, -h)), moved(P, DP, -h))
    numpy = lambda nest: [leaf.numpy() if isinstance(leaf, fg.Tensor) else leaf for leaf in flat(nest)]
    for got, up, down in zip(leaves(tangent), numpy(ahead), numpy(behind), strict=True):
        np.testing.assert_allclose(got, (up - down) / (2 * h), rtol=1e-7, atol=1e-8)
    for got, exact in zip(leaves(value), numpy(mixed(fg.tensor(X), P)), strict=True):
        np.testing.assert_array_equal(got, exact)


def flat(nest):
    if isinstance(nest, dict):
        return [leaf for key in sorted(nest) for leaf in flat(nest[key])]
    if isinstance(nest, (list, tuple)):
        return [leaf for item in nest for leaf in flat(item)]
    return [nest]


def test_vjp_is_the_transpose_of_jvp():
    value, pullback = fg.vjp(mixed, X, P)
    _, tangent = fg.jvp(mixed, (X, P), (DX, DP))
    for _ in range(3):  # it can be called again and again
        cotangent = {"y": rng.normal(size=3), "pair": (np.array(rng.normal()), rng.normal(size=4))}
        assert inner(pullback(cotangent), (DX, DP)) == pytest.approx(inner(cotangent, tangent), rel=1e-12)
    assert value["pair"][1].shape == (4,)


@given(st.integers(0, 4), st.integers(0, 4), st.sampled_from(["float32", "float64"]))
@settings(max_examples=30, deadline=None)
def test_forward_and_reverse_jacobians_agree(rows, columns, dtype):
    W = rng.normal(size=(rows, columns)).astype(dtype)
    x = rng.normal(size=columns).astype(dtype)
    f = lambda x: fg.sin(W @ x) + 1.0
    forward, reverse = fg.jacfwd(f)(x), fg.jacrev(f)(x)
    assert forward.shape == reverse.shape == (rows, columns)
    assert forward.dtype == reverse.dtype == dtype
    np.testing.assert_allclose(forward, reverse, rtol=1e-5 if dtype == "float32" else 1e-12)


def test_jacfwd_of_several_arguments():
    f = lambda a, b: fg.reshape(a, (2, 1)) * b["x"]
    a, b = np.array([1.0, 2.0]), {"x": np.array([3.0, 4.0, 5.0]), "unused": np.ones((2, 2))}
    by_a, by_b = fg.jacfwd(f, argnums=(0, 1))(a, b)
    other_a, other_b = fg.jacobian(f, argnums=(0, 1))(a, b)
    np.testing.assert_array_equal(by_a, other_a)
    assert by_a.shape == (2, 3, 2)
    for key in b:
        np.testing.assert_array_equal(by_b[key], other_b[key])


def test_nested_in_each_other_and_in_gradients():
    cube = lambda x: x**3
    push = lambda x: fg.jvp(cube, [x], [1.0])[1]
    pull = lambda x: fg.vjp(cube, x)[1](1.0)[0]
    for derivative in (push, pull):
        assert derivative(2.0) == 12.0
        assert fg.grad(derivative)(2.0) == 12.0
        assert fg.grad(fg.grad(derivative))(2.0) == 6.0
        assert fg.jvp(derivative, [2.0], [1.0])[1] == 12.0
        assert fg.vjp(derivative, 2.0)[1](1.0)[0] == 12.0
        assert fg.jacfwd(derivative)(2.0) == 12.0
    assert fg.jacfwd(fg.jacrev(lambda x: fg.sum(x**3)))(np.array([1.0, 2.0])).tolist() == [
        [6.0, 0.0],
        [0.0, 12.0],
    ]


def test_the_cotangent_may_be_differentiated_too():
    f = lambda c: fg.vjp(lambda x: x**3, 2.0)[1](c)[0]
    assert fg.grad(f)(5.0) == 12.0
    g = lambda t: fg.jvp(lambda x: x**3, [2.0], [t])[1]
    assert fg.grad(g)(5.0) == 12.0


def test_in_recordings():
    for f in (
        lambda x, v: fg.jvp(lambda y: fg.sin(y) * y, [x], [v])[1],
        lambda x, v: fg.vjp(lambda y: fg.sin(y) * y, x)[1](v)[0],
        lambda x, v: fg.make_hvp(lambda y: fg.sum(fg.sin(y) * y))(x)(v),
        lambda x, v: fg.jacfwd(lambda y: fg.sin(y) * y)(x) @ v,
    ):
        compiled = fg.compile(f)
        for _ in range(3):
            x, v = rng.normal(size=3), rng.normal(size=3)
            np.testing.assert_array_equal(compiled(x, v), f(x, v))


def test_tensors_in_tensors_out():
    x = fg.tensor([1.0, 2.0])
    value, pullback = fg.vjp(lambda x: x * x, x)
    (flow,) = pullback(np.array([1.0, 1.0]))
    for result in (value, flow):
        assert isinstance(result, fg.Tensor)
        assert not result.requires_grad
    assert flow.tolist() == [2.0, 4.0]
    value, tangent = fg.jvp(lambda x: x * x, [x], [np.array([1.0, 0.0])])
    assert tangent.tolist() == [2.0, 0.0]
    assert not tangent.requires_grad
    x.requires_grad = True
    (flow,) = fg.vjp(lambda x: x * x, x)[1](np.array([1.0, 1.0]))
    flow.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_arrays_may_change_after_vjp():
    x, factor = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    _, pullback = fg.vjp(lambda x: x * x * factor, x)
    x[:], factor[:] = 0.0, 0.0
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [6.0, 16.0])


def test_what_does_not_depend():
    value, tangent = fg.jvp(lambda x, y: x * 2.0, [1.0, 2.0], [0.0, 1.0])
    assert (value, tangent) == (2.0, 0.0)
    value, tangent = fg.jvp(lambda x: 3.0, [1.0], [1.0])
    assert (value, tangent) == (3.0, 0.0)
    value, pullback = fg.vjp(lambda x, y: {"a": y, "b": 7.0}, 1.0, 2.0)
    assert pullback({"a": 1.0, "b": 1.0}) == (0.0, 1.0)
    assert fg.jacfwd(lambda x: np.ones(2))(np.ones(3)).tolist() == [[0.0] * 3] * 2


def test_make_hvp_computes_the_gradient_once():
    calls = []

    def f(x):
        calls.append(1)
        return (x["a"] ** 3).sum() + x["a"].sum() * x["b"]

    at = {"a": np.array([1.0, 2.0]), "b": np.array(3.0)}
    product = fg.make_hvp(f)(at)
    assert len(calls) == 1
    for _ in range(3):
        v = {"a": rng.normal(size=2), "b": np.array(rng.normal())}
        got, expected = product(v), fg.hvp(f, at, v)
        np.testing.assert_allclose(got["a"], expected["a"], rtol=1e-14)
        np.testing.assert_allclose(got["b"], expected["b"], rtol=1e-14)
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fg.jvp(fg.sin, 1.0, [1.0]), TypeError, "primals must be a list or tuple.*float"),
        (lambda: fg.jvp(fg.sin, [1.0], 1.0), TypeError, "tangents must be a list or tuple.*float"),
        (lambda: fg.jvp(fg.sin, [1.0], [1.0, 2.0]), ValueError, "tangents must be nested as primals"),
        (lambda: fg.jvp(fg.sin, [np.ones(2)], [np.ones(3)]), ValueError, r"leaf 0 .*\(3,\).*\(2,\)"),
        (lambda: fg.jvp(lambda x: x > 0, [1.0], [1.0]), TypeError, "returned bool"),
        (lambda: fg.jvp(lambda x: None, [1.0], [1.0]), TypeError, "returned no numbers"),
        (lambda: fg.jvp(3, [1.0], [1.0]), TypeError, "must be a function"),
        (
            lambda: fg.vjp(fg.sin, np.ones(2))[1](np.ones(3)),
            ValueError,
            r"cotangent has shape \(3,\)",
        ),
        (lambda: fg.vjp(fg.sin, np.ones(2))[1]([np.ones(2)]), ValueError, "nested as the value"),
        (lambda: fg.vjp(fg.sin, "a"), TypeError, "argument 0"),
        (lambda: fg.make_hvp(fg.sum)(np.ones(2))(np.ones(3)), ValueError, r"\(3,\)"),
        (lambda: fg.jacfwd(lambda x: "no")(1.0), TypeError, "returned"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_against_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    ours = lambda x, w: fg.tanh(w @ x) * fg.exp(x[0])
    theirs = lambda x, w: jnp.tanh(w @ x) * jnp.exp(x[0])
    dW, c = rng.normal(size=(3, 4)), rng.normal(size=3)
    close = lambda a, b: np.testing.assert_allclose(a, np.asarray(b), rtol=1e-12, atol=1e-14)
    for a, b in zip(fg.jvp(ours, (X, A), (DX, dW)), jax.jvp(theirs, (X, A), (DX, dW)), strict=True):
        close(a, b)
    for a, b in zip(fg.vjp(ours, X, A)[1](c), jax.vjp(theirs, X, A)[1](c), strict=True):
        close(a, b)
    close(fg.jacfwd(ours)(X, A), jax.jacfwd(theirs)(X, A))
    second = lambda g, f: g.jacfwd(g.jacrev(f))
    close(second(fg, ours)(X, A), second(jax, theirs)(X, A))
