"""Facts of single 3D architectures that their shapes do not tell."""

import sys

import pytest
import torch
from torch import nn

from hemosweep.config import ArmConfig, SamplingConfig
from hemosweep.errors import BadInput
from hemosweep.model.architectures.cicek import UNet3D
from hemosweep.model.architectures.cnn_ds import CNNDS
from hemosweep.model.architectures.deep_supervision import DeeplySupervised, halving_weights
from hemosweep.model.architectures.hybrid3d2d import SLAB, Hybrid3D2D
from hemosweep.model.architectures.lesion_logit import LesionLogit2d, LesionLogit3d
from hemosweep.model.architectures.vnet import VNet
from hemosweep.model.networks.cicek_unet3d import CicekUNet3D
from hemosweep.model.networks.cnn_ds_like import CNNDSLike
from hemosweep.model.networks.deepbleed import DeepBleedVNet
from hemosweep.model.networks.dna_unets import PlainConv, ResEnc
from hemosweep.model.networks.dynunet import DynUNet
from hemosweep.model.networks.hssayeni import HssayeniUNet
from hemosweep.model.networks.hybrid3d2d_fpn import Hybrid3D2DFPN
from hemosweep.model.networks.mednext import MedNeXtS
from hemosweep.model.networks.segresnet import SegResNet
from hemosweep.model.networks.swin_unetr import SwinUNETR
from hemosweep.model.networks.unetr import UNETR


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def num_parameters(component, in_channels=1):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in component.build(in_channels=in_channels).parameters())


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (DeepBleedVNet(), 22_546_101),  # counted in their public code
        (DeepBleedVNet(tied=False), 65_171_861),
        (CicekUNet3D(), 5_601_154),
        (CicekUNet3D(num_levels=3), 1_356_034),
        (Hybrid3D2DFPN(), 1_560_290),
        (CNNDSLike(), 7_114_342),
    ],
    ids=str,
)
def test_a_network_of_full_width_has_so_many_parameters(component, expected):
    assert num_parameters(component) == expected


def test_the_number_of_parameters_of_the_u_net_follows_from_its_layers():
    def block(before, here):
        return 27 * before * here + 27 * here * here + 4 * here

    for width, in_channels in ((32, 2), (3, 1)):
        first, second, third = width, 2 * width, 4 * width
        down = block(in_channels, first) + block(first, second) + block(second, third)
        up = 8 * third * second + second + 8 * second * first + first
        expected = down + up + block(2 * second, second) + block(2 * first, first) + 2 * first + 2
        assert num_parameters(CicekUNet3D(width=width, num_levels=3), in_channels) == expected


def test_a_u_net_of_one_level_is_its_first_block():
    network = UNet3D(1, 4, 1).eval()
    x_BCDHW = torch.randn(1, 1, 3, 5, 7)
    torch.testing.assert_close(network(x_BCDHW), network.classify(network.encode[0](x_BCDHW)))


def test_a_slice_of_the_hybrid_has_the_same_logits_whatever_the_depth_of_its_patch():
    network, x_BCDHW = Hybrid3D2D(1, 4, 8).eval(), torch.randn(1, 1, 8, 32, 64)
    together = network(x_BCDHW)
    alone = [network(slab.movedim(-1, 2)) for slab in x_BCDHW.unfold(2, SLAB, 1).unbind(2)]
    torch.testing.assert_close(together, torch.cat(alone, dim=2))


@pytest.mark.parametrize(("number", "is_seen"), [(0, False), (1, True), (3, True), (5, True), (6, False)])
def test_a_slice_of_the_hybrid_sees_two_slices_at_either_side(number, is_seen):
    network, x_BCDHW = Hybrid3D2D(1, 4, 8).eval(), torch.randn(1, 1, 7, 32, 32)
    before = network(x_BCDHW)[:, :, 1]  # The middle one of the seven slices.
    x_BCDHW[:, :, number] += 1.0
    assert torch.equal(network(x_BCDHW)[:, :, 1], before) != is_seen


