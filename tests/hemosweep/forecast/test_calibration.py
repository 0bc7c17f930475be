"""Timed steps are kept: for this machine and this code, as long as nothing disturbed them."""

import json
from dataclasses import asdict, replace

import pytest

from hemosweep.forecast import calibration
from hemosweep.forecast import timed_step as training_step
from hemosweep.forecast.calibration import calibrate
from hemosweep.forecast.step_cost import Calibration, Timed
from hemosweep.model.losses.focal import Focal
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.sampling.restriction import restriction

QUIET = Calibration(
    patch_s=0.01, memory_bytes=500, batch_at_once=4, weight_bytes=7, num_busy=0.0, timed_on="2026-11-24"
)


@pytest.fixture
def time_as(monkeypatch):
    """Steps that are timed take what is said here; returns the configurations that were timed, call by call."""

    def install(step):
        asked = []

        def time_steps(configs, *, num_threads):
            asked.append(list(configs))
            return Timed(device="cpu", num_gpus=0, steps=tuple(replace(step) for _ in configs))

        monkeypatch.setattr(training_step, "time_steps", time_steps)
        return asked

    return install


@pytest.fixture
def config(tiny_config):
    return tiny_config(batch_size=4)


def other_model(config):
    return replace(config, network=replace(config.network, width=4))


def test_a_step_is_timed_once_and_kept_as_it_was(time_as, config, tmp_path):
    asked = time_as(QUIET)
    first, again = calibrate([config], tmp_path), calibrate([config], tmp_path)
    assert asked == [[config]]
    assert first.steps == again.steps == {config: QUIET}
    assert (first.num_kept, again.num_kept) == (0, 1)
    assert (again.device, again.num_gpus, again.not_kept) == ("cpu", 0, None)


def test_arms_with_the_same_network_patch_and_batch_have_one_step(time_as, config, tmp_path):
    alike = [
        replace(config, training=replace(config.training, optimiser=Adadelta(learning_rate=0.5), max_epochs=7)),
        replace(config, sampling=replace(config.sampling, restriction=restriction("none"), num_patches_per_case=99)),
    ]
    others = [
        replace(config, sampling=replace(config.sampling, patch_HWD=(8, 8, 4))),
        replace(config, training=replace(config.training, batch_size=8)),
        replace(config, training=replace(config.training, loss=Focal())),
        other_model(config),
        replace(config, preprocessing=replace(config.preprocessing, symmetric="plane")),
    ]
    asked = time_as(QUIET)
    steps = calibrate([config, *alike, *others], tmp_path).steps
    assert [len(configs) for configs in asked] == [1 + len(others)]
    assert set(steps) == {config, *alike, *others}


def test_steps_of_other_numbers_of_threads_are_timed_by_themselves(time_as, config, tmp_path):
    asked = time_as(QUIET)
    for num_threads in (None, 1, 2, 1):
        calibrate([config], tmp_path, num_threads=num_threads)
    assert asked == 3 * [[config]]


def test_what_is_new_is_timed_beside_what_is_kept(time_as, config, tmp_path):
    asked = time_as(QUIET)
    calibrate([config], tmp_path)
    both = calibrate([config, other_model(config)], tmp_path)
    assert asked == [[config], [other_model(config)]]
    assert both.num_kept == 1
    assert calibrate([config, other_model(config)], tmp_path).num_kept == 2


@pytest.mark.parametrize("meanwhile", ["another forecast", "removed"])
def test_what_becomes_of_the_file_while_steps_are_timed_loses_none(time_as, config, tmp_path, monkeypatch, meanwhile):
    time_as(QUIET)
    calibrate([config], tmp_path)
    second, third = (replace(config, network=replace(config.network, width=width)) for width in (4, 8))
    timing = training_step.time_steps

    def beside_another(configs, *, num_threads):
        monkeypatch.setattr(training_step, "time_steps", timing)
        if meanwhile == "removed":
            (tmp_path / "calibrations.json").unlink()
        calibrate([third], tmp_path)
        return timing(configs, num_threads=num_threads)

    monkeypatch.setattr(training_step, "time_steps", beside_another)
    assert calibrate([config, second], tmp_path).num_kept == 1
    assert calibrate([config, second, third], tmp_path).num_kept == 3


@pytest.mark.parametrize("change", ["code", "machine"])
def test_on_another_machine_or_with_other_code_it_is_timed_again(time_as, config, tmp_path, monkeypatch, change):
    asked = time_as(QUIET)
    calibrate([config], tmp_path)
    with monkeypatch.context() as patch:
        if change == "code":
            patch.setattr(calibration, "_code_digest", lambda code: "other")
        else:
            patch.setattr(calibration, "machine_digest", lambda: "other")
        calibrate([config], tmp_path)
        calibrate([config], tmp_path)
    assert len(asked) == 2
    calibrate([config], tmp_path)
    assert len(asked) == (3 if change == "code" else 2), "each machine has its own"


