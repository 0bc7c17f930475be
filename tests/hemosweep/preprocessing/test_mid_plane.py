import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.data.manifest import read_manifest
from hemosweep.data.reading import read_case
from hemosweep.errors import BadInput
from hemosweep.phantom.case import PhantomCase, PhantomPose, scan_model
from hemosweep.phantom.model import make_model
from hemosweep.phantom.variant import PhantomVariant
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.preprocessing.head import head_mask
from hemosweep.preprocessing.symmetry import METHODS, MidPlane, estimate_mid_plane, mirror_by_plane
from hemosweep.preprocessing.symmetry.plane import reflect_image
from hemosweep.scores.overlap import dice

SPACING_DHW_MM = (6.0, 3.0, 3.0)
SHAPE_DHW = (30, 74, 66)
CENTRE_DHW_MM = np.array([88.0, 112.0, 95.0])


def frame(turn_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """Axes of a head (up, front, right as columns) that is rolled about its front and then turned about the body."""
    t, r = np.deg2rad(turn_deg), np.deg2rad(roll_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(t), np.sin(t)], [0, -np.sin(t), np.cos(t)]])
    roll = np.array([[np.cos(r), 0, np.sin(r)], [0, 1, 0], [-np.sin(r), 0, np.cos(r)]])
    return turn @ roll


def ellipsoid_head(
    turn_deg: float, roll_deg: float, *, lesion_mm: float = 0.0
) -> tuple[NDArray[np.float32], Mask, Mask, MidPlane]:
    """HU, head, brain and plane: a brain like an egg, 80 mm up, 86 mm to the front and 66 mm to the right of the middle
    (wider behind), in 6 mm of bone and 5 mm of scalp. A lesion of 65 HU and radius `lesion_mm` lies 35 mm to the right.
    """
    axes = frame(turn_deg, roll_deg)
    index = np.stack(np.meshgrid(*(np.arange(size) for size in SHAPE_DHW), indexing="ij"))
    away = index * np.reshape(SPACING_DHW_MM, (3, 1, 1, 1)) - CENTRE_DHW_MM[:, None, None, None]
    up, front, right = np.einsum("ij,idhw->jdhw", axes, away)
    brain, skull, head = (
        (up / (80 + wall)) ** 2 + (front / (86 + wall)) ** 2 + (right / (66 + wall - 0.2 * front)) ** 2 < 1
        for wall in (0, 6, 11)
    )
    hu_DHW = np.select([brain, skull, head], [30.0, 1000.0, 20.0], -1000.0).astype(np.float32)
    hu_DHW[np.sqrt(up**2 + (front - 10) ** 2 + (right - 35) ** 2) < lesion_mm] = 65.0
    normal = axes[:, 2]
    plane = MidPlane(normal_DHW=tuple(normal.tolist()), offset_mm=float(normal @ CENTRE_DHW_MM))
    return hu_DHW, head, brain, plane


def mean_displacement_mm(found: MidPlane, true: MidPlane, brain_DHW: Mask) -> float:
    points_3N = np.stack(np.nonzero(brain_DHW)) * np.reshape(SPACING_DHW_MM, (3, 1))
    return float(np.linalg.norm(found.reflect(points_3N) - true.reflect(points_3N), axis=0).mean())


@pytest.mark.parametrize(("turn_deg", "roll_deg"), [(0.0, 0.0), (14.0, -7.0), (-37.0, 23.0)])
def test_the_plane_of_a_head_in_a_known_pose_is_found(turn_deg: float, roll_deg: float) -> None:
    hu_DHW, head_DHW, brain_DHW, true = ellipsoid_head(turn_deg, roll_deg)
    found = estimate_mid_plane(hu_DHW, head_DHW, brain_DHW, SPACING_DHW_MM)
    assert mean_displacement_mm(found, true, brain_DHW) < 0.5


