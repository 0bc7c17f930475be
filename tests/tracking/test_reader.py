import math
import time

import pytest

from hemosweep.errors import BadInput
from hemosweep.runs import find_replicates, find_run
from hemosweep.scores.table import CASE_COLUMNS, NUMBER_COLUMNS, case_table
from hemosweep.tracking import schema
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.recorder import Recorder


@pytest.fixture
def three_runs(out, replicate, cases):
    """dice and focal of sweep loss with seed 0, dice again with seed 1; only the first is finished."""
    recorder = Recorder(out)
    infos = [replicate("dice", run_name="dice@0"), replicate("focal"), replicate("dice", seed=1, run_name="dice@1")]
    ids = [recorder.begin_replicate(info) for info in infos]
    recorder.finish_replicate(ids[0], cases=cases, figures={}, status="FINISHED")
    return ids


def test_runs_are_listed_with_their_scores_and_without_folds(out, three_runs, fold_folder):
    folder = fold_folder(0, 1)
    Recorder(out).record_fold(three_runs[1], fold=0, digest=folder.digest, folder=folder.path)
    records = MlflowStore(out).list_runs()
    assert [record.run_id for record in records] == three_runs
    assert (records[0].sweep, records[0].arm, records[0].seed) == ("loss", "dice", 0)
    assert (records[0].status, records[0].dsc_mean) == ("FINISHED", pytest.approx(0.5))
    assert (records[1].status, records[1].dsc_mean) == ("RUNNING", None)
    assert records[0].digest == "loss-dice-0"


def test_deleted_runs_and_other_sweeps_are_left_out(out, three_runs, replicate):
    recorder = Recorder(out)
    recorder.begin_replicate(replicate(sweep="se"))
    recorder._store.client.delete_run(three_runs[2])
    assert [record.run_id for record in MlflowStore(out).list_runs("loss")] == three_runs[:2]
    assert len(MlflowStore(out).list_runs()) == 3


def test_an_unknown_sweep_names_the_known_ones(out, three_runs):
    with pytest.raises(BadInput, match="'lose'; it has loss"):
        MlflowStore(out).list_runs("lose")


def test_the_case_table_comes_back_exactly(out, three_runs, cases):
    table = case_table(MlflowStore(out).case_rows(three_runs[0]))
    assert table["case_id"].tolist() == ["001", "002", "003", "004"]
    assert list(table.columns[:2]) == ["case_id", "dsc"]
    assert table["dsc"].tolist()[:3] == [0.2, 0.4, 0.9]
    assert math.isnan(table["dsc"][3])
    assert table["ivh"].tolist() == ["yes", "no", "no", "n/a"]
    assert table["fold"].dtype.kind == "i"


def test_a_case_table_of_metric_version_1_has_no_scores_where_it_had_no_columns(out, three_runs, cases):
    old = ["case_id", "dsc", "fold", "ivh", "reference_ml", "predicted_ml", "false_positive_ml", "centre"]
    (path,) = out.glob(f"artifacts/*/{three_runs[0]}/artifacts/{schema.ARTIFACT_CASES_TABLE}")
    path.write_text(schema.table_json(cases.assign(centre="north")[old]))
    table = case_table(MlflowStore(out).case_rows(three_runs[0]))
    assert table.columns.tolist() == [*CASE_COLUMNS, "centre"]
    assert table["dsc"].tolist()[:3] == [0.2, 0.4, 0.9]
    assert table["predicted_ml"].tolist() == [9.0] * 4
    assert table["centre"].tolist() == ["north"] * 4
    assert table["patient_id"].tolist() == ["n/a"] * 4
    for name in {*NUMBER_COLUMNS} - {*old}:
        assert table[name].isna().all()
        assert table[name].dtype == float


def test_the_case_table_is_found_in_a_folder_that_was_moved(out, three_runs):
    moved = out.rename(out.with_name("elsewhere"))
    assert case_table(MlflowStore(moved).case_rows(three_runs[0]))["case_id"].tolist() == ["001", "002", "003", "004"]


def test_a_run_without_a_case_table_is_refused(out, three_runs):
    with pytest.raises(BadInput, match="no case table"):
        case_table(MlflowStore(out).case_rows(three_runs[1]))


