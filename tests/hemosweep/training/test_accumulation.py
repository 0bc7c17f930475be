"""Batches that memory does not hold: their gradients by hand, and the same training to the bit wherever it ran out."""

import math
from functools import partial
from itertools import chain

import pytest
import torch
from torch import nn

from hemosweep.config import TrainingConfig
from hemosweep.model.checkpoint import load_checkpoint
from hemosweep.model.device import Device
from hemosweep.model.losses.focal_loss import focal_loss
from hemosweep.model.losses.soft_dice import dice_ce_loss, soft_dice_loss
from hemosweep.model.memory import MicroBatch, OutOfMemory
from hemosweep.model.unet import SEUNet
from hemosweep.training.loop import train, validate
from hemosweep.training.step import PlainStep

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)

pytestmark = pytest.mark.usefixtures("one_thread")


class Bank:
    """Noisy patches of 4 x 4 x 4 voxels with a lesion in the odd ones; remembers what was asked for at once."""

    def __init__(self, num_patches):
        generator = torch.Generator().manual_seed(0)
        self.label = torch.zeros(num_patches, 4, 4, 4, dtype=torch.int64)
        self.label[1::2, 1:3, 1:3, 1:3] = 1
        self.x = self.label[:, None] + torch.randn(num_patches, 1, 4, 4, 4, generator=generator)
        self.asked = []

    def __len__(self):
        return len(self.x)

    def gather(self, patch_B):
        self.asked.append(patch_B.tolist())
        return self.x[patch_B], self.label[patch_B]


