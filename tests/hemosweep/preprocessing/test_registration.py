"""Rigid registration: known transforms, odd grids, and the same bytes on any number of processors."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hemosweep.data.nifti import Volume
from hemosweep.preprocessing.registration import register_rigid, resample, shrink, turned_starts


def rigid(angles_deg, shift_mm):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


def mean_distance_mm(first, second, mask_DHW, affine):
    d, h, w = np.nonzero(mask_DHW)
    points = affine @ np.stack([w, h, d, np.ones_like(d)])
    return np.linalg.norm(((first - second) @ points)[:3], axis=0).mean()


@pytest.fixture(scope="module")
def head(phantoms):
    ct = phantoms[0].ct
    volume = Volume(array_DHW=ct.array_DHW.astype(np.float32), affine=ct.affine)
    return volume, phantoms[0].brain.array_DHW.astype(bool)


def test_shrinking_averages_blocks_and_keeps_their_places():
    affine = np.array([[2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 5, 30], [0, 0, 0, 1]])
    small = shrink(Volume(array_DHW=np.arange(2 * 2 * 5).reshape(2, 2, 5), affine=affine), (2, 1, 2))
    # The fifth column fills no block. First block: voxels 0, 1 and, one slice up, 10, 11.
    np.testing.assert_array_equal(small.array_DHW, [[[5.5, 7.5], [10.5, 12.5]]])
    np.testing.assert_array_equal(small.affine, [[4, 0, 0, 11], [0, 3, 0, 20], [0, 0, 10, 32.5], [0, 0, 0, 1]])


def test_turned_starts_leave_the_centre_in_place():
    centre = np.array([10.0, -20.0, 30.0])
    start = rigid((0, 0, 0), (1.0, 2.0, 3.0))
    starts = turned_starts(start, centre, ((0.0,), (-10.0, 10.0), (-20.0, 0.0, 20.0)))
    assert len(starts) == 6
    for matrix in starts:
        np.testing.assert_allclose(matrix @ [*centre, 1.0], [11.0, -18.0, 33.0, 1.0])


def test_resampling_moves_by_the_transform_and_fills_outside():
    volume = Volume(array_DHW=np.array([[[1.0, 2.0, 4.0]]], dtype=np.float32), affine=np.diag([2.0, 1.0, 1.0, 1.0]))
    moved_DHW = resample(volume, (1, 1, 3), volume.affine, rigid((0, 0, 0), (0.5, 0, 0)), fill=-7.0)
    np.testing.assert_allclose(moved_DHW, [[[1.25, 2.5, 4.0]]])  # the last still lies in the last voxel
    moved_DHW = resample(volume, (1, 1, 3), volume.affine, rigid((0, 0, 0), (4.0, 0, 0)), fill=-7.0)
    np.testing.assert_allclose(moved_DHW, [[[4.0, -7.0, -7.0]]])


def test_resampling_may_mirror():
    volume = Volume(array_DHW=np.array([[[1.0, 2.0, 4.0]]], dtype=np.float32), affine=np.eye(4))
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    mirror[0, 3] = 2.0
    np.testing.assert_allclose(resample(volume, (1, 1, 3), np.eye(4), mirror, fill=0.0), [[[4.0, 2.0, 1.0]]])


@pytest.mark.parametrize("angles_deg", [(0.0, 0.0, 0.0), (6.0, -5.0, 8.0)])
def test_a_known_move_is_recovered(head, angles_deg):
    fixed, brain_DHW = head
    truth = rigid(angles_deg, (5.0, -7.0, 4.0))
    moving_DHW = resample(fixed, fixed.array_DHW.shape, fixed.affine, np.linalg.inv(truth), fill=-1000.0)
    found = register_rigid(fixed, Volume(array_DHW=moving_DHW, affine=fixed.affine), brain_DHW, [np.eye(4)])
    assert mean_distance_mm(found.to_moving, truth, brain_DHW, fixed.affine) < 0.5
    assert found.correlation > 0.9


def test_an_oblique_grid_elsewhere_changes_nothing(head):
    """The same volume under another affine: the transform found is the way from one world to the other."""
    fixed, brain_DHW = head
    elsewhere = rigid((10.0, -5.0, 20.0), (300.0, -200.0, 900.0))
    moving = Volume(array_DHW=fixed.array_DHW, affine=elsewhere @ fixed.affine)
    start = elsewhere @ rigid((0, 0, 0), (8.0, 8.0, 4.0))
    found = register_rigid(fixed, moving, brain_DHW, [start])
    assert mean_distance_mm(found.to_moving, elsewhere, brain_DHW, fixed.affine) < 0.2


def test_a_windowed_export_registers_to_a_full_range_ct(head):
    fixed, brain_DHW = head
    windowed = Volume(array_DHW=fixed.array_DHW.clip(-20.0, 100.0), affine=fixed.affine)
    for pair in ((fixed, windowed), (windowed, fixed)):
        found = register_rigid(*pair, brain_DHW, [rigid((0, 0, 5.0), (6.0, 4.0, 3.0))])
        assert mean_distance_mm(found.to_moving, np.eye(4), brain_DHW, fixed.affine) < 0.2


def test_the_best_of_many_starts_is_refined(head):
    fixed, brain_DHW = head
    starts = [rigid((0, 0, turn), (0, 0, 0)) for turn in (180.0, 90.0, -90.0, 5.0)]
    found = register_rigid(fixed, fixed, brain_DHW, starts)
    assert mean_distance_mm(found.to_moving, np.eye(4), brain_DHW, fixed.affine) < 0.2


def test_what_does_not_overlap_scores_zero_in_silence(head, capfd):
    fixed, brain_DHW = head
    found = register_rigid(fixed, fixed, brain_DHW, [rigid((0, 0, 0), (5000.0, 0, 0))])
    assert (found.correlation, found.covered, found.score) == (0.0, 0.0, 0.0)
    assert capfd.readouterr() == ("", "")


_ON_PROCESSORS = """
import hashlib, os, sys
if sys.argv[1] != "all":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import numpy as np
from hemosweep.data.nifti import Volume
from hemosweep.preprocessing.registration import register_rigid, resample
with np.load(sys.argv[2]) as file:
    fixed = Volume(array_DHW=file["ct"], affine=file["affine"])
    start = np.eye(4)
    start[0, 3] = 6.0
    moving = Volume(array_DHW=file["other"], affine=file["affine"])
    found = register_rigid(fixed, moving, file["brain"], [start, np.eye(4)])
moved_DHW = resample(moving, fixed.array_DHW.shape, fixed.affine, found.to_moving, fill=-1024.0)
print(hashlib.sha256(found.to_moving.tobytes() + moved_DHW.tobytes()).hexdigest(), found.correlation)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_the_result_is_the_same_to_the_byte_on_any_number_of_processors(phantoms, tmp_path):
    fixed, other = phantoms[0], phantoms[1]
    path = tmp_path / "heads.npz"
    np.savez(
        path,
        ct=fixed.ct.array_DHW.astype(np.float32),
        other=other.ct.array_DHW.astype(np.float32),
        brain=fixed.brain.array_DHW.astype(bool),
        affine=fixed.ct.affine,
    )

    def digest(processors, **environment):
        command = [sys.executable, "-c", _ON_PROCESSORS, processors, str(path)]
        python_path = os.pathsep.join(sys.path)
        environment = {**os.environ, "PYTHONPATH": python_path, **environment}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert len(done.stdout.split()[0]) == len(hashlib.sha256().hexdigest())
        return done.stdout

    assert digest("one") == digest("all", ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS="5")
