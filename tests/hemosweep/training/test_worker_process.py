"""`python -m hemosweep.training FOLDER`, the process that a cluster's worker starts."""

import subprocess
import sys
from contextlib import suppress

import pytest

from tests.processes import trainings, wait_for

pytestmark = [
    pytest.mark.slow,  # Each process imports torch.
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent"),
]

IMPATIENT = """
import sys; from pathlib import Path; import hemosweep.training.__main__ as process
process.SILENCE_S = 2.0
sys.exit(process.main(Path(sys.argv[1])))
"""
LONG = 100_000


def end(process):
    """Its exit code, after a worker's signs of life."""

    def code():
        with suppress(BrokenPipeError):
            process.stdin.write(b".")
            process.stdin.flush()
        return process.poll() is not None

    wait_for(code, "the end", timeout_s=240.0)
    return process.returncode


@pytest.fixture
def start(tiny_spec, tmp_path):
    started = []

    def start(*command, **training):
        folder = tmp_path / "fold run"
        tiny_spec(**training).write(folder)
        with (folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command, str(folder)], stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        started.append(process)
        return folder, process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_it_trains_the_fold_run_and_a_second_one_leaves_it_as_it_is(start):
    folder, process = start("-m", "hemosweep.training")
    assert end(process) == 0
    journal = (folder / "events.jsonl").read_bytes()
    assert (folder / "done.json").is_file()
    _, process = start("-m", "hemosweep.training")
    assert end(process) == 0
    assert (folder / "events.jsonl").read_bytes() == journal


def test_it_ends_with_the_worker_that_holds_its_standard_input(start):
    folder, process = start("-m", "hemosweep.training", max_epochs=LONG, patience=LONG)
    wait_for(lambda: (folder / "events.jsonl").exists(), "the first event", timeout_s=240.0)
    process.stdin.close()
    assert process.wait(60) < 0


def test_it_ends_when_its_worker_shows_no_sign_of_life_and_not_before(start):
    folder, process = start("-c", IMPATIENT, max_epochs=LONG, patience=LONG)
    wait_for(lambda: trainings(folder), "the process", timeout_s=60.0)
    for _ in range(30):
        process.stdin.write(b".")
        process.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
    assert process.wait(60) < 0