def test_a_large_lesion_on_one_side_leaves_the_plane_where_it_is() -> None:
    _, _, brain_DHW, _ = ellipsoid_head(9.0, 5.0)
    hu_DHW, head_DHW, _, true = ellipsoid_head(9.0, 5.0, lesion_mm=26.0)  # 74 mL
    found = estimate_mid_plane(hu_DHW, head_DHW, brain_DHW, SPACING_DHW_MM)
    assert mean_displacement_mm(found, true, brain_DHW) < 0.5


def test_a_ct_clipped_to_a_soft_tissue_window_has_the_same_plane() -> None:
    hu_DHW, head_DHW, brain_DHW, true = ellipsoid_head(14.0, -7.0, lesion_mm=15.0)
    found = estimate_mid_plane(hu_DHW.clip(-20.0, 100.0), head_DHW, brain_DHW, SPACING_DHW_MM)
    assert mean_displacement_mm(found, true, brain_DHW) < 0.5


def test_what_lies_outside_the_head_mask_does_not_matter() -> None:
    hu_DHW, head_DHW, brain_DHW, _ = ellipsoid_head(9.0, 5.0)
    found = estimate_mid_plane(hu_DHW, head_DHW, brain_DHW, SPACING_DHW_MM)
    hu_DHW[:, :8, 40:] = np.where(head_DHW[:, :8, 40:], hu_DHW[:, :8, 40:], 90.0)  # half a head holder
    assert estimate_mid_plane(hu_DHW, head_DHW, brain_DHW, SPACING_DHW_MM) == found


@pytest.mark.parametrize("num_slices", [1, 2, 4])
def test_a_few_slices_are_mirrored_within_themselves(num_slices: int) -> None:
    hu_DHW, head_DHW, brain_DHW, true = ellipsoid_head(14.0, 0.0)
    some = slice(15, 15 + num_slices)
    found = estimate_mid_plane(hu_DHW[some], head_DHW[some], brain_DHW[some], SPACING_DHW_MM)
    assert found.normal_DHW[0] == 0.0
    assert mean_displacement_mm(found, true, brain_DHW[some]) < 0.5


@pytest.mark.parametrize("empty", ["head", "brain"])
def test_an_empty_mask_is_refused_by_name(empty: str) -> None:
    masks = {"head": np.ones((2, 8, 8), dtype=bool), "brain": np.ones((2, 8, 8), dtype=bool)}
    masks[empty][:] = False
    with pytest.raises(BadInput, match=f"the {empty} mask is empty"):
        estimate_mid_plane(np.zeros((2, 8, 8), dtype=np.float32), masks["head"], masks["brain"], (5.0, 1.0, 1.0))


@given(
    turn_deg=st.floats(-50, 50),
    roll_deg=st.floats(-35, 35),
    offset_mm=st.floats(-300, 300),
    points=st.lists(st.tuples(*[st.floats(-500, 500)] * 3), min_size=1, max_size=8),
)
def test_reflected_twice_a_point_is_back_and_once_its_middle_lies_on_the_plane(
    turn_deg: float, roll_deg: float, offset_mm: float, points: list[tuple[float, float, float]]
) -> None:
    normal = frame(turn_deg, roll_deg)[:, 2]
    plane = MidPlane(normal_DHW=tuple(normal.tolist()), offset_mm=offset_mm)
    points_3N = np.array(points).T
    mirrored_3N = plane.reflect(points_3N)
    np.testing.assert_allclose(plane.reflect(mirrored_3N), points_3N, rtol=0, atol=1e-9)
    np.testing.assert_allclose(normal @ (points_3N + mirrored_3N) / 2, offset_mm, rtol=0, atol=1e-9)


def test_an_upright_plane_in_the_middle_reverses_the_rows() -> None:
    image_DHW = np.arange(2 * 3 * 5, dtype=np.int16).reshape(2, 3, 5)
    middle = MidPlane(normal_DHW=(0.0, 0.0, 1.0), offset_mm=2.0 * 0.4)
    np.testing.assert_allclose(reflect_image(image_DHW, middle, (5.0, 1.0, 0.4), fill=-7.0), image_DHW[:, :, ::-1])


