"""Everything about one case that can be seen without the others."""

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hemosweep.arrays import FloatArray, Spacing
from hemosweep.data.case import Case
from hemosweep.data.case_files import ct_fault, doubled
from hemosweep.data.found import like_named_folder, named, other_images
from hemosweep.data.hounsfield import AIR_HU, to_hounsfield
from hemosweep.data.nifti import Volume, read_volume
from hemosweep.errors import BadInput
from hemosweep.preprocessing.mask_findings import measure_mask
from hemosweep.preprocessing.no_head import perhaps_mr
from hemosweep.preprocessing.slice_findings import explained_fault, scan_findings
from hemosweep.preprocessing.tilt import tilt_deg
from hemosweep.qc.anatomy import Anatomy, find_anatomy
from hemosweep.qc.masks import ivh_problems, lesion_problems, load_mask
from hemosweep.qc.problem import Problem, Severity
from hemosweep.qc.texture import texture

MIN_HEAD_SLICES = 10
MAX_SLICE_STEP_MM = 10.0
MAX_PIXEL_MM = 2.5
"""No clinical head CT is coarser; the small phantom's 2.2 mm are meant."""
MIN_OBLIQUE_DEG = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """The problems of one case, and the values for a comparison with other cases, None where no CT could be read.

    `content` is a digest of the voxels in canonical orientation, whatever header or stored type they have, `texture_DK`
    a fingerprint of the noise (`texture`).
    """

    case: Case
    problems: tuple[Problem, ...]
    has_lesion: bool = False
    shape_DHW: tuple[int, ...] | None = None
    spacing_DHW_mm: Spacing | None = None
    content: str | None = None
    texture_DK: FloatArray | None = None


def examine(case: Case, *, lesion_label: int | None) -> Examined:
    """Read one case's files and find their problems. Only a failure of the system raises an error."""
    try:
        return _examine(case, lesion_label)
    except MemoryError:
        text = "a file needs more memory than there is; its header may be damaged: convert or copy it again"
        problem = Problem(case_id=case.case_id, kind="too-large", severity="error", message=text)
        return Examined(case=case, problems=(problem,))


def _examine(case: Case, lesion_label: int | None) -> Examined:
    problems: list[Problem] = []

    def add(kind: str, severity: Severity, message: str) -> None:
        problems.append(Problem(case_id=case.case_id, kind=kind, severity=severity, message=message))

    if not os.path.isfile(case.ct_path):
        folder = case.ct_path.parents[1]
        if os.path.isdir(folder):
            fault = ct_fault(case.ct_path, case.case_id) or ""
            add("missing-ct", "error", fault.replace(f"{folder.parent}{os.sep}", ""))
        else:
            other = like_named_folder(folder.parent, case.case_id)
            way_out = "add the case or remove its row" if other is None else f"there is {other}: write that as its id"
            add("missing-folder", "error", f"no folder {folder.name}; {way_out}")
        return Examined(case=case, problems=tuple(problems))
    try:
        stored = read_volume(case.ct_path)
        values_DHW = stored.array_DHW
        finite_DHW = np.isfinite(values_DHW)
        if num_bad := values_DHW.size - int(np.count_nonzero(finite_DHW)):
            add("non-finite", "error", f"CT has {num_bad} voxels that are no finite number; convert it again")
            values_DHW = np.where(finite_DHW, values_DHW, AIR_HU)
        hu_DHW, odd = to_hounsfield(values_DHW)
    except BadInput as error:
        add("unreadable-ct", "error", str(error).replace(str(case.ct_path), case.ct_path.name))
        return Examined(case=case, problems=tuple(problems))
    for text in stored.warnings:
        add("header", "warning", text)
    for path in (case.ct_path, case.lesion_path, case.ivh_path, case.cta_path):
        if path is not None and doubled(path):
            add(
                "packed-twice", "warning", f"{path.name} is there without .gz, too, which is not read; keep one of them"
            )
    for text in odd:
        add("odd-values", "warning", text)
    ct = Volume(array_DHW=hu_DHW, affine=stored.affine)
    problems += _geometry_problems(case, ct)
    try:
        anatomy = find_anatomy(ct)
    except BadInput as error:
        add("tilt", "error", str(error))
    else:
        problems += _head_problems(case, anatomy)
        problems += _mask_problems(case, ct, hu_DHW, anatomy, lesion_label)
    if case.lesion_path is None:
        others = other_images(
            case.ct_path.parent, [path for path in (case.ct_path, case.ivh_path, case.cta_path) if path]
        )
        beside = f" (there is {named([_shortened(name, case) for name in others])})" if others else ""
        add(
            "missing-mask",
            "warning",
            f"no file *_label-lesion_mask.nii.gz{beside}; the case can be segmented, not trained on or scored",
        )
    problems += _angiography_problems(case, ct)
    return Examined(
        case=case,
        problems=tuple(problems),
        has_lesion=case.lesion_path is not None,
        shape_DHW=hu_DHW.shape,
        spacing_DHW_mm=ct.spacing_DHW_mm,
        content=content_digest(hu_DHW),
        texture_DK=texture(hu_DHW),
    )


