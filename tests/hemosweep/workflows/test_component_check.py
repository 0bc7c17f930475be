"""A user's augmentation, post-processing, context and outputs are tried before anything is trained."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from hemosweep.ablation.sweep import Arm
from hemosweep.config import ArmConfig, InferenceConfig, SamplingConfig, TrainingConfig
from hemosweep.errors import BadInput
from hemosweep.model.losses.weighted import WeightedCE
from hemosweep.model.networks.segresnet import SegResNet
from hemosweep.model.outputs import Output
from hemosweep.model.weight_maps.border import BorderWeights
from hemosweep.workflows.sweeping.component_check import check_components


@dataclass(frozen=True)
class Turns:
    kind: str = ""

    def build(self):
        def turn(x_BCDHW, maps):
            if self.kind == "fails":
                raise RuntimeError("no such axis")
            return x_BCDHW.flip(4), maps[:0] if self.kind == "forgets" else tuple(one.flip(3) for one in maps)

        return turn


@dataclass(frozen=True)
class Keeps:
    kind: str = ""

    def apply(self, mask_DHW, probability_DHW, spacing_DHW_mm):
        return mask_DHW if self.kind == "" else mask_DHW.astype("u1")


class SlabNet(nn.Module):
    def __init__(self, in_channels, kind):
        super().__init__()
        self.last, self.kind = nn.Conv3d(in_channels, 2, (3, 1, 1)), kind

    def forward(self, x_BCDHW):
        logits = self.last(x_BCDHW)
        slices = logits.mean(dim=(3, 4))
        outputs = (Output(logits, 0.5), Output(slices[..., 1:] if self.kind == "slices" else slices, 0.5))
        return outputs if self.kind != "plain" else tuple(one.logits for one in outputs)


@dataclass(frozen=True)
class Slab:
    kind: str = ""
    context_DHW: tuple[int, ...] = (1, 0, 0)
    patch_multiple: tuple[int, ...] = (1, 1, 1)

    def build(self, *, in_channels):
        return SlabNet(in_channels, self.kind)


BASE = ArmConfig(
    sampling=SamplingConfig(patch_HWD=(4, 4, 3), transforms=(Turns(),)),
    network=Slab(),
    training=TrainingConfig(loss=WeightedCE(weight_map=BorderWeights())),
    inference=InferenceConfig(postprocessing=(Keeps(),)),
)


def check(config):
    check_components([Arm(name="arm", params={}, config=config)], (), Path(__file__).parent)


def test_components_that_keep_their_promises_pass():
    check(BASE)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            replace(BASE, sampling=replace(BASE.sampling, transforms=(Turns("forgets"),))),
            r"transforms Turns \(test_component_check.py, line \d+\): it returns .*; return the images and the maps",
        ),
        (
            replace(BASE, sampling=replace(BASE.sampling, transforms=(Turns("fails"),))),
            r"test_component_check.py:\d+: transforms Turns fails \(.*no such axis.*\); mend it there",
        ),
        (
            replace(BASE, inference=InferenceConfig(postprocessing=(Keeps("numbers"),))),
            "it returns uint8 .*; return bool",
        ),
        (replace(BASE, network=Slab("slices")), r"logits of slices are \(2, 2, 0\), while 1 slices are labelled"),
        (replace(BASE, network=Slab("plain")), r"network Slab .*it makes tuple; return logits \(2, 2, 1, 4, 4\)"),
    ],
    ids=["forgets", "fails", "numbers", "slices", "plain"],
)
def test_one_that_does_not_is_named_with_its_line(config, message):
    with pytest.raises(BadInput, match=message):
        check(config)


def test_a_network_whose_package_is_absent_is_refused_before_anything_is_trained(monkeypatch):
    # None in place of a module: it is found no more, as if it were absent.
    monkeypatch.setitem(sys.modules, "monai", None)
    arm = Arm(name="a", params={}, config=replace(ArmConfig(), network=SegResNet()))
    with pytest.raises(BadInput, match=r"^SegResNet comes from monai .*pip install 'hemosweep\[monai\]'$"):
        check_components([arm], (), Path())
