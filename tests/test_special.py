"""The gamma function's relatives: how exact they are, at their edges too, and their derivatives."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import special

import fastgrad as fg

rng = np.random.default_rng(2)
POSITIVE = np.concatenate(
    [
        rng.uniform(0.01, 12.0, 300),
        10.0 ** rng.uniform(-30, 20, 60),
        1 + rng.choice([-1, 1], 40) * 10.0 ** rng.uniform(-15, -1, 40),
        2 + rng.choice([-1, 1], 40) * 10.0 ** rng.uniform(-15, -1, 40),
        1.4616321449683622 + rng.choice([-1, 1], 40) * 10.0 ** rng.uniform(-15, -1, 40),
    ]
)
NEGATIVE = -rng.uniform(0.01, 40.0, 200)


def errors(f, exact, x, scale=None):
    """In units of the last place of the exact value, or of a scale."""
    with mpmath.workprec(200):
        want = [exact(mpmath.mpf(float(v))) for v in x]
        unit = np.spacing(np.abs([float(v) for v in want]) if scale is None else scale)
        found = f(x).numpy()
        return np.array(
            [float(abs(mpmath.mpf(float(a)) - b)) / u for a, b, u in zip(found, want, unit, strict=True)]
        )


def log_of_gamma(x):
    return mpmath.log(abs(mpmath.gamma(x)))


def test_gammaln_is_exact_to_8_ulp():
    assert errors(fg.gammaln, mpmath.loggamma, POSITIVE).max() <= 8
    scale = np.maximum(np.abs(special.gammaln(-NEGATIVE)), np.abs(special.gammaln(NEGATIVE)))
    scale = np.maximum(scale, np.abs(np.log(-NEGATIVE)))
    assert errors(fg.gammaln, log_of_gamma, NEGATIVE, scale).max() <= 4


def test_digamma_is_exact_to_4_ulp():
    assert errors(fg.digamma, mpmath.digamma, POSITIVE).max() <= 4
    terms = [np.abs(special.psi(NEGATIVE)), np.abs(special.psi(-NEGATIVE)), np.abs(1 / NEGATIVE)]
    terms.append(np.abs(np.pi / np.tan(np.pi * NEGATIVE)) + np.pi)
    assert errors(fg.digamma, mpmath.digamma, NEGATIVE, np.maximum.reduce(terms)).max() <= 4


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10])
def test_polygamma_is_exact_to_a_few_ulp(n):
    x = POSITIVE[np.abs(np.log10(POSITIVE)) < 15]
    assert errors(lambda v: fg.polygamma(n, v), lambda v: mpmath.psi(n, v), x).max() <= 4 + 2 * n
    largest = special.gamma(n + 1) / np.abs(NEGATIVE - np.rint(NEGATIVE)) ** (n + 1)
    found = errors(lambda v: fg.polygamma(n, v), lambda v: mpmath.psi(n, v), NEGATIVE, largest)
    assert found.max() <= 4 + 2 * n


def test_float32_is_float64_rounded():
    x = POSITIVE[(POSITIVE > 1e-20) & (POSITIVE < 1e18)].astype(np.float32)
    for f in (fg.gammaln, fg.digamma, lambda v: fg.polygamma(1, v)):
        assert f(x).dtype == np.float32
        np.testing.assert_array_equal(f(x).numpy(), f(x.astype(np.float64)).numpy().astype(np.float32))


def test_edges():
    edges = np.array([0.0, -0.0, -1.0, -7.0, np.inf, -np.inf, np.nan, 1.0, 2.0, 3.0])
    inf, nan = np.inf, np.nan
    np.testing.assert_array_equal(fg.gammaln(edges).numpy()[:9], [inf] * 6 + [nan, 0, 0])
    np.testing.assert_array_equal(fg.digamma(edges).numpy()[:7], [-inf, inf, nan, nan, inf, nan, nan])
    np.testing.assert_array_equal(fg.polygamma(1, edges).numpy()[:7], [inf] * 4 + [0, nan, nan])
    np.testing.assert_array_equal(fg.polygamma(2, edges).numpy()[:7], [-inf] * 4 + [0, nan, nan])
    assert fg.gammaln(np.array([1e306, 5e-324, 1e-320])).numpy()[0] == np.inf
    assert fg.polygamma(1, 1e308).item() == 1e-308
    assert fg.gammaln(np.zeros((0, 3))).shape == (0, 3)
    assert fg.gammaln(np.arange(1, 4)).dtype == np.float64


def test_gammaln_differentiates_again_and_again():
    x = np.array([0.3, 1.0, 1.7, 5.0, 33.0, -0.4, -3.3])
    f = fg.gammaln
    for n in range(5):
        f = fg.elementwise_grad(f)
        np.testing.assert_allclose(f(x), [float(mpmath.psi(n, v)) for v in x], rtol=1e-13)
    fg.check_grads(lambda v: fg.gammaln(v).sum(), [x[:5]], order=2)


def test_compositions_as_scipy():
    a, b = rng.uniform(0.1, 9, (3, 1)), rng.uniform(0.1, 9, 4)
    np.testing.assert_allclose(fg.betaln(a, b).numpy(), special.betaln(a, b), rtol=1e-13, atol=1e-13)
    for d in (1, 2, 5):
        want = special.multigammaln(a + 2, d)
        np.testing.assert_allclose(fg.multigammaln(a + 2, d).numpy(), want, rtol=1e-13)
    assert np.isnan(fg.multigammaln(0.5, 3).item())
    fg.check_grads(lambda a, b: fg.betaln(a, b).sum(), [a, b], order=2)
    fg.check_grads(lambda a: fg.multigammaln(a + 2, 3).sum(), [a], order=2)


def test_scipy_ufuncs_record():
    t = fg.tensor(rng.uniform(0.1, 0.9, 5), requires_grad=True)
    for name in ("gammaln", "psi", "digamma", "erf", "erfc", "expit", "logit", "ndtr", "log_expit", "expm1"):
        f = getattr(special, name)
        value = f(t)
        assert value.requires_grad
        np.testing.assert_allclose(value.detach().numpy(), f(t.detach().numpy()), rtol=1e-13)
    for name in ("betaln", "xlogy", "xlog1py"):
        f = getattr(special, name)
        np.testing.assert_allclose(f(t, 0.5).detach().numpy(), f(t.detach().numpy(), 0.5), rtol=1e-12)
    with pytest.raises(TypeError, match=r"np\.jv has no operation|np\.j0 has no operation"):
        special.j0(t)


def test_what_is_refused():
    with pytest.raises(ValueError, match="polygamma: expected an order from 0 to 100, got -1"):
        fg.polygamma(-1, 1.0)
    with pytest.raises(TypeError):
        fg.polygamma(1.5, 1.0)
    with pytest.raises(ValueError, match="multigammaln: expected a dimension of at least 1, got d=0"):
        fg.multigammaln(1.0, 0)


def test_compiled_functions_give_the_same_bits():
    f = lambda x: fg.gammaln(x) * 2 + fg.digamma(x) / fg.polygamma(1, x)
    x = POSITIVE[:1000].astype(np.float32)
    compiled = fg.compile(f)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(x), f(fg.tensor(x)).numpy())
