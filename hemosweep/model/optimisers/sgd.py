"""Stochastic gradient descent with momentum."""

import math
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
    """Gradient descent with Nesterov's momentum; the defaults are those of nnU-Net (Isensee et al. 2021).

    With a `clip_norm` a longer gradient, over all parameters, is shortened to that norm before each step; nnU-Net's is
    12.
    """

    learning_rate: float = 0.01
    momentum: float = 0.99
    nesterov: bool = True
    weight_decay: float = 3e-5
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        check_optimiser(self.learning_rate, self.weight_decay, momentum=self.momentum)
        if self.nesterov and not self.momentum:
            raise BadInput("nesterov=True: needs a momentum above 0")
        if self.clip_norm is not None and not 0.0 < self.clip_norm < math.inf:
            raise BadInput(f"clip_norm={self.clip_norm}: must be positive, or None")

    def build(self, parameters: "Iterable[nn.Parameter]", *, on_cuda: bool) -> "Optimizer":
        from torch import nn, optim

        given, clip_norm = list(parameters), self.clip_norm
        optimizer = optim.SGD(
            given,
            lr=self.learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
        )
        if clip_norm is not None:

            def clip(*_: object) -> None:
                nn.utils.clip_grad_norm_(given, clip_norm)

            optimizer.register_step_pre_hook(clip)
        return optimizer
