"""Finds every parameter that a node declares, and whether anything ever reads its value.

By reading the sources: ``declare(node, name, default, ...)`` is followed to what its value becomes,
a local name, an attribute, or a field of a record, and that must be read somewhere. A check in
``__post_init__`` is no use of a field.
"""

import ast
import importlib
import inspect
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path

import der_ros

PACKAGE = Path(der_ros.__file__).parent
DECLARE = PACKAGE / "nodes/shared/parameters.py"
NODES = sorted(path for path in (PACKAGE / "nodes").rglob("*.py") if path != DECLARE)


@dataclass(frozen=True)
class Declaration:
    """One call of ``declare``."""

    path: Path
    line: int
    name: str
    call: ast.Call

    def __str__(self):
        return f"{self.path.stem}:{self.line} {self.name}"

    def keyword(self, name):
        return next((k.value for k in self.call.keywords if k.arg == name), None)


@cache
def tree_of(path):
    return with_parents(ast.parse(path.read_text()))


def with_parents(tree):
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node
    return tree


def calls_of(function):
    """Every call of a plain function in the nodes, with the file."""
    for path in NODES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and called(node) == function:
                yield path, node


def called(call):
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def declarations():
    """Every parameter that is declared by this package's ``declare``."""
    for path, call in calls_of("declare"):
        if len(call.args) >= 3:
            name = call.args[1].value if isinstance(call.args[1], ast.Constant) else "*"
            yield Declaration(path, call.lineno, name, call)


def is_used(path, expression):
    """Whether what ``expression`` becomes is read."""
    parent = expression.parent
    if isinstance(parent, ast.keyword):
        return field_is_read(path, parent.parent, parent.arg)
    if isinstance(parent, ast.Call) and expression in parent.args:
        field = field_at(path, parent, parent.args.index(expression))
        return is_used(path, parent) if field is None else field_is_read(path, parent, field)
    if isinstance(parent, ast.Assign):
        return any(target_is_read(path, target) for target in parent.targets)
    if isinstance(parent, ast.Return):
        function = enclosing(parent, ast.FunctionDef)
        return any(is_used(where, call) for where, call in calls_of(function.name))
    if isinstance(parent, ast.stmt):
        return not isinstance(parent, ast.Expr)
    return is_used(path, parent)


def target_is_read(path, target):
    if isinstance(target, ast.Attribute):
        return attribute_is_read(target.attr, [path, *readers(path)])
    if isinstance(target, ast.Tuple):
        return all(target_is_read(path, item) for item in target.elts)
    scope = enclosing(target, ast.FunctionDef | ast.Module)
    return any(
        isinstance(node, ast.Name) and node.id == target.id and isinstance(node.ctx, ast.Load)
        for node in ast.walk(scope)
    )


def field_is_read(path, call, name):
    """A field of a record must be read; an argument of anything else is used by what it is for."""
    kind = resolved(path, call)
    if kind is None or not (is_dataclass(kind) or hasattr(kind, "_fields")):
        return True
    return attribute_is_read(name, sorted(PACKAGE.rglob("*.py")))


def field_at(path, call, index):
    kind = resolved(path, call)
    if is_dataclass(kind):
        return fields(kind)[index].name
    return getattr(kind, "_fields", {index: None})[index]


def resolved(path, call):
    """The class that a call makes, as the module knows it; None for what is no class."""
    module = importlib.import_module(dotted(path))
    kind = getattr(module, called(call), None)
    return kind if inspect.isclass(kind) else None


def dotted(path):
    """Return the dotted name of a module of the package."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def readers(path):
    """The other modules of the nodes, which may read an attribute of this one."""
    return [other for other in NODES if other != path]


def attribute_is_read(name, paths):
    return any(reads(tree_of(path), name) for path in paths)


def reads(tree, name):
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.ctx, ast.Load)
        and not in_post_init(node)
        for node in ast.walk(tree)
    )


def in_post_init(node):
    function = enclosing(node, ast.FunctionDef | ast.Module)
    return getattr(function, "name", "") == "__post_init__"


def enclosing(node, kinds):
    while not isinstance(node, kinds):
        node = node.parent
    return node
