"""The text of a Python file that counts: nothing that cannot change a result, and everything that can."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hemosweep
from hemosweep.errors import BadInput
from hemosweep.identity.code_text import parse, significant_text

BASE = """def area(width):
    x = width * 2
    return x
"""


def text(source: str) -> str:
    return significant_text(source, parse(source, "mine.py"))


@pytest.mark.parametrize(
    "same",
    [
        '"""A module."""\n' + BASE,
        "# a comment\n\n" + BASE,
        BASE.replace("x = width * 2", "x = width * 2  # why"),
        BASE.replace("return x", "return x  # why"),
        BASE.replace("width):", "width):  # why"),
        BASE.replace("    x =", '    """Area."""\n    x ='),
        BASE.replace("    x =", "    '''Area\n\n    of it.\n    '''\n\n    x ="),
        BASE.replace("    return x", "    # ä comment\n    return x   "),
        BASE + "\n\n",
        BASE.replace("    return x", '    "Stands alone, ä."  # and a comment\n    return x'),
    ],
)
def test_comments_docstrings_and_blank_lines_do_not_count(same: str) -> None:
    assert text(same) == text(BASE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BASE, BASE.replace("* 2", "* 3")),
        (BASE, BASE.replace("    return x", "return x")),
        ('x = """a\n\nb"""\n', 'x = """a\nb"""\n'),
        ('x = """a  \nb"""\n', 'x = """a\nb"""\n'),
        ('x = """a # b\n"""\n', 'x = """a\n"""\n'),
        ("x = '# a'\n", "x = '# b'\n"),
        ("y = 1\nx = f'''{y}\n\n# a'''\n", "y = 1\nx = f'''{y}\n# a'''\n"),
    ],
)
def test_what_can_change_a_result_counts(one: str, other: str) -> None:
    assert text(one) != text(other)


def test_a_comment_within_a_string_in_parts_does_not_count() -> None:
    one = 'x = (\n    "a"\n    "b"\n)\n'
    assert text('x = (\n    "a"  # first\n    # second\n    "b"\n)\n') == text(one)


def test_a_string_that_stands_alone_leaves_the_code_around_it_in_its_line() -> None:
    assert text('a = 1; """one\ntwo\nthree"""; b = 2\nc = 3\n') == "a = 1; ; b = 2\nc = 3"
    assert text('def f(): "ä"; return "ö"\nx = f()\n') == 'def f(): ; return "ö"\nx = f()'
    assert text('"""one\ntwo"""; x = """a  \n\nb"""\n') == '; x = """a  \n\nb"""'
    assert text('"a"; "bc"; x = 1\n') == "; ; x = 1"
    assert text('"first"\n"second"; x = """a  \n\nb"""\n') == '; x = """a  \n\nb"""'


@given(st.text(alphabet="ab ä\n#\"'\\{}", max_size=30))
def test_two_texts_of_one_digest_do_the_same(value: str) -> None:
    # Any two strings that differ stay different, however they look.
    assert text(f"x = {value!r}\n") == f"x = {value!r}"


def test_every_file_of_hemosweep_means_the_same_without_what_does_not_count() -> None:
    for path in Path(hemosweep.__file__).parent.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        tree = parse(source, str(path))
        kept = significant_text(source, tree)
        assert ast.dump(_without_lone_strings(ast.parse(_filled(kept)))) == ast.dump(_without_lone_strings(tree))


def _filled(text: str) -> str:
    """Python again: a body that was a docstring alone gets a `pass`."""
    lines = text.split("\n")
    filled = []
    for number, line in enumerate(lines):
        filled.append(line)
        following = lines[number + 1] if number + 1 < len(lines) else ""
        indent = len(line) - len(line.lstrip())
        opens = line.rstrip().endswith(":") and line.lstrip().split(" ")[0].rstrip(":") in {"class", "def", ")"}
        if opens and len(following) - len(following.lstrip()) <= indent:
            filled.append(" " * (indent + 1) + "pass")
    return "\n".join(filled)


def _without_lone_strings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [
                child
                for child in body
                if not isinstance(child, ast.Pass)
                and not (
                    isinstance(child, ast.Expr)
                    and isinstance(child.value, ast.Constant)
                    and isinstance(child.value.value, str)
                )
            ]
    return tree


def test_what_is_not_python_is_refused_with_its_line() -> None:
    with pytest.raises(BadInput, match=r"mine\.py, line 2: not Python"):
        parse("x = 1\ny = = 2\n", "mine.py")
