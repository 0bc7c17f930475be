"""Our network and the lab's keep the contract, and the contract finds what breaks it."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from hemosweep.errors import BadInput
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.outputs import Output
from hemosweep.testing.networks import NetworkContract
from tests.e2e.lab.monai_unet import ResidualUNet


@pytest.mark.parametrize(
    "component", [SEUNet3D(width=4), SEUNet3D(width=4, se=False), ResidualUNet(channels=(4, 8, 8))], ids=str
)
class TestGood(NetworkContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


class Deep(nn.Module):
    """Two convolutions within the slices, of which the middle one of three gets a label; in training it gives its
    logits at full and at half resolution, and those of whole slices."""

    def __init__(self, in_channels, kind):
        super().__init__()
        self.kind = kind
        self.first = nn.Conv3d(in_channels, 4, 3, padding=(0, 1, 1))
        self.last, self.coarse, self.slices = (nn.Conv3d(4, 2, 1) for _ in range(3))

    def forward(self, x_BCDHW):
        x = torch.relu(self.first(x_BCDHW))
        logits = self.last(x)
        if not self.training and self.kind != "always":
            return logits
        half = self.coarse(nn.functional.avg_pool3d(x, (1, 2, 2)))
        slices = self.slices(x).mean(dim=(3, 4))
        if self.kind == "ignored":
            return (Output(logits, 0.5), Output(half, 0.5))
        if self.kind == "larger":
            half = logits.repeat_interleave(2, dim=4)
        if self.kind == "other slices":
            slices = slices[..., 1:]
        weight = 0.0 if self.kind == "no weight" else 0.25
        outputs = (Output(logits, 0.5), Output(half, weight), Output(slices, 0.25))
        return outputs[::-1] if self.kind == "last first" else outputs[0][:1] if self.kind == "plain" else outputs


@dataclass(frozen=True)
class Deeply:
    kind: str = ""
    context_DHW: tuple[int, ...] = (1, 0, 0)
    patch_multiple: tuple[int, ...] = (1, 2, 2)

    def build(self, *, in_channels):
        return Deep(in_channels, self.kind)


class OnlyOne(nn.Module):
    """A network with a bias for each voxel."""

    def __init__(self, in_channels):
        super().__init__()
        self.last, self.bias = nn.Conv3d(in_channels, 2, 1), nn.Parameter(torch.zeros(4, 8, 6))

    def forward(self, x_BCDHW):
        return self.last(x_BCDHW) + self.bias.relu() + self.bias


@dataclass(frozen=True)
class Fixed:
    only_patch_DHW: tuple[int, ...] = (4, 8, 6)
    patch_multiple: tuple[int, ...] = (4, 8, 6)

    def build(self, *, in_channels):
        return OnlyOne(in_channels)


class OverVoxels(nn.Module):
    """A network that normalises over the voxels of a level where a patch of 8x8x8 has one."""

    def __init__(self, in_channels):
        super().__init__()
        self.last = nn.Conv3d(in_channels, 2, 1)
        self.coarse = nn.Sequential(nn.Conv3d(in_channels, 2, 8, stride=8), nn.InstanceNorm3d(2))

    def forward(self, x_BCDHW):
        coarse = self.coarse(x_BCDHW)
        for axis in (2, 3, 4):
            coarse = coarse.repeat_interleave(8, dim=axis)
        return self.last(x_BCDHW) + 0.01 * coarse


@dataclass(frozen=True)
class Coarse:
    least_voxels: int = 2 * 8**3
    patch_multiple: tuple[int, ...] = (8, 8, 8)

    def build(self, *, in_channels):
        return OverVoxels(in_channels)


@pytest.mark.parametrize("component", [Deeply(), Fixed(), Coarse()], ids=str)
class TestGoodWithMore(NetworkContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


class Net(nn.Module):
    """Two convolutions, and one of the mistakes that a contract is for."""

    def __init__(self, in_channels, kind):
        super().__init__()
        self.kind = kind
        self.first = nn.Conv3d(1 if kind == "one channel" else in_channels, 4, 3, padding=int(kind != "smaller"))
        self.last = nn.Conv3d(4, 3 if kind == "three classes" else 2, 1)
        if kind == "unused":
            self.spare = nn.Linear(2, 2)
        if kind == "unseeded":
            self.register_buffer("noise", torch.rand(4, generator=torch.Generator().manual_seed(torch.seed() % 2**60)))
        self.hidden = torch.rand(1)  # No part of the state.
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x_BCDHW):
        if self.kind == "changes":
            x_BCDHW.clamp_(-1.0, 1.0)
        x = torch.relu(self.first(x_BCDHW))
        if self.kind == "dropout":
            x = nn.functional.dropout3d(x)
        if self.kind == "hidden":
            x = x * self.hidden
        if self.kind == "counts":
            self.count += 1
        if self.kind == "batch":
            x = x - x.mean(dim=(0, 2, 3, 4), keepdim=True)
        if self.kind == "cubes":
            x = x + x.transpose(3, 4)
        logits = self.last(x)
        if self.kind == "root":
            logits = logits * (x - x).sqrt().sum()
        if self.kind == "stuck":
            logits = logits * 0.0
        if self.kind == "infinite":
            logits = logits / 0.0
        return [logits] if self.kind == "list" else logits


@dataclass(frozen=True)
class Broken:
    kind: str = ""
    patch_multiple: tuple[int, ...] = (1, 1, 1)

    @property
    def slice_wise(self):
        return self.kind == "not of slices"

    def build(self, *, in_channels):
        return (lambda x: x) if self.kind == "function" else Net(in_channels, self.kind)


@dataclass
class Changeable:
    patch_multiple: tuple[int, ...] = (1, 1, 1)

    def build(self, *, in_channels):
        return Net(in_channels, "")


def contract_of(component):
    contract = NetworkContract()
    contract.component = component
    return contract


TESTS = [name for name in dir(NetworkContract) if name.startswith("test_")]


@pytest.mark.parametrize("test", TESTS)
def test_what_is_broken_below_is_whole_without_its_mistake(test):
    getattr(contract_of(Broken()), test)()


def test_a_network_that_can_be_changed_fails():
    with pytest.raises(BadInput, match="is not frozen"):
        contract_of(Changeable()).test_its_record_keeps_it()


@pytest.mark.parametrize("multiple", [(4, 4), (4, 4, 0), (4.0, 4.0, 4.0), 4, [4, 4, 4]], ids=str)
def test_a_network_whose_patch_multiple_is_none_fails(multiple):
    with pytest.raises(AssertionError):
        contract_of(Broken(patch_multiple=multiple)).test_its_patch_multiple_is_three_whole_numbers()


SHAPE = "test_it_gives_two_classes_in_the_shape_of_the_labelled_part"


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        *((kind, SHAPE) for kind in ("three classes", "smaller", "list", "one channel", "cubes", "infinite")),
        ("function", SHAPE),
        ("unseeded", "test_the_same_seed_gives_the_same_weights"),
        ("hidden", "test_kept_weights_give_the_same_bits_in_another_build"),
        ("dropout", "test_evaluation_repeats_its_bits_and_leaves_the_state_alone"),
        ("counts", "test_evaluation_repeats_its_bits_and_leaves_the_state_alone"),
        ("batch", "test_in_evaluation_a_patch_does_not_depend_on_the_others_of_its_batch"),
        ("not of slices", "test_a_network_of_slices_labels_each_slice_by_itself"),
        ("changes", "test_the_patches_stay_as_they_are"),
        ("unused", "test_every_parameter_gets_a_finite_gradient"),
        ("root", "test_every_parameter_gets_a_finite_gradient"),
        ("stuck", "test_two_patches_train_it"),
    ],
)
def test_a_network_that_breaks_the_contract_fails(kind, test):
    with pytest.raises((AssertionError, RuntimeError)):
        getattr(contract_of(Broken(kind)), test)()


OUTPUTS = "test_its_further_outputs_in_training_are_of_a_lower_resolution_or_of_slices"


@pytest.mark.parametrize(
    ("component", "test"),
    [
        (Deeply("always"), SHAPE),
        (Deeply("plain"), SHAPE),
        (Deeply("last first"), SHAPE),
        (Deeply(context_DHW=(0, 0, 0)), SHAPE),
        (Deeply("larger"), OUTPUTS),
        (Deeply("other slices"), OUTPUTS),
        (Deeply("no weight"), OUTPUTS),
        (Deeply("ignored"), "test_every_parameter_gets_a_finite_gradient"),
        (Deeply(context_DHW=(-1, 0, 0)), "test_its_context_leaves_a_part_of_a_patch_to_label"),
        (Fixed(patch_multiple=(4, 8, 4)), "test_its_context_leaves_a_part_of_a_patch_to_label"),
        (Coarse(least_voxels=0), "test_its_context_leaves_a_part_of_a_patch_to_label"),
    ],
    ids=str,
)
def test_a_network_whose_context_or_outputs_break_the_contract_fails(component, test):
    with pytest.raises((AssertionError, BadInput)):
        getattr(contract_of(component), test)()
