"""Stochastic gradient descent with momentum."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput
from hemosweep.model.optimisers.checks import check_optimiser

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True, kw_only=True, slots=True)
class SGD:
    """Gradient descent with Nesterov's momentum; the defaults are those of nnU-Net (Isensee et al. 2021)."""

    learning_rate: float = 0.01
    momentum: float = 0.99
    nesterov: bool = True
    weight_decay: float = 3e-5

    def __post_init__(self) -> None:
        check_optimiser(self.learning_rate, self.weight_decay, momentum=self.momentum)
        if self.nesterov and not self.momentum:
            raise BadInput("nesterov=True: needs a momentum above 0")

    def build(self, parameters: "Iterable[nn.Parameter]", *, on_cuda: bool) -> "Optimizer":
        from torch import optim

        return optim.SGD(
            parameters,
            lr=self.learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
        )
