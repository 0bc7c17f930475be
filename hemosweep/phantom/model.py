"""The model of one case before it is scanned: head, hemorrhage and pose, all drawn from the seed and the number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.data.nifti import Volume
from hemosweep.phantom.angiography import paint_vessels
from hemosweep.phantom.brain import BrainPoints, BrainTraits, make_brain
from hemosweep.phantom.fields import Array, ModelGrid, model_grid
from hemosweep.phantom.head import AIR_HU, make_head
from hemosweep.phantom.lesion import add_lesion, draw_lesion, push_away
from hemosweep.phantom.scanner import HeadPose, ScanGrid, finish, scan
from hemosweep.phantom.sizes import SIZES, PhantomSize
from hemosweep.phantom.variant import PhantomVariant, add_crescent, remove_flap


@dataclass(frozen=True, kw_only=True, slots=True)
class PhantomModel:
    """A head that can be scanned any number of times (`hemosweep.phantom.case.scan_model`).

    `hu_DHW` lies on `grid`; the volume fractions of brain (all within the skull), lesion and IVH are lists over the
    points of it that `inner_DHW` marks. `pose` is the drawn one of the CT and `shift_mm` the midline's shift to the
    right. The angiography has a pose of its own, so it is finished; `head_to_cta` (4 x 4) places it.
    """

    sizes: PhantomSize
    variant: PhantomVariant
    grid: ModelGrid
    hu_DHW: Array
    inner_DHW: Mask
    brain: Array
    lesion: Array
    ivh: Array | None
    pose: HeadPose
    shift_mm: float
    lesion_type: str
    noise_sd_hu: float
    noise_seed: np.random.SeedSequence
    cta: Volume | None
    head_to_cta: NDArray[np.float64] | None


def make_model(
    index: int, *, size: str, seed: int, with_ivh: bool, with_cta: bool, variant: PhantomVariant
) -> PhantomModel:
    """Model case `index` of the phantom data set of `seed`."""
    sizes = SIZES[size]
    seeds = np.random.SeedSequence(seed, spawn_key=(index,)).spawn(7)
    noise_seed = seeds[4]
    traits_rng, head_rng, brain_rng, lesion_rng, vessel_rng, variant_rng = (
        np.random.default_rng(child) for child in (*seeds[:4], *seeds[5:])
    )
    blood = draw_lesion(traits_rng, has_ivh=with_ivh, floor_ml=sizes.floor_ml)
    traits = _draw_brain(traits_rng, distended=blood.ivh_ml > 0)
    skull_mm = float(traits_rng.uniform(4.8, 6.8))
    scale = float(np.clip(traits_rng.normal(0.932, 0.010), 0.914, 0.949))  # 1,300 to 1,470 mL within the skull
    noise_sd_hu = float(traits_rng.uniform(3.0, 4.2))
    pose = _draw_pose(traits_rng, scale, tilt_deg=12.0)

    # The plain CT ends above the neck; variants reach lower.
    grid = model_grid(sizes.model_step_mm, with_neck=with_cta or variant != PhantomVariant())
    soft = sizes.model_step_mm
    head = make_head(grid, head_rng, skull_mm=skull_mm)
    if variant.craniotomy:
        remove_flap(head.hu, grid, head.cavity_mm, soft, variant_rng)
    inner = head.cavity_mm < soft
    z, y, x = (np.broadcast_to(axis, grid.shape_DHW)[inner] for axis in (grid.z_D11, grid.y_1H1, grid.x_11W))
    at = BrainPoints(grid=grid, inner_DHW=inner, z=z, y=y, x=x, depth=-head.cavity_mm[inner])
    moved, shift_mm = push_away(at, blood)
    brain = make_brain(at, moved, traits, soft, brain_rng)
    voxel_ml = (sizes.model_step_mm * scale) ** 3 / 1000.0
    lesion, ivh = add_lesion(brain.hu, at, brain, blood, voxel_ml, soft, lesion_rng)
    within = np.clip(0.5 - head.cavity_mm[inner] / np.float32(soft), 0.0, 1.0)
    if variant.crescent:
        crescent = add_crescent(brain.hu, at, soft, variant_rng)
        lesion = np.maximum(lesion, crescent * within)
        ivh = ivh * (1.0 - crescent)
    head.hu[inner] += within * (brain.hu - head.hu[inner])
    cta = head_to_cta = None
    if with_cta:
        vessel_hu = float(vessel_rng.uniform(300.0, 390.0))
        vessels = paint_vessels(head.hu, grid, vessel_hu, vessel_rng)
        cta_pose = _draw_pose(vessel_rng, scale, tilt_deg=8.0)
        cta = _scan_cta(vessels, grid, sizes, cta_pose, noise_sd_hu * 1.4, variant.holder_gap_mm, vessel_rng)
        head_to_cta = cta_pose.head_to_world
    return PhantomModel(
        sizes=variant.resized(sizes),
        variant=variant,
        grid=grid,
        hu_DHW=head.hu,
        inner_DHW=inner,
        brain=within,
        lesion=lesion,
        ivh=ivh if blood.ivh_ml > 0 else None,
        pose=pose,
        shift_mm=shift_mm,
        lesion_type=blood.kind,
        noise_sd_hu=noise_sd_hu,
        noise_seed=noise_seed,
        cta=cta,
        head_to_cta=head_to_cta,
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


def _draw_pose(rng: np.random.Generator, scale: float, *, tilt_deg: float) -> HeadPose:
    x, y, z = rng.uniform((-7.0, -1.0, -3.0), (7.0, 7.0, 3.0)).tolist()
    return HeadPose(
        rotation_deg=float(rng.uniform(-tilt_deg, tilt_deg)),
        roll_deg=float(rng.uniform(-tilt_deg / 2, tilt_deg / 2)),
        offset_XYZ_mm=(x, y, z),
        size=scale,
    )


def _scan_cta(
    vessels: Array,
    model: ModelGrid,
    sizes: PhantomSize,
    pose: HeadPose,
    noise_sd_hu: float,
    holder_gap_mm: float | None,
    rng: np.random.Generator,
) -> Volume:
    """The angiography: the head with some of the neck, in a pose of its own."""
    grid = ScanGrid(shape_DHW=sizes.cta_shape_DHW, spacing_DHW_mm=sizes.cta_spacing_DHW_mm, centre_z_mm=-6.0)
    hu = scan(vessels, model, pose, grid, outside=AIR_HU)
    return Volume(array_DHW=finish(hu, grid, noise_sd_hu, rng, holder_gap_mm=holder_gap_mm), affine=grid.affine)
