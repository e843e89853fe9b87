"""Write the type stubs of the compiled core from what it says of itself: ``python tools/make_stubs.py``.

pybind11 writes signatures into docstrings; operators and the elementwise ops, written in plain C, show theirs otherwise.
Where a signature says no more than ``object`` or ``list``, TYPES says more. A new elementwise op needs nothing here.
"""

from __future__ import annotations

import functools
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
    **dict.fromkeys(["value", "values", "x"], "_Operand"),
    **dict.fromkeys(["args", "axes", "axis", "shape"], "_Sizes"),
    "copy": "bool",
    "dtype": "DTypeLike",
    "examples": "Iterable[_Operand]",
    "f": "Callable[[list[Tensor]], Iterable[Tensor]]",
    "inputs": "Iterable[_Operand]",
    "key": "_Index",
    "objective": "Objective | Callable[[Tensor], tuple[float, Tensor]]",
    "on_step": "Callable[[int, Tensor, float, Tensor], bool]",
    "outputs": "Iterable[Tensor]",
    "parts": "Iterable[_Operand]",
    "requires_grad": "bool",
    "seeds": "Iterable[_Operand | None]",
    "slots": "Sequence[_Operand | None]",
}
# Of one argument, or of what is returned, by function.
TYPES = {
    "Objective.__call__.return": "tuple[float, Tensor]",
    "Program.__call__.return": "list[Tensor]",
    "Program.inline.return": "list[Tensor]",
    "Tensor.__array__.return": "NDArray[Any]",
    "Tensor.__bool__.return": "bool",
    "Tensor.__deepcopy__.return": "Self",
    "Tensor.__float__.return": "float",
    "Tensor.__format__.return": "str",
    "Tensor.__hash__.return": "int",
    "Tensor.__index__.return": "int",
    "Tensor.__int__.return": "int",
    "Tensor.__iter__.return": "Iterator[Tensor]",
    "Tensor.__len__.return": "int",
    # Writing into a tensor is refused: nothing fits these.
    **dict.fromkeys(["Tensor.__delitem__.key", "Tensor.__setitem__.key", "Tensor.__setitem__.value"], "Never"),
    **dict.fromkeys(["Tensor.__delitem__.return", "Tensor.__setitem__.return"], "NoReturn"),
    "Tensor.grad.return": "Tensor | None",
    "Tensor.grad.value": "_Operand | None",
    "Tensor.grad_fn.return": "str | None",
    "Tensor.item.return": "float",
    "Tensor.shape.return": "tuple[int, ...]",
    "ParameterTable.state.return": "tuple[int, list[Tensor | None]]",
    "available_isa.return": "list[str]",
    "descend.return": "dict[str, Any]",
    "gradients.inputs": "Iterable[Tensor]",
    "gradients.return": "list[Tensor | None]",
    "linear_mse.return": "tuple[float, NDArray[Any], float]",
    "op_names.return": "list[str]",
    "operand.return": "Tensor | None",
    "take.axis": "SupportsIndex",
}
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
IMPORTS = {
    "collections.abc": "Callable, Iterable, Iterator, Sequence",
    "types": "EllipsisType",
    "typing": "Any, NoReturn, SupportsFloat, SupportsIndex, TypeAlias, overload",
    "numpy.typing": "ArrayLike, DTypeLike, NDArray",
    "typing_extensions": "Never, Self",
    "fastgrad._core": "Program, Tensor, _Operand, _Sizes",
}
TOP = """
_Operand: TypeAlias = Tensor | ArrayLike
_Sizes: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_IndexItem: TypeAlias = SupportsIndex | slice | EllipsisType | Sequence[int] | NDArray[Any] | Tensor | None
_Index: TypeAlias = _IndexItem | tuple[_IndexItem, ...]

elementwise_table: dict[str, tuple[str | None, int, bool]]
"""


