"""Each layer's two forms give the same values and gradients."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hemosweep.model.layers import BatchNorm, InputConvolution, convolve_as_product, max_pool_of_slices


def gradients(function, *inputs):
    """Value and gradients of a function, for a random gradient of its value."""
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    y = function(*leaves)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(7)))
    return y.detach(), [leaf.grad for leaf in leaves]


@given(st.tuples(*[st.integers(1, 3)] * 5), st.integers(0, 9), st.booleans())
def test_pooling_of_slices_is_pytorchs_to_the_bit_ties_included(half, seed, channels_last):
    batch, channels, *space = half
    x = torch.randn(batch, channels, *(2 * size for size in space), generator=torch.Generator().manual_seed(seed))
    x = x.round()  # Ties in most blocks.
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last_3d)
    (ours, [our_gradient]), (theirs, [their_gradient]) = (
        gradients(pool, x) for pool in (max_pool_of_slices, lambda x: F.max_pool3d(x, 2))
    )
    assert torch.equal(ours, theirs)
    assert torch.equal(our_gradient, their_gradient)


def test_pooling_passes_nan_on():
    x = torch.zeros(1, 1, 2, 2, 4)
    x[0, 0, 1, 0, 3] = float("nan")
    assert max_pool_of_slices(x).isnan().tolist() == [[[[[False, True]]]]]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_convolution_as_a_product_is_the_convolution(channels):
    x, weight = torch.randn(2, channels, 3, 4, 5), torch.randn(6, channels, 3, 3, 3)
    (ours, our_gradients), (theirs, their_gradients) = (
        gradients(function, x, weight) for function in (convolve_as_product, lambda x, w: F.conv3d(x, w, padding=1))
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    for our_gradient, their_gradient in zip(our_gradients, their_gradients, strict=True):
        torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-4, atol=1e-4)


def test_the_convolution_of_the_input_has_the_parameters_of_any_other():
    ours, theirs = InputConvolution(2, 4), nn.Conv3d(2, 4, 3, padding=1, bias=False)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 2, 4, 4, 4)
    assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_batch_normalisation_of_the_view_is_pytorchs_to_the_bit(channels_last, relu, training):
    torch.manual_seed(0)
    ours = BatchNorm(6, relu=relu)
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    theirs = nn.Sequential(nn.BatchNorm3d(6), nn.ReLU(inplace=True) if relu else nn.Identity())
    theirs[0].load_state_dict(ours.state_dict())
    for number in range(3):
        ours.train(training or number == 0)
        theirs.train(training or number == 0)
        x = torch.randn(4, 6, 2, 8, 10)
        if channels_last:
            x = x.contiguous(memory_format=torch.channels_last_3d)
        (y, [dx]), (their_y, [their_dx]) = (gradients(norm, x) for norm in (ours, theirs))
        assert torch.equal(y, their_y)
        assert torch.equal(dx, their_dx)
        assert torch.equal(ours.weight.grad, theirs[0].weight.grad)
        assert y.stride() == their_y.stride()
    for name, value in theirs[0].state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)
