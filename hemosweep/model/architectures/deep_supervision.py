"""Deep supervision: in training the coarser levels of a decoder are compared with the label, too."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from hemosweep.model.outputs import Output, Outputs


def halving_weights(num_outputs: int) -> list[float]:
    """Weights 1, 1/2, 1/4 and so on, made to sum to 1 (Isensee et al. 2021)."""
    weights = [0.5**number for number in range(num_outputs)]
    return [weight / sum(weights) for weight in weights]


class DeeplySupervised(nn.Module):
    """A U-Net of nnU-Net's package: its decoder gives logits of each level in training, of the finest one otherwise."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> "DeeplySupervised":
        super().train(mode)
        decoder: Any = self.network.decoder
        decoder.deep_supervision = mode
        return self

    def forward(self, x_BCDHW: Tensor) -> Outputs:
        outputs: Tensor | Sequence[Tensor] = self.network(x_BCDHW)
        if isinstance(outputs, Tensor):
            return outputs
        return tuple(map(Output, outputs, halving_weights(len(outputs))))
