import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from hemosweep.environment import num_processors
from tests.shared import make_once

NOBODY = 65534
E2E, EXECUTORS = "tests/e2e/test_", "tests/hemosweep/executors/test_"
TOGETHER = (
    # These wait for the real study.
    (f"{E2E}data_commands", f"{E2E}identity", f"{E2E}patchsize_study", f"{E2E}predict", f"{E2E}status_and_clean"),
    # The server that they fork children from takes seconds to import torch.
    (f"{EXECUTORS}executors", f"{EXECUTORS}fold_run_lock", f"{EXECUTORS}local"),
    # Some fill the GPU's memory.
    ("tests/gpu/",),
)
"""Files of tests that one worker runs where there are several; a fixture of a module is made once anyway."""

# Timing on a shared machine says nothing about the code; in CI the same examples are drawn each time.
settings.register_profile("hemosweep", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("hemosweep")


def pytest_configure(config):
    # No test works on what belongs to whoever runs it.
    for name in ("MLFLOW_TRACKING_URI", "HEMOSWEEP_OUT", "HEMOSWEEP_DATA", "MAKEFLAGS", "MAKEOVERRIDES"):
        os.environ.pop(name, None)
    # Where a machine is busy a command would say so, also in a test that counts its lines.
    os.environ["HEMOSWEEP_QUIET"] = "1"
    # Before torch is imported: threads that spin while another program has their processor all but stop a training.
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    # A pool of compiling processes would outlive the test that compiles, and its pipes be collected in another one.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    # Arrays of tests are small: a second thread costs more than it saves. A training sets its number of threads itself.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Where Python is told to keep no bytecode, each process that a test starts would compile torch or MLflow anew: that
    # takes longer than the import itself.
    if sys.dont_write_bytecode and hasattr(config, "cache"):
        with suppress(OSError):  # a checkout that is not to be written to
            folder = str(config.cache.mkdir("bytecode"))
            sys.dont_write_bytecode, sys.pycache_prefix = False, folder
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
            os.environ["PYTHONPYCACHEPREFIX"] = folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """With -n auto, a worker more than this process may use processors, those of other programs left out: workers wait
    for the processes that they start, and for the clock, for a quarter of their time."""
    return num_processors() + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With --dist loadfile, a worker gets files whole, and those of a line of TOGETHER one after the other."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return next((places for places in TOGETHER if file.startswith(places)), file)

    return Scheduling(config, log)


def pytest_collection_finish():
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from tests.schemas import read_schemas_once

    # No test cuts the power, and thousands of files and commits would wait for the disk.
    os.fsync = lambda descriptor: None

    read_schemas_once()

    @event.listens_for(Engine, "connect")
    def leave_flushing_to_the_system(connection, record):
        connection.execute("PRAGMA synchronous = OFF")

    leave_alone_what_is_there()


def pytest_runtest_teardown(item, nextitem):
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:  # A command that trains or predicts takes all processors.
        torch.set_num_threads(1)
    if nextitem is None or nextitem.path != item.path:
        leave_alone_what_is_there()


def leave_alone_what_is_there():
    """Take all objects that are there, such as those of torch and MLflow, out of the garbage collector's way.

    They stay for good, and a collection that went through them would take half a second. The handling of full memory
    asks for one each time.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    gc.unfreeze()  # Libraries that look for leaks as the process ends would take what is frozen for some.


@pytest.fixture
def as_nobody():
    """A folder that everyone may enter, for a test that then runs without root's right to read every file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory):
    """An MLflow store without a run. Its migrations take seconds: once for all."""
    from hemosweep.tracking.database import database_path
    from hemosweep.tracking.store import open_store

    return database_path(make_once(tmp_path_factory, "store", open_store))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public scans that HEMOSWEEP_REAL_DATA names."""
    folder = os.environ.get("HEMOSWEEP_REAL_DATA")
    if not folder:
        pytest.skip("HEMOSWEEP_REAL_DATA is not set: it names the folder with the public scans")
    path = Path(folder)
    assert path.is_dir(), f"HEMOSWEEP_REAL_DATA={folder}: no such folder"
    return path
