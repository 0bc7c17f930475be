"""MLflow's own web pages over an output folder's store, on this machine only."""

import http.client
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hemosweep.activity import doing, serving
from hemosweep.durations import duration
from hemosweep.engine.lock import driver
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.files import is_writable
from hemosweep.sqlite import check_database, left_beside, usable
from hemosweep.tracking import schema, views
from hemosweep.tracking.backend import LOCAL_ONLY
from hemosweep.tracking.database import database_path, require_store
from hemosweep.tracking.places import are_places_right
from hemosweep.tracking.ports import LOOPBACK, free_port
from hemosweep.tracking.store import StoreConnection, artifacts_folder, open_store, sweep_experiments

_TOLD_EVERY_S = 15.0
_STOP_TIMEOUT_S = 10.0
_ONLY_THIS_NAME = {
    "MLFLOW_SERVER_ALLOWED_HOSTS": f"{LOOPBACK},localhost,{LOOPBACK}:*,localhost:*",
    "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "",
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "false",
}
"""Environment in which the server refuses a page of the web that a browser takes to this machine by another name, or
that sends requests from elsewhere, whatever the user's environment says of it."""
_ONLY_A_COPY = (
    "cannot be written to now: MLflow shows a copy of its records, and what you change there is lost at the end"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A running server, and the temporary copy of the store that it shows, if it shows one."""

    process: subprocess.Popen[bytes]
    url: str
    copy: Path | None = None
    links: Mapping[str, str] = field(default_factory=dict)


def serve(out: Path, *, port: int = 5000, experiment: str | None = None, in_browser: bool = False) -> None:
    """Run the server in the foreground until Ctrl-C (or SIGTERM), and print its address and those of the sweep's pages.

    Args:
        port: the first port to try; if it is taken, the next free port is used.
        experiment: the sweep whose pages are printed; the newest one by default.
        in_browser: also open the address in the user's browser.

    Raises:
        BadInput: no store, no such sweep, or no free port.
        HemosweepError: the server ended; its log is named.
    """
    server = start(out, port=port, experiment=experiment)
    try:
        print(f"MLflow shows {out} at\n  {server.url}", flush=True)
        for text, address in server.links.items():
            print(f"{text}:\n  {address}", flush=True)
        print("Ctrl-C ends it.", flush=True)
        if in_browser and not webbrowser.open(server.url):
            print("no browser could be opened here; open the address in yours", flush=True)
        with serving():
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
        with doing(f"reading the runs of {out}"):
            store = open_store(out) if copy is None else open_store(copy, artifacts=out)
            pages = _pages(store, out, experiment)
        free = free_port(port)
        if free != port:
            print(f"port {port} is taken; using {free}", flush=True)
        if copy is not None:
            print(f"{out} {_ONLY_A_COPY}", flush=True)
        print("starting MLflow, which takes some 10 seconds on an idle machine", flush=True)
        return _started(store, copy, free, pages)
    except BaseException:
        _delete(copy)
        raise


def _started(store: StoreConnection, copy: Path | None, port: int, pages: Mapping[str, str]) -> Server:
    command = [sys.executable, "-m", "hemosweep.tracking.pages", "--host", LOOPBACK, "--port", str(port)]
    command += ["--store", store.uri, "--artifacts", store.artifacts.as_uri()]
    log = store.database.with_name("mlflow-server.log")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env={**os.environ, **LOCAL_ONLY, **_ONLY_THIS_NAME},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (first, *more) = [(text, f"http://{LOOPBACK}:{port}/{page}") for text, page in pages.items()]
    server = Server(process=process, url=first[1], copy=copy, links=dict(more))
    try:
        with doing("waiting for MLflow's server to answer"):
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


def _pages(store: StoreConnection, out: Path, sweep: str | None) -> dict[str, str]:
    """Paths of a sweep's pages in MLflow, by what they show: the arms come first, best mean DSC first."""
    experiments = {schema.sweep_name(experiment.name): experiment for experiment in sweep_experiments(store)}
    if not experiments:
        return {"sweeps": "#/experiments"}
    if sweep is None:
        sweep = max(experiments, key=lambda name: experiments[name].last_update_time or 0)
    if sweep not in experiments:
        raise BadInput(f"{out} has no runs of sweep {sweep!r}; it has {', '.join(sorted(experiments))}")
    experiment_id, tags = str(experiments[sweep].experiment_id), experiments[sweep].tags
    saved = {
        text: views.page(experiment_id, view, mode)
        for text, (view, mode) in views.PAGES.items()
        if views.is_saved(tags, view)
    }
    return saved or {"runs": views.runs_page(experiment_id)}


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait as long as the server's process lives, and tell the user now and then what for."""
    begun = told = time.monotonic()
    while not _is_healthy(port):
        if process.poll() is not None:
            raise HemosweepError(f"MLflow's server ended at once with code {process.returncode}; see {log}")
        now = time.monotonic()
        if now - told >= _TOLD_EVERY_S:
            told = now
            print(
                f"MLflow is still loading, for {duration(now - begun)}: its process {process.pid} is at work, but does "
                "not answer yet; Ctrl-C gives up",
                flush=True,
            )
        time.sleep(0.2)


def _is_healthy(port: int) -> bool:
    # http.client knows no proxies: a proxy set for the shell must not see a request to this machine.
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
