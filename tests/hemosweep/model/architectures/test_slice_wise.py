import torch
from torch import nn

from hemosweep.model.architectures.layers2d import double_convolution
from hemosweep.model.architectures.slice_wise import SliceWise
from hemosweep.model.outputs import Output


class Channels(nn.Module):
    """Two of its input channels as logits."""

    def __init__(self, first, second):
        super().__init__()
        self.kept = [first, second]

    def forward(self, x_BCHW):
        return x_BCHW[:, self.kept]


class Several(nn.Module):
    """Logits at full and half resolution, and those of slices."""

    def forward(self, x_BCHW):
        return (
            Output(x_BCHW, 1.0),
            Output(x_BCHW[:, :, ::2, ::2], 0.5),
            Output(x_BCHW.mean(dim=(2, 3)), 0.25),
        )


def test_slices_are_labelled_as_if_each_were_alone():
    torch.manual_seed(0)
    module = SliceWise(double_convolution(3, 2)).eval()
    x_BCDHW = torch.randn(2, 3, 4, 6, 8)
    together = module(x_BCDHW)
    assert together.shape == (2, 2, 4, 6, 8)
    for number in range(4):
        alone = module(x_BCDHW[:, :, number : number + 1])
        torch.testing.assert_close(together[:, :, number : number + 1], alone)


def test_neighbours_are_channels_of_the_slice_in_the_middle():
    # Channels of one run of slices: below (CT, mirror image), middle (CT, mirror image), above (CT, mirror image).
    x_BCDHW = torch.randn(2, 2, 5, 4, 6)
    ct, mirrored = x_BCDHW[:, 0], x_BCDHW[:, 1]

    def kept(first, second):
        return SliceWise(Channels(first, second), num_neighbours=1)(x_BCDHW)

    assert torch.equal(kept(2, 3), torch.stack([ct[:, 1:-1], mirrored[:, 1:-1]], dim=1))
    assert torch.equal(kept(0, 5), torch.stack([ct[:, :-2], mirrored[:, 2:]], dim=1))


def test_each_output_in_training_becomes_one_of_patches():
    x_BCDHW = torch.randn(2, 2, 3, 4, 6)
    whole, half, slices = SliceWise(Several())(x_BCDHW)
    assert [output.weight for output in (whole, half, slices)] == [1.0, 0.5, 0.25]
    assert torch.equal(whole.logits, x_BCDHW)
    assert torch.equal(half.logits, x_BCDHW[..., ::2, ::2])
    assert torch.equal(slices.logits, x_BCDHW.mean(dim=(3, 4)))


def test_the_layout_of_a_patch_becomes_that_of_its_slices():
    seen = []

    class Look(nn.Module):
        def forward(self, x_BCHW):
            seen.append(x_BCHW.is_contiguous(memory_format=torch.channels_last))
            return x_BCHW

    SliceWise(Look())(torch.randn(2, 2, 3, 4, 6).contiguous(memory_format=torch.channels_last_3d))
    assert seen == [True]
