"""The figures of a sweep, drawn when each arm ends: the arm's figures, its patch centres, its windows of the test, its
network, and its pairs with earlier arms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from hemosweep.components.context import is_slice_wise
from hemosweep.config import WHOLE, PreprocessingConfig, SamplingConfig
from hemosweep.data.case import Case
from hemosweep.engine.plan import Replicate, fold_run_folder
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.preprocessing.record import PreprocessedCase, load_preprocessed
from hemosweep.report.names import safe_name
from hemosweep.report.plots.network import draw_network
from hemosweep.report.slices.centres import draw_centres
from hemosweep.report.slices.pairs import PairArm, draw_pair, largest_changes
from hemosweep.report.slices.replicate import draw_replicate
from hemosweep.report.slices.windows import draw_windows
from hemosweep.sampling.centres import Centres, case_regions
from hemosweep.training.fold_run import centres_seed, draw_fold_centres

CENTRES_NAME, WINDOWS_NAME, NETWORK_NAME = "centres.png", "windows.png", "network.png"
HYPERDENSE = "hyperdense"
"""Region whose centres are shown on a case with IVH, where there is one: that is what the region is for."""


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
        self._shared: dict[tuple[str, Any], Path] = {}

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
        figures |= {
            CENTRES_NAME: self._draw_centres(replicate, cases),
            WINDOWS_NAME: self._draw_windows(replicate, cases),
            NETWORK_NAME: self._draw_network(replicate),
        }
        return figures | self._draw_pairs(replicate)

    def _once(self, replicate: Replicate, name: str, key: Any, draw: Callable[[Path], None]) -> Path:
        """The picture of a replicate, drawn unless an earlier one with the same key has it."""
        if (name, key) not in self._shared:
            path = self._folder / safe_name(replicate.run_name) / name
            draw(path)
            self._shared[name, key] = path
        return self._shared[name, key]

    def _draw_centres(self, replicate: Replicate, cases: pd.DataFrame) -> Path:
        """Draw the centres of a training case of the first fold. Arms with the same centres share the picture."""
        spec = replicate.fold_runs[0]
        sampling = spec.config.sampling

        def draw(path: Path) -> None:
            with_ivh = any(name.startswith(HYPERDENSE) for name in sampling.restriction.by_name)
            case, centres = training_centres(spec, median_case(spec.train, cases, with_ivh=with_ivh))
            draw_centres(
                case,
                centres,
                sampling.patch_DHW,
                path,
                title=f"{_named(spec.train, case.case_id)}: {_sampling_line(sampling)}",
                regions={} if sampling.centres == WHOLE else case_regions(case, sampling.restriction),
            )

        return self._once(
            replicate, CENTRES_NAME, (replace(sampling, transforms=()), _grid_of(spec), replicate.seed), draw
        )

    def _draw_windows(self, replicate: Replicate, cases: pd.DataFrame) -> Path:
        """Draw the windows of a test case of the first fold. Arms with the same windows share the picture."""
        spec = replicate.fold_runs[0]
        window_DHW, overlap = spec.config.labelled_DHW, spec.config.inference.overlap
        restriction, centred = spec.config.sampling.restriction, spec.config.sampling.centres == WHOLE
        slice_wise = is_slice_wise(spec.config.network)

        def draw(path: Path) -> None:
            case_id = median_case(spec.test, cases)
            case = _load(spec.test, case_id)
            title = f"{_named(spec.test, case_id)}: windows of the test"
            draw_windows(
                case, restriction, window_DHW, overlap, path, title=title, slice_wise=slice_wise, centred=centred
            )

        key = (window_DHW, overlap, slice_wise, centred, restriction.leaves_brain, _grid_of(spec))
        return self._once(replicate, WINDOWS_NAME, key, draw)

    def _draw_network(self, replicate: Replicate) -> Path:
        """Draw the network. Arms with the same one share the picture."""
        config = replicate.fold_runs[0].config
        in_channels, patch_DHW = len(config.preprocessing.channels), config.sampling.patch_DHW

        def draw(path: Path) -> None:
            network = config.network.build(in_channels=in_channels)
            draw_network(network, in_channels, patch_DHW, path, title=type(config.network).__name__)

        return self._once(replicate, NETWORK_NAME, (config.network, in_channels, patch_DHW), draw)

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


def median_case(listed: Sequence[CaseInput], cases: pd.DataFrame, *, with_ivh: bool = False) -> str:
    """The id of the case with the median lesion volume among those of a fold's list, the lower one of an even number.

    Args:
        cases: the replicate's case table. Every training case of a fold is a test case of another, unless the fold
            stands alone: then none is in the table, and the first is taken.
        with_ivh: take it among those with IVH, if there are any.
    """
    ivh_ids = [case.case_id for case in listed if case.ivh == "yes"] if with_ivh else []
    ids = ivh_ids or [case.case_id for case in listed]
    known = cases[cases["case_id"].isin(ids)]
    if known.empty:
        return ids[0]
    ordered = known.sort_values(["reference_ml", "case_id"], ignore_index=True)
    return str(ordered["case_id"].iloc[(len(ordered) - 1) // 2])


def training_centres(spec: FoldRunSpec, case_id: str) -> tuple[PreprocessedCase, Centres]:
    """A training case of a fold run and the very centres that its training drew on it (`training.fold_run`)."""
    case = _load(spec.train, case_id)
    return case, draw_fold_centres(case, spec.config, centres_seed(spec))


def _load(listed: Sequence[CaseInput], case_id: str) -> PreprocessedCase:
    (path,) = (case.path for case in listed if case.case_id == case_id)
    return load_preprocessed(Path(path))


def _named(listed: Sequence[CaseInput], case_id: str) -> str:
    """Name of a case in a title, which says where it has IVH."""
    has_ivh = any(case.case_id == case_id and case.ivh == "yes" for case in listed)
    return f"{case_id} (IVH)" if has_ivh else case_id


def _grid_of(spec: FoldRunSpec) -> PreprocessingConfig:
    """Preprocessing without its further channels, which move no voxel."""
    return replace(spec.config.preprocessing, ct_channels=(), symmetric="none", angiography=False)


def _sampling_line(sampling: SamplingConfig) -> str:
    if sampling.centres == WHOLE:
        return "one patch, around the middle of the head"
    return f"{sampling.num_patches_per_case} patch centres, restriction {sampling.restriction}"
