"""Facts of single architectures that their shapes do not tell."""

import math

import pytest
import torch
from torch import nn

from hemosweep.model.architectures.cascade import LEAST_PROBABILITY, Cascade
from hemosweep.model.architectures.drn import DRN38
from hemosweep.model.architectures.hssayeni import hssayeni_unet
from hemosweep.model.architectures.psinet import ContextualAttention, PsiNet, SelfAttention
from hemosweep.model.architectures.siamese import SiameseUNet
from hemosweep.model.architectures.sunet import sunet2d


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def modules(network, kind):
    return [module for module in network.modules() if type(module) is kind]


def test_the_loss_of_hssayeni_s_two_logits_is_the_binary_one_of_its_logit():
    logits_BCHW = hssayeni_unet(1, 4, 0.5).eval()(torch.randn(2, 1, 16, 16))
    label_BHW = torch.randint(0, 2, (2, 16, 16))
    found = nn.functional.cross_entropy(logits_BCHW, label_BHW)
    expected = nn.functional.binary_cross_entropy_with_logits(logits_BCHW[:, 1], label_BHW.float())
    torch.testing.assert_close(found, expected)
    assert not logits_BCHW[:, 0].any()


def test_hssayeni_s_network_begins_with_he_s_weights_and_no_bias():
    network = hssayeni_unet(1, 16, 0.5)
    assert not any(parameter.any() for name, parameter in network.named_parameters() if name.endswith("bias"))
    deepest = network.encoder.blocks[-1][0][2].weight
    assert deepest.std().item() == pytest.approx(math.sqrt(2.0 / (9 * 256)), rel=0.01)


def test_hssayeni_s_network_drops_values_at_its_two_deepest_levels():
    drops = modules(hssayeni_unet(1, 2, 0.5), nn.Dropout)
    assert [drop.p for drop in drops] == [0.5, 0.5]


def test_sunet_drops_channels_at_its_three_deepest_levels():
    network = sunet2d(1, 2, 0.2)
    assert [drop.p for drop in modules(network, nn.Dropout2d)] == [0.0, 0.0, 0.2, 0.2, 0.2]
    assert {norm.momentum for norm in modules(network, nn.BatchNorm2d)} == {0.01}


def test_a_dilated_network_sees_at_an_eighth_of_the_size():
    features = DRN38(1, 2).features.eval()(torch.zeros(1, 1, 32, 48))
    assert features.shape == (1, 64, 4, 6)


def test_self_attention_begins_as_nothing_and_then_adds_a_mean_of_all_places():
    attention, x_BCHW = SelfAttention(8), torch.randn(2, 8, 3, 4)
    assert torch.equal(attention(x_BCHW), x_BCHW)
    nn.init.ones_(attention.gamma)
    nn.init.zeros_(attention.query.weight)  # All places weigh the same.
    nn.init.zeros_(attention.query.bias)
    mean_BC11 = attention.value(x_BCHW).mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(attention(x_BCHW), x_BCHW + mean_BC11)


def test_contextual_attention_weighs_the_skip_connection_alone():
    join = ContextualAttention(4)
    skip_BCHW, up_BCHW = torch.randn(2, 4, 6, 6), torch.randn(2, 4, 6, 6)
    nn.init.zeros_(join.gate.weight)
    nn.init.zeros_(join.gate.bias)  # A gate of 1/2 everywhere.
    torch.testing.assert_close(join(skip_BCHW, up_BCHW), torch.cat([skip_BCHW / 2, up_BCHW], dim=1))


def test_psinet_s_slices_have_their_weight_and_none_leaves_their_head_out():
    x_BCHW = torch.randn(2, 1, 16, 16)
    whole, slices = PsiNet(1, 4, 0.1).train()(x_BCHW)
    assert (whole.weight, slices.weight) == (1.0, 0.1)
    assert slices.logits.shape == (2, 2)
    alone = PsiNet(1, 4, 0.0)
    assert isinstance(alone.train()(x_BCHW), torch.Tensor)
    assert alone.slice_head is None


def test_siamese_skip_connections_hold_nothing_where_both_images_agree():
    network = SiameseUNet(4).eval()
    decoded = []
    network.decoder.register_forward_hook(lambda module, inputs, output: decoded.append(inputs[0]))
    ct, other = torch.randn(2, 1, 1, 16, 16)
    network(torch.cat([ct, ct], dim=1))
    network(torch.cat([ct, other], dim=1))
    for agreeing, differing in zip(*(features[:-1] for features in decoded), strict=True):
        width = agreeing.shape[1] // 2
        patient = agreeing[:, :width]
        assert not agreeing[:, width:].any()
        assert torch.equal(differing[:, :width], patient)
        assert differing[:, width:].any()
    assert torch.equal(decoded[0][-1], decoded[1][-1])


class Constant(nn.Module):
    """The same logits for every voxel or slice."""

    def __init__(self, lesion, *, voxels):
        super().__init__()
        self.logits, self.voxels = torch.tensor([0.0, lesion]), voxels

    def forward(self, x_BCHW):
        logits_BC = self.logits.expand(len(x_BCHW), 2)
        return logits_BC[..., None, None].expand(-1, -1, *x_BCHW.shape[2:]) if self.voxels else logits_BC


def cascade(segmented, classified):
    network = Cascade(2, 1.0).eval()
    network.segment = nn.ModuleList(Constant(lesion, voxels=True) for lesion in segmented)
    network.classify = nn.ModuleList(Constant(lesion, voxels=False) for lesion in classified)
    return network(torch.zeros(3, 2, 16, 16)).softmax(dim=1)[:, 1]


def test_a_cascade_averages_the_probabilities_of_both_windows():
    logit = math.log(3.0)  # A probability of 3/4, and with the other sign of 1/4.
    torch.testing.assert_close(cascade((logit, logit), (1.0, 1.0)), torch.full((3, 16, 16), 0.75))
    torch.testing.assert_close(cascade((logit, -logit), (1.0, 1.0)), torch.full((3, 16, 16), 0.5))


@pytest.mark.parametrize(("classified", "bleeds"), [((1.0, -1.0), True), ((-1.0, 1.0), True), ((-1.0, -1.0), False)])
def test_a_slice_of_a_cascade_bleeds_where_either_window_says_so(classified, bleeds):
    lesion_BHW = cascade((9.0, 9.0), classified)
    if bleeds:
        assert (lesion_BHW > 0.99).all()
    else:
        torch.testing.assert_close(lesion_BHW, torch.full((3, 16, 16), LEAST_PROBABILITY))


def test_the_four_networks_of_a_cascade_are_trained_by_outputs_of_their_own():
    outputs = Cascade(2, 0.4).train()(torch.randn(2, 2, 16, 16))
    assert [output.weight for output in outputs] == pytest.approx([0.5, 0.5, 0.2, 0.2])
    assert [tuple(output.logits.shape) for output in outputs] == [(2, 2, 16, 16)] * 2 + [(2, 2)] * 2
