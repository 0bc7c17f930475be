"""A Siamese U-Net: one encoder for two images, whose dissimilarity goes into the skip connections."""

import torch
from torch import Tensor, nn

from hemosweep.model.architectures.unet2d import decoder_of, doubled, encoder_of

NUM_LEVELS = 5


class SiameseUNet(nn.Module):
    """Maps two images, the channels of `x_BCHW`, to logits `(B, 2, H, W)` of the first one.

    A skip connection is the patient's features f beside f * |f - g|, where g are the template's at the same place. The
    deepest features are the patient's alone. Both images pass the encoder in one batch, so that its batch
    normalisation knows them both.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = doubled(width, NUM_LEVELS)
        self.encoder = encoder_of(1, widths)
        self.decoder = decoder_of(widths, skips_per_level=2)
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        both = [feature.chunk(2) for feature in self.encoder(torch.cat(x_BCHW.split(1, dim=1)))]
        skips = [torch.cat([patient, patient * (patient - template).abs()], dim=1) for patient, template in both[:-1]]
        deepest_BCHW, _ = both[-1]
        logits_BCHW: Tensor = self.head(self.decoder([*skips, deepest_BCHW]))
        return logits_BCHW
