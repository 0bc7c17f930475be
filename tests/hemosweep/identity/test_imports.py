"""Names that a file imports, read from its syntax tree."""

import ast

import pytest

from hemosweep.identity.imports import imported_modules


def imported(text, module="lab.room.mine", *, is_package=False):
    return set(imported_modules(ast.parse(text), module, is_package=is_package))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a", {"a"}),
        ("import a.b, c as d", {"a.b", "c"}),
        ("from a.b import c, d as e", {"a.b", "a.b.c", "a.b.d"}),
        ("from a.b import *", {"a.b"}),
        ("from . import c", {"lab.room", "lab.room.c"}),
        ("from .b import c", {"lab.room.b", "lab.room.b.c"}),
        ("from .. import c", {"lab", "lab.c"}),
        ("from ..b.d import c", {"lab.b.d", "lab.b.d.c"}),
        ("from ... import c", {"c"}),
        ("from ... import *", set()),
        ("x = 1", set()),
    ],
)
def test_the_names_of_an_import_may_be_modules_and_relative_ones_start_from_the_file(text, names):
    assert imported(text) == names


def test_a_package_is_the_start_of_its_own_relative_imports():
    assert imported("from . import c", "lab.room", is_package=True) == {"lab.room", "lab.room.c"}
    assert imported("from ..b import c", "lab.room", is_package=True) == {"lab.b", "lab.b.c"}


@pytest.mark.parametrize(
    "place",
    [
        "def f():\n    {}",
        "class C:\n    def f(self):\n        {}",
        "try:\n    {}\nexcept ImportError:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    {}",
        "if x:\n    {}",
        "if x:\n    pass\nelse:\n    {}",
        "if TYPE_CHECKING:\n    pass\nelse:\n    {}",
        "if TYPE_CHECKING:\n    pass\nelif x:\n    {}",
        "if not TYPE_CHECKING:\n    {}",
        "if typing.get_args(x):\n    {}",
        "with x:\n    {}",
    ],
)
def test_an_import_counts_wherever_it_may_run(place):
    assert imported(place.format("import a")) == {"a"}


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"])
def test_an_import_that_only_a_type_checker_reads_does_not_count(test):
    assert imported(f"import a\nif {test}:\n    import b\n    if x:\n        import c\n") == {"a"}
