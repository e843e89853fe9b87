"""Module: what a model is made of. Its parts are the parameters and modules among its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastgrad._native import core
from fastgrad.nn.parameter import Parameter

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LoadResult", "Module", "as_input"]


class LoadResult(NamedTuple):
    """What `Module.load_state_dict` with ``strict=False`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def as_input(value: Any, dtype: np.dtype[Any] | None) -> core.Tensor:
    """Return an array or tensor as a tensor; of `dtype`, unless that is None.

    An array is copied: backward may read it after its owner has written to it.
    """
    if isinstance(value, core.Tensor):
        return value if dtype is None or value.dtype == dtype else value.astype(dtype)
    if dtype == np.float32 and type(value) is np.ndarray and value.dtype == np.float64:
        return core.asarray(value.astype(np.float32))  # the usual case in one copy
    return core.Tensor(value if hasattr(value, "__array__") else np.asarray(value), dtype)


class Module:
    """Base class of layers and models: assign parameters and modules to attributes and write `forward`.

    Calling a module casts its floating-point inputs to the dtype of its parameters and runs `forward`.
    Integer inputs reach `forward` as they are (they may be indices); `Linear` casts them itself.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> class Line(fg.nn.Module):
    ...     def __init__(self):
    ...         self.slope = fg.nn.Parameter(2.0)
    ...         self.offset = fg.nn.Parameter(1.0)
    ...     def forward(self, x):
    ...         return self.slope * x + self.offset
    >>> Line()(np.array([0.0, 1.0])).detach().numpy()
    array([1., 3.])
    """

    training: bool
    _buffers: tuple[str, ...]

    # In __new__, so that a subclass need not call super().__init__().
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Begin in training mode, with no parts."""
        self = super().__new__(cls)
        object.__setattr__(self, "training", True)
        object.__setattr__(self, "_buffers", ())
        return self

    def forward(self, *inputs: Any) -> Any:
        """Compute the output; subclasses write it."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, ...)")

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """Run `forward` on inputs cast to the parameters' dtype."""
        dtype = self._dtype()
        cast = [_cast(value, dtype) for value in inputs]
        if not keywords:
            return self.forward(*cast)
        return self.forward(*cast, **{name: _cast(value, dtype) for name, value in keywords.items()})

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        if isinstance(before, Parameter) and not isinstance(value, Parameter) and value is not None:
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter and can only become another Parameter or None, "
                f"got {type(value).__name__}; optimizers update it in place"
            )
        if name in self._buffers and value is not None:
            value = as_input(value, None)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        object.__setattr__(self, "_buffers", tuple(buffer for buffer in self._buffers if buffer != name))

    # --- parts

    def register_buffer(self, name: str, value: Any) -> None:
        """Keep a tensor that is part of the state but not learned, as the attribute `name`.

        Parameters
        ----------
        name : str
            The attribute.
        value : array_like, Tensor or None
            Its first value.
        """
        if not name.isidentifier():
            raise ValueError(f"name must be an identifier, got {name!r}")
        if name not in self._buffers:
            if hasattr(self, name):
                raise KeyError(f"{type(self).__name__} already has an attribute {name!r}")
            object.__setattr__(self, "_buffers", (*self._buffers, name))
        setattr(self, name, value)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterate over the modules among the attributes, with their names."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def children(self) -> Iterator[Module]:
        """Iterate over the modules among the attributes."""
        for _, child in self.named_children():
            yield child

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """Iterate over this module and all below it, with dotted names; a shared one comes once."""
        seen: set[int] = set()

        def walk(module: Module, name: str) -> Iterator[tuple[str, Module]]:
            if remove_duplicate and id(module) in seen:
                return
            seen.add(id(module))
            yield name, module
            for child_name, child in module.named_children():
                yield from walk(child, f"{name}.{child_name}" if name else child_name)

        yield from walk(self, prefix)

    def modules(self) -> Iterator[Module]:
        """Iterate over this module and all below it."""
        for _, module in self.named_modules():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Iterate over the parameters, with dotted names; one used in several places comes once.

        Examples
        --------
        >>> import fastgrad as fg
        >>> [(name, p.shape) for name, p in fg.nn.Linear(3, 2).named_parameters()]
        [('weight', (2, 3)), ('bias', (2,))]
        """
        seen: set[int] = set()
        for module_name, module in (
            self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        ):
            for name, value in vars(module).items():
                if not isinstance(value, Parameter) or (remove_duplicate and id(value) in seen):
                    continue
                seen.add(id(value))
                yield (f"{module_name}.{name}" if module_name else name), value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over the parameters: what an optimizer takes."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, core.Tensor]]:
        """Iterate over the buffers, with dotted names."""
        for module_name, module in self.named_modules(prefix, remove_duplicate):
            for name in module._buffers:
                value = getattr(module, name)
                if value is not None:
                    yield (f"{module_name}.{name}" if module_name else name), value

    def buffers(self) -> Iterator[core.Tensor]:
        """Iterate over the buffers."""
        for _, buffer in self.named_buffers():
            yield buffer

    # --- modes

    def train(self, mode: bool = True) -> Self:
        """Set this module and all below it to training or evaluation mode; return it."""
        if not isinstance(mode, bool):
            raise TypeError(f"mode must be a bool, got {type(mode).__name__}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set this module and all below it to evaluation mode; return it."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: each `grad` becomes None."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, dtype: Any) -> Self:
        """Convert floating-point parameters and buffers; return the module.

        The parameters become new ones, without gradients: make optimizers afterwards.

        Parameters
        ----------
        dtype : numpy.dtype
            float32 or float64.

        Examples
        --------
        >>> import fastgrad as fg
        >>> next(fg.nn.Linear(2, 1).to("float64").parameters()).dtype
        dtype('float64')
        """
        wanted = np.dtype(dtype)
        if wanted not in (np.float32, np.float64):
            raise TypeError(f"dtype must be float32 or float64, got {wanted}")
        converted: dict[int, Parameter] = {}  # a shared parameter stays shared
        for module in self.modules():
            for name, value in list(vars(module).items()):
                if isinstance(value, Parameter):
                    if value.dtype != wanted and id(value) not in converted:
                        values = value.detach().numpy().astype(wanted)  # keeps the memory order
                        converted[id(value)] = type(value)(values, requires_grad=value.requires_grad)
                    object.__setattr__(module, name, converted.get(id(value), value))
                elif name in module._buffers and value is not None and value.dtype.kind == "f":
                    object.__setattr__(module, name, value.astype(wanted))
        return self

    # --- state

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return copies of all parameters and buffers by name, each in C order.

        Returns
        -------
        dict of str to ndarray

        Examples
        --------
        >>> import fastgrad as fg
        >>> {name: values.shape for name, values in fg.nn.Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        return {name: np.array(tensor.detach().numpy(), order="C") for name, tensor in self._state()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadResult:
        """Take over parameters and buffers by name. Nothing changes when anything is wrong.

        Parameters
        ----------
        state_dict : mapping of str to array_like or Tensor
            As `state_dict` gives it; values are converted to the dtype of what they replace.
        strict : bool
            Whether the names must be the same on both sides.

        Returns
        -------
        LoadResult
            ``missing_keys`` and ``unexpected_keys``; both empty when `strict`.

        Raises
        ------
        ValueError
            When names are missing or unknown and `strict` is true, or shapes differ: it lists all of them.
        TypeError
            When values are not numbers that fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"state_dict must be a mapping of names to arrays, got {type(state_dict).__name__}"
            )
        own = dict(self._state())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        faults = []
        if strict and missing:
            faults.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            faults.append(f"not in the model: {', '.join(unexpected)}")
        arrays = {}
        for name, tensor in own.items():
            if name not in state_dict:
                continue
            given = state_dict[name]
            array = np.asarray(given.detach() if isinstance(given, core.Tensor) else given)
            if array.dtype.kind not in "biuf":
                raise TypeError(
                    f"state_dict[{name!r}] has dtype {array.dtype}; expected numbers that fit {tensor.dtype}"
                )
            if array.shape != tensor.shape:
                faults.append(f"{name} has shape {array.shape}, expected {tensor.shape}")
            arrays[name] = array.astype(tensor.dtype)
        if faults:
            raise ValueError(f"state_dict does not fit {type(self).__name__}: {'; '.join(faults)}")
        for name, array in arrays.items():
            core.assign(own[name], array)
        return LoadResult(missing, unexpected)

    def _state(self) -> Iterator[tuple[str, core.Tensor]]:
        yield from self.named_parameters(remove_duplicate=False)
        yield from self.named_buffers(remove_duplicate=False)

    def _dtype(self) -> np.dtype[Any] | None:
        """Dtype of the first parameter, looked for in depth."""
        for value in vars(self).values():
            if isinstance(value, Parameter):
                dtype: np.dtype[Any] = value.dtype
                return dtype
            if isinstance(value, Module):
                found = value._dtype()
                if found is not None:
                    return found
        return None

    # --- text

    def extra_repr(self) -> str:
        """Return what stands between the parentheses of the module's text, before its parts."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        extra = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({extra})"
        body = "".join(f"\n  {line}" for line in ([extra] if extra else []) + lines)
        return f"{type(self).__name__}({body}\n)"


def _cast(value: Any, dtype: np.dtype[Any] | None) -> Any:
    if isinstance(value, core.Tensor):
        if dtype is None:
            return value
        given = value.dtype
        return value if given is dtype or given.kind != "f" else value.astype(dtype)
    if not hasattr(value, "__array__"):
        return value
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    return as_input(array, dtype if array.dtype.kind == "f" else None)
