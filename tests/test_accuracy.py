"""Elementary functions against exact values: within few units of the last place over their whole range."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import fastgrad as fg

mp.prec = 160
dtypes = [np.float32, np.float64]
allowed_ulps = {"normal_cdf": 5.0, "gelu": 5.0, "normal_pdf": 3.0}  # 2 for all others


def below(x: mpf) -> mpf:
    """The normal distribution function; beyond 1000 mpmath's exponents overflow."""
    return mp.erfc(-max(-1000, min(1000, x)) / mp.sqrt(2)) / 2


exact = {
    "exp": mp.exp,
    "log": mp.log,
    "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "sin": mp.sin,
    "cos": mp.cos,
    "expm1": mp.expm1,
    "log1p": mp.log1p,
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "erf": mp.erf,
    "normal_cdf": below,
    "normal_pdf": lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * below(x),
}
lower_end = {"log": 0.0, "log1p": -1.0}  # excluded: the value there is -inf


def error_in_ulps(value: np.floating, want: mpf) -> float:
    """Infinity counts as the power of two after the largest number: rounding up to it is one ulp at most."""
    info = np.finfo(value.dtype)
    if np.isnan(value):
        return np.inf
    beyond = mp.ldexp(1, int(info.maxexp))
    got = mpf(float(value)) if np.isfinite(value) else beyond * int(np.sign(value))
    want = max(-beyond, min(beyond, want))
    exponent = max(mp.mag(want), int(info.minexp) + 1) if want else int(info.minexp) + 1
    return float(abs(got - want) / mp.ldexp(1, exponent - info.nmant - 1))


def with_neighbours(points, dtype):
    """Each point and the numbers up to three places from it, of both signs."""
    x = np.abs(np.array(points, dtype))
    below, above = [x], [x]
    for _ in range(3):
        below.append(np.nextafter(below[-1], dtype(0)))
        above.append(np.nextafter(above[-1], dtype(np.inf)))
    near = np.concatenate([*below, *above])
    return np.concatenate([near, -near])


def hard_points(dtype):
    """Where implementations go wrong: ends of ranges, changes of method, multiples of pi/2 and ln 2."""
    info = np.finfo(dtype)
    tiny = float(info.smallest_subnormal)
    ends = [
        0.0,
        tiny,
        3 * tiny,
        float(info.smallest_normal),
        float(info.eps),
        float(info.epsneg),
        float(info.max) / 2,
    ]
    overflow = [
        88.7228390625,
        87.33654,
        103.97208,
        104.0,
        709.782712893384,
        708.3964185322641,
        745.1332191019411,
    ]
    methods = [0.25, 0.5, 0.5625, 1.0, 0.75, 1.5, 2.0, 9.0, 10.0, 16.6, 18.0, 20.0, 36.7, 38.0, 40.0, 80.0]
    angles = [6400.0, 1e5, 1e6, 1e9, 16367173.0 * 2.0**72, 1e22, 1e30]
    if dtype is np.float64:
        # The double nearest to a multiple of pi/2, and one whose exp is next to halfway between doubles.
        angles += [6381956970095103.0 * 2.0**797, 1e300]
        methods += [7.541752774995959e-10]
    near_pi = [float(k * mp.pi / 2) for k in (1, 2, 3, 4, 5, 22, 355, 710, 4097, 10**5, 10**8, 10**12)]
    near_ln2 = [float((k + mpf(1) / 2) * mp.ln2) for k in (0, 1, 2, 3, 20, 60, 126, 148, 1021, 1073)]
    return with_neighbours([*ends, *overflow, *methods, *angles, *near_pi, *near_ln2], dtype)


def points(name, dtype):
    rng = np.random.default_rng(7)
    info = np.finfo(dtype)
    all_sizes = np.exp2(rng.uniform(info.minexp - info.nmant, info.maxexp, 250)) * rng.choice(
        [-1.0, 1.0], 250
    )
    usual = np.concatenate([rng.uniform(-5.0, 5.0, 250), rng.uniform(-40.0, 10.0, 100)])
    wide = rng.uniform(-750.0, 750.0, 150) * (1.0 if dtype is np.float64 else 0.14)
    x = np.concatenate([hard_points(dtype), np.concatenate([all_sizes, usual, wide]).astype(dtype)])
    x = np.abs(x) if name == "log" else x
    return x[np.isfinite(x) & (x > lower_end.get(name, -np.inf))]


