"""Time and memory of a training step: the times are this machine's, the memory is held against a real child process."""

import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hemosweep.executors.local import LocalExecutor
from hemosweep.forecast.footprint import preprocessed_size, resident_bytes
from hemosweep.forecast.timed_step import TrainingStep, time_steps
from hemosweep.model.device import Device
from hemosweep.model.losses.weighted import WeightedCE
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.weight_maps.border import BorderWeights
from hemosweep.training.child import train_fold
from hemosweep.training.fold_run import keep_weights
from hemosweep.training.loop import Training

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)


def with_patch(config, *patch_HWD):
    return replace(config, sampling=replace(config.sampling, patch_HWD=patch_HWD))


def test_a_timed_step_takes_time(tiny_config):
    timed = time_steps([tiny_config()])
    (step,) = timed.steps
    assert step.patch_s > 0.0
    assert (timed.device == "cpu") == (timed.num_gpus == 0) == (step.num_busy is not None)


def test_the_memory_of_a_step_grows_with_its_batch_and_its_patch(tiny_config):
    config = tiny_config()
    step, larger = TrainingStep(config, CPU), TrainingStep(with_patch(config, 8, 8, 8), CPU)
    # Statistics of batch normalisation, one a channel, do not grow.
    assert step.kept_bytes(8) == pytest.approx(2 * step.kept_bytes(4), rel=0.05)
    assert larger.kept_bytes(4) == pytest.approx(8 * step.kept_bytes(4), rel=0.05)


def test_a_loss_with_weights_of_voxels_is_timed(tiny_config):
    config = tiny_config(loss=WeightedCE(weight_map=BorderWeights()))
    TrainingStep(config, CPU)(2)


def test_a_parameter_that_the_network_does_not_use_stays_as_it_is(tiny_config):
    step = TrainingStep(tiny_config(), CPU)
    step._model.register_parameter("unused", torch.nn.Parameter(torch.ones(3)))
    step._averages.append((step._model.unused, torch.zeros(3), torch.zeros(3)))
    step(2)
    assert step._model.unused.tolist() == [1.0, 1.0, 1.0]


def test_weights_are_counted_with_their_running_statistics(tiny_config):
    config = replace(tiny_config(), network=SEUNet3D(width=16))
    state = config.network.build(in_channels=1).state_dict()
    assert TrainingStep(config, CPU).weight_bytes == sum(
        tensor.numel() * tensor.element_size() for tensor in state.values()
    )


def test_the_size_of_a_fold_run_s_weights_is_foretold(tiny_spec, tmp_path):
    spec = tiny_spec()
    spec = replace(spec, config=replace(spec.config, network=SEUNet3D(width=16)))
    model = spec.config.network.build(in_channels=1)
    ended = Training(best_epoch=1, num_epochs=2, reason="max_epochs")
    keep_weights(tmp_path, model, spec, ended, micro_batch=None)
    (step,) = time_steps([spec.config]).steps
    assert (tmp_path / "weights.pt").stat().st_size == pytest.approx(step.weight_bytes, rel=0.05)


def weigh(folder):
    """The job of a child: train, and leave the most memory that the process has held."""
    code = train_fold(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    (folder / "peak").write_text(str(peak))
    return code


FORECAST = """
import json, sys
from pathlib import Path
from hemosweep.workflows import plan as forecast
from hemosweep.forecast.timed_step import time_steps
from hemosweep.foldrun.spec import FoldRunSpec
config = FoldRunSpec.read(Path(sys.argv[1])).config
(step,) = time_steps([config]).steps
print(json.dumps([step.memory_bytes, "torch._dynamo" in sys.modules]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "patch_HWD", "batch_size", "num_patches"), [(8, (16, 16, 8), 32, 64), (32, (32, 32, 16), 16, 8)]
)
def test_the_memory_of_a_fold_run_is_foretold(
    tiny_spec, tmp_path, one_processor, width, patch_HWD, batch_size, num_patches
):
    spec = tiny_spec(max_epochs=1, batch_size=batch_size)
    config = replace(
        spec.config,
        network=replace(spec.config.network, width=width),
        sampling=replace(spec.config.sampling, patch_HWD=patch_HWD, num_patches_per_case=num_patches),
    )
    folder = tmp_path / "fold run"
    replace(spec, config=config, test=spec.test[:1]).write(folder)
    executor = LocalExecutor(job=weigh)
    executor.start(folder)
    while not (ended := executor.wait(60.0)):
        pass
    assert ended[0].failure is None, (folder / "log.txt").read_text()
    # As the command does, in a process of its own: this one has imported all that the tests need.
    said = subprocess.run([sys.executable, "-c", FORECAST, str(folder)], capture_output=True, text=True, check=True)
    step_bytes, imported_compiler = json.loads(said.stdout)
    sizes = [preprocessed_size(Path(case.path)) for case in (*spec.train, *spec.validation)]
    forecast = step_bytes + sum(resident_bytes(size, config) for size in sizes)
    assert forecast == pytest.approx(int((folder / "peak").read_text()), rel=0.4)
    assert not imported_compiler, "it takes longer than the rest of a forecast"
