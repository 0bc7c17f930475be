"""Mutants of a module: one small change of its syntax tree each, such as `<` for `<=` or a condition negated.

Left alone: annotations, decorators, docstrings and the texts of messages, assertions, and `strict=` of zip, which no
result depends on.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}
UNITS = {"mm", "ml", "hu", "s"}
_Alike = dict[str, list[tuple[int, str]]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """One change. `place` and `variant` find it in the module's tree.

    `function` is the qualified name of the function around it; empty for what runs at import.
    """

    module: str
    place: int
    variant: int
    line: int
    function: str
    source: str
    change: str

    @property
    def name(self) -> str:
        """A name that stays where lines above it come and go."""
        return f"{self.module} | {self.source} | {self.change}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    holder: ast.AST | list[ast.AST]
    key: str | int
    node: ast.AST
    function: str
    alike: _Alike

    def put(self, node: ast.AST) -> None:
        if isinstance(self.holder, list):
            self.holder[self.key] = node  # type: ignore[index]
        else:
            setattr(self.holder, self.key, node)  # type: ignore[arg-type]


def mutants_of(module: str, text: str) -> list[Mutant]:
    """All mutants of a module with that source text, in the order of its lines."""
    lines = text.splitlines()
    return [
        Mutant(
            module=module,
            place=number,
            variant=variant,
            line=place.node.lineno,  # type: ignore[attr-defined]
            function=place.function,
            source=lines[place.node.lineno - 1].strip(),  # type: ignore[attr-defined]
            change=_change(place.node, node),
        )
        for number, place in enumerate(_places(ast.parse(text)))
        for variant, node in enumerate(_variants(place))
    ]


def mutated(mutant: Mutant, text: str) -> ast.Module:
    """The module's tree with the change in it."""
    tree = ast.parse(text)
    place = list(_places(tree))[mutant.place]
    place.put(ast.copy_location(list(_variants(place))[mutant.variant], place.node))
    return ast.fix_missing_locations(tree)


def _change(node: ast.AST, other: ast.AST) -> str:
    """A change as one short line."""
    if isinstance(node, ast.Call) and isinstance(other, ast.Call) and len(other.keywords) < len(node.keywords):
        gone = next(keyword for keyword in node.keywords if keyword not in other.keywords)
        return f"{ast.unparse(node.func)}(...) without {ast.unparse(gone)}"
    before, after = (ast.unparse(each).splitlines()[0] for each in (node, other))
    return f"{_short(before)} -> {_short(after)}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]} ... {text[-15:]}"


def _places(node: ast.AST, function: str = "", inside: bool = False, alike: _Alike | None = None) -> Iterator[_Place]:
    """Nodes that may change, each with its holder and the name of the function that it is in."""
    alike = alike or {}
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "type_params"} or (
            field in {"exc", "cause"} and isinstance(node, ast.Raise)
        ):
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _left_alone(child):
                continue
            holder, key = (value, index) if isinstance(value, list) else (node, field)
            if hasattr(child, "lineno"):
                yield _Place(holder=holder, key=key, node=child, function=function if inside else "", alike=alike)
            if isinstance(child, Function | ast.ClassDef):
                name = f"{function}.<locals>.{child.name}" if inside else f"{function}.{child.name}".lstrip(".")
                is_function = isinstance(child, Function)
                yield from _places(child, name, is_function, _alike(child) if is_function else {})
            else:
                yield from _places(child, function, inside, alike)


def _left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.keyword):
        return node.arg == "strict"
    return isinstance(node, ast.JoinedStr | ast.Assert | ast.Import | ast.ImportFrom)


def _is_a_class(function: ast.AST) -> bool:
    """True for a call that makes a record, which has all its fields or fails at once."""
    return isinstance(function, ast.Name) and function.id.lstrip("_")[:1].isupper()


def _alike(function: ast.AST) -> dict[str, list[tuple[int, str]]]:
    """Each name of a function to the names of its shape or unit, or of its type, with the lines that bind them."""
    kinds: dict[str, dict[str, int]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.arg | ast.Name) and not isinstance(getattr(node, "ctx", None), ast.Load):
            name = node.arg if isinstance(node, ast.arg) else node.id
            suffix = name.rpartition("_")[2]
            kind = suffix if "_" in name and (suffix[:1].isupper() or suffix in UNITS) else ""
            if not kind and isinstance(node, ast.arg) and node.annotation is not None:
                kind = f": {ast.unparse(node.annotation)}"
            if kind:
                names = kinds.setdefault(kind, {})
                names[name] = min(node.lineno, names.get(name, node.lineno))
    return {name: [(line, other) for other, line in names.items()] for names in kinds.values() for name in names}


def _variants(place: _Place) -> Iterator[ast.AST]:
    node = place.node

    def changed(**fields: object) -> ast.AST:
        variant = copy.copy(node)
        for name, value in fields.items():
            setattr(variant, name, value)
        return variant

    match node:
        case ast.BinOp(left=left, op=operator, right=right):
            if type(operator) in OPERATORS:
                yield changed(op=OPERATORS[type(operator)]())
            yield from (left, right)
        case ast.AugAssign(op=operator):
            if type(operator) in OPERATORS:
                yield changed(op=OPERATORS[type(operator)]())
            yield ast.Pass()
        case ast.Compare(ops=ops):
            for index, operator in enumerate(ops):
                for other in COMPARISONS[type(operator)]:
                    yield changed(ops=[*ops[:index], other(), *ops[index + 1 :]])
        case ast.BoolOp(op=operator, values=values):
            yield changed(op=ast.Or() if isinstance(operator, ast.And) else ast.And())
            for index in range(len(values)):
                rest = [*values[:index], *values[index + 1 :]]
                yield rest[0] if len(rest) == 1 else changed(values=rest)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
            if value not in (-1, 0):
                yield ast.Constant(type(value)(0))
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield changed(test=ast.UnaryOp(ast.Not(), test))
        case (
            ast.ListComp(generators=generators)
            | ast.SetComp(generators=generators)
            | ast.GeneratorExp(generators=generators)
            | ast.DictComp(generators=generators)
        ):
            for index, generator in enumerate(generators):
                if generator.ifs:
                    bare = copy.copy(generator)
                    bare.ifs = generator.ifs[1:]
                    yield changed(generators=[*generators[:index], bare, *generators[index + 1 :]])
        case ast.Return(value=ast.AST() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield changed(value=ast.Constant(None))
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.Call(func=function, keywords=keywords):
            if isinstance(function, ast.Name) and function.id in FUNCTIONS:
                yield changed(func=ast.Name(FUNCTIONS[function.id], ast.Load()))
            if isinstance(function, ast.Attribute) and function.attr in FUNCTIONS:
                yield changed(func=ast.Attribute(function.value, FUNCTIONS[function.attr], ast.Load()))
            for index, keyword in enumerate(keywords):
                if keyword.arg not in (None, "strict") and not _is_a_class(function):
                    yield changed(keywords=[*keywords[:index], *keywords[index + 1 :]])
        case ast.Name(id=name, ctx=ast.Load(), lineno=here):
            bound = [other for line, other in place.alike.get(name, []) if line < here or other == name]
            if len(bound) > 1:
                yield ast.Name(bound[(bound.index(name) + 1) % len(bound)], ast.Load())
