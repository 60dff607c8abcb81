"""Finds every group of parameters that a node declares, and whether its values are read.

The sources are parsed: in ``declare_settings(node, GROUP)``, the group is a dataclass of settings.
The result of the call must be used, and each field must be read somewhere as an attribute. A check
in ``__post_init__`` does not count.
"""

import ast
import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import der_ros

PACKAGE = Path(der_ros.__file__).parent
DECLARE = PACKAGE / "nodes/shared/parameters.py"
NODES = sorted(path for path in (PACKAGE / "nodes").rglob("*.py") if path != DECLARE)
SOURCES = sorted(PACKAGE.rglob("*.py"))


@dataclass(frozen=True)
class Declaration:
    """One call of ``declare_settings``."""

    path: Path
    call: ast.Call
    group: type

    def __str__(self):
        return f"{self.path.stem}:{self.call.lineno} {self.group.__name__}"

    @property
    def room(self):
        """Name of the node that declares the group, or ``shared``."""
        return self.path.relative_to(PACKAGE / "nodes").with_suffix("").parts[0]


@cache
def tree_of(path):
    return with_parents(ast.parse(path.read_text()))


def with_parents(tree):
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node
    return tree


def called(call):
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def declarations():
    """Yield every group that is declared by ``declare_settings``."""
    for path in NODES:
        module = importlib.import_module(dotted(path))
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and called(node) == "declare_settings":
                yield Declaration(path, node, getattr(module, node.args[1].id))


def dotted(path):
    """Return the dotted name of a module of the package."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def is_used(expression):
    """Return True if the result of a call is used."""
    parent = expression.parent
    if isinstance(parent, ast.Assign):
        return all(target_is_read(target) for target in parent.targets)
    return not isinstance(parent, ast.Expr)


def target_is_read(target):
    """Return True if a target is read: a local name in its function, an attribute in its module."""
    kinds = ast.FunctionDef | ast.Module if isinstance(target, ast.Name) else ast.Module
    name = target.id if isinstance(target, ast.Name) else target.attr
    return any(
        isinstance(node, ast.Name | ast.Attribute)
        and name in (getattr(node, "id", ""), getattr(node, "attr", ""))
        and isinstance(node.ctx, ast.Load)
        for node in ast.walk(enclosing(target, kinds))
    )


def is_read(name):
    """Return True if any source reads an attribute of this name."""
    return name in names_read()


@cache
def names_read():
    """Return the names of all attributes that the sources read."""
    return frozenset().union(*(attributes_read(tree_of(path)) for path in SOURCES))


def attributes_read(tree):
    """Return the names of the attributes that a module reads outside ``__post_init__``."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and not in_post_init(node)
    }


def in_post_init(node):
    function = enclosing(node, ast.FunctionDef | ast.Module)
    return getattr(function, "name", "") == "__post_init__"


def enclosing(node, kinds):
    while not isinstance(node, kinds):
        node = node.parent
    return node
