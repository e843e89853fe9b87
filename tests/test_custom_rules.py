"""custom_vjp and custom_jvp: eager, compiled, vmapped, nested and again; what wrong rules are told."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import fastgrad as fg
from checking import same_bits


def make_scaled_sin(scale=3.0):
    """Sin with a derivative that is recognisably its own: scale times cos."""

    @fg.custom_vjp
    def f(x):
        return fg.sin(x)

    f.defvjp(lambda x: (fg.sin(x), x), lambda x, g: (scale * g * fg.cos(x),))
    return f


def make_scaled_sin_jvp(scale=3.0):
    @fg.custom_jvp
    def f(x):
        return fg.sin(x)

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), scale * t * fg.cos(x)

    return f


@pytest.fixture(params=[make_scaled_sin, make_scaled_sin_jvp], ids=["vjp", "jvp"])
def scaled(request):
    return request.param()


X = np.array([0.3, -1.2, 2.0])


def test_the_rule_is_the_derivative(scaled):
    np.testing.assert_array_equal(scaled(fg.tensor(X)).numpy(), fg.sin(fg.tensor(X)).numpy())
    np.testing.assert_allclose(fg.grad(lambda x: scaled(x).sum())(X), 3 * np.cos(X), 1e-14)
    t = fg.tensor(X, requires_grad=True)
    scaled(t).sum().backward()
    np.testing.assert_allclose(t.grad.numpy(), 3 * np.cos(X), 1e-14)


def test_without_a_gradient_the_function_itself_runs():
    calls = []

    @fg.custom_vjp
    def f(x):
        calls.append("f")
        return x * x

    f.defvjp(lambda x: (calls.append("fwd") or x * x, x), lambda x, g: (g * x,))
    f(fg.tensor(2.0))
    with fg.no_grad():
        f(fg.tensor(2.0, requires_grad=True))
    assert calls == ["f", "f"]
    assert fg.grad(f)(2.0) == 2.0
    assert calls == ["f", "f", "fwd"]


def test_the_rule_is_differentiated_in_turn(scaled):
    second = fg.elementwise_grad(fg.elementwise_grad(scaled))(X)
    np.testing.assert_allclose(second, -3 * np.sin(X), 1e-14)
    third = fg.elementwise_grad(fg.elementwise_grad(fg.elementwise_grad(scaled)))(X)
    np.testing.assert_allclose(third, -3 * np.cos(X), 1e-14)
    np.testing.assert_allclose(fg.hessian(lambda x: scaled(x).sum())(X), np.diag(-3 * np.sin(X)), 1e-14)


def test_what_fwd_computes_is_part_of_second_derivatives():
    @fg.custom_vjp
    def f(x):
        return fg.exp(x)

    def fwd(x):
        y = fg.exp(x)
        return y, y

    f.defvjp(fwd, lambda y, g: (g * y,))
    check_exponential(f)


def check_exponential(f):
    g = f
    for _ in range(4):
        np.testing.assert_allclose(g(fg.tensor(X)).numpy() if g is f else g(X), np.exp(X), 1e-13)
        g = fg.elementwise_grad(g)


def test_fwd_may_call_the_function_itself():
    @fg.custom_vjp
    def f(x):
        return fg.exp(x)

    def fwd(x):
        y = f(x)
        return y, y

    f.defvjp(fwd, lambda y, g: (g * y,))
    check_exponential(f)
    np.testing.assert_allclose(fg.compile(fg.vmap(fg.grad(fg.grad(f))))(X), np.exp(X), 1e-13)


def test_forward_products(scaled):
    value, tangent = fg.jvp(scaled, [X], [np.array([1.0, 2.0, -1.0])])
    np.testing.assert_allclose(value, np.sin(X), 1e-14)
    np.testing.assert_allclose(tangent, 3 * np.cos(X) * [1.0, 2.0, -1.0], 1e-14)


def test_compiled(scaled):
    for f in (
        lambda x: scaled(x) * 2.0,
        fg.elementwise_grad(scaled),
        fg.elementwise_grad(fg.elementwise_grad(scaled)),
    ):
        compiled = fg.compile(f)
        for _ in range(2):
            same_bits(compiled(fg.tensor(X)), f(fg.tensor(X)))


def test_gradients_of_a_compiled_function_use_the_rule(scaled):
    compiled = fg.compile(lambda x: scaled(x) * x)
    compiled(X)
    want = 3 * np.cos(X) * X + np.sin(X)
    np.testing.assert_allclose(fg.grad(lambda x: compiled(x).sum())(X), want, 1e-14)
    np.testing.assert_allclose(fg.compile(fg.grad(lambda x: compiled(x).sum()))(X), want, 1e-14)


def test_a_replay_computes_nothing_for_the_rule():
    @fg.custom_vjp
    def f(x):
        return fg.sin(x)

    f.defvjp(lambda x: (fg.sin(x), fg.exp(fg.cos(x))), lambda kept, g: (g * kept,))
    compiled = fg.compile(lambda x: f(x) + 1.0)
    compiled(X)
    assert "exp" not in compiled.explain()
    assert "cos" not in compiled.explain()


def test_the_rule_is_called_while_recording_only():
    calls = []

    @fg.custom_vjp
    def f(x):
        return fg.sin(x)

    f.defvjp(lambda x: (fg.sin(x), x), lambda x, g: (calls.append(1) or g * x,))
    step = fg.compile(fg.grad(lambda x: f(x).sum()))
    for _ in range(4):
        np.testing.assert_array_equal(step(X), X)
    assert len(calls) == 1


def test_vmapped(scaled):
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(fg.vmap(scaled)(x), np.sin(x), 1e-15)
    got = fg.vmap(fg.grad(lambda x: scaled(x).sum()))(x)
    np.testing.assert_allclose(got, 3 * np.cos(x), 1e-14)
    got = fg.grad(lambda x: fg.vmap(lambda x: scaled(x).sum())(x).sum())(x)
    np.testing.assert_allclose(got, 3 * np.cos(x), 1e-14)
    got = fg.vmap(fg.hessian(lambda x: scaled(x).sum()))(x)
    np.testing.assert_allclose(got, np.stack([np.diag(-3 * np.sin(row)) for row in x]), 1e-13)
    nested = fg.vmap(fg.vmap(fg.grad(scaled)))(x)
    np.testing.assert_allclose(nested, 3 * np.cos(x), 1e-14)
    compiled = fg.compile(fg.grad(lambda x: fg.vmap(lambda x: scaled(x).sum())(x).sum()))
    np.testing.assert_allclose(compiled(x), 3 * np.cos(x), 1e-14)


def test_gradients_to_what_the_examples_share_are_summed():
    @fg.custom_vjp
    def f(w, x):
        return w * x

    f.defvjp(lambda w, x: (w * x, (w, x)), lambda kept, g: (2.0 * g * kept[1], 2.0 * g * kept[0]))
    x = np.arange(1.0, 5.0)
    got = fg.grad(lambda w, x: fg.vmap(f, (None, 0))(w, x).sum(), (0, 1))(3.0, x)
    np.testing.assert_allclose(got[0], 2 * x.sum())
    np.testing.assert_allclose(got[1], np.full(4, 6.0))

    @fg.custom_vjp
    def constant_slope(w, x):
        return w * x

    constant_slope.defvjp(lambda w, x: (w * x, None), lambda kept, g: (np.float64(1.0), None))
    got = fg.grad(lambda w, x: fg.vmap(constant_slope, (None, 0))(w, x).sum(), (0, 1))(3.0, x)
    assert got[0] == 4.0
    np.testing.assert_array_equal(got[1], np.zeros(4))


def test_nests_and_several_outputs():
    @fg.custom_vjp
    def f(pair, named):
        a, b = pair
        return {"sum": a + b * named["c"], "count": fg.argmax(a), "parts": (a.sum(), b)}

    def fwd(pair, named):
        return f(pair, named), (pair, named, "kept")

    def bwd(kept, g):
        (_a, b), named, word = kept
        assert word == "kept"
        assert g["count"].shape == ()
        return (
            [g["sum"] + g["parts"][0], g["sum"] * named["c"] + g["parts"][1]],
            {"c": (g["sum"] * b).sum(), "unused": None},
        )

    f.defvjp(fwd, bwd)

    def loss(pair, named, f=f):
        out = f(pair, named)
        return (out["sum"] ** 2).sum() + 3.0 * out["parts"][0] + (out["parts"][1] ** 3).sum()

    rng = np.random.default_rng(1)
    pair = [rng.normal(size=4).astype(np.float32), rng.normal(size=4)]
    named = {"c": 2.0, "unused": np.ones(2)}
    own = fg.grad(loss, (0, 1))(pair, named)
    plain = fg.grad(lambda p, n: loss(p, n, f._f), (0, 1))(pair, named)
    compiled = fg.compile(fg.grad(loss, (0, 1)))(pair, named)
    for got in (own, compiled):
        assert got[0][0].dtype == np.float32
        np.testing.assert_allclose(got[0][0], plain[0][0], 1e-6)
        np.testing.assert_allclose(got[0][1], plain[0][1], 1e-12)
        np.testing.assert_allclose(got[1]["c"], plain[1]["c"], 1e-12)
        np.testing.assert_array_equal(got[1]["unused"], [0.0, 0.0])


def test_integer_arguments_and_keywords():
    @fg.custom_vjp
    def pick(x, i, times=1.0):
        return x[i] * times

    def bwd(kept, g):
        x, _i, times = kept
        return g * times * fg.numpy.ones_like(x), None, None

    pick.defvjp(lambda x, i, times: (pick(x, i, times), (x, i, times)), bwd)
    index = np.array([0, 2])
    compiled = fg.compile(fg.grad(lambda x, i: pick(x, i, times=4.0).sum()))

    def bwd_of_sum(kept, g):
        x, _i, times = kept
        return fg.numpy.zeros_like(x) + g.sum() * times, None, None

    pick.defvjp(lambda x, i, times: (pick._f(x, i, times), (x, i, times)), bwd_of_sum)
    np.testing.assert_array_equal(compiled(X, index), [8.0, 8.0, 8.0])
    np.testing.assert_array_equal(compiled(X, np.array([1, 1])), [8.0, 8.0, 8.0])


def test_fixed_arguments():
    calls = []

    def apply(f, x, n):
        return f(x) * n

    power = fg.custom_vjp(apply, nondiff_argnums=(0, 2))
    power.defvjp(
        lambda f, x, n: (apply(f, x, n), x),
        lambda f, n, x, g: (calls.append((f, n)) or g * n * 10.0,),
    )
    np.testing.assert_array_equal(fg.grad(lambda x: power(fg.sin, x, 2).sum())(X), np.full(3, 20.0))
    assert calls == [(fg.sin, 2)]

    jvp = fg.custom_jvp(apply, nondiff_argnums=(0, -1))
    jvp.defjvp(lambda f, n, primals, tangents: (apply(f, *primals, n), tangents[0] * n))
    np.testing.assert_array_equal(fg.grad(lambda x: jvp(fg.sin, x, 2).sum())(X), np.full(3, 2.0))


def test_defjvps():
    @fg.custom_jvp
    def f(x, y):
        return x * y * y

    f.defjvps(lambda t, value, x, y: t * y * y, lambda t, value, x, y: 2.0 * t * value / y)
    got = fg.grad(f, (0, 1))(3.0, 2.0)
    assert (float(got[0]), float(got[1])) == (4.0, 12.0)
    f.defjvps(None, lambda t, value, x, y: t * 7.0)
    got = fg.grad(f, (0, 1))(3.0, 2.0)
    assert (float(got[0]), float(got[1])) == (0.0, 7.0)


def test_a_method():
    class Scaled:
        scale = 5.0

        @fg.custom_vjp
        def __call__(self, x):
            return fg.sin(x)

    Scaled.__call__.defvjp(
        lambda self, x: (fg.sin(x), (self.scale, x)), lambda kept, g: (None, kept[0] * g * kept[1])
    )
    np.testing.assert_allclose(fg.grad(lambda x: Scaled()(x).sum())(X), 5.0 * X)


def test_in_a_model_that_is_trained(scaled):
    class Model(fg.nn.Module):
        def __init__(self):
            self.weight = fg.nn.Parameter(np.array([0.5, -0.25], np.float32))

        def forward(self, x):
            return scaled(x @ self.weight)

    rng = np.random.default_rng(3)
    x = rng.normal(size=(16, 2)).astype(np.float32)
    y = np.sin(x @ np.array([1.0, 0.5], np.float32))
    native, by_hand = Model(), Model()
    fg.fit(native, x, y, epochs=3, batch_size=16, shuffle=False, lr=0.05, optimizer="sgd", loss="mse")
    for _ in range(3):
        by_hand.zero_grad()
        ((by_hand(x) - y) ** 2).mean().backward()
        by_hand.weight = fg.nn.Parameter(
            by_hand.weight.detach().numpy() - np.float32(0.05) * by_hand.weight.grad.numpy()
        )
    np.testing.assert_allclose(native.weight.detach().numpy(), by_hand.weight.detach().numpy(), 1e-5)


@fg.custom_vjp
def at_top_level(x):
    return x * 2.0


at_top_level.defvjp(lambda x: (x * 2.0, None), lambda kept, g: (g * 3.0,))


def test_copied_and_pickled_as_functions_are():
    assert copy.deepcopy(at_top_level) is at_top_level
    assert pickle.loads(pickle.dumps(at_top_level)) is at_top_level


def test_nothing_is_kept_alive():
    class Marker:
        pass

    marker = Marker()
    gone = weakref.ref(marker)

    @fg.custom_vjp
    def f(x):
        return fg.sin(x)

    f.defvjp(lambda x: (fg.sin(x), x), lambda x, g, marker=marker: (g * x,))
    t = fg.tensor(X, requires_grad=True)
    out = f(t)
    del f, marker
    gc.collect()
    out.sum().backward()
    np.testing.assert_array_equal(t.grad.numpy(), X)
    del out
    gc.collect()
    assert gone() is None


def test_a_second_backward_needs_its_values(scaled):
    t = fg.tensor(X, requires_grad=True)
    out = scaled(t).sum()
    out.backward()
    with pytest.raises(fg.GradientError, match="second backward"):
        out.backward()


# --- what wrong rules are told


def with_bwd(bwd, fwd=lambda x, y: (x * y, (x, y))):
    @fg.custom_vjp
    def wrong(x, y):
        return x * y

    wrong.defvjp(fwd, bwd)
    return lambda: fg.grad(lambda x, y: wrong(x, {"y": y}["y"]).sum(), (0, 1))(X, 2.0)


def with_jvp(jvp):
    wrong = fg.custom_jvp(lambda x: fg.sin(x))
    wrong.__name__ = wrong.name = "wrong"
    wrong.defjvp(jvp)
    return lambda: fg.grad(lambda x: wrong(x).sum())(X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (with_bwd(lambda kept, g: g), TypeError, "wrong: bwd must return a tuple with a gradient for"),
        (with_bwd(lambda kept, g: (g,)), TypeError, "for each of 2 arguments, got a tuple of 1"),
        (with_bwd(lambda kept, g: (g, g)), ValueError,
         r"wrong: bwd gave shape \(3,\) as the gradient of argument 1, expected \(\)"),
        (with_bwd(lambda kept, g: (g[:2], None)), ValueError,
         r"gave shape \(2,\) as the gradient of argument 0, expected \(3,\)"),
        (with_bwd(lambda kept, g: ("g", None)), TypeError, "wrong: bwd gave a str as the gradient of"),
        (with_bwd(lambda kept, g: (g, g), fwd=lambda x, y: x * y), TypeError, "wrong: fwd must return"),
        (with_jvp(lambda primals, tangents: tangents[0]), TypeError, "wrong: jvp must return a pair"),
        (with_jvp(lambda p, t: (p[0], t[0][:1])), ValueError,
         r"wrong: jvp gave shape \(1,\) as the tangent, expected \(3,\)"),
        (with_jvp(lambda p, t: (p[0], (t[0], t[0]))), TypeError, "wrong: jvp gave a tuple as the tangent"),
        (lambda: fg.custom_vjp(fg.sin)(1.0), AttributeError, "no rule yet: call .*defvjp"),
        (lambda: fg.custom_jvp(fg.sin)(1.0), AttributeError, "no rule yet: call .*defjvp"),
        (lambda: fg.custom_vjp(3), TypeError, "f must be a function, got int"),
    ],
)  # fmt: skip
def test_wrong_rules(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_wrong_nest_is_told():
    @fg.custom_vjp
    def wrong(nest):
        return nest["a"] * 2.0

    wrong.defvjp(lambda nest: (nest["a"] * 2.0, None), lambda _, g: ({"b": g},))
    with pytest.raises(
        TypeError, match=r"wrong: bwd gave a dict with keys \['b'\] as the gradient of argument 0"
    ):
        fg.grad(lambda n: wrong(n).sum())({"a": X})


def test_against_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)

    def build(lib, np):
        @lib.custom_vjp
        def clipped(low, high, x):
            return x * 1.0

        def fwd(low, high, x):
            return x * 1.0, (low, high)

        clipped.defvjp(fwd, lambda kept, g: (None, None, np.clip(g, *kept)))

        @lib.custom_jvp
        def f(x, y):
            return np.sin(x) * y

        @f.defjvp
        def rule(primals, tangents):
            (x, y), (tx, ty) = primals, tangents
            return f(x, y), np.cos(x) * tx * y * 2.0 + np.sin(x) * ty

        # The first only once: JAX differentiates the value of fwd again, here it is the rule.
        return lambda x: np.sum(f(clipped(-1.0, 0.5, x * x), x) ** 2), lambda x: np.sum(f(x * x, x) ** 2)

    ours, theirs = build(fg, fg.numpy), build(jax, jax.numpy)
    for k, of in (
        (0, lambda lib, f: lib.grad(f)),
        (0, lambda lib, f: lib.vmap(lib.grad(lambda s: f(X * s)))),
        (1, lambda lib, f: lib.hessian(f)),
    ):
        np.testing.assert_allclose(of(fg, ours[k])(X), of(jax, theirs[k])(X), 1e-11, 1e-12)