def _shortened(name: str, case: Case) -> str:
    """Name of a file with * for the case's id, so that the message is that of other cases, too."""
    return name.replace(case.case_id, "*")


def content_digest(hu_DHW: FloatArray) -> str:
    """Digest of the voxels in HU; header, orientation on disk, stored type and compression do not count."""
    digest = hashlib.sha256(repr(hu_DHW.shape).encode())
    digest.update(np.ascontiguousarray(hu_DHW).data)
    return digest.hexdigest()


def _geometry_problems(case: Case, ct: Volume) -> Iterator[Problem]:
    def problem(kind: str, severity: Severity, message: str) -> Problem:
        return Problem(case_id=case.case_id, kind=kind, severity=severity, message=message)

    slice_mm, *pixel_mm = ct.spacing_DHW_mm
    if len(ct.array_DHW) < MIN_HEAD_SLICES:
        yield problem("few-slices", "warning", f"CT has {len(ct.array_DHW)} slices; is it a whole head?")
    if slice_mm > MAX_SLICE_STEP_MM or max(pixel_mm) > MAX_PIXEL_MM:
        size = f"{pixel_mm[1]:.3g} x {pixel_mm[0]:.3g} x {slice_mm:.3g} mm"
        yield problem("coarse-spacing", "warning", f"voxels of {size} are coarser than any head CT; check the header")
    sheared_deg, oblique_deg = tilt_deg(ct.affine), oblique_angle_deg(ct)
    if sheared_deg >= MIN_OBLIQUE_DEG:
        text = f"gantry tilt of {sheared_deg:.1f} degrees; it is taken out in preprocessing, masks are carried along"
        yield problem("tilt", "info", text)
    elif oblique_deg >= MIN_OBLIQUE_DEG:
        text = f"slices lie {oblique_deg:.1f} degrees oblique to the scanner's axes; that is fine as it is"
        yield problem("oblique", "info", text)


def oblique_angle_deg(volume: Volume) -> float:
    """Angle between the slices' normal and the scanner's axis."""
    along_w, along_h, _ = volume.affine[:3, :3].T
    normal = np.cross(along_w, along_h)
    return math.degrees(math.acos(min(1.0, abs(float(normal[2])) / float(np.linalg.norm(normal)))))


def _head_problems(case: Case, anatomy: Anatomy) -> Iterator[Problem]:
    if anatomy.fault is not None:
        fault = explained_fault(anatomy.fault, anatomy.slices)
        text = f"{fault}; is it a head CT in Hounsfield units?{perhaps_mr(anatomy.hu_DHW)}"
        yield Problem(case_id=case.case_id, kind="no-head", severity="error", message=text)
        return
    measures = measure_mask(anatomy.hu_DHW, anatomy.spacing_DHW_mm, anatomy.head_DHW, anatomy.brain_DHW)
    for finding in scan_findings(anatomy.slices, measures):
        yield Problem(case_id=case.case_id, kind=finding.kind, severity="warning", message=finding.message)


def _mask_problems(
    case: Case, ct: Volume, hu_DHW: FloatArray, anatomy: Anatomy, lesion_label: int | None
) -> Iterator[Problem]:
    lesion_DHW = None
    if case.lesion_path is not None:
        lesion_DHW, problems = load_mask(case, case.lesion_path, "lesion", ct, lesion_label)
        yield from problems
        if lesion_DHW is not None:
            yield from lesion_problems(case, lesion_DHW, hu_DHW, anatomy)
    if case.ivh_path is not None:
        ivh_DHW, problems = load_mask(case, case.ivh_path, "IVH", ct, None)
        yield from problems
        if ivh_DHW is not None:
            yield from ivh_problems(case, ivh_DHW, ct.voxel_ml, lesion_DHW, anatomy)


def _angiography_problems(case: Case, ct: Volume) -> Iterator[Problem]:
    """An angiography that no ablation could use; the case itself is as good without it."""

    def problem(kind: str, message: str) -> Problem:
        return Problem(case_id=case.case_id, kind=kind, severity="warning", message=f"angiography: {message}")

    if case.cta_path is None:
        return
    try:
        values_DHW = read_volume(case.cta_path).array_DHW
        if num_bad := values_DHW.size - int(np.count_nonzero(np.isfinite(values_DHW))):
            yield problem("non-finite", f"{num_bad} voxels are no finite number; convert it again")
            return
        hu_DHW, odd = to_hounsfield(values_DHW)
    except BadInput as error:
        yield problem("unreadable-angiography", str(error).replace(str(case.cta_path), case.cta_path.name))
        return
    if hu_DHW.shape == ct.array_DHW.shape and np.array_equal(hu_DHW, ct.array_DHW):
        yield problem("angiography-is-ct", "its voxels are those of the CT; put the angiography there")
        return
    for text in odd:
        yield problem("odd-values", text)
