"""Write the type stubs of the compiled core from what it says of itself: ``python tools/make_stubs.py``.

pybind11 writes signatures into docstrings; operators and the elementwise ops, written in plain C, show theirs
elsewhere. Where one says no more than ``object``, TYPES says more. A new elementwise op needs no line.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastgrad._core as core

FOLDER = Path(__file__).resolve().parent.parent / "src" / "python" / "fastgrad" / "_core"
WIDTH = 110

# Of vague arguments, by name; `| None` is added where None is the default.
ARGUMENTS = {
    **dict.fromkeys(["a", "b", "c", "condition", "data", "gradient", "high", "indices", "low"], "_Operand"),
    **dict.fromkeys(["sorter", "v"], "_Operand"),
    **dict.fromkeys(["value", "values", "x"], "_Operand"),
    **dict.fromkeys(["args", "axes", "axis", "shape"], "_Sizes"),
    "batch": "Iterable[_Operand]",
    "copy": "bool",
    "dtype": "DTypeLike",
    "examples": "Iterable[_Operand]",
    "f": "Callable[[list[Tensor]], Iterable[Tensor]]",
    "inputs": "Iterable[_Operand]",
    "key": "_Index",
    "objective": "Objective | Callable[[Tensor], tuple[float, Tensor]]",
    "on_step": "Callable[[int, Tensor, float, Tensor], bool]",
    "outputs": "Iterable[Tensor]",
    "captured": "Iterable[Tensor]",
    "parts": "Iterable[_Operand]",
    "replaced": "Iterable[_Operand]",
    "requires_grad": "bool",
    "seeds": "Iterable[_Operand | None]",
    "slots": "Sequence[_Operand | None]",
    "tensor": "Tensor",
}
# Nothing fits these.
REFUSED = ["delitem__.key", "delitem__.return"]
# Of one argument, or of what is returned, by function.
TYPES = {
    "Objective.__call__.return": "tuple[float, Tensor]",
    **dict.fromkeys(["Program.__call__.return", "Program.inline.return"], "list[Tensor]"),
    "Tensor.__array__.return": "NDArray[Any]",
    "Tensor.__bool__.return": "bool",
    "Tensor.__deepcopy__.return": "Self",
    "Tensor.__float__.return": "float",
    "Tensor.__format__.return": "str",
    "Tensor.__iter__.return": "Iterator[Tensor]",
    **dict.fromkeys([f"Tensor.__{name}__.return" for name in ("hash", "index", "int", "len")], "int"),
    **dict.fromkeys([f"Tensor.__{name}" for name in REFUSED], "Never"),
    "Tensor.__setitem__.key": "Any",
    "Tensor.__setitem__.value": "_Operand",
    "Tensor.__setitem__.return": "None",
    "Tensor.grad.return": "Tensor | None",
    "Tensor.grad.value": "_Operand | None",
    "Tensor.grad_fn.return": "str | None",
    "Tensor.item.return": "float",
    "Tensor.shape.return": "tuple[int, ...]",
    "CompiledCall.__call__.args": "Any",
    "CompiledCall.__call__.return": "Any",
    "CompiledCall._forget.return": "None",
    "CompiledCall._remember.args": "tuple[Any, ...]",
    "CompiledCall._remember.return": "Any",
    "Transform.__enter__.return": "Self",
    "Transform.__exit__.args": "object",
    "Transform.__exit__.return": "None",
    "Transform.__new__.args": "Any",
    "Transform.__new__.earlier": "Transform | None",
    "Transform.__new__.outlived": "bool",
    "Transform.create_graph.return": "bool",
    "Transform.result.return": "Any",
    "ParameterTable.state.return": "tuple[int, list[Tensor | None]]",
    "Evaluation.__call__.cancel": "Cancel | None",
    "FitLoop.epochs.cancel": "Cancel | None",
    "FitLoop.epochs.return": "list[tuple[str, float, int, float, int]]",
    "StepCall.__call__.return": "Any",
    "asarray.return": "Tensor",
    "available_isa.return": "list[str]",
    "descend.return": "dict[str, Any]",
    "flatten.return": "tuple[list[Any], Any]",
    "scalar.return": "Tensor | None",
    "unflatten.return": "Any",
    "variable.return": "Tensor | None",
    "first_not_finite.return": "tuple[str, int, tuple[int, ...], tuple[int, ...]] | None",
    "gradients.inputs": "Iterable[Tensor]",
    "gradients.return": "list[Tensor | None]",
    "memory_order.return": "tuple[int, ...]",
    "op_names.return": "list[str]",
    "operand.return": "Tensor | None",
    **dict.fromkeys(
        [f"{name}.axis" for name in ("argsort", "cumprod", "cumsum", "sort", "take", "take_along_axis")],
        "SupportsIndex | None",
    ),
    **dict.fromkeys(
        [f"Tensor.{name}.axis" for name in ("argsort", "cumprod", "cumsum")], "SupportsIndex | None"
    ),
}
VAGUE = {inspect.Parameter.empty, "object", "list", "tuple", "dict", "Callable", "Iterable", "Sequence"}
OPERANDS = {"clip": "x, low, high", "where": "condition, a, b"}  # of others: x; a, b; a, b, c

# pybind11's spellings, which differ between its versions, and ours.
SPELLINGS = [
    (r"typing\.Supports(Int|Float)( \| typing\.SupportsIndex)?", r"Supports\1"),
    (r"\bSupportsInt\b", "SupportsIndex"),
    (r"typing\.Optional\[(\w+)\]", r"\1 | None"),
    (r"(\w+::)+|fastgrad\._core\.([a-z]\w*\.)*|collections\.abc\.|numpy\.typing\.", ""),
    (r"numpy\.ndarray\b", "NDArray[Any]"),
    (r"numpy\.dtype\b", "np.dtype[Any]"),
    (r"\bnumpy\.", "np."),
]
HEADER = """\

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

