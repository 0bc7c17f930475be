"""From a configuration to the network and the loss that it names."""

from collections.abc import Callable
from functools import partial

from hemosweep.config import ArmConfig, TrainingConfig
from hemosweep.model.losses import Loss, dice_ce_loss, focal_loss
from hemosweep.model.unet import SEUNet

_LOSSES: dict[str, Callable[[TrainingConfig], Loss]] = {
    "dice_ce": lambda config: dice_ce_loss,
    "focal": lambda config: partial(focal_loss, gamma=config.focal_gamma),
}


def build_model(config: ArmConfig, *, in_channels: int) -> SEUNet:
    model = config.model
    return SEUNet(
        in_channels=in_channels, width=model.width, se=model.se, reduction=model.reduction, dropout=model.dropout
    )


def build_loss(config: TrainingConfig) -> Loss:
    return _LOSSES[config.loss](config)
