"""The figures of a sweep, drawn when each arm ends: the arm's figures, its patch centres, and its pairs with earlier
arms."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from hemosweep.config import PreprocessingConfig, SamplingConfig
from hemosweep.data.case import Case
from hemosweep.engine.plan import Replicate, fold_run_folder
from hemosweep.foldrun.spec import FoldRunSpec
from hemosweep.preprocessing.record import PreprocessedCase, load_preprocessed
from hemosweep.report.names import safe_name
from hemosweep.report.slices.centres import draw_centres
from hemosweep.report.slices.pairs import PairArm, draw_pair, largest_changes
from hemosweep.report.slices.replicate import draw_replicate
from hemosweep.sampling.centres import Centres, case_regions
from hemosweep.training.fold_run import centres_seed, draw_fold_centres

CENTRES_NAME = "centres.png"


def figures_folder(out: Path, sweep: str) -> Path:
    """Folder of a sweep's figures; those of an arm have a folder of its `safe_name` in it."""
    return out / "figures" / sweep


class SweepFigures:
    """Draws the figures of a replicate that has ended, and remembers it for later pairs."""

    def __init__(
        self,
        sweep: str,
        comparisons: Sequence[tuple[str, str]],
        raw_cases: Sequence[Case],
        out: Path,
        *,
        lesion_label: int | None = None,
    ) -> None:
        self._folder = figures_folder(out, sweep)
        self._comparisons = comparisons
        self._raw_cases = raw_cases
        self._out = out
        self._lesion_label = lesion_label
        self._ended: dict[tuple[str, int], PairArm] = {}
        self._centres: dict[tuple[SamplingConfig, PreprocessingConfig, int], Path] = {}

    def __call__(self, replicate: Replicate, cases: pd.DataFrame) -> Mapping[str, Path]:
        """Draw a replicate's figures; returns artifact name to file.

        Args:
            cases: its case table, complete.
        """
        name = replicate.run_name
        fold_folders = {spec.fold: fold_run_folder(self._out, spec) for spec in replicate.fold_runs}
        self._ended[replicate.arm.name, replicate.seed] = PairArm(name=name, cases=cases, fold_folders=fold_folders)
        figures = draw_replicate(
            name,
            cases,
            self._raw_cases,
            fold_folders,
            self._folder / safe_name(name),
            lesion_label=self._lesion_label,
        )
        return figures | {CENTRES_NAME: self._draw_centres(replicate, cases)} | self._draw_pairs(replicate)

    def _draw_centres(self, replicate: Replicate, cases: pd.DataFrame) -> Path:
        """Draw the centres of a training case of the first fold. Arms with the same centres share the picture."""
        spec = replicate.fold_runs[0]
        config = spec.config
        without_channels = replace(config.preprocessing, symmetric="none", angiography=False)
        key = (config.sampling, without_channels, replicate.seed)
        if key not in self._centres:
            case, centres = training_centres(spec, median_training_case(spec, cases))
            path = self._folder / safe_name(replicate.run_name) / CENTRES_NAME
            sampling = config.sampling
            draw_centres(
                case,
                centres,
                sampling.patch_DHW,
                path,
                title=f"{case.case_id}: {sampling.num_patches_per_case} patch centres, restriction "
                f"{sampling.restriction}",
                regions=case_regions(case, sampling.restriction),
            )
            self._centres[key] = path
        return self._centres[key]

    def _draw_pairs(self, replicate: Replicate) -> dict[str, Path]:
        """The declared comparisons that this replicate completes, with the same seed in both arms."""
        figures = {}
        for pair in self._comparisons:
            arms = [self._ended.get((arm, replicate.seed)) for arm in pair]
            if replicate.arm.name not in pair or None in arms:
                continue
            a, b = (arm for arm in arms if arm is not None)
            if largest_changes(a.cases, b.cases):
                file_name = f"{safe_name(a.name)}-vs-{safe_name(b.name)}.png"
                figures[file_name] = self._folder / file_name
                draw_pair(a, b, self._raw_cases, figures[file_name], lesion_label=self._lesion_label)
        return figures


def median_training_case(spec: FoldRunSpec, cases: pd.DataFrame) -> str:
    """The id of the fold's training case with the median lesion volume, the lower one of an even number.

    Args:
        cases: the replicate's case table. Every training case of a fold is a test case of another, unless the fold
            stands alone: then none is in the table, and the first is taken.
    """
    training = cases[cases["case_id"].isin([case.case_id for case in spec.train])]
    if training.empty:
        return spec.train[0].case_id
    ordered = training.sort_values(["reference_ml", "case_id"], ignore_index=True)
    return str(ordered["case_id"].iloc[(len(ordered) - 1) // 2])


def training_centres(spec: FoldRunSpec, case_id: str) -> tuple[PreprocessedCase, Centres]:
    """A training case of a fold run and the very centres that its training drew on it (`training.fold_run`)."""
    (path,) = (case.path for case in spec.train if case.case_id == case_id)
    case = load_preprocessed(Path(path))
    return case, draw_fold_centres(case, spec.config, centres_seed(spec))
