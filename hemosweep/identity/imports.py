"""Modules that a Python file imports, read from its syntax tree: nothing is run."""

import ast
from collections.abc import Iterator


def imported_modules(tree: ast.Module, module: str, *, is_package: bool) -> frozenset[str]:
    """Names that may be modules: of `from a.b import c` these are `a.b` and `a.b.c`.

    Imports inside functions count, those that only a type checker reads do not. A module that is imported by a text,
    as with `importlib`, is not seen.

    Args:
        module: the file's own name, such as `hemosweep.model.unet`; relative imports start from it.
    """
    package = module if is_package else module.rpartition(".")[0]
    return frozenset(name for node in _executed(tree) for name in _names(node, package))


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and _is_type_checking(child.test):
            for other in child.orelse:
                yield from _executed(other)
        else:
            yield from _executed(child)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
    return name == "TYPE_CHECKING"


def _names(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        if base:
            yield base
        yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names if alias.name != "*")
