"""`hemosweep import-results`: another program's results as an arm of a sweep, from the export to compare and report."""

import json
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from hemosweep.ablation.catalogue import find_listed
from hemosweep.external.fold_runs import find_replicates
from hemosweep.foldrun.scores import FoldScores, read_scores, write_scores
from hemosweep.report.document.provenance import provenance_tables
from hemosweep.runs import find_run
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from hemosweep.workflows.declared import with_external_arms
from hemosweep.workflows.export import export_mist, export_nnunet
from hemosweep.workflows.external_arms import record_external_arms
from hemosweep.workflows.import_results import import_results
from hemosweep.workflows.reporting.facts import gather
from hemosweep.workflows.reporting.source import ReportSource
from tests.external import AFFINE, HALF_DSC, SETTINGS, save, write_data_set, write_mist_results, write_nnunet_results
from tests.recorded import Book
from tests.shared import make_once

ARM, OWN = "patchsize/nnunet", "patchsize/24x24x8"
CASE_IDS = [f"sub-{number:03}" for number in range(1, 7)]


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A data set, its exports to both programs, and results on them by hand; no test changes them."""

    def make(folder):
        data = write_data_set(folder / "data")
        raw = export_nnunet(data, folder / "raw", folds=2, jobs=1).export.folder
        mist = export_mist(data, folder / "mist", folds=2, jobs=1).export.folder
        write_nnunet_results(raw, folder / "nnunet")
        for name, val_percent in (("fair", 0.2), ("unfair", 0.0)):
            write_mist_results(mist, folder / name, val_percent=val_percent)

    return make_once(tmp_path_factory, "exported", make)


@pytest.fixture(scope="session")
def imported(tmp_path_factory, exported, migrated_database):
    """An output folder with the external arm, and an arm of hemosweep's on the same data, folds and metrics, which is
    better by 0.1 and 0.2 in turn."""

    def make(out):
        shutil.copyfile(migrated_database, database_path(out))
        arm = import_results(
            exported / "nnunet" / SETTINGS,
            name="nnunet", sweep="patchsize", out=out, data=exported / "data", tool_version="2.8.1", jobs=1,
        )  # fmt: skip
        assert not arm.failures, arm.failures
        run = find_run(MlflowStore(out), ARM)
        table = pd.DataFrame(MlflowStore(out).case_rows(run.run_id))
        table["dsc"] += [0.1 if number % 2 else 0.2 for number in range(len(table))]
        facts = {name: run.fact(name) for name in ("dataset_digest", "folds_digest", "metric_digests")}
        Book(out).write(f"{OWN}@0", table, **facts)

    return make_once(tmp_path_factory, "external-arm", make)


@pytest.fixture
def out(imported, tmp_path):
    return shutil.copytree(imported, tmp_path / "runs")


@pytest.fixture
def results(exported, tmp_path):
    """A copy of nnU-Net's results, for a test to change."""
    return shutil.copytree(exported / "nnunet" / SETTINGS, tmp_path / SETTINGS)


@pytest.fixture
def take(main, exported, tmp_path):
    """Imports results into a new folder, or that which is given."""

    def take(folder, *options, name="nnunet", out=tmp_path / "new", data=exported / "data"):
        where = ("--out", out, *(("--data", data) if data else ()))
        return main("import-results", folder, "--name", name, "--sweep", "patchsize", *where, "--jobs", 1, *options)

    return take


def test_an_external_arm_is_listed_with_its_program_and_our_scores(main, imported):
    code, stdout, stderr = main("runs", "--out", imported, "--json", "--cases")
    assert (code, stderr) == (0, "")
    arm = next(run for run in json.loads(stdout) if run["arm"] == "nnunet")
    assert arm["dsc_mean"] == pytest.approx(HALF_DSC)
    assert (arm["status"], arm["external"], arm["seed"]) == ("FINISHED", "nnU-Net 2.8.1", 0)
    assert [case["case_id"] for case in arm["cases"]] == CASE_IDS
    assert "nnunet (nnU-Net 2.8.1)" in main("runs", "--out", imported)[1]


def test_its_tags_name_the_program_and_no_code_of_ours(imported):
    run = find_run(MlflowStore(imported), ARM)
    facts = {name: run.fact(name) for name in ("external", "tool", "tool_version", "tool_settings", "source_digest")}
    assert facts == {
        "external": "true", "tool": "nnU-Net", "tool_version": "2.8.1", "tool_settings": SETTINGS, "source_digest": None
    }  # fmt: skip


