import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from hemosweep.errors import BadInput
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal
from hemosweep.model.losses.focal_loss import focal_loss
from hemosweep.model.losses.generalised_dice import generalised_dice_loss
from hemosweep.model.losses.generalised_dice_ce import GeneralisedDiceCE
from hemosweep.model.losses.soft_dice import dice_ce_loss, soft_dice_loss
from hemosweep.training.step import LossFunction as Loss


def logits_of(*lesion_probability: float) -> Tensor:
    """Logits of one row of voxels, `(1, 2, 1, 1, W)`."""
    odds = [math.log(p / (1 - p)) for p in lesion_probability]
    return torch.tensor([[0.0] * len(odds), odds]).reshape(1, 2, 1, 1, -1)


def labels(*values: int) -> Tensor:
    return torch.tensor(values).reshape(1, 1, 1, -1)


def test_dice_and_cross_entropy_by_hand() -> None:
    logits = logits_of(0.75, 0.25)
    # Either class: overlap 3/4, volumes 1 and 1, so a coefficient of 2 * 3/4 / 2.
    assert soft_dice_loss(logits, labels(1, 0)).item() == pytest.approx(0.25, abs=1e-5)
    assert dice_ce_loss(logits, labels(1, 0)).item() == pytest.approx(0.25 - math.log(0.75), abs=1e-5)
    # The lesion has no overlap, the background 1/4 + 3/4 of volumes 1 and 2.
    assert soft_dice_loss(logits, labels(0, 0)).item() == pytest.approx(1 - (0 + 2 / 3) / 2, abs=1e-5)
    cross_entropy = -(math.log(0.25) + math.log(0.75)) / 2
    assert dice_ce_loss(logits, labels(0, 0)).item() == pytest.approx(2 / 3 + cross_entropy, abs=1e-5)


def test_generalised_dice_by_hand() -> None:
    # Lesion in one voxel of three, where it has 3/4; the other two have 1/4 of lesion each.
    logits, label = logits_of(0.75, 0.25, 0.25), labels(1, 0, 0)
    # Weights 1 and 1/2, overlaps 3/4 and 3/2, volumes 5/4 + 1 and 7/4 + 2.
    overlap, volumes = 3 / 4 + (3 / 2) / 2, (5 / 4 + 1) + (7 / 4 + 2) / 2
    assert generalised_dice_loss(logits, label).item() == pytest.approx(1 - 2 * overlap / volumes, abs=1e-5)
    cross_entropy = -math.log(0.75)
    wanted = 1 - 2 * overlap / volumes + cross_entropy
    assert GeneralisedDiceCE().build()(logits, label).item() == pytest.approx(wanted, abs=1e-5)


def test_generalised_dice_without_a_lesion_voxel_weighs_both_classes_alike() -> None:
    # Overlap 1/4 + 3/4 of all volumes together: 2 predicted and 2 true voxels.
    assert generalised_dice_loss(logits_of(0.75, 0.25), labels(0, 0)).item() == pytest.approx(1 - 2 / 4, abs=1e-5)


def test_dice_pools_the_batch() -> None:
    # A sure and right lesion patch, and a background patch with one voxel in four wrongly lesion.
    lesion, background = logits_of(*[1 - 1e-7] * 4), logits_of(1 - 1e-7, 1e-7, 1e-7, 1e-7)
    batch = torch.cat([lesion, background])
    label = torch.cat([labels(1, 1, 1, 1), labels(0, 0, 0, 0)])
    # Lesion: overlap 4 of volumes 5 and 4. Background: overlap 3 of volumes 3 and 4.
    assert soft_dice_loss(batch, label).item() == pytest.approx(1 - (8 / 9 + 6 / 7) / 2, abs=1e-5)


@pytest.mark.parametrize("label", [(1, 0, 0, 1), (0, 0, 0, 0), (1, 1, 1, 1)])
def test_a_perfect_prediction_costs_almost_nothing(label: tuple[int, ...]) -> None:
    logits = logits_of(*[1 - 1e-9 if value else 1e-9 for value in label])
    assert dice_ce_loss(logits, labels(*label)).item() == pytest.approx(0.0, abs=1e-3)


def test_the_opposite_of_the_truth_costs_most() -> None:
    assert soft_dice_loss(logits_of(1e-9, 1 - 1e-9), labels(1, 0)).item() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1.0, 200.0])
