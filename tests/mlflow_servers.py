"""Real MLflow servers on this machine, and a gate before one that asks for a name and a password."""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hemosweep.tracking.database import database_path
from hemosweep.tracking.places import correct_places

PATIENCE_S = 240


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def mlflow_server(folder, *options):
    """The address of a server whose database and artifacts lie in a folder."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "served"), *options]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=os.environ | quiet, start_new_session=True
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        _wait(process, f"{uri}/health", folder / "server.log")
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process, address, log):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


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
