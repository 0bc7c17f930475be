"""`hemosweep plan` on six scans of 8 x 12 x 12 voxels: what is done, shared and missing, and what it adds up to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hemosweep.ablation.sweep import Arm, Sweep
from hemosweep.config import CrossValidationConfig, PreprocessingConfig
from hemosweep.data.folds import draw_split
from hemosweep.data.manifest import read_manifest
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.engine.plan import Inputs, fold_run_folder, plan_replicates
from hemosweep.engine.request import Request
from hemosweep.errors import BadInput
from hemosweep.executors.execution import Execution
from hemosweep.executors.machine import Bystanders
from hemosweep.forecast import calibration, timed_step
from hemosweep.forecast.timed_step import time_steps
from hemosweep.identity.stages import Code
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.preprocessing.derivatives import derivative_path, derivatives_folder
from hemosweep.preprocessing.record import load_preprocessed, save_preprocessed
from hemosweep.sweeps.base import profile
from hemosweep.testing.fold_runs import seal_untrained
from hemosweep.workflows.forecast import plan_table
from hemosweep.workflows.study_forecast import forecast_study

CASE_IDS = [f"sub-{number}" for number in range(1, 7)]
NUM_FOLDS = 3
TWO = Execution(kind="slurm", max_jobs=2)


@pytest.fixture
def data(tmp_path):
    """Six scans whose headers are all that a plan reads of them."""
    folder = tmp_path / "data"
    volume = Volume(array_DHW=np.zeros((8, 12, 12), dtype=np.int16), affine=np.diag([10.0, 10.0, 10.0, 1.0]))
    for case_id in CASE_IDS:
        for suffix in ("ct", "label-lesion_mask"):
            write_volume(folder / case_id / "ct" / f"{case_id}_{suffix}.nii.gz", volume)
    rows = [f"{case_id}\t{case_id}\tno\n" for case_id in CASE_IDS]
    (folder / "participants.tsv").write_text("".join(["participant_id\tpatient_id\tivh\n", *rows]))
    return folder


@pytest.fixture(scope="module")
def known():
    """Timed steps of all tests by what they depend on."""
    return {}


@pytest.fixture
def timed_once(known, monkeypatch):
    """The step of a configuration is timed for the first test that wants it; who else is at work is asked each time."""

    def once(configs, *, num_threads):
        names = tuple(calibration._step_digest(config, Code(), num_threads) for config in configs)
        if names not in known:
            known[names] = time_steps(configs, num_threads=num_threads)
        steps = (replace(step, num_busy=Bystanders().num_busy()) for step in known[names].steps)
        return replace(known[names], num_gpus=timed_step.count_gpus(), steps=tuple(steps))

    monkeypatch.setattr(timed_step, "time_steps", once)


@pytest.fixture
def request_for(data, tmp_path, timed_once):
    """A request for a sweep of learning rates; those that are named twice are arms that share their fold runs."""

    def make(*learning_rates, **options):
        demo = profile("demo")
        base = replace(
            demo.config,
            preprocessing=PreprocessingConfig(),
            cross_validation=CrossValidationConfig(num_folds=NUM_FOLDS),
        )
        rates = {f"{number}:{rate}": rate for number, rate in enumerate(learning_rates)}
        sweep = Sweep(
            name="rates",
            question="Which rate?",
            space={"arm": tuple(rates)},
            arm_name=lambda params: params["arm"],
            configure=lambda base, params: replace(
                base, training=replace(base.training, optimiser=Adadelta(learning_rate=rates[params["arm"]]))
            ),
            baseline=next(iter(rates)),
            comparisons=(),
        )
        arms = tuple(
            Arm(name=name, params={"arm": name}, config=sweep.configure(base, {"arm": name})) for name in rates
        )
        request = Request(sweep=sweep, profile=demo, base=base, arms=arms, seeds=(0,), data=data, out=tmp_path / "runs")
        return replace(request, **options)

    return make


def text_of(forecast):
    return "\n".join(forecast.text_lines())


def prepare(request, tiny_inputs):
    """Preprocess every case, with one and the same content; returns its replicates."""
    config = request.base.preprocessing
    cases, folds = draw_split(read_manifest(request.data), request.base.cross_validation, with_cta_only=False)
    folder = derivatives_folder(request.data, request.out, config)
    paths = {case.case_id: derivative_path(case, config, folder) for case in cases}
    for path in paths.values():
        save_preprocessed(load_preprocessed(tiny_inputs["a"]), path)
    inputs = {config: Inputs.read(paths)}
    return plan_replicates(request.arms, request.seeds, cases, folds, inputs=inputs, code=Code())


def finish(request, spec):
    """Mark a fold run done."""
    folder = fold_run_folder(request.out, spec)
    spec.write(folder)
    seal_untrained(folder, [{"case_id": case.case_id, "dsc": 0.5} for case in spec.test])


def counts(forecast):
    return [(arm.num_fold_runs, arm.num_done, arm.num_shared, arm.num_missing) for arm in forecast.arms]


def test_what_two_arms_of_a_sweep_share_is_trained_by_the_first_and_counted_once(request_for):
    forecast = forecast_study(request_for(0.5, 1.5, 0.5))
    assert counts(forecast) == [(3, 0, 0, 3), (3, 0, 0, 3), (3, 0, 3, 0)]
    assert [arm.shared_with for arm in forecast.arms] == [("rates/2:0.5",), (), ("rates/0:0.5",)]
    first, _, twin = forecast.arms
    assert (twin.seconds, twin.disk_bytes, twin.memory_bytes) == (0.0, 0, None)
    assert first.seconds > 0.0
    assert (forecast.num_fold_runs, forecast.num_shared, forecast.num_missing) == (9, 3, 6)
    assert "9 fold runs, 3 shared by several arms: about " in text_of(forecast)


def test_what_is_done_is_done_for_every_arm_that_needs_it(request_for, tiny_inputs):
    request = request_for(0.5, 1.5, 0.5)
    replicates = prepare(request, tiny_inputs)
    finish(request, replicates[0].fold_runs[1])
    for spec in replicates[1].fold_runs:
        finish(request, spec)
    forecast = forecast_study(request)
    assert counts(forecast) == [(3, 1, 0, 2), (3, 3, 0, 0), (3, 1, 2, 0)]
    assert forecast.arms[1].seconds == 0.0
    assert ", 5 done, 2 shared by several arms: about " in text_of(forecast)


def test_where_all_is_done_nothing_is_left_to_train(request_for, tiny_inputs):
    request = request_for(0.5)
    for spec in prepare(request, tiny_inputs)[0].fold_runs:
        finish(request, spec)
    forecast = forecast_study(request)
    assert (forecast.seconds, forecast.disk_bytes, forecast.memory_bytes) == (0.0, 0, None)
    assert text_of(forecast).endswith(" cases, 3 fold runs, 3 done: nothing is left to train")


def test_other_seeds_are_other_fold_runs(request_for, tiny_inputs):
    request = request_for(0.5, seeds=(0, 1))
    replicates = prepare(request, tiny_inputs)
    finish(request, replicates[1].fold_runs[0])
    assert counts(forecast_study(request)) == [(6, 1, 0, 5)]


def test_only_the_folds_asked_for_count(request_for, tiny_inputs):
    request = request_for(0.5, only_folds=(0, 2))
    for spec in prepare(request, tiny_inputs)[0].fold_runs[:2]:
        finish(request, spec)
    assert counts(forecast_study(request)) == [(2, 1, 0, 1)]


def test_several_at_a_time_take_less_time_and_no_less_work(request_for, tiny_inputs):
    request = request_for(0.5)
    prepare(request, tiny_inputs)
    one, two = forecast_study(request), forecast_study(replace(request, execution=TWO))
    assert one.wall_seconds == pytest.approx(one.seconds)
    # Three fold runs of the same length on two slots: one after the other on one of them.
    assert two.wall_seconds == pytest.approx(two.seconds * 2 / 3)
    assert " of training, one at a time, up to " in text_of(one)
    assert " of training, 2 at a time, up to " in text_of(two)


def test_a_search_has_one_trial_after_the_other(request_for):
    forecast = forecast_study(request_for(0.5, num_trials=7, execution=Execution(kind="slurm", max_jobs=3)))
    assert forecast.wall_seconds == pytest.approx(forecast.seconds / 3)
    assert ", 7 trials of 3 fold runs: about " in text_of(forecast)


def test_cases_that_are_not_preprocessed_are_counted_and_their_disk_is_forecast(request_for, tiny_inputs):
    request = request_for(0.5)
    before = forecast_study(request)
    assert before.num_to_preprocess == 6
    assert before.preprocessed_bytes == pytest.approx(6 * 0.2 * 8 * 12 * 12, rel=0.2)
    assert f"\nbefore that 6 cases are to be preprocessed: about {0} MB of preprocessed cases" in text_of(before)
    prepare(request, tiny_inputs)
    after = forecast_study(request)
    assert (after.num_to_preprocess, after.preprocessed_bytes) == (0, 0)
    assert "preprocessed" not in text_of(after)


def test_the_disk_of_a_fold_run_is_its_checkpoint_and_its_predictions(request_for, data):
    forecast = forecast_study(request_for(0.5))
    (arm,) = forecast.arms
    masks = sum(mask.stat().st_size for mask in data.glob("*/ct/*_label-lesion_mask.nii.gz"))
    for mask in data.glob("*/ct/*_label-lesion_mask.nii.gz"):
        mask.write_bytes(mask.read_bytes() + bytes(1000))
    more = forecast_study(request_for(0.5)).arms[0]
    assert arm.disk_bytes > masks
    assert more.disk_bytes - arm.disk_bytes == pytest.approx(6 * 1000, abs=NUM_FOLDS)


def test_before_there_are_phantoms_their_size_is_reckoned_with(request_for):
    forecast = forecast_study(request_for(0.5, data=None))
    assert (forecast.num_cases, forecast.num_to_preprocess) == (18, 18)
    assert forecast.memory_bytes > 0


def test_a_plan_makes_nothing_but_what_keeps_its_timed_steps_and_the_digests_of_code(request_for, data, tmp_path):
    before = set(tmp_path.rglob("*"))
    forecast_study(request_for(0.5))
    forecast_study(request_for(0.5, data=None))
    made = {tmp_path / "runs" / name for name in ("calibrations.json", "code.json")}
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "runs", *made}


def test_a_scan_that_cannot_be_read_is_named(request_for, data):
    path = data / "sub-3" / "ct" / "sub-3_ct.nii.gz"
    path.write_bytes(b"no scan")
    with pytest.raises(BadInput, match=r"case sub-3: the header of sub-3_ct\.nii\.gz"):
        forecast_study(request_for(0.5))


@pytest.mark.parametrize("content", [b"", b"0123456789\n"])
def test_a_damaged_preprocessed_case_is_named(request_for, tiny_inputs, content):
    request = request_for(0.5)
    path = Path(prepare(request, tiny_inputs)[0].fold_runs[0].test[0].path)
    path.write_bytes(content)
    with pytest.raises(BadInput, match=rf"{path.name}: not a readable preprocessed case; delete it and run"):
        forecast_study(request)


def test_the_table_has_a_line_an_arm_and_tells_of_shared_fold_runs_only_where_there_are_some(request_for):
    table = plan_table(forecast_study(request_for(0.5, 1.5)))
    assert [column.header.replace("\n", " ") for column in table.columns] == [
        "arm",
        "fold runs",
        "done",
        "to train",
        "about",
        "memory",
        "same as",
    ]
    shared = plan_table(forecast_study(request_for(0.5, 0.5)))
    assert "shared" in [column.header for column in shared.columns]
    assert shared.row_count == 2


def test_the_json_has_the_totals_and_every_arm(request_for):
    forecast = forecast_study(request_for(0.5, 0.5, execution=TWO))
    values = forecast.as_json()
    assert (values["num_fold_runs"], values["num_shared"], values["num_missing"], values["num_slots"]) == (6, 3, 3, 2)
    assert values["memory_bytes"] == values["arms"][0]["memory_bytes"] == forecast.memory_bytes
    assert values["wall_seconds"] == pytest.approx(values["seconds"] * 2 / 3)


@pytest.mark.parametrize(("load", "said"), [(0.1, False), (1.8, True)])
def test_a_forecast_that_was_made_beside_other_programs_says_that_it_is_too_long(request_for, monkeypatch, load, said):
    monkeypatch.setattr(Bystanders, "num_busy", lambda self: load)
    forecast = forecast_study(request_for(0.1))
    assert forecast.as_json()["load"] == (None if forecast.on_gpu else load)
    assert (f"other programs kept {load} processors busy" in text_of(forecast)) == (said and not forecast.on_gpu)


def test_a_forecast_says_which_steps_were_timed_for_an_earlier_one(request_for, monkeypatch, tmp_path):
    monkeypatch.setattr(Bystanders, "num_busy", lambda self: 0.0)
    first, again = forecast_study(request_for(0.5)), forecast_study(request_for(0.5))
    kept = f", kept in {tmp_path / 'runs' / 'calibrations.json'}: remove it to have them timed again"
    assert (kept in text_of(first), kept in text_of(again)) == (False, True)
    assert again.seconds == first.seconds
    assert again.memory_bytes == first.memory_bytes


def test_a_forecast_whose_steps_cannot_be_kept_says_so(request_for, tmp_path):
    (tmp_path / "runs").write_text("no folder")
    forecast = forecast_study(request_for(0.5))
    assert f"\nthe timed steps are not kept for the next forecast: {tmp_path / 'runs'}" in text_of(forecast)
    assert forecast.seconds > 0.0


def test_a_fold_run_that_the_gpu_does_not_hold_is_told_beforehand(request_for):
    forecast = forecast_study(request_for(0.5))
    (arm,) = forecast.arms
    assert forecast.gpu_bytes is None
    for gpu_bytes, told in ((arm.memory_bytes, False), (arm.memory_bytes - 1, True)):
        lines = replace(forecast, on_gpu=True, gpu_bytes=gpu_bytes).text_lines()
        found = [line for line in lines if f"{arm.arm}: a fold run takes more than the GPU's " in line]
        assert bool(found) == told
        assert all(line.endswith("would stay in the host's memory, and each batch would be moved") for line in found)


def test_a_forecast_on_a_gpu_says_that_a_compiled_training_takes_less(request_for):
    forecast = forecast_study(request_for(0.5))
    assert [("compiled" in text_of(replace(forecast, on_gpu=on_gpu))) for on_gpu in (False, True)] == [False, True]


def test_the_fold_runs_at_a_time_are_those_that_the_machine_or_the_cluster_has(request_for, monkeypatch):
    def num_slots(**options):
        return forecast_study(request_for(0.5, execution=Execution(**options))).num_slots

    with monkeypatch.context() as patch:
        patch.setattr("hemosweep.forecast.timed_step.count_gpus", lambda: 2)
        assert num_slots() == 2
        assert num_slots(per_gpu=3) == 6
    assert num_slots(kind="slurm", max_jobs=7) == 7
    assert num_slots(kind="slurm") == NUM_FOLDS
    assert num_slots(kind="slurm", max_jobs=10**15) == 10**15, "more than there are fold runs"
