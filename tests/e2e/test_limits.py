"""Commands where the system gives little: full shared memory, few open files, small files, no home.

Each says what, where and the way out in one line.
"""

import contextlib
import fcntl
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import wait_for

COMMAND = str(Path(sys.executable).with_name("hemosweep"))
SHARED_MEMORY = Path("/dev/shm")
# Of its own for the command that follows, and full.
FULL_SHARED_MEMORY = 'mount -t tmpfs -o size=16k tmpfs /dev/shm && { cat /dev/zero > /dev/shm/ballast; exec "$@"; }'
AGAIN = " and start the same command again\n"


@pytest.fixture
def phantom(environment, tmp_path):
    """Makes two phantom cases, in two processes: exit code, standard error."""

    def phantom(*before, **options):
        command = [*before, COMMAND, "data", "phantom", str(tmp_path / "phantoms"), "--cases", "2"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, **options)
        assert "Traceback" not in ended.stderr
        return ended.returncode, ended.stderr

    return phantom


def limit(kind, number):
    """Limits what a process may have, before it starts."""
    return lambda: resource.setrlimit(kind, (number, number))


def test_full_shared_memory_is_named(phantom):
    in_a_place_of_its_own = ("unshare", "--mount", "bash", "-c", FULL_SHARED_MEMORY, "bash")
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run([*in_a_place_of_its_own, "true"], capture_output=True).returncode == 0:
            code, stderr = phantom(*in_a_place_of_its_own)
            assert code == 2
            assert stderr.endswith("error: /dev/shm: No space left on device; free some space there" + AGAIN)
            return
    pytest.skip("needs the right to mount a tmpfs")


def test_too_few_open_files_are_told_with_the_way_out(phantom):
    code, stderr = phantom(preexec_fn=limit(resource.RLIMIT_NOFILE, 14))
    assert code == 2
    assert stderr.endswith(
        "error: this process: Too many open files; allow more open files, such as with ulimit -n 1024" + AGAIN
    )


def test_a_limit_of_file_sizes_is_told_with_the_file(phantom, tmp_path):
    code, stderr = phantom(preexec_fn=limit(resource.RLIMIT_FSIZE, 1000))
    assert code == 2
    line = stderr.splitlines()[-1] + "\n"
    assert line.startswith(f"error: {tmp_path / 'phantoms'}/sub-00")
    assert line.endswith(": File too large; allow larger files, with ulimit -f unlimited" + AGAIN)


def test_nothing_of_the_usual_environment_is_needed(phantom, environment, tmp_path):
    for name in ("HOME", "TMPDIR", "LANG", "XDG_CACHE_HOME"):
        environment = {key: value for key, value in environment.items() if key != name}
    command = [COMMAND, "data", "phantom", str(tmp_path / "Müller"), "--cases", "1"]
    ended = subprocess.run(command, env=environment | {"LC_ALL": "C"}, capture_output=True, timeout=240)
    assert ended.returncode == 0, ended.stderr
    assert f"1 cases in {tmp_path / 'Müller'}".encode() in ended.stdout


def semaphores_of_the_dead():
    """Those whose process holds its lock no more."""
    found = set()
    for path in SHARED_MEMORY.glob("hemosweep-*.lock"):
        with path.open() as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            found |= set(SHARED_MEMORY.glob(f"sem.{path.stem}-*"))
    return found


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="semaphores are files on Linux")
def test_what_a_killed_command_and_all_its_processes_left_is_removed_by_the_next_one(start, run, tmp_path):
    temporary = tmp_path / "t"
    temporary.mkdir()
    env = {"TMPDIR": str(temporary)}
    killed = start("data", "phantom", tmp_path / "phantoms", "--cases", 2000, env=env)
    wait_for(lambda: list(tmp_path.glob("phantoms/sub-*/ct/*_ct.nii.gz")), "the first case")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    left = semaphores_of_the_dead()
    assert left, "the process that keeps track of them was killed, too"
    assert run("sweeps", "--names", env=env).returncode == 0
    assert left & set(SHARED_MEMORY.iterdir()) == set()
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_sweep_with_few_open_files_ends_in_one_line_and_goes_on(study, environment, run, tmp_path):
    command = study.command("--json", out=tmp_path / "runs", arms=study.arms[:1])
    for number in (20, 40):
        ended = subprocess.run(
            [COMMAND, *map(str, command)],
            env=environment,
            preexec_fn=limit(resource.RLIMIT_NOFILE, number),
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert ended.returncode in (0, 1, 2), ended.stderr
        assert "Traceback" not in ended.stderr
        if ended.returncode:
            assert "Too many open files" in ended.stderr + ended.stdout
    assert run(*command).returncode == 0
