"""Foundations of a stranger's first minutes with the repository: the Makefile, the lock file and CI."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hemosweep.ablation.catalogue import sweep_names
from hemosweep.sweeps.search import SEARCHES

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
# One entry a package: `name==version ; marker \` and indented lines of hashes.
LOCKED = re.findall(r"^(\S+?)==([^\s;]+)(?: ; (.+?))? \\\n((?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", LOCK, re.M)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # These tests may run under make themselves; its variables must not reach the make that they start.
    inherited = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    return subprocess.run(command, cwd=ROOT, env=inherited | environment, capture_output=True, text=True, check=False)


def last_line(*arguments: str, **environment: str) -> str:
    result = run("make", "-n", *arguments, **environment)
    assert result.returncode == 0, result.stderr
    return " ".join(result.stdout.splitlines()[-1].split())


def test_make_alone_lists_every_target():
    targets = set(re.findall(r"^([a-z][a-z%-]*):(?!=)", MAKEFILE, re.M))
    assert targets > {"help", "setup", "test", "lint", "sweep-%"}
    listed = {line.split()[0] for line in run("make").stdout.splitlines() if re.match(r"  [a-z]\S*  +\S", line)}
    assert listed == {target.replace("%", "NAME") for target in targets}


def test_make_help_fits_into_a_terminal_of_80_columns():
    assert [line for line in run("make").stdout.splitlines() if len(line) > 80 or line.endswith(" ")] == []


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("sweep", "error: there is no target sweep; give the sweep's name: make sweep-NAME; make help lists them"),
        ("predict", "error: there is no target predict; make help lists them"),
    ],
)
def test_make_says_what_to_do_instead_of_a_target_that_it_does_not_have(target, said):
    refused = run("make", target)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[0] == said


def test_make_help_lists_every_variable_of_the_options():
    variables = set(re.findall(r"\$\(call (?:option|given),([A-Z_]+)", MAKEFILE))
    assert variables > {"DATA", "PROFILE", "OUT"}
    assert variables <= set(re.findall(r"^  ([A-Z_]+)= ", run("make", "help").stdout, re.M))


@pytest.mark.skipif(not (ROOT / ".venv/bin/hemosweep").exists(), reason="make asks the hemosweep of .venv")
def test_make_help_names_every_sweep_and_every_search():
    names = run("make", "help").stdout.partition("NAME is one of: ")[2].partition("\n\n")[0].split()
    assert names == [*sweep_names(), *(search.name for search in SEARCHES)]
    assert [name for name in sweep_names() if not (ROOT / "sweeps" / f"{name}.py").is_file()] == []


def test_make_sweep_passes_given_variables_quoted():
    line = last_line("sweep-patchsize", "DATA=a b's", "PROFILE=demo", "ARGS=--yes")
    assert line == r".venv/bin/hemosweep sweep 'patchsize' --data 'a b'\''s' --profile 'demo' --yes"


def test_make_sweep_passes_nothing_that_was_not_given():
    line = last_line("sweep-patchsize", "SEEDS=", DATA="from the environment", OUT="from the environment")
    assert line == ".venv/bin/hemosweep sweep 'patchsize'"


def refusal(*arguments):
    """The one line of a make that does nothing."""
    result = run("make", "-n", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("sweep-patchsize", "SEED=3"), ("sweep-patchsize does not take SEED=", "give SEEDS=")),
        (("sweep-patchsize", "seeds=3"), ("does not take seeds=", "give SEEDS=")),
        (("plan-patchsize", "DATAS=x"), ("does not take DATAS=", "give DATA=")),
        (("sweep-patchsize", "PROFILE=demo", "MUTANTS=3"), ("does not take MUTANTS= (make help lists",)),
        (("lint", "ARGS=--fix"), ("lint does not take ARGS=",)),
        (("FOO=1",), ("there is no variable FOO=",)),
        (("phantom", "DATA=x", "it's=1"), ("phantom does not take it's=",)),
    ],
    ids=lambda value: " ".join(value) if "=" in value[-1] else "",
)
def test_make_refuses_a_variable_that_nothing_would_read(arguments, parts):
    line = refusal(*arguments)
    assert all(part in line for part in parts), line


def test_make_takes_its_own_variables():
    assert last_line("sweep-se", "MAKEFLAGS=n", "V=1", "SHELL=/bin/sh").startswith(".venv/bin/hemosweep sweep 'se'")


def listed_variables():
    """Target to the variables that `make help` lists for it."""
    listed, name, targets = {}, "", None
    for line in re.findall("^## (.*)", MAKEFILE, re.M):
        for word in line.split():
            if re.fullmatch("[A-Z_]+=", word) and line.startswith(word):
                name = word[:-1]
            targets = set() if word.startswith("[") else targets
            if targets is not None:
                listed.setdefault(word.strip("[]"), []).append(name)
            targets = None if word.endswith("]") else targets
    return listed


@pytest.mark.parametrize("target", sorted(set(listed_variables()) - {"every", "target"}))
def test_each_variable_that_make_help_lists_for_a_target_reaches_its_command(target):
    names = [name for name in listed_variables()[target] if name != "TRACKING"]  # it goes by the environment
    goal = f"{target}-se" if target in {"sweep", "plan"} else target
    result = run("make", "-n", goal, *(f"{name}=given-{name}" for name in names))
    assert result.returncode == 0, result.stderr
    assert [name for name in names if f"given-{name}" not in result.stdout] == []


def variables_in(text):
    """The variables of the command line that a part of the Makefile reads, by itself or by a list of options."""
    found = set(re.findall(r"\$\(call (?:option|given|quoted),([A-Z_]+)", text))
    found |= set(re.findall(r"\$\(call quote,\$\(([A-Z_]+)\)\)", text))
    for name in re.findall(r"\$\(([A-Z]+_OPTIONS?)\)", text) + re.findall(r"\$\(call (each-sweep),", text):
        (own,) = re.findall(rf"^{name} = (.*(?:\\\n.*)*)", MAKEFILE, re.M)
        found |= variables_in(own)
    return found


RECIPES = re.findall(r"^([a-z][a-z%-]*):(?!=).*\n((?:\t.*\n)+)", MAKEFILE, re.M)


@pytest.mark.parametrize(("target", "recipe"), RECIPES, ids=[target for target, _ in RECIPES])
def test_each_variable_that_a_command_reads_is_listed_for_its_target(target, recipe):
    kind = target.partition("-")[0] if target.startswith(("sweep-", "plan-")) else target
    assert variables_in(recipe) - {"TRACKING"} <= set(listed_variables().get(kind, ()))


def stub_checkout(folder, version, *, environment=None):
    """A checkout with a Python of that version and, if asked for, a .venv of another one; returns the Python."""

    def python(path, version):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho {version}\n")
        path.chmod(0o755)
        return path

    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    if environment:
        python(folder / ".venv/bin/python", environment)
        (folder / ".venv/.installed").touch()
    return python(folder / "python3", version)


def test_make_with_another_python_than_that_of_venv_says_how_to_make_it_anew(tmp_path: Path):
    other = stub_checkout(tmp_path, "3.13", environment="3.12")
    result = run("make", "-C", str(tmp_path), "-n", "setup", f"PYTHON={other}")
    assert result.returncode == 2
    assert f".venv has Python 3.12, and PYTHON={other} is Python 3.13; make distclean" in result.stderr
    assert run("make", "-C", str(tmp_path), "-n", "distclean", f"PYTHON={other}").returncode == 0
    same = stub_checkout(tmp_path, "3.12", environment="3.12")
    assert run("make", "-C", str(tmp_path), "-n", "setup", f"PYTHON={same}").returncode == 0


def test_make_phantom_without_its_folder_says_what_to_give():
    result = run("make", "-n", "phantom")
    assert result.returncode == 2
    assert "make phantom DATA=" in result.stderr


def test_make_setup_refuses_a_python_that_is_too_old(tmp_path: Path):
    old = stub_checkout(tmp_path, "3.10")
    result = run("make", "-C", str(tmp_path), "setup", f"PYTHON={old}")
    assert result.returncode == 2
    assert f"setup: {old} is Python 3.10; give 3.11 to 3.13" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_lock_is_nothing_but_exact_versions_with_hashes():
    entries = "".join(
        f"{name}=={version}{f' ; {marker}' if marker else ''} \\\n{hashes}" for name, version, marker, hashes in LOCKED
    )
    assert LOCKED
    assert entries == LOCK


def test_lock_satisfies_every_dependency_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [text for texts in extras.values() for text in texts]
    itself = project["name"]
    requirements = [requirement for requirement in map(Requirement, wanted) if requirement.name != itself]
    locked: dict[str, list[str]] = {}
    for name, version, *_ in LOCKED:
        locked.setdefault(name, []).append(version)
    for requirement in requirements:
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not in requirements.lock: make lock"
        assert all(map(requirement.specifier.contains, versions)), f"{requirement} but locked {versions}: make lock"


def test_ci_script_can_be_run():
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert run("bash", "-n", ".ci/run").returncode == 0


def test_no_tracked_file_is_over_a_megabyte():
    tracked = run("git", "ls-files", "-z")
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in tracked.stdout.split("\0") if name]
    assert [path.name for path in files if path.is_file() and path.stat().st_size > 1_000_000] == []


def test_each_package_imports_only_what_it_may():
    result = run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
    assert result.returncode == 0, result.stdout + result.stderr


def test_what_trains_and_scores_imports_on_a_bare_pytorch_machine():
    # The import rules read each module's own imports; this also runs the __init__ files on the way to it.
    code = """
