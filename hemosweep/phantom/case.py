"""One phantom case: a head, its hemorrhage and its scans, all drawn from the data set's seed and the case's number."""

from dataclasses import dataclass, replace
from math import ceil, cos, floor, radians

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.data.hounsfield import CLOT_HU
from hemosweep.data.nifti import Volume
from hemosweep.errors import BadInput
from hemosweep.phantom.fields import Array
from hemosweep.phantom.head import AIR_HU
from hemosweep.phantom.model import PhantomModel, make_model
from hemosweep.phantom.scanner import HeadPose, ScanGrid, finish, scan
from hemosweep.phantom.sizes import SIZES
from hemosweep.phantom.variant import PhantomVariant

IVH_SHARE = 0.15
CTA_SHARE = 66 / 76
MIN_LESION_VOXELS = 12
ALL_INSIDE = 0.95
"""A voxel with at least this share within the skull is bright by a calcification, not by bone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhantomPose:
    """True pose of the head in the CT: degrees, millimetres (x, y, z), and the midline's shift to the right.

    The shift follows from the hemorrhage: a pose that is asked for leaves it out.
    """

    rotation_deg: float
    roll_deg: float
    offset_mm: tuple[float, float, float]
    midline_shift_mm: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PhantomCase:
    """A case with its truth. `lesion`, `ivh` and `brain` (all within the skull, with CSF) are uint8 masks on the CT's
    grid; `ivh` and `cta` are None where the case has none. `lesion_ml` is the mask's volume. A voxel that the skull
    brightens beyond `CLOT_HU` is in no mask: nobody who draws on a CT would take it for brain or blood.

    `head_to_ct` and `head_to_cta` (4 x 4) map millimetres of the head (x, y, z; the mid-sagittal plane is x = 0, but
    for what the hemorrhage pushed aside) to world millimetres (RAS+) of the scans.
    """

    ct: Volume
    lesion: Volume
    ivh: Volume | None
    cta: Volume | None
    brain: Volume
    pose: PhantomPose
    lesion_type: str
    lesion_ml: float
    head_to_ct: NDArray[np.float64]
    head_to_cta: NDArray[np.float64] | None


def in_share(index: int, share: float, phase: float) -> bool:
    """True if case `index` belongs to an evenly spread share: the first N cases hold floor(N * share + phase)."""
    return floor((index + 1) * share + phase) > floor(index * share + phase)


def has_ivh(index: int, ivh_share: float = IVH_SHARE) -> bool:
    """True if a case has intraventricular hemorrhage: 3 of the first 20, 11 of the first 76."""
    return in_share(index, ivh_share, 0.58)


def has_cta(index: int, cta_share: float = CTA_SHARE) -> bool:
    """True if a case has an angiography: 66 of the first 76."""
    return in_share(index, cta_share, 0.5)


def check_request(*, size: str, seed: int, ivh_share: float, cta_share: float) -> None:
    """Refuse what no phantom can be made from.

    Raises:
        BadInput: unknown size, negative seed, or a share outside [0, 1].
    """
    if size not in SIZES:
        raise BadInput(f"size {size!r}: unknown; choose one of {', '.join(SIZES)}")
    if seed < 0:
        raise BadInput(f"seed {seed}: must not be negative")
    for name, share in (("ivh_share", ivh_share), ("cta_share", cta_share)):
        if not 0.0 <= share <= 1.0:
            raise BadInput(f"{name} {share}: must lie between 0 and 1")


def make_phantom(
    index: int,
    *,
    size: str,
    seed: int,
    ivh_share: float = IVH_SHARE,
    cta_share: float = CTA_SHARE,
    pose: PhantomPose | None = None,
    variant: PhantomVariant | None = None,
) -> PhantomCase:
    """Make case `index` (from 0) of the phantom data set of `seed`.

    The case depends on its own number only, not on how many are made. A lesion has at least 0.4 mL and at least
    `MIN_LESION_VOXELS` voxels, so that no reference mask is empty.

    Args:
        pose: that of the head in the CT instead of the drawn one.
        variant: what is to differ from the data set's plain case.

    Raises:
        BadInput: unknown size, negative seed, or a share outside [0, 1].
    """
    check_request(size=size, seed=seed, ivh_share=ivh_share, cta_share=cta_share)
    model = make_model(
        index,
        size=size,
        seed=seed,
        with_ivh=has_ivh(index, ivh_share),
        with_cta=has_cta(index, cta_share),
        variant=variant or PhantomVariant(),
    )
    return scan_model(model, pose)


def scan_model(model: PhantomModel, pose: PhantomPose | None = None) -> PhantomCase:
    """Scan a head in its drawn pose, or in another one; the noise is the same each time."""
    placed = model.pose
    if pose is not None:
        placed = replace(placed, rotation_deg=pose.rotation_deg, roll_deg=pose.roll_deg, offset_XYZ_mm=pose.offset_mm)
    sizes, variant = model.sizes, model.variant
    grid = ScanGrid(
        shape_DHW=sizes.shape_DHW,
        spacing_DHW_mm=sizes.spacing_DHW_mm,
        centre_z_mm=7.0 + variant.range_shift_mm,
        tilt_deg=variant.gantry_tilt_deg,
    )
    scanned_DHW = scan(model.hu_DHW, model.grid, placed, grid, outside=AIR_HU)
    inside_DHW = _scan_points(model.brain, model, placed, grid)
    has_bone_DHW = (scanned_DHW > CLOT_HU) & (inside_DHW < ALL_INSIDE)
    ct = finish(
        scanned_DHW,
        grid,
        model.noise_sd_hu,
        np.random.default_rng(model.noise_seed),
        holder_gap_mm=variant.holder_gap_mm,
    )
    shear = cos(radians(variant.gantry_tilt_deg))  # a sheared voxel is smaller than the product of its sides
    num_voxels = max(MIN_LESION_VOXELS, ceil(1000.0 * sizes.floor_ml / (float(np.prod(sizes.spacing_DHW_mm)) * shear)))
    lesion_DHW = _lesion_mask(_scan_points(model.lesion, model, placed, grid) * ~has_bone_DHW, num_voxels)
    ivh_DHW = None if model.ivh is None else (_scan_points(model.ivh, model, placed, grid) > 0.5) & ~lesion_DHW
    brain_DHW = ((inside_DHW > 0.5) & ~has_bone_DHW) | lesion_DHW

    def volume(array: NDArray[np.generic]) -> Volume:
        return Volume(array_DHW=array, affine=grid.affine)

    lesion = volume(lesion_DHW.astype(np.uint8))
    return PhantomCase(
        ct=volume(ct),
        lesion=lesion,
        ivh=None if ivh_DHW is None else volume(ivh_DHW.astype(np.uint8)),
        cta=model.cta,
        brain=volume(brain_DHW.astype(np.uint8)),
        pose=PhantomPose(
            rotation_deg=placed.rotation_deg,
            roll_deg=placed.roll_deg,
            offset_mm=placed.offset_XYZ_mm,
            midline_shift_mm=model.shift_mm,
        ),
        lesion_type=model.lesion_type,
        lesion_ml=float(lesion_DHW.sum()) * lesion.voxel_ml,
        head_to_ct=placed.head_to_world,
        head_to_cta=model.head_to_cta,
    )


def _scan_points(fraction: Array, model: PhantomModel, pose: HeadPose, grid: ScanGrid) -> Array:
    """Sample volume fractions at the model's inner points on a scan's grid."""
    field = np.zeros(model.grid.shape_DHW, dtype=np.float32)
    field[model.inner_DHW] = fraction
    return scan(field, model.grid, pose, grid, outside=0.0)


def _lesion_mask(fraction_DHW: Array, num_voxels: int) -> Mask:
    """Voxels at least half filled, or the `num_voxels` fullest ones where those are fewer."""
    mask_DHW = fraction_DHW > 0.5
    if mask_DHW.sum() < num_voxels:
        fullest = np.argsort(-fraction_DHW, axis=None, kind="stable")[:num_voxels]
        mask_DHW.ravel()[fullest] = True
    return mask_DHW
