"""`hemosweep doctor`: each line, and what it means for a sweep."""

import getpass
import json
import os
import socket
import sys
import threading
from collections import namedtuple
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from hemosweep.workflows.doctor import diagnose
from hemosweep.workflows.doctoring import folders, machine, packages, programs

LEVELS = {"ok", "note", "problem"}


def by_name(findings):
    return {finding.what: finding for finding in findings}


def of_folder(out):
    return by_name(folders.check_out(out))


@pytest.fixture
def disk(monkeypatch):
    """Sets the space that is free everywhere, in bytes."""

    def disk(free):
        state = namedtuple("State", "f_bavail f_frsize f_files f_favail")(free, 1, 10, 10)
        monkeypatch.setattr(os, "statvfs", lambda path: state)

    return disk


@contextmanager
def server(status):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def test_every_finding_says_what_it_means_where_it_is_not_ok(tmp_path):
    found = by_name(diagnose(tmp_path / "runs", say=lambda what: None).findings)
    assert "data set" not in found, "none was given"
    assert {"Python", "packages", "PyTorch", "processors", "memory", "folder of results", "MLflow server"} <= set(found)
    for finding in found.values():
        assert finding.level in LEVELS
        assert bool(finding.meaning) == (finding.level != "ok"), finding
    assert version("torch") in found["packages"].found
    assert list(tmp_path.iterdir()) == [], "something was written"


def test_no_machine_no_user_and_no_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@{socket.gethostname()}:1")
    out = tmp_path / "of-a-patient" / "runs"
    diagnosis = diagnose(out, tmp_path / "scans", say=lambda what: None)
    text = json.dumps(diagnosis.as_json()) + "\n".join(diagnosis.as_lines())
    for name in (socket.gethostname(), "secret", str(tmp_path), "of-a-patient", str(Path.home()) + "/"):
        assert name not in text
    assert getpass.getuser() == "root" or f"/{getpass.getuser()}" not in text


def test_a_package_that_is_absent_or_too_old_is_a_problem_that_is_named(monkeypatch):
    needed = ["numpy>=1000", "no-such-package>=1", 'monai>=1; extra == "monai"']
    monkeypatch.setattr(packages, "requires", lambda name: needed)
    finding = packages.check_packages()
    assert finding.level == "problem"
    assert f"numpy {version('numpy')} is not >=1000; no-such-package is absent" in finding.found


def test_an_extra_that_is_absent_is_a_note_with_its_use_and_the_command(monkeypatch):
    monkeypatch.setattr(packages, "requires", lambda name: ["numpy", 'no-such-package>=1; extra == "monai"'])
    finding = by_name(packages.check_extras())["extra monai"]
    assert (finding.level, finding.found) == ("note", "no-such-package is absent")
    assert "architecture" in finding.meaning
    assert "pip install 'hemosweep[monai]'" in finding.meaning


def test_a_broken_installation_is_a_finding_not_a_traceback(monkeypatch):
    monkeypatch.setitem(sys.modules, "hemosweep.workflows.doctoring.folders", None)
    found = by_name(diagnose(say=lambda what: None).findings)
    assert found["packages"].level == "problem"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine without a GPU")
def test_without_a_gpu_it_says_how_long_things_take():
    finding = by_name(machine.check_torch())["GPU"]
    assert finding.level == "note"
    for part in ("demo profile", "paper profile", "hemosweep plan"):
        assert part in finding.meaning


