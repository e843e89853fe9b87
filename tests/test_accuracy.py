"""Elementary functions against exact values: within few units of the last place over their whole range."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import fastgrad as fg

mp.prec = 160
dtypes = [np.float32, np.float64]
allowed_ulps = {"normal_cdf": 5.0, "gelu": 5.0, "erfc": 5.0, "normal_pdf": 3.0}  # 2 for all others


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
    "erfc": lambda x: mp.erfc(max(-1000, min(1000, x))),
    "normal_cdf": below,
    "normal_pdf": lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * below(x),
    "exp2": lambda x: mp.power(2, x),
    "log2": lambda x: mp.log(x) / mp.ln2,
    "log10": mp.log10,
    "logit": lambda x: mp.log(x / (1 - x)),
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
}
logarithms = ("log", "log2", "log10")
# Where there is no value, or none that is finite.
lower_end = {**dict.fromkeys(logarithms, 0.0), "log1p": -1.0, "logit": 0.0, "arctanh": -1.0}
upper_end = {"logit": 1.0, "arctanh": 1.0}
inner_ends = {"arcsin": (-1.0, 1.0), "arccos": (-1.0, 1.0), "arccosh": (1.0, np.inf)}  # with values


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
    if name in logarithms:
        x = np.abs(x)
    if name in inner_ends or name in upper_end:
        inside = rng.uniform(-1.0, 1.0, 300)
        near_one = 1.0 - 2.0 ** -rng.uniform(0.0, info.nmant + 1.0, 200)
        beyond_one = 1.0 + 2.0 ** -rng.uniform(0.0, info.nmant + 1.0, 200)
        x = np.concatenate([x, np.concatenate([inside, near_one, -near_one, beyond_one]).astype(dtype)])
    low, high = inner_ends.get(name, (-np.inf, np.inf))
    x = x[(x >= low) & (x <= high)]
    x = x[(x > lower_end.get(name, -np.inf)) & (x < upper_end.get(name, np.inf))]
    return x[np.isfinite(x)]


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
    "erfc": {-np.inf: 2.0, np.inf: 0.0, 0.0: 1.0},
    "exp2": {-np.inf: 0.0, np.inf: np.inf, 10.0: 1024.0},
    "log2": {0.0: -np.inf, np.inf: np.inf, -1.0: np.nan, 1.0: 0.0, 1024.0: 10.0},
    "log10": {0.0: -np.inf, np.inf: np.inf, -1.0: np.nan, 1.0: 0.0, 1000.0: 3.0},
    "logit": {0.0: -np.inf, 1.0: np.inf, 0.5: 0.0, -0.1: np.nan, 1.1: np.nan},
    "tan": {-np.inf: np.nan, np.inf: np.nan, -0.0: -0.0},
    "arcsin": {1.5: np.nan, np.inf: np.nan, -0.0: -0.0},
    "arccos": {1.5: np.nan, -np.inf: np.nan, 1.0: 0.0},
    "arctan": {-0.0: -0.0},
    "sinh": {-np.inf: -np.inf, np.inf: np.inf, -0.0: -0.0},
    "cosh": {-np.inf: np.inf, np.inf: np.inf, 0.0: 1.0},
    "arcsinh": {-np.inf: -np.inf, np.inf: np.inf, -0.0: -0.0},
    "arccosh": {0.5: np.nan, -2.0: np.nan, 1.0: 0.0, np.inf: np.inf, -np.inf: np.nan},
    "arctanh": {1.0: np.inf, -1.0: -np.inf, 1.5: np.nan, np.inf: np.nan, -0.0: -0.0},
    "cbrt": {-np.inf: -np.inf, np.inf: np.inf, -0.0: -0.0, -27.0: -3.0},
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


exact_of_two = {
    "arctan2": mp.atan2,
    "hypot": mp.hypot,
    "logaddexp": lambda a, b: mp.log(mp.exp(a) + mp.exp(b)),
}


@pytest.mark.parametrize("dtype", dtypes)
@pytest.mark.parametrize("name", exact_of_two)
def test_functions_of_two_within_two_ulps(name, dtype):
    """Logaddexp's error is relative to its result, its larger argument, or what lies between: the largest."""
    rng = np.random.default_rng(11)
    info = np.finfo(dtype)
    reach = (8.0, 8.0) if name == "logaddexp" else (info.minexp - info.nmant, info.maxexp)
    size = np.exp2(rng.uniform(-reach[0] if name == "logaddexp" else reach[0], reach[1], 500))
    near = size * np.exp2(rng.uniform(-6.0, 6.0, 500))
    usual = rng.uniform(-4.0, 4.0, (2, 500))
    signs = rng.choice([-1.0, 1.0], (2, 500))
    with np.errstate(over="ignore", under="ignore"):
        a = np.concatenate([size * signs[0], usual[0], size]).astype(dtype)
        b = np.concatenate([near * signs[1], usual[1], rng.permutation(near)]).astype(dtype)
    usable = np.isfinite(a) & np.isfinite(b)
    a, b = a[usable], b[usable]
    for x, y, value in zip(a, b, getattr(fg, name)(a, b).numpy(), strict=True):
        want = exact_of_two[name](mpf(float(x)), mpf(float(y)))
        if name == "logaddexp":
            larger = mpf(float(max(x, y)))
            scale = max(abs(want), abs(larger), abs(want - larger))
            assert abs(mpf(float(value)) - want) <= 2 * float(info.eps) * mp.ldexp(1, mp.mag(scale) - 1), (
                x,
                y,
            )
        else:
            assert error_in_ulps(value, want) <= 2.0, f"{name}({x!r}, {y!r}) is {value!r}"


