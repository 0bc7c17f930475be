"""What a user asks of `hemosweep sweep` and `hemosweep plan`, with every name in it looked up."""

from dataclasses import dataclass, replace
from pathlib import Path

from hemosweep.config import ArmConfig
from hemosweep.engine.search import Search
from hemosweep.engine.sweep import Arm, Sweep
from hemosweep.errors import BadInput
from sweeps import find_sweep
from sweeps.base import Profile, profile

START, BEST = "start", "best"
"""What a search compares in the end, on cases held out of it: where it began and its best trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A sweep to run: which arms, from which base configuration, with which seeds, on which data.

    `data` is None where a phantom is to be made.
    """

    sweep: Sweep
    profile: Profile
    base: ArmConfig
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    data: Path | None
    out: Path

    @property
    def phantom_folder(self) -> Path:
        """Where the phantom data set is made where no data is given."""
        return self.out / f"phantom-{self.profile.name}"


def resolve(
    sweep_name: str,
    *,
    data: Path | None,
    profile_name: str | None,
    out: Path,
    num_seeds: int,
    arm_names: tuple[str, ...],
    num_folds: int | None,
    lesion_label: int | None = None,
    deterministic: bool = False,
) -> Request:
    """Look up every name and fill in what was left open: without data the profile is demo, with data it is paper.

    Raises:
        BadInput: an unknown sweep, profile or arm, or a number out of range.
    """
    sweep = find_sweep(sweep_name)
    chosen = _profile(profile_name, data)
    if num_seeds < 1:
        raise BadInput(f"--seeds {num_seeds}: give at least 1")
    base = _base(chosen, num_folds=num_folds, lesion_label=lesion_label, deterministic=deterministic)
    return Request(
        sweep=sweep,
        profile=chosen,
        base=base,
        arms=sweep.select(base, arm_names),
        seeds=tuple(range(num_seeds)),
        data=data,
        out=out,
    )


def resolve_search(
    search_name: str,
    *,
    data: Path | None,
    profile_name: str | None,
    out: Path,
    num_folds: int | None,
    lesion_label: int | None = None,
    deterministic: bool = False,
) -> tuple[Search, Request]:
    """Look up a search; its request is for the arm that it starts from, in the search's experiment.

    Raises:
        BadInput: as `resolve`.
    """
    # Its spaces are Optuna's, whose import takes a second.
    from sweeps.search import find_search

    search = find_search(search_name)
    chosen = _profile(profile_name, data)
    base = _base(chosen, num_folds=num_folds, lesion_label=lesion_label, deterministic=deterministic)
    sweep = Sweep(
        name=search.experiment,
        question=search.question,
        space={"arm": (START, BEST)},
        arm_name=lambda params: params["arm"],
        configure=lambda base, params: search.base(base),
        baseline=START,
        comparisons=((START, BEST),),
    )
    arms = (search.arm(START, base, search.start),)
    return search, Request(sweep=sweep, profile=chosen, base=base, arms=arms, seeds=(0,), data=data, out=out)


def _profile(name: str | None, data: Path | None) -> Profile:
    return profile(name or ("demo" if data is None else "paper"))


def _base(chosen: Profile, *, num_folds: int | None, lesion_label: int | None, deterministic: bool) -> ArmConfig:
    """The profile's configuration with what the user set for all arms."""
    base = chosen.config
    if num_folds is not None:
        base = replace(base, cross_validation=replace(base.cross_validation, num_folds=num_folds))
    if lesion_label is not None:
        base = replace(base, preprocessing=replace(base.preprocessing, lesion_label=lesion_label))
    if deterministic:
        base = replace(base, training=replace(base.training, deterministic=True))
    return base
