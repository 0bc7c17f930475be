"""Request of a user: a sweep to run or to plan, with every name in it looked up."""

from dataclasses import dataclass, field
from pathlib import Path

from hemosweep.ablation.search import Search
from hemosweep.ablation.sweep import Arm, Sweep
from hemosweep.config import ArmConfig
from hemosweep.executors.execution import Execution
from hemosweep.identity.stages import Code
from hemosweep.sweeps.base import Profile


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A sweep to run: its arms, base configuration, seeds and data.

    `repeats` is the number of splits into folds: each further one has folds and a seed of its own. With `by_looks` the
    seeds are those of the first look (`stats.looks`), and more are added where a comparison is open, up to `budget_s`
    seconds of training of the sweep; None is no limit.
    `data` is None where a phantom is to be made. `only_folds` are the folds of the split that are trained, none for
    all. `project` is the root of the user's project that holds the sweep; None for one of hemosweep. `fresh` deletes
    the existing fold runs of the sweep. For a `search`, the only arm is its start, and the sweep is its end: start and
    best, compared on the held-out cases.
    """

    sweep: Sweep
    profile: Profile
    base: ArmConfig
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    repeats: int = 1
    by_looks: bool = False
    budget_s: float | None = None
    data: Path | None
    out: Path
    search: Search | None = None
    num_trials: int = 1
    only_folds: tuple[int, ...] = ()
    fresh: bool = False
    project: Path | None = None
    execution: Execution = field(default_factory=Execution)

    @property
    def num_replicates(self) -> int:
        """Number of trainings of each arm."""
        return len(self.seeds) + self.repeats - 1

    @property
    def code(self) -> Code:
        """The code of the arms."""
        return Code(project=self.project, cache_in=self.out)

    @property
    def subset(self) -> str | None:
        """Text that names the trained folds, such as "folds 0, 2 of 5 only"; None for all."""
        if not self.only_folds:
            return None
        return f"folds {', '.join(map(str, self.only_folds))} of {self.base.cross_validation.num_folds} only"

    @property
    def scaling(self) -> str:
        """Scaling of the profile, and the number of folds that the cases are split into."""
        num_folds, papers = self.base.cross_validation.num_folds, ArmConfig().cross_validation.num_folds
        return f"{self.profile.scaling}, {num_folds if num_folds == papers else f'{num_folds} of {papers}'} folds"

    @property
    def phantom_folder(self) -> Path:
        """Folder of the phantom data set that is made where no data is given."""
        return self.out / f"phantom-{self.profile.name}"