def test_an_external_arm_is_compared_with_a_warning_about_its_checkpoint_rule(compared, imported):
    comparison = compared(OWN, ARM, "--out", imported)
    assert comparison["mean_diff"] == pytest.approx(-0.15)
    assert comparison["n"] == 6
    (warning,) = comparison["warnings"]
    assert "B was trained by nnU-Net 2.8.1" in warning
    assert "nnU-Net's last epoch" in warning


def test_it_joins_the_declared_comparisons_and_holm_counts_it(main, imported, out):
    code, stdout, stderr = main("compare-all", "patchsize", "--out", out, "--json")
    assert (code, stderr) == (0, "")
    family = json.loads(stdout)
    assert [(row["a"], row["b"]) for row in family["comparisons"]] == [("24x24x8", "nnunet")]
    declared = 2
    assert family["num_declared"] == declared + 1
    assert len(family["missing"]) == declared


def test_the_report_names_the_program_in_its_provenance_and_above_its_figures(imported, exported):
    source = ReportSource(imported, exported / "data")
    facts = gather(source, with_external_arms(find_listed("patchsize").sweep.declaration, source.store))
    common, runs = provenance_tables(facts)
    rows = dict(common.rows)
    assert rows["Trained by another program"] == f"– (24x24x8@0); nnU-Net 2.8.1, {SETTINGS} (nnunet@0)"
    assert rows["Epoch that is kept"] == "best validation loss (24x24x8@0); nnU-Net's last epoch (nnunet@0)"
    assert any(notice.startswith("nnunet was trained by nnU-Net 2.8.1, outside of") for notice in facts.notices)
    assert next(row for row in runs.rows if row[0] == "nnunet")[-1] == "–"  # Its hours are not known.
    assert [pair.key for pair in facts.pairs if pair.row is not None] == [("24x24x8", "nnunet")]


def test_results_that_are_imported_again_are_the_same_run(take, out, results):
    before = find_run(MlflowStore(out), ARM)
    code, _, stderr = take(results, "--tool-version", "2.8.1", out=out)
    assert code == 0, stderr
    after = find_run(MlflowStore(out), ARM)
    assert (after.run_id, after.others, after.dsc_mean) == (before.run_id, (), before.dsc_mean)


def test_other_predictions_are_another_run_of_which_the_newest_is_taken(take, out, results, exported):
    for fold in (0, 1):
        for path in (results / f"fold_{fold}" / "validation").glob("*.nii.gz"):
            shutil.copyfile(exported / "raw" / "Dataset501_hemosweep" / "labelsTr" / path.name, path)
    code, _, stderr = take(results, "--tool-version", "2.8.1", out=out)
    assert code == 0
    # nnU-Net's summary is still that of the halves.
    assert stderr.count("nnU-Net's own DSC is 0.6667 and ours 1.0000") == 6
    run = find_run(MlflowStore(out), ARM)
    assert run.dsc_mean == 1.0
    assert [other.dsc_mean for other in run.others] == [pytest.approx(HALF_DSC)]


def test_a_second_training_is_a_second_seed_of_the_arm(take, out, results, compared):
    assert take(results, "--tool-version", "2.8.1", "--seed", 1, out=out)[0] == 0
    comparison = compared(OWN, ARM, "--out", out)
    assert len(comparison["run_ids_b"]) == 2
    assert not any("trained alike" in warning for warning in comparison["warnings"])


def test_a_lost_store_gets_its_external_arms_back_from_the_fold_runs(out):
    before = find_run(MlflowStore(out), ARM)
    rows = MlflowStore(out).case_rows(before.run_id)
    database_path(out).unlink()
    shutil.rmtree(out / "artifacts")
    assert record_external_arms(out, "patchsize") == 1
    after = find_run(MlflowStore(out), ARM)
    assert (after.digest, after.dsc_mean, after.external) == (before.digest, before.dsc_mean, before.external)
    assert MlflowStore(out).case_rows(after.run_id) == rows
    assert record_external_arms(out, "patchsize") == 0


