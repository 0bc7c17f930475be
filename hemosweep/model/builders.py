"""From a configuration to the network and the loss that it names."""

from hemosweep.config import ArmConfig, TrainingConfig
from hemosweep.model.losses import Loss, dice_ce_loss
from hemosweep.model.unet import SEUNet

_LOSSES: dict[str, Loss] = {"dice_ce": dice_ce_loss}


def build_model(config: ArmConfig, *, in_channels: int) -> SEUNet:
    return SEUNet(in_channels=in_channels, width=config.model.width, se=config.model.se, dropout=config.model.dropout)


def build_loss(config: TrainingConfig) -> Loss:
    return _LOSSES[config.loss]
