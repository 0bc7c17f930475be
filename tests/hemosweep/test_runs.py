"""Stores of runs: one contract for the MLflow store and for runs in memory, and the references that name a run."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest

from hemosweep.errors import BadInput
from hemosweep.runs import Snapshot, find_replicates, find_run
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from tests.recorded import IDS, MIDDLE, SMALL, Book, cases, in_memory

TABLES = {"loss/focal@0": cases(SMALL), "loss/dice_ce@0": cases(MIDDLE), "se/unet@1": cases(SMALL)}


@pytest.fixture(params=["in memory", "MLflow"])
def store(request, migrated_database, tmp_path):
    """The same three finished runs, in memory and in an MLflow store."""
    if request.param == "in memory":
        return in_memory(TABLES)
    out = tmp_path / "runs"
    out.mkdir()
    shutil.copyfile(migrated_database, database_path(out))
    book = Book(out)
    for name, table in TABLES.items():
        book.write(name, table)
    return MlflowStore(out)


def test_a_store_lists_its_runs_oldest_first_or_those_of_one_sweep(store):
    assert [run.full_name for run in store.list_runs()] == list(TABLES)
    assert [run.arm for run in store.list_runs("loss")] == ["focal", "dice_ce"]
    assert all(run.is_finished for run in store.list_runs())


def test_a_store_names_the_sweeps_that_it_has(store):
    with pytest.raises(BadInput, match=r"has no runs of sweep 'lose'; it has loss, se$"):
        store.list_runs("lose")


def test_a_store_gives_each_run_s_cases_facts_and_configuration(store):
    run = find_run(store, "loss/dice_ce")
    rows = store.case_rows(run.run_id)
    assert [(row["case_id"], row["dsc"]) for row in rows] == list(zip(IDS, MIDDLE, strict=True))
    assert (run.fact("profile"), run.fact("subset"), run.subset) == ("demo", None, None)
    assert store.config(run.run_id) == {"arm": "dice_ce"}
    assert store.config("no such run") is None
    assert store.list_folds().get(run.run_id, ()) == ()


def test_a_store_says_that_a_run_has_no_case_table(store):
    with pytest.raises(BadInput, match="run ffffff has no case table"):
        store.case_rows("ffffff")


def test_a_reference_is_an_id_the_begin_of_one_a_name_or_a_path(store):
    run = store.list_runs()[2]
    for reference in (run.run_id, "unet@1", "se/unet", "se/unet@1"):
        assert find_run(store, reference).run_id == run.run_id
    with pytest.raises(BadInput, match=r"no run 'se/unte'; nearest: .*se/unet@1"):
        find_run(store, "se/unte")


def test_a_run_that_is_whole_goes_before_a_newer_one_that_is_not():
    store = in_memory({"s/a@0": cases(SMALL)})
    (whole,) = store.runs
    later = [
        replace(whole, run_id=f"{number:032x}", start_time=whole.start_time + timedelta(seconds=number), **changes)
        for number, changes in enumerate(
            ({"status": "KILLED"}, {"tags": whole.tags | {"hemosweep.subset": "folds 0 of 2 only"}}), start=1
        )
    ]
    found = find_run(replace(store, runs=(whole, *later)), "s/a@0")
    assert found.run_id == whole.run_id
    assert [run.run_id for run in found.others] == [run.run_id for run in later]
    assert found.about_others == (
        f"2 other runs are named s/a@0 too; took {whole.run_id[:8]}, since of the newer 00000000 is KILLED, "
        "00000000 has folds 0 of 2 only (hemosweep runs)"
    )


def test_an_arm_stands_for_the_newest_run_of_each_seed():
    runs = in_memory({"s/a@1": cases(SMALL), "s/a@0": cases(MIDDLE)})
    assert [run.seed for run in find_replicates(runs, "s/a")] == [0, 1]
    assert [run.seed for run in find_replicates(runs, "s/a@1")] == [1]
    with pytest.raises(BadInput, match=r"'s/a' means 2 runs: s/a@1 .*, s/a@0"):
        find_run(runs, "s/a")


def test_a_snapshot_answers_as_the_store_did_when_it_was_first_asked(store):
    snapshot = Snapshot(store)
    runs = snapshot.list_runs()
    assert [run.full_name for run in runs] == list(TABLES)
    assert snapshot.list_runs() is runs
    assert snapshot.case_rows(runs[0].run_id) is snapshot.case_rows(runs[0].run_id)
    assert [run.arm for run in snapshot.list_runs("se")] == ["unet"]
    with pytest.raises(BadInput, match="has no runs of sweep 'lose'"):
        snapshot.list_runs("lose")
