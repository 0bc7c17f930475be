import pytest

from hemosweep.tracking import schema, user
from hemosweep.tracking.recorder import Recorder


@pytest.fixture(autouse=True)
def login(monkeypatch):
    monkeypatch.setattr(user, "machine_and_user", lambda: ("ws12", "jane"))
    monkeypatch.delenv(user.USER_VARIABLE, raising=False)


def test_a_user_is_a_pseudonym_that_keeps_people_apart_and_names_nobody(monkeypatch):
    name = user.recorded_user()
    assert name.startswith("user-")
    assert "jane" not in name
    assert user.recorded_user() == name
    monkeypatch.setattr(user, "machine_and_user", lambda: ("ws12", "john"))
    assert user.recorded_user() != name


def test_a_user_who_asks_for_it_is_named_on_arms_and_folds(out, replicate, fold_folder, monkeypatch):
    monkeypatch.setenv(user.USER_VARIABLE, "Jane Doe")
    recorder, folder = Recorder(out), fold_folder(0, 1)
    run_id = recorder.begin_replicate(replicate(tags={"dataset_digest": "abc", "folds_digest": "def"}))
    recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    runs = recorder._client.search_runs([recorder._client.get_run(run_id).info.experiment_id])
    assert {run.data.tags[schema.TAG_USER] for run in runs} == {"Jane Doe"}
    data_sets = recorder._client.get_run(run_id).inputs.dataset_inputs
    assert sorted((one.dataset.name, one.dataset.digest) for one in data_sets) == [("folds", "def"), ("head-ct", "abc")]
