"""The 3D networks at full width: parameters, a training step, a window, and what their packages' own builders make."""

import pytest
import torch
from torch import nn

from hemosweep.components.context import context_of, labelled_part
from hemosweep.model.networks.cicek_unet3d import CicekUNet3D
from hemosweep.model.networks.cnn_ds_like import CNNDSLike
from hemosweep.model.networks.deepbleed import DeepBleedVNet
from hemosweep.model.networks.dna_unets import PlainConv, ResEnc
from hemosweep.model.networks.dynunet import DynUNet
from hemosweep.model.networks.hybrid3d2d_fpn import Hybrid3D2DFPN
from hemosweep.model.networks.mednext import MedNeXtS
from hemosweep.model.networks.segresnet import SegResNet
from hemosweep.model.networks.swin_unetr import SwinUNETR
from hemosweep.model.networks.unetr import UNETR
from hemosweep.model.outputs import Output, loss_of_outputs

pytestmark = pytest.mark.slow

PAPER_DHW = (16, 32, 32)
NETWORKS = [
    (CicekUNet3D(), PAPER_DHW, 5_601_154),
    (Hybrid3D2DFPN(), PAPER_DHW, 1_560_290),
    (DeepBleedVNet(), PAPER_DHW, 22_546_101),
    (DeepBleedVNet(tied=False), PAPER_DHW, 65_171_861),
    (CNNDSLike(), PAPER_DHW, 7_114_342),
    (SegResNet(), PAPER_DHW, 4_700_914),
    (SegResNet(width=32), PAPER_DHW, 18_796_002),
    (DynUNet(), PAPER_DHW, 16_317_794),
    (MedNeXtS(), PAPER_DHW, 5_550_914),
    (SwinUNETR(), (32, 32, 64), 15_703_004),
    (UNETR(), (32, 64, 64), 92_660_962),
    (PlainConv(), PAPER_DHW, 30_338_954),
    (ResEnc(), PAPER_DHW, 101_271_946),
]


@pytest.mark.parametrize(("component", "patch_DHW", "num_parameters"), NETWORKS, ids=str)
def test_a_network_of_full_width_takes_a_step_and_labels_a_window(component, patch_DHW, num_parameters):
    torch.manual_seed(0)
    module = component.build(in_channels=1).train()
    assert sum(parameter.numel() for parameter in module.parameters()) == num_parameters
    x_BCDHW, labelled_DHW = torch.randn(2, 1, *patch_DHW), labelled_part(patch_DHW, context_of(component))
    label_BDHW = torch.randint(0, 2, (2, *labelled_DHW))
    loss_of_outputs(nn.functional.cross_entropy, module(x_BCDHW), label_BDHW).backward()
    trained = {name: one for name, one in module.named_parameters() if one.requires_grad}
    assert [name for name, one in trained.items() if one.grad is None or not one.grad.isfinite().all()] == []
    before = [parameter.detach().clone() for parameter in module.parameters()]
    torch.optim.Adadelta(module.parameters()).step()
    assert all(parameter.isfinite().all() for parameter in module.parameters())
    assert any(not torch.equal(one, two) for one, two in zip(before, module.parameters(), strict=True))
    with torch.inference_mode():
        logits_BCDHW = module.eval()(x_BCDHW[:1])
    assert logits_BCDHW.shape == (1, 2, *labelled_DHW)
    assert logits_BCDHW.isfinite().all()


def test_med_next_is_the_one_that_monai_calls_s():
    from monai.networks import nets

    torch.manual_seed(0)
    ours = MedNeXtS().build(in_channels=1)
    torch.manual_seed(0)
    theirs = nets.MedNeXtS(spatial_dims=3, in_channels=1, out_channels=2)
    assert str(ours) == str(theirs)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)


def test_a_deeply_supervised_network_of_nn_unet_s_package_gives_logits_of_each_level():
    torch.manual_seed(0)
    module, x_BCDHW = PlainConv(width=2).build(in_channels=1), torch.randn(1, 1, 8, 64, 64)
    outputs = module.train()(x_BCDHW)
    assert all(isinstance(output, Output) for output in outputs)
    sizes = [tuple(output.logits.shape[2:]) for output in outputs]
    assert sizes == [(8, 64, 64), (8, 32, 32), (8, 16, 16), (4, 8, 8), (2, 4, 4)]
    assert [output.weight for output in outputs] == pytest.approx([16 / 31, 8 / 31, 4 / 31, 2 / 31, 1 / 31])
    # Instance normalisation is the same in training: the finest logits are those of evaluation.
    torch.testing.assert_close(module.eval()(x_BCDHW), outputs[0].logits)
