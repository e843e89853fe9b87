"""Loops and branches that are recorded once and run natively: scan, while_loop, cond."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import index
from typing import TYPE_CHECKING, Any

from fastgrad import _nest
from fastgrad._native import core
from fastgrad._transform import checked_function, name_of

if TYPE_CHECKING:
    from fastgrad._core import Body, Tensor


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Use a function on one row after the other, with values carried along.

    Parameters
    ----------
    f : callable
        Takes the carry and a row of `xs`, returns the next carry and a row of the results. It is called while
        it is recorded, and then runs natively: it cannot read values. It may use tensors, arrays and values
        from around it; gradients flow to them.
    init : number, array, tensor or nest
        The carry at the start. `f` must return one of the same structure, shapes and dtypes.
    xs : array, tensor or nest, optional
        What is gone through, along the first axis of each leaf. Without it `f` gets None.
    length : int, optional
        The number of rows; needed where `xs` has no leaf.
    reverse : bool, default False
        Whether to go from the last row to the first. Row i of the results belongs to row i of `xs` all the
        same.

    Returns
    -------
    carry : like init
        After the last row.
    ys : nest of tensors
        What `f` returned second, with one more axis in front.

    Raises
    ------
    TypeError, ValueError
        If leaves of `xs` differ in length, or what `f` returns is no pair, or its carry is unlike the one it
        got.

    Notes
    -----
    As ``jax.lax.scan``. Its gradient is a scan from the last row to the first, which computes each row again
    from the carry it began with; those are kept when a gradient is wanted, so that memory grows by a carry a
    row. Each row draws random numbers of its own.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> last, sums = fg.scan(lambda c, x: (c + x, c + x), 0.0, np.arange(4.0))
    >>> sums.numpy()
    array([0., 1., 3., 6.])
    """
    checked_function(f)
    rows, row_structure = _operands("scan", "xs", xs)
    count = _length(rows, row_structure, length)

    def record(carries: list[Tensor], structure: object) -> tuple[Body, object]:
        nested: list[object] = []

        def body(traced: list[Tensor]) -> list[Tensor]:
            given, row = traced[: len(carries)], traced[len(carries) :]
            result: Any = f(_nest.unflatten(structure, given), _nest.unflatten(row_structure, row))
            if not isinstance(result, (tuple, list)) or len(result) != 2:
                raise TypeError(
                    f"scan: {name_of(f)} must return the next carry and a row of results, got {_said(result)}"
                )
            ys, y_structure = _results("scan", f, result[1])
            nested.append(y_structure)
            return [*_next_carry("scan", f, result[0], given, structure), *ys]

        return core.record_body(body, carries, rows), nested[0]

    body, y_structure, carries, structure = _settled("scan", f, init, record)
    out = core.scan(body, carries, rows, count, bool(reverse))
    return (
        _nest.unflatten(structure, out[: len(carries)]),
        _nest.unflatten(y_structure, out[len(carries) :]),
    )