SPECIAL = [0.0, 1.0, 2.5, 0.1, 3.0, 1e30, np.inf]
SPECIAL += [-x for x in SPECIAL] + [np.nan]


@pytest.mark.parametrize("dtype", dtypes)
@pytest.mark.parametrize(
    "name", ["arctan2", "hypot", "logaddexp", "remainder", "fmod", "floor_divide", "copysign", "heaviside"]
)
def test_special_numbers_of_two_are_numpys(name, dtype):
    a, b = (axis.ravel() for axis in np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype)))
    values = getattr(fg, name)(a, b).numpy()
    with np.errstate(all="ignore"):
        want = getattr(np, name)(a, b)
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(values, want, rtol=4 * eps, atol=4 * eps if name == "logaddexp" else 0.0)
    zeros = want == 0
    np.testing.assert_array_equal(np.signbit(values[zeros]), np.signbit(want[zeros]))


@pytest.mark.parametrize("dtype", dtypes)
@pytest.mark.parametrize("name", ["remainder", "fmod", "floor_divide"])
def test_division_with_remainder_is_exact_over_the_whole_range(name, dtype):
    rng = np.random.default_rng(12)
    info = np.finfo(dtype)
    sizes = np.exp2(rng.uniform(info.minexp - info.nmant, info.maxexp, (2, 2000)))
    a, b = (sizes * rng.choice([-1.0, 1.0], (2, 2000))).astype(dtype)
    near = (a * np.exp2(rng.uniform(-60.0, 3.0, 2000))).astype(dtype)
    for divisor in (b, near):
        with np.errstate(all="ignore"):
            want = getattr(np, name)(a, divisor)
        np.testing.assert_array_equal(getattr(fg, name)(a, divisor).numpy(), want)


@pytest.mark.parametrize("name", ["remainder", "fmod", "floor_divide"])
def test_division_of_integers_is_numpys(name):
    least = np.iinfo(np.int64).min
    numbers = np.array([0, 1, -1, 2, -2, 3, -3, 7, -7, least, least + 1, np.iinfo(np.int64).max])
    a, b = (axis.ravel() for axis in np.meshgrid(numbers, numbers))
    with np.errstate(all="ignore"):
        want = getattr(np, name)(a, b)
    np.testing.assert_array_equal(getattr(fg, name)(a, b).numpy(), want)


@pytest.mark.parametrize("dtype", dtypes)
@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "rint"])
def test_rounding_is_exact(name, dtype):
    places = np.finfo(dtype).nmant
    halves = np.arange(-9, 10) / 2.0
    large = 2.0 ** np.array([places - 1, places, places + 1, 62.0, 100.0])
    x = with_neighbours([*halves, *large, *(large + 0.5), *(large + 1.5), 0.3, 1e-40], dtype)
    x = np.concatenate([x, np.array([np.inf, -np.inf, np.nan], dtype)])
    values, want = getattr(fg, name)(x).numpy(), getattr(np, name)(x)
    np.testing.assert_array_equal(values, want)
    np.testing.assert_array_equal(np.signbit(values[want == 0]), np.signbit(want[want == 0]))


def test_sinc_and_its_derivatives():
    x = np.array([0.0, 1e-8, 0.1, 0.2499, 0.25, 0.7, 1.0, 3.0, 30.5, 1000.0])
    sinc = lambda t: mp.sinc(mp.pi * t)
    np.testing.assert_allclose(fg.sinc(x).numpy(), [float(sinc(mpf(t))) for t in x], rtol=1e-15, atol=1e-30)
    slopes = fg.elementwise_grad(fg.sinc)
    np.testing.assert_allclose(slopes(x), [float(mp.diff(sinc, mpf(t))) for t in x], rtol=1e-12, atol=1e-13)
    bends = fg.elementwise_grad(slopes)(x)
    np.testing.assert_allclose(bends, [float(mp.diff(sinc, mpf(t), 2)) for t in x], rtol=1e-11, atol=1e-12)


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
