"""The graph of a network's feature maps, with answers by hand."""

import pytest
import torch
from torch import nn

from hemosweep.model.graph import FeatureMap, NotFollowed, feature_maps
from hemosweep.model.networks.se_unet import SEUNet3D

PATCH_DHW = (8, 16, 16)


def brief(maps):
    return [(one.layer, one.channels, one.size_DHW, one.sources) for one in maps]


def test_the_papers_network_is_that_of_its_figure_3():
    maps = feature_maps(SEUNet3D().build(in_channels=2), 2, (16, 32, 32))
    full, half, quarter = (16, 32, 32), (8, 16, 16), (4, 8, 8)
    assert brief(maps) == [
        ("input", 2, full, ()),
        ("InputConvolution", 64, full, (0,)),
        ("MaxPool", 64, half, (1,)),
        ("Conv3d", 128, half, (2,)),
        ("MaxPool", 128, quarter, (3,)),
        ("Conv3d", 192, quarter, (4,)),
        ("ConvTranspose3d", 128, half, (5,)),
        ("concatenation", 256, half, (6, 3)),
        ("Conv3d", 128, half, (7,)),
        ("ConvTranspose3d", 64, full, (8,)),
        ("concatenation", 128, full, (9, 1)),
        ("Conv3d", 64, full, (10,)),
        ("Conv3d", 2, full, (11,)),
    ]
    assert [number for number, one in enumerate(maps) if one.gate == 16] == [1, 3, 8, 11]
    assert maps[3].notes == ["batch normalisation", "ReLU"]
    assert maps[2].notes == ["dropout"]
    assert (maps[6].kernel, maps[6].stride) == ((2, 2, 2), (2, 2, 2))


def test_without_squeeze_and_excitation_and_dropout_there_is_none_on_the_maps():
    maps = feature_maps(SEUNet3D(width=4, se=False, dropout=0.0).build(in_channels=1), 1, PATCH_DHW)
    assert {one.gate for one in maps} == {None}
    assert not any("dropout" in one.notes for one in maps)


class Residual(nn.Module):
    """A laboratory's network: a sum, an enlargement by a function, and no batch normalisation."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(1, 4, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.second = nn.Conv3d(4, 4, 3, padding=1)
        self.last = nn.Conv3d(4, 2, 1)

    def forward(self, x_BCDHW):
        first = torch.relu(self.first(x_BCDHW))
        both = first + self.second(first)
        return self.last(nn.functional.interpolate(both, scale_factor=(1, 2, 2)))


def test_another_network_is_followed_through_sums_and_functions():
    maps = feature_maps(Residual(), 1, PATCH_DHW)
    assert brief(maps) == [
        ("input", 1, (8, 16, 16), ()),
        ("Conv3d", 4, (8, 8, 8), (0,)),
        ("Conv3d", 4, (8, 8, 8), (1,)),
        ("sum", 4, (8, 8, 8), (1, 2)),
        ("interpolate", 4, (8, 16, 16), (3,)),
        ("Conv3d", 2, (8, 16, 16), (4,)),
    ]
    assert (maps[1].kernel, maps[1].stride) == ((1, 3, 3), (1, 2, 2))


class ByValue(nn.Module):
    def forward(self, x_BCDHW):
        return x_BCDHW if float(x_BCDHW.mean()) > 0 else -x_BCDHW


def test_a_network_that_needs_the_values_of_its_input_is_not_followed():
    with pytest.raises(NotFollowed):
        feature_maps(ByValue(), 1, PATCH_DHW)


def test_the_networks_own_hooks_and_functions_are_as_before():
    network = Residual()
    feature_maps(network, 1, PATCH_DHW)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert isinstance(feature_maps(Residual(), 1, PATCH_DHW)[0], FeatureMap)


class OfSlices(nn.Module):
    """A 2D network: its slices lie along the batch."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.down = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x_BCDHW):
        batch, _, depth, height, width = x_BCDHW.shape
        skip = self.first(x_BCDHW.movedim(2, 1).flatten(0, 1))
        logits = self.last(torch.cat([self.up(self.down(skip)), skip], dim=1))
        return logits.view(batch, depth, 2, height, width).movedim(1, 2)


def test_a_network_of_slices_is_followed():
    maps = feature_maps(OfSlices(), 1, (3, 8, 8))
    assert brief(maps) == [
        ("input", 1, (3, 8, 8), ()),
        ("Conv2d", 4, (3, 8, 8), (0,)),
        ("MaxPool2d", 4, (3, 4, 4), (1,)),
        ("ConvTranspose2d", 4, (3, 8, 8), (2,)),
        ("concatenation", 8, (3, 8, 8), (3, 1)),
        ("Conv2d", 2, (3, 8, 8), (4,)),
    ]
    assert maps[1].notes == ["batch normalisation", "ReLU"]
    assert (maps[1].kernel, maps[2].kernel, maps[3].stride) == ((1, 3, 3), (1, 2, 2), (1, 2, 2))


class Join(nn.Module):
    """A layer without weights that makes one map of two."""

    def forward(self, first, second):
        return torch.cat([first, second], dim=1)


class Joined(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.join = nn.Conv3d(1, 2, 1), nn.Conv3d(1, 3, 1), Join()

    def forward(self, x_BCDHW):
        return self.join(self.first(x_BCDHW), self.second(x_BCDHW))


def test_a_layer_that_joins_two_maps_is_the_function_in_it():
    assert brief(feature_maps(Joined(), 1, PATCH_DHW))[-1] == ("concatenation", 5, PATCH_DHW, (1, 2))
