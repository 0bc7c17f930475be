from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from hemosweep.data.nifti import Volume, read_volume, write_volume
from hemosweep.errors import BadInput
from hemosweep.phantom.case import PhantomCase, PhantomPose, make_phantom, scan_model
from hemosweep.phantom.model import PhantomModel, make_model
from hemosweep.phantom.scanner import HOLDER_MM, ScanGrid, finish
from hemosweep.phantom.variant import PhantomVariant

MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])
BONE_HU = 300
FAR_POSE = PhantomPose(rotation_deg=15.0, roll_deg=-8.0, offset_mm=(-9.0, 7.0, 2.0))


def _model(*, with_cta: bool = False, with_ivh: bool = False, **variant: object) -> PhantomModel:
    made = PhantomVariant(**variant)  # type: ignore[arg-type]
    return make_model(0, size="small", seed=7, with_ivh=with_ivh, with_cta=with_cta, variant=made)


@pytest.fixture(scope="module")
def head() -> PhantomModel:
    """One head with an angiography."""
    return _model(with_cta=True)


@pytest.fixture(scope="module")
def plain() -> PhantomCase:
    return scan_model(_model())


def _on_grid(moving: Volume, like: Volume, to_moving_world: np.ndarray, *, outside: float) -> np.ndarray:
    """Sample `moving` on the grid of `like`; `to_moving_world` maps world millimetres of `like` to its own."""
    index_WHD = np.linalg.inv(moving.affine) @ to_moving_world @ like.affine
    matrix, offset = index_WHD[:3, :3][::-1, ::-1], index_WHD[:3, 3][::-1]
    array_DHW = moving.array_DHW.astype(np.float32)
    return ndimage.affine_transform(array_DHW, matrix, offset, like.array_DHW.shape, order=1, cval=outside)


