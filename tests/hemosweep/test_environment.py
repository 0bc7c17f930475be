import getpass
import os
import platform
import socket
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from hemosweep import environment
from hemosweep.environment import describe_environment, git_commit, num_processors, package_versions


def test_the_environment_names_python_platform_and_the_packages_that_take_part():
    facts = describe_environment()
    assert facts["python"] == platform.python_version()
    assert facts["torch"] == version("torch")
    assert set(package_versions()) <= set(facts)
    assert all(isinstance(value, str) for value in facts.values())


def test_the_environment_names_no_machine_no_user_and_no_path():
    text = " ".join(describe_environment().values())
    assert socket.gethostname() not in text
    assert str(Path.home()) not in text
    assert f"/{getpass.getuser()}" not in text
    assert os.getcwd() not in text


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package-anywhere"))
    assert list(package_versions()) == ["torch"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one commit, from which the code seems to run."""

    def git(*arguments):
        settings = ("-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(tmp_path), *settings, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    module = tmp_path / "hemosweep" / "environment.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    monkeypatch.setattr(environment, "__file__", str(module))
    return git, module


def test_the_commit_is_the_checkouts_whatever_its_tags(checkout):
    git, _ = checkout
    git("tag", "v1.0")
    assert git_commit() == git("rev-parse", "HEAD")


def test_an_edited_checkout_is_dirty(checkout):
    git, module = checkout
    module.write_text("edited")
    assert git_commit() == git("rev-parse", "HEAD") + "-dirty"


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "hemosweep" / "environment.py"))
    assert git_commit() is None


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to processors")
def test_only_the_processors_that_this_process_may_use_count():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert num_processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert num_processors() == len(allowed)
