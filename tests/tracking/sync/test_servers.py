"""Copies at real servers, with faults on the way to them; `content` of the copy is that of an undisturbed record."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from hemosweep.errors import BadInput
from hemosweep.tracking import server as pages
from hemosweep.tracking.backend import MlflowClient
from hemosweep.tracking.database import database_path
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.sync import process
from hemosweep.tracking.sync.copying import Copier
from hemosweep.tracking.sync.destination import find_destination
from hemosweep.tracking.sync.process import recorded_elsewhere
from hemosweep.tracking.sync.snapshot import Snapshot
from hemosweep.workflows import sync as workflow
from hemosweep.workflows.sync import sync
from tests.mlflow_servers import POSTGRESQL, MlflowServer, Proxy, answer, postgresql
from tests.processes import wait_for

PASSWORD = "correct horse 7f3a"
FORBIDDEN = b'{"error_code": "PERMISSION_DENIED", "message": "no"}'
REFUSAL = b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on SQLite, which tests may kill if they start it again."""
    with MlflowServer(tmp_path_factory.mktemp("server")) as one:
        yield one


@pytest.fixture
def proxy(request):
    """A proxy before the server, or before nothing where a test needs none."""
    port = request.getfixturevalue("server").port if "server" in request.fixturenames else 1
    one = Proxy(port)
    yield one
    one.close()


@pytest.fixture
def patient(monkeypatch):
    """No waiting between attempts."""
    monkeypatch.setattr(workflow.time, "sleep", lambda seconds: None)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            answer(401),
            "wants credentials (401): set MLFLOW_TRACKING_USERNAME",
        ),
        (answer(403, FORBIDDEN), "does not let this user do that (403): ask its owner"),
        (answer(404), "does not know a request of MLflow"),
        (answer(400, REFUSAL), "refuses what MLflow"),
        (answer(507, b"quota"), "has no space for it (507)"),
        (answer(503), "answers 503"),
        ("lost", "cannot be reached ("),
    ],
    ids=["401", "403", "404", "400", "507", "503", "cut"],
)
def test_what_is_wrong_with_a_server_is_one_line(record, proxy, patient, told, said):
    proxy.plan = lambda number, line: told
    result = sync(record.out, proxy.uri)
    assert said in result.problem
    assert result.problem.startswith(proxy.uri)
    assert "\n" not in result.problem
    assert (result.recorded, result.total) == (0, 3)
    assert json.loads((record.out / "mlflow-sync.json").read_text())["last"] == proxy.uri


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_pages_of_the_folder_itself_get_no_copy_of_it(record):
    server = pages.start(record.out)
    before = record.content()
    try:
        with pytest.raises(BadInput, match="shows this very record"):
            sync(record.out, server.url.partition("/#")[0])
    finally:
        pages.stop(server)
    assert record.content() == before


