"""Linear algebra: values against NumPy and SciPy, gradients by differences and peers, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import fastgrad as fg
from checking import same_bits

la = fg.linalg
rng = np.random.default_rng(11)
A = rng.normal(size=(2, 4, 4)) + 2 * np.eye(4)
B = rng.normal(size=(2, 4, 3))
S = A @ A.swapaxes(-1, -2) + np.eye(4)
TALL, WIDE = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 3, 5))
LARGE = rng.normal(size=(2, 20, 20)) + 4 * np.eye(20)  # beyond what plain loops do


def turned(x):
    return x.swapaxes(-1, -2)


def symmetric(x):
    return 0.5 * (x + turned(x))


def squared_singular_values(u, s, vh):
    return (u * s[..., None, :] ** 2) @ vh


def put_together(w, v):
    return (v * w) @ v.T


def projections(q, k):
    """Of columns that are not determined one by one: onto the space of the first k, and of the others."""
    first, others = q[..., :k] ** 2, q[..., k:]
    return first @ turned(first) + others @ turned(others)


def squared_parts(w):
    return w.real * w.real - 3.0 * w.imag


def magnitudes(w, v):
    return abs(v) ** 2 @ (w.real + w.imag**2)[..., None]


def by_vectors(w, v):
    return (v * w[..., None, :] @ type(v)(turned(v.real), -turned(v.imag))).real


# Functions with the matrices they are tried on; all are smooth there, and free of LAPACK's choice of signs.
FUNCTIONS = {
    "solve": (la.solve, (A, B)),
    "solve of a vector": (lambda a, b: la.solve(a[0], b[0, :, 0]), (A, B)),
    "solve for many": (lambda a, b: la.solve(a[0], b), (A, B)),
    "solve large": (la.solve, (LARGE, LARGE[..., :2])),
    "triangle": (lambda a, b: la.solve_triangular(a, b), (A, B)),
    "triangle, lower, turned": (lambda a, b: la.solve_triangular(a, b, lower=True, trans=1), (A, B)),
    "triangle, unit diagonal": (lambda a, b: la.solve_triangular(a, b, unit_diagonal=True), (A, B)),
    "inv": (la.inv, (A,)),
    "inv large": (la.inv, (LARGE,)),
    "det": (la.det, (A,)),
    "det large": (lambda a: la.det(a / 4), (LARGE,)),
    "slogdet": (lambda a: la.slogdet(a).logabsdet, (A,)),
    "slogdet large": (lambda a: la.slogdet(a).logabsdet, (LARGE,)),
    "cholesky": (lambda a: la.cholesky(symmetric(a)), (S,)),
    "cholesky, upper": (lambda a: la.cholesky(symmetric(a), upper=True), (S,)),
    "Q": (lambda a: la.qr(a)[0], (TALL,)),
    "R": (lambda a: la.qr(a, mode="r"), (TALL,)),
    "Q of wide": (lambda a: la.qr(a).Q, (WIDE,)),
    "R of wide": (lambda a: la.qr(a).R, (WIDE,)),
    "R, complete": (lambda a: la.qr(a, "complete").R, (TALL,)),
    "Q, complete": (lambda a: projections(la.qr(a, "complete").Q, 3), (TALL,)),
    "eigenvalues of any": (lambda a: squared_parts(la.eigvals(a)), (A,)),
    "eigenvectors of any": (lambda a: magnitudes(*la.eig(a)), (A,)),
    "eigenvalues by eigenvectors": (lambda a: by_vectors(*la.eig(a)), (A,)),
    "tensorsolve": (lambda a, b: la.tensorsolve(a[0].reshape(2, 2, 4), b[0, :, 0].reshape(2, 2)), (A, B)),
    "tensorinv": (lambda a: la.tensorinv(a.reshape(2, 2, 2, 2, 2)[0]), (A,)),
    "eigenvalues": (lambda a: la.eigh(symmetric(a)).eigenvalues, (A,)),
    "eigenvectors": (lambda a: la.eigh(symmetric(a), UPLO="U").eigenvectors ** 2, (A,)),
    "eigvalsh": (lambda a: la.eigvalsh(symmetric(a)), (A,)),
    "singular values": (lambda a: la.svd(a, compute_uv=False), (TALL,)),
    "U": (lambda a: la.svd(a, full_matrices=False)[0] ** 2, (TALL,)),
    "Vh of wide": (lambda a: la.svd(a, full_matrices=False).Vh ** 2, (WIDE,)),
    "U of all": (lambda a: projections(la.svd(a).U, 3), (TALL,)),
    "Vh of all": (lambda a: projections(turned(la.svd(a).Vh), 3), (WIDE,)),
    "U, S and Vh": (lambda a: squared_singular_values(*la.svd(a)), (TALL[:, :3],)),
    "pinv": (la.pinv, (TALL,)),
    "pinv of wide": (la.pinv, (WIDE,)),
    "pinv of lower rank": (lambda a: la.pinv(a[..., :1] @ turned(a[..., 1:2]), rcond=1e-6), (TALL,)),
    "lstsq": (lambda a, b: la.lstsq(a, b).x, (TALL, rng.normal(size=(2, 5, 2)))),
    "lstsq, residuals": (lambda a, b: la.lstsq(a, b).residuals, (TALL, rng.normal(size=(2, 5, 2)))),
    "expm": (la.expm, (A,)),
    "expm of large numbers": (la.expm, (2 * A - 8 * np.eye(4),)),
    "matrix_power": (lambda a: la.matrix_power(a, 5), (A / 4,)),
    "matrix_power, negative": (lambda a: la.matrix_power(a, -2), (A,)),
    "spectral norm": (lambda a: la.norm(a, 2, (-2, -1)), (A,)),
    "nuclear norm": (lambda a: la.matrix_norm(a, ord="nuc"), (A,)),
    "cond": (la.cond, (A,)),
    "cond by norms": (lambda a: la.cond(a, 1), (A,)),
    "multi_dot": (lambda a, b: la.multi_dot([a[0, 0], b[0], b[1].T, a[1]]), (A, B)),
}  # fmt: skip
functions = pytest.mark.parametrize("name", FUNCTIONS)


def weighted(f):
    def number(*args):
        value = f(*args)
        return (value * np.random.default_rng(3).normal(size=value.shape)).sum()

    return number


@functions
def test_first_and_second_derivatives(name):
    f, args = FUNCTIONS[name]
    few = 1 if "large" in name or "U" in name or "Vh" in name else 2
    fg.check_grads(weighted(f), list(args), order=2, rtol=2e-5, atol=2e-5, directions=few)


@functions
def test_compiled_functions_give_the_same_bits(name):
    f, args = FUNCTIONS[name]
    compiled = fg.compile(f)
    for _ in range(3):
        same_bits(compiled(*args), f(*[fg.tensor(a) for a in args]))
    gradient = fg.grad(weighted(f), tuple(range(len(args))))
    compiled = fg.compile(gradient)
    for a, b in zip(compiled(*args), gradient(*args), strict=True):
        same_bits(a, b)


@functions
def test_float32_stays_float32_and_is_near(name):
    f, args = FUNCTIONS[name]
    small = [a.astype(np.float32) for a in args]
    value, exact = f(*[fg.tensor(a) for a in small]), f(*[fg.tensor(a.astype(np.float64)) for a in small])
    assert value.dtype == np.float32
    np.testing.assert_allclose(
        value.numpy(), exact.numpy(), rtol=2e-3, atol=2e-3 * np.abs(exact.numpy()).max()
    )


@functions
def test_batches_are_their_matrices_one_by_one(name):
    f, args = FUNCTIONS[name]
    if any(text in name for text in ("vector", "many", "multi_dot", "tensor")):
        pytest.skip("takes single matrices out of the batch itself")
    whole = f(*[fg.tensor(a) for a in args]).numpy()
    for i in range(2):
        np.testing.assert_allclose(
            f(*[fg.tensor(a[i]) for a in args]).numpy(), whole[i], rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("n", [0, 1, 2, 16, 17, 70])
def test_sizes_against_numpy(n):
    local = np.random.default_rng(n)
    a, b = local.normal(size=(3, n, n)) + 0.5 * np.eye(n), local.normal(size=(3, n, 2))
    near = {"rtol": 1e-7, "atol": 1e-9}
    np.testing.assert_allclose(la.solve(a, b).numpy(), np.linalg.solve(a, b), **near)
    np.testing.assert_allclose(la.inv(a).numpy(), np.linalg.inv(a), **near)
    np.testing.assert_allclose(la.det(a).numpy(), np.linalg.det(a), rtol=1e-9)
    for mine, its in zip(la.slogdet(a), np.linalg.slogdet(a), strict=True):
        np.testing.assert_allclose(mine.numpy(), its, rtol=1e-9)
    for lower in (False, True):
        triangle = (np.tril(a) if lower else np.triu(a)) + 8 * np.eye(n)
        noise = triangle + (np.triu(a, 1) if lower else np.tril(a, -1))
        for trans in (0, 1):
            want = np.linalg.solve(turned(triangle) if trans else triangle, b)
            np.testing.assert_allclose(la.solve_triangular(noise, b, lower, trans).numpy(), want, **near)
    if n:
        np.testing.assert_allclose(la.expm(a / 4).numpy(), scipy.linalg.expm(a / 4), **near)
        np.testing.assert_array_equal(la.svdvals(a).numpy(), np.linalg.svd(a, compute_uv=False))


def test_empty_and_single_matrices_have_gradients():
    for shape in ((0, 0), (3, 0, 0), (0, 2, 2), (1, 1)):
        for f in (la.inv, la.det, la.cholesky, lambda a: la.solve(a, a), la.eigvalsh, la.svdvals):
            a = np.broadcast_to(2 * np.eye(shape[-1]), shape).copy()
            gradient = fg.grad(lambda a, f=f: (f(a) * 1.0).sum())(a)
            assert gradient.shape == shape
            assert np.isfinite(gradient).all()
    assert la.det(np.zeros((0, 0))).item() == 1.0


@pytest.mark.parametrize(
    "layout",
    [lambda a: a.swapaxes(-1, -2).copy().swapaxes(-1, -2), lambda a: np.flip(np.flip(a, -1).copy(), -1)],
)
def test_layouts(layout):
    for name in ("solve", "triangle", "inv", "det", "cholesky", "expm", "Q", "U", "eigenvectors", "pinv"):
        f, args = FUNCTIONS[name]
        laid = [fg.asarray(layout(a)) for a in args]
        np.testing.assert_allclose(
            f(*laid).numpy(), f(*[fg.tensor(a) for a in args]).numpy(), rtol=1e-9, atol=1e-11
        )


def test_integers_become_float64():
    m = np.array([[2, 1], [1, 3]])
    assert la.inv(m).dtype == np.float64
    np.testing.assert_allclose(la.solve(m, [1, 2]).numpy(), np.linalg.solve(m, [1, 2]))
    assert la.solve(m.astype(np.float32), np.ones(2)).dtype == np.float64
    assert la.matrix_rank(m).dtype == np.int64


def test_leading_axes_broadcast():
    a, b = rng.normal(size=(3, 1, 2, 2)) + 2 * np.eye(2), rng.normal(size=(4, 2, 5))
    np.testing.assert_allclose(la.solve(a, b).numpy(), np.linalg.solve(a, b))
    gradients = fg.grad(lambda a, b: la.solve(a, b).sum(), (0, 1))(a, b)
    assert [g.shape for g in gradients] == [a.shape, b.shape]


# --- NumPy's own functions


def test_numpy_functions_record():
    t = fg.tensor(S, requires_grad=True)
    for call in (
        lambda m: np.linalg.solve(m, B),
        np.linalg.inv,
        np.linalg.det,
        lambda m: np.linalg.slogdet(m)[1],
        np.linalg.cholesky,
        lambda m: np.linalg.qr(m)[1],
        lambda m: np.linalg.eigh(m).eigenvalues,
        np.linalg.eigvalsh,
        lambda m: np.linalg.svd(m)[1],
        np.linalg.svdvals,
        np.linalg.pinv,
        lambda m: np.linalg.lstsq(m[0], B[0])[0],
        lambda m: np.linalg.matrix_power(m, 3),
        lambda m: np.linalg.norm(m, 2, axis=(1, 2)),
        np.linalg.cond,
        lambda m: np.linalg.multi_dot([m[0], m[1], m[0]]),
        lambda m: np.linalg.trace(m),
        lambda m: np.linalg.diagonal(m, offset=1),
        np.linalg.matrix_transpose,
        lambda m: np.linalg.vecdot(m, m),
        lambda m: np.linalg.outer(m[0, 0], m[1, 1]),
    ):
        value = call(t)
        assert value.requires_grad
        np.testing.assert_allclose(value.detach().numpy(), call(S), rtol=1e-7, atol=1e-9)
    assert np.linalg.matrix_rank(t).tolist() == [4, 4]


def test_values_that_are_no_factors():
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    assert la.det(singular).item() == 0
    assert [part.item() for part in la.slogdet(singular)] == [0, -np.inf]
    assert la.matrix_rank(singular).item() == 1
    assert la.matrix_rank(np.zeros(3)).item() == 0
    assert la.matrix_rank(np.stack([singular, np.eye(2)]), rtol=1e-3).tolist() == [1, 2]
    u, s, vh = la.svd(TALL)
    assert (u.shape, s.shape, vh.shape) == ((2, 5, 5), (2, 3), (2, 3, 3))
    np.testing.assert_allclose((u[..., :3] * s[:, None]).numpy() @ vh.numpy(), TALL, atol=1e-12)
    x, residuals, rank, values = la.lstsq(TALL[0], np.ones(5))
    want = np.linalg.lstsq(TALL[0], np.ones(5))
    for mine, its in zip((x, residuals, rank, values), want, strict=True):
        np.testing.assert_allclose(mine.numpy(), its)
    assert la.lstsq(WIDE[0], np.ones(3)).residuals.shape == (0,)


# --- conventions at points where there is no derivative, or no only one


def test_gradient_of_the_determinant_of_a_singular_matrix_is_its_cofactors():
    m = rng.normal(size=(5, 5))
    m[0] = m[1]
    for size in (5, 20):
        a = np.eye(size)
        a[:5, :5] = m
        gradient = fg.grad(la.det)(a)
        for i, j in ((0, 0), (1, 3), (4, 4)):
            minor = np.delete(np.delete(a, i, 0), j, 1)
            np.testing.assert_allclose(gradient[i, j], (-1) ** (i + j) * np.linalg.det(minor), atol=1e-10)
    assert fg.grad(la.det)(np.zeros((1, 1))).tolist() == [[1.0]]
    assert not fg.grad(la.det)(np.zeros((3, 3))).any()
    with pytest.raises(np.linalg.LinAlgError, match=r"inv: the matrix of shape \(5, 5\)|inv"):
        fg.hessian(la.det)(np.zeros((2, 2)))


def test_equal_eigenvalues_take_no_gradient_from_turning():
    identity = np.eye(3)
    np.testing.assert_allclose(fg.grad(lambda a: (la.eigvalsh(a) ** 3).sum())(identity), 3 * identity)
    value, gradient = fg.value_and_grad(lambda a: put_together(*la.eigh(a)).sum())(identity)
    assert value == 3
    assert np.isfinite(gradient).all()
    gradient = fg.grad(lambda a: la.svd(a).S.sum())(identity)
    np.testing.assert_allclose(gradient, identity, atol=1e-15)
    low = np.outer([1.0, 2.0, 3.0], [1.0, 1.0])
    assert np.isfinite(fg.grad(lambda a: la.svd(a, full_matrices=False)[0].sum())(low)).all()


# --- what is refused


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: la.inv(np.ones((2, 3))),
            r"inv: expected a square matrix \(\.\.\., n, n\), got shape \(2, 3\)",
        ),
        (lambda: la.det([1.0]), r"det: expected a square matrix .*, got shape \(1,\)"),
        (lambda: la.solve(np.eye(3), np.ones(2)), r"solve: shapes \(3, 3\) and \(2, 1\) do not fit"),
        (lambda: la.solve(np.eye(3), 1.0), r"solve: expected b of shape"),
        (
            lambda: la.solve(np.ones((2, 3, 3)), np.ones((4, 3, 1))),
            r"solve: the leading axes of shapes .* broadcast",
        ),
        (lambda: la.qr([1.0]), r"qr: expected a matrix \(\.\.\., m, n\), got shape \(1,\)"),
        (lambda: la.qr(A, mode="raw"), r"qr: mode must be"),
        (lambda: la.tensorsolve(A, B), r"tensorsolve: the axes of a must be those of b"),
        (lambda: la.tensorinv(A, 0), r"tensorinv: ind must be at least 1, got 0"),
        (lambda: la.tensorinv(TALL, 1), r"tensorinv: the first 1 axes of shape \(2, 5, 3\)"),
        (lambda: la.eig(TALL), r"eig: .*\(2, 5, 3\)"),
        (lambda: la.eigh(A, "X"), r"eigh: UPLO must be 'L' or 'U', got 'X'"),
        (lambda: la.svd(1.0), r"svd: expected a matrix"),
        (lambda: la.solve_triangular(A, B, trans="C"), r"trans must be 0, 1, 'N' or 'T', got 'C'"),
        (lambda: la.pinv(A, 0.1, rtol=0.1), r"pinv: rcond and rtol mean the same"),
        (lambda: la.lstsq(np.eye(2), np.ones(3)), r"lstsq: expected a .*got shapes \(2, 2\) and \(3,\)"),
        (lambda: la.matrix_power(TALL, 2), r"matrix_power: expected a square matrix"),
        (lambda: la.multi_dot([A[0]]), r"multi_dot: expected at least two matrices, got 1"),
        (lambda: la.multi_dot([A[0], A]), r"multi_dot: expected matrices, got shape \(2, 4, 4\) at place 1"),
        (lambda: la.matrix_rank(A, 0.1, rtol=0.1), r"matrix_rank: give tol or rtol, not both"),
    ],
)
def test_wrong_arguments(call, told):
    with pytest.raises(ValueError, match=told):
        call()


SINGULAR = np.stack([np.eye(3), np.zeros((3, 3)), np.eye(3)])


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    ("f", "told"),
    [
        (la.inv, "inv: matrix 1 of the batch of shape .* is singular"),
        (lambda a: la.solve(a, a), "solve: matrix 1 of the batch of shape .* is singular"),
        (lambda a: la.inv(a[1]), "inv: the matrix of shape .* is singular"),
        (la.cholesky, "cholesky: matrix 1 of the batch of shape .* is not positive definite"),
        (lambda a: la.solve_triangular(a, a), "solve_triangular: matrix 1 .* a zero on its diagonal"),
        (lambda a: la.eigh(a * np.nan), "eigh: matrix 0 .* holds numbers that are not finite"),
        (lambda a: la.svd(a * np.nan), "svd: matrix 0 .* holds numbers that are not finite"),
    ],
)
def test_matrices_that_are_refused(f, told, large):
    a = np.stack([np.eye(20), np.zeros((20, 20))]) if large else SINGULAR
    t = fg.tensor(a)
    with pytest.raises(np.linalg.LinAlgError, match=told):
        f(t)
    with pytest.raises(ValueError, match=told):  # which it is a kind of
        f(t)
    compiled = fg.compile(f)
    good = np.stack([2 * np.eye(a.shape[-1])] * len(a))
    if "finite" not in told:
        compiled(good)
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError, match=told):
            compiled(a)
    if "finite" not in told:
        compiled(good)  # and goes on


def test_a_constant_singular_matrix_is_refused_when_it_is_reached():
    f = fg.compile(lambda x: x * la.inv(np.zeros((2, 2))).sum())
    with pytest.raises(np.linalg.LinAlgError, match="inv: the matrix"):
        f(1.0)


def test_gradients_that_there_are_not():
    with pytest.raises(np.linalg.LinAlgError, match="inv: the matrix of shape"):
        fg.grad(lambda a: la.slogdet(a)[1])(np.zeros((2, 2)))
    with pytest.raises(np.linalg.LinAlgError, match="solve_triangular"):
        fg.grad(lambda a: la.qr(a)[0].sum())(np.zeros((3, 2)))


def test_nan_passes_through_systems():
    a = np.eye(3)
    a[0, 0] = np.nan
    for f in (la.inv, la.det, lambda m: la.solve(m, np.ones(3)), la.expm, lambda m: la.slogdet(m)[1]):
        assert np.isnan(f(a).numpy()).any()


def test_profile_of_a_compiled_function_with_matrices():
    f = fg.compile(lambda a: la.inv(a).sum() + la.det(a - 1.0) + la.cholesky(a @ a.T).sum())
    f(S[0])
    assert "inv" in str(f.explain())
    f.profile()


def test_threads_share_a_compiled_function():
    from concurrent.futures import ThreadPoolExecutor

    f = fg.compile(fg.grad(lambda a: la.eigvalsh(a @ a.T).sum() + la.slogdet(a)[1]))
    want = f(LARGE[0])
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: f(LARGE[0]), range(40)):
            np.testing.assert_array_equal(got, want)


def test_layers_with_decompositions_train():
    x, y = rng.normal(size=(64, 3)), rng.normal(size=(64, 1))

    class Whitened(fg.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = fg.nn.Linear(3, 1)

        def forward(self, x):
            covariance = x.T @ x / x.shape[0] + 0.1 * np.eye(3, dtype=x.dtype)
            return self.linear(la.solve_triangular(la.cholesky(covariance), x.T, lower=True).T)

    history = fg.fit(Whitened(), x, y, epochs=5, batch_size=16, lr=0.05, seed=0, progress=False)
    assert history.history["loss"][-1] < history.history["loss"][0]


# --- peers


def test_pytorch_agrees():
    torch = pytest.importorskip("torch")
    pairs = {
        "solve": torch.linalg.solve,
        "inv": torch.linalg.inv,
        "det": torch.linalg.det,
        "slogdet": lambda a: torch.linalg.slogdet(a)[1],
        "cholesky": lambda a: torch.linalg.cholesky(0.5 * (a + a.mT)),
        "Q": lambda a: torch.linalg.qr(a)[0],
        "R of wide": lambda a: torch.linalg.qr(a)[1],
        "eigenvectors": lambda a: torch.linalg.eigh(0.5 * (a + a.mT))[1] ** 2,
        "U": lambda a: torch.linalg.svd(a, full_matrices=False)[0] ** 2,
        "pinv": torch.linalg.pinv,
        "expm": torch.linalg.matrix_exp,
    }
    for name, theirs in pairs.items():
        f, args = FUNCTIONS[name]
        if name in {"Q", "R of wide"}:
            # PyTorch's QR needs m >= n for gradients of Q in mode reduced; signs are LAPACK's in both.
            args = (TALL,) if name == "Q" else (WIDE[:, :, :3],)
        leaves = [torch.tensor(a, requires_grad=True) for a in args]
        value = theirs(*leaves)
        weights = np.random.default_rng(3).normal(size=value.shape)
        want = torch.autograd.grad((value * torch.tensor(weights)).sum(), leaves)
        for mine, its in zip(fg.grad(weighted(f), tuple(range(len(args))))(*args), want, strict=True):
            np.testing.assert_allclose(mine, its.numpy(), rtol=1e-7, atol=1e-8 * np.abs(its.numpy()).max())


def test_jax_agrees():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jla, jsp = jax.numpy.linalg, jax.scipy.linalg
    pairs = {
        "solve": jla.solve,
        "triangle, lower, turned": lambda a, b: jsp.solve_triangular(a, b, lower=True, trans=1),
        "inv": jla.inv,
        "det": jla.det,
        "slogdet": lambda a: jla.slogdet(a)[1],
        "cholesky": jla.cholesky,
        "Q": lambda a: jla.qr(a)[0],
        "eigenvectors": lambda a: jla.eigh(a)[1] ** 2,
        "U": lambda a: jla.svd(a, full_matrices=False)[0] ** 2,
        "pinv": jla.pinv,
    }
    for name, theirs in pairs.items():
        f, args = FUNCTIONS[name]
        weights = np.random.default_rng(3).normal(size=np.shape(theirs(*args)))
        want = jax.grad(lambda *a, g=theirs, w=weights: (g(*a) * w).sum(), tuple(range(len(args))))(*args)
        for mine, its in zip(fg.grad(weighted(f), tuple(range(len(args))))(*args), want, strict=True):
            np.testing.assert_allclose(mine, np.asarray(its), rtol=1e-7, atol=1e-8 * np.abs(its).max())
