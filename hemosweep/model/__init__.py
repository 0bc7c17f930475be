"""The network and its losses."""

from hemosweep.model.builders import build_loss, build_model
from hemosweep.model.losses import Loss, dice_ce_loss, soft_dice_loss
from hemosweep.model.unet import SEUNet

__all__ = ["Loss", "SEUNet", "build_loss", "build_model", "dice_ce_loss", "soft_dice_loss"]
