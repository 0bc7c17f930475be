"""Runs on a real MLflow server are listed, compared and reported as those of the output folder that they came from."""

import json

import pytest

from hemosweep.tracking import schema
from hemosweep.tracking.backend import Metric, MlflowClient, Param, RunTag
from hemosweep.tracking.store import open_store
from hemosweep.tracking.variables import PASSWORD, TOKEN, USERNAME
from tests.mlflow_servers import free_port, gate, mlflow_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SWEEPS = ("patchsize", "noise")
ONLY_THERE = {"run_id", "run_id_a", "run_id_b", "run_ids_a", "run_ids_b", "baseline_run_ids", "a", "b"}


def copy_sweep(source, target, sweep):
    """Copy a sweep's runs as they are, under ids of the other store's own."""
    name = schema.experiment_name(sweep)
    target_id = target.create_experiment(name)
    experiment = source.get_experiment_by_name(name)
    for run in source.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"]):
        tags = {key: value for key, value in run.data.tags.items() if key != "mlflow.runName"}
        copied = target.create_run(target_id, run.info.start_time, tags, run.info.run_name).info.run_id
        target.log_batch(
            copied,
            metrics=[Metric(key, value, run.info.end_time, 0) for key, value in run.data.metrics.items()],
            params=[Param(key, value) for key, value in run.data.params.items()],
            tags=[RunTag("mlflow.user", "somebody")],
        )
        target.log_artifacts(copied, run.info.artifact_uri.removeprefix("file://"))
        target.set_terminated(copied, run.info.status, run.info.end_time)


