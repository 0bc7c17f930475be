"""Adadelta, the paper's optimiser."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.model.optimisers.checks import check_optimiser

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Adadelta:
    """Adadelta (Zeiler 2012; paper, Section 2.2.3) with PyTorch's defaults."""

    learning_rate: float = 1.0
    rho: float = 0.9
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_optimiser(self.learning_rate, self.weight_decay, rho=self.rho)

    def build(self, parameters: "Iterable[nn.Parameter]", *, on_cuda: bool) -> "Optimizer":
        from torch import optim

        return optim.Adadelta(
            parameters, lr=self.learning_rate, rho=self.rho, weight_decay=self.weight_decay, capturable=on_cuda
        )
