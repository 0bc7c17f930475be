"""Plan of a sweep: arms x seeds x folds, each fold run named by its digest."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hemosweep.ablation.declaration import Declaration
from hemosweep.ablation.sweep import Arm
from hemosweep.components.record import type_name
from hemosweep.config import PreprocessingConfig, config_as_dict
from hemosweep.data.case import Case
from hemosweep.data.folds import Fold
from hemosweep.digest import digest_json
from hemosweep.engine.index import FOLD_RUNS_NAME, Plan, PlannedFoldRun, PlannedReplicate, keep_plan
from hemosweep.foldrun.seal import RECORDS, BrokenSeal, is_sealed
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.identity.fold_run import fold_run_digest
from hemosweep.identity.stages import FOLD_RUNS, Code, components_of
from hemosweep.preprocessing.overview import cohort_ranges
from hemosweep.preprocessing.record import load_content_digest
from hemosweep.scores.metric import Metric
from hemosweep.scores.table import UNKNOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class Replicate:
    """One arm with one seed: a cross-validation of fold runs, and one run in the tracker.

    `repeat` numbers the split into folds, from 0. Each further one has the seed of its number.
    """

    arm: Arm
    seed: int
    run_name: str
    fold_runs: tuple[FoldRunSpec, ...]
    repeat: int = 0

    @property
    def digest(self) -> str:
        return digest_json([spec.digest for spec in self.fold_runs])


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """Cases that were preprocessed in the same way: case id to file, and to the digest of its content.

    `cohort` has the ranges of their numbers (`cohort_ranges`).
    """

    paths: Mapping[str, Path]
    contents: Mapping[str, str]
    cohort: tuple[tuple[str, float, float], ...] = ()

    @classmethod
    def read(cls, paths: Mapping[str, Path]) -> "Inputs":
        """Read the digests and the ranges from the files."""
        contents = {case_id: load_content_digest(path) for case_id, path in paths.items()}
        return cls(paths=paths, contents=contents, cohort=cohort_ranges(paths.values()))


def plan_replicates(
    arms: Sequence[Arm],
    seeds: Sequence[int],
    cases: Sequence[Case],
    folds: Sequence[Fold],
    *,
    inputs: Mapping[PreprocessingConfig, Inputs],
    code: Code,
    patients: Mapping[str, str] | None = None,
    metrics: tuple[Metric, ...] = (),
    further: Sequence[Sequence[Fold]] = (),
) -> tuple[Replicate, ...]:
    """Every fold run of a sweep, arm by arm.

    Args:
        code: finds the code of each arm.
        patients: case id to the name of its patient in results (`patient_names`); none are recorded without it.
        metrics: those of the sweep.
        further: the folds of the further repeats of the cross-validation, from 1 on.
    """
    # Once a case, not once a fold run: resolving a path asks the disk about every folder in it.
    read = {
        config: {
            case.case_id: CaseInput(
                case_id=case.case_id,
                ivh=case.ivh_text,
                path=str(prepared.paths[case.case_id].resolve()),
                patient_id=(patients or {}).get(case.case_id, UNKNOWN),
            )
            for case in cases
        }
        for config, prepared in inputs.items()
    }

    def part(arm: Arm, case_ids: Sequence[str]) -> tuple[CaseInput, ...]:
        cases_read = read[arm.config.preprocessing]
        return tuple(cases_read[name] for name in case_ids)

    # Once for all arms with the same components: each time the disk is asked about every module.
    components = {arm.config: components_of(config_as_dict(arm.config)) for arm in arms}
    codes = {names: code.of(FOLD_RUNS, names) for names in set(components.values())}
    projects = {arm.config: code.project_of(arm.config, metrics) for arm in arms}
    project_sources = {names: code.of_project(names) for names in codes}
    metrics_source = code.of_project(map(type_name, metrics))

    def fold_run(arm: Arm, seed: int, fold: Fold) -> FoldRunSpec:
        source = codes[components[arm.config]]
        return FoldRunSpec(
            digest=fold_run_digest(arm.config, seed, fold, inputs[arm.config.preprocessing].contents, source),
            source=source,
            project_source=project_sources[components[arm.config]],
            metrics_source=metrics_source,
            project=projects[arm.config],
            config=arm.config,
            seed=seed,
            fold=fold.index,
            train=part(arm, fold.train),
            validation=part(arm, fold.validation),
            test=part(arm, fold.test),
            metrics=metrics,
            cohort=inputs[arm.config.preprocessing].cohort,
        )

    def run_name(arm: Arm, seed: int, repeat: int) -> str:
        if repeat:
            return f"{arm.name}~{repeat}"
        return arm.name if len(seeds) == 1 and not further else f"{arm.name}@{seed}"

    trained = [(seed, 0, folds) for seed in seeds] + [(number, number, own) for number, own in enumerate(further, 1)]
    return tuple(
        Replicate(
            arm=arm,
            seed=seed,
            run_name=run_name(arm, seed, repeat),
            fold_runs=tuple(fold_run(arm, seed, fold) for fold in own),
            repeat=repeat,
        )
        for arm in arms
        for seed, repeat, own in trained
    )


def write_plan(
    out: Path, sweep: str, profile: str, replicates: Sequence[Replicate], declaration: Declaration | None = None
) -> None:
    """Write the plan of a sweep into its output folder, for later commands (`keep_plan`)."""
    planned = tuple(_planned(replicate) for replicate in replicates)
    keep_plan(out, Plan(sweep=sweep, profile=profile, replicates=planned, declaration=declaration))


def _planned(replicate: Replicate) -> PlannedReplicate:
    paths = {case.path for spec in replicate.fold_runs for case in (*spec.train, *spec.validation, *spec.test)}
    return PlannedReplicate(
        run_name=replicate.run_name,
        arm=replicate.arm.name,
        seed=replicate.seed,
        source=replicate.fold_runs[0].source,
        project=replicate.fold_runs[0].project,
        components=components_of(config_as_dict(replicate.arm.config)),
        fold_runs=tuple(PlannedFoldRun(fold=spec.fold, digest=spec.digest) for spec in replicate.fold_runs),
        derivatives=tuple(sorted({Path(path).parent.name for path in paths})),
    )


def fold_run_folder(out: Path, spec: FoldRunSpec) -> Path:
    return out / FOLD_RUNS_NAME / spec.digest


def is_done(out: Path, spec: FoldRunSpec) -> bool:
    """True if the fold run of a plan is done, and what its result is read from is as it was sealed.

    Raises:
        BrokenSeal: it is done, and a file is missing or another one.
    """
    return is_sealed(fold_run_folder(out, spec), *RECORDS, owner=spec.digest)


def is_settled(out: Path, spec: FoldRunSpec) -> bool:
    """True if a sweep has nothing to train for a fold run: it is done, or its broken seal waits for the user."""
    try:
        return is_done(out, spec)
    except BrokenSeal:
        return True


# A patch's fixed cost in voxels: on two CPU cores a step took 0.67 us a voxel and 0.38 ms a patch (demo profile).
_PATCH_OVERHEAD = 600
VALIDATION_COST = 1 / 3
"""Cost of a patch in validation (forward only), relative to a patch in training."""


def work(replicate: Replicate) -> list[float]:
    """Relative cost of each fold run, in voxels that pass the network. The ETA is computed from it."""
    config = replicate.arm.config
    patch = math.prod(config.sampling.patch_DHW) + _PATCH_OVERHEAD
    per_case = patch * config.sampling.num_patches_per_case * config.training.max_epochs
    views = config.sampling.num_views
    return [
        float(per_case * (views * len(spec.train) + VALIDATION_COST * len(spec.validation)))
        for spec in replicate.fold_runs
    ]
