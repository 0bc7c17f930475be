"""Context, several outputs, weights of voxels, augmentation and post-processing in a training and its test."""

import json
import shutil
from dataclasses import dataclass, replace

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import nn

from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.model.checkpoint import load_checkpoint
from hemosweep.model.device import Device
from hemosweep.model.losses.cross_entropy import CrossEntropy
from hemosweep.model.losses.dice import SoftDice
from hemosweep.model.losses.mixed import Mixed
from hemosweep.model.losses.weighted import WeightedCE
from hemosweep.model.memory import MicroBatch
from hemosweep.model.outputs import Output
from hemosweep.model.weight_maps.border import BorderWeights
from hemosweep.postprocessing.components import MinVolume
from hemosweep.sampling.augmentations.affine import Affine
from hemosweep.sampling.augmentations.flip import Flip
from hemosweep.sampling.augmentations.intensity_jitter import IntensityJitter
from hemosweep.training.compiled import NUM_WARM_UP, CompiledStep
from hemosweep.training.step import PlainStep
from tests.fold_runs import run_fold
from tests.hemosweep.training.test_compiled_step import needs_compiler

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)
LOSS = Mixed(parts=((SoftDice(), 1.0), (WeightedCE(weight_map=BorderWeights()), 0.5)))


class SlabNet(nn.Module):
    """Three slices in, the middle one out; in training also at half the resolution, and for whole slices."""

    def __init__(self, in_channels):
        super().__init__()
        self.first = nn.Conv3d(in_channels, 4, 3, padding=(0, 1, 1))
        self.last, self.coarse, self.slices = (nn.Conv3d(4, 2, 1) for _ in range(3))

    def forward(self, x_BCDHW):
        x = torch.relu(self.first(x_BCDHW))
        if not self.training:
            return self.last(x)
        outputs = (self.last(x), self.coarse(x[..., ::2, ::2]), self.slices(x).mean(dim=(3, 4)))
        return tuple(Output(one, weight) for one, weight in zip(outputs, (0.5, 0.25, 0.25), strict=True))


@dataclass(frozen=True)
class Slab:
    context_DHW: tuple[int, ...] = (1, 0, 0)
    patch_multiple: tuple[int, ...] = (1, 2, 2)

    def build(self, *, in_channels):
        return SlabNet(in_channels)


def with_parts(spec, **sampling):
    config = spec.config
    transforms = (Flip(), Affine(), IntensityJitter(noise=0.05))
    sampling = {"patch_HWD": (4, 4, 3), "transforms": transforms} | sampling
    return replace(
        spec,
        config=replace(
            config,
            network=Slab(),
            sampling=replace(config.sampling, **sampling),
            training=replace(config.training, loss=LOSS),
        ),
    )


def run(spec, folder, journal=Journal):
    folder.mkdir(exist_ok=True)
    run_fold(spec, folder, journal(folder / "events.jsonl"))
    return folder


def losses_of(folder):
    epochs = {event["epoch"]: event for event in read_journal(folder / "events.jsonl") if event["event"] == "epoch"}
    return [(epoch["train_loss"], epoch["val_loss"]) for epoch in epochs.values()]


class Interrupted(Journal):
    def write(self, event, **fields):
        super().write(event, **fields)
        if event == "epoch" and fields["epoch"] == 3:
            raise KeyboardInterrupt