def test_what_is_mirrored_from_outside_the_grid_is_the_fill() -> None:
    row = np.array([1.0, 2.0, 3.0, 4.0, 5.0], dtype=np.float32).reshape(1, 1, 5)
    at_one = MidPlane(normal_DHW=(0.0, 0.0, 1.0), offset_mm=1.0)
    mirrored = reflect_image(row, at_one, (1.0, 1.0, 1.0), fill=-7.0)
    np.testing.assert_allclose(mirrored.ravel(), [3.0, 2.0, 1.0, -7.0, -7.0], atol=1e-6)
    far_away = MidPlane(normal_DHW=(0.0, 0.0, 1.0), offset_mm=90.0)
    assert (reflect_image(row, far_away, (1.0, 1.0, 1.0), fill=-7.0) == -7.0).all()
    assert (reflect_image(np.full_like(row, -7.0), at_one, (1.0, 1.0, 1.0), fill=-7.0) == -7.0).all()


def test_an_image_mirrored_twice_is_back_but_for_interpolation() -> None:
    hu_DHW, _, brain_DHW, plane = ellipsoid_head(14.0, -7.0)
    smooth_DHW = np.where(brain_DHW, np.cos(np.arange(SHAPE_DHW[2]) / 6.0), 0.0).astype(np.float32)
    once_DHW = reflect_image(smooth_DHW, plane, SPACING_DHW_MM, fill=0.0)
    twice_DHW = reflect_image(once_DHW, plane, SPACING_DHW_MM, fill=0.0)
    inner = hu_DHW == 30.0
    for axis in (0, 1, 2):
        inner &= np.roll(inner, 2, axis) & np.roll(inner, -2, axis)
    assert np.count_nonzero(inner) > 5_000
    assert np.abs(twice_DHW - smooth_DHW)[inner].max() < 0.05
    assert np.abs(once_DHW - smooth_DHW)[inner].max() > 0.5


def test_a_lesion_is_mirrored_to_the_other_side() -> None:
    hu_DHW, head_DHW, brain_DHW, _ = ellipsoid_head(9.0, 5.0, lesion_mm=12.0)
    is_lesion = (hu_DHW == 65.0).astype(np.float32)
    mirrored = mirror_by_plane(is_lesion, hu_DHW, head_DHW, brain_DHW, SPACING_DHW_MM, fill=0.0)
    assert mirrored.dtype == np.float32
    centre, mirrored_centre = (
        np.array([np.average(axis, weights=weight) for axis in np.indices(SHAPE_DHW)]) * SPACING_DHW_MM
        for weight in (is_lesion, mirrored)
    )
    away = frame(9.0, 5.0).T @ (np.stack([centre, mirrored_centre]) - CENTRE_DHW_MM).T  # up, front, right
    np.testing.assert_allclose(away, [[0.0, 0.0], [10.0, 10.0], [35.0, -35.0]], atol=0.7)
    assert mirrored.sum() == pytest.approx(is_lesion.sum(), rel=0.02)


def test_every_method_has_a_name() -> None:
    assert list(METHODS) == ["plane", "register", "flirt"]
    assert METHODS["plane"] is mirror_by_plane


DIGEST_OF_A_MIRROR = """
import hashlib, sys
import numpy as np
from hemosweep.preprocessing.symmetry import mirror_by_plane
hu, head, brain = (np.load(sys.argv[1])[name] for name in ("hu", "head", "brain"))
print(hashlib.sha256(mirror_by_plane(hu, hu, head, brain, (6.0, 3.0, 3.0), fill=-1000.0).tobytes()).hexdigest())
"""


