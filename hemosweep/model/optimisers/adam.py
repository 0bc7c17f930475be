"""Adam, with its weight decay in the gradient or apart from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.model.optimisers.checks import check_optimiser

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Adam:
    """Adam (Kingma and Ba 2015)."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_optimiser(self.learning_rate, self.weight_decay, beta1=self.beta1, beta2=self.beta2)

    def build(self, parameters: "Iterable[nn.Parameter]", *, on_cuda: bool) -> "Optimizer":
        from torch import optim

        betas = (self.beta1, self.beta2)
        return optim.Adam(
            parameters, lr=self.learning_rate, betas=betas, weight_decay=self.weight_decay, capturable=on_cuda
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        check_optimiser(self.learning_rate, self.weight_decay, beta1=self.beta1, beta2=self.beta2)

    def build(self, parameters: "Iterable[nn.Parameter]", *, on_cuda: bool) -> "Optimizer":
        from torch import optim

        betas = (self.beta1, self.beta2)
        return optim.AdamW(
            parameters, lr=self.learning_rate, betas=betas, weight_decay=self.weight_decay, capturable=on_cuda
        )