def _dsc(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def _middle_mm(mask: Volume) -> np.ndarray:
    """World coordinates of a mask's centre."""
    d, h, w = ndimage.center_of_mass(mask.array_DHW)
    return (mask.affine @ (w, h, d, 1.0))[:3]


@pytest.mark.parametrize("pose", [None, FAR_POSE])
def test_brain_mirrored_through_the_true_plane_covers_itself(head: PhantomModel, pose: PhantomPose | None) -> None:
    case = scan_model(head, pose)
    mirror = case.head_to_ct @ MIRROR @ np.linalg.inv(case.head_to_ct)
    np.testing.assert_allclose(mirror @ mirror, np.eye(4), atol=1e-9)
    brain_DHW = case.brain.array_DHW > 0
    assert _dsc(_on_grid(case.brain, case.brain, mirror, outside=0.0) > 0.5, brain_DHW) > 0.96
    off_by_4_mm = mirror.copy()
    off_by_4_mm[0, 3] += 8.0
    assert _dsc(_on_grid(case.brain, case.brain, off_by_4_mm, outside=0.0) > 0.5, brain_DHW) < 0.95


def test_truth_of_both_scans_lays_skull_on_skull(head: PhantomModel) -> None:
    case = scan_model(head, FAR_POSE)
    assert case.cta is not None
    assert case.head_to_cta is not None
    bone_DHW = case.ct.array_DHW > BONE_HU
    to_cta = case.head_to_cta @ np.linalg.inv(case.head_to_ct)
    assert np.linalg.det(to_cta[:3, :3]) == pytest.approx(1.0)  # rigid
    found = [_on_grid(case.cta, case.ct, matrix, outside=-1000.0) > BONE_HU for matrix in (to_cta, np.eye(4))]
    assert _dsc(found[0], bone_DHW) > 0.85
    assert _dsc(found[1], bone_DHW) < 0.6


def test_angiography_does_not_depend_on_the_pose_of_the_ct(head: PhantomModel) -> None:
    one, other = scan_model(head), scan_model(head, FAR_POSE)
    assert one.cta is other.cta
    assert scan_model(_model()).head_to_cta is None


def test_every_pose_keeps_the_brain_at_its_place_in_the_head(head: PhantomModel) -> None:
    level = PhantomPose(rotation_deg=0.0, roll_deg=0.0, offset_mm=(0.0, 0.0, 0.0))
    places = []
    for pose in (level, FAR_POSE):
        case = scan_model(head, pose)
        assert case.pose == PhantomPose(
            rotation_deg=pose.rotation_deg,
            roll_deg=pose.roll_deg,
            offset_mm=pose.offset_mm,
            midline_shift_mm=head.shift_mm,
        )
        places.append((np.linalg.inv(case.head_to_ct) @ (*_middle_mm(case.lesion), 1.0))[:3])
    np.testing.assert_allclose(places[0], places[1], atol=0.8)
    # A level head: scaled by its size, nothing else.
    matrix = scan_model(head, level).head_to_ct
    np.testing.assert_allclose(matrix, np.diag([head.pose.size] * 3 + [1.0]), atol=1e-12)


def test_drawn_pose_and_plain_variant_asked_for_change_nothing() -> None:
    plain = make_phantom(2, size="small", seed=7)
    asked = make_phantom(2, size="small", seed=7, pose=plain.pose, variant=PhantomVariant())
    for name in ("ct", "lesion", "ivh", "cta", "brain"):
        np.testing.assert_array_equal(getattr(asked, name).array_DHW, getattr(plain, name).array_DHW)
        np.testing.assert_array_equal(getattr(asked, name).affine, getattr(plain, name).affine)
    assert asked.pose == plain.pose
    assert asked.lesion_ml == plain.lesion_ml


@pytest.mark.parametrize("tilt_deg", [-25.0, 18.0])
def test_tilted_gantry_shears_the_affine_and_leaves_the_head_where_it_is(
    plain: PhantomCase, tilt_deg: float, tmp_path: Path
) -> None:
    tilted = scan_model(_model(gantry_tilt_deg=tilt_deg))
    across, up, along = tilted.ct.affine[:3, :3].T
    np.testing.assert_allclose((across, along), ((2.2, 0.0, 0.0), (0.0, 0.0, 6.0)))
    assert np.degrees(np.arctan2(up[2], up[1])) == pytest.approx(tilt_deg)
    assert np.linalg.norm(up) == pytest.approx(2.2)
    for name in ("brain", "lesion"):
        there, here = getattr(tilted, name), getattr(plain, name)
        in_view = _on_grid(
            Volume(array_DHW=np.ones_like(there.array_DHW), affine=there.affine), here, np.eye(4), outside=0
        )
        moved = _on_grid(there, here, np.eye(4), outside=0.0) > 0.5
        assert _dsc(moved[in_view > 0.99], here.array_DHW[in_view > 0.99] > 0) > (0.95 if name == "brain" else 0.85)
        np.testing.assert_allclose(_middle_mm(tilted.lesion), _middle_mm(plain.lesion), atol=1.0)
    assert tilted.lesion_ml == pytest.approx(plain.lesion_ml, rel=0.2)  # of a hundred voxels
    sides_ml = np.prod(tilted.ct.spacing_DHW_mm) / 1000.0
    assert tilted.lesion_ml == pytest.approx(tilted.lesion.array_DHW.sum() * sides_ml * np.cos(np.radians(tilt_deg)))
    write_volume(tmp_path / "tilted.nii.gz", tilted.ct)
    np.testing.assert_allclose(read_volume(tmp_path / "tilted.nii.gz").affine, tilted.ct.affine, atol=1e-4)


def test_craniotomy_takes_one_flap_of_bone_and_leaves_the_brain(plain: PhantomCase) -> None:
    opened = scan_model(_model(craniotomy=True))
    freed_DHW = opened.brain.array_DHW != plain.brain.array_DHW  # by the bone that brightened these voxels
    assert (plain.ct.array_DHW[freed_DHW] > 80).all()
    assert (opened.brain.array_DHW[freed_DHW] == 1).all()
    gone_DHW = (plain.ct.array_DHW > 2 * BONE_HU) & (opened.ct.array_DHW < 120)
    labels, num = ndimage.label(gone_DHW, np.ones((3, 3, 3)))
    flap_N3 = np.argwhere(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])) * plain.ct.spacing_DHW_mm
    assert num <= 3
    assert 50 < np.ptp(flap_N3, axis=0).max() < 80
    assert np.median(opened.ct.array_DHW[gone_DHW]) == pytest.approx(20, abs=8)
    unchanged_DHW = np.abs(opened.ct.array_DHW.astype(float) - plain.ct.array_DHW) < 30
    assert unchanged_DHW.mean() > 0.99


