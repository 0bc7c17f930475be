"""MLflow's own web pages over an output folder's store, on this machine only."""

import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hemosweep.engine.lock import driver
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.files import is_writable
from hemosweep.sqlite import check_database, left_beside, usable
from hemosweep.tracking import schema, views
from hemosweep.tracking.backend import LOCAL_ONLY
from hemosweep.tracking.database import database_path, require_store
from hemosweep.tracking.places import are_places_right
from hemosweep.tracking.store import StoreConnection, artifacts_folder, open_store, sweep_experiments

HOST = "127.0.0.1"
_PORTS_TRIED = 50
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 10.0
_ONLY_A_COPY = (
    "cannot be written to now: MLflow shows a copy of its records, and what you change there is lost at the end"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A running server, and the temporary copy of the store that it shows, if it shows one."""

    process: subprocess.Popen[bytes]
    url: str
    copy: Path | None = None


def serve(out: Path, *, port: int = 5000, experiment: str | None = None) -> None:
    """Run the server in the foreground until Ctrl-C (or SIGTERM), and print its address.

    Args:
        port: the first port to try; if it is taken, the next free port is used.
        experiment: the sweep whose page is printed; the newest one by default.

    Raises:
        BadInput: no store, no such sweep, or no free port.
        HemosweepError: the server ended, or did not answer in time; its log is named.
    """
    server = start(out, port=port, experiment=experiment)
    try:
        print(f"MLflow shows {out} at\n  {server.url}\nCtrl-C ends it.", flush=True)
        server.process.wait()
    except KeyboardInterrupt:
        print("stopping MLflow")
    finally:
        stop(server)


def start(out: Path, *, port: int = 5000, experiment: str | None = None) -> Server:
    """Start the server and wait until it answers. Its address is that of the sweep's runs.

    The process leads a process group of its own, workers included; end it with `stop`. Arguments and errors as `serve`.

    A store that cannot be put right where it lies is copied, and the copy is shown: its output folder is read-only, or
    was moved and has a driver that knows it by another place.
    """
    require_store(out)
    copy = _copied(out) if _needs_copy(out) else None
    try:
        store = open_store(out) if copy is None else open_store(copy, artifacts=out)
        page = _page(store, out, experiment)
        free = _free_port(port)
        if free != port:
            print(f"port {port} is taken; using {free}", flush=True)
        if copy is not None:
            print(f"{out} {_ONLY_A_COPY}", flush=True)
        print("starting MLflow, which takes half a minute", flush=True)
        return _started(store, copy, free, page)
    except BaseException:
        _delete(copy)
        raise


def _started(store: StoreConnection, copy: Path | None, port: int, page: str) -> Server:
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store.uri, "--default-artifact-root", store.artifacts.as_uri()]
    command += ["--uvicorn-opts", "--log-level=warning"]
    log = store.database.with_name("mlflow-server.log")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env={**os.environ, **LOCAL_ONLY},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(process=process, url=f"http://{HOST}:{port}/{page}", copy=copy)
    try:
        _wait_until_healthy(process, port, log)
    except HemosweepError as error:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] if copy else []
        stop(server)
        raise HemosweepError(": ".join([str(error), *last])) from None
    except BaseException:
        stop(server)
        raise
    return server


def _needs_copy(out: Path) -> bool:
    path = database_path(out)
    if not _is_writable(out):
        return True
    check_database(path)
    with usable(path):
        return driver(out) is not None and not are_places_right(path, artifacts_folder(out))


def _is_writable(out: Path) -> bool:
    return is_writable(out) and is_writable(database_path(out))


def _copied(out: Path) -> Path:
    """A temporary folder with a copy of the store, taken as one state of it."""
    folder = Path(tempfile.mkdtemp(prefix="hemosweep-ui-"))
    source, target = database_path(out), database_path(folder)
    try:
        if _is_writable(out):
            with usable(source), closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
                original.backup(copy)
        else:
            # With the journal of a killed driver, which SQLite could not roll back there, but can here.
            for file in (source, *left_beside(source)):
                ending = file.name.removeprefix(source.resolve().name) if file != source else ""
                shutil.copyfile(file, f"{target}{ending}")
    except BaseException:
        _delete(folder)
        raise
    return folder


def _delete(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def stop(server: Server) -> None:
    """End a server and its workers, first with SIGTERM, then with SIGKILL, and delete its copy of a store."""
    process = server.process
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
    _delete(server.copy)


def _page(store: StoreConnection, out: Path, sweep: str | None) -> str:
    """Path of a sweep's runs in MLflow's pages: arms only, best mean DSC first, our columns (a saved view)."""
    experiments = {schema.sweep_name(experiment.name): experiment for experiment in sweep_experiments(store)}
    if not experiments:
        return "#/experiments"
    if sweep is None:
        sweep = max(experiments, key=lambda name: experiments[name].last_update_time or 0)
    if sweep not in experiments:
        raise BadInput(f"{out} has no runs of sweep {sweep!r}; it has {', '.join(sorted(experiments))}")
    return views.page(str(experiments[sweep].experiment_id), views.ARMS, views.TABLE_MODE)


def _free_port(first: int) -> int:
    last = min(first + _PORTS_TRIED, 65536)
    for port in range(first, last):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise BadInput(f"ports {first} to {last - 1} are all taken; name another one with --port")


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise HemosweepError(f"MLflow's server ended at once with code {process.returncode}; see {log}")
        if _is_healthy(port):
            return
        time.sleep(0.2)
    raise HemosweepError(f"MLflow's server did not answer within {_START_TIMEOUT_S:.0f} s; see {log}")


def _is_healthy(port: int) -> bool:
    # http.client knows no proxies: a proxy set for the shell must not see a request to this machine.
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