def test_a_disturbed_step_is_timed_again_until_it_is_not_and_the_shorter_time_counts(time_as, config, tmp_path):
    for seconds, busy, expected in ((0.04, 1.0, 0.04), (0.09, 0.7, 0.04), (0.02, 0.0, 0.02)):
        asked = time_as(replace(QUIET, patch_s=seconds, num_busy=busy))
        assert calibrate([config], tmp_path).steps[config].patch_s == expected
        assert len(asked) == 1
    assert calibrate([config], tmp_path).num_kept == 1


def test_a_time_that_nothing_disturbed_settles_a_step_even_where_the_disturbed_one_was_shorter(
    time_as, config, tmp_path
):
    time_as(replace(QUIET, patch_s=0.01, num_busy=0.9))
    calibrate([config], tmp_path)
    asked = time_as(replace(QUIET, patch_s=0.02))
    for _ in range(2):
        (step,) = calibrate([config], tmp_path).steps.values()
        assert (step.patch_s, step.disturbed) == (0.01, False)
    assert len(asked) == 1


def test_a_step_whose_batch_memory_did_not_hold_is_timed_again(time_as, config, tmp_path):
    asked = time_as(replace(QUIET, batch_at_once=2, num_busy=None))
    calibrate([config], tmp_path)
    calibrate([config], tmp_path)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: "",
        lambda stored: "[1]",
        lambda stored: json.dumps(stored)[:40],
        lambda stored: json.dumps({machine: 3 for machine in stored}),
        lambda stored: json.dumps({machine: values | {"steps": {"x": {}}} for machine, values in stored.items()}),
        lambda stored: json.dumps({machine: values | {"more": 1} for machine, values in stored.items()}),
        lambda stored: json.dumps(stored).replace("0.01", '"long"'),
        lambda stored: json.dumps(stored).replace("0.01", "0.0"),
    ],
    ids=["empty", "list", "cut", "number", "no values", "another version", "a word", "no time at all"],
)
def test_a_damaged_file_is_written_anew(time_as, config, tmp_path, damage):
    asked = time_as(QUIET)
    calibrate([config], tmp_path)
    path = tmp_path / "calibrations.json"
    path.write_text(damage(json.loads(path.read_text())))
    assert calibrate([config], tmp_path).steps == {config: QUIET}
    assert len(asked) == 2
    assert calibrate([config], tmp_path).num_kept == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("num_busy", value) for value in ("x", [1], float("nan"), -1.0, True)),
        *(("patch_s", value) for value in (float("inf"), float("nan"), 10**400, 1e300, True, None)),
        *(("memory_bytes", value) for value in (float("inf"), 10**400, 1.5, "1")),
        *(("batch_at_once", value) for value in ([4], 4.0, None)),
        *(("timed_on", value) for value in (5, "", "2026-11-24\n", "\x1b[2J", None)),
    ],
)
def test_a_value_that_cannot_be_is_timed_anew(time_as, config, tmp_path, field, value):
    asked = time_as(QUIET)
    calibrate([config], tmp_path)
    path = tmp_path / "calibrations.json"
    stored = json.loads(path.read_text())
    for machine in stored.values():
        for step in machine["steps"].values():
            step[field] = value
    path.write_text(json.dumps(stored))
    assert calibrate([config], tmp_path).steps == {config: QUIET}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_gpus", "1"),
        ("num_gpus", None),
        ("num_gpus", -3),
        ("num_gpus", 10**18),
        ("device", None),
        ("device", "\x1b"),
    ],
)
def test_a_device_that_cannot_be_is_asked_for_anew(time_as, config, tmp_path, field, value):
    time_as(QUIET)
    calibrate([config], tmp_path)
    path = tmp_path / "calibrations.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({name: machine | {field: value} for name, machine in stored.items()}))
    told = calibrate([config], tmp_path)
    assert (told.device, told.num_gpus, told.num_kept) == ("cpu", 0, 0)


def test_where_it_cannot_be_written_the_steps_are_told_all_the_same(time_as, config, tmp_path):
    time_as(QUIET)
    (tmp_path / "runs").write_text("a file")
    told = calibrate([config], tmp_path / "runs")
    assert told.steps == {config: QUIET}
    assert "runs" in told.not_kept


def test_nothing_to_time_is_no_step_and_still_tells_the_device(time_as, config, tmp_path):
    asked = time_as(QUIET)
    assert calibrate([], tmp_path).device == "cpu"
    assert asked == [[]]
    assert calibrate([], tmp_path).device == "cpu"
    assert asked == [[]]


def test_the_file_names_no_host_and_no_user(time_as, config, tmp_path):
    time_as(QUIET)
    calibrate([config], tmp_path)
    (machine,) = json.loads((tmp_path / "calibrations.json").read_text()).values()
    assert machine.keys() == {"code", "device", "num_gpus", "gpu_bytes", "steps"}
    assert list(machine["steps"].values()) == [asdict(QUIET)]
