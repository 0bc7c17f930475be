"""Our losses and the lab's keep the contract, and the contract finds what breaks it."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from hemosweep.errors import BadInput
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal
from hemosweep.model.losses.soft_dice import dice_ce_loss
from hemosweep.testing.losses import LossContract
from tests.e2e.lab.tversky import Tversky


@pytest.mark.parametrize("component", [DiceCE(), Focal(), Focal(gamma=0.5), Tversky(), Tversky(alpha=0.7)], ids=str)
class TestGood(LossContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


def seen():
    """A loss that remembers how often it was called."""
    calls = []

    def function(logits_BCDHW, label_BDHW):
        calls.append(1)
        return dice_ce_loss(logits_BCDHW, label_BDHW) * len(calls)

    return function


def only_lesion_dice(logits_BCDHW, label_BDHW):
    lesion_BDHW = logits_BCDHW.float().softmax(1)[:, 1]
    return 1 - (lesion_BDHW * label_BDHW).sum() / label_BDHW.sum()


def naive(logits_BCDHW, label_BDHW):
    return -(logits_BCDHW.softmax(1).log()[:, 1] * label_BDHW).mean()


def marks(logits_BCDHW, label_BDHW):
    label_BDHW[0] = 1
    return dice_ce_loss(logits_BCDHW, label_BDHW)


def shrinks(logits_BCDHW, label_BDHW):
    with torch.no_grad():
        logits_BCDHW *= 0.5
    return dice_ce_loss(logits_BCDHW, label_BDHW)


def flat(logits_BCDHW, label_BDHW):
    """Takes for granted how the logits lie in memory."""
    storage = torch.as_strided(logits_BCDHW, (logits_BCDHW.numel(),), (1,)).view(logits_BCDHW.shape)
    return dice_ce_loss(storage, label_BDHW)


BROKEN = {
    "no scalar": lambda logits, label: logits.float().mean((1, 2, 3, 4)),
    "a number": lambda logits, label: dice_ce_loss(logits, label).item(),
    "detached": lambda logits, label: dice_ce_loss(logits.detach(), label),
    "argmax": lambda logits, label: logits.argmax(1).float().mean().requires_grad_(),
    "constant": lambda logits, label: dice_ce_loss(logits, label) * 0,
    "NaN": lambda logits, label: dice_ce_loss(logits, label) * torch.nan,
    "double": lambda logits, label: dice_ce_loss(logits, label).double(),
    "half": lambda logits, label: (logits[:, 1] - label.to(logits.dtype)).square().mean(),
    "upside down": lambda logits, label: -dice_ce_loss(logits, label),
    "random": lambda logits, label: dice_ce_loss(logits, label) * torch.rand(()),
    "empty": only_lesion_dice,
    "naive": naive,
    "marks": marks,
    "shrinks": shrinks,
    "flat": flat,
}


@dataclass(frozen=True)
class Broken:
    kind: str

    def build(self):
        return seen() if self.kind == "seen" else BROKEN[self.kind]


@dataclass
class Changeable:
    def build(self):
        return dice_ce_loss


@dataclass(frozen=True)
class Keeps:
    weights: object = None

    def build(self):
        return dice_ce_loss


@dataclass(frozen=True)
class Forgets:
    """Another loss than its record's: a field that is drawn anew."""

    gamma: float = field(default=1.0, compare=True)

    def __post_init__(self):
        object.__setattr__(self, "gamma", self.gamma + 1.0)

    def build(self):
        return dice_ce_loss


class NoDataclass:
    def build(self):
        return dice_ce_loss


def fails(component, test, *errors):
    contract = LossContract()
    contract.component = component
    with pytest.raises(errors or AssertionError):
        getattr(contract, test)()


@pytest.mark.parametrize(
    "component",
    [Changeable(), Keeps(weights=[1.0]), Keeps(weights=np.ones(2)), Keeps(weights=float("nan")), Forgets(), Keeps],
    ids=["changeable", "list", "array", "NaN", "forgets", "class"],
)
def test_a_loss_that_its_record_would_lose_fails(component):
    fails(component, "test_its_record_keeps_it", AssertionError, BadInput)


def test_a_loss_that_is_no_dataclass_fails():
    fails(NoDataclass(), "test_its_record_keeps_it", BadInput)


VALUE = "test_its_value_is_one_finite_number_in_float32_with_a_gradient"


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        *((kind, VALUE) for kind in ("no scalar", "a number", "detached", "argmax", "NaN", "double", "empty")),
        ("half", "test_it_takes_the_logits_of_mixed_precision"),
        ("constant", "test_a_lesion_gives_it_a_gradient"),
        ("naive", "test_logits_that_are_sure_leave_it_finite"),
        ("upside down", "test_a_perfect_prediction_is_no_worse_than_a_wrong_one"),
        ("random", "test_another_build_gives_the_same_bits"),
        ("seen", "test_a_value_does_not_depend_on_the_batches_before"),
        ("flat", "test_the_order_in_memory_changes_no_more_than_rounding"),
        ("marks", "test_logits_and_labels_stay_as_they_are"),
        ("shrinks", "test_logits_and_labels_stay_as_they_are"),
    ],
)
def test_a_loss_that_breaks_the_contract_fails(kind, test):
    fails(Broken(kind), test)
