"""Set-ups that the workers of a test run share."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import pytest

from tests.shared import make_once, processors


def worker(base, name):
    """Stand-in for `tmp_path_factory` in a worker: its folder lies in that of the run."""
    folder = base / name
    folder.mkdir(exist_ok=True)
    return SimpleNamespace(getbasetemp=lambda: folder)


@pytest.fixture
def in_a_worker(monkeypatch):
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")


@pytest.mark.usefixtures("in_a_worker")
def test_the_first_worker_that_asks_makes_it_and_the_others_find_it(tmp_path):
    together, made = Barrier(4), []

    def make(folder):
        made.append(folder)
        (folder / "content").write_text("whole")

    def ask(number):
        together.wait()
        folder = make_once(worker(tmp_path, f"popen-gw{number}"), "data", make)
        return folder, (folder / "content").read_text()

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(ask, range(4)))
    assert found == {(tmp_path / "data", "whole")}
    assert made == [tmp_path / "data"]


@pytest.mark.usefixtures("in_a_worker")
def test_what_a_worker_failed_to_make_is_made_anew_by_the_next(tmp_path):
    def fail(folder):
        (folder / "half").touch()
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        make_once(worker(tmp_path, "popen-gw0"), "data", fail)
    folder = make_once(worker(tmp_path, "popen-gw1"), "data", lambda folder: (folder / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_where_the_tests_run_in_one_process_it_lies_in_the_folder_of_the_run(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    assert make_once(worker(tmp_path, "run"), "data", lambda folder: None) == tmp_path / "run" / "data"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to processors")
def test_neighbouring_workers_get_different_processors_and_all_come_back(monkeypatch):
    allowed = os.sched_getaffinity(0)
    taken = []
    for number in range(len(allowed)):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{number}")
        with processors(1):
            taken.append(os.sched_getaffinity(0))
        assert os.sched_getaffinity(0) == allowed
    assert all(len(own) == 1 for own in taken)
    assert set.union(*taken) == allowed
