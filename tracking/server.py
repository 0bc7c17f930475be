"""MLflow's own web pages over an output folder's store, on this machine only."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from hemosweep.errors import BadInput, HemosweepError
from hemosweep.tracking import schema, views
from hemosweep.tracking.backend import LOCAL_ONLY
from hemosweep.tracking.database import database_path
from hemosweep.tracking.store import StoreConnection, existing_store, sweep_experiments

HOST = "127.0.0.1"
_PORTS_TRIED = 50
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 10.0


def serve(out: Path, *, port: int = 5000, experiment: str | None = None) -> None:
    """Run the server in the foreground until Ctrl-C (or SIGTERM), and print its address.

    Args:
        port: the first port to try; if it is taken, the next free port is used.
        experiment: the sweep whose page is printed; the newest one by default.

    Raises:
        BadInput: no store, no such sweep, or no free port.
        HemosweepError: the server ended, or did not answer in time; its log is named.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    process, url = start(out, port=port, experiment=experiment)
    try:
        print(f"MLflow shows {out} at\n  {url}\nCtrl-C ends it.", flush=True)
        process.wait()
    except KeyboardInterrupt:
        print("stopping MLflow")
    finally:
        stop(process)


def start(out: Path, *, port: int = 5000, experiment: str | None = None) -> tuple[subprocess.Popen[bytes], str]:
    """Start the server, wait until it answers, and return its process with the URL of the sweep's runs.

    The process leads a process group of its own, workers included; end it with `stop`. Arguments and errors as `serve`.
    """
    store = existing_store(out)
    page = _page(store, out, experiment)
    free = _free_port(port)
    if free != port:
        print(f"port {port} is taken; using {free}", flush=True)
    print("starting MLflow; it takes its half minute", flush=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(free), "--workers", "1"]
    command += ["--backend-store-uri", store.uri, "--default-artifact-root", store.artifacts.as_uri()]
    command += ["--uvicorn-opts", "--log-level=warning"]
    log = database_path(out).with_name("mlflow-server.log")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env={**os.environ, **LOCAL_ONLY},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_healthy(process, free, log)
    except BaseException:
        stop(process)
        raise
    return process, f"http://{HOST}:{free}/{page}"


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers, first with SIGTERM, then with SIGKILL."""
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
