"""What the end-to-end tests share: the command as installed, and a data set made through it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("hemosweep")


@pytest.fixture(scope="session")
def environment():
    """The user's environment, on the CPU even where there is a GPU."""
    return {**os.environ, "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}


@pytest.fixture(scope="module")
def one_processor():
    """Everything on one processor: on a busy machine, two threads of a training mostly wait for each other."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


@pytest.fixture(scope="session")
def start(environment):
    """Starts the installed command in a process group of its own, as a shell does."""

    def start(*arguments, **options):
        command = [str(COMMAND), *map(str, arguments)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=environment, start_new_session=True, **pipes, **options)

    return start


@pytest.fixture(scope="session")
def run(start):
    """Runs the installed command to its end."""

    def run(*arguments, **options):
        process = start(*arguments, **options)
        stdout, stderr = process.communicate(timeout=280)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return run


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory, run):
    """Four phantom cases, two of them with intraventricular hemorrhage."""
    folder = tmp_path_factory.mktemp("data") / "phantoms"
    made = run("data", "phantom", folder, "--cases", 4, "--ivh-share", 0.5)
    assert made.returncode == 0, made.stderr
    return folder
