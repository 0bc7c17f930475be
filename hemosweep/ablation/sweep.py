"""Declaration of an ablation: its search space, its arms, its baseline and its comparisons."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from typing import Any, TypeVar

from hemosweep.ablation.declaration import DSC_NAME, Declaration
from hemosweep.components.record import check_component
from hemosweep.config import ArmConfig
from hemosweep.errors import BadInput
from hemosweep.scores.metric import Metric

Params = Mapping[str, Any]
R = TypeVar("R")

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NO_ARM_NAME = re.compile(r"[\s\x00-\x1f\x7f@,]")
"""Characters that no arm's name may have: `@` comes before a seed, and a comma before another arm."""
_STORED = (str, int, float, bool, type(None))


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One configuration of an ablation: a point of its search space, its name and its configuration."""

    name: str
    params: Params
    config: ArmConfig


def _everywhere(params: Params) -> bool:
    """Every point of a space is an arm."""
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """One ablation. `space` is the Optuna search space (categorical choices); its points where `where` holds are the
    arms. An arm's name depends on its point alone.

    `comparisons` are the pairs (A, B) whose difference B - A the ablation asks about, declared before any training.
    With `with_cta_only` every arm is trained and tested on the cases with a CT angiography. `num_seeds` are trained
    where no other number is asked for; a sweep with more than one is about the seeds, and needs two at least.
    `section` is the paper's, such as "3.4"; empty for what the paper lacks. By `metrics` its cases are scored beside
    those that are always there. The comparisons are decided by `primary_metric`, the name of one of all these.

    Raises:
        BadInput: the declaration contradicts itself; the message names the sweep and the value.
    """

    name: str
    question: str
    space: Mapping[str, tuple[Any, ...]]
    arm_name: Callable[[Params], str]
    configure: Callable[[ArmConfig, Params], ArmConfig]
    baseline: str
    comparisons: tuple[tuple[str, str], ...]
    where: Callable[[Params], bool] = _everywhere
    with_cta_only: bool = False
    num_seeds: int = 1
    section: str = ""
    metrics: tuple[Metric, ...] = ()
    primary_metric: str = DSC_NAME

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _SAFE_NAME.fullmatch(self.name):
            raise BadInput(
                f"sweep {self.name!r}: the name becomes a file and an MLflow experiment; use up to 100 letters, "
                "digits, '.', '_' and '-', beginning with a letter or a digit"
            )
        _check_space(self.name, self.space)
        if not isinstance(self.metrics, tuple):
            raise BadInput(f"sweep {self.name}: metrics is {self.metrics!r}; give a tuple, such as (BoundaryIoU(),)")
        for metric in self.metrics:
            check_component("metric", metric, "name", "score")
        if not isinstance(self.primary_metric, str) or not self.primary_metric.isidentifier():
            raise BadInput(
                f"sweep {self.name}: primary_metric is {self.primary_metric!r}; give a metric's name, such as 'nsd'"
            )
        names = self.arm_names
        _check_comparisons(self.name, self.comparisons, names)
        if self.baseline not in names:
            raise BadInput(
                f"sweep {self.name}: the baseline {self.baseline!r} is no arm; {_nearest(self.baseline, names)}"
            )

    @property
    def declaration(self) -> Declaration:
        """The declaration, for the record."""
        return Declaration(
            name=self.name,
            question=self.question,
            arms=self.arm_names,
            baseline=self.baseline,
            comparisons=self.comparisons,
            primary_metric=self.primary_metric,
        )

    @property
    def arm_names(self) -> tuple[str, ...]:
        """Name of every arm, in the order of the search space."""
        return tuple(self._points())

    def arms(self, base: ArmConfig) -> tuple[Arm, ...]:
        """Every arm, each exactly once, in the order of the search space.

        Raises:
            BadInput: two arms have one configuration, or `configure` failed.
        """
        arms = tuple(
            Arm(name=name, params=point, config=self._call("configure", point, lambda p: self.configure(base, p)))
            for name, point in self._points().items()
        )
        first: dict[ArmConfig, str] = {}
        for arm in arms:
            if arm.config in first:
                raise BadInput(
                    f"sweep {self.name}: the arms {first[arm.config]!r} and {arm.name!r} have the same configuration; "
                    "let configure use every parameter, or leave one of them out with where"
                )
            first[arm.config] = arm.name
        return arms

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

    def _points(self) -> dict[str, Params]:
        """Points of the space that are arms, by their names.

        Raises:
            BadInput: there is none, a name cannot be used, or two points have one.
        """
        points: dict[str, Params] = {}
        for values in product(*self.space.values()):
            point = dict(zip(self.space, values, strict=True))
            if not self._call("where", point, self.where):
                continue
            name = self._call("arm_name", point, self.arm_name)
            if not isinstance(name, str) or not name or _NO_ARM_NAME.search(name):
                raise BadInput(
                    f"sweep {self.name}: the arm of {_text(point)} is named {name!r}; give it a text without spaces, "
                    "commas and '@'"
                )
            if name in points:
                raise BadInput(
                    f"sweep {self.name}: two arms are named {name!r}, that of {_text(points[name])} and that of "
                    f"{_text(point)}; let arm_name tell them apart"
                )
            points[name] = point
        if not points:
            raise BadInput(f"sweep {self.name}: where leaves no point of the space; let it keep one at least")
        return points

    def _call(self, name: str, point: Params, function: Callable[[Params], R]) -> R:
        """Value of a function of the sweep's author at a point.

        Raises:
            BadInput: the function failed.
        """
        try:
            return function(point)
        except BadInput:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise BadInput(f"sweep {self.name}: {name} failed at {_text(point)} ({reason}); mend it") from error


def _check_space(name: str, space: Mapping[str, tuple[Any, ...]]) -> None:
    if not space:
        raise BadInput(f"sweep {name}: the search space is empty; give it a parameter with its values")
    for axis, values in space.items():
        if not isinstance(values, tuple | list) or not values:
            raise BadInput(f"sweep {name}: the values of {axis!r} are {values!r}; give a tuple with one value at least")
        for value in values:
            if not isinstance(value, _STORED):
                raise BadInput(
                    f"sweep {name}: {axis!r} has the value {' '.join(repr(value).split())}, which Optuna cannot store; "
                    "give its name, and let configure look it up"
                )


def _check_comparisons(name: str, comparisons: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> None:
    declared: set[frozenset[str]] = set()
    for pair in comparisons:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise BadInput(f"sweep {name}: the comparison {pair!r} is no pair of arms; write (('a', 'b'), ('a', 'c'))")
        for arm in pair:
            if arm not in names:
                raise BadInput(
                    f"sweep {name}: the comparison {tuple(pair)} has {arm!r}, which is no arm; {_nearest(arm, names)}"
                )
        if pair[0] == pair[1]:
            raise BadInput(f"sweep {name}: the comparison {tuple(pair)} is of an arm with itself; name two arms")
        if frozenset(pair) in declared:
            raise BadInput(f"sweep {name}: the comparison {tuple(pair)} is declared twice; leave one of them out")
        declared.add(frozenset(pair))


def _nearest(name: str, names: tuple[str, ...]) -> str:
    """Way out for a name that is no arm: the arm that it may be a typing error of, or all arms."""
    near = get_close_matches(str(name), names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"its arms are {', '.join(names)}"


def _text(point: Params) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in point.items())
