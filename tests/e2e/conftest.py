"""Fixtures of the end-to-end tests: the command as installed, and a data set made through it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
import typer.main

import hemosweep.cli
from hemosweep.data import parallel
from hemosweep.tracking.database import database_path
from tests.recorded import Recorded, record
from tests.shared import make_once, processors

COMMAND = Path(sys.executable).with_name("hemosweep")


@pytest.fixture(scope="session")
def environment():
    """The user's environment, on the CPU even where there is a GPU."""
    return {**os.environ, "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}


def heed_interrupts():
    """As a shell's foreground does: where the tests run in the background, children inherit that Ctrl-C is ignored, and
    under nohup that a closed terminal is."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def start(environment):
    """Starts the installed command in a process group of its own, as a shell does.

    Trainings go on one processor: on a busy machine, their threads would mostly wait for each other.
    """

    def start(*arguments, env=None, **options):
        command = [str(COMMAND), *map(str, arguments)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with processors(1 if "sweep" in arguments else 2):
            return subprocess.Popen(
                command,
                env=environment | (env or {}),
                start_new_session=True,
                preexec_fn=heed_interrupts,
                **(pipes | options),
            )

    return start


@pytest.fixture(scope="session")
def run(start):
    """Runs the installed command to its end."""

    def run(*arguments, timeout_s=280, **options):
        process = start(*arguments, **options)
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return run


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory, run):
    """Six phantom cases, three of them with intraventricular hemorrhage, and what sweeps have prepared of them."""

    def make(folder):
        with processors(1):  # Six small cases are made before a second process has started.
            made = run("data", "phantom", folder / "phantoms", "--size", "small", "--cases", 6, "--ivh-share", 0.5)
        assert made.returncode == 0, made.stderr

    return make_once(tmp_path_factory, "data", make) / "phantoms"


@dataclass
class Study:
    """Two arms in two folds of six cases, demo profile: data set, folder of results, and what the command printed."""

    data: Path
    out: Path
    arms: tuple[str, ...] = ("24x24x8", "32x32x16")
    stdout: str = ""
    stderr: str = ""
    planted: tuple[str, ...] = ("DOE^JANE", "MRN-55512", "19540312", "/archive/doe_jane")
    """Identifiers in the header of every scan."""

    def command(self, *options, arms=None, out=None):
        where = ("--data", self.data, "--profile", "demo", "--folds", 2, "--out", out or self.out)
        return ("sweep", "patchsize", *where, "--arms", ",".join(arms or self.arms), *options)


def plant(path, identifiers):
    """Write identifiers into the free text of a scan's header; its voxels stay as they are."""
    image = nib.load(path)
    name, number, date, folder = identifiers
    image.header["descrip"] = f"{name} {date}"
    image.header["db_name"] = number
    image.header["aux_file"] = folder
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", f"{name} {folder}".encode()))
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), image.affine, image.header), path)


@pytest.fixture(scope="session")
def study(phantoms, run, tmp_path_factory):
    """The real study, finished: it trains for a minute or two, once in a run of the tests."""

    def make(folder):
        data = shutil.copytree(phantoms, folder / "data", ignore=shutil.ignore_patterns("derivatives"))
        for path in data.glob("sub-*/ct/*.nii.gz"):
            plant(path, Study.planted)
        trained = run(*Study(data=data, out=folder / "runs").command("--json"), timeout_s=800)
        assert trained.returncode == 0, trained.stderr
        (folder / "printed.json").write_text(json.dumps([trained.stdout, trained.stderr]))

    folder = make_once(tmp_path_factory, "study", make)
    stdout, stderr = json.loads((folder / "printed.json").read_text())
    return Study(data=folder / "data", out=folder / "runs", stdout=stdout, stderr=stderr)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory, migrated_database):
    """Runs to compare, which no test changes."""

    def make(folder):
        out = folder / "runs"
        out.mkdir()
        shutil.copyfile(migrated_database, database_path(out))
        (folder / "ids.json").write_text(json.dumps(record(out).ids))

    folder = make_once(tmp_path_factory, "recorded", make)
    return Recorded(out=folder / "runs", ids=json.loads((folder / "ids.json").read_text()))


parsers = cache(typer.main.get_command)
"""The command line's parsers, which take longer to make than many commands take to run."""


@pytest.fixture
def main(monkeypatch, capfd, tmp_path):
    """Runs the command line in this process and in an empty folder: exit code, standard output, standard error."""
    # A thread where the command starts processes: as good for reading files, and there at once.
    monkeypatch.setattr(parallel, "ProcessPoolExecutor", lambda jobs, **options: ThreadPoolExecutor(1))
    # One thread of torch, as other tests run beside this one.
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(typer.main, "get_command", parsers)
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def main(*arguments):
        monkeypatch.setattr(sys, "argv", ["hemosweep", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as exited:
            hemosweep.cli.main()
        assert list(folder.iterdir()) == [], "something was left where the command was called"
        return exited.value.code or 0, *capfd.readouterr()

    return main


@pytest.fixture
def compared(main):
    """Returns what `compare --json` prints, where it compares."""

    def compared(*arguments):
        code, stdout, stderr = main("compare", *arguments, "--json")
        assert (code, stderr) == (0, ""), stderr
        return json.loads(stdout)

    return compared
