from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hemosweep.model.layers import MaxPool
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal
from hemosweep.model.losses.soft_dice import dice_ce_loss
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.unet import SEUNet, SqueezeExcitation


def num_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_paper_s_network_has_the_paper_s_number_of_parameters() -> None:
    assert num_parameters(SEUNet(in_channels=2, width=64)) == 2_263_042


def test_the_number_of_parameters_follows_from_the_layers() -> None:
    def convolutions(first: int, in_channels: int) -> int:
        second, third = 2 * first, 3 * first
        threes = in_channels * first + first * second + second * third + 2 * second * second + 2 * first * first
        twos = third * second + second * first
        norms = 2 * (first + second + third + second + second + first + first)
        return 27 * threes + 8 * twos + norms + 2 * first + 2

    def excitations(first: int) -> int:
        return sum(2 * channels * max(1, channels // 16) for channels in (first, 2 * first, 2 * first, first))

    for width, in_channels in ((64, 2), (64, 1), (8, 1), (1, 3)):
        plain = SEUNet(in_channels=in_channels, width=width, se=False)
        assert num_parameters(plain) == convolutions(width, in_channels)
        with_se = SEUNet(in_channels=in_channels, width=width)
        assert num_parameters(with_se) == convolutions(width, in_channels) + excitations(width)


def test_without_se_there_is_no_excitation() -> None:
    plain = SEUNet(width=4, se=False)
    assert not any(isinstance(module, SqueezeExcitation) for module in plain.modules())
    assert sum(isinstance(module, SqueezeExcitation) for module in SEUNet(width=4).modules()) == 4


@pytest.mark.parametrize("shape", [(4, 4, 4), (8, 16, 16), (16, 12, 20)])
@pytest.mark.parametrize("in_channels", [1, 2])
def test_logits_of_two_classes_have_the_input_s_size(shape: tuple[int, int, int], in_channels: int) -> None:
    logits = SEUNet(in_channels=in_channels, width=2)(torch.zeros(2, in_channels, *shape))
    assert logits.shape == (2, 2, *shape)


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    model = SEUNet(in_channels=1, width=32, dropout=0.0)
    model(torch.randn(2, 1, 8, 8, 8)).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0] == []


def test_dropout_acts_in_training_and_not_in_inference() -> None:
    torch.manual_seed(0)
    model, x_BCDHW = SEUNet(in_channels=1, width=4, dropout=0.5), torch.randn(2, 1, 8, 8, 8)
    assert not torch.equal(model(x_BCDHW), model(x_BCDHW))
    model.eval()
    assert torch.equal(model(x_BCDHW), model(x_BCDHW))


@pytest.fixture
def deterministic() -> Iterator[None]:
    """PyTorch as `choose_device` leaves it on CUDA where that is to repeat its bits."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def pooled(pool: torch.nn.Module, x_BCDHW: Tensor, *, behind: torch.nn.Module) -> tuple[Tensor, Tensor]:
    """Result of the pooling behind a module, and a gradient in front of that module."""
    leaf = x_BCDHW.clone().requires_grad_()
    y_BCDHW = pool(behind(leaf))
    weight = torch.randn(y_BCDHW.shape, generator=torch.Generator().manual_seed(1)).to(y_BCDHW.dtype)
    (y_BCDHW * weight).sum().backward()
    return y_BCDHW.detach(), leaf.grad


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d], ids=str)
@pytest.mark.parametrize("behind", [torch.nn.ReLU(), torch.nn.Sequential(torch.nn.ReLU(), SqueezeExcitation(3))])
def test_deterministic_pooling_is_max_pooling(behind: torch.nn.Module, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    # Below zero for the most part, so that many blocks of eight hold nothing but zeros behind the rectifier.
    x_BCDHW = (torch.randn(2, 3, 4, 8, 12) - 1.5).contiguous(memory_format=layout)
    assert (F.max_pool3d(x_BCDHW, 2) <= 0).float().mean() > 0.3
    found = pooled(MaxPool(), x_BCDHW, behind=behind)
    expected = pooled(torch.nn.MaxPool3d(2), x_BCDHW, behind=behind)
    torch.testing.assert_close(found, expected)


@pytest.mark.usefixtures("deterministic")
def test_voxels_that_share_a_maximum_share_its_gradient_in_deterministic_pooling() -> None:
    x_BCDHW = torch.zeros(1, 1, 2, 2, 2)
    x_BCDHW[0, 0, 1, 1] = 3.0
    x_BCDHW.requires_grad_()
    y_BCDHW = MaxPool()(x_BCDHW)
    y_BCDHW.sum().backward()
    assert y_BCDHW.item() == 3.0
    assert x_BCDHW.grad.flatten().tolist() == [0.0] * 6 + [0.5, 0.5]


def test_either_pooling_gives_the_network_the_same_gradients(deterministic: None) -> None:
    torch.manual_seed(0)
    model, x_BCDHW = SEUNet(in_channels=1, width=4, dropout=0.0), torch.randn(2, 1, 8, 12, 16)
    gradients = []
    for mode in (True, False):
        torch.use_deterministic_algorithms(mode)
        model.zero_grad()
        model(x_BCDHW).square().mean().backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    torch.testing.assert_close(*gradients)


def test_excitation_by_hand() -> None:
    block = SqueezeExcitation(2, reduction=2)
    block.squeeze.weight.data = torch.tensor([[1.0, 2.0]])
    block.excite.weight.data = torch.tensor([[1.0], [-1.0]])
    x_BCDHW = torch.zeros(2, 2, 1, 1, 2)
    x_BCDHW[0, 0] = torch.tensor([0.0, 2.0])  # mean 1
    x_BCDHW[0, 1] = torch.tensor([1.0, 0.0])  # mean 1/2: squeezed to 1 + 2/2 = 2, gates sigmoid(2) and sigmoid(-2)
    x_BCDHW[1, 0] = torch.tensor([-3.0, 1.0])  # mean -1: the rectifier leaves 0, gates 1/2
    with torch.no_grad():
        y_BCDHW = block(x_BCDHW)
    torch.testing.assert_close(y_BCDHW[0, 0].flatten(), torch.tensor([0.0, 2 * 0.8807970779778823]))
    torch.testing.assert_close(y_BCDHW[0, 1].flatten(), torch.tensor([0.11920292202211755, 0.0]))
    torch.testing.assert_close(y_BCDHW[1, 0].flatten(), torch.tensor([-1.5, 0.5]))


def test_excitation_reduces_by_16_and_to_one_at_least() -> None:
    assert SqueezeExcitation(128).squeeze.weight.shape == (8, 128)
    assert SqueezeExcitation(2).squeeze.weight.shape == (1, 2)


def test_channel_dropout_leaves_out_whole_channels_where_the_other_leaves_out_values() -> None:
    ones_BCDHW = torch.ones(4, 16, 4, 4, 4)
    for channel_dropout in (False, True):
        model = SEUNet3D(width=4, dropout=0.5, channel_dropout=channel_dropout).build(in_channels=1)
        drop = model.down[1]
        assert {type(module) for module in (drop, model.up1[-1], model.up2[-1])} == {type(drop)}
        torch.manual_seed(0)
        kept_BC = (drop(ones_BCDHW) > 0).flatten(2).float().mean(dim=2)
        whole = ((kept_BC == 0) | (kept_BC == 1)).all()
        assert whole == channel_dropout
    assert SEUNet3D().channel_dropout is False


def test_the_builders_follow_the_configuration() -> None:
    model = SEUNet3D(width=4, se=False, dropout=0.3).build(in_channels=3)
    assert model.encode1[0].weight.shape == (4, 3, 3, 3, 3)
    assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == {0.3}
    assert DiceCE().build() is dice_ce_loss
    assert Focal(gamma=1.5).build().keywords == {"gamma": 1.5}
