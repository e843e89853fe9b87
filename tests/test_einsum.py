"""einsum against NumPy's: random subscripts, values, gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg

SIZES = {"a": 1, "b": 2, "c": 3, "d": 2, "A": 3, "z": 2}


@st.composite
def calls(draw):
    """Subscripts and operands: repeated labels, axes of size 1, "..." anywhere, "->" or none."""
    labels = st.text(st.sampled_from(sorted(SIZES)), max_size=3)
    terms, operands = [], []
    dots = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    for _ in range(draw(st.integers(1, 4))):
        term = draw(labels)
        thin = draw(st.sets(st.sampled_from(sorted(SIZES)), max_size=1))
        shape = [1 if label in thin else SIZES[label] for label in term]
        if dots and draw(st.booleans()):
            place = draw(st.integers(0, len(term)))
            more = draw(st.sampled_from([(), (3,), (1,), (2, 3), (2, 1), (1, 3)]))
            term = f"{term[:place]}...{term[place:]}"
            shape[place:place] = more
        terms.append(term)
        operands.append(rng.uniform(-1, 1, shape))
    text = ",".join(terms)
    if draw(st.booleans()):
        known = sorted(set(text) - set(".,"))
        chosen = draw(st.permutations(known))[: draw(st.integers(0, len(known)))] if known else []
        place = draw(st.integers(0, len(chosen)))
        text += "->" + "".join([*chosen[:place], "..." if "..." in text else "", *chosen[place:]])
    return text, operands


@settings(max_examples=400)
@given(call=calls())
def test_any_subscripts(call):
    text, operands = call
    want = np.einsum(text, *operands)
    found = fg.einsum(text, *operands).numpy()
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(fg.compile(lambda *x: fg.einsum(text, *x))(*operands), found)


@settings(max_examples=60)
@given(call=calls())
def test_gradients_of_any_subscripts(call):
    text, operands = call
    fg.check_grads(lambda *x: fg.einsum(text, *x), operands, order=2)


@pytest.mark.parametrize(
    "call",
    [
        lambda f, a, b: f(a, [0, 1], b, [1, 2], [0, 2]),
        lambda f, a, b: f(a, [30, 1], b, [1, 2]),
        lambda f, a, b: f(a, [..., 1], b[:, :2], [1, ...]),
        lambda f, a, b: f(" i j , j k -> i k ", a, b),
        lambda f, a, b: f("ij,jk", a, b, optimize="optimal"),
    ],
)
def test_other_ways_to_write_it(call):
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    ours = lambda *operands, optimize=None: np.einsum(*map(lift, operands))
    lift = lambda x: fg.tensor(x) if isinstance(x, np.ndarray) else x
    np.testing.assert_array_equal(call(ours, a, b).numpy(), call(np.einsum, a, b))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ij,jk", np.ones((2, 3))), r"names 2 operands, got 1"),
        (("ij", np.ones(3)), r"names 2 axes of operand 0 of shape \(3,\)"),
        (("i", np.ones((3, 2))), r"names 1 axes of operand 0"),
        (
            ("ij,jk", np.ones((2, 3)), np.ones((4, 2))),
            r"'j' in 'ij,jk' has size 4 in operand 1, 3 before it",
        ),
        (("ii", np.ones((2, 3))), r"'i' .*3.*2"),
        (("ii", np.ones((1, 3))), r"'i' has sizes 1 and 3 in one operand"),
        (("i->j", np.ones(3)), r"must name labels of the operands"),
        (("i->ii", np.ones(3)), r"each once"),
        (("i1->i", np.ones((2, 2))), r"must be letters"),
        (("i......", np.ones((2, 2))), r"must be letters"),
        (("...i->i", np.ones((2, 2))), r"the result"),
        ((np.ones(2),), r"expected subscripts and operands"),
    ],
)
def test_refused(arguments, told):
    with pytest.raises(ValueError, match=rf"einsum: .*{told}"):
        fg.einsum(*arguments)
    with pytest.raises(Exception):  # noqa: B017 - NumPy's are of several types
        np.einsum(*arguments)
