"""Losses beside the paper's, against PyTorch's own and by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from hemosweep.errors import BadInput
from hemosweep.model.losses.cross_entropy import CrossEntropy
from hemosweep.model.losses.dice import SoftDice
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal
from hemosweep.model.losses.generalised_dice_ce import GeneralisedDiceCE
from hemosweep.model.losses.mixed import Mixed
from hemosweep.model.losses.weighted import WeightedCE
from hemosweep.model.weight_maps.border import BorderWeights
from hemosweep.model.weight_maps.component_size import ComponentSizeWeights
from hemosweep.testing.losses import LossContract

WEIGHTED = WeightedCE(weight_map=BorderWeights())
COMPONENTS = [
    CrossEntropy(),
    CrossEntropy(lesion_weight=3.0),
    CrossEntropy(lesion_weight="balanced"),
    SoftDice(),
    SoftDice(over="sample"),
    SoftDice(background=False),
    SoftDice(over="sample", background=False),
    GeneralisedDiceCE(),
    WEIGHTED,
    WeightedCE(weight_map=ComponentSizeWeights(), gamma=2.0),
    Mixed(parts=((DiceCE(), 1.0), (Focal(), 0.5))),
    Mixed(parts=((SoftDice(), 1.0), (WEIGHTED, 2.0))),
]


@pytest.mark.parametrize("component", COMPONENTS, ids=str)
class TestOurs(LossContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


def batch():
    random = torch.Generator().manual_seed(0)
    label_BDHW = (torch.rand((3, 2, 4, 5), generator=random) > 0.8).long()
    return torch.randn((3, 2, 2, 4, 5), generator=random), label_BDHW


def test_the_cross_entropy_is_torch_s_and_the_binary_one_of_the_difference():
    logits_BCDHW, label_BDHW = batch()
    value = CrossEntropy().build()(logits_BCDHW, label_BDHW)
    torch.testing.assert_close(value, F.cross_entropy(logits_BCDHW, label_BDHW))
    difference = logits_BCDHW[:, 1] - logits_BCDHW[:, 0]
    torch.testing.assert_close(value, F.binary_cross_entropy_with_logits(difference, label_BDHW.float()))


def test_a_weight_of_the_lesion_is_torch_s():
    logits_BCDHW, label_BDHW = batch()
    value = CrossEntropy(lesion_weight=3.0).build()(logits_BCDHW, label_BDHW)
    torch.testing.assert_close(value, F.cross_entropy(logits_BCDHW, label_BDHW, weight=torch.tensor([1.0, 3.0])))


@pytest.mark.parametrize(("at_most", "share_of"), [(100.0, None), (2.0, 2.0)])
def test_balanced_takes_the_ratio_of_the_batch_up_to_its_limit(at_most, share_of):
    logits_BCDHW, label_BDHW = batch()
    ratio = share_of or float((label_BDHW == 0).sum() / label_BDHW.sum())
    value = CrossEntropy(lesion_weight="balanced", at_most=at_most).build()(logits_BCDHW, label_BDHW)
    torch.testing.assert_close(value, F.cross_entropy(logits_BCDHW, label_BDHW, weight=torch.tensor([1.0, ratio])))


def test_dice_of_each_patch_is_the_mean_of_the_patches_own():
    logits_BCDHW, label_BDHW = batch()
    each = [SoftDice().build()(logits_BCDHW[[i]], label_BDHW[[i]]) for i in range(3)]
    value = SoftDice(over="sample").build()(logits_BCDHW, label_BDHW)
    torch.testing.assert_close(value, torch.stack(each).mean())


def test_dice_without_background_is_the_lesion_s():
    logits_BCDHW, label_BDHW = batch()
    p_BDHW = logits_BCDHW.softmax(1)[:, 1]
    dice = 2.0 * (p_BDHW * label_BDHW).sum() / (p_BDHW.sum() + label_BDHW.sum())
    value = SoftDice(background=False).build()(logits_BCDHW, label_BDHW)
    torch.testing.assert_close(value, 1.0 - dice, rtol=1e-4, atol=1e-5)


def test_weights_of_voxels_multiply_their_losses():
    logits_BCDHW = torch.zeros(1, 2, 1, 1, 2)
    label_BDHW, weight_BDHW = torch.tensor([[[[0, 1]]]]), torch.tensor([[[[1.0, 5.0]]]])
    assert WEIGHTED.build()(logits_BCDHW, label_BDHW, weight_BDHW).item() == pytest.approx(3.0 * math.log(2.0))
    focal = WeightedCE(weight_map=BorderWeights(), gamma=2.0).build()
    assert focal(logits_BCDHW, label_BDHW, weight_BDHW).item() == pytest.approx(0.25 * 3.0 * math.log(2.0))
    ones = torch.ones_like(weight_BDHW)
    torch.testing.assert_close(focal(logits_BCDHW, label_BDHW, ones), Focal().build()(logits_BCDHW, label_BDHW))


def test_a_mix_is_the_sum_of_its_parts():
    logits_BCDHW, label_BDHW = batch()
    weight_BDHW = torch.rand(label_BDHW.shape)
    mixed = Mixed(parts=((DiceCE(), 2.0), (WEIGHTED, 0.5)))
    assert mixed.weight_map == BorderWeights()
    expected = 2.0 * DiceCE().build()(logits_BCDHW, label_BDHW) + 0.5 * WEIGHTED.build()(
        logits_BCDHW, label_BDHW, weight_BDHW
    )
    torch.testing.assert_close(mixed.build()(logits_BCDHW, label_BDHW, weight_BDHW), expected)
    assert Mixed(parts=((DiceCE(), 1.0),)).weight_map is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropy(lesion_weight="even"), "lesion_weight='even'"),
        (lambda: CrossEntropy(lesion_weight=0.0), "lesion_weight=0.0: must be positive"),
        (lambda: CrossEntropy(at_most=math.inf), "at_most"),
        (lambda: SoftDice(over="case"), "over='case': choose one of batch, sample"),
        (lambda: WeightedCE(weight_map=DiceCE()), "weight_map=DiceCE .* has no weights"),
        (lambda: WeightedCE(weight_map=BorderWeights(), gamma=-1.0), "gamma=-1.0"),
        (lambda: Mixed(parts=()), r"parts=\(\): give pairs"),
        (lambda: Mixed(parts=(DiceCE(),)), "is no pair"),
        (lambda: Mixed(parts=((DiceCE(), 0.0),)), "its weight is 0.0"),
        (
            lambda: Mixed(parts=((WEIGHTED, 1.0), (WeightedCE(weight_map=ComponentSizeWeights()), 1.0))),
            "their weight maps differ",
        ),
    ],
)
def test_an_impossible_one_is_refused(make, message):
    with pytest.raises(BadInput, match=message):
        make()
