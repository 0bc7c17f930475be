"""The mutation score itself: of a tiny project whose mutants can be counted by hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.__main__ import EQUIVALENT
from tests.mutants.areas import AREAS, files
from tests.mutants.bench import read_equivalent
from tests.mutants.mutate import mutants_of, mutated

ROOT = Path(__file__).parents[1]
MODULE = "def is_adult(age):\n    return age >= 18\n"
TESTS = "from project.ages import is_adult\n\n\ndef test_adults_and_children():\n    assert is_adult(30)\n"
CHILDREN, BORDER = "    assert is_adult(5) is False\n", "    assert is_adult(18)\n    assert not is_adult(17)\n"
SCORE = """
import sys
from pathlib import Path
from tests.mutants.__main__ import score
from tests.mutants.areas import Area
root = Path(sys.argv[1])
area = Area(name="ages", modules=("project/*.py",), tests=("tests/test_*.py",))
sys.exit(score([area], root=root, number=99, threshold=95.0, at_once=2, preloaded=("pytest", "hypothesis"),
    equivalent=root / "equivalent.txt", patience_s=float(sys.argv[2])))
"""


@pytest.fixture
def run(tmp_path):
    """Scores a project of one module with one file of tests; returns the exit code and the lines that were printed."""
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    for folder in ("project", "tests"):
        (tmp_path / folder).mkdir()

    def run(module, tests, patience_s=60.0):
        (tmp_path / "project/ages.py").write_text(module)
        (tmp_path / "tests/test_ages.py").write_text(tests)
        done = subprocess.run(
            [sys.executable, "-c", SCORE, str(tmp_path), str(patience_s)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return run


def test_mutants_that_no_test_notices_are_named_and_the_next_run_goes_on_from_there(run, tmp_path):
    module = MODULE + "\n\ndef nobody_asks():\n    return 1\n"
    code, lines = run(module, TESTS + CHILDREN)
    # Killed: `<` for `>=`, 0 for 18, and None for what is returned.
    assert "all                    8           0       3         5    37.5%" in lines
    assert [line for line in lines if line.startswith("project/")] == [
        "project/ages.py:2: age >= 18 -> age > 18",
        "project/ages.py:2: 18 -> 19",
        "project/ages.py:6: return 1 -> return None",
        "project/ages.py:6: 1 -> 2",
        "project/ages.py:6: 1 -> 0",
    ]
    assert code == 1
    (tmp_path / "equivalent.txt").write_text(
        "# MODULE | LINE | CHANGE | REASON\n"
        "project/ages.py | return age >= 18 | age >= 18 -> age > 18 | nobody is 18\n"
        "project/ages.py | return age >= 18 | 18 -> 19 | nobody is 18\n"
    )
    code, lines = run(module, TESTS + CHILDREN)
    assert "mutants: 6 in all, 0 to run, 2 at once" in lines
    assert "all                    8           2       3         3    50.0%" in lines
    assert code == 1


@pytest.mark.slow
def test_a_test_that_notices_them_brings_the_score_to_the_threshold(run, tmp_path):
    assert run(MODULE, TESTS + CHILDREN)[0] == 1
    code, lines = run(MODULE, TESTS + CHILDREN + BORDER)
    # The file of the test that killed the others has changed, too.
    assert "mutants: 5 in all, 5 to run, 2 at once" in lines
    assert "all                    5           0       5         0   100.0%" in lines
    assert code == 0
    assert (tmp_path / "project/ages.py").read_text() == MODULE


@pytest.mark.slow
def test_tests_that_fail_without_a_mutant_are_named(run):
    with pytest.raises(AssertionError, match=r"tests/test_ages\.py: tests fail without a mutant"):
        run(MODULE, TESTS + "    assert is_adult(3)\n")


@pytest.mark.slow
def test_a_mutant_that_never_ends_is_killed(run):
    module = (
        MODULE
        + "\n\ndef years(age):\n    count = 0\n    while age:\n        age -= 1\n        count += 1\n    return count\n"
    )
    tests = (
        TESTS
        + CHILDREN
        + BORDER
        + "\n\ndef test_years():\n    from project.ages import years\n    assert years(3) == 3\n"
    )
    code, lines = run(module, tests, patience_s=10.0)
    assert [line for line in lines if "killed (no end): project/ages.py:8: age -= 1 -> pass" in line], lines
    assert code == 0


def test_a_mutant_is_one_change_of_the_syntax_tree():
    text = (
        '"""Text 1."""\n\n\ndef share(a_mm: float, b_mm: float) -> float:\n'
        '    if not a_mm:\n        raise ValueError(f"{1}")\n    return a_mm / b_mm\n'
    )
    assert [(mutant.line, mutant.function, mutant.change) for mutant in mutants_of("m.py", text)] == [
        (5, "share", "if not a_mm: -> if not not a_mm:"),
        (5, "share", "not a_mm -> a_mm"),
        (5, "share", "a_mm -> b_mm"),
        (6, "share", "raise ValueError(f'{1}') -> pass"),
        (7, "share", "return a_mm / b_mm -> return None"),
        (7, "share", "a_mm / b_mm -> a_mm * b_mm"),
        (7, "share", "a_mm / b_mm -> a_mm"),
        (7, "share", "a_mm / b_mm -> b_mm"),
        (7, "share", "a_mm -> b_mm"),
        (7, "share", "b_mm -> a_mm"),
    ]
    names: dict = {}
    exec(compile(mutated(mutants_of("m.py", text)[5], text), "m.py", "exec"), names)
    assert names["share"](3.0, 4.0) == 12.0


def test_every_module_of_the_areas_has_mutants_that_compile_and_tests():
    for area in AREAS:
        assert files(ROOT, area.tests)
        for module in files(ROOT, area.modules):
            text = (ROOT / module).read_text()
            for mutant in mutants_of(module, text)[::200]:
                compile(mutated(mutant, text), module, "exec")


def test_every_mutant_that_is_named_as_equivalent_exists_and_has_a_reason():
    known = read_equivalent(EQUIVALENT)
    modules = {name.partition(" | ")[0] for name in known}
    there = {mutant.name for module in modules for mutant in mutants_of(module, (ROOT / module).read_text())}
    assert [name for name in known if name not in there] == []
    assert all(known.values())
