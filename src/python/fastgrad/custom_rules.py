"""Functions with a derivative written by hand: custom_vjp and custom_jvp."""

from __future__ import annotations

import functools
import inspect
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad import _nest
from fastgrad._grad_mode import grad_mode
from fastgrad._native import core
from fastgrad._transform import checked_function, name_of, output_tensor, variable_of

if TYPE_CHECKING:
    from fastgrad._core import Tensor


class _Arguments:
    """The arguments of one call: those that are nests of tensors, and those that are fixed."""

    def __init__(self, f: _WithRule, args: tuple[Any, ...]) -> None:
        self.f = f
        self.all = args
        places = f.fixed_places(len(args))
        self.fixed = [args[place] for place in places]
        self._fixed_at = dict(zip(places, self.fixed, strict=True))
        for arg in self.fixed:
            if isinstance(arg, core.Tensor) and core.is_recording():
                raise TypeError(
                    f"{f.name}: an argument named in nondiff_argnums is a tensor of a recording; pass it as "
                    "an ordinary argument, whose gradient may be None"
                )
        given = tuple(arg for place, arg in enumerate(args) if place not in places)
        self.leaves, self.structure = _nest.flatten(given)
        self.tensors = [i for i, leaf in enumerate(self.leaves) if isinstance(leaf, core.Tensor)]
        # Of the tensors, those that a gradient may pass to.
        self.variables = [i for i in self.tensors if self.leaves[i].dtype.kind == "f"]

    @property
    def matter(self) -> bool:
        """Whether anybody may take a derivative by them."""
        if core.is_recording():
            return bool(self.variables)
        return core.is_grad_enabled() and any(self.leaves[i].requires_grad for i in self.variables)

    @property
    def differentiable(self) -> list[Tensor]:
        return [self.leaves[i] for i in self.variables]

    @property
    def kept(self) -> list[Tensor]:
        return [self.leaves[i] for i in self.tensors]

    @property
    def static(self) -> list[Any]:
        """The leaves without the tensors, for a rule to hold: those are kept by the graph, and go with it."""
        return [None if isinstance(leaf, core.Tensor) else leaf for leaf in self.leaves]

    def rebuild(self) -> tuple[Callable[[list[Any]], Any], Callable[[list[Any]], tuple[Any, ...]]]:
        """Functions from leaves to the arguments without the fixed ones, and to all of them."""
        structure, fixed, count = self.structure, self._fixed_at, len(self.all)

        def nest(leaves: list[Any]) -> Any:
            return _nest.unflatten(structure, leaves)

        def everything(leaves: list[Any]) -> tuple[Any, ...]:
            rest = iter(nest(leaves))
            return tuple(fixed[place] if place in fixed else next(rest) for place in range(count))

        return nest, everything


