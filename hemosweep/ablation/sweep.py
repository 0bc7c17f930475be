"""Declaration of an ablation: its search space, its arms, its baseline and its comparisons."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from hemosweep.config import ArmConfig
from hemosweep.errors import BadInput

Params = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One configuration of an ablation: a point of its search space, its name and its configuration."""

    name: str
    params: Params
    config: ArmConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """One ablation. `space` is the Optuna search space (categorical choices); every point is an arm.

    `comparisons` are the pairs (A, B) whose difference B - A the ablation asks about, declared before any training.
    With `with_cta_only` every arm is trained and tested on the cases with a CT angiography. `num_seeds` are trained
    where no other number is asked for; a sweep with more than one is about the seeds, and needs two at least.
    """

    name: str
    question: str
    space: Mapping[str, tuple[Any, ...]]
    arm_name: Callable[[Params], str]
    configure: Callable[[ArmConfig, Params], ArmConfig]
    baseline: str
    comparisons: tuple[tuple[str, str], ...]
    with_cta_only: bool = False
    num_seeds: int = 1

    def arms(self, base: ArmConfig) -> tuple[Arm, ...]:
        """Every arm, each exactly once, in the order of the search space."""
        points = [dict(zip(self.space, values, strict=True)) for values in product(*self.space.values())]
        return tuple(
            Arm(name=self.arm_name(point), params=point, config=self.configure(base, point)) for point in points
        )

    def select(self, base: ArmConfig, names: tuple[str, ...]) -> tuple[Arm, ...]:
        """The named arms in sweep order, or all if none is named.

        Raises:
            BadInput: a name that is no arm of this sweep.
        """
        arms = self.arms(base)
        known = [arm.name for arm in arms]
        for name in names:
            if name not in known:
                raise BadInput(f"sweep {self.name} has no arm {name!r}; its arms are {', '.join(known)}")
        return tuple(arm for arm in arms if not names or arm.name in names)