def while_loop(
    cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any, max_iter: int | None = None
) -> Any:
    """Use a function again and again while a condition holds.

    Parameters
    ----------
    cond : callable
        Takes the carry, returns one bool: whether to go on.
    body : callable
        Takes the carry, returns the next one, of the same structure, shapes and dtypes. Both are called while
        they are recorded, and then run natively: they cannot read values. They may use tensors, arrays and
        values from around them; gradients flow to those of `body`.
    init : number, array, tensor or nest
        The carry at the start.
    max_iter : int, optional
        Most iterations; any number unless it is given.

    Returns
    -------
    like init
        The first carry that the condition does not hold for.

    Raises
    ------
    RuntimeError
        If the condition still holds after `max_iter` iterations.
    TypeError, ValueError
        If the condition is not one bool, or the next carry is unlike the one before.

    Notes
    -----
    As ``jax.lax.while_loop``, but it has a gradient in reverse mode, also a second one: where one is wanted,
    the carries of all iterations are kept in memory that grows with them. Ctrl-C ends it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> newton = lambda a: fg.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
    >>> print(f"{newton(2.0).item():.6f} {fg.grad(newton)(2.0):.6f}")
    1.414214 0.353553
    """
    checked_function(cond)
    checked_function(body)
    most = -1 if max_iter is None else index(max_iter)
    if max_iter is not None and most < 0:
        raise ValueError(f"while_loop: max_iter must be at least 0, got {max_iter}")

    def record(carries: list[Tensor], structure: object) -> tuple[Body, None]:
        def step(traced: list[Tensor]) -> list[Tensor]:
            result = body(_nest.unflatten(structure, traced))
            return _next_carry("while_loop", body, result, traced, structure)

        return core.record_body(step, carries, []), None

    step, _, carries, structure = _settled("while_loop", body, init, record)

    def decide(traced: list[Tensor]) -> list[Tensor]:
        return [_condition("while_loop", name_of(cond), cond(_nest.unflatten(structure, traced)))]

    condition = core.record_body(decide, carries, [])
    return _nest.unflatten(structure, core.while_loop(condition, step, carries, most))


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """Use one of two functions, as a condition says.

    Parameters
    ----------
    pred : bool or tensor
        One bool.
    true_fun, false_fun : callable
        Take `operands`, return nests of one structure, shapes and dtypes. Both are called while they are
        recorded; the one that is chosen then runs natively. They may use tensors, arrays and values from
        around them; gradients flow to them.
    *operands : number, array, tensor or nest

    Returns
    -------
    nest of tensors
        What the chosen function returns.

    Raises
    ------
    TypeError, ValueError
        If the condition is not one bool, or what the functions return differs in structure, shape or dtype.

    Notes
    -----
    As ``jax.lax.cond``. Unlike `where`, it computes one branch only, and what the other would give does not
    reach the gradient.

    Examples
    --------
    >>> import fastgrad as fg
    >>> f = fg.compile(fg.grad(lambda x: fg.cond(x > 0, fg.sqrt, lambda x: 0.0 * x, x)))
    >>> print(f(4.0), f(-4.0))
    0.25 0.0
    """
    checked_function(true_fun)
    checked_function(false_fun)
    condition = _condition("cond", "pred", pred)
    given, structure = _operands("cond", "an operand", operands)

    def record(f: Callable[..., Any], dtypes: dict[int, Any]) -> tuple[Body, object]:
        nested: list[object] = []

        def branch(traced: list[Tensor]) -> list[Tensor]:
            results, result_structure = _results("cond", f, f(*_nest.unflatten(structure, traced)))
            nested.append(result_structure)
            return [core.ops.astype(t, dtypes[i]) if i in dtypes else t for i, t in enumerate(results)]

        return core.record_body(branch, given, []), nested[0]

    bodies = [record(f, {}) for f in (true_fun, false_fun)]
    names = [name_of(f) for f in (true_fun, false_fun)]
    if bodies[0][1] != bodies[1][1]:
        raise TypeError(
            f"cond: both functions must return the same structure, got {_written(bodies[0][1])} from "
            f"{names[0]} and {_written(bodies[1][1])} from {names[1]}"
        )
    changed: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
    paths = _paths(bodies[0][1])
    for i, (path, a, b) in enumerate(zip(paths, bodies[0][0].outputs, bodies[1][0].outputs, strict=True)):
        if a[0] == b[0] and a[1] == b[1]:
            continue
        # A Python number takes the dtype of the other branch.
        weak = 0 if a[2] and not b[2] else 1
        other = (a, b)[1 - weak]
        if a[0] == b[0] and (a, b)[weak][2] and _gives_way((a, b)[weak][1], other[1]):
            changed[weak][i] = other[1]
            continue
        raise (ValueError if a[0] != b[0] else TypeError)(
            f"cond: both functions must return the same shapes and dtypes, got {a[1]}{a[0]} from {names[0]} "
            f"and {b[1]}{b[0]} from {names[1]} for the result{path}"
        )
    for i, f in enumerate((true_fun, false_fun)):
        if changed[i]:
            bodies[i] = record(f, changed[i])
    out = core.cond(bodies[0][0], bodies[1][0], condition, given)
    return _nest.unflatten(bodies[0][1], out)


