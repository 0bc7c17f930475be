import copy
import os
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hemosweep.model.device import THREADS, Device, choose_device
from hemosweep.model.losses.soft_dice import dice_ce_loss
from hemosweep.model.unet import SEUNet

CPU_ONLY = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device, which is chosen instead")


@pytest.fixture
def device() -> Iterator[Device]:
    """The device that is chosen here; the other tests keep their number of threads."""
    before = torch.get_num_threads()
    yield choose_device()
    torch.set_num_threads(before)


@CPU_ONLY
def test_without_cuda_the_cpu_computes_in_float32_and_channels_last(device: Device) -> None:
    assert device.torch_device == torch.device("cpu")
    assert device.name == "cpu"
    assert (device.bf16, device.channels_last) == (False, True)
    with device.autocast():
        assert F.conv3d(torch.ones(1, 1, 3, 3, 3), torch.ones(1, 1, 3, 3, 3)).dtype == torch.float32


@CPU_ONLY
@pytest.mark.parametrize("in_channels", [4, 8, 12])
def test_a_1x1_convolution_with_a_stride_and_few_channels_has_the_right_gradient(in_channels: int) -> None:
    # As placed in channels_last, oneDNN wrote beyond its memory here: the process died, or the gradient was wrong.
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(in_channels, 16, 1, stride=2, bias=False)
    expected, placed = copy.deepcopy(layer).double(), cpu(channels_last=True).place(torch.nn.Sequential(layer))
    x_BCHW = torch.randn(2, in_channels, 60, 60)
    for _ in range(3):
        placed.zero_grad()
        placed(x_BCHW.contiguous(memory_format=torch.channels_last)).square().sum().backward()
    expected(x_BCHW.double()).square().sum().backward()
    assert torch.allclose(layer.weight.grad.double(), expected.weight.grad, rtol=1e-4)


def test_a_fold_run_beside_others_has_its_share_of_threads(monkeypatch: pytest.MonkeyPatch, device: Device) -> None:
    monkeypatch.setenv(THREADS, "1")
    assert choose_device().num_threads == torch.get_num_threads() == 1


def test_the_threads_are_the_processors_of_this_process(device: Device) -> None:
    assert 1 <= device.num_threads <= (os.cpu_count() or 1)
    assert torch.get_num_threads() == device.num_threads


def cpu(*, channels_last: bool) -> Device:
    return Device(torch_device=torch.device("cpu"), bf16=False, channels_last=channels_last, num_threads=1)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_network_of_slices_is_placed_with_the_layout_of_slices(channels_last: bool) -> None:
    model = torch.nn.Sequential(torch.nn.Conv3d(2, 4, 3), torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4))
    values = [parameter.detach().clone() for parameter in model.parameters()]
    placed = cpu(channels_last=channels_last).place(model)
    assert placed[0].weight.is_contiguous(memory_format=torch.channels_last_3d) is channels_last
    assert placed[1].weight.is_contiguous(memory_format=torch.channels_last) is channels_last
    assert all(torch.equal(*both) for both in zip(placed.parameters(), values, strict=True))


def test_either_memory_layout_gives_the_same_outputs_and_gradients() -> None:
    torch.manual_seed(0)
    model = SEUNet(in_channels=2, width=4, dropout=0.0)
    x_BCDHW, label_BDHW = torch.randn(2, 2, 4, 8, 12), torch.randint(0, 2, (2, 4, 8, 12))
    outputs, gradients = [], []
    for channels_last in (False, True):
        device = cpu(channels_last=channels_last)
        placed = device.place(copy.deepcopy(model))
        arranged = device.arrange(x_BCDHW)
        assert arranged.is_contiguous(memory_format=torch.channels_last_3d) is channels_last
        logits_BCDHW = placed(arranged)
        dice_ce_loss(logits_BCDHW, label_BDHW).backward()
        outputs.append(logits_BCDHW.detach())
        gradients.append([parameter.grad for parameter in placed.parameters()])
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-5, rtol=1e-5)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(2, 6, 6), (2, 4, 4), (4, 6, 6), (2, 8, 8)])
def test_the_chosen_arithmetic_gives_the_right_weight_gradient_on_small_volumes(
    device: Device, shape: tuple[int, int, int]
) -> None:
    # oneDNN's bf16 gradient is wrong, up to NaN, where a volume is two slices deep: the deepest level of the demo.
    torch.manual_seed(0)
    x, weight, upstream = torch.randn(4, 16, *shape), torch.randn(8, 16, 3, 3, 3) / 20, torch.randn(4, 8, *shape)

    def gradient(x: Tensor, weight: Tensor, upstream: Tensor) -> Tensor:
        weight = weight.clone().requires_grad_()
        F.conv3d(x, weight, padding=1).backward(upstream)
        assert weight.grad is not None
        return weight.grad.double().cpu()

    right = gradient(x.double(), weight.double(), upstream.double())
    dtype = torch.bfloat16 if device.bf16 else torch.float32
    chosen = [device.arrange(tensor.to(device.torch_device, dtype)) for tensor in (x, weight, upstream)]
    error = (gradient(*chosen) - right).abs().max() / right.abs().max()
    assert error < (0.02 if device.bf16 else 1e-5)
