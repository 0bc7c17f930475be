import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hemosweep import scratch
from hemosweep.scratch import own_scratch

# A process with a temporary file and a semaphore, which says where they are and waits to be killed.
PROCESS = """
import multiprocessing, tempfile, sys, time
from pathlib import Path
from hemosweep import scratch
scratch.SHARED_MEMORY = Path(sys.argv[1])
with scratch.own_scratch():
    folder = tempfile.mkdtemp(prefix="pymp-")
    name = multiprocessing.current_process()._config["semprefix"]
    (scratch.SHARED_MEMORY / f"sem.{name[1:]}-abcd").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def memory(monkeypatch, tmp_path):
    """Stands for shared memory, which all processes of the machine see."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(scratch, "SHARED_MEMORY", folder)
    return folder


@pytest.fixture
def temporary(monkeypatch):
    """Folder of temporary files."""
    with tempfile.TemporaryDirectory() as name:  # A path that is short enough for a socket.
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setenv("TMPDIR", name)
        yield Path(name)


@pytest.fixture
def other(memory, temporary):
    """Another process that has places of its own."""
    command = [sys.executable, "-c", PROCESS, str(memory)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert Path(process.stdout.readline().strip()).is_dir()
    yield process
    process.kill()
    process.communicate()


def test_temporary_files_lie_in_a_folder_of_this_process_which_is_removed_at_the_end(memory, temporary):
    with own_scratch():
        with tempfile.NamedTemporaryFile(delete=False) as file:
            assert Path(file.name).parent.parent == temporary
        assert os.environ["TMPDIR"] == str(Path(file.name).parent)
        assert len(list(memory.iterdir())) == 1
    assert list(temporary.iterdir()) == list(memory.iterdir()) == []
    assert (os.environ["TMPDIR"], tempfile.gettempdir()) == (str(temporary), str(temporary))


SEMAPHORE = """
import multiprocessing
from hemosweep.scratch import own_scratch
with own_scratch():
    prefix = multiprocessing.current_process()._config["semprefix"]
    lock = multiprocessing.get_context("spawn").Lock()
    assert lock._semlock.name.startswith(f"{prefix}-"), lock._semlock.name
    del lock
assert multiprocessing.current_process()._config["semprefix"] == "/mp"
"""


def test_a_semaphore_has_the_name_of_its_process():
    # In a process of its own: libraries of other tests rename semaphores, too.
    subprocess.run([sys.executable, "-c", SEMAPHORE], check=True)


def test_what_a_killed_process_left_is_removed_by_the_next_one(memory, temporary, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert len(list(temporary.iterdir())) == len(list(memory.iterdir())) == 2
    with own_scratch():
        pass
    assert list(temporary.iterdir()) == list(memory.iterdir()) == []


def test_what_a_living_process_has_and_what_is_not_hemosweeps_stays(memory, temporary, other):
    (temporary / "pymp-other").mkdir()
    (temporary / "hemosweep-notes").mkdir()
    (memory / "sem.mp-other").touch()
    before = sorted([*temporary.rglob("*"), *memory.iterdir()])
    with own_scratch():
        pass
    assert sorted([*temporary.rglob("*"), *memory.iterdir()]) == before


def test_a_link_in_the_place_of_a_lock_or_a_folder_is_not_followed(memory, temporary, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").touch()
    (temporary / "hemosweep-0000.lock").symlink_to(mine / "file")
    (temporary / "hemosweep-1111.lock").touch()
    (temporary / "hemosweep-1111").symlink_to(mine)
    with own_scratch():
        pass
    assert (mine / "file").exists()


def test_where_no_place_can_be_made_nothing_changes(monkeypatch, tmp_path):
    monkeypatch.setattr(scratch, "SHARED_MEMORY", tmp_path / "none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "lost"))
    with own_scratch():
        assert tempfile.gettempdir() == str(tmp_path / "lost")


def test_below_a_folder_whose_name_is_long_a_socket_has_room(memory, monkeypatch, tmp_path):
    deep = tmp_path / ("x" * 80)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with own_scratch():
        assert tempfile.gettempdir() == str(deep)


@pytest.mark.slow
def test_a_server_that_was_started_within_is_stopped_and_a_later_process_gets_another(memory):
    context = multiprocessing.get_context("forkserver")
    for _ in range(2):
        with own_scratch():
            process = context.Process(target=os.getpid)
            process.start()
            process.join()
            assert process.exitcode == 0
    after = context.Process(target=os.getpid)
    after.start()
    after.join()
    assert after.exitcode == 0