def test_the_bytes_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    hu_DHW, head_DHW, brain_DHW, _ = ellipsoid_head(9.0, 5.0, lesion_mm=12.0)
    hu_DHW += np.random.default_rng(0).normal(0.0, 5.0, SHAPE_DHW).astype(np.float32)
    path = tmp_path / "head.npz"
    np.savez(path, hu=hu_DHW, head=head_DHW, brain=brain_DHW)
    runs = []
    for num_threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, num_threads), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", DIGEST_OF_A_MIRROR, str(path)]
        runs.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    digests = {run.communicate()[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0]
    assert len(digests) == 1


def error_mm(case: PhantomCase) -> float:
    """Mean displacement in the brain between the estimated and the true mirror image."""
    hu_DHW, spacing = case.ct.array_DHW.astype(np.float32), case.ct.spacing_DHW_mm
    head_DHW = head_mask(hu_DHW, spacing)
    plane = estimate_mid_plane(hu_DHW, head_DHW, brain_mask(hu_DHW, spacing, head_DHW), spacing)
    index_DHW = np.stack(np.nonzero(case.brain.array_DHW))[:, ::7]
    mirrored_DHW = plane.reflect(index_DHW * np.reshape(spacing, (3, 1))) / np.reshape(spacing, (3, 1))
    found, start = (
        case.ct.affine @ np.vstack([points[::-1], np.ones(points.shape[1])]) for points in (mirrored_DHW, index_DHW)
    )
    true = case.head_to_ct @ np.diag([-1.0, 1.0, 1.0, 1.0]) @ np.linalg.inv(case.head_to_ct) @ start
    return float(np.linalg.norm((found - true)[:3], axis=0).mean())


def errors_in_poses_mm(index: int, size: str, num_poses: int) -> list[float]:
    """Errors for one phantom in poses drawn within 15 degrees in plane, 8 degrees roll and 12 mm off centre."""
    rng = np.random.default_rng(index)
    variant = PhantomVariant(craniotomy=index % 4 == 3)
    model = make_model(index, size=size, seed=5, with_ivh=index % 2 == 0, with_cta=False, variant=variant)
    errors = []
    for _ in range(num_poses):
        distance_mm, angle = 12.0 * np.sqrt(rng.uniform()), rng.uniform(0.0, 2.0 * np.pi)
        pose = PhantomPose(
            rotation_deg=float(rng.uniform(-15.0, 15.0)),
            roll_deg=float(rng.uniform(-8.0, 8.0)),
            offset_mm=(float(distance_mm * np.cos(angle)), float(distance_mm * np.sin(angle)), 0.0),
        )
        errors.append(error_mm(scan_model(model, pose)))
    return errors


def test_the_mirror_of_a_phantom_is_right_within_a_millimetre() -> None:
    assert max(errors_in_poses_mm(2, "small", 2)) <= 1.0


# The midline is shifted by 7 mm in case 2, by 8 mm in case 29 and by 4 mm in case 31; every second case has IVH. The
# limit that 95% of the poses have to keep is kept by all.
@pytest.mark.slow
@pytest.mark.parametrize("size", ["small", "paper"])
@pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 28, 29, 31])
def test_the_mirror_is_right_within_a_millimetre_in_forty_poses(index: int, size: str) -> None:
    assert max(errors_in_poses_mm(index, size, 5)) <= 1.0


@pytest.mark.slow
@pytest.mark.realdata
def test_real_brains_lie_on_their_mirror_images(real_data: Path) -> None:
    turns_deg = {}
    for case in read_manifest(real_data / "phe_sich8"):
        raw = read_case(case)
        hu_DHW, spacing = raw.ct.array_DHW.astype(np.float32), raw.ct.spacing_DHW_mm
        head_DHW = head_mask(hu_DHW, spacing)
        brain_DHW = brain_mask(hu_DHW, spacing, head_DHW)
        plane = estimate_mid_plane(hu_DHW, head_DHW, brain_DHW, spacing)
        turns_deg[case.case_id] = np.degrees(np.arctan2(plane.normal_DHW[1], plane.normal_DHW[2]))
        mirrored_DHW = reflect_image(brain_DHW.astype(np.float32), plane, spacing, fill=0.0) > 0.5
        overlap = dice(mirrored_DHW, brain_DHW)
        assert overlap is not None
        assert overlap > 0.93  # brains are that symmetric, but for their lower end where the scan cuts them askew
    assert turns_deg["sub-0021"] == pytest.approx(37.0, abs=2.0)  # by eye, along the falx
    assert turns_deg["sub-0068"] == pytest.approx(-27.0, abs=2.0)
    assert turns_deg["sub-0088"] == pytest.approx(4.0, abs=2.0)