def test_a_metric_that_changed_scores_its_kept_predictions(main, out):
    (replicate,) = find_replicates(out)
    for folder in replicate.folders(out).values():
        scores = read_scores(folder)
        rows = [row | {"dsc": 0.1} for row in scores.rows]
        metrics = {name: metric for name, metric in scores.metrics.items() if name != "dsc"}
        write_scores(folder, FoldScores(rows=rows, metrics=metrics))
    code, stdout, stderr = main("score", "patchsize", "--out", out)
    assert code == 0, stderr
    assert "scored 6 cases of 2 fold runs" in stdout
    (replicate,) = find_replicates(out)
    assert [row["dsc"] for row in replicate.rows(out)] == [pytest.approx(HALF_DSC)] * 6


def test_verify_finds_it_whole_and_names_a_prediction_that_changed(main, out):
    code, stdout, _ = main("verify", out)
    assert (code, "no fault was found" in stdout) == (0, True), stdout
    (replicate,) = find_replicates(out)
    folder = next(iter(replicate.folders(out).values()))
    prediction = next((folder / "predictions").iterdir())
    prediction.write_bytes(prediction.read_bytes() + b"x")
    code, stdout, _ = main("verify", out)
    assert code == 1
    assert f"{ARM}@0 fold 0: predictions/{prediction.name} has" in stdout


def test_clean_keeps_it_even_when_the_record_is_lost(main, out):
    (replicate,) = find_replicates(out)
    database_path(out).unlink()
    assert main("clean", "--out", out, "--yes")[0] == 0
    assert all(folder.is_dir() for folder in replicate.folders(out).values())
    assert main("clean", "--out", out, "--yes", "--force")[0] == 0
    assert find_replicates(out) == ()


def test_there_are_no_weights_to_predict_with(main, out, exported):
    scan = exported / "data" / "sub-001" / "ct" / "sub-001_ct.nii.gz"
    code, _, stderr = main("predict", scan, "--run", ARM, "--out", out)
    assert code == 2
    assert "is a fold run of nnU-Net, whose weights are not here" in stderr


def remove_a_case(results):
    next((results / "fold_0" / "validation").glob("*.nii.gz")).unlink()


def add_a_case(results):
    path = next((results / "fold_0" / "validation").glob("*.nii.gz"))
    shutil.copyfile(path, path.with_name("stranger.nii.gz"))


def move_a_case(results):
    path = next((results / "fold_0" / "validation").glob("*.nii.gz"))
    path.rename(results / "fold_1" / "validation" / path.name)


def remove_a_fold(results):
    shutil.rmtree(results / "fold_1")


def add_a_fold(results):
    (results / "fold_4").mkdir()


def remove_a_summary(results):
    (results / "fold_1" / "validation" / "summary.json").unlink()


def first_prediction(results):
    return next((results / "fold_0" / "validation").glob("*.nii.gz"))


def crop_a_case(results):
    path = first_prediction(results)
    save(path, np.asarray(nib.load(path).dataobj)[1:])


def shift_a_case(results):
    path = first_prediction(results)
    affine = AFFINE.copy()
    affine[2, 3] = 5.0
    save(path, np.asarray(nib.load(path).dataobj), affine)


def relabel_a_case(results):
    path = first_prediction(results)
    save(path, 2 * np.asarray(nib.load(path).dataobj))


def truncate_a_case(results):
    path = first_prediction(results)
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (remove_a_case, "has no prediction; finish fold 0"),
        (add_a_case, "case stranger: is no case of the export"),
        (move_a_case, "was tested in fold 1, and is of fold 0"),
        (remove_a_fold, "fold 1: "),
        (add_a_fold, "is none of the 2 folds of the export"),
        (remove_a_summary, "summary.json is missing; finish it with nnUNetv2_train ... --val"),
        (crop_a_case, "has shape (13, 12, 8) and the CT (14, 12, 8)"),
        (shift_a_case, "lies up to 1 voxels beside the CT"),
        (relabel_a_case, "has the value 2; a mask of 0 and 1 is wanted"),
        (truncate_a_case, "not a readable NIfTI file"),
    ],
)
def test_a_result_that_is_not_of_the_export_is_one_line_and_nothing_is_recorded(take, results, tmp_path, change, told):
    change(results)
    code, stdout, stderr = take(results)
    assert code == 2
    lines = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, stderr
    assert told in lines[0]
    assert "nothing is imported: 1 results" in stdout
    assert not (tmp_path / "new" / "fold_runs").exists()