class _WithRule:
    """What custom_vjp and custom_jvp have in common."""

    def __init__(self, f: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        checked_function(f)
        if isinstance(nondiff_argnums, int):
            nondiff_argnums = (nondiff_argnums,)
        functools.update_wrapper(self, f, updated=())
        self._f = f
        self._nondiff_argnums = tuple(nondiff_argnums)
        self.name = name_of(f)

    def fixed_places(self, count: int) -> list[int]:
        places = []
        for number in self._nondiff_argnums:
            if not -count <= number < count:
                raise ValueError(
                    f"{self.name}: nondiff_argnums names argument {number}, but it was called with {count}"
                )
            places.append(number % count)
        return sorted(places)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a function does: the method of an instance."""
        return self if instance is None else types.MethodType(self, instance)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """As a function is copied: not at all."""
        return self

    def __reduce__(self) -> str:
        """As a function is pickled: by its name."""
        return str(self.__qualname__)  # type: ignore[attr-defined]

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Compute the function; its derivative will be the rule's."""
        if keywords:
            bound = inspect.signature(self._f).bind(*args, **keywords)
            bound.apply_defaults()
            if bound.kwargs:
                raise TypeError(f"{self.name}: arguments must be positional, got {', '.join(bound.kwargs)}")
            args = bound.args
        self._check_rule()
        arguments = _Arguments(self, args)
        return self._with_rule(arguments) if arguments.matter else self._f(*args)

    def _plain(self, arguments: _Arguments) -> Any:
        """The function itself, without a graph: nobody takes its derivative."""
        with grad_mode(False):
            return self._f(*arguments.all)

    def _check_rule(self) -> None:
        raise NotImplementedError

    def _with_rule(self, arguments: _Arguments) -> Any:
        raise NotImplementedError


class custom_vjp(_WithRule):  # noqa: N801 - JAX's name, and used as a function
    """Function whose derivative in reverse mode is given by hand.

    Parameters
    ----------
    f : callable
        Takes numbers, arrays, tensors and nests of them, returns a tensor or a nest of tensors.
    nondiff_argnums : sequence of int, default ()
        Arguments that are no numbers to differentiate by (functions, flags): they come first in the call of
        `bwd`.

    Notes
    -----
    `defvjp` tells the rule. The derivative of the derivative is that of the rule: what `bwd` computes with
    fastgrad, from what `fwd` kept, is differentiated in turn, and the value has the rule's derivative in
    every order (as in PyTorch; JAX takes that of `fwd` from the second on). The rule also serves in compiled
    and vmapped functions: there it is called while they are recorded. Tensors that `f` takes from outside get
    no gradient; pass them as arguments.

    Examples
    --------
    A norm whose gradient at zero is zero:

    >>> import numpy as np
    >>> import fastgrad as fg
    >>> @fg.custom_vjp
    ... def norm(x):
    ...     return fg.sqrt((x * x).sum())
    >>> def fwd(x):
    ...     y = fg.sqrt((x * x).sum())
    ...     return y, (x, y)
    >>> def bwd(kept, g):
    ...     x, y = kept
    ...     return (g * x / fg.where(y == 0, 1.0, y),)
    >>> norm.defvjp(fwd, bwd)
    >>> fg.grad(norm)(np.zeros(2)), fg.grad(norm)(np.array([3.0, 4.0]))
    (array([0., 0.]), array([0.6, 0.8]))
    """

    _fwd: Callable[..., Any] | None = None
    _bwd: Callable[..., Any] | None = None

    def __init__(self, f: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        super().__init__(f, nondiff_argnums)
        self._running = threading.local()

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rule.

        Parameters
        ----------
        fwd : callable
            Takes the arguments of the function, returns ``(value, kept)``: its value, and what `bwd` needs, a
            nest of anything.
        bwd : callable
            ``bwd(*nondiff, kept, g)``, with `g` nested and shaped as the value, returns a tuple with the
            gradient of each other argument, nested and shaped as it is, or None for zeros.
        """
        checked_function(fwd)
        checked_function(bwd)
        self._fwd, self._bwd = fwd, bwd

    def _check_rule(self) -> None:
        if self._fwd is None:
            raise AttributeError(f"{self.name} has no rule yet: call {self.name}.defvjp(fwd, bwd)")

    def _with_rule(self, arguments: _Arguments) -> Any:
        if getattr(self._running, "fwd", False):
            return self._with_rule_when_needed(arguments)
        value, kept = self._forward(arguments.all)
        result = _Result(self, value)
        kept_leaves, kept_structure = _nest.flatten(kept)
        places = [i for i, leaf in enumerate(kept_leaves) if isinstance(leaf, core.Tensor)]
        tensors = [kept_leaves[i] for i in places]
        for i in places:
            kept_leaves[i] = None  # kept by the graph, so that it goes with it
        backward, cotangent = self._backward(arguments), result.cotangent

        def pull(saved: list[Tensor], grads: list[Tensor]) -> list[Tensor | None]:
            leaves = list(kept_leaves)
            for place, tensor in zip(places, saved, strict=True):
                leaves[place] = tensor
            return backward(_nest.unflatten(kept_structure, leaves), cotangent(grads))

        return result.with_rule(arguments.differentiable, tensors, pull)

    def _with_rule_when_needed(self, arguments: _Arguments) -> Any:
        """The same within `fwd`, which may call the function itself: `fwd` runs again for the gradient."""
        result = _Result(self, self._plain(arguments))
        static, places, (_, everything) = arguments.static, arguments.tensors, arguments.rebuild()
        backward, cotangent = self._backward(arguments), result.cotangent

        def pull(saved: list[Tensor], grads: list[Tensor]) -> list[Tensor | None]:
            leaves = list(static)
            for place, tensor in zip(places, saved, strict=True):
                leaves[place] = tensor
            return backward(self._forward(everything(leaves))[1], cotangent(grads))

        return result.with_rule(arguments.differentiable, arguments.kept, pull)

    def _forward(self, args: tuple[Any, ...]) -> tuple[Any, Any]:
        assert self._fwd is not None
        before = getattr(self._running, "fwd", False)
        self._running.fwd = True
        try:
            pair = self._fwd(*args)
        finally:
            self._running.fwd = before
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise TypeError(f"{self.name}: fwd must return a pair (value, what to keep), got {_told(pair)}")
        return pair

    def _backward(self, arguments: _Arguments) -> Callable[[Any, Any], list[Tensor | None]]:
        """`bwd` with its result checked, as a list of what flows to the differentiable leaves."""
        bwd, name, fixed = self._bwd, self.name, arguments.fixed
        structure, variables = arguments.structure, arguments.variables
        metas = {i: (arguments.leaves[i].shape, arguments.leaves[i].dtype) for i in variables}
        assert bwd is not None

        def backward(kept: Any, cotangent: Any) -> list[Tensor | None]:
            flows = bwd(*fixed, kept, cotangent)
            if isinstance(flows, list):
                flows = tuple(flows)
            if not isinstance(flows, tuple) or len(flows) != len(structure) - 2:
                raise TypeError(
                    f"{name}: bwd must return a tuple with a gradient for each of {len(structure) - 2} "
                    f"arguments, got {_told(flows)}"
                )
            every = list(_leaves_of(structure, flows, f"{name}: bwd gave", "the gradient of argument"))
            return [_shaped(every[i], metas[i], f"{name}: bwd") for i in variables]

        return backward


class custom_jvp(_WithRule):  # noqa: N801 - JAX's name, and used as a function
    """Function whose derivative in a direction is given by hand; the gradient follows from it.

    Parameters
    ----------
    f : callable
        Takes numbers, arrays, tensors and nests of them, returns a tensor or a nest of tensors.
    nondiff_argnums : sequence of int, default ()
        Arguments that are no numbers to differentiate by: they come first in the call of the rule.

    Notes
    -----
    `defjvp` tells the rule, which must be linear in the tangents: reverse mode transposes it. The derivative
    of the derivative is that of the rule. It also serves in compiled and vmapped functions. Tensors that `f`
    takes from outside get no gradient; pass them as arguments.

    Examples
    --------
    >>> import fastgrad as fg
    >>> @fg.custom_jvp
    ... def log1pexp(x):
    ...     return fg.log(1.0 + fg.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t * (1.0 - 1.0 / (1.0 + fg.exp(x)))
    >>> fg.grad(log1pexp)(100.0)
    np.float64(1.0)
    """

    _jvp: Callable[..., Any] | None = None

    def defjvp(self, jvp: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule; return it, so that this serves as a decorator.

        Parameters
        ----------
        jvp : callable
            ``jvp(*nondiff, primals, tangents)``, with a tuple of the other arguments and one of directions,
            nested and shaped as they are, returns ``(value, tangent)``.
        """
        checked_function(jvp)
        self._jvp = jvp
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Set the rule by one function per argument.

        Parameters
        ----------
        *jvps : callable or None
            ``jvp(tangent, value, *primals)`` returns what the value changes by; None where it does not.
        """
        if self._nondiff_argnums:
            raise TypeError(f"{self.name}: defjvps does not take nondiff_argnums, use defjvp")

        def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
            value = self(*primals)
            if len(jvps) != len(primals):
                raise TypeError(
                    f"{self.name}: defjvps was given {len(jvps)} rules for {len(primals)} arguments"
                )
            parts = [
                jvp(tangent, value, *primals)
                for jvp, tangent in zip(jvps, tangents, strict=True)
                if jvp is not None
            ]
            zero = _nest.map_leaves(core.zeros_like, value)
            return value, functools.reduce(_added, parts, zero)

        self._jvp = rule

    def _check_rule(self) -> None:
        if self._jvp is None:
            raise AttributeError(f"{self.name} has no rule yet: call {self.name}.defjvp(jvp)")

    def _with_rule(self, arguments: _Arguments) -> Any:
        jvp = self._jvp
        assert jvp is not None
        result = _Result(self, self._plain(arguments))
        static = arguments.static
        tensors, variables, fixed, name = arguments.tensors, arguments.variables, arguments.fixed, self.name
        (nest, _), tangents_of = arguments.rebuild(), result.tangents

        def pull(saved: list[Tensor], grads: list[Tensor]) -> list[Tensor | None]:
            with grad_mode(True) as again:
                leaves, directions = list(static), [_no_direction(leaf) for leaf in static]
                for place, tensor in zip(tensors, saved, strict=True):
                    leaves[place] = tensor if again else core.cut(tensor)
                    directions[place] = core.zeros_like(tensor)
                moving = []
                for place in variables:
                    directions[place] = variable_of(directions[place])
                    moving.append(directions[place])
                pair = jvp(*fixed, nest(leaves), nest(directions))
                if not (isinstance(pair, (tuple, list)) and len(pair) == 2):
                    raise TypeError(f"{name}: jvp must return a pair (value, tangent), got {_told(pair)}")
                flows = core.gradients(tangents_of(pair[1]), grads, moving, again, again)
            return list(flows)

        return result.with_rule(arguments.differentiable, arguments.kept, pull)


class _Result:
    """What a function with a rule returned: which of its leaves are real numbers, and how they are nested."""

    def __init__(self, f: _WithRule, value: Any) -> None:
        leaves, self._structure = _nest.flatten(value)
        self._name = f.name
        self._leaves: list[Tensor] = [output_tensor(leaf, f) for leaf in leaves]
        self._floats = [i for i, leaf in enumerate(self._leaves) if leaf.dtype.kind == "f"]
        self._metas = [(leaf.shape, leaf.dtype) for leaf in self._leaves]

    def with_rule(self, inputs: list[Tensor], kept: list[Tensor], pull: Callable[..., Any]) -> Any:
        leaves = list(self._leaves)
        self._leaves = []  # the rule must not hold on to them
        values = core.with_rule([leaves[i] for i in self._floats], inputs, kept, pull, self._name)
        for place, value in zip(self._floats, values, strict=True):
            leaves[place] = value
        return _nest.unflatten(self._structure, leaves)

    def cotangent(self, grads: list[Tensor]) -> Any:
        """The gradients of the float leaves, nested as the value; zeros for the others."""
        leaves: list[Any] = [np.zeros(shape, dtype) for shape, dtype in self._metas]
        for place, grad in zip(self._floats, grads, strict=True):
            leaves[place] = grad
        return _nest.unflatten(self._structure, leaves)

    def tangents(self, nest: Any) -> list[Tensor]:
        """The float leaves of what must be nested and shaped as the value."""
        every = list(_leaves_of(self._structure, nest, f"{self._name}: jvp gave", "the tangent"))
        shaped = [_shaped(every[i], self._metas[i], f"{self._name}: jvp") for i in self._floats]
        return [
            core.Tensor(np.zeros(*self._metas[i])) if tensor is None else tensor
            for tensor, i in zip(shaped, self._floats, strict=True)
        ]


def _no_direction(leaf: Any) -> Any:
    return np.zeros(np.shape(leaf)) if isinstance(leaf, (float, np.ndarray, np.generic)) else None


def _added(a: Any, b: Any) -> Any:
    a_leaves, structure = _nest.flatten(a)
    b_leaves, _ = _nest.flatten(b)
    return _nest.unflatten(structure, [core.ops.add(x, y) for x, y in zip(a_leaves, b_leaves, strict=True)])


def _leaves_of(structure: Any, nest: Any, gave: str, name: str) -> Iterator[Any]:
    """(name, leaf) for each leaf of the structure; None for all below a None of the nest."""
    if structure is None:
        return
    if structure == "*":
        yield None if nest is None else (name, nest)
        return
    kind, keys, *_ = structure
    parts = _nest.parts(structure)
    labels = [label for label, _ in parts]
    if nest is not None:
        fits = (
            isinstance(nest, dict) and set(nest) == set(labels)
            if keys is not None
            else isinstance(nest, (list, tuple)) and len(nest) == len(labels)
        )
        if not fits:
            expected = (
                f"a dict with keys {labels}" if keys is not None else f"a {kind.__name__} of {len(labels)}"
            )
            raise TypeError(f"{gave} {_told(nest)} as {name}, expected {expected}")
    for label, part in parts:
        place = f"{name} {label}" if name.endswith("argument") else f"{name}[{label!r}]"
        yield from _leaves_of(part, None if nest is None else nest[label], gave, place)


def _shaped(named: Any, meta: Any, rule: str) -> Tensor | None:
    """A leaf that a rule gave as a tensor of the dtype it must have; refused when it has another shape."""
    if named is None:
        return None
    name, leaf = named
    tensor = None if isinstance(leaf, (dict, list, tuple)) else core.operand(leaf)
    if tensor is None:
        raise TypeError(
            f"{rule} gave a {type(leaf).__name__} as {name}, expected a tensor of shape {meta[0]}"
        )
    if tensor.shape != meta[0]:
        raise ValueError(f"{rule} gave shape {tensor.shape} as {name}, expected {meta[0]}")
    return core.ops.astype(tensor, meta[1])


def _told(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, dict):
        return f"a dict with keys {list(value)}"
    return f"a {type(value).__name__}"