def test_a_gpu_is_named_with_its_memory_and_one_that_fails_is_a_problem(monkeypatch):
    cuda = torch.cuda
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "device_count", lambda: 1)
    monkeypatch.setattr(cuda, "mem_get_info", lambda number: (70 * 2**30, 80 * 2**30))
    monkeypatch.setattr(cuda, "get_device_name", lambda number: "H100")
    monkeypatch.setattr(cuda, "is_bf16_supported", lambda including_emulation: True)
    ones = torch.ones
    monkeypatch.setattr(torch, "ones", lambda *size, device=None: ones(*size))
    finding = by_name(machine.check_torch())["GPU 0"]
    assert (finding.level, finding.found.startswith("H100, 70 of 80 GiB free")) == ("ok", True)
    monkeypatch.setattr(cuda, "is_bf16_supported", lambda including_emulation: False)
    assert by_name(machine.check_torch())["GPU 0"].level == "note"

    def fail(*size, device=None):
        raise RuntimeError("CUDA error: out of memory\nand a page of advice")

    monkeypatch.setattr(torch, "ones", fail)
    finding = by_name(machine.check_torch())["GPU"]
    assert (finding.level, finding.found) == ("problem", "does not work (CUDA error: out of memory)")


def test_little_memory_is_a_note(monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda: 2**30)
    assert machine.check_memory().level == "note"
    monkeypatch.setattr(machine, "free_memory", lambda: None)
    assert machine.check_memory().found == "not known"


def test_little_space_is_a_note_and_none_a_problem(disk, tmp_path):
    disk(5 * 2**30)
    assert of_folder(tmp_path / "runs")["folder of results"].level == "note"
    disk(2**20)
    assert of_folder(tmp_path / "runs")["folder of results"].level == "problem"


def test_a_folder_of_results_that_cannot_be_written_to_is_a_problem(as_nobody):
    (as_nobody / "file").write_text("")
    finding = of_folder(as_nobody / "file" / "runs")["folder of results"]
    assert (finding.level, finding.found) == ("problem", "cannot be written to")


def test_a_store_that_is_none_is_a_problem(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database" * 1000)
    assert of_folder(tmp_path)["record of runs"].level == "problem"


@pytest.mark.parametrize(
    ("kind", "level"), [("nfs4", "note"), ("lustre", "note"), ("fuse.sshfs", "note"), ("ext4", "ok")]
)
def test_a_file_system_of_a_network_is_a_note_on_locks(monkeypatch, tmp_path, kind, level):
    place = str(tmp_path).replace(" ", "\\040")
    (tmp_path / "mounts").write_text(
        f"disk / ext4 rw 0 0\nserver:/x {place} {kind} rw 0 0\nmore {place}er xfs rw 0 0\n"
    )
    monkeypatch.setattr(folders, "_MOUNTS", tmp_path / "mounts")
    finding = of_folder(tmp_path / "runs")["file system"]
    assert (finding.level, finding.found.startswith(kind)) == (level, True)
    assert ("lock" in finding.meaning) == (level == "note")


def test_shared_memory_that_is_full_is_a_problem(disk):
    disk(0)
    assert by_name(folders.check_temporary())["shared memory"].level == "problem"


def test_a_data_set_that_is_not_there_is_a_problem(tmp_path):
    assert folders.check_data(tmp_path / "scans").level == "problem"


def test_programs_that_only_some_commands_need_are_notes(monkeypatch):
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    found = by_name(programs.check_programs())
    for what in ("FSL's flirt", "SLURM", "git", "make"):
        assert found[what].level == "note"
    monkeypatch.setattr(programs.shutil, "which", lambda name: f"/bin/{name}")
    assert by_name(programs.check_programs())["SLURM"].level == "ok"


@pytest.mark.parametrize(("status", "level"), [(200, "ok"), (404, "ok"), (403, "note"), (503, "note")])
def test_a_tracking_server_is_asked(monkeypatch, status, level):
    said = []
    with server(status) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert programs.check_tracking(said.append).level == level
    assert said == ["MLflow server"]


def test_a_tracking_server_that_is_gone_is_a_note_as_a_sweep_trains_all_the_same(monkeypatch):
    with server(200) as address:
        pass
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    finding = programs.check_tracking(lambda what: None)
    assert (finding.level, "Connection refused" in finding.found) == ("note", True)
    assert "hemosweep sync" in finding.meaning


def test_a_tracking_address_that_no_sweep_takes_is_a_problem(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "server:5000")
    assert programs.check_tracking(lambda what: None).level == "problem"
