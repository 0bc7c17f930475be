"""The compiled step and its CUDA graph against the plain step, on the same batches."""

import copy

import pytest
import torch

from hemosweep.model.device import choose_device
from hemosweep.model.losses.soft_dice import dice_ce_loss
from hemosweep.model.memory import MicroBatch
from hemosweep.model.unet import SEUNet
from hemosweep.training.compiled import NUM_WARM_UP, CompiledStep, compiled_forward
from hemosweep.training.loop import forward_of
from hemosweep.training.step import PlainStep

BATCH = 16


class Bank:
    """Noisy patches of 8 x 16 x 16 voxels with a lesion in the odd ones, on the GPU."""

    def __init__(self, num_patches):
        generator = torch.Generator().manual_seed(0)
        label = torch.zeros(num_patches, 8, 16, 16, dtype=torch.int64)
        label[1::2, 2:6, 4:12, 4:12] = 1
        x = label[:, None] + 0.5 * torch.randn(num_patches, 2, 8, 16, 16, generator=generator)
        self.label, self.x = label.cuda(), x.cuda()

    def __len__(self):
        return len(self.x)

    def gather(self, patch_B):
        return self.x[patch_B], self.label[patch_B]


def make_step(network, device):
    network = device.place(network).train()
    optimizer = torch.optim.Adadelta(network.parameters(), capturable=True)
    return PlainStep(network, dice_ce_loss, optimizer, MicroBatch(BATCH, least=2), device)


def test_steps_of_the_graph_follow_plain_ones_and_last_batches_between_them():
    torch.manual_seed(0)
    device, bank, events = choose_device(), Bank(100), []
    network = SEUNet(2, width=16, dropout=0.0)
    plain, inner = make_step(copy.deepcopy(network), device), make_step(network, device)
    step = CompiledStep(inner, BATCH, lambda event, **fields: events.append(event))
    order = torch.Generator().manual_seed(1)
    for number in range(4 * NUM_WARM_UP):
        size = 6 if number % 4 == 3 else BATCH
        batch_B = torch.randperm(len(bank), generator=order)[:size].cuda()
        assert float(step(bank, batch_B)) == pytest.approx(float(plain(bank, batch_B)), rel=0.05)
    assert events == ["compiled"]
    assert step._graph is not None
    ours, theirs = dict(inner.model.named_parameters()), dict(plain.model.named_parameters())
    for name, parameter in theirs.items():
        assert float((ours[name] - parameter).norm() / parameter.norm().clamp(min=1e-3)) < 0.1, name


def test_dropout_in_a_graph_draws_anew_at_each_step():
    torch.manual_seed(0)
    device, bank = choose_device(), Bank(BATCH)
    network = SEUNet(2, width=16, dropout=0.5)
    inner = make_step(network, device)
    for group in inner.optimizer.param_groups:
        group["lr"] = 0.0  # The same weights at each step: only what is drawn can change the loss.
    step = CompiledStep(inner, BATCH, lambda event, **fields: None)
    losses = [float(step(bank, torch.arange(BATCH).cuda())) for _ in range(NUM_WARM_UP + 4)]
    assert step._graph is not None
    assert len(set(losses[NUM_WARM_UP:])) == 4


def test_a_compiled_forward_pass_is_the_plain_one():
    torch.manual_seed(0)
    device, bank = choose_device(), Bank(BATCH)
    network = device.place(SEUNet(2, width=16)).eval()
    forward = forward_of(network, device)
    with torch.inference_mode():
        x_BCDHW, _ = bank.gather(torch.arange(BATCH).cuda())
        ours, theirs = compiled_forward(forward, BATCH, pytest.fail)(x_BCDHW), forward(x_BCDHW)
    assert float((ours - theirs).norm() / theirs.norm()) < 2e-2


def test_an_epoch_waits_for_the_device_only_at_its_end(monkeypatch):
    torch.manual_seed(0)
    device, bank = choose_device(), Bank(100)
    inner = make_step(SEUNet(2, width=16), device)
    step = CompiledStep(inner, BATCH, lambda event, **fields: None)
    batches = [torch.arange(BATCH).cuda() + number for number in range(20)]
    for batch_B in batches[: NUM_WARM_UP + 2]:
        step(bank, batch_B)
    try:
        torch.cuda.set_sync_debug_mode("error")
        for batch_B in batches:
            step(bank, batch_B)
            inner(bank, batch_B)
    finally:
        torch.cuda.set_sync_debug_mode("default")
