"""`hemosweep bench`: its rows, files and refusals; what is measured is measured by `make bench`."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from hemosweep.bench import gpu
from hemosweep.bench.profile import operation_shares, shares
from hemosweep.bench.rows import BenchResult, BenchRow, as_lines, make_result, number
from hemosweep.errors import BadInput
from hemosweep.forecast.duration import training_patches, validation_patches
from hemosweep.sweeps.base import profile
from hemosweep.workflows.bench import run_bench, study_hours, with_study, write_results


def result(*rows, **details):
    return make_result("gpu", "NVIDIA H200", rows, details)


@pytest.mark.parametrize(
    ("value", "goal", "at_least", "verdict"),
    [
        (2.0, 2.0, True, "met"),
        (1.9, 2.0, True, "falls short"),
        (0.2, 0.25, False, "met"),
        (0.25, 0.25, False, "met"),
        (0.3, 0.25, False, "falls short"),
        (1.0, None, True, ""),
        (None, 1.0, True, ""),
    ],
)
def test_a_row_meets_its_goal_or_falls_short(value, goal, at_least, verdict):
    assert BenchRow(what="w", value=value, unit="s", goal=goal, at_least=at_least).verdict == verdict


def test_the_table_shows_value_goal_and_verdict_and_what_was_skipped():
    lines = as_lines(
        result(
            BenchRow(what="training", value=7705.4, unit="patches/s", goal=9000),
            BenchRow(what="case", value=0.2, unit="s", goal=0.25, at_least=False),
            BenchRow(what="peer", value=None, unit="times", goal=2.0, note="MONAI is not installed: make setup"),
        )
    )
    assert [line.split() for line in lines[:4]] == [
        ["NVIDIA", "H200", "goal"],
        ["training", "7,705", "patches/s", ">=", "9,000", "falls", "short"],
        ["case", "0.2", "s", "<=", "0.25", "met"],
        ["peer", "-", ">=", "2", "MONAI", "is", "not", "installed:", "make", "setup"],
    ]
    assert lines[-1].startswith("20")


def test_the_profile_stands_below_the_table_and_shares_are_of_all_the_time():
    profile = shares([("convolution", 3.0), ("pooling", 1.0), ("normalisation", 4.0)], 2)
    assert list(profile.items()) == [("normalisation", 50.0), ("convolution", 37.5)]
    lines = as_lines(make_result("cpu", "a processor", (), {}, profile=profile))
    assert lines[1:4] == ["where a training step's time goes:", " 50.0%  normalisation", " 37.5%  convolution"]


def test_the_operations_of_a_step_are_found_without_a_word_on_standard_error(capfd):
    import torch

    product = torch.rand(300, 300)
    assert next(iter(operation_shares(lambda: product @ product))) == "aten::mm"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("value", "text"), [(9120.4, "9,120"), (123.45, "123.5"), (12.345, "12.3"), (0.03712, "0.0371")]
)
def test_a_number_has_three_or_four_digits(value, text):
    assert number(value) == text


def test_a_result_is_read_as_it_was_written(tmp_path):
    written = result(BenchRow(what="training", value=1.5, unit="s", goal=2.0), ladder=[{"ms": 8.3}])
    (path,) = write_results((written, replace(written, part="cpu", rows=())), tmp_path / "new", quick=False)
    assert path.name == "bench_gpu.json"
    assert BenchResult.read(path) == written


def test_without_a_gpu_each_row_is_skipped_by_name_and_no_file_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    results = run_bench("gpu", quick=True, say=print)
    assert write_results(results, tmp_path, quick=True) == []
    (only,) = results
    assert {row.note for row in only.rows[:-1]} == {"skipped: no CUDA device"}
    assert {"training, full network, 32x32x16x2", "GPU tests passed"} <= {row.what for row in only.rows}
    assert all(row.value is None for row in only.rows)


def test_an_unknown_part_is_one_line_and_exit_code_2(tmp_path):
    with pytest.raises(BadInput, match=r"^bench tpu: choose one of cpu, gpu or all$"):
        run_bench("tpu", quick=True, say=print)
    said = subprocess.run(
        [sys.executable, "-c", "from hemosweep.cli import main; main()", "bench", "tpu"], capture_output=True, text=True
    )
    assert (said.returncode, said.stdout, said.stderr) == (2, "", "error: bench tpu: choose one of cpu, gpu or all\n")


def test_the_study_takes_its_own_patches_at_the_measured_rate():
    config = profile("paper").config
    trained, validated = training_patches(76, config), validation_patches(76, config)
    # Of validation patches alone there are fewer, and they cost what they are said to.
    assert study_hours(0.0, 1e-4) < study_hours(1e-4, 0.0)
    assert study_hours(2e-4, 2e-4) == pytest.approx(2 * study_hours(1e-4, 1e-4))
    # More than one arm's five folds, and less than as many arms as the paper could never print.
    five_folds_h = 5 * (trained + validated) * 1e-4 / 3600
    assert 15 * five_folds_h < study_hours(1e-4, 1e-4) < 100 * five_folds_h


def test_the_row_of_the_study_is_there_once():
    measured = result(BenchRow(what="epoch", value=20.0, unit="s"), patch_s={"training": 1e-4, "validation": 4e-5})
    twice = with_study(with_study(measured))
    assert [row.what for row in twice.rows] == ["epoch", "the paper's whole study, training alone"]
    assert twice.rows[-1].value == pytest.approx(study_hours(1e-4, 4e-5))


@pytest.mark.slow
def test_the_part_of_the_processors_prints_all_its_rows_and_keeps_them(tmp_path):
    code = "from hemosweep.cli import main; main()"
    said = subprocess.run(
        [sys.executable, "-c", code, "bench", "cpu", "--quick", "--json", "--to", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    (printed,) = json.loads(said.stdout)
    assert printed == json.loads((tmp_path / "quick_cpu.json").read_text())
    values = {row["what"]: row["value"] for row in printed["rows"]}
    assert values.pop("hemosweep sweep patchsize, phantom made by it") is None
    values.pop("scores against surface-distance (HD95, ASSD, NSD)")  # It is no dependency.
    assert all(value > 0 for value in values.values()), values


@pytest.mark.slow
def test_each_rung_of_the_ladder_is_the_same_step(monkeypatch):
    import torch

    from hemosweep.bench import ladder
    from hemosweep.model.device import Device

    monkeypatch.setattr(ladder, "BATCH", 4)
    monkeypatch.setattr(ladder, "PATCH_DHW", (4, 8, 8))
    device = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)
    bank = ladder.noise_batch(device)
    monkeypatch.setattr(ladder, "build", lambda *a, f=ladder.build, **k: f(*a, **k | {"width": 4}))
    reference = ladder._gradient(ladder.Rung(name="float32"), device, bank)
    for rung in ladder.RUNGS:
        torch._dynamo.reset()
        errors = ladder._errors(ladder._gradient(rung, device, bank), reference)
        assert errors["loss_error"] < 1e-5, rung.name
        assert errors["gradient_error"] < 1e-3, rung.name
