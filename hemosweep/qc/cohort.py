"""`hemosweep data describe`: a data set in numbers, before anything is trained on it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.data.case import Case
from hemosweep.data.content import dataset_digest
from hemosweep.data.hounsfield import is_saturated
from hemosweep.data.manifest import read_participants
from hemosweep.data.parallel import map_cases
from hemosweep.data.reading import read_ct, read_mask
from hemosweep.errors import BadInput
from hemosweep.preprocessing.tilt import tilt_deg
from hemosweep.qc.anatomy import find_anatomy
from hemosweep.qc.case import MIN_OBLIQUE_DEG, oblique_angle_deg

FIRST_HU, END_HU = -100, 150
TISSUES = ("head", "brain", "lesion", "ivh")
Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseNumbers:
    """One case; None where it has no such mask, or where that mask is empty (`lesion_median_hu`).

    `histograms` count voxels in bins of 1 HU from -100 to 150: `head` and `brain` (without blood) on pixels of about
    1 mm, `lesion` and `ivh` on the CT's own.
    """

    case_id: str
    ivh: str
    num_slices: int
    slice_step_mm: float
    pixel_mm: float
    tilt_deg: float
    oblique_deg: float
    is_saturated: bool
    has_cta: bool
    brain_ml: float
    lesion_ml: float | None
    lesion_median_hu: float | None
    ivh_ml: float | None
    histograms: Mapping[str, Counts]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Spread of a number over `n` cases."""

    n: int
    min: float
    p5: float
    q1: float
    median: float
    q3: float
    p95: float
    max: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohort:
    """The cases of a data set that can be read, in the order of its table; `left_out` has the reasons for the others.

    `num_patients` counts all of them. `digest` names the content of all files; None where one cannot be read.
    """

    cases: tuple[CaseNumbers, ...]
    left_out: Mapping[str, str]
    num_patients: int
    digest: str | None

    @property
    def title(self) -> str:
        """Name of the data set for a picture: what it holds, not where it lies."""
        named = "" if self.digest is None else f", data set {self.digest}"
        return f"{len(self.cases)} cases{named}"

    @property
    def num_ivh(self) -> dict[str, int]:
        """Cases whose table says yes, no and n/a."""
        counts = Counter(case.ivh for case in self.cases)
        return {answer: counts[answer] for answer in ("yes", "no", "n/a")}

    @property
    def spreads(self) -> dict[str, Spread | None]:
        """Name of a measure, its unit last, and its spread; None where no case has it."""
        return {
            "lesion_ml": _spread([case.lesion_ml for case in self.cases]),
            "ivh_ml": _spread([case.ivh_ml or None for case in self.cases]),  # an empty mask is no hemorrhage
            "lesion_median_hu": _spread([case.lesion_median_hu for case in self.cases]),
            "brain_ml": _spread([case.brain_ml or None for case in self.cases]),
            "slice_step_mm": _spread([case.slice_step_mm for case in self.cases]),
            "pixel_mm": _spread([case.pixel_mm for case in self.cases]),
            "num_slices": _spread([case.num_slices for case in self.cases]),
        }

    @property
    def histograms(self) -> dict[str, Counts]:
        """Voxels of all cases in bins of 1 HU from -100 to 150."""
        empty = np.zeros(END_HU - FIRST_HU, dtype=np.int64)
        return {tissue: sum((case.histograms[tissue] for case in self.cases), start=empty) for tissue in TISSUES}

    @property
    def counts(self) -> dict[str, int]:
        return {
            "num_cases": len(self.cases) + len(self.left_out),
            "num_left_out": len(self.left_out),
            "num_patients": self.num_patients,
            "num_with_lesion_mask": sum(case.lesion_ml is not None for case in self.cases),
            "num_with_ivh_mask": sum(case.ivh_ml is not None for case in self.cases),
            "num_with_cta": sum(case.has_cta for case in self.cases),
            "num_tilted": sum(case.tilt_deg >= MIN_OBLIQUE_DEG for case in self.cases),
            "num_oblique": sum(
                case.oblique_deg >= MIN_OBLIQUE_DEG and case.tilt_deg < MIN_OBLIQUE_DEG for case in self.cases
            ),
            "num_saturated": sum(case.is_saturated for case in self.cases),
        }

    def as_json(self) -> dict[str, Any]:
        rows = [
            {name: getattr(case, name) for name in CaseNumbers.__dataclass_fields__ if name != "histograms"}
            for case in self.cases
        ]
        return {
            "dataset_digest": self.digest,
            **self.counts,
            "ivh_column": self.num_ivh,
            "spreads": {name: None if spread is None else asdict(spread) for name, spread in self.spreads.items()},
            "hu_histograms": {
                "first_hu": FIRST_HU,
                "bin_hu": 1,
                **{tissue: counts.tolist() for tissue, counts in self.histograms.items()},
            },
            "cases": rows,
            "left_out": dict(self.left_out),
        }

    def as_lines(self) -> list[str]:
        """Counts; the spreads are a table (`hemosweep.report.terminal.cohort.spread_table`)."""
        counts, ivh = self.counts, self.num_ivh
        known = ivh["yes"] + ivh["no"]
        share = f" ({ivh['yes'] / known:.0%} of those known)" if known else ""
        lines = [
            f"{counts['num_cases']} cases of {self.num_patients} patients; content digest {self.digest or 'unknown'}",
            f"lesion masks: {counts['num_with_lesion_mask']}; IVH masks: {counts['num_with_ivh_mask']}; "
            f"angiographies: {counts['num_with_cta']}",
            f"IVH by the table: yes {ivh['yes']}, no {ivh['no']}, n/a {ivh['n/a']}{share}",
            f"gantry tilt of over {MIN_OBLIQUE_DEG:g} degree: {counts['num_tilted']}; oblique without tilt: "
            f"{counts['num_oblique']}; exported through a window: {counts['num_saturated']}",
        ]
        return lines + [f"left out: {case_id}: {why}" for case_id, why in self.left_out.items()]


