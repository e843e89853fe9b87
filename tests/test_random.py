"""fastgrad.random: reproducible, the same bits everywhere, fairly distributed."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
import threading

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import random


@pytest.fixture(autouse=True)
def seeded():
    state = random.get_state()
    fg.manual_seed(1234)
    yield
    random.set_state(state)


DRAWS = {
    "uniform": lambda: random.uniform((1000,), -2.0, 5.0),
    "uniform float32": lambda: random.uniform((1000,), -2.0, 5.0, dtype="float32"),
    "normal": lambda: random.normal((10, 100), 3.0, 0.5),
    "normal float32": lambda: random.normal((10, 100), 3.0, 0.5, dtype=np.float32),
    "integers": lambda: random.integers((1000,), -7, 30),
    "bernoulli": lambda: random.bernoulli((1000,), 0.3),
    "permutation": lambda: random.permutation(1000),
}
# SHA-256 of the little-endian numbers after manual_seed(1234). Changing them changes what users' seeds mean.
BITS = {
    "uniform": "cbfb48ce6ac6c048259fb6ff17c3fd06979a7a0e2e04ad1a331ead45ba348695",
    "uniform float32": "2b55a6810db7b1b7e50c58da583214d81e4e4c854e3d415822da59adcf6af824",
    "normal": "c6a835888fb1008a2aeee8f397ea24846b9e1a7ce94d589521dd0614abd0ae64",
    "normal float32": "8a11091f377438693e04179e774b62e0bb1bedbbbfc7d00e0f83378a797d8f0b",
    "integers": "1a6a5061286e2640bf2f5b76ba24fce308b2ba2c2f288499162687bbd4d7d162",
    "bernoulli": "d37a155f51563bc2ace3d03271aa753bad78d18caa42679489bc5922e13fec82",
    "permutation": "692cb78d382b6844475e79a3585f7ac4318d99a7e3b0d71111d5531feb87d379",
}


@pytest.mark.parametrize("name", DRAWS)
def test_bits_are_the_same_everywhere(name):
    numbers = DRAWS[name]().numpy()
    little_endian = numbers.astype(numbers.dtype.newbyteorder("<"))
    assert hashlib.sha256(little_endian.tobytes()).hexdigest() == BITS[name]


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_a_seed_repeats_and_draws_differ(draw):
    first, second = draw().numpy(), draw().numpy()
    assert not np.array_equal(first, second)
    fg.manual_seed(1234)
    np.testing.assert_array_equal(draw().numpy(), first)
    np.testing.assert_array_equal(draw().numpy(), second)
    fg.manual_seed(1235)
    assert not np.array_equal(draw().numpy(), first)


def test_state_goes_back_to_a_draw():
    random.normal((3,))
    state = random.get_state()
    assert random.get_state() == state
    expected = random.normal((5,)).tolist()
    random.set_state(state)
    assert random.normal((5,)).tolist() == expected


def test_processes_start_differently_unless_seeded():
    script = "import fastgrad as fg; print(fg.random.get_state())"
    states = {
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(states) == 2


def test_shapes_and_dtypes():
    assert random.uniform().shape == ()
    assert random.normal(3).shape == (3,)
    assert random.normal((2, 0, 3)).shape == (2, 0, 3)
    assert random.uniform((2,)).dtype == np.float64
    assert random.uniform((2,), dtype=np.float32).dtype == np.float32
    assert random.integers(4, 0, 2).dtype == np.int64
    assert random.bernoulli((2, 2)).dtype == np.bool_
    assert random.permutation(0).shape == (0,)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_numbers_are_normal(dtype):
    x = random.normal((100_000,), dtype=dtype).numpy().astype(float)
    # Kolmogorov and Smirnov's distance; 1.95 / sqrt(n) is exceeded once in a thousand.
    sorted_x = np.sort(x)[::50]
    distribution = np.array([0.5 * (1.0 + math.erf(v / 2**0.5)) for v in sorted_x])
    ranks = np.arange(0, x.size, 50) / x.size
    assert np.abs(distribution - ranks).max() < 1.95 / x.size**0.5 + 50 / x.size
    assert abs(np.corrcoef(x[::2], x[1::2])[0, 1]) < 5 / (x.size / 2) ** 0.5


def test_uniform_numbers_stay_below_the_end():
    x = random.uniform((100_000,), 1.0, np.nextafter(1.0, 2.0)).numpy()
    assert (x == 1.0).all()
    x = random.uniform((100_000,), -1.0, 1.0, dtype="float32").numpy()
    assert x.min() >= -1.0
    assert x.max() < 1.0


def test_bernoulli_probability():
    assert not random.bernoulli((100,), 0.0).numpy().any()
    assert random.bernoulli((100,), 1.0).numpy().all()
    assert abs(random.bernoulli((100_000,), 0.3).numpy().mean() - 0.3) < 5 * (0.21 / 100_000) ** 0.5


def test_integers_cover_int64():
    x = random.integers((1000,), -(2**63), 2**63).numpy()
    assert x.min() < -(2**61)
    assert x.max() > 2**61


@pytest.mark.parametrize("n", [1, 2, 3, 64, 65, 1000])
def test_permutation_is_one(n):
    assert sorted(random.permutation(n).tolist()) == list(range(n))


def test_threads_draw_different_streams():
    drawn = []
    threads = [
        threading.Thread(target=lambda: drawn.extend(random.next_stream() for _ in range(500)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stream for _, stream in drawn) == list(range(2000))


@pytest.mark.parametrize(
    "draw",
    [lambda: random.permutation(3), random.next_stream],
)
def test_refused_while_recording(draw):
    def noisy(x):
        return x * draw()[0]

    with pytest.raises(fg.RecordingError, match="a permutation or a seed was asked for while recording"):
        fg.compile(noisy)(1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fg.manual_seed(-1), ValueError, r"seed must be from 0 to 2\*\*64 - 1, got -1"),
        (lambda: fg.manual_seed(2**64), ValueError, "seed must be from 0"),
        (lambda: fg.manual_seed(1.5), TypeError, "seed must be an int, got float"),
        (lambda: fg.manual_seed(True), TypeError, "seed must be an int, got bool"),
        (lambda: random.set_state((0, -1)), ValueError, r"state\[1\]"),
        (lambda: random.uniform((2,), 1.0, 0.0), ValueError, "low <= high, got low = 1 and high = 0"),
        (lambda: random.uniform((2,), 0.0, float("inf")), ValueError, "finite low <= high"),
        (lambda: random.uniform((2,), float("nan"), 1.0), ValueError, "finite low <= high"),
        (lambda: random.uniform((2,), dtype="int64"), TypeError, "expected float32 or float64, got int64"),
        (lambda: random.uniform((2,), dtype="complex128"), TypeError, "complex128"),
        (lambda: random.uniform((-1,)), ValueError, "negative"),
        (lambda: random.uniform("ab"), TypeError, "shape must hold ints, got str"),
        (lambda: random.uniform((2**40, 2**40)), ValueError, "more elements"),
        (lambda: random.normal((2,), 0.0, -1.0), ValueError, "std must be finite and at least 0, got -1"),
        (lambda: random.normal((2,), float("inf")), ValueError, "mean must be finite"),
        (lambda: random.integers((2,), 3, 3), ValueError, "high must be above low, got low = 3 and high = 3"),
        (lambda: random.integers((2,), 0, 2**63 + 1), ValueError, "must fit int64"),
        (lambda: random.integers((2,), 0.5, 2), TypeError, "float"),
        (lambda: random.bernoulli((2,), 1.1), ValueError, "p must be from 0 to 1, got 1.1"),
        (lambda: random.bernoulli((2,), float("nan")), ValueError, "p must be from 0 to 1"),
        (lambda: random.permutation(-1), ValueError, "n must be at least 0, got -1"),
    ],
)
def test_bad_input_changes_nothing(call, error, message):
    fg.manual_seed(5)
    with pytest.raises(error, match=message):
        call()
    seed, _ = random.get_state()
    assert seed == 5
