"""Duties of every network, as tests that its author runs on it."""

import io
from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

from hemosweep.components.context import (
    context_of,
    is_slice_wise,
    labelled_part,
    labelled_slices,
    least_voxels_of,
    only_patch_of,
)
from hemosweep.components.protocols import Network
from hemosweep.model.outputs import Output, Outputs, loss_of_outputs
from hemosweep.testing.components import check_record

BATCH = 2
LEAST_SIZE = 8
"""Voxels along the side of the smallest patch; a network may need more than one voxel where it is coarsest."""
NUM_STEPS = 20


class NetworkContract:
    """Tests of one network: `class TestMine(NetworkContract): component = Mine(width=4)`. Take a narrow one."""

    component: Network
    in_channels: tuple[int, ...] = (1, 2, 3)
    """Numbers of input channels: CT; with its symmetric image or the angiography; with both. Who tests a network that
    takes one of them alone names that one here."""

    def test_its_record_keeps_it(self) -> None:
        check_record("network", self.component, "build", "patch_multiple")

    def test_its_patch_multiple_is_three_whole_numbers(self) -> None:
        multiple_DHW = self.component.patch_multiple
        assert isinstance(multiple_DHW, tuple)
        assert len(multiple_DHW) == 3
        assert all(isinstance(size, int) and size >= 1 for size in multiple_DHW)

    def test_its_context_leaves_a_part_of_a_patch_to_label(self) -> None:
        assert all(size >= 1 for size in labelled_part(self._smallest(), context_of(self.component)))
        only_DHW = only_patch_of(self.component)
        if only_DHW is not None:
            assert all(size % of == 0 for size, of in zip(only_DHW, self.component.patch_multiple, strict=True))

    def test_it_gives_two_classes_in_the_shape_of_the_labelled_part(self) -> None:
        for in_channels, shape_DHW in product(self.in_channels, self._patches()):
            module = self._built(in_channels)
            x_BCDHW = _batch(in_channels, shape_DHW)
            labelled_DHW = labelled_part(shape_DHW, context_of(self.component))
            for logits_BCDHW in (_evaluated(module, x_BCDHW), _trained(module, x_BCDHW)[0].logits):
                assert isinstance(logits_BCDHW, Tensor), f"it gives a {type(logits_BCDHW).__name__}, no tensor"
                assert logits_BCDHW.shape == (BATCH, 2, *labelled_DHW), f"it gives {tuple(logits_BCDHW.shape)}"
                assert logits_BCDHW.is_floating_point()
                assert logits_BCDHW.isfinite().all()

    def test_its_further_outputs_in_training_are_of_a_lower_resolution_or_of_slices(self) -> None:
        for shape_DHW in self._patches():
            labelled_DHW = labelled_part(shape_DHW, context_of(self.component))
            for output in _trained(self._built(self.in_channels[0]), _batch(self.in_channels[0], shape_DHW)):
                assert output.weight > 0.0, f"an output has the weight {output.weight}: leave it out"
                size = tuple(output.logits.shape[2:])
                assert output.logits.shape[:2] == (BATCH, 2), f"an output is {tuple(output.logits.shape)}"
                assert size == labelled_DHW[:1] or (len(size) == 3 and all(map(int.__le__, size, labelled_DHW))), (
                    f"an output is {tuple(output.logits.shape)}; give (B, 2, d, h, w) or (B, 2, {labelled_DHW[0]})"
                )
                assert output.logits.isfinite().all()

    def test_the_same_seed_gives_the_same_weights(self) -> None:
        for in_channels in self.in_channels:
            first, again = self._built(in_channels).state_dict(), self._built(in_channels).state_dict()
            assert first.keys() == again.keys()
            assert all(torch.equal(value, again[name]) for name, value in first.items())

    def test_kept_weights_give_the_same_bits_in_another_build(self) -> None:
        module, x_BCDHW = self._built(self.in_channels[-1]), _batch(self.in_channels[-1], self._smallest())
        module.train()(x_BCDHW)  # Running statistics are part of the state.
        other = self._built(self.in_channels[-1], seed=1)
        kept = io.BytesIO()
        torch.save(module.state_dict(), kept)
        kept.seek(0)
        other.load_state_dict(torch.load(kept, weights_only=True))
        assert torch.equal(_evaluated(module, x_BCDHW), _evaluated(other, x_BCDHW))

    def test_evaluation_repeats_its_bits_and_leaves_the_state_alone(self) -> None:
        module = self._built(self.in_channels[-1])
        before = {name: value.clone() for name, value in module.state_dict().items()}
        for shape_DHW in self._patches():
            x_BCDHW = _batch(self.in_channels[-1], shape_DHW)
            assert torch.equal(_evaluated(module, x_BCDHW), _evaluated(module, x_BCDHW))
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())

    def test_in_evaluation_a_patch_does_not_depend_on_the_others_of_its_batch(self) -> None:
        module, x_BCDHW = self._built(self.in_channels[-1]), _batch(self.in_channels[-1], self._smallest())
        together, alone = _evaluated(module, x_BCDHW), _evaluated(module, x_BCDHW[:1])
        assert torch.allclose(together[:1], alone, rtol=1e-3, atol=1e-4)

    def test_a_network_of_slices_labels_each_slice_by_itself(self) -> None:
        if not is_slice_wise(self.component):
            return
        module, x_BCDHW = self._built(self.in_channels[-1]), _batch(self.in_channels[-1], self._smallest())
        context = context_of(self.component)[0]
        together = _evaluated(module, x_BCDHW)
        for index in range(together.shape[2]):
            alone = _evaluated(module, x_BCDHW[:, :, index : index + 2 * context + 1])
            assert torch.allclose(together[:, :, index : index + 1], alone, rtol=1e-3, atol=1e-4)

    def test_the_patches_stay_as_they_are(self) -> None:
        x_BCDHW = _batch(self.in_channels[-1], self._smallest())
        before = x_BCDHW.clone()
        self._built(self.in_channels[-1]).train()(x_BCDHW)
        assert torch.equal(x_BCDHW, before)

    def test_every_parameter_gets_a_finite_gradient(self) -> None:
        for in_channels, shape_DHW in product(self.in_channels, self._patches()):
            module = self._built(in_channels).train()
            x_BCDHW = _batch(in_channels, shape_DHW)
            self._loss(module, x_BCDHW).backward()
            for name, parameter in module.named_parameters():
                if parameter.requires_grad:
                    assert parameter.grad is not None, f"{name} gets no gradient: leave it out, or use it"
                    assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"

    def test_two_patches_train_it(self) -> None:
        module, x_BCDHW = self._built(self.in_channels[0]).train(), _batch(self.in_channels[0], self._smallest())
        optimizer = torch.optim.Adam([one for one in module.parameters() if one.requires_grad], lr=0.01)
        losses = []
        for _ in range(NUM_STEPS):
            optimizer.zero_grad()
            loss = self._loss(module, x_BCDHW)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0], f"{NUM_STEPS} steps take the loss from {losses[0]:.3g} to {losses[-1]:.3g}"

    def _built(self, in_channels: int, seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        module = self.component.build(in_channels=in_channels)
        assert isinstance(module, nn.Module), f"build gives a {type(module).__name__}, no nn.Module"
        return module

    def _loss(self, module: nn.Module, x_BCDHW: Tensor) -> Tensor:
        """Loss of a network that is to find what is bright in the first channel, from all of its outputs."""
        depth, height, width = x_BCDHW.shape[2:]
        labelled = labelled_slices((depth, height, width), context_of(self.component))
        label_BDHW = (x_BCDHW[:, 0, *labelled] > 0.5).long()
        return loss_of_outputs(nn.functional.cross_entropy, module(x_BCDHW), label_BDHW)

    def _smallest(self) -> tuple[int, int, int]:
        only_DHW = only_patch_of(self.component)
        if only_DHW is not None:
            return only_DHW
        multiple_DHW, context_DHW = self.component.patch_multiple, context_of(self.component)
        depth, height, width = (
            multiple * -(-(LEAST_SIZE + 2 * context) // multiple)
            for multiple, context in zip(multiple_DHW, context_DHW, strict=True)
        )
        while depth * height * width < least_voxels_of(self.component):
            width += multiple_DHW[2]
        return depth, height, width

    def _patches(self) -> Iterator[tuple[int, int, int]]:
        """The smallest patch, and one whose sides differ; or the only one."""
        depth, height, width = self._smallest()
        _, next_height, next_width = self.component.patch_multiple
        yield depth, height, width
        if only_patch_of(self.component) is None:
            yield depth, height + next_height, width + 2 * next_width


def _batch(in_channels: int, shape_DHW: tuple[int, int, int]) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randn((BATCH, in_channels, *shape_DHW), generator=random)


def _evaluated(module: nn.Module, x_BCDHW: Tensor) -> Tensor:
    with torch.inference_mode():
        logits_BCDHW: Tensor = module.eval()(x_BCDHW)
    return logits_BCDHW


def _trained(module: nn.Module, x_BCDHW: Tensor) -> tuple[Output, ...]:
    """Outputs in training mode; logits alone are one output."""
    outputs: Outputs = module.train()(x_BCDHW)
    if isinstance(outputs, Tensor):
        return (Output(outputs, 1.0),)
    assert isinstance(outputs, tuple), f"in training it gives a {type(outputs).__name__}, no tensor or tuple of Output"
    assert outputs, "in training it gives an empty tuple"
    assert all(isinstance(output, Output) for output in outputs), "in training it gives a tuple of other things"
    return outputs
