"""Problems that show only when cases are seen beside each other."""

from collections.abc import Iterator, Sequence

import numpy as np

from hemosweep.config import SamplingConfig
from hemosweep.qc.case import Examined
from hemosweep.qc.problem import Problem, Severity, named
from hemosweep.qc.texture import same_scans

MIN_COHORT = 5
"""Fewer cases have no median to be an outlier of."""
MAX_MADS = 5.0
MAX_RELATIVE = 0.2
MAX_RELATIVE_SLICES = 0.5
"""Head scans of one protocol have 24 to 60 slices, as the technician saw fit."""
THIN_SLICE_MM = 1.25
"""The thin slices that a scanner reconstructs beside those that are read."""


def duplicate_problems(examined: Sequence[Examined]) -> Iterator[Problem]:
    """One image under two ids, said of the later case: an error where the patients differ, since the two could part
    across folds, and a warning within one patient."""
    first_of: dict[int, tuple[int, str]] = {}
    by_content: dict[str, int] = {}
    for index, one in enumerate(examined):
        if one.content is not None and (earlier := by_content.setdefault(one.content, index)) != index:
            first_of[index] = earlier, "the CT is that of"
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, one in enumerate(examined):
        if one.shape_DHW is not None and index not in first_of:
            by_shape.setdefault(one.shape_DHW[1:], []).append(index)
    for indices in by_shape.values():
        textures = [one.texture_DK for index in indices if (one := examined[index]).texture_DK is not None]
        for earlier, later, correlation in same_scans(textures):
            first_of.setdefault(
                indices[later], (indices[earlier], f"the CT has the image noise (correlation {correlation:.2f}) of")
            )
    for index, (earlier, how) in sorted(first_of.items()):
        case, other = examined[index].case, examined[earlier].case
        text = f"{how} {other.case_id}; keep one of the two"
        if case.patient_id == other.patient_id:
            yield _problem(case.case_id, "duplicate-image", "warning", text)
        else:
            text += ", or give both one patient_id: the image may be in two folds otherwise"
            yield _problem(case.case_id, "patient-under-two-ids", "error", text)


def missing_angiography_problems(examined: Sequence[Examined]) -> Iterator[Problem]:
    """Cases without an angiography in a data set that has some."""
    without = [one.case.case_id for one in examined if one.case.cta_path is None]
    if len(without) == len(examined):
        return
    text = "no angiography, which other cases have; an ablation on it leaves the case out"
    for case_id in without:
        yield _problem(case_id, "missing-angiography", "info", text)


def shared_patient_problems(examined: Sequence[Examined]) -> Iterator[Problem]:
    """Patients with several scans, by their cases: a patient's id is nobody else's business."""
    scans: dict[str, list[str]] = {}
    for one in examined:
        scans.setdefault(one.case.patient_id, []).append(one.case.case_id)
    for case_ids in scans.values():
        if len(case_ids) > 1:
            text = f"{len(case_ids)} scans of one patient stay together across folds: {named(case_ids)}"
            yield _problem("", "several-scans", "info", text)


def outlier_problems(examined: Sequence[Examined]) -> Iterator[Problem]:
    """Spacing or number of slices far from the data set's median: by over 5 median absolute deviations, and by over 20%
    (slices: 50%, and not where the spacing explains it)."""
    sizes = [
        (one.case.case_id, *one.spacing_DHW_mm, len(one.texture_DK))
        for one in examined
        if one.spacing_DHW_mm is not None and one.texture_DK is not None
    ]
    if len(sizes) < MIN_COHORT:
        return
    case_ids, steps_mm, heights_mm, widths_mm, counts = zip(*sizes, strict=True)
    pixels_mm = [max(pair) for pair in zip(heights_mm, widths_mm, strict=True)]
    odd_steps = _outliers(steps_mm, MAX_RELATIVE)
    for name, values_mm, odd in (
        ("slice step", steps_mm, odd_steps),
        ("pixel size", pixels_mm, _outliers(pixels_mm, MAX_RELATIVE)),
    ):
        for index in odd:
            text = (
                f"{name} {values_mm[index]:.3g} mm, the data set's median is {np.median(values_mm):.3g} mm; look at it"
            )
            yield _problem(case_ids[index], "spacing-outlier", "warning", text)
    for index in _outliers(counts, MAX_RELATIVE_SLICES):
        if index not in odd_steps:
            text = f"{counts[index]} slices, the data set's median is {np.median(counts):.3g}; look at it"
            yield _problem(case_ids[index], "slice-count-outlier", "warning", text)


def thin_slice_problems(examined: Sequence[Examined]) -> Iterator[Problem]:
    """Slices so thin that a patch of the paper shows less of the head than it does there."""
    thin_mm = {
        one.case.case_id: one.spacing_DHW_mm[0]
        for one in examined
        if one.spacing_DHW_mm is not None and round(one.spacing_DHW_mm[0], 2) <= THIN_SLICE_MM
    }
    if thin_mm:
        step_mm, depth = float(np.median(list(thin_mm.values()))), SamplingConfig().patch_HWD[2]
        text = (
            f"slices of {step_mm:.3g} mm ({len(thin_mm)} of {len(examined)} cases): {depth} slices of a patch show "
            f"{depth * step_mm:.3g} mm of a head, and every scan takes longer; to train on thicker ones, set "
            "spacing_HWD_mm in a sweep of your own (hemosweep docs ablation)"
        )
        yield _problem("", "thin-slices", "info", text)


def _outliers(values: Sequence[float], max_relative: float) -> list[int]:
    """Indices of the values that are far from the median."""
    values_N = np.asarray(values, dtype=np.float64)
    median = np.median(values_N)
    off_N = np.abs(values_N - median)
    return [int(index) for index in np.flatnonzero(off_N > max(MAX_MADS * np.median(off_N), max_relative * median))]


def _problem(case_id: str, kind: str, severity: Severity, message: str) -> Problem:
    return Problem(case_id=case_id, kind=kind, severity=severity, message=message)
