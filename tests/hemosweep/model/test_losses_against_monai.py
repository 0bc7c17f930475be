"""The losses against MONAI's, which spells the same definitions out in another way: values and gradients."""

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hemosweep.model.losses.focal_loss import focal_loss
from hemosweep.model.losses.generalised_dice import generalised_dice_loss
from hemosweep.model.losses.soft_dice import dice_ce_loss, soft_dice_loss
from hemosweep.training.step import LossFunction as Loss

pytestmark = pytest.mark.slow

EPSILON = 1e-5
# MONAI's denominator is 2 (tp + fp / 2 + fn / 2) = 2 tp + fp + fn, the two volumes' sum: its smoothing is our epsilon.
DICE = {
    "softmax": True,
    "to_onehot_y": True,
    "include_background": True,
    "batch": True,
    "smooth_nr": EPSILON,
    "smooth_dr": EPSILON,
}

SEEDS = st.integers(0, 10_000)
SIZES = st.tuples(*[st.integers(1, 5)] * 3)
# Lesion share of each patch of a batch. Half of a real batch holds no lesion voxel.
SHARES = st.lists(st.sampled_from([0.0, 0.0, 0.02, 0.3, 1.0]), min_size=1, max_size=4)
GAMMAS = (0.0, 0.5, 1.0, 2.0, 3.5)


@pytest.fixture(scope="module")
def monai_losses() -> ModuleType:
    """Imported when the first test runs: it takes seconds, which collecting the tests must not."""
    from monai import losses

    return losses


def batch(seed: int, shares: list[float], size_DHW: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Logits from -4 to 4, as MONAI loses digits of 1 - p where p is nearly 1, and labels of a lesion share a patch."""
    random = torch.Generator().manual_seed(seed)
    logits_BCDHW = 8.0 * torch.rand(len(shares), 2, *size_DHW, generator=random) - 4.0
    share_B111 = torch.tensor(shares)[:, None, None, None]
    return logits_BCDHW, (torch.rand(len(shares), *size_DHW, generator=random) < share_B111).long()


def assert_same(ours: Loss, theirs: Callable[[Tensor, Tensor], Tensor], logits: Tensor, label: Tensor) -> None:
    """Same loss and same gradient; MONAI wants labels with a channel."""
    results = []
    for loss, target in ((ours, label), (theirs, label[:, None])):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, target)
        value.backward()
        assert leaf.grad is not None
        # The gradient of a mean, made one voxel's.
        results.append((value.detach(), leaf.grad * label.numel()))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@given(SEEDS, SHARES, SIZES)
def test_soft_dice_is_monais(
    monai_losses: ModuleType, seed: int, shares: list[float], size_DHW: tuple[int, int, int]
) -> None:
    theirs = monai_losses.DiceLoss(**DICE)
    assert_same(lambda logits, label: soft_dice_loss(logits, label, EPSILON), theirs, *batch(seed, shares, size_DHW))


@given(SEEDS, SHARES, SIZES)
def test_dice_and_cross_entropy_is_monais(
    monai_losses: ModuleType, seed: int, shares: list[float], size_DHW: tuple[int, int, int]
) -> None:
    assert_same(dice_ce_loss, monai_losses.DiceCELoss(**DICE), *batch(seed, shares, size_DHW))


@given(SEEDS, SHARES, SIZES)
def test_generalised_dice_is_monais(
    monai_losses: ModuleType, seed: int, shares: list[float], size_DHW: tuple[int, int, int]
) -> None:
    theirs = monai_losses.GeneralizedDiceLoss(**DICE, w_type="simple")
    assert_same(
        lambda logits, label: generalised_dice_loss(logits, label, EPSILON), theirs, *batch(seed, shares, size_DHW)
    )


@pytest.mark.parametrize("gamma", GAMMAS)
@given(seed=SEEDS, shares=SHARES, size_DHW=SIZES)
def test_focal_loss_is_monais(
    monai_losses: ModuleType, gamma: float, seed: int, shares: list[float], size_DHW: tuple[int, int, int]
) -> None:
    # MONAI takes the mean over voxels and both classes, of which one is zero: half of ours.
    theirs = monai_losses.FocalLoss(gamma=gamma, alpha=None, use_softmax=True, to_onehot_y=True)
    assert_same(
        lambda logits, label: focal_loss(logits, label, gamma),
        lambda logits, label: 2.0 * theirs(logits, label),
        *batch(seed, shares, size_DHW),
    )


def test_a_batch_of_the_papers_size_without_a_lesion_is_monais(monai_losses: ModuleType) -> None:
    logits, label = batch(0, [0.0] * 64, (16, 32, 32))
    assert_same(dice_ce_loss, monai_losses.DiceCELoss(**DICE), logits, label)
