"""The loss of several outputs: weights, labels of a lower resolution, and of whole slices."""

import math

import pytest
import torch

from hemosweep.errors import BadInput
from hemosweep.model.losses.soft_dice import dice_ce_loss
from hemosweep.model.outputs import Output, loss_of_outputs, nearest


def share(logits_BCDHW, label_BDHW):
    """Mean of what is labelled: shows which labels a loss is given."""
    assert logits_BCDHW.shape[2:] == label_BDHW.shape[1:]
    return label_BDHW.float().mean()


def logits(*size):
    return torch.zeros(1, 2, *size)


LABEL = torch.zeros(1, 2, 4, 4, dtype=torch.int64)
LABEL[0, 1, 1:3, 1] = 1  # Rows 1 and 2 of column 1, in the second of two slices.


def test_logits_alone_have_the_loss_itself():
    random = torch.randn(1, 2, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loss_of_outputs(dice_ce_loss, random, LABEL), dice_ce_loss(random, LABEL))


def test_outputs_count_with_their_weights():
    outputs = (Output(logits(2, 4, 4), 0.5), Output(logits(2, 4, 4), 0.25))
    assert loss_of_outputs(share, outputs, LABEL).item() == 0.75 * 2 / 32


def test_half_the_resolution_takes_the_voxels_at_the_centres():
    # Row 1 of two covers rows 2 and 3; their middle is where row 3 begins.
    assert nearest(LABEL, (2, 4, 2))[0, 1].tolist() == [[0, 0], [1, 0], [1, 0], [0, 0]]
    assert nearest(LABEL, (1, 1, 1)).shape == (1, 1, 1, 1)
    assert torch.equal(nearest(torch.arange(6)[None, None, None], (1, 1, 3)).flatten(), torch.tensor([1, 3, 5]))
    assert torch.equal(nearest(torch.arange(6)[None, None, None], (1, 1, 2)).flatten(), torch.tensor([1, 4]))


def test_a_slice_s_label_is_whether_it_holds_lesion():
    sure = torch.zeros(1, 2, 2)
    sure[0, 1, 1] = math.log(3.0)  # The slice with lesion: 3 to 1; the other one: 1 to 1.
    value = loss_of_outputs(share, (Output(logits(2, 4, 4), 1.0), Output(sure, 0.1)), LABEL).item()
    assert value == pytest.approx(2 / 32 + 0.1 * (math.log(4 / 3) + math.log(2)) / 2)


def test_weights_of_voxels_are_cut_as_the_label_is():
    weights = LABEL.float() * 5.0 + 1.0

    def weighted(logits_BCDHW, label_BDHW, weight_BDHW):
        assert torch.equal(weight_BDHW, label_BDHW.float() * 5.0 + 1.0)
        return weight_BDHW.mean()

    outputs = (Output(logits(2, 4, 4), 1.0), Output(logits(2, 2, 2), 1.0))
    assert loss_of_outputs(weighted, outputs, LABEL, weights).shape == ()


def test_logits_of_too_few_slices_are_refused():
    with pytest.raises(BadInput, match=r"logits of slices are \(1, 2, 3\), while 2 slices are labelled"):
        loss_of_outputs(share, (Output(torch.zeros(1, 2, 3), 1.0),), LABEL)
