"""The built packages: what they hold, and that they run beside a user's folders of the same names."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest
import yaml  # comes with MLflow
from packaging.requirements import Requirement

import hemosweep
from tests.wheels import ROOT, build, copy_sources, leave_traps, unpack_sdist

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return copy_sources(tmp_path_factory.mktemp("source") / "tree")


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """A folder that holds the unpacked wheel alone."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def python(site, tmp_path):
    """Runs Python code in a folder with the user's packages `sweeps` and `tracking`, which come first on the path.

    The unpacked wheel comes next, and before the installation of this environment, which gives the other packages.
    """
    here = leave_traps(tmp_path / "here")
    environment = {**os.environ, "PYTHONPATH": str(site), "CUDA_VISIBLE_DEVICES": ""}
    environment.pop("PYTHONSAFEPATH", None)

    def python(code, *arguments):
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)

    return python


@pytest.fixture
def command(python, site):
    """Runs the command that the wheel installs."""
    (metadata,) = site.glob("*.dist-info")
    (entry,) = Distribution.at(metadata).entry_points
    assert (entry.group, entry.name) == ("console_scripts", "hemosweep")
    code = f"import sys; from {entry.module} import {entry.attr}; sys.exit({entry.attr}())"
    return lambda *arguments: python(code, *arguments)


def files(wheel):
    """Names of the files of a wheel, without those of its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_claims_no_other_name_than_hemosweep(site):
    assert sorted(path.name.partition("-")[0] for path in site.iterdir()) == ["hemosweep", "hemosweep"]
    (metadata,) = site.glob("*.dist-info")
    assert (metadata / "top_level.txt").read_text().split() == ["hemosweep"]


def test_the_wheel_holds_every_file_of_the_package_sweeps_and_tracking_among_them(wheel, source):
    # The two folders by themselves: Path.rglob does not follow links.
    folders = (source / "hemosweep", source / "sweeps", source / "tracking")
    names = {path.relative_to(source) for folder in folders for path in folder.rglob("*") if path.is_file()}
    inside = {name if name.parts[0] == "hemosweep" else "hemosweep" / name for name in names}
    assert files(wheel) == {name.as_posix() for name in inside}
    assert files(wheel) > {
        "hemosweep/docs/statistics.md",
        "hemosweep/py.typed",
        "hemosweep/report/cases/templates/viewer.js",
        "hemosweep/report/document/templates/page.html",
        "hemosweep/report/paper_results.json",
        "hemosweep/sweeps/patchsize.py",
        "hemosweep/tracking/store.py",
    }


def test_a_wheel_from_the_source_distribution_is_the_same(wheel, source, tmp_path):
    archive = build("sdist", source, tmp_path / "sdist")
    unpacked = unpack_sdist(archive, tmp_path / "unpacked")
    again = build("wheel", unpacked, tmp_path / "wheel")
    assert again.name == wheel.name
    assert files(again) == files(wheel)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert [name for name in files(wheel) if one.read(name) != other.read(name)] == []


def test_a_users_own_sweeps_and_tracking_do_not_shadow_those_of_the_wheel(python, site):
    for name in ("sweeps", "tracking"):
        assert f"the {name} of the user was imported" in python(f"import {name}").stderr
    code = """
import importlib, pkgutil
from hemosweep.cli.app import app
import hemosweep, hemosweep.sweeps, hemosweep.tracking
for package in (hemosweep.sweeps, hemosweep.tracking):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    print(package.__file__)
print(hemosweep.__file__)
"""
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")
    places = [Path(line).relative_to(site / "hemosweep").as_posix() for line in done.stdout.splitlines()]
    assert places == ["sweeps/__init__.py", "tracking/__init__.py", "__init__.py"]


def test_the_installed_command_runs_beside_them(command):
    shown = command("sweep", "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "patchsize" in shown.stdout

    refused = command("plan", "se", "--data", "missing")
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("error: ")
    assert "missing" in line


def test_the_wheel_has_the_metadata_of_the_project(site):
    (folder,) = site.glob("*.dist-info")
    metadata = Distribution.at(folder).metadata
    assert metadata["Author"] == "The hemosweep developers"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Keywords"]
    assert (folder / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


# --- Files for people -------------------------------------------------------------------------------------------------


def test_the_citation_file_cites_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation.keys() >= {"cff-version", "message", "title", "authors"}, "what the format requires"
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    project = PYPROJECT["project"]
    assert citation["version"] == project["version"] == hemosweep.__version__
    assert citation["license"] == project["license"]
    assert citation["authors"] == project["authors"]
    (paper,) = citation["references"]
    assert paper.keys() >= {"type", "title", "authors"}, "what the format requires"
    assert paper["doi"] == "10.1016/j.compmedimag.2021.101908"
    assert [author["family-names"] for author in paper["authors"]][:2] == ["Abramova", "Clèrigues"]


def test_the_contributors_page_names_the_rooms_in_the_order_of_the_import_rules():
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (rooms,) = re.findall(r"<!-- rooms: begin -->\s+```\n(.+?)```\s+<!-- rooms: end -->", text, re.S)
    (contract,) = [rule for rule in PYPROJECT["tool"]["importlinter"]["contracts"] if rule["type"] == "layers"]
    assert rooms.splitlines() == contract["layers"]


def test_the_documentation_gives_the_reason_for_each_dependency():
    section = (ROOT / "hemosweep" / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", section, re.M)[1:]
    explained = {name.lower() for row in rows for name in row.split(", ")}
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [text for name, own in extras.items() if name != "dev" for text in own]
    assert {Requirement(text).name.lower() for text in wanted} == explained