"""
OF_CORE = """
_Operand: TypeAlias = Tensor | ArrayLike
_Sizes: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_IndexItem: TypeAlias = SupportsIndex | slice | EllipsisType | Sequence[int] | NDArray[Any] | Tensor | None
_Index: TypeAlias = _IndexItem | tuple[_IndexItem, ...]

elementwise_table: dict[str, tuple[str | None, int, bool]]
"""
OF_SUBMODULES = "from fastgrad._core import Program, Tensor, _Operand, _Sizes\n"


def type_of(owner: str, name: str, given: Any, default: Any = inspect.Parameter.empty) -> str:
    """Type of one argument of `owner`, or of its result where `name` is "return"."""
    if given == "None":
        return "None"
    text = TYPES.get(f"{owner}.{name}") or (ARGUMENTS.get(name, "Any") if given in VAGUE else given)
    return f"{text} | None" if default is None and text != "Any" and "None" not in text else text


def unquoted(signature: inspect.Signature) -> str:
    """A signature's text, its annotations without the quotes that strings have."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(signature)).replace("'", '"')


def function(owner: str, signature: str, doc: str | None = "", decorator: str = "", indent: str = "") -> str:
    """Stub of one function from its signature, laid out as ruff does."""
    name = owner.rpartition(".")[2]
    for pattern, ours in SPELLINGS:
        signature = re.sub(pattern, ours, signature)
    exec(f"from __future__ import annotations\ndef f{signature}: ...", scope := {})
    read = inspect.signature(scope["f"])
    parameters = []
    for p in read.parameters.values():
        kind = p.POSITIONAL_ONLY if "arg0" in read.parameters else p.kind  # no name, so no keyword
        own = p.empty if p.name in {"self", "cls"} else type_of(owner, p.name, p.annotation, p.default)
        parameters.append(p.replace(kind=kind, annotation=own))
    result = type_of(owner, "return", read.return_annotation)
    inside = unquoted(inspect.Signature(parameters))[1:-1]
    head = f"{indent}def {name}({inside}) -> {result}:"
    if len(head) + (0 if doc else len(" ...")) > WIDTH:
        lines = re.sub(r", (?=\w+:|\*|/)", f",\n{indent}    ", inside)
        head = f"{indent}def {name}(\n{indent}    {lines},\n{indent}) -> {result}:"
    ignored = "  # type: ignore[override]" if name in {"__eq__", "__ne__"} else ""
    body = f'\n{indent}    """{doc}"""\n' if doc else f" ...{ignored}\n"
    return (f"{indent}{decorator}\n" if decorator else "") + head + body


