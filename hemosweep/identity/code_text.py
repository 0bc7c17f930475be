"""The part of a Python file that can change a result: its text without comments, docstrings and blank lines."""

import ast
import io
import tokenize
from collections.abc import Iterator

from hemosweep.errors import BadInput


def parse(source: str, name: str) -> ast.Module:
    """Syntax tree of a file.

    Raises:
        BadInput: it is no Python; the message names file and line.
    """
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise BadInput(f"{name}, line {error.lineno}: not Python ({error.msg}); mend this line") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{name}: not Python ({error}); mend this file") from None


def significant_text(source: str, tree: ast.Module) -> str:
    """Text of a file without comments, docstrings, other strings that stand alone, blank lines and trailing blanks.

    Lines of a string that is used stay as they are. The result is the same for every version of Python.
    """
    lines = source.split("\n")
    verbatim: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno is not None:
            # Its last line ends in code.
            verbatim.update(range(node.lineno, node.end_lineno))
    for number, column in _comments(source):
        lines[number - 1] = lines[number - 1][:column]
        verbatim.discard(number)
    for first, start, last, end in _alone(tree):
        before, after = _characters(lines[first - 1], 0, start), _characters(lines[last - 1], end, None)
        lines[first - 1 : last] = [before + after, *[""] * (last - first)]
        used_behind = last in verbatim  # A string that is used begins in the same line.
        verbatim.difference_update(range(first, last + 1))
        if used_behind:
            verbatim.add(first)
    kept = [line if number in verbatim else line.rstrip() for number, line in enumerate(lines, start=1)]
    return "\n".join(line for number, line in enumerate(kept, start=1) if line or number in verbatim)


def _characters(line: str, start: int, end: int | None) -> str:
    """Part of a line between two of its bytes, which is how a syntax tree counts."""
    return line.encode()[start:end].decode()


def _alone(tree: ast.Module) -> Iterator[tuple[int, int, int, int]]:
    """Places of the strings that are statements, the last one first: first line and byte, last line and byte."""
    places = [
        (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    yield from sorted(places, reverse=True)


def _comments(source: str) -> Iterator[tuple[int, int]]:
    """Places of the comments: line and character."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start