def test_the_hybrid_s_logits_are_the_interpolated_ones_of_a_quarter_of_the_size():
    network = Hybrid3D2D(1, 4, 8).eval()
    kept = {}
    network.classify.register_forward_hook(lambda module, inputs, output: kept.update(output=output))
    found = network(torch.randn(1, 1, 6, 32, 64))
    expected = nn.functional.interpolate(kept["output"].flatten(1, 2), scale_factor=4, mode="bilinear")
    assert kept["output"].shape == (1, 2, 2, 8, 16)
    torch.testing.assert_close(found, expected.unflatten(1, (2, 2)))


def test_a_tied_v_net_is_an_untied_one_whose_convolutions_of_a_level_are_alike():
    tied, untied = VNet(1, 2), VNet(1, 2, tied=False)
    weights = untied.state_dict()
    for name, value in tied.state_dict().items():
        head, number, tail = name.rpartition("convolutions.0.")
        for key in [name] if not number else [f"{head}convolutions.{index}.{tail}" for index in range(3)]:
            if key in weights:
                weights[key] = value
    untied.load_state_dict(weights)
    x_BCDHW = torch.randn(1, 1, 16, 16, 32)
    torch.testing.assert_close(tied(x_BCDHW), untied(x_BCDHW))


def test_the_v_net_adds_its_input_to_each_of_its_first_channels():
    network = VNet(2, 5)
    nn.init.zeros_(network.first.weight)
    kept = {}
    network.down[0].register_forward_hook(lambda module, inputs, output: kept.update(first=inputs[0]))
    x_BCDHW = torch.randn(1, 2, 16, 16, 16)
    network(x_BCDHW)
    assert torch.equal(kept["first"], x_BCDHW[:, [0, 1, 0, 1, 0]])


@pytest.mark.parametrize("network", [DeepBleedVNet(width=2), DeepBleedVNet(width=2, tied=False), HssayeniUNet(width=2)])
def test_of_the_two_channels_behind_the_lesion_s_logit_one_speaks_for_it_and_one_against_it(network):
    for seed in range(8):
        torch.manual_seed(seed)
        (last,) = (
            one for one in network.build(in_channels=1).modules() if isinstance(one, LesionLogit2d | LesionLogit3d)
        )
        for_it, against_it = last.weight.flatten().tolist()
        assert for_it > 0.0 > against_it


def test_the_loss_of_the_v_net_s_two_logits_is_the_binary_one_of_its_logit():
    logits_BCDHW = VNet(1, 2)(torch.randn(1, 1, 16, 16, 16))
    label_BDHW = torch.randint(0, 2, (1, 16, 16, 16))
    found = nn.functional.cross_entropy(logits_BCDHW, label_BDHW)
    expected = nn.functional.binary_cross_entropy_with_logits(logits_BCDHW[:, 1], label_BDHW.float())
    torch.testing.assert_close(found, expected)


def test_the_maps_of_cnn_ds_are_summed_each_at_its_resolution():
    network, x_BCDHW = CNNDS(1, 2).eval(), torch.randn(1, 1, 16, 16, 32)
    whole = network(x_BCDHW)
    parts, maps = [], [one[-1] for one in network.maps]
    kept = [(layer.weight.data.clone(), layer.bias.data.clone()) for layer in maps]
    for number, block in enumerate((4, 2, 1)):
        for other, layer in enumerate(maps):
            layer.weight.data, layer.bias.data = (value * float(other == number) for value in kept[other])
        parts.append(network(x_BCDHW))
        coarse = parts[-1][..., ::block, ::block, ::block]
        for axis in (2, 3, 4):
            coarse = coarse.repeat_interleave(block, dim=axis)
        assert torch.equal(parts[-1], coarse)
        assert parts[-1].std() > 0
    torch.testing.assert_close(whole, sum(parts))


