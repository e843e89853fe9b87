"""Write the type stubs of the compiled core from what the compiled core says of itself.

``python tools/make_stubs.py`` after a change of the bindings; a new elementwise op needs nothing else. pybind11 writes
signatures into the docstrings, the ops written in plain C are listed in ``elementwise_table``. Where a signature says
no more than ``object`` or ``list``, TYPES below says more.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastgrad._core as core

FOLDER = Path(__file__).resolve().parent.parent / "src" / "python" / "fastgrad" / "_core"
WIDTH = 110

# "argument" or "function.argument" -> type; "function.return" -> type. `| None` is added where None is the default.
TYPES = {
    **dict.fromkeys(["a", "b", "c", "condition", "data", "gradient", "high", "indices", "low"], "_Operand"),
    **dict.fromkeys(["other", "value", "values", "x"], "_Operand"),
    "args": "_Sizes",
    "axes": "_Sizes",
    "axis": "_Sizes",
    "copy": "bool",
    "dtype": "DTypeLike",
    "examples": "Iterable[_Operand]",
    "f": "Callable[[list[Tensor]], Iterable[Tensor]]",
    "gradients.inputs": "Iterable[Tensor]",
    "inputs": "Iterable[_Operand]",
    "key": "_Index",
    "mod": "None",
    "objective": "Objective | Callable[[Tensor], tuple[float, Tensor]]",
    "on_step": "Callable[[int, Tensor, float, Tensor], bool]",
    "outputs": "Iterable[Tensor]",
    "parts": "Iterable[_Operand]",
    "requires_grad": "bool",
    "seeds": "Iterable[_Operand | None]",
    "shape": "_Sizes",
    "slots": "Sequence[_Operand | None]",
    "take.axis": "SupportsIndex",
    # Writing into a tensor is refused: nothing fits these.
    **dict.fromkeys(["__delitem__.key", "__setitem__.key", "__setitem__.value"], "Never"),
    **dict.fromkeys(["__delitem__.return", "__setitem__.return"], "NoReturn"),
    **dict.fromkeys(["__hash__.return", "__index__.return", "__int__.return", "__len__.return"], "int"),
    **dict.fromkeys(["__deepcopy__.return", "__new__.return"], "Self"),
    **dict.fromkeys(["available_isa.return", "op_names.return"], "list[str]"),
    **dict.fromkeys(["Program.__call__.return", "Program.inline.return"], "list[Tensor]"),
    "Objective.__call__.return": "tuple[float, Tensor]",
    "__array__.return": "NDArray[Any]",
    "__bool__.return": "bool",
    "__float__.return": "float",
    "__format__.return": "str",
    "__iter__.return": "Iterator[Tensor]",
    "descend.return": "dict[str, Any]",
    "grad.return": "Tensor | None",
    "grad_fn.return": "str | None",
    "gradients.return": "list[Tensor | None]",
    "item.return": "float",
    "linear_mse.return": "tuple[float, NDArray[Any], float]",
    "operand.return": "Tensor | None",
    "shape.return": "tuple[int, ...]",
    "state.return": "tuple[int, list[Tensor | None]]",
}
VAGUE = {"object", "list", "tuple", "dict", "Callable", "Iterable", "Sequence"}
OPERANDS = {"clip": ["x", "low", "high"], "where": ["condition", "a", "b"]}
ARITIES = {1: ["x"], 2: ["a", "b"], 3: ["a", "b", "c"]}

# pybind11's spellings, which differ between its versions -> ours
SPELLINGS = [
    (r"typing\.SupportsInt\b( \| typing\.SupportsIndex)?", "SupportsIndex"),
    (r"typing\.SupportsFloat\b( \| typing\.SupportsIndex)?", "SupportsFloat"),
    (r"typing\.Optional\[(\w+)\]", r"\1 | None"),
    (r"(\w+::)+|fastgrad\._core\.([a-z]\w*\.)*|collections\.abc\.|numpy\.typing\.", ""),
    (r"numpy\.ndarray\b", "NDArray[Any]"),
    (r"numpy\.dtype\b", "np.dtype[Any]"),
    (r"\bnumpy\.", "np."),
]

IMPORTS = {
    "collections.abc": ["Callable", "Iterable", "Iterator", "Sequence"],
    "types": ["EllipsisType"],
    "typing": ["Any", "NoReturn", "SupportsFloat", "SupportsIndex", "TypeAlias", "final", "overload"],
    "numpy.typing": ["ArrayLike", "DTypeLike", "NDArray"],
    "typing_extensions": ["Never", "Self"],
    "fastgrad._core": ["Program", "Tensor", "_Operand", "_Sizes"],
}
ALIASES = """
_Operand: TypeAlias = Tensor | ArrayLike
_Sizes: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_IndexItem: TypeAlias = SupportsIndex | slice | EllipsisType | Sequence[int] | NDArray[Any] | Tensor | None
_Index: TypeAlias = _IndexItem | tuple[_IndexItem, ...]
elementwise_table: dict[str, tuple[str | None, int, bool]]
"""


def type_of(owner: str, name: str, given: ast.expr | None, default: ast.expr | None = None) -> str:
    """Type of one argument, or of the result where `name` is "return"."""
    text = "object" if given is None else ast.unparse(given)
    if text in VAGUE:
        keys = [f"{owner}.{name}", f"{owner.rpartition('.')[2]}.{name}", name]
        text = next((TYPES[key] for key in keys if key in TYPES), "Any")
    optional = isinstance(default, ast.Constant) and default.value is None and text not in {"Any", "None"}
    return f"{text} | None" if optional else text


def function(owner: str, signature: str, doc: str, decorator: str = "", indent: str = "") -> str:
    """Stub of one function from its signature."""
    name = owner.rpartition(".")[2]
    for pattern, ours in SPELLINGS:
        signature = re.sub(pattern, ours, signature)
    definition = ast.parse(f"def _{signature}: ...").body[0]
    assert isinstance(definition, ast.FunctionDef)
    args, words = definition.args, []
    positional = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(positional) - len(args.defaults)) + args.defaults
    pairs = [*zip(positional, defaults, strict=True), *zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    for i, (arg, default) in enumerate(pairs):
        if i == len(positional):
            words.append("*")
        if arg.arg in {"self", "cls"}:
            words.append(arg.arg)
        else:
            value = "" if default is None else f" = {ast.unparse(default)}"
            words.append(f"{arg.arg}: {type_of(owner, arg.arg, arg.annotation, default)}{value}")
        # pybind11 gives arguments without a name no keyword either
        if i + 1 == len(args.posonlyargs) or arg.arg == f"arg{len(positional) - 2}":
            words.append("/")
    for star, rest in (("*", args.vararg), ("**", args.kwarg)):
        if rest:
            words.append(f"{star}{rest.arg}: {type_of(owner, rest.arg, rest.annotation)}")
    head = f"{indent}def {name}({', '.join(words)}) -> {type_of(owner, 'return', definition.returns)}:"
    if name in {"__eq__", "__ne__"}:
        head += "  # type: ignore[override]"
    elif len(head) > WIDTH:
        lines = "".join(f"\n{indent}    {word}," for word in words)
        head = f"{indent}def {name}({lines}\n{indent}) -> {type_of(owner, 'return', definition.returns)}:"
    if decorator:
        head = f"{indent}{decorator}\n{head}"
    return f'{head}\n{indent}    """{doc}"""\n' if doc else f"{head} ...\n"


def compiled(owner: str, doc: str, indent: str = "") -> Iterator[str]:
    """Stubs of a pybind11 function: one an overload."""
    name = owner.rpartition(".")[2]
    overloads = re.findall(rf"^\d+\. {name}(\(.*)\n(?:\n(?!\d+\. )(.*)\n)?", doc, re.MULTILINE)
    for signature, text in overloads or re.findall(rf"\A{name}(\(.*)\n(?:\n(.*)\n)?", doc):
        yield function(owner, signature, text, "@overload" if overloads else "", indent)


def member(owner: str, name: str, value: Any) -> Iterator[str]:
    """Stubs of one member of a class."""
    owner, indent, doc = f"{owner}.{name}", "    ", value.__doc__ or ""
    if isinstance(value, property):
        result = value.fget.__doc__.strip().partition(") ")[2]
        yield function(owner, f"(self) {result}", doc, "@property", indent)
        if value.fset:
            given = type_of(owner, "return", ast.parse(result[3:], mode="eval").body)
            yield function(owner, f"(self, value: {given}) -> None", "", f"@{name}.setter", indent)
    elif isinstance(value, types.WrapperDescriptorType):  # an operator
        yield function(owner, value.__text_signature__.replace("$", "") + " -> Tensor", "", "", indent)
    elif isinstance(value, types.MethodDescriptorType):  # an elementwise op
        yield function(owner, "(self) -> Tensor", doc, "", indent)
    elif inspect.isfunction(value):  # added in Python
        yield function(owner, str(inspect.signature(value)).replace("'", ""), "", "", indent)
    else:
        yield from compiled(owner, doc, indent)


def class_(name: str, value: type) -> str:
    """Stub of a class."""
    base = f"({value.__base__.__name__})" if issubclass(value, Exception) else ""
    doc = (value.__doc__ or "").rpartition("--\n\n")[2].partition("\n")[0]
    parts = []
    if value.__text_signature__ and not base:
        signature = value.__text_signature__.replace("(", "(cls, ", 1)
        parts.append(function(f"{name}.__new__", f"{signature} -> Self", "", "", "    "))
    unwanted = {"__doc__", "__module__", "__new__", "__repr__", "__weakref__", "_pybind11_conduit_v1_"}
    for key, entry in vars(value).items():
        if key not in unwanted and not (key == "__init__" and isinstance(entry, types.WrapperDescriptorType)):
            parts += member(name, key, entry)
    return f'class {name}{base}:\n    """{doc}"""\n\n' + "".join(parts)


def module(value: types.ModuleType, header: str = "") -> str:
    """Stub of the core or of one of its submodules."""
    parts = []
    for name, entry in sorted(vars(value).items()):
        if isinstance(entry, type):
            parts.append(class_(name, entry))
        elif name in core.elementwise_table:
            operands = OPERANDS.get(name) or ARITIES[core.elementwise_table[name][1]]
            parts.append(function(name, f"({', '.join(operands)}, /) -> Tensor", entry.__doc__))
        elif callable(entry) and not name.startswith("__"):
            parts += compiled(name, entry.__doc__)
    return header + "\n".join(parts)