def test_every_fault_has_a_line_of_its_own(take, results):
    move_a_case(results)
    add_a_case(results)
    remove_a_summary(results)
    code, _, stderr = take(results)
    assert (code, stderr.count("error: ")) == (2, 3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "24x24x8"}, "sweep patchsize trains an arm of this name"),
        ({"name": "a b"}, "give a text without spaces"),
        ({"data": None}, "the data set that was exported is not here; give its folder with --data"),
    ],
)
def test_options_that_cannot_be_used_are_told_in_one_line(take, results, options, told):
    code, _, stderr = take(results, **options)
    assert code == 2
    assert told in stderr.splitlines()[-1]


def test_a_data_set_that_changed_since_is_refused(take, results, exported, tmp_path):
    data = shutil.copytree(exported / "data", tmp_path / "data")
    mask = data / "sub-001" / "ct" / "sub-001_label-lesion_mask.nii.gz"
    save(mask, 1 - np.asarray(nib.load(mask).dataobj))
    code, _, stderr = take(results, data=data)
    assert (code, "its content is not that of the export" in stderr) == (2, True)


def test_results_that_do_not_name_their_export_need_it_named(take, out, results, exported):
    (results / "dataset.json").write_text('{"labels": {"background": 0, "lesion": 1}}')
    code, _, stderr = take(results)
    assert (code, "name the folder of the export with --export" in stderr) == (2, True)
    code, _, stderr = take(results, "--export", exported / "raw" / "Dataset501_hemosweep", out=out)
    assert code == 0, stderr
    code, _, stderr = take(results, "--export", exported / "data")
    assert (code, "is no folder that hemosweep data export-nnunet" in stderr) == (2, True)


def test_folds_that_no_arm_of_the_sweep_has_are_told_when_they_are_imported(take, out, exported, tmp_path, main):
    raw = export_nnunet(exported / "data", tmp_path / "raw", folds=3, jobs=1).export.folder
    code, _, stderr = take(write_nnunet_results(raw, tmp_path / "three"), name="three", out=out)
    assert (code, "the folds of the export are not those of any arm" in stderr) == (0, True)
    assert main("compare", OWN, "patchsize/three", "--out", out)[0] == 3


def test_mist_is_compared_where_it_chose_its_epoch_by_training_cases(take, compared, out, exported):
    code, _, stderr = take(exported / "fair", name="mist", out=out)
    assert (code, stderr.count("warning")) == (0, 0), stderr
    run = find_run(MlflowStore(out), "patchsize/mist")
    assert run.external == "MIST 2.1.0"
    assert run.fact("tool_settings") == "mednext-v1-small, dice-ce"
    (warning,) = compared(OWN, "patchsize/mist", "--out", out)["warnings"]
    assert "MIST's best validation Dice on 20% of the training cases" in warning


def test_mist_is_not_compared_where_it_chose_its_epoch_by_the_test_cases(take, main, out, exported):
    code, _, stderr = take(exported / "unfair", name="mist", out=out)
    assert (code, "MIST chose the epoch by the test cases" in stderr) == (0, True)
    code, _, stderr = main("compare", OWN, "patchsize/mist", "--out", out)
    assert code == 3
    assert "MIST 2.1.0 chose the epoch of B by the test cases" in stderr


def test_a_mist_prediction_without_a_fold_or_of_another_one_is_told(take, exported, tmp_path):
    results = shutil.copytree(exported / "fair", tmp_path / "results")
    path = results / "train_paths.csv"
    header, first, *rest = path.read_text().splitlines()
    name, fold, *places = first.split(",")
    path.write_text("\n".join([header, ",".join([name, "1" if fold == "0" else "0", *places]), *rest]) + "\n")
    code, _, stderr = take(results)
    assert code == 2
    assert f"case {name}: was tested in fold 1, and is of fold 0" in stderr
    path.unlink()
    assert "name the folder of the export" in take(results)[2]


def test_the_command_exports_and_says_how_the_cases_are_treated(main, exported, tmp_path):
    code, stdout, stderr = main(
        "data", "export-nnunet", exported / "data", "--to", tmp_path / "raw", "--folds", 2, "--jobs", 1
    )
    assert code == 0, stderr
    assert "its 'val' are our test cases" in stdout
    assert "Do not give --val_best" in stdout
    code, stdout, stderr = main(
        "data", "export-mist", exported / "data", "--to", tmp_path / "mist", "--folds", 2, "--jobs", 1, "--json"
    )
    assert (code, json.loads(stdout)["num_cases"]) == (0, 6), stderr