def test_weights_of_deep_supervision_halve_and_sum_to_one():
    assert halving_weights(1) == [1.0]
    assert halving_weights(3) == pytest.approx([4 / 7, 2 / 7, 1 / 7])


class Decoder(nn.Module):
    deep_supervision = True


class TwoLevels(nn.Module):
    def __init__(self):
        super().__init__()
        self.decoder = Decoder()

    def forward(self, x):
        return [x, x[..., ::2]] if self.decoder.deep_supervision else x


def test_a_deeply_supervised_network_gives_one_tensor_in_evaluation_and_weighted_ones_in_training():
    network, x = nn.Sequential(DeeplySupervised(TwoLevels())), torch.randn(1, 2, 4)
    assert torch.equal(network.eval()(x), x)
    first, second = network.train()(x)
    assert torch.equal(first.logits, x)
    assert torch.equal(second.logits, x[..., ::2])
    assert (first.weight, second.weight) == pytest.approx((2 / 3, 1 / 3))


MONAI = (SegResNet(), DynUNet(), MedNeXtS(), SwinUNETR(), UNETR())
DNA = (PlainConv(), ResEnc())


@pytest.mark.parametrize(
    ("component", "missing", "extra"),
    [
        *((component, "monai", "monai") for component in MONAI),
        (UNETR(), "einops", "monai"),
        *((component, "dynamic_network_architectures", "nnunet") for component in DNA),
    ],
    ids=str,
)
def test_without_its_package_a_network_says_what_to_install(component, missing, extra, monkeypatch):
    # None in place of a module: importing it fails as if it were absent, without a message that names it.
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BadInput, match=rf"{missing} is absent.*pip install 'hemosweep\[{extra}\]'$"):
        component.build(in_channels=1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SegResNet(width=12), "width=12: .* multiple of 8"),
        (lambda: SwinUNETR(width=20), "width=20: .* multiple of 12"),
        (lambda: UNETR(patch_HWD=(32, 32, 8)), r"patch_HWD=\(32, 32, 8\): UNETR needs three multiples of 16"),
        (lambda: CNNDSLike(dropout=1.0), "dropout=1.0"),
        *((lambda cls=cls: cls(width=0), "width=0: must be at least 1") for cls in map(type, (*MONAI, *DNA))),
        *(
            (lambda cls=cls: cls(width=0), "width=0: must be at least 1")
            for cls in (CicekUNet3D, Hybrid3D2DFPN, DeepBleedVNet, CNNDSLike)
        ),
        (lambda: CicekUNet3D(num_levels=0), "num_levels=0: must be at least 1"),
    ],
)
def test_a_network_that_cannot_be_is_refused(build, message):
    with pytest.raises(BadInput, match=message):
        build()


@pytest.mark.parametrize(
    ("network", "patch_HWD", "message"),
    [
        (Hybrid3D2DFPN(), (32, 32, 4), "labels none of it"),
        (MedNeXtS(), (16, 16, 16), "needs 8192 voxels or more"),
        (SwinUNETR(), (32, 32, 16), "needs multiples of 32, 32 and 32"),
        (SwinUNETR(), (32, 32, 32), "needs 65536 voxels or more"),
        (UNETR(), (64, 64, 64), r"takes no other one than \(64, 64, 32\)"),
        (PlainConv(), (32, 32, 6), "needs multiples of 32, 32 and 4"),
    ],
    ids=str,
)
def test_an_arm_with_a_patch_that_its_network_does_not_take_is_refused(network, patch_HWD, message):
    with pytest.raises(BadInput, match=message):
        ArmConfig(network=network, sampling=SamplingConfig(patch_HWD=patch_HWD))


@pytest.mark.parametrize("network", [SegResNet(), DynUNet(), MedNeXtS(), *DNA, Hybrid3D2DFPN(), CNNDSLike()], ids=str)
def test_these_networks_take_the_paper_s_patch(network):
    assert ArmConfig(network=network).sampling.patch_HWD == (32, 32, 16)
