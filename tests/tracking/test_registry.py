"""The files of a model lie with the store that registers it, and `promote --force` brings back those that are gone."""

import shutil
from urllib.parse import urlsplit

import pytest

from hemosweep.errors import BadInput
from hemosweep.tracking.database import database_path
from hemosweep.tracking.registry import EXPERIMENT, fetch, find_version, open_registry, register, set_alias
from tests.recorded import SMALL, cases, in_memory


@pytest.fixture
def run():
    """A run that no store has."""
    (record,) = in_memory({"s/a@0": cases(SMALL)}).list_runs()
    return record


@pytest.fixture
def promote(run, tmp_path):
    """Registers a model of one file, as `promote --force` does; returns the registry and the version."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MODEL.json").write_text("{}")

    def promote(out, uri=None):
        registry = open_registry(out, uri)
        version = register(registry, "lesions", run, folder, digest="d" * 64, weights="w", card="card")
        set_alias(registry, version, "current")
        return registry, version

    return promote


@pytest.fixture
def elsewhere(migrated_database, tmp_path, monkeypatch):
    """A database file of another store. The working folder is one of its own."""
    path = tmp_path / "other" / "lab.db"
    for folder in (path.parent, tmp_path / "working folder"):
        folder.mkdir()
    shutil.copyfile(migrated_database, path)
    monkeypatch.chdir(tmp_path / "working folder")
    return path


def place(registry):
    return urlsplit(registry.client.get_experiment_by_name(EXPERIMENT).artifact_location).path


@pytest.mark.parametrize("is_own", [True, False])
def test_the_files_of_a_model_lie_beside_the_database_and_not_in_the_working_folder(out, promote, elsewhere, is_own):
    database = database_path(out) if is_own else elsewhere
    registry, _ = promote(out, None if is_own else f"sqlite:///{elsewhere}")
    assert place(registry) == str(database.parent / "artifacts" / EXPERIMENT)
    assert list(database.parent.rglob("MODEL.json"))
    assert not list((elsewhere.parent.parent / "working folder").iterdir())


def test_the_experiment_of_models_is_restored_where_it_was_deleted(out, promote):
    registry, _ = promote(out)
    before = registry.client.get_experiment_by_name(EXPERIMENT).experiment_id
    registry.client.delete_experiment(before)
    promote(out)
    found = registry.client.get_experiment_by_name(EXPERIMENT)
    assert (found.experiment_id, found.lifecycle_stage) == (before, "active")


def test_files_that_are_gone_come_back_as_the_message_says(out, run, promote, tmp_path):
    registry, version = promote(out)
    (model,) = out.rglob("models/*")
    shutil.rmtree(model)
    (tmp_path / "to").mkdir()
    with pytest.raises(BadInput, match=r"version 1 are gone; promote its run again with --force$"):
        fetch(registry, "lesions@current", tmp_path / "to")
    # Without --force the version that is there is taken.
    assert find_version(registry, "lesions", run, "w").version == version.version
    promote(out)
    for reference in ("lesions@current", "lesions/1"):
        assert (fetch(registry, reference, tmp_path / "to").folder / "MODEL.json").read_text() == "{}"