def describe_cohort(
    data: Path, *, lesion_label: int | None = None, jobs: int, progress: Callable[[int, int], None]
) -> Cohort:
    """Measure every case of a data set; the result does not depend on `jobs`.

    Args:
        lesion_label: the value of the lesion in its masks; None wants masks of zeros and ones.
        jobs: cases read at the same time, each in a process of its own; 1 reads them here.
        progress: called with the number of cases done and of all cases.

    Raises:
        BadInput: the folder is no data set (`read_participants`).
        HemosweepError: a process was killed.
    """
    cases = read_participants(data)
    measured = map_cases(partial(_measure, lesion_label=lesion_label), cases, jobs=jobs, progress=progress)
    try:
        digest = dataset_digest(cases)
    except BadInput:
        digest = None
    return Cohort(
        cases=tuple(one for one in measured if isinstance(one, CaseNumbers)),
        left_out={case.case_id: one for case, one in zip(cases, measured, strict=True) if isinstance(one, str)},
        num_patients=len({case.patient_id for case in cases}),
        digest=digest,
    )


def _measure(case: Case, *, lesion_label: int | None) -> CaseNumbers | str:
    """The numbers of a case, or why it cannot be read."""
    try:
        ct, _ = read_ct(case, case.ct_path)
        hu_DHW = ct.array_DHW.astype(np.float32, copy=False)
        lesion_DHW = read_mask(case, case.lesion_path, ct, label=lesion_label) if case.lesion_path else None
        ivh_DHW = read_mask(case, case.ivh_path, ct) if case.ivh_path else None
        anatomy = find_anatomy(ct)
    except BadInput as error:
        return str(error).replace(f"{case.ct_path.parent}/", "").removeprefix(f"case {case.case_id}: ")
    except MemoryError:
        return "a file needs more memory than there is; its header may be damaged: convert or copy it again"
    blood = [mask_DHW for mask_DHW in (lesion_DHW, ivh_DHW) if mask_DHW is not None]
    without_blood_DHW = anatomy.brain_DHW.copy()
    for mask_DHW in blood:
        without_blood_DHW &= ~anatomy.coarse(mask_DHW)
    lesion_hu = hu_DHW[:0] if lesion_DHW is None else hu_DHW[lesion_DHW]
    ivh_hu = hu_DHW[:0] if ivh_DHW is None else hu_DHW[ivh_DHW]
    slice_step_mm, *pixel_mm = ct.spacing_DHW_mm
    return CaseNumbers(
        case_id=case.case_id,
        ivh=case.ivh_text,
        num_slices=len(hu_DHW),
        slice_step_mm=round(slice_step_mm, 4),
        pixel_mm=round(max(pixel_mm), 4),
        tilt_deg=round(tilt_deg(ct.affine), 2),
        oblique_deg=round(oblique_angle_deg(ct), 2),
        is_saturated=is_saturated(hu_DHW),
        has_cta=case.cta_path is not None,
        brain_ml=float(np.count_nonzero(anatomy.brain_DHW)) * anatomy.voxel_ml,
        lesion_ml=None if lesion_DHW is None else lesion_hu.size * ct.voxel_ml,
        lesion_median_hu=float(np.median(lesion_hu)) if lesion_hu.size else None,
        ivh_ml=None if ivh_DHW is None else ivh_hu.size * ct.voxel_ml,
        histograms={
            "head": _histogram(anatomy.hu_DHW[anatomy.head_DHW]),
            "brain": _histogram(anatomy.hu_DHW[without_blood_DHW]),
            "lesion": _histogram(lesion_hu),
            "ivh": _histogram(ivh_hu),
        },
    )


def _histogram(hu: NDArray[np.float32]) -> Counts:
    """Voxels in bins of 1 HU, each about a whole number; a CT is stored in whole HU."""
    whole = np.rint(hu.ravel()).astype(np.int64) - FIRST_HU
    return np.bincount(whole[(whole >= 0) & (whole < END_HU - FIRST_HU)], minlength=END_HU - FIRST_HU).astype(np.int64)


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    low, p5, q1, median, q3, p95, high = (float(value) for value in np.percentile(known, (0, 5, 25, 50, 75, 95, 100)))
    return Spread(n=len(known), min=low, p5=p5, q1=q1, median=median, q3=q3, p95=p95, max=high)
