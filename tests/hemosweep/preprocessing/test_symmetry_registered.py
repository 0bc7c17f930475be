"""The mirror by registration, against the phantom's true mid-sagittal plane."""

import numpy as np
import pytest

from hemosweep.data.nifti import Volume, read_volume
from hemosweep.errors import BadInput
from hemosweep.phantom.case import PhantomPose, has_ivh, make_phantom, scan_model
from hemosweep.phantom.model import make_model
from hemosweep.phantom.variant import PhantomVariant
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.preprocessing.head import head_mask
from hemosweep.preprocessing.symmetry.registered import mirror_by_registration, mirror_transform


def prepared(case):
    hu_DHW = case.ct.array_DHW.astype(np.float32)
    return hu_DHW, head_mask(hu_DHW, case.ct.spacing_DHW_mm), case.brain.array_DHW.astype(bool), case.ct.spacing_DHW_mm


def error_mm(case, to_source):
    """Mean distance in the brain between where the transform and the true mirror send a voxel."""
    spacing = case.ct.spacing_DHW_mm[::-1]
    index_to_world = case.ct.affine @ np.diag([*(1 / np.asarray(spacing)), 1.0])
    ours = index_to_world @ to_source @ np.linalg.inv(index_to_world)
    truth = case.head_to_ct @ np.diag([-1.0, 1.0, 1.0, 1.0]) @ np.linalg.inv(case.head_to_ct)
    d, h, w = np.nonzero(case.brain.array_DHW)
    points = case.ct.affine @ np.stack([w, h, d, np.ones_like(d)])
    return float(np.linalg.norm(((ours - truth) @ points)[:3], axis=0).mean())


@pytest.mark.parametrize(
    ("rotation_deg", "roll_deg", "offset_mm"),
    [(15.0, 8.0, (12.0, -12.0, 0.0)), (-15.0, -8.0, (-12.0, 5.0, 0.0)), (30.0, 12.0, (5.0, 5.0, 0.0))],
)
def test_a_turned_and_rolled_head_is_mirrored_within_a_millimetre(rotation_deg, roll_deg, offset_mm):
    pose = PhantomPose(rotation_deg=rotation_deg, roll_deg=roll_deg, offset_mm=offset_mm)
    case = make_phantom(1, size="small", seed=11, cta_share=0.0, pose=pose)
    assert error_mm(case, mirror_transform(*prepared(case))) <= 1.0


def test_ventricular_blood_does_not_move_the_mirror(phantoms):
    case = phantoms[2]
    assert case.ivh is not None
    assert error_mm(case, mirror_transform(*prepared(case))) <= 1.0


def test_a_windowed_export_is_mirrored_too(phantoms):
    _, head_DHW, brain_DHW, spacing_DHW_mm = prepared(phantoms[1])
    hu_DHW = phantoms[1].ct.array_DHW.clip(-20, 100).astype(np.float32)
    assert error_mm(phantoms[1], mirror_transform(hu_DHW, head_DHW, brain_DHW, spacing_DHW_mm)) <= 1.0


def test_the_lesion_appears_on_the_other_side_and_the_outside_is_filled(phantoms):
    case = phantoms[0]
    hu_DHW, head_DHW, brain_DHW, spacing_DHW_mm = prepared(case)
    lesion_DHW = case.lesion.array_DHW.astype(np.float32)
    mirrored_DHW = mirror_by_registration(lesion_DHW, hu_DHW, head_DHW, brain_DHW, spacing_DHW_mm, fill=-1.0)
    assert mirrored_DHW.dtype == np.float32
    assert mirrored_DHW.shape == lesion_DHW.shape
    volume_ratio = mirrored_DHW.clip(0.0, 1.0).sum() / lesion_DHW.sum()
    assert 0.95 < volume_ratio < 1.05
    assert (mirrored_DHW == -1.0).any()  # the corners' mirror images lie outside the scan
    to_head = np.linalg.inv(case.head_to_ct) @ case.ct.affine

    def side_mm(values_DHW):
        d, h, w = np.nonzero(values_DHW > 0.5)
        return float((to_head @ np.stack([w, h, d, np.ones_like(d)]))[0].mean())

    assert side_mm(mirrored_DHW) == pytest.approx(-side_mm(lesion_DHW), abs=1.5)


def test_a_head_that_is_no_head_is_refused():
    hu_DHW = np.random.default_rng(0).normal(30.0, 100.0, (20, 60, 60)).astype(np.float32)
    everything_DHW = np.ones(hu_DHW.shape, dtype=bool)
    with pytest.raises(BadInput, match="cannot be laid on its mirror image"):
        mirror_transform(hu_DHW, everything_DHW, everything_DHW, (5.0, 3.0, 3.0))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_forty_poses_are_mirrored_within_a_millimetre():
    """Issue 3: at most 1.0 mm in 95% of 40 poses; eight heads with IVH or a midline shift of up to 8 mm."""
    rng = np.random.default_rng(40)
    errors_mm, shifts_mm = [], []
    for index in (0, 4, 28, 39, 44, 47, 49, 66):
        with_ivh = has_ivh(index, 1 / 3)
        model = make_model(
            index, size="paper", seed=3, with_ivh=with_ivh, with_cta=False, variant=PhantomVariant(holder_gap_mm=2.0)
        )
        for _ in range(5):
            x_mm, y_mm = rng.uniform(-12.0, 12.0, 2)
            pose = PhantomPose(
                rotation_deg=rng.uniform(-15.0, 15.0), roll_deg=rng.uniform(-8.0, 8.0), offset_mm=(x_mm, y_mm, 0.0)
            )
            case = scan_model(model, pose)
            errors_mm.append(error_mm(case, mirror_transform(*prepared(case))))
            shifts_mm.append(abs(case.pose.midline_shift_mm))
    assert max(shifts_mm) > 7.5
    assert np.quantile(errors_mm, 0.95) <= 1.0, sorted(errors_mm)


@pytest.mark.slow
@pytest.mark.realdata
def test_public_scans_resemble_their_mirror_images(real_data):
    """Eight windowed exports, turned by up to 30 degrees: brain and mirrored brain overlap."""
    paths = sorted((real_data / "phe_sich8").glob("sub-*/ct/*_ct.nii.gz"))
    assert paths
    for path in paths:
        volume: Volume = read_volume(path)
        hu_DHW, spacing_DHW_mm = volume.array_DHW.astype(np.float32), volume.spacing_DHW_mm
        head_DHW = head_mask(hu_DHW, spacing_DHW_mm)
        brain_DHW = brain_mask(hu_DHW, spacing_DHW_mm, head_DHW)
        mirrored_DHW = mirror_by_registration(
            brain_DHW.astype(np.float32), hu_DHW, head_DHW, brain_DHW, spacing_DHW_mm, fill=0.0
        )
        overlap = 2.0 * (mirrored_DHW[brain_DHW] > 0.5).sum() / ((mirrored_DHW > 0.5).sum() + brain_DHW.sum())
        assert overlap > 0.9, path.name
