import pytest
import torch
import torch.nn.functional as F

from hemosweep.model.architectures.layers2d import MaxPool2d, SqueezeExcitation2d, resize_bilinear
from hemosweep.model.architectures.residual2d import BasicBlock, ResNet
from hemosweep.model.unet import SqueezeExcitation


@pytest.mark.parametrize("size_HW", [(8, 10), (32, 40), (16, 5), (13, 21)])
def test_bilinear_interpolation_is_pytorch_s_in_value_and_gradient(size_HW):
    torch.manual_seed(0)
    found_BCHW = torch.randn(2, 3, 4, 5, requires_grad=True)
    expected_BCHW = found_BCHW.detach().clone().requires_grad_()
    found = resize_bilinear(found_BCHW, size_HW)
    expected = F.interpolate(expected_BCHW, size=size_HW, mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(found_BCHW.grad, expected_BCHW.grad)


def test_bilinear_interpolation_keeps_the_precision_of_its_input():
    assert resize_bilinear(torch.ones(1, 1, 2, 2, dtype=torch.bfloat16), (4, 4)).dtype == torch.bfloat16


def test_deterministic_pooling_is_max_pooling():
    x_BCHW = torch.randn(2, 3, 8, 12)
    torch.use_deterministic_algorithms(True)
    try:
        found = MaxPool2d()(x_BCHW)
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(found, F.max_pool2d(x_BCHW, 2))
    assert torch.equal(MaxPool2d()(x_BCHW), found)


def test_the_excitation_of_a_slice_is_that_of_a_patch_one_slice_deep():
    torch.manual_seed(0)
    flat, deep = SqueezeExcitation2d(8, 2), SqueezeExcitation(8, 2)
    flat.load_state_dict(deep.state_dict())
    x_BCHW = torch.randn(2, 8, 4, 6)
    torch.testing.assert_close(flat(x_BCHW), deep(x_BCHW[:, :, None])[:, :, 0])


@pytest.mark.parametrize(("num_blocks", "published"), [((2, 2, 2, 2), 11_689_512), ((3, 4, 6, 3), 21_797_672)])
def test_a_resnet_has_the_published_number_of_parameters(num_blocks, published):
    with torch.device("meta"):
        network = ResNet(3, 64, num_blocks)
    classifier_of_imagenet = 512 * 1000 + 1000
    assert sum(parameter.numel() for parameter in network.parameters()) == published - classifier_of_imagenet


@pytest.mark.parametrize(("dilated", "coarsest"), [(False, 2), (True, 4)])
def test_a_resnet_gives_ever_coarser_features_down_to_a_16th_where_it_is_dilated(dilated, coarsest):
    features = ResNet(1, 2, (1, 1, 1, 1), dilated=dilated).eval()(torch.zeros(1, 1, 64, 64))
    assert [tuple(feature.shape) for feature in features] == [
        (1, 2, 16, 16),
        (1, 4, 8, 8),
        (1, 8, 4, 4),
        (1, 16, coarsest, coarsest),
    ]


def test_a_shortcut_has_weights_only_where_size_or_channels_change():
    assert isinstance(BasicBlock(4, 4).shortcut, torch.nn.Identity)
    assert not isinstance(BasicBlock(4, 8).shortcut, torch.nn.Identity)
    assert not isinstance(BasicBlock(4, 4, stride=2).shortcut, torch.nn.Identity)
