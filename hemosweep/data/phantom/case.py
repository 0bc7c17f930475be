"""One phantom case: a head, its hemorrhage and its scans, all drawn from the data set's seed and the case's number."""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from hemosweep.data.nifti import Volume
from hemosweep.data.phantom.angiography import paint_vessels
from hemosweep.data.phantom.brain import BrainTraits, Points, make_brain
from hemosweep.data.phantom.fields import Array, ModelGrid, model_grid
from hemosweep.data.phantom.head import AIR_HU, make_head
from hemosweep.data.phantom.lesion import add_lesion, draw_lesion, push_away
from hemosweep.data.phantom.scanner import Pose, ScanGrid, finish, scan
from hemosweep.data.phantom.sizes import SIZES, PhantomSize
from hemosweep.errors import BadInput

IVH_SHARE = 0.15
CTA_SHARE = 66 / 76
MIN_LESION_VOXELS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class PhantomPose:
    """True pose of the head in the CT: degrees, millimetres (x, y, z), and the midline's shift to the right."""

    rotation_deg: float
    roll_deg: float
    offset_mm: tuple[float, float, float]
    midline_shift_mm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PhantomCase:
    """A case with its truth. `lesion`, `ivh` and `brain` (all within the skull, with CSF) are uint8 masks on the CT's
    grid; `ivh` and `cta` are None where the case has none. `lesion_ml` is the mask's volume."""

    ct: Volume
    lesion: Volume
    ivh: Volume | None
    cta: Volume | None
    brain: Volume
    pose: PhantomPose
    lesion_type: str
    lesion_ml: float


def in_share(index: int, share: float, phase: float) -> bool:
    """Whether case `index` belongs to an evenly spread share: the first N cases hold floor(N * share + phase)."""
    return floor((index + 1) * share + phase) > floor(index * share + phase)


def has_ivh(index: int, ivh_share: float = IVH_SHARE) -> bool:
    """Whether a case has intraventricular hemorrhage: 3 of the first 20, 11 of the first 76."""
    return in_share(index, ivh_share, 0.58)


def has_cta(index: int, cta_share: float = CTA_SHARE) -> bool:
    """Whether a case has an angiography: 66 of the first 76."""
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
    index: int, *, size: str, seed: int, ivh_share: float = IVH_SHARE, cta_share: float = CTA_SHARE
) -> PhantomCase:
    """Make case `index` (from 0) of the phantom data set of `seed`.

    The case depends on its own number only, not on how many are made. A lesion has at least 0.4 mL and at least
    `MIN_LESION_VOXELS` voxels, so that no reference mask is empty.

    Raises:
        BadInput: unknown size, negative seed, or a share outside [0, 1].
    """
    check_request(size=size, seed=seed, ivh_share=ivh_share, cta_share=cta_share)
    sizes = SIZES[size]
    traits_rng, head_rng, brain_rng, lesion_rng, scan_rng, vessel_rng = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed, spawn_key=(index,)).spawn(6)
    )
    blood = draw_lesion(traits_rng, has_ivh=has_ivh(index, ivh_share), floor_ml=sizes.floor_ml)
    traits = _draw_brain(traits_rng, distended=blood.ivh_ml > 0)
    skull_mm = float(traits_rng.uniform(4.8, 6.8))
    scale = float(np.clip(traits_rng.normal(0.932, 0.010), 0.914, 0.949))  # 1,300 to 1,470 mL within the skull
    noise_sd_hu = float(traits_rng.uniform(3.0, 4.2))
    pose = _draw_pose(traits_rng, scale, tilt_deg=12.0)

    with_cta = has_cta(index, cta_share)
    grid = model_grid(sizes.model_step_mm, with_neck=with_cta)
    soft = sizes.model_step_mm
    head = make_head(grid, head_rng, skull_mm=skull_mm)
    inner = head.cavity_mm < soft
    z, y, x = (np.broadcast_to(axis, grid.shape_DHW)[inner] for axis in (grid.z_D11, grid.y_1H1, grid.x_11W))
    at = Points(grid=grid, inner_DHW=inner, z=z, y=y, x=x, depth=-head.cavity_mm[inner])
    moved, shift_mm = push_away(at, blood)
    brain = make_brain(at, moved, traits, soft, brain_rng)
    voxel_ml = (sizes.model_step_mm * scale) ** 3 / 1000.0
    lesion, ivh = add_lesion(brain.hu, at, brain, blood, voxel_ml, soft, lesion_rng)
    within = np.clip(0.5 - head.cavity_mm[inner] / np.float32(soft), 0.0, 1.0)
    head.hu[inner] += within * (brain.hu - head.hu[inner])

    def on_scan(fraction: Array) -> Array:
        field = np.zeros(grid.shape_DHW, dtype=np.float32)
        field[inner] = fraction
        return scan(field, grid, pose, ct_grid, outside=0.0)

    ct_grid = ScanGrid(shape_DHW=sizes.shape_DHW, spacing_DHW_mm=sizes.spacing_DHW_mm, centre_z_mm=7.0)
    ct = finish(scan(head.hu, grid, pose, ct_grid, outside=AIR_HU), ct_grid, noise_sd_hu, scan_rng)
    num_voxels = max(MIN_LESION_VOXELS, ceil(1000.0 * sizes.floor_ml / float(np.prod(sizes.spacing_DHW_mm))))
    lesion_DHW = _lesion_mask(on_scan(lesion), num_voxels)
    ivh_DHW = (on_scan(ivh) > 0.5) & ~lesion_DHW if blood.ivh_ml > 0 else None
    brain_DHW = (on_scan(within) > 0.5) | lesion_DHW
    cta = None
    if with_cta:
        vessel_hu = float(vessel_rng.uniform(300.0, 390.0))
        vessels = paint_vessels(head.hu, grid, vessel_hu, vessel_rng)
        cta = _scan_cta(vessels, grid, sizes, scale, noise_sd_hu * 1.4, vessel_rng)

    def volume(array: NDArray[np.generic]) -> Volume:
        return Volume(array_DHW=array, affine=ct_grid.affine)

    mask = volume(lesion_DHW.astype(np.uint8))
    return PhantomCase(
        ct=volume(ct),
        lesion=mask,
        ivh=None if ivh_DHW is None else volume(ivh_DHW.astype(np.uint8)),
        cta=cta,
        brain=volume(brain_DHW.astype(np.uint8)),
        pose=PhantomPose(
            rotation_deg=pose.rotation_deg,
            roll_deg=pose.roll_deg,
            offset_mm=pose.offset_XYZ_mm,
            midline_shift_mm=shift_mm,
        ),
        lesion_type=blood.kind,
        lesion_ml=float(lesion_DHW.sum()) * mask.voxel_ml,
    )


