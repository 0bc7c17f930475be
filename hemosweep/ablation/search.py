"""Beyond an ablation: a sampler picks one arm after another from an open space, within a budget of trials.

Some cases are held out before it begins. Each trial is an arm, cross-validated on the rest alone, so that the winner
can be tested on cases that had no part in its choice (nested cross-validation with one outer fold; Varma and Simon
2006).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hemosweep.ablation.sweep import Arm, Params, Sweep
from hemosweep.config import ArmConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Real:
    """A number from `low` to `high`; with `log` its logarithm is sampled evenly."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One of several values."""

    options: tuple[Any, ...]


Axis = Real | Choice

START, BEST = "start", "best"
"""Arms of the comparison at the end of a search, on cases held out of it: where it began, and its best trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """An open space around a configuration.

    `base` makes the configuration that is searched around from a profile's, `configure` puts a point of the space into
    it, and `start` is the point where it lies itself: the first trial.
    """

    name: str
    question: str
    space: Mapping[str, Axis]
    start: Params
    base: Callable[[ArmConfig], ArmConfig]
    configure: Callable[[ArmConfig, Params], ArmConfig]

    def arm(self, name: str, base: ArmConfig, params: Params) -> Arm:
        """A point of the space as an arm."""
        return Arm(name=name, params=params, config=self.configure(self.base(base), params))

    @property
    def last_comparison(self) -> Sweep:
        """The ablation that a search ends with: start and best, compared on the cases held out."""
        return Sweep(
            name=self.name,
            question=self.question,
            space={"arm": (START, BEST)},
            arm_name=lambda params: params["arm"],
            configure=lambda base, params: self.base(base),
            baseline=START,
            comparisons=((START, BEST),),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One arm of a search. `index` counts from 0; `dsc` is None until it has ended well."""

    index: int
    number: int
    params: Params
    ended: bool
    dsc: float | None

    @property
    def name(self) -> str:
        return f"trial-{self.index:03d}"
