"""A server's answer, or its silence, is one line with a way out and without credentials."""

import pytest

from hemosweep.errors import BadInput
from hemosweep.tracking.connection import connect, one_line_faults
from hemosweep.tracking.variables import MAX_RETRIES, PASSWORD, TOKEN, USERNAME
from tests.mlflow_servers import Proxy, answer


@pytest.fixture
def proxy(monkeypatch):
    """A server that gives the answer of `plan`, whatever is asked."""
    monkeypatch.setenv(MAX_RETRIES, "0")
    for name in (USERNAME, PASSWORD, TOKEN):
        monkeypatch.delenv(name, raising=False)
    one = Proxy(1)
    yield one
    one.close()


def line(uri):
    with pytest.raises(BadInput) as raised, one_line_faults(uri):
        connect(uri).search_experiments()
    told = str(raised.value)
    assert "\n" not in told
    return told.removeprefix(f"mlflow:{uri}: the server ")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (answer(401), f"wants credentials (401); set {USERNAME} and {PASSWORD}, or {TOKEN}"),
        (
            answer(403, b'{"error_code": "PERMISSION_DENIED", "message": "no"}'),
            "does not let this user do that (403); ask its owner for the right",
        ),
        (answer(503), "answers 503; look at its log"),
        (answer(200, b"<html>"), "is another program than MLflow; look at the address"),
    ],
    ids=["401", "403", "503", "page"],
)
def test_an_answer_that_is_no_result_is_one_line_with_the_way_out(proxy, given, told):
    proxy.plan = lambda number, line: given
    assert line(proxy.uri) == told


def test_a_path_without_mlflow_is_told_with_its_version(proxy):
    proxy.plan = lambda number, line: answer(404)
    told = line(proxy.uri)
    assert told.startswith("does not know a request of MLflow ")
    assert told.endswith(" (404); look at the address, and at the server's version")


def test_refused_credentials_are_named_and_not_shown(proxy, monkeypatch):
    monkeypatch.setenv(TOKEN, "s3cret-word")
    proxy.plan = lambda number, line: answer(401)
    assert line(proxy.uri) == f"refuses the credentials of {TOKEN} (401); set others"


def test_no_server_and_no_host_are_told_apart(proxy):
    proxy.close()
    assert line(proxy.uri).startswith("cannot be reached (Connection refused); look at the address, and whether it")
    assert line("http://no-such-host.invalid").endswith("; look at the address")