def _draw_brain(rng: np.random.Generator, *, distended: bool) -> BrainTraits:
    """Age, which widens sulci and ventricles together; ventricles with blood in them are distended."""
    atrophy = float(rng.beta(2.0, 2.0))
    ventricle_mm = -0.3 + 2.4 * atrophy + float(rng.normal(0.0, 0.3))
    calcification_hu = float(rng.uniform(90.0, 300.0)) if rng.random() < 0.75 else 0.0
    return BrainTraits(
        atrophy=atrophy,
        ventricle_mm=max(ventricle_mm, 1.2) + 0.8 if distended else ventricle_mm,
        calcification_hu=calcification_hu,
    )


def _draw_pose(rng: np.random.Generator, scale: float, *, tilt_deg: float) -> Pose:
    x, y, z = rng.uniform((-7.0, -1.0, -3.0), (7.0, 7.0, 3.0)).tolist()
    return Pose(
        rotation_deg=float(rng.uniform(-tilt_deg, tilt_deg)),
        roll_deg=float(rng.uniform(-tilt_deg / 2, tilt_deg / 2)),
        offset_XYZ_mm=(x, y, z),
        size=scale,
    )


def _scan_cta(
    vessels: Array, model: ModelGrid, sizes: PhantomSize, scale: float, noise_sd_hu: float, rng: np.random.Generator
) -> Volume:
    """The angiography: the same head in another pose, with some of the neck."""
    pose = _draw_pose(rng, scale, tilt_deg=8.0)
    grid = ScanGrid(shape_DHW=sizes.cta_shape_DHW, spacing_DHW_mm=sizes.cta_spacing_DHW_mm, centre_z_mm=-6.0)
    hu = scan(vessels, model, pose, grid, outside=AIR_HU)
    return Volume(array_DHW=finish(hu, grid, noise_sd_hu, rng), affine=grid.affine)


def _lesion_mask(fraction_DHW: Array, num_voxels: int) -> NDArray[np.bool_]:
    """Voxels at least half filled, or the `num_voxels` fullest ones where those are fewer."""
    mask_DHW = fraction_DHW > 0.5
    if mask_DHW.sum() < num_voxels:
        fullest = np.argsort(-fraction_DHW, axis=None, kind="stable")[:num_voxels]
        mask_DHW.ravel()[fullest] = True
    return mask_DHW
