"""Requests that a web page elsewhere may make a browser send to the server of `hemosweep ui`."""

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hemosweep.tracking import server
from hemosweep.tracking.recorder import Recorder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SOCKETS = Path("/proc/net/tcp")
SEARCH = "/ajax-api/2.0/mlflow/experiments/search"
CREATE = "/ajax-api/2.0/mlflow/experiments/create"


@pytest.fixture
def port(out, replicate, monkeypatch):
    # What somebody may have set for a server of the lab.
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "*")
    monkeypatch.setenv("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "*")
    monkeypatch.setenv("MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", "true")
    Recorder(out).begin_replicate(replicate())
    served = server.start(out, port=5500)
    yield urlsplit(served.url).port
    server.stop(served)


def ask(port, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_foreign_host_or_origin_is_refused_and_the_own_ones_are_served(port):
    own, search = f"127.0.0.1:{port}", f"{SEARCH}?max_results=1"
    assert ask(port, "GET", search, Host=own).status == 200
    assert ask(port, "GET", search, Host="localhost:8080").status == 200  # through a tunnel
    for host in ("evil.example", f"evil.example:{port}", "10.0.0.7", "127.0.0.1.evil.example"):
        for path in (search, "/", "/get-artifact?path=cases.json&run_uuid=0"):
            assert ask(port, "GET", path, Host=host).status == 403, (host, path)
    origin = "http://evil.example"
    assert ask(port, "POST", CREATE, {"name": "theirs"}, Host=own, Origin=origin).status == 403
    assert ask(port, "GET", search, Host=own, Origin=origin).getheader("Access-Control-Allow-Origin") is None
    assert ask(port, "POST", CREATE, {"name": "ours"}, Host=own, Origin=f"http://{own}").status == 200


@pytest.mark.skipif(not SOCKETS.exists(), reason=f"{SOCKETS} is absent (Linux has it)")
def test_it_listens_on_this_machine_alone(port):
    rows = [line.split() for name in (SOCKETS, SOCKETS.with_name("tcp6")) for line in name.read_text().splitlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    assert listening == {f"0100007F:{port:04X}"}