def compiled(owner: str, doc: str, indent: str = "") -> Iterator[str]:
    """Stubs of a pybind11 function: one an overload."""
    name = owner.rpartition(".")[2]
    overloads = re.findall(rf"^\d+\. {name}(\(.*)\n(?:\n(?!\d+\. )(.*)\n)?", doc, re.MULTILINE)
    signatures = overloads or re.findall(rf"\A{name}(\(.*)\n(?:\n(.*)\n)?", doc)
    for signature, _ in signatures:
        yield function(owner, signature, signatures[0][1], "@overload" if overloads else "", indent)


def member(owner: str, value: Any) -> Iterator[str]:
    """Stubs of one member of a class."""
    indent = "    "
    if isinstance(value, property):
        result = value.fget.__doc__.partition(" -> ")[2].strip()
        yield function(owner, f"(self) -> {result}", value.__doc__, "@property", indent)
        if value.fset:
            kind = re.findall(r"arg1: (.*)\)", value.fset.__doc__)[0]
            setter = f"@{owner.split('.')[1]}.setter"
            yield function(owner, f"(self, value: {kind}) -> None", "", setter, indent)
    elif isinstance(value, types.GetSetDescriptorType):  # a property written in plain C
        yield function(owner, "(self)", value.__doc__, "@property", indent)
    elif isinstance(value, types.WrapperDescriptorType):  # an operator
        yield function(owner, value.__text_signature__.replace("$", "") + " -> Tensor", "", "", indent)
    elif isinstance(
        value, types.MethodDescriptorType
    ):  # an elementwise op, or one with a signature of its own
        signature = (value.__text_signature__ or "($self, /)").replace("$", "")  # as Python 3.13 has it
        yield function(owner, f"{signature} -> Tensor", value.__doc__, "", indent)
    elif inspect.isfunction(value):  # added in Python
        doc = (value.__doc__ or "").partition("\n")[0]
        yield function(owner, unquoted(inspect.signature(value)), doc, "", indent)
    else:
        yield from compiled(owner, value.__doc__, indent)


def class_(name: str, value: type) -> str:
    """Stub of a class."""
    base = f"({value.__base__.__name__})" if issubclass(value, Exception) else ""
    doc = (value.__doc__ or "").partition("\n")[0]
    text = f'class {name}{base}:\n    """{doc}"""\n'
    if value.__text_signature__ and not base:
        signature = value.__text_signature__.replace("(", "(cls, ", 1)
        text += "\n" + function(f"{name}.__new__", f"{signature} -> Self", indent="    ")
    unwanted = {"__doc__", "__module__", "__new__", "__repr__", "__weakref__", "_pybind11_conduit_v1_"}
    for key, entry in vars(value).items():
        if key not in unwanted and not (key == "__init__" and isinstance(entry, types.WrapperDescriptorType)):
            text += "".join(member(f"{name}.{key}", entry))
    return text


def module(value: types.ModuleType) -> str:
    """Stub of the core or of one of its submodules."""
    head, parts = HEADER, []
    for name, entry in sorted(vars(value).items()):
        if isinstance(entry, types.ModuleType):
            head += f"from fastgrad._core import {name} as {name}\n"
        elif isinstance(entry, type):
            parts.append(class_(name, entry))
        elif name in core.elementwise_table:
            operands = OPERANDS.get(name) or ["", "x", "a, b", "a, b, c"][core.elementwise_table[name][1]]
            parts.append(function(name, f"({operands}, /) -> Tensor", entry.__doc__))
        elif callable(entry) and not name.startswith("__"):
            parts += compiled(name, entry.__doc__)
    head += OF_CORE if value is core else OF_SUBMODULES
    return f'"""{value.__doc__} By tools/make_stubs.py."""\n{head}\n' + "\n".join(parts)


def stubs() -> dict[str, str]:
    """Text of every stub file, by file name."""
    submodules = {name: entry for name, entry in vars(core).items() if isinstance(entry, types.ModuleType)}
    return {f"{name}.pyi": module(entry) for name, entry in {"__init__": core, **submodules}.items()}


if __name__ == "__main__":
    for name, text in stubs().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
