"""How long a sweep will take on this machine, from a few timed training steps of each arm."""

import time

import torch

from hemosweep.config import ArmConfig
from hemosweep.model.builders import build_loss, build_model
from hemosweep.model.device import Device

TYPICAL_EPOCHS = 35
"""The paper's trainings took between 20 and 50 epochs (Section 2.2.3)."""
_CALIBRATION_BATCH = 2


def seconds_per_patch(config: ArmConfig, device: Device, *, num_steps: int = 2) -> float:
    """Time of one training step of the arm's network, per patch, after one step of warm-up."""
    num_channels = len(config.preprocessing.channels)
    model = device.place(build_model(config, in_channels=num_channels))
    loss = build_loss(config.training)
    optimizer = torch.optim.Adadelta(model.parameters())
    shape = (_CALIBRATION_BATCH, *config.sampling.patch_DHW)
    x_BCDHW = device.arrange(torch.randn(_CALIBRATION_BATCH, num_channels, *shape[1:], device=device.torch_device))
    label_BDHW = torch.zeros(shape, dtype=torch.int64, device=device.torch_device)
    begun = time.perf_counter()
    for step in range(num_steps + 1):
        if step == 1:
            begun = time.perf_counter()
        with device.autocast():
            logits_BCDHW = model(x_BCDHW)
        optimizer.zero_grad(set_to_none=True)
        loss(logits_BCDHW, label_BDHW).backward()
        optimizer.step()
        if device.torch_device.type == "cuda":
            torch.cuda.synchronize()
    return (time.perf_counter() - begun) / (num_steps * _CALIBRATION_BATCH)


def training_patches(num_cases: int, config: ArmConfig) -> int:
    """Patches of one fold run's training part over a typical number of epochs."""
    splits = config.cross_validation
    share = (1 - 1 / splits.num_folds) * (1 - 1 / round(1 / splits.validation_share))
    epochs = min(TYPICAL_EPOCHS, config.training.max_epochs)
    return round(num_cases * share * config.sampling.num_patches_per_case * config.sampling.num_views * epochs)


def forecast_fold(config: ArmConfig, num_cases: int, device: Device) -> float:
    """Training time of one fold run in seconds; inference and validation come on top."""
    return seconds_per_patch(config, device) * training_patches(num_cases, config)


def fold_run_bytes(config: ArmConfig) -> int:
    """Disk that a fold run's checkpoint takes: the weights, the best weights, and Adadelta's two averages of each."""
    model = build_model(config, in_channels=len(config.preprocessing.channels))
    return 4 * sum(int(tensor.numel() * tensor.element_size()) for tensor in model.state_dict().values())
