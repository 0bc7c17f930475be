"""What a user asks of `hemosweep sweep` and `hemosweep plan`, with every name in it looked up."""

from dataclasses import dataclass, replace
from pathlib import Path

from hemosweep.config import ArmConfig
from hemosweep.engine.search import Search
from hemosweep.engine.sweep import Arm, Sweep
from hemosweep.errors import BadInput
from sweeps import find_sweep
from sweeps.base import Profile, profile
from sweeps.search import SEARCHES

START, BEST = "start", "best"
"""What a search compares in the end, on cases held out of it: where it began and its best trial."""


DEFAULT_TRIALS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A sweep to run: which arms, from which base configuration, with which seeds, on which data.

    `data` is None where a phantom is to be made. For a `search`, the one arm is that which it starts from, and the
    sweep is what it ends with: start and best, compared on the cases held out.
    """

    sweep: Sweep
    profile: Profile
    base: ArmConfig
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    data: Path | None
    out: Path
    search: Search | None = None
    num_trials: int = 1

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
    num_trials: int | None = None,
    lesion_label: int | None = None,
    deterministic: bool = False,
) -> Request:
    """Look up every name and fill in what was left open: without data the profile is demo, with data it is paper.

    Raises:
        BadInput: an unknown sweep, profile or arm, or a number out of range.
    """
    search = SEARCHES.get(sweep_name)
    sweep = find_sweep(sweep_name) if search is None else _last_comparison(search)
    chosen = profile(profile_name or ("demo" if data is None else "paper"))
    if num_seeds < 1:
        raise BadInput(f"--seeds {num_seeds}: give at least 1")
    base = chosen.config
    if num_folds is not None:
        base = replace(base, cross_validation=replace(base.cross_validation, num_folds=num_folds))
    if lesion_label is not None:
        base = replace(base, preprocessing=replace(base.preprocessing, lesion_label=lesion_label))
    if deterministic:
        base = replace(base, training=replace(base.training, deterministic=True))
    request = Request(
        sweep=sweep,
        profile=chosen,
        base=base,
        arms=(),
        seeds=tuple(range(num_seeds)),
        data=data,
        out=out,
    )
    if search is None:
        if num_trials is not None:
            names = ", ".join(SEARCHES)
            raise BadInput(f"--trials is for a search ({names}); {sweep_name} trains each of its arms")
        return replace(request, arms=sweep.select(base, arm_names))
    if num_seeds > 1 or arm_names:
        raise BadInput(f"{sweep_name} picks its arms itself, with one seed: leave --arms and --seeds out")
    num_trials = DEFAULT_TRIALS if num_trials is None else num_trials
    if num_trials < 2:
        raise BadInput(f"--trials {num_trials}: give at least 2, the first is where the search starts")
    arms = (search.arm(START, base, search.start),)
    return replace(request, arms=arms, search=search, num_trials=num_trials)


def _last_comparison(search: Search) -> Sweep:
    return Sweep(
        name=search.name,
        question=search.question,
        space={"arm": (START, BEST)},
        arm_name=lambda params: params["arm"],
        configure=lambda base, params: search.base(base),
        baseline=START,
        comparisons=((START, BEST),),
    )
