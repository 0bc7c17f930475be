"""Real MLflow servers, a proxy that delays and cuts what goes to them, a gate that asks for a password, and what a
server has recorded."""

import base64
import hashlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hemosweep.tracking.backend import LOCAL_ONLY
from hemosweep.tracking.database import database_path
from hemosweep.tracking.places import correct_places
from hemosweep.tracking.schema import TAG_USER
from hemosweep.tracking.sync.content import ORIGIN, RECORDED

POSTGRESQL = Path("/usr/lib/postgresql/15/bin")
START_S = 280.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class MlflowServer:
    """`mlflow server` in a folder of its own: a SQLite file unless another database is named, artifacts through it."""

    def __init__(self, folder, *, database=None, arguments=(), environment=None):
        self.folder, self.port = Path(folder), free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        self._command += ["--backend-store-uri", database or f"sqlite:///{self.folder / 'server.db'}"]
        self._command += ["--artifacts-destination", str(self.folder / "artifacts"), "--workers", "1", *arguments]
        self._environment = {**os.environ, **LOCAL_ONLY, **(environment or {})}
        self.process = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *error):
        self.stop()

    def start(self):
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self.folder, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            with suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return self
            time.sleep(0.1)
        raise AssertionError(f"no server within {START_S:.0f} s: {(self.folder / 'server.log').read_text()[-2000:]}")

    def kill(self):
        """As a power cut does: no request in flight is answered."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()


@contextmanager
def mlflow_server(folder, *options):
    """The address of a server whose database is that of an output folder, with its artifacts in a folder of its own."""
    database = f"sqlite:///{database_path(folder)}"
    options = ("--artifacts-destination", str(folder / "served"), *options)
    with MlflowServer(folder, database=database, arguments=options) as server:
        yield server.uri


@contextmanager
def postgresql():
    """A PostgreSQL cluster of its own; yields the address of its database for MLflow."""
    # PostgreSQL refuses to run as root, and its user must be able to reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    user = None
    if os.geteuid() == 0:
        user = "postgres"
        shutil.chown(folder, user)
    account = pwd.getpwnam(user) if user else None
    ids = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    data, port = folder / "data", free_port()

    def run(*command):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, **ids)

    try:
        run(POSTGRESQL / "initdb", "-D", data, "-U", "mlflow", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = ("-F", "-h", "127.0.0.1", "-p", str(port), "-k", str(folder))
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [POSTGRESQL / "postgres", "-D", data, *options], cwd=folder, stdout=log, stderr=log, **ids
            )
        try:
            deadline = time.monotonic() + 60
            while subprocess.run([POSTGRESQL / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # ends its connections
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Proxy:
    """A TCP proxy before a server, which counts requests.

    `plan` gets the number of a request, from 1, and its first line; it says what happens to it: None (it passes),
    "lost" (the connection ends before the server gets it), "unanswered" (the server gets and serves it, the answer is
    lost), a function (as before, and it is called then), or bytes (the answer, which is not the server's). `delay_s` is
    waited before each answer.
    """

    def __init__(self, port):
        self._port = port
        self.plan = lambda number, line: None
        self.delay_s = 0.0
        self.num_requests = 0
        self._count = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        with suppress(OSError):  # closed already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, suppress(OSError, ValueError):
            reader = client.makefile("rb")
            while (request := read_message(reader)) is not None:
                with self._count:
                    self.num_requests += 1
                    fate = self.plan(self.num_requests, request.partition(b"\r\n")[0].decode())
                if fate == "lost":
                    return
                if isinstance(fate, bytes):
                    client.sendall(fate)
                    return
                with socket.create_connection(("127.0.0.1", self._port)) as server:
                    server.sendall(request)
                    answer = read_message(server.makefile("rb"))
                if callable(fate):
                    fate()
                if fate is not None or answer is None:
                    return
                time.sleep(self.delay_s)
                client.sendall(answer)


def read_message(reader):
    """A request or answer of HTTP with its body; None at the end of a connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline()
        if not line:
            return None
        head += line
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"content-length" in fields:
        return head + reader.read(int(fields[b"content-length"]))
    body = b""
    while fields.get(b"transfer-encoding", b"").strip() == b"chunked":
        size = reader.readline()
        body += size + reader.read(int(size, 16) + 2)
        if int(size, 16) == 0:
            break
    return head + body


def answer(status, body=b"", kind="text/plain"):
    head = f"HTTP/1.1 {status} Told\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def content(client, experiment):
    """All that a server, or an output folder's store, has of an experiment, in a form that can be compared: runs by the
    ids that they have in the output folder, which stand in place of the server's in every text. A list, so that a run
    that is there twice is there twice."""
    experiments = client.search_experiments(filter_string=f"name = '{experiment}'")
    runs = client.search_runs([one.experiment_id for one in experiments], max_results=5000)
    names = {run.info.run_id: run.data.tags.get(ORIGIN, run.info.run_id).rpartition("/")[2] for run in runs}

    def local(text):
        for there, here in names.items():
            text = text.replace(there, here)
        for one in experiments:
            text = text.replace(f"#/experiments/{one.experiment_id}/", f"#/experiments/[{one.name}]/")
        return text

    tagged = {one.name: {name: local(text) for name, text in one.tags.items()} for one in experiments}
    return tagged, sorted(
        (
            {
                "run": names[run.info.run_id],
                "info": [run.info.run_name, run.info.status, run.info.start_time, run.info.end_time],
                "tags": {
                    name: local(text)
                    for name, text in sorted(run.data.tags.items())
                    if name not in (ORIGIN, RECORDED, TAG_USER)
                },
                "params": dict(sorted(run.data.params.items())),
                "metrics": [
                    [point.key, repr(point.value), point.timestamp, point.step]
                    for name in sorted(run.data.metrics)
                    for point in sorted(
                        client.get_metric_history(run.info.run_id, name),
                        key=lambda point: (point.step, point.timestamp, repr(point.value)),
                    )
                ],
                "datasets": [json.dumps(one.to_dictionary(), sort_keys=True) for one in run.inputs.dataset_inputs],
                "artifacts": artifacts(client, run.info.run_id),
            }
            for run in runs
        ),
        key=lambda run: run["run"],
    )


def artifacts(client, run_id):
    """Digests of a run's artifacts by their names."""
    with tempfile.TemporaryDirectory() as folder:
        if not client.list_artifacts(run_id):
            return {}
        client.download_artifacts(run_id, "", folder)
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def copy_of(out, folder):
    """A copy of an output folder's database and artifacts, for a server."""
    folder.mkdir()
    shutil.copyfile(database_path(out), database_path(folder))
    shutil.copytree(out / "artifacts", folder / "artifacts")
    correct_places(database_path(folder), folder / "artifacts")
    return folder


@contextmanager
def gate(uri, username, password):
    """The address, with a path, of a proxy before a server that asks for a name and a password."""
    expected = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    class Gate(BaseHTTPRequestHandler):
        def forward(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != expected:
                self.answer(401, b"You are not authenticated.")
                return
            request = urllib.request.Request(uri + self.path.removeprefix("/lab"), body or None, method=self.command)
            request.add_header("Content-Type", self.headers.get("Content-Type", "application/json"))
            try:
                with urllib.request.urlopen(request) as response:
                    self.answer(response.status, response.read())
            except urllib.error.HTTPError as error:
                self.answer(error.code, error.read())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/lab"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