@pytest.fixture(scope="module")
def server(recorded, tmp_path_factory):
    """A server that keeps the artifacts itself, with copies of two sweeps, and with a run of somebody else."""
    with mlflow_server(tmp_path_factory.mktemp("server")) as uri:
        client, source = MlflowClient(uri), open_store(recorded.out).client
        for sweep in SWEEPS:
            copy_sweep(source, client, sweep)
        experiment = client.get_experiment_by_name("hemosweep/patchsize").experiment_id
        client.create_run(experiment, run_name="of a colleague")
        yield uri


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch):
    for name in (USERNAME, PASSWORD, TOKEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def without_ids(value):
    return {name: item for name, item in value.items() if name not in ONLY_THERE}


def test_the_runs_of_a_server_are_those_of_the_folder(main, server, recorded):
    for place, options in ((server, ()), (f"{server}/hemosweep/patchsize", ("--sweep", "patchsize"))):
        code, stdout, stderr = main("runs", f"mlflow:{place}", "--json", "--cases")
        assert (code, stderr) == (0, "")
        there = json.loads(stdout)
        here = json.loads(main("runs", "--out", recorded.out, *options, "--json", "--cases")[1])
        here = [row for row in here if row["sweep"] in SWEEPS]
        assert list(map(without_ids, there)) == list(map(without_ids, here))
        assert not {row["run_id"] for row in there} & {row["run_id"] for row in here}
        assert sum(len(row["cases"]) for row in there) > 50


def test_two_arms_of_a_server_are_compared_as_in_the_folder(compared, server, recorded):
    here = compared("patchsize/24x24x8", "patchsize/32x32x16", "--out", recorded.out)
    place = f"mlflow:{server}/hemosweep/patchsize"
    there = compared(f"{place}/24x24x8", f"{place}/32x32x16@0")
    assert without_ids(there) == without_ids(here)
    assert len(there["baseline_run_ids"]) == 3


def test_an_arm_of_a_server_is_compared_with_one_of_the_folder(compared, main, server, recorded):
    here = compared("patchsize/24x24x8", "patchsize/32x32x16", "--out", recorded.out)
    place = f"mlflow:{server}/hemosweep/patchsize"
    (b,) = [row for row in json.loads(main("runs", place, "--json")[1]) if row["arm"] == "32x32x16"]
    mixed = compared("patchsize/24x24x8", f"{place}/{b['run_id'][:8]}", "--out", recorded.out)
    assert without_ids(mixed) == without_ids(here)
    assert mixed["a"] == f"patchsize/24x24x8@0 in {recorded.out}"
    assert mixed["b"] == f"patchsize/32x32x16@0 in mlflow:{server}"


def test_the_declared_comparisons_of_a_server_are_those_of_the_folder(main, server, recorded, tmp_path):
    there = main("compare-all", f"mlflow:{server}/hemosweep/patchsize", "--out", tmp_path / "runs", "--json")
    assert (there[0], there[2]) == (0, "")
    family = json.loads(there[1])
    here = json.loads(main("compare-all", "patchsize", "--out", recorded.out, "--json")[1])
    assert [row["holm_p"] for row in family["comparisons"]] == [row["holm_p"] for row in here["comparisons"]]
    assert family["forest"].startswith(str(tmp_path / "runs" / "figures" / "127.0.0.1_"))


def test_a_report_of_a_server_says_what_it_cannot_show(main, server, tmp_path):
    out = tmp_path / "runs"
    code, stdout, stderr = main("report", f"mlflow:{server}/hemosweep/patchsize", "--out", out, "--json")
    assert code == 0
    assert stderr.strip() == f"warning: the report is written here, and not logged to mlflow:{server}"
    told = json.loads(stdout)
    assert (told["sweeps"], told["runs"]) == (["patchsize"], {})
    assert told["folder"].startswith(str(out / "report-127.0.0.1_"))
    with open(told["markdown"], encoding="utf-8") as file:
        text = file.read().replace("\\", "")
    assert "the predictions of 24x24x8, seed 0, are not in the output folder of this report" in text
    assert "0.715" in text
    assert not (out / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("/hemosweep/patchsise/24x24x8", "has no runs of sweep 'patchsise'; it has noise, patchsize"),
        ("/hemosweep/patchsize/24x24x9", "has no run '24x24x9'; nearest: 24x24x8@0, "),
        ("/hemosweep/patchsize/of a colleague", "was not recorded by hemosweep, as it has no tag hemosweep.level"),
        ("/hemosweep/patchsize/tried@9", "nearest: "),
        ("/somewhere/24x24x8", "/somewhere/24x24x8/hemosweep/SWEEP/RUN"),
        ("/somewhere/hemosweep/patchsize/24x24x8", "the server does not know a request of MLflow"),
    ],
)
def test_what_a_server_has_not_is_told_in_one_line(main, server, recorded, rest, told):
    code, stdout, stderr = main("compare", f"mlflow:{server}{rest}", "patchsize/24x24x8", "--out", recorded.out)
    assert (code, stdout) == (2, "")
    assert told in stderr
    assert stderr.count("\n") == 1


def test_a_server_that_is_not_there_is_told_in_one_line(main):
    place = f"mlflow:http://127.0.0.1:{free_port()}"
    told = "the server cannot be reached (Connection refused); look at the address, and whether it runs"
    assert main("runs", place) == (2, "", f"error: {place}: {told}\n")


def test_credentials_come_from_the_environment_and_are_never_printed(main, server, monkeypatch):
    with gate(server, "jane", "s3cret-word") as uri:
        place = f"mlflow:{uri}"
        code, _, stderr = main("runs", place)
        way_out = f"set {USERNAME} and {PASSWORD}, or {TOKEN}"
        assert (code, stderr) == (2, f"error: {place}: the server wants credentials (401); {way_out}\n")
        monkeypatch.setenv(USERNAME, "jane")
        monkeypatch.setenv(PASSWORD, "wrong-word")
        code, _, stderr = main("runs", place)
        assert code == 2
        refused = f"the server refuses the credentials of {USERNAME} and {PASSWORD} (401); set others"
        assert stderr == f"error: {place}: {refused}\n"
        monkeypatch.setenv(PASSWORD, "s3cret-word")
        a, b = (f"{place}/hemosweep/{run}" for run in ("patchsize/24x24x8", "noise/baseline@0"))
        code, stdout, stderr = main("compare", a, b)
        assert code == 0, stderr
        assert "s3cret" not in stdout + stderr
