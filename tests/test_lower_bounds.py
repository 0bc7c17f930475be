"""The lowest versions that pyproject.toml allows: the store's tests and a small sweep run with exactly these."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.wheels import ROOT, build, copy_sources, leave_traps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

# uv says one of these where it reaches no package index, and something else where versions do not fit together.
NO_INDEX = re.compile(r"error sending request|network was disabled|timed out|client error \(Connect\)", re.I)
LOWEST_PYTHON = (3, 11)


def uv(*arguments):
    """Standard output of uv; the test is skipped where uv, or the package index, is not to be had."""
    program = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not os.access(program, os.X_OK):
        pytest.skip("uv is neither on PATH nor beside this Python")
    done = subprocess.run([program, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0 and (reason := NO_INDEX.search(done.stderr)):
        pytest.skip(f"no package index can be reached (uv: {reason.group()})")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def lowest(tmp_path_factory):
    """File of exact versions: the lowest of what pyproject.toml names, the newest of what those need.

    PyTorch is gigabytes: it is taken at the version that is installed here, whose files uv keeps since `make setup`.
    """
    folder = tmp_path_factory.mktemp("lowest")
    override = folder / "override.txt"
    override.write_text(f"torch=={Version(version('torch')).public}\n")
    exact = folder / "requirements.txt"
    options = ("--resolution", "lowest-direct", "--only-binary", ":all:", "--override", override, "--extra", "dev")
    uv("pip", "compile", "--quiet", "--no-header", "--no-annotate", *options, "--python", sys.executable,
       "pyproject.toml", "--output-file", exact)  # fmt: skip
    return exact


@pytest.fixture(scope="module")
def python(lowest, tmp_path_factory):
    """Python of an environment that has these versions, and hemosweep from its wheel."""
    folder = tmp_path_factory.mktemp("environment")
    wheel = build("wheel", copy_sources(folder / "source"), folder / "wheel")
    uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, "--only-binary", ":all:", "--no-deps", "-r", lowest, wheel)
    return python


@pytest.fixture(scope="module")
def run():
    """Runs a command on the CPU, without what this environment tells Python and pytest."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "PYTEST_"))}

    def run(*command, cwd):
        return subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env=environment | {"CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.skipif(sys.version_info[:2] != LOWEST_PYTHON, reason="a newer Python has no builds of the oldest versions")
def test_each_bound_is_a_version_that_can_be_installed(lowest):
    # Otherwise the version that is tried here is not the one that pyproject.toml promises.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [text for texts in extras.values() for text in texts]
    resolved = dict(re.findall(r"^([\w.-]+)==(\S+)", lowest.read_text(), re.M))
    for requirement in map(Requirement, wanted):
        if requirement.name in ("hemosweep", "torch"):
            continue
        (bound,) = [part.version for part in requirement.specifier if part.operator == ">="]
        assert SpecifierSet(f"=={bound}.*").contains(resolved[canonicalize_name(requirement.name)]), requirement


def test_the_stores_tests_pass_with_the_lowest_versions(python, run, tmp_path):
    options = ("-q", "-p", "no:cacheprovider", "-m", "not slow and not browser", "--basetemp", tmp_path / "pytest")
    done = run(python, "-m", "pytest", *options, "tests/tracking", cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_small_sweep_runs_with_the_lowest_versions_beside_a_users_sweeps_and_tracking(python, run, tmp_path):
    hemosweep, here = python.with_name("hemosweep"), leave_traps(tmp_path / "here")
    made = run(hemosweep, "data", "phantom", "data", "--size", "small", "--cases", 6, "--ivh-share", 0.5, cwd=here)
    assert made.returncode == 0, made.stderr
    options = ("--data", "data", "--profile", "demo", "--folds", 2, "--arms", "24x24x8")
    trained = run(hemosweep, "sweep", "patchsize", *options, cwd=here)
    assert trained.returncode == 0, trained.stderr
    listed = run(hemosweep, "runs", "--json", "--cases", cwd=here)
    assert (listed.returncode, listed.stderr) == (0, "")
    (arm,) = json.loads(listed.stdout)
    assert (arm["arm"], arm["status"], len(arm["cases"])) == ("24x24x8", "FINISHED", 6)
    assert (here / "runs" / "figures" / "patchsize" / "boxplot.png").is_file()