@pytest.mark.parametrize("dtype", dtypes)
@pytest.mark.parametrize("name", exact)
def test_within_few_ulps(name, dtype):
    x = points(name, dtype)
    values = getattr(fg, name)(x).numpy()
    assert values.dtype == dtype
    errors = [error_in_ulps(value, exact[name](mpf(float(a)))) for a, value in zip(x, values, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= allowed_ulps.get(name, 2.0), f"{name}({x[worst]!r}) is {values[worst]!r}"


# Slopes that are sums of two terms: each in full, so that they are exact but for where the terms cancel.
slope_terms = {
    "silu": lambda x: (1 / (1 + mp.exp(-x)), x / ((1 + mp.exp(-x)) * (1 + mp.exp(x)))),
    "gelu": lambda x: (below(x), x * exact["normal_pdf"](x)),
}


@pytest.mark.parametrize("dtype", dtypes)
@pytest.mark.parametrize("name", slope_terms)
def test_slopes_within_few_ulps_of_their_terms(name, dtype):
    rng = np.random.default_rng(9)
    reach = {"silu": 80.0, "gelu": 12.0}[name]
    x = np.concatenate([rng.uniform(-reach, reach, 400), rng.uniform(-2.0, 2.0, 400)]).astype(dtype)
    slopes = fg.elementwise_grad(getattr(fg, name))(x)
    assert slopes.dtype == dtype
    for at, slope in zip(x, slopes, strict=True):
        terms = slope_terms[name](mpf(float(at)))
        unit = np.finfo(dtype).eps * max(abs(term) for term in terms)
        assert abs(mpf(float(slope)) - sum(terms)) <= 6 * unit, f"the slope of {name} at {at!r} is {slope!r}"


@pytest.mark.parametrize("dtype", dtypes)
def test_power_within_two_ulps(dtype):
    rng = np.random.default_rng(8)
    info = np.finfo(dtype)
    base = np.exp2(rng.uniform(info.minexp - info.nmant, info.maxexp, 600)).astype(dtype)
    near_one = (1 + rng.uniform(-1, 1, 600) * 2.0 ** -rng.integers(0, info.nmant + 1, 600)).astype(dtype)
    base = np.concatenate([base, near_one])
    base = base[(base > 0) & np.isfinite(base) & (base != 1)]
    # Exponents for which the power covers all sizes, over- and underflow among them.
    reach = rng.uniform(1.02 * (info.minexp - info.nmant), 1.02 * info.maxexp, base.size)
    exponent = (reach / np.log2(base.astype(np.longdouble))).astype(dtype)
    small = rng.integers(-9, 10, base.size).astype(dtype)
    a, b = np.concatenate([base, -base]), np.concatenate([exponent, small])
    b = np.where(a < 0, np.trunc(b), b)
    usable = np.isfinite(b)
    a, b = a[usable], b[usable]
    values = fg.power(a, b).numpy()
    errors = [
        error_in_ulps(value, mp.power(mpf(float(x)), mpf(float(y))))
        for x, y, value in zip(a, b, values, strict=True)
    ]
    worst = int(np.argmax(errors))
    assert errors[worst] <= 2.0, f"power({a[worst]!r}, {b[worst]!r}) is {values[worst]!r}"


@pytest.mark.parametrize("dtype", dtypes)
def test_powers_of_special_numbers_are_those_of_c(dtype):
    info = np.finfo(dtype)
    odd = 2.0**info.nmant + 1
    special = [
        0.0,
        1.0,
        0.5,
        2.0,
        3.0,
        2.5,
        odd,
        2 * odd,
        float(info.max),
        float(info.smallest_subnormal),
        np.inf,
        np.nan,
    ]
    numbers = np.array([*special, *[-a for a in special]], dtype)
    a, b = (axis.ravel() for axis in np.meshgrid(numbers, numbers))
    values = fg.power(a, b).numpy()
    with np.errstate(all="ignore"):
        want = np.power(a, b)
    inexact = np.isfinite(want) & (want != 0)
    np.testing.assert_array_equal(values[~inexact], want[~inexact])
    np.testing.assert_array_equal(np.signbit(values[want == 0]), np.signbit(want[want == 0]))
    np.testing.assert_allclose(values[inexact], want[inexact], rtol=4 * float(info.eps))


limits = {
    "exp": {-np.inf: 0.0, np.inf: np.inf},
    "log": {0.0: -np.inf, np.inf: np.inf, -1.0: np.nan, -np.inf: np.nan},
    "tanh": {-np.inf: -1.0, np.inf: 1.0, -0.0: -0.0},
    "sigmoid": {-np.inf: 0.0, np.inf: 1.0},
    "sin": {-np.inf: np.nan, np.inf: np.nan, -0.0: -0.0},
    "cos": {-np.inf: np.nan, np.inf: np.nan},
    "expm1": {-np.inf: -1.0, np.inf: np.inf, -0.0: -0.0},
    "log1p": {-1.0: -np.inf, -2.0: np.nan, np.inf: np.inf, -0.0: -0.0},
    "softplus": {-np.inf: 0.0, np.inf: np.inf},
    "erf": {-np.inf: -1.0, np.inf: 1.0, -0.0: -0.0},
    "normal_cdf": {-np.inf: 0.0, np.inf: 1.0},
    "normal_pdf": {-np.inf: 0.0, np.inf: 0.0},
    "silu": {-np.inf: -0.0, np.inf: np.inf, -0.0: -0.0},
    "gelu": {-np.inf: -0.0, np.inf: np.inf, -0.0: -0.0},
}


@pytest.mark.parametrize("dtype", dtypes)
@pytest.mark.parametrize("name", exact)
def test_limits(name, dtype):
    table = {**limits[name], np.nan: np.nan}
    for lanes in (1, 16):  # with others beside it too
        for x, want in table.items():
            values = getattr(fg, name)(np.array([x] + [1.0] * (lanes - 1), dtype)).numpy()
            np.testing.assert_array_equal(values[0], dtype(want))
            assert np.isnan(want) or np.signbit(values[0]) == np.signbit(want)


def test_exact_values_are_exact():
    """The oracle itself, where the answer is known by other means."""
    assert error_in_ulps(np.float64(np.e), mp.e) <= 0.5
    assert error_in_ulps(np.nextafter(np.float64(1.0), 2.0), mpf(1)) == 1.0
    assert error_in_ulps(np.float32(np.inf), mpf(2) ** 128) == 0.0
    assert error_in_ulps(np.float32(0.0), mpf(2) ** -149) == 1.0
    hardest = mpf(6381956970095103) * mpf(2) ** 797
    assert mp.cos(hardest) == pytest.approx(-4.6871659242546276e-19, rel=1e-15)
    with mpmath.workprec(2000):
        precise = mp.cos(hardest)
    assert mp.cos(hardest) == pytest.approx(precise, rel=1e-30)