def test_without_a_server_or_with_its_own_store_sync_says_so(record):
    with pytest.raises(BadInput, match="no server is named: give its address, such as --to http://HOST:5000"):
        sync(record.out)
    with pytest.raises(BadInput, match=r"is the record of .* itself"):
        sync(record.out, f"sqlite:///{database_path(record.out)}")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_cut_connections_and_lost_answers_lose_and_double_nothing(record, server, proxy, patient):
    proxy.delay_s = 0.05
    proxy.plan = lambda number, line: {0: "lost", 5: "unanswered"}.get(number % 9)
    result = sync(record.out, proxy.uri)
    assert (result.recorded, result.total, result.problem) == (3, 3, None)
    client = MlflowClient(server.uri)
    assert record.at(client) == record.content()
    proxy.plan = lambda number, line: None
    before = proxy.num_requests
    assert sync(record.out).written == 0
    assert proxy.num_requests - before < 20


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_record_that_the_server_refuses_keeps_only_what_depends_on_it_from_being_recorded(
    record, replicate, server, proxy, patient
):
    Recorder(record.out).begin_replicate(replicate(arm="focal", sweep=record.name.removeprefix("hemosweep/")))
    num_runs, refused = 4, []

    def refuse(what, num=1):
        """The next requests of a kind are refused."""
        refused.clear()

        def plan(number, line):
            if what in line and len(refused) < num:
                refused.append(line)
                return answer(400, REFUSAL, "application/json")
            return None

        proxy.plan = plan
        return sync(record.out, proxy.uri)

    client = MlflowClient(server.uri)
    for what in ("experiments/get-by-name", "experiments/create", "runs/search"):
        result = refuse(what)
        assert refused
        assert "refuses what MLflow" in result.problem
        assert (result.recorded, result.total) == (0, num_runs)
    assert client.get_experiment_by_name(record.name) is not None
    # One of the arms is refused, and with it perhaps its two folds.
    result = refuse("runs/create")
    assert refused
    assert "refuses what MLflow" in result.problem
    assert result.recorded in (1, 3)
    record.client.set_experiment_tag(record.experiment_id, "later", "yes")
    result = refuse("experiments/set-experiment-tag")
    assert (result.recorded, "refuses what MLflow" in result.problem) == (num_runs, True)
    record.client.delete_run(record.folds()[0].info.run_id)
    result = refuse("runs/delete")
    assert (result.recorded, "refuses what MLflow" in result.problem) == (num_runs - 1, True)
    result = sync(record.out, server.uri)
    assert (result.recorded, result.total, result.problem) == (num_runs - 1, num_runs - 1, None)
    assert record.at(client) == record.content()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_recorder_that_is_killed_between_any_two_requests_loses_and_doubles_nothing(record, server, proxy):
    """It is killed after its first request, then after the second, and so on; the server serves each of them."""
    kills, ended = 0, False
    while not ended:
        kills += 1
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            try:
                with Snapshot(record.out) as snapshot:
                    Copier(snapshot, find_destination(proxy.uri)).copy()
                os._exit(0)
            except BaseException:
                os._exit(1)
        last = proxy.num_requests + kills
        proxy.plan = lambda number, line, last=last, child=child: (
            (lambda: os.kill(child, signal.SIGKILL)) if number == last else None
        )
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL)
        ended = status == 0
    assert kills > 8
    time.sleep(0.5)  # the server serves the last requests
    with Snapshot(record.out) as snapshot:
        Copier(snapshot, find_destination(server.uri)).copy()
    assert record.at(MlflowClient(server.uri)) == record.content()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ctrl_c_ends_sync_at_once_and_the_next_one_goes_on(record, server, proxy):
    proxy.delay_s = 0.2
    command = [Path(sys.executable).with_name("hemosweep"), "sync", "--out", record.out, "--to", proxy.uri]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: proxy.num_requests > 10, "some requests", 280)
    running.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, stderr = running.communicate(timeout=60)
    assert (running.returncode, time.monotonic() - begun < 30) == (1, True)
    assert stderr.endswith("error: stopped; what is recorded there stays, and the same command goes on from here\n")
    result = sync(record.out, server.uri)
    assert (result.recorded, result.total, result.problem) == (3, 3, None)
    assert record.at(MlflowClient(server.uri)) == record.content()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_that_is_killed_in_the_middle_gets_the_rest_once_it_is_back(record, server, proxy, patient):
    for where in ("runs/create", "mlflow-artifacts"):
        killed = []

        def plan(number, line, where=where, killed=killed):
            if where in line and not killed:
                killed.append(line)
                return server.kill
            return None

        proxy.plan = plan
        result = sync(record.out, proxy.uri)
        assert killed
        assert "cannot be reached" in result.problem
        server.start()
    result = sync(record.out, proxy.uri)
    assert (result.recorded, result.total, result.problem) == (3, 3, None)
    assert record.at(MlflowClient(server.uri)) == record.content()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sweep_whose_server_comes_late_warns_once_and_the_recorder_delivers(record, server, proxy, caplog):
    proxy.plan = lambda number, line: "lost"
    said = []
    with recorded_elsewhere(record.out, find_destination(proxy.uri), say=said.append):
        wait_for(lambda: caplog.messages, "a warning", 280)
        wait_for(lambda: proxy.num_requests > 2, "further attempts", 280)
        proxy.plan = lambda number, line: None
        wait_for(lambda: len(record.at(MlflowClient(server.uri))[1]) == 3, "the record", 280)
        # What is recorded during the sweep follows.
        record.client.set_tag(record.arm, "later", "yes")
        wait_for(lambda: record.at(MlflowClient(server.uri)) == record.content(), "the new tag", 280)
    (warning,) = caplog.messages
    assert warning.startswith(f"{proxy.uri} cannot be reached (")
    assert warning.endswith(f"; training goes on, and what is missing there goes by: hemosweep sync --out {record.out}")
    assert said == [f"tracking: 3 of 3 recorded at {proxy.uri}"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_sweep_whose_server_is_down_ends_without_waiting_for_it(record, proxy, caplog):
    proxy.close()
    said = []
    with recorded_elsewhere(record.out, find_destination(proxy.uri), say=said.append):
        wait_for(lambda: caplog.messages, "a warning", 280)
        begun = time.monotonic()
    assert time.monotonic() - begun < process.LAST_PASS_S + 10
    assert said == [
        f"tracking: 0 of 3 recorded at {proxy.uri}; the rest goes there by: hemosweep sync --out {record.out}"
    ]
    assert len(caplog.messages) == 1


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """A server on PostgreSQL with users; it keeps the artifacts."""
    pytest.importorskip("psycopg2", reason="psycopg2 is absent (extra dev)")
    pytest.importorskip("flask_wtf", reason="flask_wtf is absent (extra dev)")
    if not POSTGRESQL.is_dir():
        pytest.skip(f"{POSTGRESQL} is absent (Debian package postgresql-15)")
    folder = tmp_path_factory.mktemp("laboratory")
    settings = folder / "auth.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = EDIT\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\nadmin_username = ann\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\nauth_cache_ttl_seconds = 600\n"
    )
    with postgresql() as database:
        environment = {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": uuid4().hex}
        options = ("--app-name", "basic-auth")
        with MlflowServer(folder, database=database, arguments=options, environment=environment) as server:
            yield server


@pytest.fixture
def as_ann(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_on_postgresql_with_users_has_the_same_record_of_a_folder_with_a_long_path(
    record, laboratory, as_ann, tmp_path, monkeypatch
):
    deep = tmp_path.joinpath(*("a folder of a study with a long name" for _ in range(8)))
    deep.parent.mkdir(parents=True)
    before = record.content()
    os.rename(record.out, deep)
    result = sync(deep, laboratory.uri)
    assert (result.recorded, result.total, result.problem) == (3, 3, None)
    client = MlflowClient(laboratory.uri)
    there = record.at(client)
    assert there == before
    (arm,) = record.copies(client, record.arm)
    assert arm.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert len(arm.info.artifact_uri) < 200 < len(str(deep))
    # Another person, who records an own run of the same arm.
    monkeypatch.setenv("LOGNAME", "bob")
    second = client.create_run(arm.info.experiment_id, tags={"hemosweep.replicate": "the same", "mlflow.user": "bob"})
    assert sync(deep, laboratory.uri).written == 0
    assert client.get_run(second.info.run_id).info.lifecycle_stage == "active"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_wrong_password_is_told_once_and_no_password_is_anywhere(record, laboratory, caplog):
    caplog.set_level(logging.DEBUG)
    address = laboratory.uri.replace("http://", f"http://ann:{PASSWORD.replace(' ', '%20')}@")
    wrong = laboratory.uri.replace("http://", "http://ann:secret-but-wrong@")
    problem = sync(record.out, wrong).problem
    assert "refuses the credentials of MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (401)" in problem
    said, lines = [], set()
    with recorded_elsewhere(record.out, find_destination(address), say=said.append):
        started = time.monotonic()
        while not any(b"hemosweep.tracking.sync.recorder" in line for line in lines) or time.monotonic() - started < 2:
            lines |= command_lines()
        wait_for(lambda: "3" in recorded_at(record, laboratory), "the record", 280)
    assert said == [f"tracking: 3 of 3 recorded at {laboratory.uri}"]
    texts = [*lines, *(message.encode() for message in caplog.messages)]
    texts += [path.read_bytes() for path in record.out.rglob("*") if path.is_file()]
    texts += [repr(record.at(client_as_ann(laboratory))).encode()]
    for text in texts:
        for secret in (PASSWORD, PASSWORD.replace(" ", "%20"), "secret-but-wrong"):
            assert secret.encode() not in text


def command_lines():
    """Command lines of all processes, as `ps` shows them."""
    lines = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.add(path.read_bytes())
    return lines


def recorded_at(record, server):
    content = json.loads((record.out / "mlflow-sync.json").read_text())
    return str(content["servers"].get(server.uri, {}).get("recorded"))


def client_as_ann(server):
    os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = "ann", PASSWORD
    return MlflowClient(server.uri)