def type_of(owner: str, name: str, given: Any, default: Any = inspect.Parameter.empty) -> str:
    """Type of one argument of `owner`, or of its result where `name` is "return"."""
    vague = given in {inspect.Parameter.empty, "object", "list", "tuple", "dict", "Callable", "Iterable", "Sequence"}
    if given == "None":
        return "None"
    text = TYPES.get(f"{owner}.{name}") or (ARGUMENTS.get(name, "Any") if vague else given)
    return f"{text} | None" if default is None and text != "Any" and "None" not in text else text


def function(owner: str, signature: str, doc: str | None = "", decorator: str = "", indent: str = "") -> str:
    """Stub of one function from its signature, laid out as ruff does."""
    name = owner.rpartition(".")[2]
    spelled = functools.reduce(lambda text, spelling: re.sub(*spelling, text), SPELLINGS, signature)
    scope: dict[str, Any] = {}
    exec(f"from __future__ import annotations\ndef f{spelled}: ...", scope)
    read = inspect.signature(scope["f"])
    parameters = []
    for p in read.parameters.values():
        kind = p.POSITIONAL_ONLY if "arg0" in read.parameters else p.kind  # no name, so no keyword
        own = p.empty if p.name in {"self", "cls"} else type_of(owner, p.name, p.annotation, p.default)
        parameters.append(p.replace(kind=kind, annotation=own))
    result = type_of(owner, "return", read.return_annotation)
    inside = str(inspect.Signature(parameters)).replace("'", "")[1:-1]
    head = f"{indent}def {name}({inside}) -> {result}:"
    if len(head) > WIDTH:
        lines = re.sub(r", (?=\w+:|\*|/)", f",\n{indent}    ", inside)
        head = f"{indent}def {name}(\n{indent}    {lines},\n{indent}) -> {result}:"
    ignored = "  # type: ignore[override]" if name in {"__eq__", "__ne__"} else ""
    body = f'\n{indent}    """{doc}"""\n' if doc else f" ...{ignored}\n"
    return (f"{indent}{decorator}\n" if decorator else "") + head + body


def compiled(owner: str, doc: str, indent: str = "") -> Iterator[str]:
    """Stubs of a pybind11 function: one an overload."""
    name = owner.rpartition(".")[2]
    overloads = re.findall(rf"^\d+\. {name}(\(.*)\n(?:\n(?!\d+\. )(.*)\n)?", doc, re.MULTILINE)
    for signature, text in overloads or re.findall(rf"\A{name}(\(.*)\n(?:\n(.*)\n)?", doc):
        yield function(owner, signature, text, "@overload" if overloads else "", indent)


def member(owner: str, value: Any) -> Iterator[str]:
    """Stubs of one member of a class."""
    indent = "    "
    if isinstance(value, property):
        result = value.fget.__doc__.partition(" -> ")[2].strip()
        yield function(owner, f"(self) -> {result}", value.__doc__, "@property", indent)
        if value.fset:
            kind = re.findall(r"arg1: (.*)\)", value.fset.__doc__)[0]
            setter = f"@{owner.rpartition('.')[2]}.setter"
            yield function(owner, f"(self, value: {kind}) -> None", "", setter, indent)
    elif isinstance(value, types.WrapperDescriptorType):  # an operator
        yield function(owner, value.__text_signature__.replace("$", "") + " -> Tensor", "", "", indent)
    elif isinstance(value, types.MethodDescriptorType):  # an elementwise op
        yield function(owner, "(self) -> Tensor", value.__doc__, "", indent)
    elif inspect.isfunction(value):  # added in Python
        yield function(owner, str(inspect.signature(value)).replace("'", ""), "", "", indent)
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


def imports(body: str) -> str:
    """Import what a stub names and does not define."""
    sections = {"collections.abc": "", "numpy.typing": "", "fastgrad._core": ""}
    for source, names in IMPORTS.items():
        section = source if source in sections else section
        used = [name for name in names.split(", ") if re.search(rf"(?<!class )\b{name}\b(?!:)", body)]
        ...


def module(value: types.ModuleType) -> str:
    """Stub of the core or of one of its submodules."""
