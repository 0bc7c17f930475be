"""Inventory of a sweep before it begins: its cases, preprocessed or not, and the fold runs that are done."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hemosweep.ablation.sweep import Arm
from hemosweep.config import ArmConfig, PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.folds import Fold, draw_split, further_repeats
from hemosweep.data.manifest import TABLE_NAME, read_manifest
from hemosweep.engine.plan import Inputs, is_settled, plan_replicates
from hemosweep.engine.request import Request
from hemosweep.environment import num_processors
from hemosweep.forecast.footprint import (
    CaseSize,
    CTGrid,
    expected_size,
    file_bytes,
    prediction_bytes,
    preprocessed_size,
    read_scan,
    resident_bytes,
)
from hemosweep.phantom.sizes import SIZES
from hemosweep.preprocessing.derivatives import derivative_path, derivatives_folder

FoldRunKey = tuple[ArmConfig, int, int]
"""Key of a fold run within one sweep: configuration, seed, and number of the fold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """Inventory of a sweep. `folds` are the numbers of the folds to train. `sizes` are the sizes of all cases for each
    preprocessing.

    `fold_prediction_bytes` is the disk space of the predictions of one fold run, and `preprocessed_bytes` that of the
    `num_to_preprocess` preprocessed cases that do not exist yet.
    """

    num_cases: int
    folds: tuple[int, ...]
    sizes: Mapping[PreprocessingConfig, Sequence[CaseSize]]
    done: frozenset[FoldRunKey] = frozenset()
    fold_prediction_bytes: int = 0
    num_to_preprocess: int = 0
    preprocessed_bytes: int = 0

    def resident_bytes(self, config: ArmConfig) -> int:
        """Memory of the cases that a fold run trains and validates with: all but those of its own fold."""
        whole = sum(resident_bytes(size, config) for size in self.sizes[config.preprocessing])
        return round(whole * (1 - 1 / config.cross_validation.num_folds))


def take_inventory(request: Request) -> Inventory:
    """Read the data set and the output folder of a request. Nothing is written.

    Raises:
        BadInput: the data set cannot be listed, has too few patients for the folds, or a CT that cannot be read.
    """
    data = request.data if request.data is not None else request.phantom_folder
    configs = tuple(dict.fromkeys(arm.config.preprocessing for arm in request.arms))
    if request.data is None and not (data / TABLE_NAME).is_file():
        return _of_phantoms(request, configs)
    listed = read_manifest(data)
    cases, folds = draw_split(listed, request.base.cross_validation, with_cta_only=request.sweep.with_cta_only)
    folds = _chosen(request, folds)
    further = [
        _chosen(request, draw_split(listed, own, with_cta_only=request.sweep.with_cta_only)[1])
        for own in further_repeats(listed, request.base.cross_validation, request.repeats)
    ]
    sizes: dict[PreprocessingConfig, Sequence[CaseSize]] = {}
    inputs: dict[PreprocessingConfig, Inputs] = {}
    num_to_preprocess, bytes_to_preprocess = 0, 0
    scans: Mapping[str, CTGrid] = {}
    names = {with_cta: _file_names(cases, configs, with_cta=with_cta) for with_cta in (False, True)}
    for config in configs:
        folder = derivatives_folder(data, request.out, config, request.code)
        paths = {case_id: folder / name for case_id, name in names[config.angiography].items()}
        preprocessed = {case_id for case_id, path in paths.items() if path.is_file()}
        if len(preprocessed) == len(cases):
            inputs[config] = Inputs.read(paths)
        elif not scans:
            scans = {case.case_id: read_scan(case) for case in cases}
        sizes[config] = [
            preprocessed_size(paths[case.case_id])
            if case.case_id in preprocessed
            else expected_size(scans[case.case_id], config)
            for case in cases
        ]
        to_make = [size for case, size in zip(cases, sizes[config], strict=True) if case.case_id not in preprocessed]
        num_to_preprocess += len(to_make)
        bytes_to_preprocess += sum(file_bytes(size, config) for size in to_make)
    return Inventory(
        num_cases=len(cases),
        folds=tuple(fold.index for fold in folds),
        sizes=sizes,
        done=_done(request, cases, folds, further, inputs),
        fold_prediction_bytes=prediction_bytes(cases) // request.base.cross_validation.num_folds,
        num_to_preprocess=num_to_preprocess,
        preprocessed_bytes=bytes_to_preprocess,
    )


def _of_phantoms(request: Request, configs: Sequence[PreprocessingConfig]) -> Inventory:
    """Inventory before the first sweep of a profile: its phantoms do not exist yet, but their size is known."""
    phantom, num_cases = SIZES[request.profile.name], request.profile.phantom_cases
    scan = CTGrid(shape_DHW=phantom.shape_DHW, spacing_DHW_mm=phantom.spacing_DHW_mm)
    sizes = {config: [expected_size(scan, config)] * num_cases for config in configs}
    return Inventory(
        num_cases=num_cases,
        folds=request.only_folds or tuple(range(request.base.cross_validation.num_folds)),
        sizes=sizes,
        num_to_preprocess=num_cases * len(configs),
        preprocessed_bytes=sum(file_bytes(size, config) for config in configs for size in sizes[config]),
    )


def _file_names(cases: Sequence[Case], configs: Sequence[PreprocessingConfig], *, with_cta: bool) -> Mapping[str, str]:
    """Case id to the name of its preprocessed file, which holds the digest of the files that it is made of.

    The names are computed once for all configurations that read the same files, and for several cases at once: the
    digests of a data set of gigabytes take seconds.
    """
    config = next((config for config in configs if config.angiography == with_cta), None)
    if config is None:
        return {}
    with ThreadPoolExecutor(num_processors()) as pool:
        paths = pool.map(lambda case: derivative_path(case, config, Path()), cases)
        return {case.case_id: path.name for case, path in zip(cases, paths, strict=True)}


def _chosen(request: Request, folds: Sequence[Fold]) -> tuple[Fold, ...]:
    return tuple(fold for fold in folds if not request.only_folds or fold.index in request.only_folds)


def _done(
    request: Request,
    cases: Sequence[Case],
    folds: Sequence[Fold],
    further: Sequence[Sequence[Fold]],
    inputs: Mapping[PreprocessingConfig, Inputs],
) -> frozenset[FoldRunKey]:
    """The fold runs that are done, in this sweep or another. A fold run whose cases are not preprocessed has no name
    yet, because its name depends on their content."""
    arms: dict[ArmConfig, Arm] = {arm.config: arm for arm in request.arms if arm.config.preprocessing in inputs}
    replicates = plan_replicates(
        tuple(arms.values()), request.seeds, cases, folds, inputs=inputs, code=request.code, further=further
    )
    return frozenset(
        (replicate.arm.config, spec.seed, spec.fold)
        for replicate in replicates
        for spec in replicate.fold_runs
        if is_settled(request.out, spec)
    )