def test_such_a_training_repeats_its_bits_where_it_was_interrupted(tiny_spec, tmp_path):
    spec = with_parts(tiny_spec())
    whole = run(spec, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(spec, tmp_path / "stopped", Interrupted)
    resumed = run(spec, tmp_path / "stopped")
    assert losses_of(whole) == losses_of(resumed)
    mine, theirs = (load_checkpoint(folder / "weights.pt", "tiny")["best"] for folder in (whole, resumed))
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert (whole / "scores.json").read_bytes() == (resumed / "scores.json").read_bytes()


def test_each_part_takes_part(tiny_spec, tmp_path):
    spec = with_parts(tiny_spec(max_epochs=2))
    plain = with_parts(tiny_spec(max_epochs=2), transforms=())
    unweighted = replace(plain, config=replace(plain.config, training=replace(plain.config.training, loss=SoftDice())))
    found = [losses_of(run(one, tmp_path / f"{number}"))[0][0] for number, one in enumerate((spec, plain, unweighted))]
    assert len(set(found)) == 3


def test_post_processing_and_threshold_change_the_predictions_that_are_written_and_scored(tiny_spec, tmp_path):
    spec = with_parts(tiny_spec(max_epochs=3))
    every = replace(spec, config=replace(spec.config, inference=replace(spec.config.inference, threshold=0.0)))
    large = replace(every.config.inference, postprocessing=(MinVolume(ml=1e6),))
    folder = run(every, tmp_path / "every")
    other = shutil.copytree(folder, tmp_path / "none")
    for name in ("done.json", "scores.json"):
        (other / name).unlink(missing_ok=True)
    run(replace(every, config=replace(every.config, inference=large)), other)
    written, rows = [], []
    for one in (folder, other):
        rows.append(json.loads((one / "scores.json").read_text())["rows"])
        written.append([np.asarray(nib.load(path).dataobj).any() for path in sorted((one / "predictions").iterdir())])
    assert written == [[True, True], [False, False]]
    assert all(row["dsc"] > 0.0 for row in rows[0])
    assert all(row["dsc"] == 0.0 for row in rows[1])


def test_whole_heads_are_trained_on_and_tested_as_one_patch_each(tiny_spec, tmp_path):
    spec = with_parts(
        tiny_spec(max_epochs=2, batch_size=2), centres="whole", num_patches_per_case=1, patch_HWD=(16, 14, 12)
    )
    folder = run(spec, tmp_path / "whole")
    assert len(json.loads((folder / "scores.json").read_text())["rows"]) == 2
    alone = with_parts(
        tiny_spec(train="a", batch_size=2), centres="whole", num_patches_per_case=1, patch_HWD=(16, 14, 12)
    )
    with pytest.raises(BadInput, match="the training part has one patch"):
        run(alone, tmp_path / "alone")


class Bank:
    """Patches of 3 x 4 x 4 voxels, their labels and weights of the middle slice."""

    def __init__(self, num_patches):
        random = torch.Generator().manual_seed(0)
        self.x = torch.randn(num_patches, 1, 3, 4, 4, generator=random)
        self.label = (self.x[:, 0, 1:2] > 0.5).long()
        self.weight = torch.rand(self.label.shape, generator=random)

    def gather(self, patch_B):
        return self.x[patch_B], self.label[patch_B], self.weight[patch_B]


def step_of(network, loss, size):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    return PlainStep(CPU.place(network).train(), loss.build(), optimizer, MicroBatch(size, least=2), CPU)


def test_micro_batches_give_the_gradient_of_the_batch(one_thread):
    loss = Mixed(parts=((CrossEntropy(), 1.0), (WeightedCE(weight_map=BorderWeights()), 0.5)))
    results = []
    for size in (6, 2):
        torch.manual_seed(0)
        step = step_of(Slab().build(in_channels=1), loss, size)
        value = step(Bank(6), torch.arange(6))
        results.append([value, *step.model.parameters()])
    for whole, pieces in zip(*results, strict=True):
        torch.testing.assert_close(whole, pieces, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@needs_compiler
def test_a_compiled_step_takes_outputs_and_weights_too(one_thread, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    torch._dynamo.reset()
    events, bank = [], Bank(8)
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        networks.append(Slab().build(in_channels=1))
    plain, inner = (step_of(network, LOSS, 4) for network in networks)
    step = CompiledStep(inner, 4, lambda event, **fields: events.append(event))
    for number in range(NUM_WARM_UP + 2):
        batch_B = torch.arange(4) + number % 4
        assert step(bank, batch_B).item() == pytest.approx(plain(bank, batch_B).item(), rel=2e-4)
    assert events == ["compiled"]