class Slope(nn.Module):
    """One weight w; patch number n gives w n, if its bank numbers them."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0))

    def forward(self, x_BCDHW):
        return self.weight * x_BCDHW


class Numbers(Bank):
    """Patch number n is all n."""

    def __init__(self, num_patches):
        super().__init__(num_patches)
        self.x = torch.arange(float(num_patches))[:, None, None, None, None].expand(-1, 1, 4, 4, 4)


def mean_of(logits_BCDHW, label_BDHW):
    return logits_BCDHW.mean()


def gradient_of(model, loss, bank, num_patches, size):
    optimizer = torch.optim.SGD(model.parameters())
    step = PlainStep(model, loss, optimizer, MicroBatch(size, least=2), CPU)
    batch_loss = step.accumulate(bank, torch.arange(num_patches))
    return float(batch_loss), [parameter.grad.clone() for parameter in model.parameters()]


@pytest.mark.parametrize(
    ("num_patches", "size", "pieces"),
    [
        (8, 8, [8]),
        (8, 4, [4, 4]),
        (8, 3, [3, 3, 2]),
        (5, 4, [3, 2]),
        (5, 2, [3, 2]),
        (7, 2, [3, 2, 2]),
        (3, 2, [3]),
        (2, 64, [2]),
    ],
)
def test_a_batch_is_cut_into_nearly_equal_pieces_of_two_or_more_and_weighted_by_patches(num_patches, size, pieces):
    # The loss is the mean of w n: by hand w (N - 1) / 2, with the slope (N - 1) / 2, whatever the pieces.
    bank = Numbers(num_patches)
    loss, (slope,) = gradient_of(Slope(), mean_of, bank, num_patches, size)
    assert [len(piece) for piece in bank.asked] == pieces
    assert list(chain(*bank.asked)) == list(range(num_patches))
    assert loss == pytest.approx(3.0 * (num_patches - 1) / 2)
    assert float(slope) == pytest.approx((num_patches - 1) / 2)


@pytest.mark.parametrize("loss", [focal_loss, partial(focal_loss, gamma=0.0)], ids=["focal", "cross-entropy"])
@pytest.mark.parametrize(("num_patches", "size"), [(8, 4), (7, 4)], ids=["two halves", "a last batch that is smaller"])
def test_two_halves_have_the_gradient_of_the_whole_where_patches_do_not_meet(loss, num_patches, size):
    model = SEUNet(in_channels=1, width=4, dropout=0.0).eval()  # Batch normalisation by its running statistics.
    bank = Bank(num_patches)
    whole_loss, whole = gradient_of(model, loss, bank, num_patches, num_patches)
    halves_loss, halves = gradient_of(model, loss, bank, num_patches, size)
    assert halves_loss == pytest.approx(whole_loss, rel=1e-5)
    for half, one in zip(halves, whole, strict=True):
        torch.testing.assert_close(half, one, rtol=1e-4, atol=1e-6)


def test_the_soft_dice_of_two_halves_is_the_mean_of_theirs_and_not_that_of_the_whole():
    # What the docstring says is lost, so that nobody has to believe it. All lesions are in the second half.
    torch.manual_seed(0)
    model, bank = SEUNet(in_channels=1, width=4, dropout=0.0).eval(), Bank(8)
    sorted_B = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])

    def at_once(part):
        with torch.no_grad():
            return float(soft_dice_loss(model(bank.x[part]), bank.label[part]))

    bank.x, bank.label = bank.x[sorted_B], bank.label[sorted_B]
    halves, _ = gradient_of(model, soft_dice_loss, bank, 8, 4)
    assert halves == pytest.approx((at_once(slice(4)) + at_once(slice(4, 8))) / 2, rel=1e-5)
    assert abs(halves - at_once(slice(8))) > 1e-3


class Limited(SEUNet):
    """From its `from_call`th call, training has memory for `fits` patches.

    It runs out of it as the call begins, after the last layer, or in the backward pass.
    """

    def __init__(self, where, fits=4, from_call=1):
        super().__init__(in_channels=1, width=2)
        self.where = where
        self.fits = fits
        self.from_call = from_call
        self.tried = []

    def forward(self, x_BCDHW):
        self.tried.append(len(x_BCDHW))
        where = self.where if self.training and len(x_BCDHW) > self.fits and len(self.tried) >= self.from_call else None
        if where == "first":
            raise torch.OutOfMemoryError("CUDA out of memory")
        if where == "backward":
            x_BCDHW.requires_grad_().register_hook(self.fail)  # The last of all gradients.
        logits_BCDHW = super().forward(x_BCDHW)
        if where == "last":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
        return logits_BCDHW

    @staticmethod
    def fail(gradient):
        raise MemoryError


@pytest.fixture
def trained(tmp_path):
    """Trains a network in epochs of 8, 8 and 5 patches; returns its checkpoint and what it told."""

    def trained(model, *, name="run", max_epochs=2):
        torch.manual_seed(1)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.3)
        events = []
        path = tmp_path / f"{name}.pt"
        train(
            model,
            dice_ce_loss,
            Bank(21),
            Bank(8),
            TrainingConfig(batch_size=8, max_epochs=max_epochs),
            CPU,
            seed=0,
            run=name,
            checkpoint=path,
            on_epoch=lambda epoch: None,
            on_event=lambda event, **fields: events.append((event, fields)),
        )
        return load_checkpoint(path, name), events

    return trained


def assert_same_weights(first, second):
    assert first["model"].keys() == second["model"].keys()
    assert [name for name, value in first["model"].items() if not torch.equal(value, second["model"][name])] == []
    assert torch.equal(first["random"]["cpu"], second["random"]["cpu"])
    assert first["best_loss"] == second["best_loss"]


@pytest.mark.parametrize("where", ["last", "backward"])
def test_a_step_that_ran_out_of_memory_leaves_no_trace(trained, where):
    # As the first attempt begins, nothing is drawn and nothing moved yet: a run that began with micro-batches of four.
    begun_so, _ = trained(Limited("first"), name="begun so")
    ran_out, events = trained(Limited(where), name="ran out")
    assert events == [("batch_halved", {"micro_batch": 4, "epoch": 1})]
    assert ran_out["micro_batch"] == begun_so["micro_batch"] == 4
    assert_same_weights(begun_so, ran_out)


def test_the_steps_before_it_are_those_of_whole_batches(trained):
    model = Limited("last", from_call=3)
    _, events = trained(model, max_epochs=1)
    assert model.tried == [8, 8, 5, 3, 2, 8], "the third step twice, then the validation"
    assert events == [("batch_halved", {"micro_batch": 2, "epoch": 1})]
    assert int(model.encode1[1].num_batches_tracked) == 4


def test_a_training_that_never_runs_out_of_memory_is_told_nothing_and_keeps_its_batches(trained):
    model = Limited("first", fits=8)
    state, events = trained(model)
    assert (state["micro_batch"], events) == (8, [])
    assert model.tried == [8, 8, 5, 8] * 2


def test_below_two_patches_there_is_no_batch_normalisation_and_it_is_given_up(trained, tmp_path):
    model = Limited("last", fits=1)
    with pytest.raises(OutOfMemory, match="does not hold 2 patches at once"):
        trained(model)
    assert model.tried == [8, 4, 2]
    assert list(tmp_path.iterdir()) == []


class Hungry(SEUNet):
    """In eval mode memory holds `fits` patches."""

    fits = 3

    def forward(self, x_BCDHW):
        if len(x_BCDHW) > self.fits:
            raise MemoryError
        return super().forward(x_BCDHW)


def test_the_validation_loss_is_that_of_whole_batches_whatever_memory_holds():
    torch.manual_seed(0)
    model, bank = Hungry(in_channels=1, width=4), Bank(20)
    in_pieces = validate(model, dice_ce_loss, bank, 8, CPU)
    model.fits = 8
    whole = validate(model, dice_ce_loss, bank, 8, CPU)
    assert in_pieces == (pytest.approx(whole[0], rel=1e-5), pytest.approx(whole[1]))
    model.fits = 4
    of_smaller_batches = validate(model, dice_ce_loss, bank, 4, CPU)
    assert not math.isclose(of_smaller_batches[0], whole[0], rel_tol=1e-4), "the soft Dice counts by batch"