def test_references_by_id_prefix_name_and_path_find_the_run(out, three_runs):
    first, focal, again = three_runs
    assert find_run(MlflowStore(out), first).run_id == first
    assert find_run(MlflowStore(out), focal[:10]).run_id == focal
    assert find_run(MlflowStore(out), "dice@1").run_id == again
    assert find_run(MlflowStore(out), "loss/focal").run_id == focal
    assert find_run(MlflowStore(out), "loss/dice@0").run_id == first


def test_of_runs_with_one_name_the_newest_is_meant_and_the_older_are_counted(out, replicate, cases):
    recorder = Recorder(out)
    for digest in ("before", "after"):
        run_id = recorder.begin_replicate(replicate("dice", digest=digest))
        recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
        time.sleep(0.01)
    found = find_run(MlflowStore(out), "loss/dice")
    assert (found.digest, [other.digest for other in found.others]) == ("after", ["before"])
    assert find_run(MlflowStore(out), run_id).others == ()


def test_of_runs_with_one_name_one_that_is_finished_and_has_all_folds_goes_before_a_newer_one(out, replicate, cases):
    recorder = Recorder(out)

    def write(digest, *, ended, **changes):
        run_id = recorder.begin_replicate(replicate("dice", digest=digest, **changes))
        if ended:
            recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
        time.sleep(0.01)

    def found():
        taken = [find_run(MlflowStore(out), "loss/dice@0"), *find_replicates(MlflowStore(out), "loss/dice")]
        assert taken[0] == taken[1]
        return taken[0].digest, [other.digest for other in taken[0].others]

    write("begun", ended=False)
    assert found() == ("begun", [])
    write("one fold", ended=True, tags={"subset": "folds 0 of 2 only"})
    assert found() == ("one fold", ["begun"])
    write("whole", ended=True)
    assert found() == ("whole", ["begun", "one fold"])
    write("another fold", ended=True, tags={"subset": "folds 1 of 2 only"})
    write("begun again", ended=False)
    assert found() == ("whole", ["begun", "one fold", "another fold", "begun again"])
    write("newer", ended=True)
    assert found()[0] == "newer"


def test_an_ambiguous_reference_lists_what_fits(out, three_runs):
    with pytest.raises(BadInput, match=r"'loss/dice' means 2 runs: loss/dice@0 .*, loss/dice@1"):
        find_run(MlflowStore(out), "loss/dice")


@pytest.mark.parametrize("reference", ["loss/focl", "abc", "ffffff0"])
def test_an_unknown_reference_lists_the_nearest_names(out, three_runs, reference):
    with pytest.raises(BadInput, match=r"no run .*; nearest: .*loss/focal@0|no run .*; nearest: dice@0"):
        find_run(MlflowStore(out), reference)


def test_the_fold_runs_of_a_run_come_in_the_order_of_its_folds(out, three_runs, fold_folder):
    recorder = Recorder(out)
    for number in (1, 0):
        folder = fold_folder(number, 1)
        recorder.record_fold(three_runs[0], fold=number, digest=folder.digest, folder=folder.path)
    first, focal, _ = MlflowStore(out).list_runs()
    folds = MlflowStore(out).list_folds()
    assert [fold.digest for fold in folds[first.run_id]] == ["digest-0", "digest-1"]
    assert focal.run_id not in folds


def test_a_folder_without_a_store_says_how_to_start(tmp_path):
    with pytest.raises(BadInput, match="has no runs; start one with"):
        MlflowStore(tmp_path).list_runs()
    assert list(tmp_path.iterdir()) == []


def test_of_an_arm_every_seed_is_meant_the_newest_run_of_each(out, replicate):
    recorder = Recorder(out)
    for seed, digest in ((1, "one"), (0, "before"), (0, "after")):
        recorder.begin_replicate(replicate("dice", seed=seed, digest=digest, run_name=f"dice@{seed}"))
        time.sleep(0.01)
    found = find_replicates(MlflowStore(out), "loss/dice")
    assert [(run.seed, run.digest, len(run.others)) for run in found] == [(0, "after", 1), (1, "one", 0)]
    (one,) = find_replicates(MlflowStore(out), "loss/dice@1")
    assert one.digest == "one"
    with pytest.raises(BadInput, match="nearest: loss/dice@"):
        find_replicates(MlflowStore(out), "loss/dic")


def test_the_configuration_of_a_run_comes_back(out, three_runs):
    assert MlflowStore(out).config(three_runs[1]) == {"model": {"depth": 3, "se": True}, "loss": {"name": "focal"}}
    assert MlflowStore(out).config("no such run") is None
