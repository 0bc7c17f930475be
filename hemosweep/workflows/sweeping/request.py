"""Request from the options of `hemosweep sweep` and `hemosweep plan`, with every name looked up."""

from collections.abc import Collection
from dataclasses import replace

from hemosweep.ablation.catalogue import find_listed, known_sweeps
from hemosweep.ablation.search import START
from hemosweep.ablation.sweep import Sweep
from hemosweep.durations import read_seconds
from hemosweep.engine.request import Request
from hemosweep.errors import BadInput
from hemosweep.executors.execution import read_execution
from hemosweep.stats.looks import LOOKS
from hemosweep.sweeps.base import profile
from hemosweep.workflows.options import SweepOptions

DEFAULT_TRIALS = 20


def resolve(options: SweepOptions) -> Request:
    """Look up every name and fill in the defaults: without data the profile is demo, with data it is paper.

    Raises:
        BadInput: an unknown sweep, profile, arm or executor, or a number out of range.
    """
    chosen = profile(options.profile or ("demo" if options.data is None else "paper"))
    execution = read_execution(
        options.executor,
        per_gpu=options.per_gpu,
        at_once=options.at_once,
        one_a_processor=chosen.one_a_processor,
        max_jobs=options.max_jobs,
        sbatch=options.sbatch,
        host=options.host,
        certs=options.certs,
        insecure=options.insecure,
        time_limit=options.time_limit,
    )
    listed = find_listed(options.name)
    search, sweep = listed.search, listed.sweep
    by_looks = options.seeds == "auto"
    if options.budget is not None and not by_looks:
        raise BadInput("--budget is for --seeds auto, which adds seeds; a given number of seeds is trained whole")
    given = min(LOOKS) if options.seeds == "auto" else options.seeds
    num_seeds = sweep.num_seeds if given is None else given
    if num_seeds < min(sweep.num_seeds, 2):
        raise BadInput(f"--seeds {num_seeds}: give at least {min(sweep.num_seeds, 2)}")
    repeats = 1 if options.repeats is None else options.repeats
    if repeats < 1:
        raise BadInput(f"--repeats {repeats}: give at least 1")
    if repeats > 1 and options.seeds is not None:
        raise BadInput("--repeats trains each split into folds with a seed of its own; leave --seeds out")
    base = chosen.config
    if options.folds is not None:
        base = replace(base, cross_validation=replace(base.cross_validation, num_folds=options.folds))
    if options.lesion_label is not None:
        base = replace(base, preprocessing=replace(base.preprocessing, lesion_label=options.lesion_label))
    if options.deterministic:
        base = replace(base, training=replace(base.training, deterministic=True))
    only_folds = () if options.only_folds is None else _some_folds(options.only_folds, base.cross_validation.num_folds)
    request = Request(
        sweep=sweep,
        profile=chosen,
        base=base,
        arms=(),
        seeds=tuple(range(num_seeds)) if repeats == 1 else (0,),
        repeats=repeats,
        by_looks=by_looks,
        budget_s=None if options.budget is None else read_seconds("--budget", options.budget),
        data=options.data,
        out=options.out,
        only_folds=only_folds,
        fresh=options.fresh,
        project=listed.project,
        execution=execution,
    )
    if search is None:
        if options.trials is not None:
            names = ", ".join(name for name, other in known_sweeps().items() if other.search is not None)
            raise BadInput(f"--trials is for a search ({names}); {options.name} trains each of its arms")
        arms = sweep.select(base, options.arms)
        if by_looks:
            _check_looks(sweep, {arm.name for arm in arms}, request.subset)
        return replace(request, arms=arms)
    if num_seeds > 1 or repeats > 1 or options.arms:
        raise BadInput(f"{options.name} picks its arms itself, with one seed: leave --arms, --seeds and --repeats out")
    if options.only_folds is not None:
        raise BadInput(f"{options.name} ranks its arms by all of their folds; leave --only-folds out")
    if options.fresh:
        raise BadInput(f"{options.name} learns from the trials that it has had; to start over, give another --out")
    num_trials = DEFAULT_TRIALS if options.trials is None else options.trials
    if num_trials < 2:
        raise BadInput(f"--trials {num_trials}: give at least 2, the first is where the search starts")
    arms = (search.arm(START, base, search.start),)
    return replace(request, arms=arms, search=search, num_trials=num_trials)


def _check_looks(sweep: Sweep, arms: Collection[str], subset: str | None) -> None:
    if subset is not None:
        raise BadInput("--only-folds is for trying, and --seeds auto decides over all folds; leave one of them out")
    if not any({a, b} <= set(arms) for a, b in sweep.comparisons):
        raise BadInput(
            f"--seeds auto adds seeds where a declared comparison is open, and {sweep.name} has none of these arms; "
            "give the number of seeds"
        )


def _some_folds(numbers: tuple[str, ...], num_folds: int) -> tuple[int, ...]:
    """The folds with these numbers, in order; empty if they are all folds."""
    typed = f"--only-folds {','.join(numbers)}".rstrip()
    there_are = f"there are {num_folds} folds, 0 to {num_folds - 1}"
    if not numbers:
        raise BadInput(f"{typed}: give the numbers of some folds, such as 0,2; {there_are}")
    for number in numbers:
        if not (number.isascii() and number.isdecimal() and int(number) < num_folds):
            raise BadInput(f"{typed}: {number} is no fold; {there_are}")
    folds = tuple(sorted(set(map(int, numbers))))
    return () if len(folds) == num_folds else folds