import importlib, pkgutil, sys
without = "SimpleITK dynamic_network_architectures einops matplotlib mlflow monai nibabel optuna pandas torchvision"
for name in without.split():
    sys.modules[name] = None
for package in ["model", "sampling", "training", "inference", "scores", "stats", "foldrun"]:
    package = importlib.import_module(f"hemosweep.{package}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
"""
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr


def test_the_speed_tables_of_the_documentation_are_those_of_the_benchmarks_files():
    result = run(sys.executable, "tests/benchmarks/speed_table.py", "--check", PYTHONPATH=str(ROOT))
    assert result.returncode == 0, "make it with: PYTHONPATH=. .venv/bin/python tests/benchmarks/speed_table.py"


def test_the_gpu_part_of_the_benchmark_needs_torch_numpy_and_scipy_alone():
    # As on a machine that was lent for a quarter of an hour, where nothing can be installed.
    code = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in "mlflow optuna nibabel monai pydicom SimpleITK pandas matplotlib typer".split():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv = ["hemosweep.bench", "gpu", "--quick"]
import runpy
runpy.run_module("hemosweep.bench", run_name="__main__")
"""
    result = run(sys.executable, "-c", code, CUDA_VISIBLE_DEVICES="")
    assert result.returncode == 0, result.stderr
    assert "skipped: no CUDA device" in result.stdout
