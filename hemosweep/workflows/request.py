"""Options of `hemosweep sweep` and `hemosweep plan` to a request, with every name in it looked up."""

from dataclasses import replace
from pathlib import Path

from hemosweep.ablation.search import START
from hemosweep.engine.request import Request
from hemosweep.errors import BadInput
from hemosweep.executors.execution import Execution
from hemosweep.sweeps import find_sweep
from hemosweep.sweeps.base import profile
from hemosweep.sweeps.search import SEARCHES

DEFAULT_TRIALS = 20


def resolve(
    sweep_name: str,
    *,
    data: Path | None,
    profile_name: str | None,
    out: Path,
    num_seeds: int | None,
    arm_names: tuple[str, ...],
    num_folds: int | None,
    num_trials: int | None = None,
    lesion_label: int | None = None,
    deterministic: bool = False,
    only_folds: tuple[str, ...] | None = None,
    fresh: bool = False,
    execution: Execution | None = None,
) -> Request:
    """Look up every name and fill in what was left open: without data the profile is demo, with data it is paper.

    Args:
        only_folds: the numbers of some of the folds, as typed; None for all.

    Raises:
        BadInput: an unknown sweep, profile or arm, or a number out of range.
    """
    search = SEARCHES.get(sweep_name)
    sweep = find_sweep(sweep_name) if search is None else search.last_comparison
    chosen = profile(profile_name or ("demo" if data is None else "paper"))
    num_seeds = sweep.num_seeds if num_seeds is None else num_seeds
    if num_seeds < min(sweep.num_seeds, 2):
        raise BadInput(f"--seeds {num_seeds}: give at least {min(sweep.num_seeds, 2)}")
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
        only_folds=() if only_folds is None else _some_folds(only_folds, base.cross_validation.num_folds),
        fresh=fresh,
        execution=execution or Execution(),
    )
    if search is None:
        if num_trials is not None:
            names = ", ".join(SEARCHES)
            raise BadInput(f"--trials is for a search ({names}); {sweep_name} trains each of its arms")
        return replace(request, arms=sweep.select(base, arm_names))
    if num_seeds > 1 or arm_names:
        raise BadInput(f"{sweep_name} picks its arms itself, with one seed: leave --arms and --seeds out")
    if only_folds is not None:
        raise BadInput(f"{sweep_name} ranks its arms by all of their folds; leave --only-folds out")
    if fresh:
        raise BadInput(f"{sweep_name} learns from the trials that it has had; to start over, give another --out")
    num_trials = DEFAULT_TRIALS if num_trials is None else num_trials
    if num_trials < 2:
        raise BadInput(f"--trials {num_trials}: give at least 2, the first is where the search starts")
    arms = (search.arm(START, base, search.start),)
    return replace(request, arms=arms, search=search, num_trials=num_trials)


def _some_folds(numbers: tuple[str, ...], num_folds: int) -> tuple[int, ...]:
    """The folds of these numbers in their order; all of them are none left out."""
    typed = f"--only-folds {','.join(numbers)}".rstrip()
    there_are = f"there are {num_folds} folds, 0 to {num_folds - 1}"
    if not numbers:
        raise BadInput(f"{typed}: give the numbers of some folds, such as 0,2; {there_are}")
    for number in numbers:
        if not (number.isascii() and number.isdecimal() and int(number) < num_folds):
            raise BadInput(f"{typed}: {number} is no fold; {there_are}")
    folds = tuple(sorted(set(map(int, numbers))))
    return () if len(folds) == num_folds else folds
