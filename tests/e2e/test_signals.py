"""Signals that end a command: SIGTERM, and SIGHUP of a closed terminal, as Ctrl-C does; and what cannot be printed."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hemosweep.tracking.store import open_store, search_runs
from tests.e2e.stand_in import SMALL, Child, stand_in, with_store
from tests.processes import is_alive, wait_for

OTHERS = [signal.SIGINT, signal.SIGHUP]
SIGNALS = [signal.SIGTERM, *OTHERS]
PHANTOM = ("data", "phantom")
STOPPED = "stopped; start the same command again"

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds processes the way Linux shows them")


def group(leader):
    """Process ids of a process group, without those that are dead."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == leader and fields[0] not in "ZX":
            members.append(int(stat.parent.name))
    return members


def cases(folder):
    return list(folder.glob("sub-*/ct/*_ct.nii.gz"))


@pytest.fixture
def making(start, tmp_path):
    """A phantom data set whose making takes minutes, begun."""
    folder = tmp_path / "phantoms"
    process = start(*PHANTOM, folder, "--cases", 2000)
    try:
        wait_for(lambda: cases(folder) or process.poll() is not None, "the first case")
        yield process
    finally:  # A first case that does not come leaves no command behind either.
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("whom", "number"),
    [
        (os.kill, signal.SIGTERM),
        (os.killpg, signal.SIGHUP),  # As a terminal that is closed.
        pytest.param(os.kill, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(os.kill, signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(os.killpg, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(os.killpg, signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_command_in_one_line_and_nothing_stays(making, whom, number):
    whom(making.pid, number)
    _, stderr = making.communicate(timeout=120)
    assert making.returncode == 1
    assert stderr.split("\n")[-2:] == [STOPPED, ""]
    assert "Traceback" not in stderr
    assert "warning" not in stderr.lower(), "of a process that keeps track of semaphores"
    wait_for(lambda: group(making.pid) == [], "the end of its processes", timeout_s=30.0)


def test_a_killed_command_leaves_no_process(making):
    making.kill()
    wait_for(lambda: group(making.pid) == [], "the end of its processes", timeout_s=30.0)


def test_a_hangup_that_is_ignored_as_under_nohup_stays_ignored(environment):
    trap = ["bash", "-c", 'trap "" HUP; exec "$@"', "bash", sys.executable, "-c"]
    hung_up = "import hemosweep.workflows.sweeps as w, os, signal, hemosweep.cli as cli\n" + (
        "found = w.list_sweeps\n"
        "def listed(**options):\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    return found(**options)\n"
        "w.list_sweeps = listed\n"
        "cli.main()"
    )
    ends = [
        subprocess.run(
            [*command, hung_up, "sweeps", "--names"],
            env=environment,
            capture_output=True,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # The tests may run under nohup.
        )
        for command in (trap, trap[-2:])
    ]
    assert [end.returncode for end in ends] == [0, 1]
    assert "patchsize" in ends[0].stdout
    assert ends[1].stderr == STOPPED + "\n"


def test_a_terminal_that_is_closed_ends_its_command(environment, tmp_path):
    folder = tmp_path / "phantoms"
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        command = [Path(sys.executable).with_name("hemosweep"), *PHANTOM, folder, "--cases", "2000"]
        os.execve(command[0], list(map(str, command)), environment)
    try:
        wait_for(lambda: cases(folder), "the first case")
        os.close(terminal)
        wait_for(lambda: not is_alive(child), "the end of the command", timeout_s=120.0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        child = None
    finally:
        if child is not None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


# --- A sweep with the stand-in for a training -------------------------------------------------------------------------


class Signalled(Child):
    """The stand-in for a training, in which signals come."""

    signals = ()

    def wait(self, timeout_s):
        for number in self.signals:
            os.kill(os.getpid(), number)
        return super().wait(timeout_s)

    def kill(self):
        # As the storing of the runs that were stopped follows: a second signal must not end it.
        for number in self.signals:
            os.kill(os.getpid(), number)
        super().kill()


@pytest.fixture
def child(monkeypatch):
    child = Signalled()
    stand_in(monkeypatch, child)
    return child


@pytest.mark.parametrize("number", [signal.SIGTERM, *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)])
def test_a_signal_ends_a_sweep_with_its_runs_killed_and_it_goes_on(
    main, phantoms, child, migrated_database, tmp_path, number
):
    out = with_store(tmp_path / "runs", migrated_database)
    command = ("sweep", "patchsize", "--data", phantoms, "--profile", "demo", "--folds", 2, "--out", out)
    before = [signal.signal(each, signal.SIG_DFL) for each in SIGNALS]
    try:
        child.signals = (number, number)
        code, stdout, stderr = main(*command, "--arms", SMALL)
        assert (code, stdout) == (1, "")
        assert stderr.splitlines()[-1] == "stopped; the same command goes on from here"
        assert "Traceback" not in stderr
        assert states(out) == {"KILLED"}
        child.signals = ()
        assert main(*command, "--arms", SMALL)[0] == 0
        assert states(out) == {"FINISHED"}
        assert [signal.getsignal(each) for each in SIGNALS] == [signal.SIG_DFL] * 3
    finally:
        for each, handler in zip(SIGNALS, before, strict=True):
            signal.signal(each, handler)


def states(out):
    store = open_store(out)
    experiments = [experiment.experiment_id for experiment in store.client.search_experiments()]
    return {run.info.status for run in search_runs(store, experiments, "")}


# --- What cannot be printed -------------------------------------------------------------------------------------------


def printed(start, redirection, *arguments, **options):
    """Exit code and standard error of a command in a shell."""
    line = f'"$0" "$@" {redirection}'
    command = ["bash", "-c", f"set -o pipefail; {line}", str(Path(sys.executable).with_name("hemosweep")), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, **options)
    return ended.returncode, ended.stdout, ended.stderr


def test_a_reader_that_stops_reading_is_no_error_to_tell(start, environment):
    assert printed(start, "| true", "sweeps", "--json", env=environment) == (1, "", "")


def test_a_full_disk_behind_standard_output_is_named(start, environment):
    code, stdout, stderr = printed(start, "> /dev/full", "sweeps", env=environment)
    assert (code, stdout) == (2, "")
    assert stderr == (
        "error: standard output: No space left on device; free some space there and start the same command again\n"
    )


@pytest.mark.parametrize("redirection", ["2> /dev/full", "2>&- <&-"])
def test_messages_that_cannot_be_printed_cost_no_result(start, environment, redirection, tmp_path):
    code, stdout, stderr = printed(
        start, redirection, *PHANTOM, str(tmp_path / "phantoms"), "--cases", "1", env=environment
    )
    assert (code, stderr.strip()) == (0, "")
    assert stdout.startswith("1 cases in ")
    assert len(cases(tmp_path / "phantoms")) == 1


def test_without_a_standard_output_the_work_is_done(start, environment, tmp_path):
    code, _, stderr = printed(start, ">&-", *PHANTOM, str(tmp_path / "phantoms"), "--cases", "1", env=environment)
    assert (code, "Traceback" in stderr) == (0, False)
    assert len(cases(tmp_path / "phantoms")) == 1


def test_a_character_that_the_encoding_lacks_costs_no_line(environment, tmp_path):
    folder = tmp_path / "Müller ≥"
    command = [str(Path(sys.executable).with_name("hemosweep")), "data", "check", str(folder)]
    ended = subprocess.run(command, capture_output=True, env=environment | {"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 2
    assert b"no such data folder" in ended.stderr
    assert b"Traceback" not in ended.stderr
