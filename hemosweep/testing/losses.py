"""Duties of every loss, as tests that its author runs on it."""

from collections.abc import Iterator

import torch
from torch import Tensor

from hemosweep.components.protocols import Loss
from hemosweep.testing.components import check_record

SHAPE_DHW = (4, 6, 8)
SURE = 50.0
"""Logit of a network that is surer than a float32 probability can say."""


class LossContract:
    """Tests of one loss: `class TestMine(LossContract): component = Mine()`.

    One with a weight map is given weights of the voxels.
    """

    component: Loss

    def test_its_record_keeps_it(self) -> None:
        check_record("loss", self.component, "build")

    def test_its_value_is_one_finite_number_in_float32_with_a_gradient(self) -> None:
        for logits_BCDHW, label_BDHW in _batches():
            self._gradient(logits_BCDHW, label_BDHW)

    def test_it_takes_the_logits_of_mixed_precision(self) -> None:
        for logits_BCDHW, label_BDHW in _batches():
            self._gradient(logits_BCDHW.bfloat16(), label_BDHW)

    def test_a_lesion_gives_it_a_gradient(self) -> None:
        for logits_BCDHW, label_BDHW in _batches():
            if label_BDHW.any():
                assert self._gradient(logits_BCDHW, label_BDHW).any(), "the gradient is zero everywhere"

    def test_logits_that_are_sure_leave_it_finite(self) -> None:
        for logits_BCDHW, label_BDHW in _batches():
            self._gradient(SURE * logits_BCDHW.sign(), label_BDHW)
            for sure_BCDHW in (_right(label_BDHW), -_right(label_BDHW)):
                self._gradient(sure_BCDHW, label_BDHW)

    def test_a_perfect_prediction_is_no_worse_than_a_wrong_one(self) -> None:
        for _, label_BDHW in _batches():
            right_BCDHW = _right(label_BDHW)
            assert self._value(right_BCDHW, label_BDHW) <= self._value(-right_BCDHW, label_BDHW)

    def test_another_build_gives_the_same_bits(self) -> None:
        for logits_BCDHW, label_BDHW in _batches():
            assert torch.equal(self._value(logits_BCDHW, label_BDHW), self._value(logits_BCDHW, label_BDHW))
            first, again = (self._gradient(logits_BCDHW, label_BDHW) for _ in range(2))
            assert torch.equal(first, again)

    def test_a_value_does_not_depend_on_the_batches_before(self) -> None:
        function = self.component.build()
        batches = list(_batches())
        values = [function(*batch, *self._weights(batch[1])) for batch in batches]
        for batch, value in zip(reversed(batches), reversed(values), strict=True):
            assert torch.equal(function(*batch, *self._weights(batch[1])), value)

    def test_the_order_in_memory_changes_no_more_than_rounding(self) -> None:
        for logits_BCDHW, label_BDHW in _batches():
            channels_last_BCDHW = logits_BCDHW.contiguous(memory_format=torch.channels_last_3d)
            value, other = self._value(logits_BCDHW, label_BDHW), self._value(channels_last_BCDHW, label_BDHW)
            assert torch.allclose(value, other, rtol=1e-4, atol=1e-6)

    def test_logits_and_labels_stay_as_they_are(self) -> None:
        for logits_BCDHW, label_BDHW in _batches():
            logits_before, label_before = logits_BCDHW.clone(), label_BDHW.clone()
            self._value(logits_BCDHW, label_BDHW)
            assert torch.equal(logits_BCDHW, logits_before), "the loss changes the logits"
            assert torch.equal(label_BDHW, label_before), "the loss changes the labels"

    def _value(self, logits_BCDHW: Tensor, label_BDHW: Tensor) -> Tensor:
        value = self.component.build()(logits_BCDHW, label_BDHW, *self._weights(label_BDHW))
        assert isinstance(value, Tensor), f"the loss is a {type(value).__name__}, no tensor"
        assert value.shape == (), f"the loss has the shape {tuple(value.shape)}; it must be one number"
        assert value.dtype == torch.float32, f"the loss is in {value.dtype}; compute it in float32"
        assert value.isfinite(), f"the loss is {value.item()}"
        return value

    def _weights(self, label_BDHW: Tensor) -> tuple[Tensor, ...]:
        """Weights between 0.5 and 1.5, for a loss that takes some."""
        if getattr(self.component, "weight_map", None) is None:
            return ()
        return (torch.rand(label_BDHW.shape, generator=torch.Generator().manual_seed(1)) + 0.5,)

    def _gradient(self, logits_BCDHW: Tensor, label_BDHW: Tensor) -> Tensor:
        """Gradient of the loss by the logits."""
        logits_BCDHW = logits_BCDHW.detach().clone().requires_grad_()
        value = self._value(logits_BCDHW, label_BDHW)
        assert value.requires_grad, "the loss has no gradient"
        value.backward()
        assert logits_BCDHW.grad is not None, "the loss does not depend on the logits"
        assert logits_BCDHW.grad.isfinite().all(), "the gradient is not finite"
        return logits_BCDHW.grad


def _batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Unsure logits, and labels: of two patches, of the second alone, without a lesion, full of lesion, one voxel."""
    random = torch.Generator().manual_seed(0)
    some_BDHW = torch.rand((2, *SHAPE_DHW), generator=random) > 0.7
    voxel_BDHW, second_BDHW = torch.zeros_like(some_BDHW), some_BDHW.clone()
    voxel_BDHW[0, 1, 2, 3] = True
    second_BDHW[0] = False
    labels = (some_BDHW, second_BDHW, torch.zeros_like(some_BDHW), torch.ones_like(some_BDHW), voxel_BDHW)
    for label_BDHW in labels:
        yield torch.randn((2, 2, *SHAPE_DHW), generator=random), label_BDHW.long()


def _right(label_BDHW: Tensor) -> Tensor:
    """Sure logits that are right everywhere."""
    lesion_BDHW = SURE * (2.0 * label_BDHW.float() - 1.0)
    return torch.stack([-lesion_BDHW, lesion_BDHW], dim=1)
