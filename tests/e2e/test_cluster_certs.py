"""`hemosweep cluster-certs`: what it prints, and that the printed commands make a cluster."""

import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from tests.processes import wait_for

pytest.importorskip("distributed", reason="the cluster extra is not installed")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results of mine"


def commands(stdout):
    """The three printed commands as words, without what they set in the environment."""
    lines = [shlex.split(line) for line in stdout.splitlines() if line.startswith("  ")]
    return [[word for index, word in enumerate(words) if index or "=" not in word] for words in lines]


def test_both_files_are_named_and_so_are_the_commands_that_use_them(main, out):
    code, stdout, stderr = main("cluster-certs", "--out", out)
    assert (code, stderr) == (0, "")
    folder = out / "cluster-certs"
    assert sorted(path.name for path in folder.iterdir()) == ["certificate.pem", "key.pem"]
    for name in ("certificate.pem", "key.pem"):
        assert str(folder / name) in stdout
    scheduler, worker, sweep = commands(stdout)
    file, certificate, key = (
        str(out / name) for name in ("scheduler.json", folder / "certificate.pem", folder / "key.pem")
    )
    for words in (scheduler, worker):
        options = dict(pairwise(words))
        assert (options["--tls-ca-file"], options["--tls-cert"], options["--tls-key"]) == (
            certificate,
            certificate,
            key,
        )
        assert options["--scheduler-file"] == file
    assert sweep == ["hemosweep", "sweep", "NAME", "--executor", f"dask:{file}", "--out", str(out)]


def test_a_folder_of_the_users_choice_goes_into_the_sweeps_command(main, out, tmp_path):
    folder = tmp_path / "certs"
    code, stdout, _ = main("cluster-certs", folder, "--out", out)
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["certificate.pem", "key.pem"]
    assert commands(stdout)[2][-2:] == ["--certs", str(folder)]
    assert out.is_dir(), "where the scheduler writes its file"


def test_a_second_time_is_refused_in_one_line_and_the_key_stays(main, out):
    main("cluster-certs", "--out", out)
    key = (out / "cluster-certs" / "key.pem").read_bytes()
    code, stdout, stderr = main("cluster-certs", "--out", out)
    assert (code, stdout) == (2, "")
    (line,) = stderr.splitlines()
    assert line.startswith(f"error: {out / 'cluster-certs'} has certificates already")
    assert "delete the folder first, or give another" in line
    assert (out / "cluster-certs" / "key.pem").read_bytes() == key


def test_without_the_cluster_extra_one_line_says_how_to_install_it(main, out, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    code, stdout, stderr = main("cluster-certs", "--out", out)
    assert (code, stdout) == (2, "")
    (line,) = stderr.splitlines()
    assert line.endswith("needs the cluster extra: pip install 'hemosweep[cluster]'")
    assert not out.exists()


@pytest.mark.slow
def test_the_printed_commands_make_a_cluster_that_a_client_can_use(main, out, environment):
    from distributed import Client

    from hemosweep.executors.certificates import security

    scheduler, worker, _ = commands(main("cluster-certs", "--out", out)[1])
    here = ("--host", "tls://127.0.0.1", "--port", "0")
    program = str(Path(sys.executable).with_name("dask"))
    processes = []
    try:
        for words in ([program, *scheduler[1:], *here], [program, *worker[1:]]):
            processes.append(
                subprocess.Popen(words, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
            )
            wait_for(lambda: (out / "scheduler.json").is_file(), "the scheduler's file")
        with Client(
            scheduler_file=str(out / "scheduler.json"), security=security(out / "cluster-certs"), set_as_default=False
        ) as client:
            client.wait_for_workers(1, timeout=60)
            (address,) = client.scheduler_info()["workers"]
            assert address.startswith("tls://")
            assert client.submit(pow, 2, 10, resources={"GPU": 1}).result(timeout=30) == 1024
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