def _said(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _operands(op: str, what: str, nest: Any) -> tuple[list[Tensor], object]:
    """The leaves of a nest as tensors, and its structure."""
    leaves, structure = _nest.flatten(nest)
    tensors = []
    for leaf, path in zip(leaves, _paths(structure), strict=True):
        tensor = leaf if isinstance(leaf, core.Tensor) else core.operand(leaf)
        if tensor is None:
            raise TypeError(
                f"{op}: {what}{path} is a {type(leaf).__name__}; expected a number, an array or a tensor"
            )
        tensors.append(tensor)
    return tensors, structure


def _results(op: str, f: Callable[..., Any], nest: Any) -> tuple[list[Tensor], object]:
    return _operands(op, f"what {name_of(f)} returns, ", nest)


def _length(rows: list[Tensor], structure: object, length: int | None) -> int:
    count = None if length is None else index(length)
    if count is not None and count < 0:
        raise ValueError(f"scan: length must be at least 0, got {length}")
    if not rows and count is None:
        raise ValueError("scan: xs has no leaf to go through, so length must be given")
    first = ""
    for row, path in zip(rows, _paths(structure), strict=True):
        if not row.shape:
            raise ValueError(
                f"scan: xs{path} has shape (), but is gone through along its first axis; numbers that do not "
                "change need no place in xs, f may use them from around it"
            )
        if count is None:
            count, first = row.shape[0], f"xs{path}"
        elif row.shape[0] != count:
            expected = f"{first} has {count} rows" if first else f"length is {count}"
            raise ValueError(f"scan: {expected}, but xs{path} has shape {row.shape}")
    assert count is not None
    return count


def _condition(op: str, what: str, value: Any) -> Tensor:
    tensor = value if isinstance(value, core.Tensor) else core.operand(value)
    if tensor is None:
        raise TypeError(f"{op}: {what} must be one bool, got a {type(value).__name__}")
    if tensor.dtype != bool or tensor.shape != ():
        raise TypeError(f"{op}: {what} must be one bool, of shape (), got {tensor.dtype}{tensor.shape}")
    return tensor


def _next_carry(
    op: str, f: Callable[..., Any], nest: Any, given: list[Tensor], structure: object
) -> list[Tensor]:
    """The leaves of the carry that a body returns; Python numbers take the dtype of the carry it got."""
    tensors, nested = _operands(op, f"the carry that {name_of(f)} returns, ", nest)
    if nested != structure:
        raise TypeError(
            f"{op}: {name_of(f)} must return a carry of the structure it gets, {_written(structure)}, got "
            f"{_written(nested)}"
        )
    out = []
    for tensor, before, path in zip(tensors, given, _paths(structure), strict=True):
        if tensor.shape != before.shape:
            raise ValueError(
                f"{op}: {name_of(f)} must return a carry of the shapes it gets, but carry{path} goes in as "
                f"{before.dtype}{before.shape} and comes out as {tensor.dtype}{tensor.shape}"
            )
        narrows = tensor.weak and not before.weak and _gives_way(tensor.dtype, before.dtype)
        out.append(core.ops.astype(tensor, before.dtype) if narrows else tensor)
    return out


def _settled(
    op: str, f: Callable[..., Any], init: Any, record: Callable[[list[Tensor], object], tuple[Body, Any]]
) -> tuple[Body, Any, list[Tensor], object]:
    """The recorded body, what came with it, and the first carry: its Python numbers take a dtype."""
    carries, structure = _operands(op, "init", init)
    while True:
        body, extra = record(carries, structure)
        changed = False
        for i, (path, after) in enumerate(zip(_paths(structure), body.outputs, strict=False)):
            dtype, weak = after[1], after[2]
            before = carries[i]
            if before.dtype == dtype and (weak or not before.weak):
                continue
            if not before.weak or not (before.dtype == dtype or _gives_way(before.dtype, dtype)):
                raise TypeError(
                    f"{op}: {name_of(f)} must return a carry of the dtypes it gets, but carry{path} goes in "
                    f"as {before.dtype}{before.shape} and comes out as {dtype}{after[0]}"
                )
            carries[i] = core.ops.astype(before, dtype)
            changed = True
        if not changed:
            return body, extra, carries, structure


def _gives_way(weak: Any, to: Any) -> bool:
    """Whether a Python number of one dtype may become one of another."""
    order = "bif"
    return order.index(weak.kind) <= order.index(to.kind)


def _paths(structure: Any) -> list[str]:
    """How each leaf is reached, in order: ``['a'][0]``."""

    def walk(node: Any, path: str) -> Iterator[str]:
        if node == "*":
            yield path
        elif node is not None:
            for key, item in _nest.parts(node):
                yield from walk(item, f"{path}[{key!r}]")

    return list(walk(structure, ""))


def _written(structure: Any) -> str:
    """A structure as Python would write it, with stars for leaves."""
    if structure is None or structure == "*":
        return str(structure)
    kind, keys, *items = structure
    written = [_written(item) for item in items]
    if keys is not None:
        return "{" + ", ".join(f"{key!r}: {item}" for key, item in zip(keys, written, strict=True)) + "}"
    if kind is list:
        return "[" + ", ".join(written) + "]"
    inside = ", ".join(written) + ("," if len(written) == 1 else "")
    return f"({inside})" if kind is tuple else f"{kind.__name__}({inside})"
