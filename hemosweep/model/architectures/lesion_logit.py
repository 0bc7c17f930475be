"""One logit of the lesion, behind two channels that a rectifier has made positive or zero."""

import torch
from torch import Tensor, nn


class LesionLogit2d(nn.Conv2d):
    """A 1x1 convolution to one logit z of the lesion, as the logits (0, z) of two classes.

    Their softmax is z's sigmoid, and their cross-entropy the binary one.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 1, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return _of_two_classes(super().forward(x_BCHW))


class LesionLogit3d(nn.Conv3d):
    """A 1x1x1 convolution to one logit z of the lesion, as the logits (0, z) of two classes."""

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 1, 1)

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        return _of_two_classes(super().forward(x_BCDHW))


def start_with_both_signs(logit: LesionLogit2d | LesionLogit3d) -> None:
    """Let one of the two channels speak for the lesion from the start, and the other one against it.

    With two weights of one sign, as half of all starts have, the channels can only lower the logit, or only raise it,
    and what is left to the bias takes thousands of steps.
    """
    with torch.no_grad():
        logit.weight[:, 0].abs_()
        logit.weight[:, 1].abs_().neg_()


def _of_two_classes(lesion: Tensor) -> Tensor:
    """Logits `(B, 2, ...)` of background and lesion from those of the lesion, `(B, 1, ...)`."""
    return torch.cat([torch.zeros_like(lesion), lesion], dim=1)