@pytest.mark.parametrize("value", [0, 1])
def test_loss_and_gradient_of_a_batch_of_one_class_are_finite(scale: float, value: int) -> None:
    torch.manual_seed(0)
    logits = (scale * torch.randn(4, 2, 4, 4, 4)).requires_grad_()
    loss = dice_ce_loss(logits, torch.full((4, 4, 4, 4), value))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_half_precision_logits_are_summed_in_full_precision() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 2, 16, 16, 16).bfloat16()
    label = (torch.rand(2, 16, 16, 16) < 0.3).long()
    loss = dice_ce_loss(logits, label)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, dice_ce_loss(logits.float(), label))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("loss", [dice_ce_loss, soft_dice_loss, focal_loss])
def test_a_loss_is_a_float32_whatever_the_logits_are(loss: Loss, dtype: torch.dtype) -> None:
    logits = logits_of(0.75, 0.25).to(dtype)
    found = loss(logits, labels(1, 0))
    assert found.dtype == torch.float32
    assert torch.equal(found, loss(logits.float(), labels(1, 0)))


def numpy_dice_ce(logits_BCDHW: NDArray[np.float64], label_BDHW: NDArray[np.int64]) -> float:
    """The definition, class by class, in double precision."""
    shifted = logits_BCDHW - logits_BCDHW.max(axis=1, keepdims=True)
    probability = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    coefficients, true_probability = [], np.zeros(label_BDHW.shape)
    for value in (0, 1):
        p, t = probability[:, value], label_BDHW == value
        coefficients.append((2 * (p * t).sum() + 1e-5) / (p.sum() + t.sum() + 1e-5))
        true_probability[t] = p[t]
    return 1 - float(np.mean(coefficients)) - float(np.log(true_probability).mean())


@given(st.integers(0, 10_000), st.floats(0.0, 1.0), st.integers(1, 3), st.integers(1, 5))
def test_dice_ce_is_the_plain_formula(seed: int, lesion_share: float, batch: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 2.0, (batch, 2, size, size + 1, 2)).astype(np.float32)
    label = (rng.random((batch, size, size + 1, 2)) < lesion_share).astype(np.int64)
    loss = dice_ce_loss(torch.from_numpy(logits), torch.from_numpy(label)).item()
    assert loss == pytest.approx(numpy_dice_ce(logits.astype(np.float64), label), abs=1e-5)


def test_focal_loss_by_hand() -> None:
    # True class probabilities 3/4 and 1/4: weights 1/16 and 9/16 at gamma 2.
    loss = focal_loss(logits_of(0.75, 0.75), labels(1, 0)).item()
    assert loss == pytest.approx((-math.log(0.75) / 16 - 9 * math.log(0.25) / 16) / 2, abs=1e-6)


def test_the_components_build_these_losses() -> None:
    logits, label = logits_of(0.75, 0.75, 0.1), labels(1, 0, 0)
    assert DiceCE().build()(logits, label) == dice_ce_loss(logits, label)
    assert Focal().build()(logits, label) == focal_loss(logits, label, gamma=2.0)
    assert Focal(gamma=0.5).build()(logits, label) == focal_loss(logits, label, gamma=0.5)


@pytest.mark.parametrize("gamma", [-0.1, math.inf, math.nan])
def test_a_gamma_that_is_no_weight_is_refused(gamma: float) -> None:
    with pytest.raises(BadInput, match=f"gamma={gamma}: must not be negative"):
        Focal(gamma=gamma)


def test_a_gamma_of_nought_is_the_cross_entropy() -> None:
    assert Focal(gamma=0.0).build()(logits_of(0.75), labels(1)).item() == pytest.approx(-math.log(0.75))


def with_gradient(loss: Loss, logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, label)
    value.backward()
    assert leaf.grad is not None
    return value.detach(), leaf.grad


@pytest.mark.parametrize("scale", [0.0, 1.0, 200.0])
@pytest.mark.parametrize("lesion_share", [0.0, 0.5, 1.0])
def test_the_cross_entropy_of_both_losses_is_pytorchs(scale: float, lesion_share: float) -> None:
    torch.manual_seed(0)
    logits, label = scale * torch.randn(2, 2, 3, 4, 5), (torch.rand(2, 3, 4, 5) < lesion_share).long()
    for mine, reference in (
        (dice_ce_loss, lambda logits, label: soft_dice_loss(logits, label) + F.cross_entropy(logits, label)),
        (lambda logits, label: focal_loss(logits, label, gamma=0.0), F.cross_entropy),
    ):
        found, expected = with_gradient(mine, logits, label), with_gradient(reference, logits, label)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("scale", [0.0, 1.0, 200.0])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_and_its_gradient_are_finite(scale: float, gamma: float) -> None:
    torch.manual_seed(0)
    logits = (scale * torch.randn(4, 2, 4, 4, 4)).requires_grad_()
    loss = focal_loss(logits, (torch.rand(4, 4, 4, 4) < 0.5).long(), gamma)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
