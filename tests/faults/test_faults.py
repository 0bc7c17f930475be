"""A sweep that is killed, stopped or refused at any call to the file system: the next one ends as if nothing had been.

`python -m tests.faults` does the same for every call, with every kind of fault; `--at` takes one of them.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import shim

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shim.compiler() is None, reason="needs Linux and a C compiler (cc)")


@pytest.fixture
def faults(migrated_database, tmp_path):
    """Runs the harness; returns what it printed, after it found no loss."""

    def faults(*options):
        command = [sys.executable, "-m", "tests.faults", "--store", migrated_database, *options]
        done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
        print(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return faults


def test_a_sample_of_the_calls_may_fail_or_kill_and_nothing_is_lost(faults):
    assert ", 0 with a loss" in faults("--pages", 40, "--every", 150).splitlines()[-1]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_call_may_fail_or_kill_and_nothing_is_lost(faults):
    # SQLite writes the pages of a commit one after the other, hundreds of them: every tenth.
    assert ", 0 with a loss" in faults("--pages", 10).splitlines()[-1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_making_of_the_store_may_fail_or_be_killed_at_any_call(faults):
    assert ", 0 with a loss" in faults("--without-store", "--at", "X-mlflow.db", "--every", 400).splitlines()[-1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_with_the_products_executor_and_its_server_nothing_is_lost_either(faults):
    options = ("--local", "--faults", "kill,kill-driver,kill-both,ENOSPC", "--pages", 1000)
    assert ", 0 with a loss" in faults(*options, "--at", "child: ", "--every", 12).splitlines()[-1]