def test_crescent_of_blood_touches_the_skull_and_belongs_to_the_lesion() -> None:
    plain = scan_model(_model(with_ivh=True))
    bled = scan_model(_model(crescent=True, with_ivh=True))
    new_DHW = (bled.lesion.array_DHW > 0) & (plain.lesion.array_DHW == 0)
    assert (bled.brain.array_DHW[new_DHW] == 1).all()
    depth_mm = ndimage.distance_transform_edt(bled.brain.array_DHW, sampling=bled.brain.spacing_DHW_mm)[new_DHW]
    assert depth_mm.min() < 2.3  # the outermost voxel of the brain
    assert np.percentile(depth_mm, 95) < 14.5
    assert 5.0 < np.count_nonzero(new_DHW) * bled.lesion.voxel_ml < 45.0
    assert 50 < np.median(bled.ct.array_DHW[new_DHW]) < 75
    assert bled.ivh is not None
    assert not (bled.ivh.array_DHW & bled.lesion.array_DHW).any()


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
@pytest.mark.parametrize("gap_mm", [-2.0, 0.0, 10.0])
def test_holder_lies_as_far_from_the_scalp_as_asked_for(gap_mm: float, tilt_deg: float) -> None:
    grid = ScanGrid(shape_DHW=(2, 440, 440), spacing_DHW_mm=(5.0, 0.5, 0.5), centre_z_mm=0.0, tilt_deg=tilt_deg)
    x_mm = grid.affine[0, 3] + 0.5 * np.arange(440)
    y_mm = grid.affine[1, 3] + grid.affine[1, 1] * np.arange(440)
    ball_HW = np.hypot(x_mm[None, :], y_mm[:, None] - 8.0) < 80.0  # its lowest point lies at y = -72 mm
    hu_DHW = np.where(ball_HW, 40.0, -1000.0).astype(np.float32)[None].repeat(2, axis=0)
    found_DHW = finish(hu_DHW, grid, 0.0, np.random.default_rng(0), holder_gap_mm=gap_mm)
    is_holder_DHW = (found_DHW > -930) & ~ball_HW
    holder_y_mm = y_mm[is_holder_DHW[0, :, 220]]  # in the column of the lowest point
    assert holder_y_mm.min() == pytest.approx(-72.0 - gap_mm - HOLDER_MM, abs=0.8)
    assert holder_y_mm.max() == pytest.approx(-72.0 - max(gap_mm, 0.0), abs=0.8)
    _, num_pieces = ndimage.label(found_DHW > -930)
    assert num_pieces == (1 if gap_mm <= 0 else 2)


def test_thick_slices_cover_the_same_range_and_a_shifted_range_lies_elsewhere(plain: PhantomCase) -> None:
    thick = scan_model(_model(slice_mm=8.0)).ct
    assert thick.array_DHW.shape == (18, 96, 96)
    assert thick.spacing_DHW_mm == (8.0, 2.2, 2.2)
    assert thick.affine[2, 3] == pytest.approx(plain.ct.affine[2, 3] + 1.0)  # the edges stay in place
    high = scan_model(_model(range_shift_mm=12.0))
    np.testing.assert_array_equal(high.brain.array_DHW[:-2], plain.brain.array_DHW[2:])
    assert high.ct.affine[2, 3] == plain.ct.affine[2, 3] + 12.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gantry_tilt_deg": 31.0}, "gantry_tilt_deg 31"),
        ({"slice_mm": 0.0}, "slice_mm 0"),
        ({"holder_gap_mm": -9.0}, "-9"),
    ],
)
def test_impossible_variants_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        PhantomVariant(**change)  # type: ignore[arg-type]
